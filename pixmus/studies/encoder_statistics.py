"""Rank correlations, bootstrap intervals and folds that the encoder is judged with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pixmus.training.splits import NUM_FOLDS, folds_of

NUM_BOOTSTRAPS = 1000

__all__ = ["NUM_FOLDS", "folds_of"]
Report = dict[str, Any]


def ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 0; ties share the middle of theirs."""
    ordered = np.sort(values)
    return (np.searchsorted(ordered, values) + np.searchsorted(ordered, values, "right")) / 2


def spearman(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's rank correlation; 0 where one of the two does not vary."""
    a, b = ranks(first), ranks(second)
    a, b = a - a.mean(), b - b.mean()
    size = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / size) if size > 1e-12 else 0.0


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
