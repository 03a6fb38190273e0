"""Features of a picture as a test describes it, without any clip."""

from fractions import Fraction

import numpy as np

from pixmus.curves import num_curve_values
from pixmus.picture.features import Features
from pixmus.picture.transitions import Transition


def picture(
    duration: float = 30.0,
    *,
    cuts: tuple[float, ...] = (),
    motion: float | np.ndarray = 0.03,
    brightness: float | np.ndarray = 0.45,
    contrast: float = 0.18,
    saturation: float = 0.14,
    warmth: float = 0.05,
    edges: float = 0.109,
) -> Features:
    """Features of a typical clip, but for what is said."""
    length = num_curve_values(duration)
    curves = [
        np.broadcast_to(np.asarray(value, np.float32), (length,)).copy()
        for value in (motion, brightness, contrast, saturation, warmth, edges)
    ]
    transitions = tuple(Transition(t, t, t, "cut") for t in cuts)
    return Features(duration, Fraction(24000, 1001), transitions, *curves)
