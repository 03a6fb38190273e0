"""What programs call: the functions /soundtrack, /spot and /compose of the page's API.

Each takes a file and every choice of its steps; names, kinds, defaults and descriptions (the MCP
tools' too) come from the list of choices. Errors become one sentence.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pixmus.choice import Choice, Step
from pixmus.choices import (
    ENERGY,
    ENSEMBLE,
    GUIDANCE,
    INFERENCE_STEPS,
    KEY,
    ORIGINAL_AUDIO,
    PLAYING,
    RENDERER,
    RENDERER_PROMPT,
    RENDERER_STRENGTH,
    SEED,
    STILL_DURATION,
    STYLE,
    TEMPO,
    TEXT,
    VALENCE,
    choices_of,
)
from pixmus.cues.sheet import CueSheet
from pixmus.doors.page.commission import Commission
from pixmus.doors.page.gradio_base import gr
from pixmus.doors.page.jobs import Progress, reported
from pixmus.doors.page.presence import CALLER
from pixmus.doors.page.showing import in_visitors_words
from pixmus.doors.page.studio import Studio
from pixmus.doors.page.takes import Take, ranked
from pixmus.doors.page.visits import Check, Visit, Visits
from pixmus.errors import PixMusError
from pixmus.score.midi import write_midi
from pixmus.sound.programs import programs_of
from pixmus.waveform import write_wav

KINDS = {float: float | None, int: int | None, bool: bool, str: str | None, tuple: list[str] | None}

CUTS_TOLD = "A file with an editor's cuts and markers: EDL, OTIO, Final Cut XML, CSV or MIDI."
PLAYERS = (TEMPO, KEY, STYLE, ENSEMBLE)
# A program may give its arguments by place: those of version 0.1 keep theirs, newer ones follow.
FIRST: dict[str, tuple[Choice, ...]] = {
    "soundtrack": (
        *(TEXT, SEED, INFERENCE_STEPS, GUIDANCE, *PLAYERS, PLAYING),
        *(VALENCE, ENERGY, ORIGINAL_AUDIO, STILL_DURATION),
    ),
    "spot": (TEXT, *PLAYERS, STILL_DURATION),
    "compose": (SEED, INFERENCE_STEPS, GUIDANCE),
}


def choices_by_function() -> dict[str, list[Choice]]:
    """The choices that each function takes, in order."""
    spotting = (Step.TRIM, Step.WATCH, Step.WISH, Step.SPOT)
    taken = {
        "soundtrack": choices_of(*spotting, Step.COMPOSE, Step.MIX, Step.TAKES),
        "spot": choices_of(*spotting),
        "compose": [*choices_of(Step.COMPOSE), RENDERER, RENDERER_STRENGTH, RENDERER_PROMPT],
    }
    return {
        name: [
            *FIRST[name],
            *(c for c in choices if c not in FIRST[name] and not c.is_local),
        ]
        for name, choices in taken.items()
    }


class Endpoints:
    """The functions behind the API, for one studio and its visits."""

    def __init__(self, studio: Studio, visits: Visits) -> None:
        self.studio = studio
        self.visits = visits

    @contextmanager
    def _at_work(self, request: gr.Request | None) -> Iterator[tuple[Visit, Check]]:
        """Work begun for whoever asks, beside other work of the same program.

        All MCP tools are called in one session of Gradio's: each call of them has its own visit.
        """
        session = None
        if request is not None:
            session = request.headers.get(CALLER) or request.session_hash
        visit, check = self.visits.begin(session, beside=True)
        try:
            yield visit, check
        finally:
            visit.finish(check)

    def function(self, name: str) -> Callable[..., Any]:
        """The method of that name with an argument for each choice in the place of `asked`."""
        return _with_choices(getattr(self, name), choices_by_function()[name])

    def soundtrack(
        self,
        clip: str,
        asked: dict[str, Any],
        cuts: str | None = None,
        request: gr.Request | None = None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> tuple[str, str, str, str, dict[str, Any]]:
        """Compose a soundtrack for a video or a still image.

        Args:
            clip: A video file, or a still image.

        Returns:
            The scored video, its MIDI file, its cue sheet (JSON), everything in one zip, and facts
            such as the seed and the cuts met; of several takes those of the best.
        """
        with in_visitors_words():
            commission = Commission.read(asked)
            path, listed = _path(clip), Path(cuts) if cuts else None
            made: list[Take] = []
            with self._at_work(request) as (visit, check):
                for event in reported(
                    lambda report: self.studio.soundtracks(
                        visit, path, commission, report, check, cuts=listed
                    )
                ):
                    if isinstance(event, Progress):
                        progress(event.share or 0.0, desc=event.detail or event.stage)
                    else:
                        made.append(event)
                return self._told(ranked(made)[0])

    @staticmethod
    def _told(take: Take) -> tuple[str, str, str, str, dict[str, Any]]:
        """What a program gets of a take."""
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
        asked: dict[str, Any],
        cuts: str | None = None,
        request: gr.Request | None = None,
    ) -> tuple[str, dict[str, str]]:
        """Write the cue sheet of a video or a still image: cuts, hit points, curves, key, tempo.

        Args:
            clip: A video file, or a still image.

        Returns:
            The cue sheet (JSON), and the reason for each choice.
        """
        with in_visitors_words():
            commission = Commission.read(asked)
            path, listed = _path(clip), Path(cuts) if cuts else None
            with self._at_work(request) as (visit, check):
                sheet = self.studio.spot(
                    visit, path, commission, lambda _: None, check, cuts=listed
                )
                written = visit.new_folder() / "cues.json"
                sheet.save(written)
                return str(written), dict(sheet.reasons)

    def compose(
        self, cue_sheet: str, asked: dict[str, Any], request: gr.Request | None = None
    ) -> tuple[str, str, int]:
        """Compose the score of a cue sheet and play it, without any video.

        Args:
            cue_sheet: A cue sheet as /spot writes it, edited or not (JSON).

        Returns:
            The score (MIDI), the music (WAV) and the seed.
        """
        with in_visitors_words():
            commission = Commission.read(asked)
            sheet = CueSheet.load(_path(cue_sheet))
            if sheet.duration > self.studio.longest_s + 0.5:
                raise PixMusError(
                    f"The cue sheet lasts {sheet.duration:.0f} s; give one of at most "
                    f"{self.studio.longest_s:.0f} s here."
                )
            with self._at_work(request) as (visit, check):
                score, music, used = self.studio.play(visit, sheet, commission, check)
                folder = visit.new_folder()
                write_midi(score, folder / "score.mid", programs_of(sheet.ensemble, score.parts))
                write_wav(folder / "music.wav", music)
                return str(folder / "score.mid"), str(folder / "music.wav"), used


def _path(file: str | None) -> Path:
    if not file:
        raise gr.Error("There is no file; give one.", print_exception=False)
    return Path(file)


def _with_choices(method: Callable[..., Any], choices: list[Choice]) -> Callable[..., Any]:
    """`method` as a function that takes the choices one by one, an empty one left to PixMus."""
    names = {choice.name for choice in choices}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(method, eval_str=True).parameters.values():
        if parameter.name == "asked":
            parameters += map(_parameter, choices)
        elif parameter.annotation == gr.Request | None:  # Gradio knows it without None alone
            parameters.append(parameter.replace(annotation=gr.Request))
        else:
            parameters.append(parameter)
    signature = inspect.Signature(parameters)

    def call(*values: Any, **named: Any) -> Any:
        given = signature.bind(*values, **named).arguments
        asked = {name: given.pop(name) for name in names & given.keys()}
        asked = {name: None if value in ("", []) else value for name, value in asked.items()}
        return method(asked=asked, **given)

    told = "\n".join(f"            {choice.name}: {choice.told(shared=True)}" for choice in choices)
    call.__name__ = method.__name__
    before, after = (method.__doc__ or "").split("\n\n        Returns:")
    if "cuts" in signature.parameters:
        told += f"\n            cuts: {CUTS_TOLD}"
    call.__doc__ = f"{before}\n{told}\n\n        Returns:{after}"
    call.__annotations__ = {p.name: p.annotation for p in parameters}
    call.__signature__ = signature  # type: ignore[attr-defined]
    return call


def _parameter(choice: Choice) -> inspect.Parameter:
    default = None if choice.kind is tuple else choice.default
    return inspect.Parameter(
        choice.name,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        default=default,
        annotation=KINDS[choice.kind],
    )
