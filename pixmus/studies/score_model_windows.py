"""What the sections of the score-model study share: held-out windows, and music made for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import spearmanr

from pixmus.check.descriptors import DESCRIPTORS, describe_window
from pixmus.choices import NUM_INFERENCE_STEPS
from pixmus.take.pipeline import PixMusPipeline
from pixmus.training.corpus import Piece
from pixmus.training.encoded import encode_piece
from pixmus.training.real_windows import Window, draw_windows, write_for

FEWEST_TEST_PIECES = 5


def held_out_pieces(pieces: Sequence[Piece]) -> list[Piece]:
    """Test pieces; of a corpus with fewer than five of them, the validation pieces."""
    chosen: list[Piece] = []
    for corpus in sorted({piece.corpus for piece in pieces}):
        test = [p for p in pieces if p.corpus == corpus and p.split == "test"]
        if len(test) < FEWEST_TEST_PIECES:
            test = [p for p in pieces if p.corpus == corpus and p.split == "validation"]
        chosen += test
    return chosen


def mean_known(values: ArrayLike) -> float:
    """Mean of what could be measured, NaN when nothing could."""
    known = np.asarray(values, float)
    known = known[~np.isnan(known)]
    return float(known.mean()) if len(known) else float("nan")


VELOCITY_COLUMNS = np.array([name.startswith("velocity") for name in DESCRIPTORS])


def describe(cells: Sequence[np.ndarray], windows: Sequence[Window]) -> np.ndarray:
    """Descriptors of windows (windows, descriptors).

    Velocities are left out (NaN) where the data has none: a rule plays those styles.
    """
    rows = np.stack([describe_window(c, w.minor) for c, w in zip(cells, windows, strict=True)])
    silent = ~np.array([window.has_velocity for window in windows])
    rows[np.ix_(silent, VELOCITY_COLUMNS)] = np.nan
    return rows


class HeldOut:
    """What the sections share: the model, held-out windows, and what was composed for them."""

    def __init__(
        self, pipe: PixMusPipeline, pieces: Sequence[Piece], per_style: int, seed: int = 0
    ) -> None:
        assert pipe.curve_tables is not None
        self.pipe, self.tables = pipe, pipe.curve_tables
        self.all_pieces = list(pieces)
        pitched = [piece for piece in pieces if piece.corpus != "groove"]
        self.pieces = [encode_piece(piece) for piece in held_out_pieces(pitched)]
        self.windows = draw_windows(self.pieces, self.tables, per_style, seed=seed)
        self.names = [window.piece for window in self.windows]
        self.real = [window.cells for window in self.windows]
        self._made: dict[tuple[float, int], list[np.ndarray]] = {}

    def made(self, scale: float, steps: int = NUM_INFERENCE_STEPS) -> list[np.ndarray]:
        """What the model composes for every window at a guidance scale."""
        if (scale, steps) not in self._made:
            self._made[scale, steps] = [
                write_for(self.pipe, window, seed, scale, steps)
                for seed, window in enumerate(self.windows)
            ]
        return self._made[scale, steps]

    def rows_of(self, style: str) -> np.ndarray:
        """Numbers of the windows of a style, or of all."""
        return np.array([i for i, w in enumerate(self.windows) if style in (ALL, w.style)], int)


Section = dict[str, Any]
ALL = "all"


def rank_correlation(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Spearman's correlation, NaN where one side does not vary."""
    if len(reference) < 2 or np.ptp(reference) == 0 or np.ptp(estimate) == 0:
        return float("nan")
    return float(spearmanr(reference, estimate).statistic)


def without_velocity(rows: np.ndarray) -> np.ndarray:
    """Descriptors with those of velocity left out (NaN) everywhere."""
    return np.where(VELOCITY_COLUMNS, np.nan, rows)


def draw_pieces(pieces: Sequence[Piece], count: int, seed: int = 0) -> list[Piece]:
    """At most `count` of the pieces, in their order."""
    chosen = np.random.default_rng(seed).permutation(len(pieces))[:count]
    return [pieces[i] for i in sorted(chosen)]
