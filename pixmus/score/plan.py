"""A `Plan`: chords, phrases, who plays and how loud, for a whole film before any note is written.

Conventions: a plan counts bars and half bars from the first downbeat. Every bar has two half bars;
of a 2/4 bar only the first is played. Chords are those of a piece in C major or A minor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np

from pixmus.chords import Chord
from pixmus.ensembles import PARTS

HALVES = 2  # half bars a bar
PHRASE_BARS = (2, 8)  # a phrase is at least and at most so long
LETTERS = "ABCDEFGHIJKLMNOP"  # phrases beyond the last are all that one
NUM_DYNAMICS = 8  # levels, soft to loud: octiles over the training bars that have velocities
UNKNOWN_DYNAMIC = -1


class Cadence(StrEnum):
    """How a phrase ends, by its last chord and the one before it."""

    NONE = "none"
    AUTHENTIC = "authentic"  # the dominant or the leading note's chord, then the tonic
    PLAGAL = "plagal"  # the subdominant, then the tonic
    SUBTONIC = "subtonic"  # the major chord a tone below the tonic, then the tonic
    HALF = "half"  # ends on the dominant
    DECEPTIVE = "deceptive"  # the dominant, then the submediant


CADENCES: tuple[Cadence, ...] = tuple(Cadence)


def tonic_of(minor: bool) -> int:
    """The pitch class of the tonic of a plan: A in minor, C in major."""
    return 9 if minor else 0


def is_dominant(chord: Chord, tonic: int) -> bool:
    """Whether the chord leads to the tonic: V or V7, or the diminished chord on the leading note.

    A suspended V counts; a minor one, which has no leading note, does not.
    """
    degree = (chord.root - tonic) % 12
    if degree == 7:
        return not chord.quality.is_minor
    return degree == 11 and {3, 6} <= set(chord.quality.tones)


def cadence_of(before: Chord | None, last: Chord | None, tonic: int) -> Cadence:
    """The cadence that two chords make; `before` is the last one of another root."""
    if last is None:
        return Cadence.NONE
    degree = (last.root - tonic) % 12
    if degree == 7 and not last.quality.is_minor:
        return Cadence.HALF
    if before is None:
        return Cadence.NONE
    led = is_dominant(before, tonic)
    if degree in (8, 9) and led:
        return Cadence.DECEPTIVE
    if degree != 0:
        return Cadence.NONE
    if led:
        return Cadence.AUTHENTIC
    from_degree = (before.root - tonic) % 12
    if from_degree == 5:
        return Cadence.PLAGAL
    if from_degree == 10 and not before.quality.is_minor:
        return Cadence.SUBTONIC
    return Cadence.NONE


class Approach(StrEnum):
    """What stands before a last tonic."""

    DOMINANT = "dominant"  # see `is_dominant`
    SUBDOMINANT = "subdominant"  # IV, iv, ii
    SUBTONIC = "subtonic"  # the major chord a tone below, or a minor v: no leading note
    OTHER = "other"


def approach_of(before: Chord, tonic: int) -> Approach:
    """What kind of chord leads to the tonic."""
    if is_dominant(before, tonic):
        return Approach.DOMINANT
    degree = (before.root - tonic) % 12
    if degree in (2, 5):
        return Approach.SUBDOMINANT
    return Approach.SUBTONIC if degree in (7, 10) else Approach.OTHER


def chord_before(chords: Sequence[Chord | None], index: int, reach: int = 8) -> Chord | None:
    """The last chord of another root at most `reach` half bars before `index`; None: there is none.

    Half bars without a chord are passed over.
    """
    last = chords[index]
    for chord in reversed(chords[max(0, index - reach) : index]):
        if chord is not None and (last is None or chord.root != last.root):
            return chord
    return None


@dataclass(frozen=True)
class Phrase:
    """Bars that belong together, and the earlier phrase that they are most like.

    Phrases with one letter return to one another. `likeness` is the F1 of onsets and pitches with
    phrase `source` (its index, -1: none is like it), 0..1.
    """

    first_bar: int
    num_bars: int
    letter: str
    source: int = -1
    likeness: float = 0.0

    @property
    def end_bar(self) -> int:
        return self.first_bar + self.num_bars


@dataclass(frozen=True)
class Plan:
    """What a piece will be, per half bar, bar and phrase."""

    minor: bool
    chords: tuple[Chord | None, ...]  # per half bar, in C major or A minor; None: no chord
    phrases: tuple[Phrase, ...]  # one after the other, over all bars
    plays: np.ndarray  # bool (half bars, parts): who starts or holds a note in it
    dynamics: np.ndarray  # int (bars,): 0 to NUM_DYNAMICS - 1, or UNKNOWN_DYNAMIC

    def __post_init__(self) -> None:
        num_half_bars = HALVES * self.num_bars
        assert len(self.chords) == num_half_bars, f"{len(self.chords)=} {num_half_bars=}"
        assert self.plays.shape == (num_half_bars, len(PARTS)), f"{self.plays.shape=}"
        ends = [0, *(phrase.end_bar for phrase in self.phrases)]
        assert [p.first_bar for p in self.phrases] == ends[:-1] and ends[-1] == self.num_bars

    @property
    def num_bars(self) -> int:
        return len(self.dynamics)

    @property
    def tonic(self) -> int:
        """The pitch class of its tonic."""
        return tonic_of(self.minor)

    @property
    def cadences(self) -> tuple[Cadence, ...]:
        """Per half bar: where a phrase's last chord begins, the cadence that it makes; else NONE.

        A last chord that began before its phrase cadences at the phrase's first half bar.
        """
        found = [Cadence.NONE] * len(self.chords)
        for phrase in self.phrases:
            index = HALVES * phrase.end_bar - 1
            cadence = cadence_of(chord_before(self.chords, index), self.chords[index], self.tonic)
            while index > HALVES * phrase.first_bar and _same_root(
                *self.chords[index - 1 : index + 1]
            ):
                index -= 1
            found[index] = cadence
        return tuple(found)

    @property
    def bar_in_phrase(self) -> np.ndarray:
        """Of every bar its place in its phrase, int (bars,), 0 the first."""
        return np.concatenate([np.arange(phrase.num_bars) for phrase in self.phrases])


def _same_root(one: Chord | None, other: Chord | None) -> bool:
    return one is not None and other is not None and one.root == other.root


def root_changes_per_bar(chords: Sequence[Chord | None]) -> float:
    """Changes of root between neighbouring half bars that have chords, a bar of such half bars."""
    roots = [(a.root, b.root) for a, b in pairwise(chords) if a is not None and b is not None]
    return HALVES * sum(a != b for a, b in roots) / len(roots) if roots else 0.0


def tonic_share(chords: Sequence[Chord | None], minor: bool) -> float:
    """Share of the half bars with a chord whose root is the tonic, 0..1."""
    roots = [chord.root for chord in chords if chord is not None]
    return float(np.mean([root == tonic_of(minor) for root in roots])) if roots else 0.0
