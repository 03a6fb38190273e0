"""`Features`: what the picture does, as transitions (to the frame) and curves on one 4 Hz clock.

Conventions: times are seconds from the first displayed frame; curve value i covers
[i/4, (i+1)/4) seconds; a transition's time is the first frame of the new shot for a cut and the
middle for a dissolve or a fade.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

CURVE_RATE_HZ = 4.0
TRANSITION_KINDS = ("cut", "dissolve", "fade")


@dataclass(frozen=True)
class Transition:
    """One shot giving way to the next, from `start` to `end` (equal for a cut)."""

    time: float
    start: float
    end: float
    kind: str


@dataclass(frozen=True, eq=False)
class Features:
    """Transitions and curves of one video; every curve is float32 of shape (num_curve_values,)."""

    duration: float
    frame_rate: Fraction
    transitions: tuple[Transition, ...]
    motion: np.ndarray  # picture widths a second, exposure and contrast taken out
    brightness: np.ndarray  # mean luma, 0..1
    contrast: np.ndarray  # standard deviation of luma, 0..0.5
    saturation: np.ndarray  # mean chroma (largest minus smallest channel), 0..1
    warmth: np.ndarray  # mean red minus blue, -1..1
    edges: np.ndarray  # mean luma gradient, 0..1

    @property
    def cuts(self) -> tuple[float, ...]:
        """The times of all transitions, of whatever kind."""
        return tuple(transition.time for transition in self.transitions)


def num_curve_values(duration: float) -> int:
    """How many 4 Hz values cover `duration` seconds (rounding noise in it starts no new value)."""
    return max(1, math.ceil(duration * CURVE_RATE_HZ - 1e-6))
