"""Moods in words: what a pair of energy and valence (both 0..1) is called."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

HIGH_ENERGY, LOW_ENERGY = 0.62, 0.38
BRIGHT, DARK = 0.60, 0.42  # valence; what is dark is in minor
MOODS = (  # rows dark, neither, bright; columns calm, neither, busy
    ("sombre", "tense", "dark and driving"),
    ("still", "easy", "driving"),
    ("serene", "cheerful", "exuberant"),
)
PLAIN_CHANGE = 0.35  # of mean energy or valence: what anybody hears as another mood


def word_of(value: float, limits: tuple[float, ...], words: tuple[str, ...]) -> str:
    return words[sum(float(value) >= limit for limit in limits)]


def mood_of(energy: float, valence: float) -> str:
    row = int(valence >= DARK) + int(valence >= BRIGHT)
    column = int(energy >= LOW_ENERGY) + int(energy >= HIGH_ENERGY)
    return MOODS[row][column]


def moods_in_turn(energy: np.ndarray, valence: np.ndarray) -> tuple[tuple[float, float], ...]:
    """(energy, valence) of a span, whose curves are given (n,): their means, or those of its first
    and last third where these differ plainly and have names of their own."""
    third = max(1, len(energy) // 3)
    first, last = (
        (float(energy[rows].mean()), float(valence[rows].mean()))
        for rows in (slice(third), slice(-third, None))
    )
    change = max(abs(a - b) for a, b in zip(first, last, strict=True))
    if change >= PLAIN_CHANGE and mood_of(*first) != mood_of(*last):
        return first, last
    return ((float(energy.mean()), float(valence.mean())),)


def in_words(moods: Sequence[tuple[float, float]]) -> str:
    """What moods (energy, valence) in turn are called."""
    return ", then ".join(mood_of(*mood) for mood in moods)
