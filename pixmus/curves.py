"""`Curve`: what the music is asked for from moment to moment, and the clock of those wishes.

Every curve is 0..1: the quantile of its quantity over the bars of the training music.
"""

from __future__ import annotations

import math
from enum import StrEnum

CURVE_RATE_HZ = 4.0  # values a second


class Curve(StrEnum):
    """A curve by its name, which is what JSON, tables and the model's conditions call it."""

    DENSITY = "density"  # onsets a second in the pitched parts
    ENERGY = "energy"  # how loud, and how many voices sound
    VALENCE = "valence"  # dark to bright
    REGISTER = "register"  # low to high

    @property
    def colour(self) -> str:
        """In every picture."""
        return _COLOURS[self]


_COLOURS = {
    Curve.DENSITY: "#0072b2",
    Curve.ENERGY: "#d55e00",
    Curve.VALENCE: "#b8860b",
    Curve.REGISTER: "#6a4c93",
}
CURVES: tuple[str, ...] = tuple(Curve)  # names, in the order of the model's conditions


def num_curve_values(duration: float) -> int:
    """How many 4 Hz values cover `duration` seconds (rounding noise in it starts no new value)."""
    return max(1, math.ceil(duration * CURVE_RATE_HZ - 1e-6))
