"""Spearman's rank correlation, without scipy.stats, which takes a second to load."""

from __future__ import annotations

import numpy as np


def ranks(values: np.ndarray) -> np.ndarray:
    """(n,) ranks from 0.5; ties share the middle of theirs."""
    ordered = np.sort(values)
    below, upto = (np.searchsorted(ordered, values, side) for side in ("left", "right"))
    return np.asarray((below + upto) / 2)


def spearman(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's rank correlation of two rows; 0 where one of the two does not vary."""
    a, b = ranks(first), ranks(second)
    a, b = a - a.mean(), b - b.mean()
    size = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / size) if size > 1e-12 else 0.0
