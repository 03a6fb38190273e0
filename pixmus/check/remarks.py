"""`Remark`s on a whole take: how its chords move, whether its melody plays, what returns, how loud.

What windows cannot tell, one sentence each. A remark is odd where the take lies outside what the
middle 96 % of real pieces of its style have; takes of fewer than `FEWEST_BARS` bars are told, not
judged. Conventions: bars are those of 4 beats from the score's beginning; a bar of 2/4 shifts what
follows it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pixmus.check.voicing import (
    loudness_spread,
    phrase_returns,
    roots,
    shapes_recur,
    silent_melody,
)
from pixmus.check.window import WINDOW_BEATS
from pixmus.ensembles import PARTS, Part, Style
from pixmus.keys import key_is_major, key_tonic
from pixmus.score.grid import BEATS_PER_BAR, STEPS_PER_BEAT
from pixmus.score.notes import Score

FEWEST_BARS = 8
WINDOW_STEPS = WINDOW_BEATS * STEPS_PER_BEAT


@dataclass(frozen=True)
class Remark:
    """One property of a take in words. NaN: there is nothing to measure, or to compare it with."""

    name: str
    words: str  # with the value in them
    value: float
    low: float
    high: float

    @property
    def is_odd(self) -> bool:
        """Whether real music is otherwise."""
        return self.value < self.low or self.value > self.high  # False of NaN

    def __str__(self) -> str:
        if math.isnan(self.low):
            return self.words
        return f"{self.words} (real music {self.low:.2g} to {self.high:.2g})"


@dataclass(frozen=True)
class _Kind:
    """A remark to be made: its words, how it is measured, and real music's range by style."""

    words: str
    measure: Callable[[np.ndarray, int, bool], float]
    ranges: dict[str, tuple[float, float]]


def _motifs(notes: np.ndarray, num_bars: int, minor: bool) -> float:
    """Mean over windows of 8 bars of the share of melody shapes that return inside it."""
    windows = [
        shapes_recur(notes[notes[:, 1] // WINDOW_STEPS == window])
        for window in range(max(1, num_bars * BEATS_PER_BAR // WINDOW_BEATS))
    ]
    known = [share for share in windows if not math.isnan(share)]
    return float(np.mean(known)) if known else math.nan


def _median_return(notes: np.ndarray, num_bars: int, minor: bool) -> float:
    found = phrase_returns(notes, num_bars)
    return float(np.median(found)) if len(found) else math.nan


# The 2nd and 98th percentile of 60 training pieces of each style (their first 64 bars). Lieder and
# quartets are notated without velocities: loudness is beside pop's and games'.
_LOUD = (1.9, 12.9)
_KINDS = {
    "chord_changes": _Kind(
        "the chord's root changes {:.2f} times a bar",
        lambda notes, num_bars, minor: roots(notes, num_bars, minor)[1],
        {Style.POP: (0.69, 1.98), Style.SONG: (0.98, 3.1), Style.QUARTET: (0.74, 2.77),
         Style.GAME: (0.36, 1.92)},
    ),
    "tonic_chord": _Kind(
        "the chord is the key's own {:.2f} of the time",
        lambda notes, num_bars, minor: roots(notes, num_bars, minor)[0],
        {Style.POP: (0.13, 0.51), Style.SONG: (0.11, 0.58), Style.QUARTET: (0.05, 0.49),
         Style.GAME: (0.05, 0.76)},
    ),
    "melody_silent": _Kind(
        "the melody starts no note in {:.2f} of the bars",
        lambda notes, num_bars, minor: silent_melody(notes, num_bars),
        {Style.POP: (0.0, 0.54), Style.SONG: (0.0, 0.46), Style.QUARTET: (0.0, 0.33),
         Style.GAME: (0.0, 0.91)},
    ),
    "motif": _Kind(
        "{:.2f} of the melody's shapes, with their rhythm, return within 8 bars",
        _motifs,
        {Style.POP: (0.002, 0.56), Style.SONG: (0.0, 0.44), Style.QUARTET: (0.0, 0.7),
         Style.GAME: (0.0, 1.0)},
    ),
    "phrase_return": _Kind(
        "a phrase of 4 bars has {:.2f} of its notes from an earlier one",
        _median_return,
        {Style.POP: (0.31, 0.84), Style.SONG: (0.07, 0.9), Style.QUARTET: (0.0, 0.19),
         Style.GAME: (0.31, 1.0)},
    ),
    "dynamics": _Kind(
        "loud bars are {:.1f} dB above soft ones",
        lambda notes, num_bars, minor: loudness_spread(notes, num_bars),
        {Style.POP: _LOUD, Style.SONG: _LOUD, Style.QUARTET: _LOUD, Style.GAME: _LOUD},
    ),
}  # fmt: skip


def note_rows(score: Score) -> np.ndarray:
    """A score's notes in C major or A minor, int (notes, 5), as `check.voicing` reads them."""
    shift = (9 if not key_is_major(score.key) else 0) - key_tonic(score.key)
    rows = [
        (
            PARTS.index(part),
            round(note.onset * STEPS_PER_BEAT),
            max(1, round(note.duration * STEPS_PER_BEAT)),
            note.pitch if part == Part.DRUMS else note.pitch + shift,
            note.velocity,
        )
        for part, notes in score.parts.items()
        for note in notes
    ]
    return np.array(sorted(rows), int).reshape(-1, 5)


def remarks_on(score: Score, style: str | None = None) -> tuple[Remark, ...]:
    """What is to be said of a score, beside real music of a style (None: nothing is odd).

    A melody is told of only where the score has one.
    """
    notes, minor = note_rows(score), not key_is_major(score.key)
    pitched = notes[notes[:, 0] != PARTS.index(Part.DRUMS)]
    if not len(pitched):
        return ()
    bar = BEATS_PER_BAR * STEPS_PER_BEAT
    first = int(pitched[:, 1].min()) // bar
    notes = notes - np.array([0, first * bar, 0, 0, 0])
    num_bars = int(pitched[:, 1].max()) // bar + 1 - first
    found = []
    for name, kind in _KINDS.items():
        value = kind.measure(notes, num_bars, minor)
        if math.isnan(value) or (name == "melody_silent" and Part.MELODY not in score.parts):
            continue
        judged = num_bars >= FEWEST_BARS and style in kind.ranges
        low, high = kind.ranges[str(style)] if judged else (math.nan, math.nan)
        found.append(Remark(name, kind.words.format(value), value, low, high))
    return tuple(found)
