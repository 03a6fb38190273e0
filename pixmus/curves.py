"""`Curve`: what the music is asked for from moment to moment, and the clock of those wishes.

Every curve is 0..1: the quantile of its quantity over the bars of the training music.
"""

from __future__ import annotations

import math
from enum import StrEnum

CURVE_RATE_HZ = 4.0  # values a second


class Curve(StrEnum):
    """A curve by its name, which is what JSON, tables and the model's conditions call it."""

    colour: str  # in every picture

    DENSITY = "density", "#0072b2"  # onsets a second in the pitched parts
    ENERGY = "energy", "#d55e00"  # how loud and how many voices sound
    VALENCE = "valence", "#b8860b"  # dark to bright
    REGISTER = "register", "#6a4c93"  # low to high

    def __new__(cls, name: str, colour: str) -> Curve:
        curve = str.__new__(cls, name)
        curve._value_ = name
        curve.colour = colour
        return curve


CURVES = tuple(Curve)  # in the order of the model's conditions


def num_curve_values(duration: float) -> int:
    """How many values a curve has over `duration` seconds; the last one is in the middle of it."""
    return max(1, math.ceil(duration * CURVE_RATE_HZ))
