"""What 8 bars of music are like: the descriptors by which windows are compared, in numbers.

`describe_window` measures; `DESCRIPTORS` says of every number what it is. Telling generated music
from real music, and `pixmus check`, both stand on them. A descriptor is added in the file of its
kind, as one function whose docstring is its definition.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pixmus.check import harmony, lines, rhythm
from pixmus.check.window import Window
from pixmus.score.grid import BEATS_PER_BAR
from pixmus.score.notes import NUM_CELLS

_ALL = {
    descriptor.name: descriptor
    for descriptors in (
        lines.RHYTHM,
        lines.INTERVALS,
        lines.MELODY,
        lines.ACCOMPANIMENT,
        rhythm.GROOVE,
        harmony.KEY,
        harmony.STRONG_BEATS,
        harmony.CHORDS,
        harmony.SPACING,
        rhythm.TOGETHER,
        rhythm.REPETITION,
        rhythm.DYNAMICS,
        rhythm.DRUMS,
    )
    for descriptor in descriptors
}
DESCRIPTORS: dict[str, str] = {name: found.definition for name, found in _ALL.items()}


def describe_window(
    cells: np.ndarray, minor: bool, names: Sequence[str] = tuple(DESCRIPTORS)
) -> np.ndarray:
    """The descriptors `names` (all of them) in that order, float64 (len(names),).

    `cells` is uint8 (beats, NUM_CELLS) in C major or, with `minor`, in A minor; 32 beats make the
    8 bars that descriptors are meant for, any other whole number of 4/4 bars is measured alike.
    """
    assert cells.ndim == 2 and cells.shape[1] == NUM_CELLS, f"{cells.shape=}"
    assert len(cells) and len(cells) % BEATS_PER_BAR == 0, f"{len(cells)=}"
    window = Window(cells, minor)
    return np.array([_ALL[name].measure(window) for name in names])
