"""Scenes of what people make: a city, a tunnel, lights, shapes. Conventions: see `brushes`."""

from __future__ import annotations

import numpy as np

from pixmus.dataset.brushes import (
    Picture,
    Sprites,
    Values,
    blend,
    fractal_noise,
    gradient,
    hue_colour,
    looked_up,
    shifted,
    smoothstep,
    spot,
)
from pixmus.dataset.looks import Look
from pixmus.dataset.scene import Scene, Sky, draw_hue, draw_sky


class City(Scene):
    """A town at dusk or night: rows of houses with lit windows, and its lights out of focus."""

    travelled = 0.22

    def prepare(self, rng: np.random.Generator, look: Look) -> None:
        sky = draw_sky(rng, look)
        night = float(look.light) < 0.4
        dim = 0.45 if night else 1.0
        back = gradient(self.y, [(0, sky.zenith * dim), (0.75, sky.horizon * (0.3 + 0.5 * dim))])
        self.back = np.repeat(back[:, None], self.width, 1)
        moon = rng.uniform(0.1, 0.9), rng.uniform(0.1, 0.3)
        aspect = self.height / self.width
        far = np.hypot(self.x - moon[0], (self.y - moon[1]) * aspect)
        self.back += (0.25 * np.exp(-far / 0.08))[..., None] * sky.sun
        blend(self.back, 0.3 + 0.7 * sky.sun, 1 - smoothstep(far, 0.022, 0.027))
        self.rows = []
        for depth in (0.0, 0.45, 1.0):
            layer, speed = self._houses(rng, depth, sky, night), 0.15 + 0.75 * depth
            self.rows.append((layer, speed))
        masks = [spot(max(3, round(self.height * r)), 0.35, 0.4) for r in (0.05, 0.08, 0.12)]
        self.sprites = Sprites(masks)
        self.lights = [
            (
                int(rng.integers(3)),
                rng.uniform(0, 1.6),
                rng.uniform(0.74, 0.95),
                hue_colour(float(rng.choice((0.02, 0.1, 0.13, 0.55, 0.92))), 0.6, 0.55),
            )
            for _ in range(14)
        ]

    def _houses(self, rng: np.random.Generator, depth: float, sky: Sky, night: bool) -> Values:
        """One row of houses: colour times alpha, and alpha (height, 2 widths, 4)."""
        wide = 2 * self.width
        layer = np.zeros((self.height, wide, 4), np.float32)
        haze = 0.65 * (1 - depth)
        wall = sky.ground * (1 - haze) * 0.8 + sky.horizon * haze * (0.4 if night else 0.75)
        unit = self.height / 180
        window = max(2, round((2 + 2.4 * depth) * unit)), max(3, round((3 + 3 * depth) * unit))
        left = 0
        while left < wide:
            house = int(rng.uniform(14, 46) * (0.7 + depth) * unit)
            roof = self.height * (
                0.82 - rng.gamma(4.0, 0.06) * (1.15 - 0.45 * depth) + 0.14 * depth
            )
            top = int(np.clip(roof, 0.12 * self.height, self.height - 4))
            right = min(wide, left + house)
            tone = wall * rng.uniform(0.75, 1.2)
            layer[top:, left:right, :3] = tone
            layer[top:, left:right, 3] = 1
            across = np.arange(left + window[0], right - window[0], 2 * window[0])
            down = np.arange(top + window[1], self.height, round(1.8 * window[1]))
            lit = rng.random((len(down), len(across))) < (0.42 if night else 0.15)
            glow = hue_colour(rng.uniform(0.08, 0.14), rng.uniform(0.25, 0.6), 1.0)
            pane = glow if night or rng.random() < 0.5 else sky.horizon
            for i, y in enumerate(down):
                for j, x in enumerate(across):
                    bright = rng.uniform(0.55, 1.0) if lit[i, j] else 0.12
                    layer[y : y + window[1], x : x + window[0], :3] += pane * bright * (1 - haze)
            left = right + int(rng.choice((0, 0, 2, 5)) * unit)
        return layer

    def paint(self, travel: float) -> Picture:
        place = self.direction * travel * self.width
        picture = self.back.copy()
        for layer, speed in self.rows:
            houses = shifted(layer, speed * place, self.width)
            picture *= 1 - houses[..., 3:]
            picture += houses[..., :3]
        street = round(0.86 * self.height)
        picture[street:] *= np.linspace(0.7, 0.35, self.height - street, dtype=np.float32)[
            :, None, None
        ]
        for index, x, y, colour in self.lights:
            at = (x - self.direction * 1.1 * travel) % 1.6 - 0.3
            self.sprites.draw(picture, index, at * self.width, y * self.height, colour, add=True)
        return picture


