"""Pictures of our own: landscapes, seas, cities and lights, painted by numpy from a seed.

`paint_film` paints the frames of a clip and `paint_still` one picture; how they are lit, coloured
and moved is told by a `Look` that they are graded to, as a colourist would: what a shot shows comes
from its seed, how it looks from the look. Nothing here is filmed, photographed or learnt.

Conventions: a picture is float32 (height, width, 3), 0..1, as shown (no gamma is undone); distances
are picture widths, y counts downwards from the top as a share of the height.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[Any]  # float32
Values = NDArray[Any]  # any floats

FRAME_RATE = 15  # frames a second
FILM_SIZE = (320, 180)
STILL_SIZE = (1280, 720)
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
SOLVED_WIDTH = 80  # pixels a row of the thumbnail that the grade is worked out on
SOLVED_ROUNDS = 4
SOLVED_EVERY = 3  # frames: the grade changes slowly

# What a grade may do to a picture at most; beyond it a night would be stretched to a grey day.
GAINS = (0.45, 3.0)
COLOUR_GAINS = (0.1, 2.5)
LARGEST_TINT = 0.4  # of red minus blue
TILT = 0.55  # of the light, from the middle to the upper or lower edge, at a height of 1


@dataclass(frozen=True)
class Look:
    """How a picture looks, as `pixmus.picture.features` measures it; arrays run over frames."""

    speed: Values  # of the camera, picture widths a second
    light: Values  # mean luma, 0..1
    contrast: Values  # standard deviation of luma, 0..0.5
    saturation: Values  # mean chroma, 0..1
    warmth: Values  # mean red minus blue, -1..1
    height: Values  # where the light lies: -1 below, 1 above

    def at(self, frame: int) -> Look:
        """The look of one frame, each value a scalar array."""
        return Look(**{field.name: getattr(self, field.name)[frame] for field in fields(self)})


@dataclass(frozen=True)
class Shot:
    """A stretch of frames that shows one scene."""

    start: int  # first frame
    end: int  # the frame after the last one
    kind: str  # one of SCENES
    seed: int
    dissolve: int = 0  # frames at its beginning in which the shot before shows through
    fades_in: bool = False  # from black, over the same frames


class Scene:
    """One scene: what is drawn once in `__init__`, and a picture of it from any place."""

    travelled = 1.0  # measured motion over the camera's speed (see `measure_motion`)

    def __init__(self, rng: np.random.Generator, size: tuple[int, int], look: Look) -> None:
        self.width, self.height = size
        self.x = (np.arange(self.width, dtype=np.float32) + 0.5) / self.width
        self.y = ((np.arange(self.height, dtype=np.float32) + 0.5) / self.height)[:, None]
        self.direction = float(rng.choice((-1, 1)))
        self.is_large = self.height > 2 * FILM_SIZE[1]  # textures would show their pixels
        self.prepare(rng, look)

    def prepare(self, rng: np.random.Generator, look: Look) -> None:
        """Draw what stays."""
        raise NotImplementedError

    def paint(self, travel: float) -> Picture:
        """The picture after the camera has gone `travel` picture widths."""
        raise NotImplementedError


# ------------------------------------------------------------------------------------ ingredients


def fractal_noise(
    rng: np.random.Generator, shape: tuple[int, ...], slope: float, stretch: float = 1.0
) -> Values:
    """Noise of mean 0 and variance 1 that repeats without a seam; amplitude falls as f^-slope.

    `stretch` above 1 draws it out horizontally.
    """
    axes = [np.fft.fftfreq(n) for n in shape[:-1]] + [np.fft.rfftfreq(shape[-1])]
    squares = [axis**2 for axis in axes]
    squares[-1] = squares[-1] * stretch**2
    radius = np.sqrt(sum(np.meshgrid(*squares, indexing="ij")))
    radius.flat[0] = np.inf
    phases = rng.uniform(0, 2 * np.pi, radius.shape)
    spectrum = radius**-slope * np.exp(1j * phases)
    noise = np.fft.irfftn(spectrum, shape, axes=tuple(range(len(shape))))
    return ((noise - noise.mean()) / noise.std()).astype(np.float32)


def smoothstep(values: Values, low: float, high: float) -> Values:
    """0 below `low`, 1 above `high`, smooth between."""
    share = np.clip((values - low) / (high - low), 0, 1)
    return share * share * (3 - 2 * share)


def hue_colour(hue: float, saturation: float, value: float) -> Picture:
    """The colour (3,) of a hue (turns from red), as HSV has it."""
    sector = (hue % 1.0) * 6 + np.array([0.0, 4.0, 2.0])
    share = np.clip(np.abs(sector % 6 - 3) - 1, 0, 1)
    return (value * (1 - saturation + saturation * share)).astype(np.float32)


def draw_hue(rng: np.random.Generator, look: Look) -> float:
    """A hue that suits the warmth: reds to yellows, greens or purples between, cyans to blues."""
    warmth = float(look.warmth) * 5 + rng.normal(0, 0.3)
    if warmth > 0.25:
        return float(rng.uniform(-0.05, 0.13))
    if warmth < -0.25:
        return float(rng.uniform(0.5, 0.68))
    return float(rng.choice((0.2, 0.42, 0.75, 0.88)) + rng.normal(0, 0.03))


def gradient(y: Values, stops: Sequence[tuple[float, Picture]]) -> Picture:
    """Colours (height, 3) between (y, colour) stops."""
    places = [place for place, _ in stops]
    colours = np.stack([colour for _, colour in stops])
    flat = y.ravel()
    return np.stack([np.interp(flat, places, column) for column in colours.T], 1).astype(np.float32)


def shifted(texture: Values, x: float, width: int) -> Values:
    """`width` columns from pixel `x` (any float) of a texture that repeats horizontally."""
    first = int(np.floor(x))
    share = np.float32(x - first)
    columns = np.arange(first, first + width + 1) % texture.shape[1]
    wide = texture.take(columns, axis=1)
    return wide[:, :-1] * (1 - share) + wide[:, 1:] * share


def magnified(texture: Values, x: float, y: float, zoom: float, width: int, height: int) -> Values:
    """(height, width) of a texture that repeats, its middle at pixel (x, y), enlarged `zoom`."""
    rows = y + (np.arange(height) - height / 2) / zoom
    columns = x + (np.arange(width) - width / 2) / zoom
    first_row, first_column = np.floor(rows).astype(int), np.floor(columns).astype(int)
    down = (rows - first_row).astype(np.float32)[:, None]
    right = (columns - first_column).astype(np.float32)
    tall = texture.shape[0]
    needed = np.arange(first_row[0], first_row[-1] + 2)
    part = texture[needed % tall]
    wide = texture.shape[1]
    part = part[:, first_column % wide] * (1 - right) + part[:, (first_column + 1) % wide] * right
    index = first_row - first_row[0]
    return part[index] * (1 - down) + part[index + 1] * down


def looked_up(texture: Values, rows: Values, columns: Values, smooth: bool) -> Values:
    """A texture that repeats, (size, size) or (size, size, 3), at places given in pixels.

    The size is a power of two. Smooth is between the four nearest pixels, else the nearest.
    """
    size = len(texture)
    row, column = np.floor(rows).astype(np.int32), np.floor(columns).astype(np.int32)
    flat = texture.reshape(size * size, *texture.shape[2:])

    def at(down: int, right: int) -> Values:
        place = ((row + down) & (size - 1)) * size + ((column + right) & (size - 1))
        return flat.take(place, axis=0)

    if not smooth:
        return at(0, 0)
    below, beside = (rows - row).astype(np.float32), (columns - column).astype(np.float32)
    if texture.ndim == 3:
        below, beside = below[..., None], beside[..., None]
    upper = at(0, 0) * (1 - beside) + at(0, 1) * beside
    lower = at(1, 0) * (1 - beside) + at(1, 1) * beside
    return upper * (1 - below) + lower * below


def blend(picture: Picture, colour: Picture, alpha: Values) -> None:
    """Lay a colour (anything that broadcasts) over a picture in place; alpha is (height, width)."""
    picture += (colour - picture) * alpha[..., None]


def spot(size: int, softness: float, ring: float = 0.0) -> Values:
    """A disc (size, size) with a soft edge, brighter at its rim by `ring`."""
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1
    radius = np.hypot(axis, axis[:, None])
    disc = 1 - smoothstep(radius, 0.96 - softness, 0.96)
    return disc * (1 - ring + ring * radius**4)


class Sprites:
    """Small pictures that move with the camera, near ones faster, and come back from the far side.

    Each is a mask drawn at `SUBPIXELS` places within a pixel, so that slow movement does not jump.
    """

    SUBPIXELS = 4

    def __init__(self, masks: Sequence[Values]) -> None:
        self._shifted = [
            [_moved(mask, k / self.SUBPIXELS) for k in range(self.SUBPIXELS)] for mask in masks
        ]

    def draw(
        self, picture: Picture, index: int, x: float, y: float, colour: Picture, add: bool
    ) -> None:
        """Lay sprite `index` with its left upper corner at pixel (x, y)."""
        left = int(np.floor(x))
        mask = self._shifted[index][int((x - left) * self.SUBPIXELS)]
        top = round(y)
        tall, wide = mask.shape
        height, width = picture.shape[:2]
        low, high = max(0, -top), min(tall, height - top)
        first, last = max(0, -left), min(wide, width - left)
        if low >= high or first >= last:
            return
        part = picture[top + low : top + high, left + first : left + last]
        alpha = mask[low:high, first:last, None]
        if add:
            part += alpha * colour
        else:
            part += (colour - part) * alpha


def _moved(mask: Values, share: float) -> Values:
    padded = np.pad(mask, ((0, 0), (1, 1)))
    return (padded[:, 1:] * (1 - share) + padded[:, :-1] * share).astype(np.float32)


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


# ----------------------------------------------------------------------------------------- scenes


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
        picture = self.back.copy()
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
    return np.clip(inside * size / 2 + 0.5, 0, 1).astype(np.float32)


SCENES: dict[str, type[Scene]] = {
    "ridges": Ridges, "sea": Sea, "clouds": Clouds, "city": City, "forest": Forest,
    "tunnel": Tunnel, "lights": Lights, "plain": Plain, "shapes": Shapes,
}  # fmt: skip
NIGHT_SCENES = ("city", "lights", "tunnel")  # that look well in the dark
DAY_SCENES = ("clouds", "shapes", "plain")  # that do not


# ------------------------------------------------------------------------------------------ grade


@dataclass(frozen=True)
class Grade:
    """What is done to every pixel: picture * gain + luma * grey + offset, cut to 0..1."""

    gain: float
    grey: float
    offset: Picture  # (3,)

    def apply(self, picture: Picture) -> Picture:
        """The graded picture; the one given is used up."""
        luma = picture @ LUMA
        picture *= np.float32(self.gain)
        picture += (luma * np.float32(self.grey))[..., None]
        picture += self.offset
        return np.clip(picture, 0, 1, out=picture)


def solve_grade(picture: Picture, look: Look) -> Grade:
    """The grade that brings a picture to the light, contrast, saturation and warmth of a look.

    Worked out on a thumbnail in `SOLVED_ROUNDS` rounds, within `GAINS`, `COLOUR_GAINS` and
    `LARGEST_TINT`: what is out of reach is left as near as that allows.
    """
    every = max(1, picture.shape[1] // SOLVED_WIDTH)
    small = np.ascontiguousarray(picture[::every, ::every]).reshape(-1, 3)
    luma = small @ LUMA
    colour = small - luma[:, None]
    spread, mean = float(luma.std()) + 1e-4, float(luma.mean())
    gain = float(np.clip(float(look.contrast) / spread, *GAINS))
    light, warmth = float(look.light), float(look.warmth)
    warm = float((small[:, 0] - small[:, 2]).mean())
    chroma = float((small.max(1) - small.min(1)).mean()) + 1e-4
    colour_gain = float(np.clip(float(look.saturation) / chroma, *COLOUR_GAINS))
    # Red and blue are moved apart without a change of luma.
    direction = np.array([0.5, 0.0, -0.5], np.float32)
    direction -= float(direction @ LUMA)
    for _ in range(SOLVED_ROUNDS):
        tint = float(np.clip(warmth - colour_gain * warm, -LARGEST_TINT, LARGEST_TINT))
        offset = (light - gain * mean + tint * direction).astype(np.float32)
        graded = np.clip(gain * luma[:, None] + colour_gain * colour + offset, 0, 1)
        after = graded @ LUMA
        # What was cut off at black and white is made up for in the next round.
        light += float(look.light) - float(after.mean())
        gain = float(np.clip(gain * float(look.contrast) / (float(after.std()) + 1e-4), *GAINS))
        warmth += 0.7 * (float(look.warmth) - float((graded[:, 0] - graded[:, 2]).mean()))
        chroma = float((graded.max(1) - graded.min(1)).mean()) + 1e-4
        colour_gain *= float(np.clip(float(look.saturation) / chroma, 0.5, 2.0)) ** 0.8
        colour_gain = float(np.clip(colour_gain, *COLOUR_GAINS))
    tint = float(np.clip(warmth - colour_gain * warm, -LARGEST_TINT, LARGEST_TINT))
    offset = (light - gain * mean + tint * direction).astype(np.float32)
    return Grade(colour_gain, gain - colour_gain, offset)


# ------------------------------------------------------------------------------- films and stills


def _lighting(size: tuple[int, int]) -> tuple[Picture, Values]:
    """A vignette (height, width, 1), and how far above the middle each row lies (height, 1, 1)."""
    width, height = size
    x = (np.arange(width, dtype=np.float32) + 0.5) / width * 2 - 1
    y = ((np.arange(height, dtype=np.float32) + 0.5) / height * 2 - 1)[:, None]
    vignette = 1 - 0.22 * np.clip(x * x + y * y - 0.35, 0, None)
    return vignette[..., None].astype(np.float32), -y[..., None]


def paint_film(
    shots: Sequence[Shot],
    look: Look,
    size: tuple[int, int] = FILM_SIZE,
    flashes: Sequence[int] = (),
) -> Iterator[NDArray[np.uint8]]:
    """The frames of a film, uint8 (height, width, 3), one for each frame of the look.

    Shots follow one another without a gap from frame 0. A flash is white for its frame and gone
    after `FLASH_FRAMES`.
    """
    vignette, above = _lighting(size)
    grade: Grade | None = None
    scenes: dict[int, Scene] = {}
    travels: dict[int, float] = {}

    def picture_of(index: int, frame: int) -> Picture:
        shot = shots[index]
        if index not in scenes:
            rng = np.random.default_rng(shot.seed)
            scenes[index] = SCENES[shot.kind](rng, size, look.at(min(frame, len(look.light) - 1)))
            travels[index] = float(rng.uniform(0, 1))
        scene = scenes[index]
        step = float(look.speed[frame]) / FRAME_RATE
        travels[index] += step / scene.travelled
        return scene.paint(travels[index])

    for index, shot in enumerate(shots):
        for gone in [old for old in scenes if old < index - 1]:
            del scenes[gone]
        for frame in range(shot.start, shot.end):
            picture = picture_of(index, frame)
            since = frame - shot.start
            share = (since + 1) / (shot.dissolve + 1)
            if share < 1 and index > 0 and not shot.fades_in:
                picture *= np.float32(share)
                picture += np.float32(1 - share) * picture_of(index - 1, frame)
            picture *= vignette * (1 + TILT * look.height[frame] * above)
            if grade is None or since % SOLVED_EVERY == 0:
                grade = solve_grade(picture, look.at(frame))
            picture = grade.apply(picture)
            if share < 1 and shot.fades_in:
                picture *= np.float32(share)
            for flash in flashes:
                if 0 <= frame - flash < FLASH_FRAMES:
                    white = np.float32(0.75 * (1 - (frame - flash) / FLASH_FRAMES))
                    picture += (1 - picture) * white
            yield _as_bytes(picture)


FLASH_FRAMES = 3


def paint_still(
    kind: str, seed: int, look: Look, size: tuple[int, int] = STILL_SIZE
) -> NDArray[np.uint8]:
    """One picture of a scene, uint8 (height, width, 3); the look's values are scalars."""
    rng = np.random.default_rng(seed)
    scene = SCENES[kind](rng, size, look)
    vignette, above = _lighting(size)
    picture = scene.paint(float(rng.uniform(0, 3)))
    picture *= vignette * (1 + np.float32(TILT * float(look.height)) * above)
    return _as_bytes(solve_grade(picture, look).apply(picture))


