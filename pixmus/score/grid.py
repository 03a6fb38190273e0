"""The grid of bars, beats (quarter notes) and steps that every score lies on."""

from __future__ import annotations

BEATS_PER_BAR = 4
STEPS_PER_BEAT = 4
STEPS_PER_BAR = BEATS_PER_BAR * STEPS_PER_BEAT
