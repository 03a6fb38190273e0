"""How well the music meets the cuts: strong onsets of the finished clip against every true cut.

    pixmus evaluate sync [--videos ../shared/data/video] [--model DIR] [--quick]

The music is decoded from the scored mp4, the clip's own sound left out. The truth is the montage's
plan, or what was marked by eye in a real clip: transitions that spotting overlooked count like all
others, dissolves and fades at their middle. With `--quick` six montages of 15 s, 8 steps.

What a strong onset is, `pixmus.check.onsets` says. Times are seconds.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pixmus.check.onsets import flux_peaks, hit_rate, strong_onsets
from pixmus.compose.accents import choose_accents
from pixmus.files import REPOSITORY
from pixmus.picture.sound import read_audio
from pixmus.picture.video import probe
from pixmus.score.spans import place_hits
from pixmus.studies.runner import VIDEOS, Result, Run, Study, check_folder
from pixmus.studies.sync_detector import check_detector
from pixmus.studies.sync_picture import plot
from pixmus.studies.sync_rates import (
    NUM_RESAMPLES,
    NUM_SHIFTS,
    TOLERANCES_S,
    Measured,
    offset_histogram,
    tabulate,
)
from pixmus.training.montages import Clip, is_tuned_on, load_clips, write_montage

if TYPE_CHECKING:  # torch and matplotlib are wanted only where something is made
    from pixmus.picture.footage import Footage
    from pixmus.take.pipeline import PixMusPipeline
    from pixmus.take.soundtrack import Soundtrack

MEAN_SHOTS_S = (1.5, 2.5, 4.0)
FRAME_RATES = (Fraction(24), Fraction(25), Fraction(30))
FIRST_SEED = 3000  # no montage of these seeds was looked at while anything was made
MONTAGE_S = 30.0
QUICK_MONTAGE_S, QUICK_STEPS = 15.0, 8

TRUTHS = REPOSITORY / "tests" / "data"
REAL_CLIPS = {
    "shared-assets__tears-of-steel-battle-clip-medium.webm": TRUTHS / "tears_of_steel_cuts.json",
    "samples__mixed-content.webm": TRUTHS / "mixed_content_cuts.json",
}


# ------------------------------------------------------------------------------------- One clip


@dataclass(frozen=True)
class Case:
    """A clip with its truth: a planned montage, or a real clip whose cuts were marked."""

    name: str
    row: str
    mean_shot: float = 0.0
    frame_rate: str = ""
    seed: int = 0
    duration: float = MONTAGE_S
    video: str = ""  # of a real clip
    truth: tuple[tuple[float, str], ...] = ()


def montage_cases(count: int, duration: float = MONTAGE_S) -> list[Case]:
    """`count` montages, mean shot lengths in turn."""
    cases = []
    for number in range(count):
        mean_shot = MEAN_SHOTS_S[number % len(MEAN_SHOTS_S)]
        rate = FRAME_RATES[number // len(MEAN_SHOTS_S) % len(FRAME_RATES)]
        row, seed = f"{mean_shot:g} s", FIRST_SEED + number
        cases.append(Case(f"montage-{seed}", row, mean_shot, str(rate), seed, duration))
    return cases


def real_cases(folder: Path) -> list[Case]:
    """The real clips whose cuts were marked by eye."""
    cases = []
    for name, truth_path in REAL_CLIPS.items():
        if (folder / name).is_file() and truth_path.is_file():
            marked = json.loads(truth_path.read_text(encoding="utf-8"))["transitions"]
            truth = tuple((float(t["time"]), str(t["kind"])) for t in marked)
            cases.append(Case(name, "real", video=str(folder / name), truth=truth))
    return cases


def score_and_listen(
    case: Case, pipe: PixMusPipeline, clips: Callable[[], Sequence[Clip]], num_steps: int
) -> Measured:
    """Score one clip with and without accents, and listen to both finished files."""
    from pixmus.picture.footage import watch

    with tempfile.TemporaryDirectory(prefix="pixmus-sync-") as place:
        path = Path(case.video)
        truth = list(case.truth)
        if not case.video:
            path = Path(place) / "clip.mp4"
            rate = Fraction(case.frame_rate)
            planned = write_montage(
                clips(), case.seed, case.mean_shot, rate, path, duration=case.duration
            )
            truth = [(t.time, t.kind) for t in planned]
        footage = watch(path)
        take, waveform = _listen(pipe, footage, Path(place), case.seed, num_steps, True)
        _, without = _listen(pipe, footage, Path(place), case.seed, num_steps, False)
    peaks, heights = flux_peaks(waveform)
    placed = place_hits(take.tempo_map, take.cue_sheet.hit_points)
    accented = set(take.accent_report.beats)
    return Measured(
        name=case.name,
        row=case.row,
        duration=footage.video.duration,
        frame=float(1 / footage.video.frame_rate),
        truth=truth,
        spotted=_rounded(footage.features.cuts),
        hit_points=_rounded(hit.time for hit in take.cue_sheet.hit_points),
        placed=_rounded(hit.time for hit in placed),
        chosen=_rounded(hit.time for hit in choose_accents(placed)),
        accented=_rounded(hit.time for hit in placed if hit.beat in accented),
        peaks=_rounded(peaks),
        onsets=_rounded(strong_onsets(peaks, heights)),
        log_onsets=_rounded(strong_onsets(*flux_peaks(waveform, logarithmic=True))),
        alone=_rounded(strong_onsets(*flux_peaks(without))),
        tempo_bpm=float(np.median(take.tempo_map.local_tempo_bpm)),
    )


def _listen(
    pipe: PixMusPipeline, footage: Footage, place: Path, seed: int, num_steps: int, accents: bool
) -> tuple[Soundtrack, np.ndarray]:
    """A take, and the sound of its finished clip, (channels, samples)."""
    take = pipe(
        footage,
        seed=seed,
        num_inference_steps=num_steps,
        accents=accents,
        original_audio="drop",
    )
    scored = place / "scored.mp4"
    take.write_video(scored, overwrite=True)
    waveform = read_audio(probe(scored))
    assert waveform is not None, scored
    return take, waveform


def _rounded(times: Any) -> list[float]:
    return [round(float(time), 5) for time in times]


# --------------------------------------------------------------------------------------- Running


def held_out_clips(folder: Path) -> list[Clip]:
    """The clips for montages that the detector of cuts was not tuned on."""
    with tempfile.TemporaryDirectory(prefix="pixmus-sync-") as place:
        for path in sorted(folder.iterdir()):
            if path.is_file() and not is_tuned_on(path.name):
                (Path(place) / path.name).symlink_to(path.absolute())
        return load_clips(place)


def measured_case(case: Case, pipe: PixMusPipeline, videos: Path, steps: int, run: Run) -> Measured:
    """A clip measured, or from the cache where the same code and model have met it before."""
    clip = Measured(
        **run.cached(
            case.name,
            [pipe.model_sha256, steps, asdict(case)],
            lambda: asdict(score_and_listen(case, pipe, lambda: held_out_clips(videos), steps)),
        )
    )
    rate, alone = (hit_rate(clip.times, on, TOLERANCES_S[0]) for on in (clip.onsets, clip.alone))
    run.tell(f"{clip.name}: {rate:.2f} of {len(clip.truth)} cuts met, {alone:.2f} without accents")
    return clip


def measure(run: Run) -> Result:
    """Montages and real clips, and the detector itself."""
    from pixmus.sound.soundfont import soundfont_renderer
    from pixmus.take.pipeline import PixMusPipeline

    asked, quick = run.arguments, run.arguments.quick
    check_folder(asked.videos)
    steps = QUICK_STEPS if quick else asked.steps
    seconds = QUICK_MONTAGE_S if quick else MONTAGE_S
    montages = montage_cases(min(6, asked.montages) if quick else asked.montages, seconds)
    real = real_cases(asked.videos)[-1 if quick else 0 :]
    pipe = PixMusPipeline.from_pretrained(asked.model)
    clips = [measured_case(case, pipe, asked.videos, steps, run) for case in montages + real]
    result: Result = short(
        {
            "settings": {
                "model": pipe.model_sha256,
                "renderer": str(soundfont_renderer()),
                "steps": steps,
                "resamples": NUM_RESAMPLES,
                "montage_s": seconds,
                "first_seed": FIRST_SEED,
                "shifts": NUM_SHIFTS,
                "real": [case.name for case in real],
            },
            **tabulate(clips),
            "offsets": offset_histogram(clips),
            "detector": check_detector(),
        }
    )
    return result


def short(value: Any) -> Any:
    """Numbers with four decimals, so that the file can be read."""
    if isinstance(value, dict):
        return {key: short(item) for key, item in value.items()}
    if isinstance(value, list):
        return [short(item) for item in value]
    return round(value, 4) if isinstance(value, float) else value


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the study may be told."""
    parser.add_argument("--videos", type=Path, default=VIDEOS, help="folder of the clips")
    parser.add_argument("--model", help="model folder; else the one that came along")
    parser.add_argument("--montages", type=int, default=30)
    parser.add_argument("--steps", type=int, default=20, help="inference steps")


STUDY = Study(
    "sync",
    "Strong onsets of the music against true cuts.",
    measure,
    arguments,
    pictures={"sync.png": plot},
    has_quick=True,
)
