"""Intervals by the bootstrap over groups of rows (Efron & Tibshirani 1993)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np


def interval(
    statistic: Callable[[np.ndarray], float], pieces: Sequence[str], draws: int = 200, seed: int = 0
) -> tuple[float, float]:
    """95 % bootstrap interval of `statistic(rows)`, whole pieces drawn with replacement.

    `statistic` takes row numbers; rows of a piece that is drawn twice are given twice.
    """
    names = np.asarray(pieces)
    rows_of = {name: np.flatnonzero(names == name) for name in np.unique(names)}
    keys = list(rows_of)
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(draws):
        chosen = rng.integers(len(keys), size=len(keys))
        value = statistic(np.concatenate([rows_of[keys[i]] for i in chosen]))
        if not np.isnan(value):
            values.append(value)
    if not values:
        return float("nan"), float("nan")
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
