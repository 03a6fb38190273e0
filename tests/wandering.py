"""A picture whose every curve wanders at random."""

from fractions import Fraction

import numpy as np

from pixmus.curves import num_curve_values
from pixmus.picture.features import Features
from pixmus.picture.palette import PALETTE
from pixmus.picture.transitions import Transition


def wandering(duration: float, seed: int, cuts: tuple[float, ...] = ()) -> Features:
    """A picture whose every curve wanders at random."""
    rng = np.random.default_rng(seed)
    length = num_curve_values(duration)
    light = rng.uniform(0.05, 0.9) * rng.uniform(0.8, 1.2, length)
    chroma = rng.uniform(0.0, 0.6) * rng.uniform(0.8, 1.2, length)
    palette = rng.uniform(0, 2, (length, len(PALETTE)))
    return Features(
        duration,
        Fraction(24),
        tuple(Transition(t, t, t, "cut") for t in cuts),
        rng.uniform(0, 0.4, length),
        light,
        light * rng.uniform(0.1, 0.6),
        chroma,
        chroma * rng.uniform(-0.5, 0.5),
        light * rng.uniform(0.05, 0.4),
        palette=palette,
    )