def _as_bytes(picture: Picture) -> NDArray[np.uint8]:
    picture *= 255
    picture += 0.5
    return picture.astype(np.uint8)


def measure_motion(kind: str, seeds: Sequence[int], speed: float = 0.05) -> float:
    """Median of the motion that `picture.features` measures in films of a scene, over the speed.

    `Scene.travelled` of each kind was set with it, so that all kinds move alike to the eye.
    """
    from fractions import Fraction

    from pixmus.picture.features import extract_features
    from pixmus.picture.video import Frame

    found = []
    num_frames = 3 * FRAME_RATE
    for seed in seeds:
        look = even_look(num_frames, speed=speed * SCENES[kind].travelled)
        shot = Shot(0, num_frames, kind, seed)
        frames = [
            Frame(k / FRAME_RATE, image[::2, ::2])
            for k, image in enumerate(paint_film([shot], look))
        ]
        features = extract_features(frames, 3.0, Fraction(FRAME_RATE))
        found.append(float(np.median(features.motion)) / speed)
    return float(np.median(found))


def even_look(num_frames: int, **values: float) -> Look:
    """A look that does not change: a middling one but for what is named."""
    usual = {
        "speed": 0.05, "light": 0.45, "contrast": 0.18, "saturation": 0.25, "warmth": 0.0,
        "height": 0.0,
    }  # fmt: skip
    return Look(
        **{name: np.full(num_frames, value, np.float32) for name, value in (usual | values).items()}
    )


def still_look(look: Look) -> Look:
    """The mean of a look over its frames, each value a scalar array."""
    means = {field.name: getattr(look, field.name).mean() for field in fields(look)}
    return replace(look, **means)
