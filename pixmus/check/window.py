"""A window of music, read part by part, and the sums that descriptors are made of.

Conventions: a window is a piano-roll in 4/4 from a downbeat, in C major or A minor, uint8
(beats, NUM_CELLS), beats a multiple of 4. A struck step is a step on which a part starts at least
one note. Strong beats are the first and third of a bar. The line of a part is its highest (of the
bass: its lowest) note on every struck step; an interval is the distance from one note of the line
to the next, in semitones. A share is 0..1. NaN stands where there is nothing to measure: a part
that does not play, a corpus that knows no velocities, fewer than `FEWEST` intervals, moves or
strong beats.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pixmus.ensembles import PITCHED, Part
from pixmus.score.grid import BEATS_PER_BAR, STEPS_PER_BAR, STEPS_PER_BEAT
from pixmus.score.notes import PART_LAYOUTS

WINDOW_BEATS = 8 * BEATS_PER_BAR
NUM_PITCHES = 128
FEWEST = 4  # a share of one or two intervals says nothing


@dataclass(frozen=True)
class PartNotes:
    """The notes of one part, or of all pitched ones together, on all 128 pitches."""

    onset: np.ndarray  # bool (steps, NUM_PITCHES)
    sounding: np.ndarray  # bool (steps, NUM_PITCHES)
    velocity: np.ndarray  # uint8 (steps,), 0 = none
    lowest_leads: bool  # the line is the lowest note, not the highest

    @cached_property
    def struck(self) -> np.ndarray:
        """Whether a note starts on a step, bool (steps,)."""
        return np.any(self.onset, axis=1)

    @cached_property
    def steps(self) -> np.ndarray:
        """The struck steps."""
        return np.flatnonzero(self.struck)

    @cached_property
    def sounds(self) -> np.ndarray:
        """Whether anything sounds on a step, bool (steps,)."""
        return np.any(self.sounding, axis=1)

    @cached_property
    def notes(self) -> tuple[np.ndarray, np.ndarray]:
        """Onset step and pitch of every note."""
        steps, pitches = np.nonzero(self.onset)
        return steps, pitches

    @cached_property
    def line(self) -> np.ndarray:
        """The leading pitch on every struck step."""
        rows = self.onset[self.steps]
        if self.lowest_leads:
            return rows.argmax(1)
        return NUM_PITCHES - 1 - rows[:, ::-1].argmax(1)

    @cached_property
    def plays(self) -> bool:
        """Whether it starts any note."""
        return bool(self.struck.any())

    @cached_property
    def intervals(self) -> np.ndarray:
        """From each note of the line to the next."""
        return np.diff(self.line)

    @cached_property
    def moves(self) -> np.ndarray:
        """Direction, -1 or 1, of every interval that is not 0."""
        return np.sign(self.intervals[self.intervals != 0])

    @cached_property
    def per_bar(self) -> np.ndarray:
        """Struck steps of every bar."""
        return bars(self.struck).sum(1)

    @cached_property
    def lengths(self) -> np.ndarray:
        """Length of every note in steps, as `score.decode_notes` reads them."""
        num_steps = len(self.onset)
        used = np.flatnonzero(self.onset.any(0))  # pitches
        onset = self.onset[:, used]
        stops = onset | ~self.sounding[:, used]
        where = np.where(stops, np.arange(num_steps)[:, None], num_steps)
        following = np.minimum.accumulate(where[::-1], axis=0)[::-1]
        following = np.concatenate([following, np.full((1, len(used)), num_steps)])
        steps, columns = np.nonzero(onset)  # in the order of `notes`
        return following[steps + 1, columns] - steps

    @cached_property
    def lowest(self) -> np.ndarray:
        """Lowest sounding pitch per step, NUM_PITCHES where none."""
        return np.where(self.sounds, self.sounding.argmax(1), NUM_PITCHES)

    @cached_property
    def highest(self) -> np.ndarray:
        """Highest sounding pitch per step, -1 where none."""
        top = NUM_PITCHES - 1 - self.sounding[:, ::-1].argmax(1)
        return np.where(self.sounds, top, -1)


class Window:
    """One window, read part by part."""

    def __init__(self, cells: np.ndarray, minor: bool) -> None:
        self.minor = minor
        self.parts = {part: read_part(part, cells) for part in PITCHED}
        drums = PART_LAYOUTS[Part.DRUMS]
        self.strokes = cells[:, drums.onsets].reshape(-1, drums.num_pitches) > 0  # (steps, drums)

    @cached_property
    def everything(self) -> PartNotes:
        """All pitched parts in one; velocities are left to the parts."""
        onset = np.any([part.onset for part in self.parts.values()], axis=0)
        sounding = np.any([part.sounding for part in self.parts.values()], axis=0)
        return PartNotes(onset, sounding, np.zeros(len(onset), np.uint8), False)

    def of(self, part: str) -> PartNotes:
        """The notes of one pitched part."""
        return self.parts[part]

    @cached_property
    def sounding_classes(self) -> np.ndarray:
        """For how many steps each pitch class sounds, (12,)."""
        return classes(self.everything.sounding.sum(0))

    @cached_property
    def sounding_notes(self) -> np.ndarray:
        """How many notes of pitched parts sound on every step, (steps,)."""
        return np.stack([part.sounding.sum(1) for part in self.parts.values()]).sum(0)

    @cached_property
    def started_notes(self) -> np.ndarray:
        """How many notes pitched parts start on every step, (steps,)."""
        return np.stack([part.onset.sum(1) for part in self.parts.values()]).sum(0)

    @cached_property
    def strong_steps(self) -> np.ndarray:
        """Whether a step is a strong beat, bool (steps,)."""
        return strong(len(self.everything.onset))

    @cached_property
    def gaps(self) -> tuple[np.ndarray, np.ndarray]:
        """Distances between neighbouring sounding pitches, and the lowest one of every step."""
        steps, pitches = np.nonzero(self.everything.sounding)
        between = np.diff(pitches)[np.diff(steps) == 0]
        firsts = np.flatnonzero(np.diff(steps, prepend=-1))  # the lowest pitch of every step
        above = firsts[firsts + 1 < len(steps)]
        above = above[steps[above + 1] == steps[above]]
        return between, pitches[above + 1] - pitches[above]


def read_part(part: str, cells: np.ndarray) -> PartNotes:
    layout = PART_LAYOUTS[part]
    num_steps = len(cells) * STEPS_PER_BEAT
    span = slice(layout.lowest_pitch, layout.lowest_pitch + layout.num_pitches)
    onset = np.zeros((num_steps, NUM_PITCHES), bool)
    sounding = np.zeros_like(onset)
    onset[:, span] = cells[:, layout.onsets].reshape(num_steps, -1) > 0
    sounding[:, span] = cells[:, layout.sounding].reshape(num_steps, -1) > 0
    sounding |= onset
    velocity = cells[:, layout.velocities].reshape(num_steps)
    return PartNotes(onset, sounding, velocity, part == Part.BASS)


def mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else np.nan


def mean_of_some(values: np.ndarray) -> float:
    """The mean of at least `FEWEST` values."""
    return float(values.mean()) if len(values) >= FEWEST else np.nan


def share(hits: np.ndarray, among: np.ndarray) -> float:
    """Share of the places `among` (bool) at which `hits` (bool) is true."""
    count = int(among.sum())
    return float((hits & among).sum() / count) if count else np.nan


def entropy(counts: np.ndarray) -> float:
    """Bits of a histogram; NaN of an empty one."""
    total = counts.sum()
    if total == 0:
        return np.nan
    shares = counts[counts > 0] / total
    return float(-(shares * np.log2(shares)).sum())


def bars(steps: np.ndarray) -> np.ndarray:
    """Something per step (steps, ...) as (bars, 16, ...)."""
    return steps.reshape(-1, STEPS_PER_BAR, *steps.shape[1:])


def groove_similarity(struck: np.ndarray) -> float:
    """Wu & Yang (2020), Eq. 2, over all pairs of bars; `struck` is bool (steps,)."""
    each = bars(struck)
    if not struck.any() or len(each) < 2:
        return np.nan
    differs = (each[:, None] != each[None]).mean(2)
    first, second = np.triu_indices(len(each), 1)
    return float(1 - differs[first, second].mean())


def neighbour_change(struck: np.ndarray) -> float:
    each = bars(struck)
    return mean((each[1:] != each[:-1]).mean(1)) if struck.any() else np.nan


def strong(num_steps: int) -> np.ndarray:
    """Whether a step is a strong beat, bool (steps,)."""
    return np.arange(num_steps) % (2 * STEPS_PER_BEAT) == 0


def classes(pitches: np.ndarray) -> np.ndarray:
    """Something per pitch (..., NUM_PITCHES) summed per pitch class (..., 12)."""
    padded = np.pad(pitches, [(0, 0)] * (pitches.ndim - 1) + [(0, -NUM_PITCHES % 12)])
    return padded.reshape(*pitches.shape[:-1], padded.shape[-1] // 12, 12).sum(-2)
