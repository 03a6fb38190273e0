"""`Wants`: what the grid should meet of a cue sheet, and what each of it is worth.

Conventions: times are seconds; values are in units of one placed hit point of strength 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pixmus.cues.sheet import CueSheet
from pixmus.ensembles import Part
from pixmus.score.spans import (
    ENTRY_TOLERANCE_S,
    LAST_CHORD_S,
    PLACED_TOLERANCE_S,
    best_ring,
    hits_in_cues,
)

STRONG_HIT = 0.8  # strength from which a hit point may bend tempo and bars for itself

# What the fit weighs, in units of one placed hit point of strength 1. Found by trial on random cut
# lists (`python -m pixmus.studies.placement`): bends cost little beside a hit point, much beside
# a downbeat.
WEAK_HIT_VALUE = 0.5  # value of placing a hit point of strength 0
ON_BEAT_VALUE = 0.06
ON_DOWNBEAT_VALUE = 0.2
LAST_CHORD_VALUE = 0.25
ENTRY_VALUE = 0.6
OFF_CENTRE_COST = 0.05  # of a hit point at the edge of its tolerance
CHANGE_COST = 0.004  # times the square of a change of tempo in per cent
BEND_COST = 0.0002  # a beat, times the square of its bend in per cent,
BEND_COST_FIXED = 0.001  # and where the person asked for exactly this tempo
OFFSET_COST = 0.3  # a second of silence at the start
WISH_COST = 0.03  # of all hit points, for a base at the edge of its range
SHORT_BAR_COST = 0.08


@dataclass(frozen=True)
class Wants:
    """What the grid should meet: times and strengths of hit points, entries, ends, bounds."""

    duration: float
    times: NDArray[np.float64]
    strengths: NDArray[np.float64]
    entries: tuple[float, ...]
    ends: tuple[tuple[float, float, float], ...]  # earliest, best, latest last chord of every cue
    latest_offset: float
    has_drums: bool
    bend_cost: float

    @property
    def max_step(self) -> int:
        """Largest change of period from beat to beat, in units."""
        return 1 if self.has_drums else 2

    def meets_strong_hit(self, times: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether a strong hit point lies on each time, safely within the tolerance."""
        strong = self.times[self.strengths >= STRONG_HIT]
        if len(strong) == 0:
            return np.zeros(len(times), bool)
        behind = np.clip(np.searchsorted(strong, times), 1, max(1, len(strong) - 1))
        off = np.minimum(
            np.abs(times - strong[behind - 1]), np.abs(times - strong[behind % len(strong)])
        )
        is_near: NDArray[np.bool_] = off < 0.99 * PLACED_TOLERANCE_S
        return is_near

    def downbeat_values(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """What a downbeat at each time is worth: strong hit points, entries, last chords."""
        values = ON_DOWNBEAT_VALUE * self.meets_strong_hit(times)
        for start in self.entries:
            near = (times >= start) & (times <= start + ENTRY_TOLERANCE_S)
            values[near] += ENTRY_VALUE * (1 - (times[near] - start))
        for earliest, best, latest in self.ends:
            side = np.where(times < best, best - earliest, latest - best)
            off = np.abs(times - best) / np.maximum(side, 0.01)
            values += np.where(off <= 1, LAST_CHORD_VALUE * (1 - off / 2), 0.0)
        return np.asarray(values, dtype=np.float64)


def wants_of(cue_sheet: CueSheet, bar: float) -> Wants:
    """Collect what matters to the fit; a hit point where no music plays does not."""
    hits = [(hit.time, hit.strength) for hit in hits_in_cues(cue_sheet)]
    table = np.array(sorted(hits), dtype=np.float64).reshape(-1, 2)
    first_entry = min((cue.start for cue in cue_sheet.cues), default=0.0)
    return Wants(
        duration=cue_sheet.duration,
        times=table[:, 0],
        strengths=table[:, 1],
        entries=tuple(cue.start for cue in cue_sheet.cues if cue.start > ENTRY_TOLERANCE_S),
        ends=tuple(
            (
                max(cue.end - LAST_CHORD_S[1], cue.start),
                cue.end - best_ring(cue),
                cue.end - LAST_CHORD_S[0],
            )
            for cue in cue_sheet.cues
            if cue.end - LAST_CHORD_S[0] > cue.start
        ),
        latest_offset=min(bar, max(ENTRY_TOLERANCE_S, first_entry)),
        has_drums=Part.DRUMS in cue_sheet.parts,
        bend_cost=BEND_COST_FIXED if cue_sheet.tempo_fixed else BEND_COST,
    )


def hit_values(strengths: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(WEAK_HIT_VALUE + (1 - WEAK_HIT_VALUE) * strengths)
