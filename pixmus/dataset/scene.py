"""`Scene`: what is drawn once from a seed, and a picture of it from any place; skies for them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from pixmus.dataset.brushes import Picture, hue_colour
from pixmus.dataset.looks import FILM_SIZE, Look


class Scene(ABC):
    """One scene: what is drawn once in `__init__`, and a picture of it from any place."""

    travelled = 1.0  # measured motion over the camera's speed (see `measure_motion`)

    def __init__(self, rng: np.random.Generator, size: tuple[int, int], look: Look) -> None:
        self.width, self.height = size
        self.x = (np.arange(self.width, dtype=np.float32) + 0.5) / self.width
        self.y = ((np.arange(self.height, dtype=np.float32) + 0.5) / self.height)[:, None]
        self.direction = float(rng.choice((-1, 1)))
        self.is_large = self.height > 2 * FILM_SIZE[1]  # textures would show their pixels
        self.prepare(rng, look)

    @abstractmethod
    def prepare(self, rng: np.random.Generator, look: Look) -> None:
        """Draw what stays."""

    @abstractmethod
    def paint(self, travel: float) -> Picture:
        """The picture after the camera has gone `travel` picture widths."""


def draw_hue(rng: np.random.Generator, look: Look) -> float:
    """A hue that suits the warmth: reds to yellows, greens or purples between, cyans to blues."""
    warmth = float(look.warmth) * 5 + rng.normal(0, 0.3)
    if warmth > 0.25:
        return float(rng.uniform(-0.05, 0.13))
    if warmth < -0.25:
        return float(rng.uniform(0.5, 0.68))
    return float(rng.choice((0.2, 0.42, 0.75, 0.88)) + rng.normal(0, 0.03))


@dataclass(frozen=True)
class Sky:
    """The colours of a sky, from its zenith to the horizon, and of what lies under it."""

    zenith: Picture
    horizon: Picture
    sun: Picture
    ground: Picture


def draw_sky(rng: np.random.Generator, look: Look) -> Sky:
    """A sky that suits the look: warm ones glow at the horizon, dark ones are nights."""
    warmth = float(np.clip(look.warmth * 5 + rng.normal(0, 0.35), -1, 1))
    dark = float(look.light) < 0.25
    hue = rng.uniform(0.54, 0.64) if warmth < 0.4 else rng.uniform(0.58, 0.78)
    glow = rng.uniform(0.02, 0.11) if warmth > 0 else rng.uniform(0.48, 0.58)
    zenith = hue_colour(hue, rng.uniform(0.55, 0.8), 0.25 if dark else rng.uniform(0.45, 0.75))
    horizon = hue_colour(glow, 0.25 + 0.45 * abs(warmth), 0.6 if dark else 0.95)
    sun = hue_colour(glow + 0.02, 0.25 + 0.3 * max(0.0, warmth), 1.0)
    ground_hue = rng.choice((0.6, 0.35, 0.28, 0.05, 0.75)) + rng.normal(0, 0.02)
    ground = hue_colour(float(ground_hue), rng.uniform(0.3, 0.55), rng.uniform(0.16, 0.34))
    return Sky(zenith, horizon, sun, ground)
