"""Descriptors of single parts: how their notes lie in time, and how their lines move."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pixmus.check.descriptor import Descriptors
from pixmus.check.window import (
    FEWEST,
    PartNotes,
    Window,
    bars,
    entropy,
    mean,
    mean_of_some,
    neighbour_change,
)
from pixmus.ensembles import Part
from pixmus.score.grid import BEATS_PER_BAR, STEPS_PER_BAR, STEPS_PER_BEAT

RHYTHM = Descriptors(Part.MELODY, Part.HARMONY, Part.BASS)
INTERVALS = Descriptors(Part.MELODY, Part.BASS)
MELODY = Descriptors()
ACCOMPANIMENT = Descriptors()

LENGTH_CLASSES = {  # in steps, first and last
    "sixteenth": (1, 1),
    "eighth": (2, 3),
    "quarter": (4, 7),
    "half": (8, 15),
    "whole": (16, 10**6),
}


def _share_of_lengths(first: int, last: int) -> Callable[[PartNotes], float]:
    return lambda part: mean((part.lengths >= first) & (part.lengths <= last))


for _name, (_first, _last) in LENGTH_CLASSES.items():
    _steps = f"{_first} step" if _first == _last else f"{_first} to {_last} steps"
    _steps = f"{_first} steps or more" if _last > STEPS_PER_BAR else _steps
    RHYTHM.add(
        f"length_{_name}",
        f"Share of the {{part}}'s notes that last {_steps}.",
        _share_of_lengths(_first, _last),
    )


@RHYTHM
def on_beat(part: PartNotes) -> float:
    """Share of the {part}'s struck steps that are a beat's first."""
    return mean(part.steps % STEPS_PER_BEAT == 0)


@RHYTHM
def off_eighth(part: PartNotes) -> float:
    """Share of the {part}'s struck steps half way between beats."""
    return mean(part.steps % STEPS_PER_BEAT == STEPS_PER_BEAT // 2)


@RHYTHM
def off_sixteenth(part: PartNotes) -> float:
    """Share of the {part}'s struck steps off the eighth grid."""
    return mean(part.steps % 2 == 1)


@RHYTHM
def density(part: PartNotes) -> float:
    """Struck steps of the {part}, a beat."""
    return len(part.steps) / len(part.onset) * STEPS_PER_BEAT if part.plays else np.nan


@RHYTHM
def interonset_entropy(part: PartNotes) -> float:
    """Entropy of the distances between the {part}'s struck steps, bits."""
    gaps = np.diff(part.steps)
    return entropy(np.bincount(gaps)) if len(gaps) else np.nan


@RHYTHM
def rhythm_change(part: PartNotes) -> float:
    """Share of a bar's 16 steps on which the {part} strikes in one of two neighbouring bars and not
    in the other, mean over neighbours."""
    return neighbour_change(part.struck)


@RHYTHM
def density_change(part: PartNotes) -> float:
    """Absolute difference of the {part}'s struck steps between neighbouring bars, mean, a beat."""
    return mean(np.abs(np.diff(part.per_bar))) / BEATS_PER_BAR if part.plays else np.nan


@RHYTHM
def pitch(part: PartNotes) -> float:
    """Mean pitch of the {part}'s notes, MIDI number."""
    return mean(part.notes[1])


@RHYTHM
def range_(part: PartNotes) -> float:
    """Highest minus lowest pitch of the {part}, semitones."""
    return float(np.ptp(part.notes[1])) if part.plays else np.nan


@INTERVALS
def repeated(part: PartNotes) -> float:
    """Share of the {part}'s intervals that are 0."""
    return mean_of_some(part.intervals == 0)


@INTERVALS
def steps(part: PartNotes) -> float:
    """Share of the {part}'s intervals of 1 or 2 semitones."""
    return _intervals_between(part, 1, 2)


@INTERVALS
def thirds(part: PartNotes) -> float:
    """Share of the {part}'s intervals of 3 or 4 semitones."""
    return _intervals_between(part, 3, 4)


@INTERVALS
def leaps(part: PartNotes) -> float:
    """Share of the {part}'s intervals of 5 to 11 semitones."""
    return _intervals_between(part, 5, 11)


@INTERVALS
def octaves(part: PartNotes) -> float:
    """Share of the {part}'s intervals of 12 semitones or more."""
    return mean_of_some(np.abs(part.intervals) >= 12)


@INTERVALS
def mean_interval(part: PartNotes) -> float:
    """Mean absolute interval of the {part}, semitones."""
    return mean_of_some(np.abs(part.intervals))


@INTERVALS
def turns(part: PartNotes) -> float:
    """Share of the {part}'s moves that go the other way than the last."""
    return mean_of_some(part.moves[1:] != part.moves[:-1])


def _intervals_between(part: PartNotes, low: int, high: int) -> float:
    size = np.abs(part.intervals)
    return mean_of_some((size >= low) & (size <= high))


@MELODY
def melody_chromatic(window: Window) -> float:
    """Share of the melody's intervals of 1 semitone."""
    return mean_of_some(np.abs(window.of(Part.MELODY).intervals) == 1)


@MELODY
def melody_run(window: Window) -> float:
    """Mean number of the melody's moves in a row in one direction."""
    moves = window.of(Part.MELODY).moves
    num_runs = 1 + int((moves[1:] != moves[:-1]).sum())
    return len(moves) / num_runs if len(moves) >= FEWEST else np.nan


@MELODY
def melody_rests(window: Window) -> float:
    """Share of steps on which the melody is silent."""
    sounds = window.of(Part.MELODY).sounds
    return float((~sounds).mean()) if sounds.any() else np.nan


@MELODY
def melody_pauses(window: Window) -> float:
    """Silences of the melody between its notes of a beat or more, a bar."""
    sounds = window.of(Part.MELODY).sounds
    return len(_pauses(sounds)) / len(bars(sounds)) if sounds.any() else np.nan


@MELODY
def melody_phrase(window: Window) -> float:
    """Mean length of the melody's stretches between such silences, beats."""
    sounds = window.of(Part.MELODY).sounds
    if not sounds.any():
        return np.nan
    first, last = np.flatnonzero(sounds)[[0, -1]]
    pauses = _pauses(sounds)
    return float((last + 1 - first - pauses.sum()) / (len(pauses) + 1) / STEPS_PER_BEAT)


def _pauses(sounds: np.ndarray) -> np.ndarray:
    """Lengths of the silences of a beat or more between notes, in steps."""
    first, last = np.flatnonzero(sounds)[[0, -1]]
    edges = np.flatnonzero(np.diff(sounds[first : last + 1].astype(np.int8)))
    silences = edges[1::2] - edges[::2]
    return np.asarray(silences[silences >= STEPS_PER_BEAT])


@ACCOMPANIMENT
def counter_density(window: Window) -> float:
    """Struck steps of the counter-melody, a beat."""
    return _struck_a_beat(window.of(Part.COUNTER))


@ACCOMPANIMENT
def pad_density(window: Window) -> float:
    """Struck steps of the pad, a beat."""
    return _struck_a_beat(window.of(Part.PAD))


@ACCOMPANIMENT
def pad_length(window: Window) -> float:
    """Mean length of the pad's notes, beats."""
    return mean(window.of(Part.PAD).lengths) / STEPS_PER_BEAT


@ACCOMPANIMENT
def harmony_chord_size(window: Window) -> float:
    """Mean number of notes that the harmony starts on a struck step."""
    harmony = window.of(Part.HARMONY)
    return mean(harmony.onset[harmony.steps].sum(1))


def _struck_a_beat(part: PartNotes) -> float:
    return mean(part.struck) * STEPS_PER_BEAT if part.plays else np.nan