class Tunnel(Scene):
    """A flight through a tunnel of light towards its end."""

    travelled = 0.19

    def prepare(self, rng: np.random.Generator, look: Look) -> None:
        hue = draw_hue(rng, look)
        aspect = self.height / self.width
        centre = 0.5 + rng.normal(0, 0.06), 0.5 - 0.12 * float(look.height)
        x, y = self.x - centre[0], (self.y - centre[1]) * aspect
        radius = np.hypot(x, y) + 1e-3
        corners = int(rng.integers(0, 3))
        if corners:  # a square one rather than a round one
            radius = (np.abs(x) ** 5 + np.abs(y / 0.7) ** 5) ** 0.2 + 1e-3
        turns = (np.arctan2(y, x) / (2 * np.pi)) % 1.0
        self.depth = (0.16 / radius * 256).astype(np.float32)
        self.twist = turns * 1024 + self.depth * rng.uniform(-0.8, 0.8)
        walls = fractal_noise(rng, (1024, 1024), 1.3, stretch=0.3)
        bands = np.sin(np.arange(1024) * 2 * np.pi * int(rng.integers(5, 14)) / 1024)[:, None]
        ribs = np.sin(np.arange(1024) * 2 * np.pi * int(rng.integers(6, 16)) / 1024)
        value = np.clip(0.38 + 0.16 * walls + 0.12 * bands + 0.14 * ribs, 0.03, 1)
        tint = np.clip(0.5 + 0.3 * fractal_noise(rng, (1024, 1024), 1.8), 0, 1)[..., None]
        one, other = hue_colour(hue, 0.7, 1.0), hue_colour(hue + rng.uniform(0.08, 0.3), 0.7, 0.9)
        texture = value[..., None] * (one * tint + other * (1 - tint))
        stars = rng.random((1024, 1024)) < 0.0006
        for shift in (0, 1, 2, 3, 4):  # streaks along the way
            texture += np.roll(stars, shift, 0)[..., None] * 0.8
        self.texture = texture.astype(np.float32)
        self.near = np.clip(radius / 0.3, 0.1, 1.1)[..., None].astype(np.float32)
        glow = np.exp(-((radius / 0.09) ** 1.1))
        self.glow = (glow[..., None] * (0.35 + 0.65 * hue_colour(hue + 0.03, 0.4, 1.0))).astype(
            "f4"
        )

    def paint(self, travel: float) -> Picture:
        rows = self.depth + 300 * travel
        columns = self.twist + 60 * self.direction * travel
        picture = looked_up(self.texture, rows, columns, self.is_large)
        picture *= self.near
        picture += self.glow
        return picture


