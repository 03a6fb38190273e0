"""Rank correlations, bootstrap intervals and folds that the encoder is judged with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pixmus.check.ranks import ranks, spearman
from pixmus.training.splits import NUM_FOLDS, folds_of

NUM_BOOTSTRAPS = 1000

__all__ = ["NUM_FOLDS", "folds_of", "ranks", "spearman"]
Report = dict[str, Any]


def interval(statistic: Callable[[np.ndarray], float], count: int) -> list[float]:
    """95 % bootstrap interval of a statistic of drawn rows."""
    rng = np.random.default_rng(0)
    drawn = [statistic(rng.integers(0, count, count)) for _ in range(NUM_BOOTSTRAPS)]
    return [round(float(value), 4) for value in np.quantile(drawn, [0.025, 0.975])]


def mean_interval(values: Sequence[float] | np.ndarray) -> list[float]:
    """95 % bootstrap interval of a mean."""
    each = np.asarray(values, dtype=float)
    return interval(lambda rows: float(each[rows].mean()), len(each))


def correlation(values: np.ndarray, target: np.ndarray) -> Report:
    return {
        "spearman": round(spearman(values, target), 4),
        "interval": interval(lambda rows: spearman(values[rows], target[rows]), len(values)),
    }
