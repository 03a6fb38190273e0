"""Moods in words: what a pair of energy and valence (both 0..1) is called."""

from __future__ import annotations

HIGH_ENERGY, LOW_ENERGY = 0.62, 0.38
BRIGHT, DARK = 0.60, 0.42  # valence; what is dark is in minor
MOODS = (  # rows dark, neither, bright; columns calm, neither, busy
    ("sombre", "tense", "dark and driving"),
    ("still", "easy", "driving"),
    ("serene", "cheerful", "exuberant"),
)


def word_of(value: float, limits: tuple[float, ...], words: tuple[str, ...]) -> str:
    return words[sum(float(value) >= limit for limit in limits)]


def mood_of(energy: float, valence: float) -> str:
    row = int(valence >= DARK) + int(valence >= BRIGHT)
    column = int(energy >= LOW_ENERGY) + int(energy >= HIGH_ENERGY)
    return MOODS[row][column]
