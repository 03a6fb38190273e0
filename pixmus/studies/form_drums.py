"""How well the drums go with the other parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pixmus.ensembles import Part
from pixmus.score.grid import BEATS_PER_BAR
from pixmus.score.notes import PART_LAYOUTS
from pixmus.studies.form import correlation, onset_roll, whole_bars

KICK = 0  # its row in the drums' roll
MIN_ONSETS = 8  # steps with an onset; with fewer there is nothing to agree


@dataclass(frozen=True)
class DrumAgreement:
    """Correlations, -1..1, of the drums with the pitched parts; `overall` is their mean."""

    overall: float
    kick: float
    returns: float
    changes: float


def drum_agreement(cells: np.ndarray) -> DrumAgreement:
    """How well the drums go with the other parts.

    `kick`: over steps, correlation of kick onsets with steps where bass, harmony or pad begin a
    note (the phi coefficient: coincidence above what the rates give). `returns`: over pairs of
    bars, correlation of the drums' likeness (cosine of their onsets) with the others' likeness
    (cosine of the onset steps of bass, of harmony and pad, of melody and counter): where the music
    comes back the drums come back. `changes`: over neighbouring bars, correlation of the number of
    onsets in which the drums differ with that in which the others do. `overall` is the mean of
    those that can be measured; NaN with fewer than eight struck steps on either side.

    `kick` alone tells real drums from another piece's only in part, since nearly all music has a
    beat 1; the three together do it well (`separation`). Measure at least 16 bars, better 32.
    Chance: `swap_drums`.
    """
    cells = whole_bars(cells)
    drums = onset_roll(cells, Part.DRUMS)
    groups = np.stack(
        [
            np.any([onset_roll(cells, part).any(1) for part in parts], axis=0)
            for parts in ((Part.BASS,), (Part.HARMONY, Part.PAD), (Part.MELODY, Part.COUNTER))
        ],
        axis=1,
    )  # (steps, 3)
    if min(drums.any(1).sum(), groups.any(1).sum()) < MIN_ONSETS:
        return DrumAgreement(*([float("nan")] * 4))
    kick = correlation(drums[:, KICK].astype(float), groups[:, :2].any(1).astype(float))
    ours, theirs = (roll.reshape(len(cells) // BEATS_PER_BAR, -1) for roll in (drums, groups))
    returns = correlation(_likeness(ours), _likeness(theirs))
    changes = correlation(
        np.abs(np.diff(ours.astype(float), axis=0)).sum(1),
        np.abs(np.diff(theirs.astype(float), axis=0)).sum(1),
    )
    measured = [value for value in (kick, returns, changes) if not np.isnan(value)]
    overall = float(np.mean(measured)) if measured else float("nan")
    return DrumAgreement(overall, kick, returns, changes)


def _likeness(bars: np.ndarray) -> np.ndarray:
    """Cosine similarity of every pair of bars, (pairs,); an empty bar is like none."""
    vectors = bars.astype(float)
    norms = np.linalg.norm(vectors, axis=1)
    cosine = vectors @ vectors.T / np.maximum(np.outer(norms, norms), 1e-9)
    return np.asarray(cosine[np.triu_indices(len(cosine), 1)])


def swap_drums(cells: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The piece with the drums of another, which begin again where they are too short."""
    swapped = whole_bars(cells).copy()
    run = PART_LAYOUTS[Part.DRUMS].cells
    theirs = whole_bars(other)[:, run]
    swapped[:, run] = theirs[np.arange(len(swapped)) % len(theirs)] if len(theirs) else 0
    return swapped
