"""Scenes of nature: ridges, the sea, clouds, a forest, a plain. Conventions: see `brushes`."""

from __future__ import annotations

import numpy as np

from pixmus.dataset.brushes import (
    Picture,
    Values,
    blend,
    fractal_noise,
    gradient,
    hue_colour,
    looked_up,
    magnified,
    shifted,
    smoothstep,
)
from pixmus.dataset.looks import Look
from pixmus.dataset.scene import Scene, draw_sky


class Ridges(Scene):
    """Mountains or dunes one behind the other under a sun and clouds, in a tracking shot."""

    travelled = 0.1

    def prepare(self, rng: np.random.Generator, look: Look) -> None:
        self.sky = sky = draw_sky(rng, look)
        self.horizon = float(np.clip(0.44 + 0.12 * look.height + rng.normal(0, 0.04), 0.26, 0.62))
        back = gradient(self.y, [(0, sky.zenith), (self.horizon + 0.05, sky.horizon)])
        self.back = np.repeat(back[:, None], self.width, 1)
        centre = rng.uniform(0.15, 0.85), self.horizon - rng.uniform(0.05, 0.3)
        aspect = self.height / self.width
        far = np.hypot(self.x - centre[0], (self.y - centre[1]) * aspect)
        self.back += 0.55 * np.exp(-((far / 0.22) ** 1.2))[..., None] * sky.sun
        blend(self.back, 0.5 + 1.2 * sky.sun, 1 - smoothstep(far, 0.028, 0.036))
        tall = max(8, int(self.height * (self.horizon + 0.1)))
        clouds = fractal_noise(rng, (tall, 2 * self.width), 1.5, stretch=1.8)
        fall = np.linspace(1.0, 0.5, tall, dtype=np.float32)[:, None]
        self.clouds = smoothstep(clouds, 0.2, 1.8) * fall * rng.uniform(0.3, 0.9)
        self.cloud_colour = 0.75 * sky.sun + 0.25
        num = int(rng.integers(4, 7))
        self.is_smooth = rng.random() < 0.35  # dunes
        self.profiles, self.colours, self.speeds = [], [], []
        for index in range(num):
            depth = index / (num - 1)  # 0 far, 1 near
            rough = fractal_noise(rng, (4 * self.width,), 1.9 if self.is_smooth else 1.35)
            base = self.horizon + (0.95 - self.horizon) * depth**1.3
            profile = base - (0.05 + 0.05 * (1 - depth)) * rough
            if depth > 0.5 and not self.is_smooth:  # woods
                trees = np.abs(fractal_noise(rng, (4 * self.width,), 0.35))
                profile = profile - 0.022 * depth**2 * trees
            self.profiles.append((profile * self.height).astype(np.float32))
            haze = (1 - depth) ** 1.4 * 0.85
            self.colours.append((sky.ground * (1 - haze) + sky.horizon * haze).astype(np.float32))
            self.speeds.append(0.15 + 0.85 * depth**1.2)
        # Relief lit from the left, with the shadows of clouds on it.
        relief = fractal_noise(rng, (self.height, 2 * self.width), 1.75, stretch=1.3)
        step = max(1, self.height // 45)
        slope = relief - np.roll(relief, (step, step), (0, 1))
        shadows = fractal_noise(rng, (self.height, 2 * self.width), 1.8, stretch=2.0)
        self.rock = 0.26 * slope / slope.std() + 0.14 * shadows

    def paint(self, travel: float) -> Picture:
        place = self.direction * travel * self.width
        picture = self.back.copy()
        clouds = shifted(self.clouds, 0.2 * place, self.width)
        blend(picture[: len(clouds)], self.cloud_colour, clouds)
        rows = np.arange(self.height, dtype=np.float32)[:, None]
        for profile, colour, speed in zip(self.profiles, self.colours, self.speeds, strict=True):
            edge = shifted(profile[None], speed * place, self.width)[0]
            top = max(0, int(edge.min()) - 1)
            if top >= self.height:
                continue
            below = rows[top:] - edge
            # Lit at the crest, hazy at the foot.
            shade = 1.25 - np.clip(below / (0.5 * self.height), 0, 1) * 0.5
            if speed > 0.25:
                shade = shade + shifted(self.rock[top:], speed * place, self.width)
            blend(picture[top:], shade[..., None] * colour, np.clip(below + 0.5, 0, 1))
        return picture


class Sea(Scene):
    """Open water under a low sun: swell in perspective and a path of glitter."""

    travelled = 0.17

    def prepare(self, rng: np.random.Generator, look: Look) -> None:
        sky = draw_sky(rng, look)
        self.horizon = float(np.clip(0.42 + 0.16 * look.height + rng.normal(0, 0.04), 0.25, 0.68))
        self.edge = round(self.horizon * self.height)
        back = gradient(self.y[: self.edge], [(0, sky.zenith), (self.horizon, sky.horizon)])
        self.above = np.repeat(back[:, None], self.width, 1)
        self.sun_x = rng.uniform(0.2, 0.8)
        aspect = self.height / self.width
        sun_y = self.horizon - rng.uniform(0.02, 0.22)
        far = np.hypot(self.x - self.sun_x, (self.y[: self.edge] - sun_y) * aspect)
        self.above += 0.6 * np.exp(-((far / 0.2) ** 1.1))[..., None] * sky.sun
        blend(self.above, 0.5 + 1.2 * sky.sun, 1 - smoothstep(far, 0.03, 0.038))
        clouds = fractal_noise(rng, (self.edge, 2 * self.width), 1.6, stretch=1.8)
        self.clouds = smoothstep(clouds, 0.3, 2.0) * rng.uniform(0.3, 0.8)
        self.cloud_colour = 0.7 * sky.sun + 0.2
        below = (self.y[self.edge :] - self.horizon) / (1 - self.horizon)  # 0 horizon, 1 nearest
        self.below = np.maximum(below, 0.004)
        depth = 1 / (self.below + 0.06)
        deep = gradient(
            self.below, [(0, 0.6 * sky.horizon + 0.2 * sky.zenith), (1, 0.5 * sky.zenith)]
        )
        self.water = np.repeat(deep[:, None], self.width, 1)
        self.swell = fractal_noise(rng, (512, 512), 1.15, stretch=0.35)
        self.columns = (self.x - 0.5) * depth * 150
        self.rows = depth * 70 + np.zeros_like(self.columns)
        self.mirror = (0.9 * sky.horizon + 0.25 * sky.sun).astype(np.float32)
        width = 0.05 + 0.16 * self.below
        self.path = np.exp(-(((self.x - self.sun_x) / width) ** 2))
        self.sun = sky.sun
        self.fine = np.clip(self.below * 5, 0.15, 1)

    def paint(self, travel: float) -> Picture:
        picture = np.empty((self.height, self.width, 3), np.float32)
        picture[: self.edge] = self.above
        clouds = shifted(self.clouds, self.direction * 0.25 * travel * self.width, self.width)
        blend(picture[: self.edge], self.cloud_colour, clouds)
        ahead, aside = 160 * travel, 60 * self.direction * travel
        rows, columns = self.rows + ahead, self.columns + aside
        one = looked_up(self.swell, rows, columns, self.is_large)
        rows, columns = rows * 0.57 - 0.3 * ahead, columns * 0.61 + 200
        other = looked_up(self.swell, rows, columns, self.is_large)
        wave = (one + other) * self.fine
        lower = picture[self.edge :]
        lower[:] = self.water
        blend(lower, self.mirror, np.clip(0.22 + 0.2 * wave, 0, 1))
        glitter = self.path * np.clip(0.35 + 0.6 * wave, 0, 1.6)
        lower += glitter[..., None] * self.sun
        return picture


class Clouds(Scene):
    """Nothing but sky: heaps of cloud that the camera drifts through."""

    travelled = 0.19

    def prepare(self, rng: np.random.Generator, look: Look) -> None:
        sky = draw_sky(rng, look)
        back = gradient(self.y, [(0, sky.zenith), (1, 0.6 * sky.horizon + 0.4 * sky.zenith)])
        self.back = np.repeat(back[:, None], self.width, 1)
        shape = (self.height * 2, self.width * 2)
        heaps = fractal_noise(rng, shape, 1.65, stretch=1.3)
        cover = rng.uniform(-0.4, 0.5)
        alpha = smoothstep(heaps, cover, cover + 1.1)
        # Light comes from above: the cloud is bright where less of it lies over it.
        above = sum(np.roll(heaps, max(1, self.height // 24) * k, 0) for k in (1, 2, 3)) / 3
        lit = np.clip(0.62 + 0.45 * (heaps - above), 0, 1.15)
        self.near = np.stack([alpha, lit.astype(np.float32)], -1)
        self.far = smoothstep(fractal_noise(rng, shape, 1.4, stretch=2.5), 0.2, 2.2) * 0.6
        self.bright = (0.25 + 0.75 * sky.sun).astype(np.float32)
        self.dark = (0.45 * sky.zenith + 0.3 * sky.horizon).astype(np.float32)
        self.thin = (0.3 * sky.sun + 0.7 * sky.horizon).astype(np.float32)
        self.start = rng.uniform(0, self.width, 2)

    def paint(self, travel: float) -> Picture:
        picture = self.back.copy()
        x, y = self.start + self.direction * travel * self.width * np.array([1.0, 0.12])
        far = magnified(self.far, 0.35 * x, y, 1.0, self.width, self.height)
        blend(picture, self.thin, far)
        alpha = magnified(self.near[..., 0], x, y, 1.0, self.width, self.height)
        lit = magnified(self.near[..., 1], x, y, 1.0, self.width, self.height)
        blend(picture, self.dark + lit[..., None] * (self.bright - self.dark), alpha)
        return picture


class Forest(Scene):
    """Trunks in parallax before a bright clearing, shafts of light between them."""

    travelled = 0.43

    def prepare(self, rng: np.random.Generator, look: Look) -> None:
        warm = float(np.clip(look.warmth * 5 + rng.normal(0, 0.3), -1, 1))
        hue = 0.27 - 0.17 * warm + rng.normal(0, 0.02) + (0.12 if warm < -0.4 else 0.0)
        glow = hue_colour(hue - 0.08, 0.3, 1.0)
        leaf = hue_colour(hue, 0.45, 0.42)
        self.dark = hue_colour(hue + 0.05, 0.55, 0.1)
        middle = rng.uniform(0.3, 0.7), 0.45 - 0.2 * float(look.height)
        aspect = self.height / self.width
        far = np.hypot(self.x - middle[0], (self.y - middle[1]) * aspect)
        back = np.exp(-((far / 0.3) ** 1.3)).astype(np.float32)
        self.back = leaf + back[..., None] * (glow - leaf)
        leaves = fractal_noise(rng, (self.height, 2 * self.width), 0.95)
        self.leaves = smoothstep(leaves, -0.2, 1.6) * 0.55
        self.leaf = 0.55 * leaf
        slant = rng.uniform(-0.8, 0.8)
        rays = fractal_noise(rng, (2 * self.width,), 1.2)
        at = (self.x + slant * self.y) * self.width
        shaft = np.clip(rays[at.astype(int) % len(rays)], 0, 2) * (1 - self.y) ** 0.7
        self.shafts = (0.16 * shaft)[..., None] * glow
        self.layers = []
        for depth in (0.1, 0.4, 1.0):
            haze = 0.62 * (1 - depth)
            tone = self.dark * (1 - haze) + (0.55 * glow + 0.45 * leaf) * haze
            self.layers.append((self._trunks(rng, depth, tone), 0.15 + 0.85 * depth))
        floor = 0.86 - 0.03 * fractal_noise(rng, (2 * self.width,), 1.3)
        self.floor = (floor * self.height).astype(np.float32)

    def _trunks(self, rng: np.random.Generator, depth: float, tone: Picture) -> Values:
        wide = 2 * self.width
        alpha: Values = np.zeros((self.height, wide), np.float32)
        shade: Values = np.ones((self.height, wide), np.float32)
        columns = np.arange(wide, dtype=np.float32)
        for _ in range(int(rng.integers(11, 16) * (1.5 - depth))):
            girth = self.width * rng.uniform(0.006, 0.016) * (0.5 + 2.2 * depth)
            centre = rng.uniform(0, wide)
            lean = rng.normal(0, 0.04) * self.height
            axis = centre + lean * (self.y - 0.5) + 0.2 * girth * np.sin(9 * self.y + centre)
            away = (columns - axis + wide / 2) % wide - wide / 2
            radius = girth * (0.8 + 0.45 * self.y**3)
            trunk = np.clip(radius - np.abs(away) + 0.5, 0, 1)
            round_ = 0.75 + 0.55 * np.clip(away / np.maximum(radius, 1), -1, 1)
            shade = shade * (1 - trunk) + round_.astype(np.float32) * trunk
            alpha = np.maximum(alpha, trunk)
        bark = 1 + 0.25 * fractal_noise(rng, (self.height, wide), 0.7, stretch=12.0)
        colour = (shade * bark)[..., None] * tone
        return np.concatenate([colour * alpha[..., None], alpha[..., None]], -1).astype(np.float32)

    def paint(self, travel: float) -> Picture:
        place = self.direction * travel * self.width
        picture: Picture = self.back.copy()
        blend(picture, self.leaf, shifted(self.leaves, 0.1 * place, self.width))
        for index, (layer, speed) in enumerate(self.layers):
            trunks = shifted(layer, speed * place, self.width)
            picture *= 1 - trunks[..., 3:]
            picture += trunks[..., :3]
            if index == 1:
                picture += self.shafts
        edge = shifted(self.floor[None], place, self.width)[0]
        top = int(edge.min()) - 1
        below = np.arange(top, self.height, dtype=np.float32)[:, None] - edge
        blend(picture[top:], 0.8 * self.dark, np.clip(below / 3, 0, 0.92))
        return picture


class Plain(Scene):
    """A road or furrows that run to the horizon, seen from a car."""

    travelled = 0.17

    def prepare(self, rng: np.random.Generator, look: Look) -> None:
        sky = draw_sky(rng, look)
        self.horizon = float(np.clip(0.46 + 0.14 * look.height + rng.normal(0, 0.03), 0.3, 0.66))
        self.edge = round(self.horizon * self.height)
        back = gradient(self.y[: self.edge], [(0, sky.zenith), (self.horizon, sky.horizon)])
        self.above = np.repeat(back[:, None], self.width, 1)
        aspect = self.height / self.width
        sun = rng.uniform(0.1, 0.9), self.horizon - rng.uniform(0.05, 0.35)
        far = np.hypot(self.x - sun[0], (self.y[: self.edge] - sun[1]) * aspect)
        self.above += 0.5 * np.exp(-((far / 0.2) ** 1.2))[..., None] * sky.sun
        clouds = fractal_noise(rng, (self.edge, 2 * self.width), 1.5, stretch=1.8)
        self.clouds = smoothstep(clouds, 0.1, 1.9) * rng.uniform(0.4, 0.9)
        self.cloud_colour = 0.75 * sky.sun + 0.25
        hills = (
            self.horizon - 0.03 - 0.025 * fractal_noise(rng, (2 * self.width,), 1.5)
        ) * self.height
        self.hills = hills.astype(np.float32)
        self.hill_colour = 0.55 * sky.horizon + 0.45 * sky.ground
        below = np.maximum((self.y[self.edge :] - self.horizon) / (1 - self.horizon), 0.006)
        self.depth = (34 / (below + 0.05)).astype(np.float32)
        self.haze = (np.clip(1 - below * 4.5, 0, 1) ** 1.5).astype(np.float32)
        centre = 0.5 + rng.normal(0, 0.1)
        across = (self.x - centre) / (below + 0.05) * 0.7
        self.across = (across * 128 + 512).astype(np.float32)
        field = 0.9 + 0.22 * fractal_noise(rng, (1024, 1024), 1.0, stretch=1.0)
        hue = float(rng.choice((0.1, 0.14, 0.24, 0.3, 0.07))) + rng.normal(0, 0.02)
        colour = hue_colour(hue, rng.uniform(0.4, 0.7), rng.uniform(0.4, 0.6))
        columns = np.arange(1024)
        furrows = 1 + 0.16 * np.sin(columns * 2 * np.pi * int(rng.integers(40, 70)) / 1024)
        texture = (field * furrows)[..., None] * colour
        rows = np.arange(1024)
        if rng.random() < 0.7:
            road = np.abs(columns - 512) < 40
            grey = 0.26 + 0.04 * fractal_noise(rng, (1024, 1024), 0.6)
            texture[:, road] = grey[:, road, None] * (0.7 + 0.3 * sky.horizon)
            texture[:, np.abs(np.abs(columns - 512) - 36) < 2] = 0.75
            dashes = (rows // 32) % 2 == 0
            texture[np.ix_(dashes, np.abs(columns - 512) < 2)] = 0.85
        for start in range(0, 1024, 128):  # shadows of posts
            texture[start : start + 5, np.abs(np.abs(columns - 512) - 56) < 9] *= 0.4
        self.texture = texture.astype(np.float32)
        self.horizon_colour = (0.75 * sky.horizon + 0.25 * sky.ground).astype(np.float32)

    def paint(self, travel: float) -> Picture:
        picture = np.empty((self.height, self.width, 3), np.float32)
        picture[: self.edge] = self.above
        place = self.direction * travel * self.width
        blend(
            picture[: self.edge], self.cloud_colour, shifted(self.clouds, 0.15 * place, self.width)
        )
        edge = shifted(self.hills[None], 0.1 * place, self.width)[0]
        top = int(edge.min()) - 1
        below = np.arange(top, self.edge, dtype=np.float32)[:, None] - edge
        blend(picture[top : self.edge], self.hill_colour, np.clip(below + 0.5, 0, 1))
        rows = self.depth + 260 * travel + np.zeros_like(self.across)
        ground = looked_up(self.texture, rows, self.across, self.is_large)
        blend(ground, self.horizon_colour, self.haze)
        picture[self.edge :] = ground
        return picture
