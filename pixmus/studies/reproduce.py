"""The examples made again and compared with what is stored: `pixmus reproduce [NAMES...]`.

An example is a clip and a file of settings, `examples/NAME.json`; its output is in
`examples/outputs/NAME/`. Everything is made anew from clip and settings: the stored score and cue
sheet are read only to compare with. `--write` stores what was made instead of comparing.

Notes: the share of notes that agree in part, onset (in ticks) and pitch is given as F1, as
`mir_eval.transcription` does without offsets. Notes that agree so but differ in length or velocity
are listed as differing too. Where no note differs and the tempo maps are the same, the score is
identical. Sound is compared where synth, SoundFont and notes are the same: by the mean difference
of the levels of bands of the spectrum, both sounds decoded from their mp4. Times are seconds.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pixmus.choice import Step
from pixmus.choices import choices_of
from pixmus.cues.direction import Direction
from pixmus.errors import PixMusError
from pixmus.files import new_folder, shipped
from pixmus.picture.sound import read_audio
from pixmus.picture.video import probe
from pixmus.score.midi import read_midi
from pixmus.score.notes import Score
from pixmus.score.tempo import TempoMap
from pixmus.studies.runner import Result, Run, Study
from pixmus.take.exports import stored_exports
from pixmus.take.pipeline import PixMusPipeline
from pixmus.take.soundtrack import Soundtrack
from pixmus.waveform import SAMPLE_RATE

EXAMPLES = shipped("examples")
OUTPUTS = "outputs"
SETTINGS = (
    "direction",
    *(c.name for c in choices_of(Step.WISH, Step.COMPOSE, Step.WATCH, Step.MIX)),
)
LOWEST_F1 = 0.99
LARGEST_BEAT_SHIFT_S = 0.020  # half of what an onset may be away from its cut
# FluidSynth's voices do not interfere alike from call to call: samples differ by as much as -13 dB
# of the music, bands of the spectrum by 0 to 1.5 dB (measured on the four). A part that is missing
# makes 1.3 to 8 dB, one of eight notes 0.7, so this finds a broken render, not a small change.
WINDOW, HOP, NUM_BANDS = 4096, 1024, 32  # samples, samples, from 50 Hz to 16 kHz
QUIETEST_DB = -50.0  # below the loudest; AAC's noise lies lower
LARGEST_DIFFERENCE_DB = 2.0
MOST_LISTED = 12


@dataclass(frozen=True)
class Example:
    """A clip and the settings with which its output is made."""

    name: str
    clip: Path
    settings: Mapping[str, Any]

    @classmethod
    def load(cls, path: Path) -> Example:
        """The example that a JSON file describes: `clip`, beside it, and `settings`."""
        try:
            facts = json.loads(path.read_text())
        except FileNotFoundError:
            there = ", ".join(sorted(other.stem for other in path.parent.glob("*.json")))
            raise PixMusError(
                f"There is no example {path.stem} in {path.parent}; there are: {there or 'none'}."
            ) from None
        except ValueError as error:
            raise PixMusError(f"{path} is not JSON ({error}); mend it there.") from error
        try:
            clip, settings = path.parent / facts["clip"], dict(facts["settings"])
        except (KeyError, TypeError, ValueError):
            raise PixMusError(
                f"{path} does not say `clip` and `settings`; write both into it."
            ) from None
        direction = settings.get("direction", {})
        known = {field.name for field in fields(Direction)}
        wrong = sorted({*settings} - {*SETTINGS}) + sorted({*direction} - known)
        if wrong or not isinstance(settings.get("seed"), int):
            told = f"has the unknown setting {wrong[0]!r}" if wrong else "names no seed"
            raise PixMusError(f"{path} {told}; an example may set {', '.join(SETTINGS)}.")
        return cls(path.stem, clip, settings)

    def make(self, pipe: PixMusPipeline) -> Soundtrack:
        """The take, from clip and settings alone."""
        direction = Direction(**self.settings.get("direction", {}))
        return pipe(self.clip, **{**self.settings, "direction": direction})


@dataclass(frozen=True)
class ScoreDifference:
    """How an estimated score differs from the reference."""

    f1: float
    missing: tuple[str, ...]  # notes of the reference, in words
    added: tuple[str, ...]  # notes of the estimate
    changed: tuple[str, ...]  # struck alike, of another length or velocity
    beat_shift: float  # seconds: the largest difference between the times of a beat

    @property
    def num_differing(self) -> int:
        return len(self.missing) + len(self.added) + len(self.changed)

    @property
    def is_identical(self) -> bool:
        return self.num_differing == 0 and self.beat_shift == 0.0

    @property
    def is_alike(self) -> bool:
        return self.f1 >= LOWEST_F1 and self.beat_shift <= LARGEST_BEAT_SHIFT_S

    def lines(self) -> list[str]:
        """The differing notes, one a line, the first of each kind."""
        told = []
        for kind, notes in (
            ("missing", self.missing),
            ("added", self.added),
            ("changed", self.changed),
        ):
            told += [f"{kind}: {note}" for note in notes[:MOST_LISTED]]
            if len(notes) > MOST_LISTED:
                told.append(f"{kind}: {len(notes) - MOST_LISTED} more")
        if self.beat_shift:
            told.append(f"beats lie up to {1000 * self.beat_shift:.2f} ms apart")
        return told


def compare_scores(reference: Score, estimate: Score) -> ScoreDifference:
    """What differs between two scores that were read from MIDI files."""
    struck = [_struck(score) for score in (reference, estimate)]
    counts = [Counter({key: len(notes) for key, notes in side.items()}) for side in struck]
    agreed = (counts[0] & counts[1]).total()
    total = counts[0].total() + counts[1].total()
    changed = []
    for key in sorted(struck[0].keys() & struck[1].keys()):
        for before, after in zip(struck[0][key], struck[1][key], strict=False):
            if before != after:
                told = _in_words(reference, key)
                changed.append(
                    f"{told}, from {before[0] / reference.ticks_per_beat:g} beats at velocity "
                    f"{before[1]} to {after[0] / estimate.ticks_per_beat:g} at {after[1]}"
                )
    return ScoreDifference(
        f1=2 * agreed / total if total else 1.0,
        missing=tuple(
            _in_words(reference, key) for key in sorted((counts[0] - counts[1]).elements())
        ),
        added=tuple(_in_words(estimate, key) for key in sorted((counts[1] - counts[0]).elements())),
        changed=tuple(changed),
        beat_shift=_beat_shift(reference.tempo_map, estimate.tempo_map),
    )


_Key = tuple[str, int, int]  # part, onset in ticks, pitch


def _struck(score: Score) -> dict[_Key, list[tuple[int, int]]]:
    """Length in ticks and velocity of the notes that start together on one pitch of a part."""

    def ticks(beats: float) -> int:
        return round(beats * score.ticks_per_beat)

    notes: dict[_Key, list[tuple[int, int]]] = {}
    for part, line in score.parts.items():
        for note in line:
            alike = notes.setdefault((part, ticks(note.onset), note.pitch), [])
            alike.append((ticks(note.duration), note.velocity))
    return {key: sorted(alike) for key, alike in notes.items()}


def _in_words(score: Score, key: _Key) -> str:
    part, tick, pitch = key
    beat = tick / score.ticks_per_beat
    seconds = float(score.tempo_map.to_seconds(beat))
    return f"{part}, pitch {pitch} on beat {beat:g} at {seconds:.3f} s"


def _beat_shift(reference: TempoMap, estimate: TempoMap) -> float:
    first, second = np.asarray(reference.beat_times), np.asarray(estimate.beat_times)
    if len(first) != len(second):
        return float("inf")
    return float(np.abs(first - second).max(initial=0.0))


def difference_db(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Mean difference in level over bands and windows of two waveforms (channels, samples), in dB.

    0 where they are equal, inf where they are not equally long; what is quieter than `QUIETEST_DB`
    below the loudest band of the reference counts as that quiet.
    """
    if reference.shape != estimate.shape:
        return float("inf")
    first, second = _band_levels(reference), _band_levels(estimate)
    floor = first.max() + QUIETEST_DB
    heard = np.maximum(first, second) > floor
    apart = np.abs(np.maximum(first, floor) - np.maximum(second, floor))
    return float(apart[heard].mean()) if heard.any() else 0.0


