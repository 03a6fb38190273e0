"""What programs call: the endpoints /soundtrack, /spot and /compose of the page's API.

They are methods with plain arguments, whose docstrings become the API's (and the MCP tools')
descriptions. Errors become one sentence.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from pixmus.cues.sheet import CueSheet
from pixmus.doors.page.commission import Commission
from pixmus.doors.page.showing import in_visitors_words
from pixmus.doors.page.studio import Progress, Studio, reported
from pixmus.doors.page.takes import Take
from pixmus.doors.page.visits import Visits
from pixmus.ensembles import PARTS
from pixmus.errors import PixMusError
from pixmus.score.notes import write_midi
from pixmus.sound.programs import programs_of
from pixmus.waveform import write_wav

Parts = list[str] | None


class Endpoints:
    """The functions behind the API, for one studio and its visits."""

    def __init__(self, studio: Studio, visits: Visits) -> None:
        self.studio = studio
        self.visits = visits

    def soundtrack(
        self,
        clip: str,
        text: str = "",
        seed: int | None = None,
        num_inference_steps: int = 20,
        guidance_scale: float = 2.0,
        tempo_bpm: float | None = None,
        key: str | None = None,
        style: str | None = None,
        ensemble: str | None = None,
        parts: Parts = None,
        valence: float | None = None,
        energy: float | None = None,
        original_audio: str | None = None,
        still_duration: float = 20.0,
        request: gr.Request = None,  # type: ignore[assignment]
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> tuple[str, str, str, str, dict[str, Any]]:
        """Compose a soundtrack for a video or a still image.

        Args:
            clip: A video file, or a still image.
            text: What is wanted, in words, such as "dark, not too fast, no drums".
            seed: The same seed gives the same music; empty for a new one.
            num_inference_steps: Inference steps of the diffusion model, 1 to 50.
            guidance_scale: How closely the music follows the picture; 1 is no guidance.
            tempo_bpm: Beats per minute, 40 to 240; empty to choose it from the cuts.
            key: A key such as "A minor"; empty to choose it from the picture.
            style: pop, song, quartet or game; empty to choose.
            ensemble: piano, strings, piano and strings, orchestra, band, ambient or music box.
            parts: The parts that may play; empty for all of the ensemble.
            valence: Mood from 0 (dark) to 1 (bright); empty to take it from the picture.
            energy: Mood from 0 (calm) to 1 (strong); empty to take it from the picture.
            original_audio: keep, duck or drop the clip's own sound; empty to duck where it has any.
            still_duration: Seconds that a still image stands for.

        Returns:
            The scored video, its MIDI file, its cue sheet (JSON), everything in one zip, and facts
            such as the seed and the cuts met.
        """
        visit = self.visits.of(request.session_hash if request else None)
        commission = _commission(
            text=text or "",
            seed=seed,
            num_inference_steps=num_inference_steps,
            guidance_scale=guidance_scale,
            tempo_bpm=tempo_bpm,
            key=key,
            style=style,
            ensemble=ensemble,
            parts=parts,
            valence=valence,
            energy=energy,
            original_audio=original_audio,
            still_duration=still_duration,
        )
        path = _path(clip)
        with in_visitors_words():
            take: Take | None = None
            for event in reported(
                lambda report: self.studio.soundtracks(visit, path, commission, report)
            ):
                if isinstance(event, Progress):
                    progress(event.share or 0.0, desc=event.detail or event.stage)
                else:
                    take = event
            assert take is not None
            files = take.quick_files()
            facts = {
                "seed": take.seed,
                "key": take.soundtrack.score.key,
                "ensemble": take.soundtrack.cue_sheet.ensemble,
                "style": take.soundtrack.cue_sheet.style,
                "cuts": str(take.cuts_met()),
                "outside_real_music": take.warnings(),
                "shell": take.shell_line,
            }
            outputs = (str(take.clip), str(files["midi"]), str(files["cues"]))
            return *outputs, str(take.zip_all()), facts

    def spot(
        self,
        clip: str,
        text: str = "",
        tempo_bpm: float | None = None,
        key: str | None = None,
        style: str | None = None,
        ensemble: str | None = None,
        still_duration: float = 20.0,
        request: gr.Request = None,  # type: ignore[assignment]
    ) -> tuple[str, dict[str, str]]:
        """Write the cue sheet of a video or a still image: cuts, hit points, curves, key, tempo.

        Args:
            clip: A video file, or a still image.
            text: What is wanted, in words, such as "dark, not too fast, no drums".
            tempo_bpm: Beats per minute, 40 to 240; empty to choose it from the cuts.
            key: A key such as "A minor"; empty to choose it from the picture.
            style: pop, song, quartet or game; empty to choose.
            ensemble: piano, strings, piano and strings, orchestra, band, ambient or music box.
            still_duration: Seconds that a still image stands for.

        Returns:
            The cue sheet (JSON), and the reason for each choice.
        """
        visit = self.visits.of(request.session_hash if request else None)
        commission = _commission(
            text=text or "",
            tempo_bpm=tempo_bpm,
            key=key,
            style=style,
            ensemble=ensemble,
            still_duration=still_duration,
        )
        with in_visitors_words():
            sheet = self.studio.spot(visit, _path(clip), commission, lambda _: None)
            path = visit.new_folder() / "cues.json"
            sheet.save(path)
            return str(path), dict(sheet.reasons)

    def compose(
        self,
        cue_sheet: str,
        seed: int | None = None,
        num_inference_steps: int = 20,
        guidance_scale: float = 2.0,
        request: gr.Request = None,  # type: ignore[assignment]
    ) -> tuple[str, str, int]:
        """Compose the score of a cue sheet and play it, without any video.

        Args:
            cue_sheet: A cue sheet as /spot writes it, edited or not (JSON).
            seed: The same seed gives the same music; empty for a new one.
            num_inference_steps: Inference steps of the diffusion model, 1 to 50.
            guidance_scale: How closely the music follows the cue sheet; 1 is no guidance.

        Returns:
            The score (MIDI), the music (WAV) and the seed.
        """
        visit = self.visits.of(request.session_hash if request else None)
        commission = _commission(
            seed=seed, num_inference_steps=num_inference_steps, guidance_scale=guidance_scale
        )
        with in_visitors_words():
            sheet = CueSheet.load(_path(cue_sheet))
            if sheet.duration > self.studio.longest_s + 0.5:
                raise PixMusError(
                    f"The cue sheet lasts {sheet.duration:.0f} s; give one of at most "
                    f"{self.studio.longest_s:.0f} s here."
                )
            score, music, used = self.studio.play(visit, sheet, commission)
            folder = visit.new_folder()
            write_midi(score, folder / "score.mid", programs_of(sheet.ensemble, score.parts))
            write_wav(folder / "music.wav", music)
            return str(folder / "score.mid"), str(folder / "music.wav"), used


def _path(file: str | None) -> Path:
    if not file:
        raise gr.Error("There is no file; give one.", print_exception=False)
    return Path(file)


def _commission(parts: Parts = None, **asked: Any) -> Commission:
    """The commission of an API call, in which an empty value leaves the choice to PixMus."""
    asked = {name: value for name, value in asked.items() if value not in (None, "")}
    for name in ("seed", "num_inference_steps"):
        if name in asked:
            asked[name] = int(asked[name])
    with in_visitors_words():
        return Commission(parts=tuple(parts) if parts else PARTS, **asked)