class Lights(Scene):
    """Lights out of focus that drift by: lanterns, embers, snow, dust in the sun."""

    travelled = 0.24

    def prepare(self, rng: np.random.Generator, look: Look) -> None:
        base = draw_hue(rng, look)
        dark = hue_colour(base + 0.08, 0.7, 0.16)
        light = hue_colour(base, 0.55, 0.42)
        back = gradient(
            self.y, [(0, light), (1, dark)] if look.height > 0 else [(0, dark), (1, light)]
        )
        mist = 1 + 0.25 * fractal_noise(rng, (self.height, 2 * self.width), 1.9, stretch=2.5)
        self.mist = mist[..., None] * back[:, None]
        sizes = (0.018, 0.04, 0.075, 0.13, 0.21, 0.3)
        sharp = rng.uniform(0.06, 0.5)
        ring = rng.uniform(0, 0.55)
        self.sprites = Sprites([spot(max(3, round(self.height * s)), sharp, ring) for s in sizes])
        self.fall = rng.choice((-0.5, 0.0, 0.5))  # rising, drifting, falling
        self.lights = []
        for _ in range(64):
            index = int(rng.choice(len(sizes), p=(0.22, 0.24, 0.22, 0.16, 0.1, 0.06)))
            hue = base + rng.normal(0, 0.05) + (0.45 if rng.random() < 0.12 else 0)
            value = rng.uniform(0.25, 0.9) * (1 - 0.5 * sizes[index] / 0.3)
            place = rng.uniform(0, 1.5, 2)
            self.lights.append((index, *place, sizes[index], hue_colour(hue, 0.55, value)))
        self.lights.sort(key=lambda light: light[0])

    def paint(self, travel: float) -> Picture:
        picture = shifted(self.mist, self.direction * 0.2 * travel * self.width, self.width)
        for index, x, y, size, colour in self.lights:
            speed = 0.25 + 3.0 * size
            at = (x - self.direction * speed * travel) % 1.5 - 0.25
            down = (y + self.fall * speed * 2 * travel) % 1.5 - 0.25
            self.sprites.draw(picture, index, at * self.width, down * self.height, colour, add=True)
        return picture


class Shapes(Scene):
    """Plain figures on a ground of paper, gliding past one another: motion graphics."""

    travelled = 0.33

    def prepare(self, rng: np.random.Generator, look: Look) -> None:
        base = draw_hue(rng, look)
        hues = base + np.array([0.0, 0.07, 0.5, -0.08])
        self.colours = [
            hue_colour(float(h), rng.uniform(0.45, 0.8), v)
            for h, v in zip(hues, (0.9, 0.7, 0.85, 0.35), strict=True)
        ]
        ends = [hue_colour(base + 0.05, 0.25, 0.95), hue_colour(base + 0.1, 0.4, 0.7)]
        back = gradient(
            self.y,
            [(0, ends[0]), (1, ends[1])] if look.height > 0 else [(0, ends[1]), (1, ends[0])],
        )
        paper = 1 + 0.035 * fractal_noise(rng, (self.height, self.width), 0.6)
        self.back = (paper[..., None] * back[:, None]).astype(np.float32)
        masks, self.figures = [], []
        for index in range(14):
            size = round(self.height * rng.uniform(0.18, 0.62))
            masks.append(_figure(rng, size))
            near = size / self.height
            self.figures.append(
                (index, rng.uniform(0, 1.7), rng.uniform(-0.15, 0.8), 0.35 + 1.5 * near,
                 self.colours[int(rng.integers(4))], rng.uniform(0, 6.3))
            )  # fmt: skip
        self.sprites = Sprites(masks)
        self.shadows = Sprites([0.22 * mask for mask in masks])

    def paint(self, travel: float) -> Picture:
        picture = self.back.copy()
        for index, x, y, speed, colour, phase in self.figures:
            at = ((x - self.direction * speed * travel) % 1.7 - 0.35) * self.width
            down = (y + 0.05 * np.sin(phase + 3 * speed * travel)) * self.height
            offset = 0.02 * self.height
            self.shadows.draw(picture, index, at + offset, down + offset, 0 * colour, add=False)
            self.sprites.draw(picture, index, at, down, colour, add=False)
        return picture


def _figure(rng: np.random.Generator, size: int) -> Values:
    """A disc, ring, half disc, bar, triangle or stripes (size, size), smooth at its edges."""
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1
    x, y = np.broadcast_arrays(axis, axis[:, None])
    angle = rng.choice((0, np.pi / 4, np.pi / 2, -np.pi / 4))
    x, y = x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)
    radius = np.hypot(x, y)
    inside = [
        0.95 - radius,
        np.minimum(0.95 - radius, radius - rng.uniform(0.5, 0.75)),
        np.minimum(0.95 - radius, y),
        np.minimum(0.25 - np.abs(y), 0.9 - np.abs(x)),
        np.minimum(0.6 - y, np.minimum(y / 2 - x, y / 2 + x) + 0.25),
        np.minimum(0.95 - radius, 0.12 - np.abs((y * 2.2) % 0.5 - 0.25)),
    ][int(rng.integers(6))]
    mask: Values = np.clip(inside * size / 2 + 0.5, 0, 1).astype(np.float32)
    return mask