def _band_levels(waveform: np.ndarray) -> np.ndarray:
    """Levels in dB, (windows, bands)."""
    mono = np.pad(waveform.mean(0), (0, WINDOW))
    windows = np.lib.stride_tricks.sliding_window_view(mono, WINDOW)[::HOP]
    power = np.abs(np.fft.rfft(windows * np.hanning(WINDOW))) ** 2
    edges = np.geomspace(50, 16000, NUM_BANDS + 1) * WINDOW / SAMPLE_RATE
    starts = np.unique(edges.round().astype(int))
    return 10 * np.log10(np.add.reduceat(power, starts[:-1], axis=1) + 1e-9)


@dataclass(frozen=True)
class Outcome:
    """One example, stored and made again."""

    name: str
    num_notes: int
    score: ScoreDifference
    cue_sheet_is_equal: bool
    sound_db: float | None  # None where synth, SoundFont or notes differ

    @property
    def sound_is_alike(self) -> bool:
        return self.sound_db is None or self.sound_db <= LARGEST_DIFFERENCE_DB

    def passes(self, identical: bool) -> bool:
        notes = self.score.is_identical if identical else self.score.is_alike
        return notes and self.sound_is_alike


def compare(stored: Path, made: Path, name: str) -> Outcome:
    """Two folders of one example's output, the stored one first."""
    missing = [file for file in stored_exports() if not (stored / file).is_file()]
    if missing:
        raise PixMusError(
            f"{stored} holds no {missing[0]}; store the outputs with `pixmus reproduce --write`."
        )
    reference, estimate = read_midi(stored / "score.mid"), read_midi(made / "score.mid")
    difference = compare_scores(reference, estimate)
    takes = [json.loads((folder / "take.json").read_text()) for folder in (stored, made)]
    players = [(take["settings"]["synth"], take["sha256"]["font"]) for take in takes]
    sound_db = None
    if players[0] == players[1] and difference.is_identical:
        sounds = [read_audio(probe(folder / "scored.mp4")) for folder in (stored, made)]
        if sounds[0] is not None and sounds[1] is not None:
            sound_db = difference_db(sounds[0], sounds[1])
    sheets = [json.loads((folder / "cues.json").read_text()) for folder in (stored, made)]
    return Outcome(
        name,
        sum(map(len, reference.parts.values())),
        difference,
        sheets[0] == sheets[1],
        sound_db,
    )


