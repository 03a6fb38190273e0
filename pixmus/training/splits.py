"""How rows of pictures with music are sorted: by what they show, and by what they are for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

KINDS = ("video", "still")
SPLITS = ("training", "validation", "test")
TRAINING = SPLITS[0]
HELD_OUT = SPLITS[1:]

NUM_FOLDS = 10


def folds_of(groups: Sequence[Any]) -> np.ndarray:
    """(n,) fold of each row; rows of one group stand in one fold."""
    names = sorted(set(groups))
    fold = dict(
        zip(names, np.random.default_rng(0).permutation(len(names)) % NUM_FOLDS, strict=True)
    )
    return np.array([fold[group] for group in groups])
