"""What scenes are painted with: noise, colours, textures that repeat, soft discs and sprites.

Conventions: a picture is float32 (height, width, 3), 0..1, as shown (no gamma is undone); distances
are picture widths, y counts downwards from the top as a share of the height.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[Any]  # float32
Values = NDArray[Any]  # any floats


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
    found: Values = ((noise - noise.mean()) / noise.std()).astype(np.float32)
    return found


def smoothstep(values: Values, low: float, high: float) -> Values:
    """0 below `low`, 1 above `high`, smooth between."""
    share = np.clip((values - low) / (high - low), 0, 1)
    return share * share * (3 - 2 * share)


def hue_colour(hue: float, saturation: float, value: float) -> Picture:
    """The colour (3,) of a hue (turns from red), as HSV has it."""
    sector = (hue % 1.0) * 6 + np.array([0.0, 4.0, 2.0])
    share = np.clip(np.abs(sector % 6 - 3) - 1, 0, 1)
    colour: Picture = (value * (1 - saturation + saturation * share)).astype(np.float32)
    return colour


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
    between: Values = wide[:, :-1] * (1 - share) + wide[:, 1:] * share
    return between


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
    between: Values = part[index] * (1 - down) + part[index + 1] * down
    return between


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