def examples_of(folder: Path, names: Sequence[str]) -> list[Example]:
    """The examples named, else all of a folder."""
    chosen = list(names) or sorted(path.stem for path in folder.glob("*.json"))
    if not chosen:
        raise PixMusError(f"There are no examples in {folder}; name their folder with --examples.")
    return [Example.load(folder / f"{name}.json") for name in chosen]


def store(made: Path, folder: Path) -> None:
    """Put what is kept of a bundle into `folder`, in place of what was there."""
    folder.parent.mkdir(exist_ok=True)
    with new_folder(folder, overwrite=True) as place:
        for file in stored_exports():
            if file.endswith(".png"):  # a palette is a fifth of the size, and looks the same
                with Image.open(made / file) as picture:
                    palette = picture.convert("RGB").quantize(256, Image.Quantize.FASTOCTREE)
                palette.save(place / file, optimize=True)
            else:
                shutil.copyfile(made / file, place / file)


def told(outcome: Outcome, identical: bool) -> Result:
    """One example as the table tells it."""
    score = outcome.score
    return {
        "name": outcome.name,
        "notes": outcome.num_notes,
        "differing": score.num_differing,
        "f1": score.f1,
        "identical": score.is_identical,
        "alike": score.is_alike,
        "cue sheet is equal": outcome.cue_sheet_is_equal,
        "sound, dB": outcome.sound_db,
        "passes": outcome.passes(identical),
        "lines": score.lines(),
    }


def measure(run: Run) -> Result:
    """Make examples again and compare or store them."""
    asked = run.arguments
    examples = examples_of(asked.examples, asked.names)
    pipe = PixMusPipeline.from_pretrained(asked.model)
    outcomes: list[Result] = []
    written: list[str] = []
    for example in examples:
        stored = asked.examples / OUTPUTS / example.name
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / example.name
            example.make(pipe).save(made)
            if asked.write:
                store(made, stored)
                written.append(str(stored))
            else:
                outcomes.append(told(compare(stored, made, example.name), asked.identical))
    return {"examples": outcomes, "stored": written}


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the study may be told."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="examples; else all of them")
    parser.add_argument("--examples", type=Path, default=EXAMPLES, metavar="DIR")
    parser.add_argument("--model", metavar="DIR", help="else the model that came along")
    parser.add_argument(
        "--identical",
        action="store_true",
        help=f"no note may differ, as on the machine that stored them; else F1 {LOWEST_F1} is "
        "enough",
    )
    parser.add_argument("--write", action="store_true", help="store the outputs anew")


STUDY = Study(
    "reproduce",
    "The examples made again and compared with what is stored.",
    measure,
    arguments,
    out=None,
    passes=lambda result: all(example["passes"] for example in result["examples"]),
)
