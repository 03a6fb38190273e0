"""The palette: which hues stand in the picture, and where the light and the colours lie."""

from __future__ import annotations

import numpy as np

from pixmus.curves import CURVE_RATE_HZ
from pixmus.picture.thumbnails import LUMA_WEIGHTS, Thumbnails, coarse

HUES = ("red", "yellow", "green", "cyan", "blue", "magenta")  # 0, 60, ... 300 degrees
LAYOUT = (
    "light above", "light below", "light in the middle", "blue above", "green below",
    "warmth in the middle", "colour in the middle", "patches",
)  # fmt: skip
PALETTE = HUES + LAYOUT


def measure_palette(thumbs: Thumbnails, length: int) -> np.ndarray:
    """float32 (length, len(PALETTE)): what stands in the picture, whatever its exposure.

    Each is a ratio of means over 6 x 10 cells, so that brightening and greying the whole picture
    leave it where it is. The hues are shares of all colour (chroma), each cell counted for the two
    hues beside its own; the rest says how much lighter, more blue, more green, warmer or more
    colourful one region is than the whole picture, and how much the light varies between cells.
    """
    middles = (np.arange(length) + 0.5) / CURVE_RATE_HZ
    shown = np.clip(np.searchsorted(thumbs.times, middles, side="right") - 1, 0, None)
    luma = coarse(thumbs.luma[shown].astype(np.float32))
    colour = 2 * thumbs.chroma[shown].astype(np.float32)
    red, blue = luma + colour[..., 0], luma + colour[..., 1]
    green = (luma - LUMA_WEIGHTS[0] * red - LUMA_WEIGHTS[2] * blue) / LUMA_WEIGHTS[1]
    channels = np.stack([red, green, blue])
    chroma = channels.max(axis=0) - channels.min(axis=0)
    hue = np.arctan2(np.sqrt(3) / 2 * (green - blue), red - (green + blue) / 2)
    all_light = np.maximum(luma.mean((1, 2)), 0.5)
    all_colour = np.maximum(chroma.mean((1, 2)), 0.5)

    def share(values: np.ndarray, whole: np.ndarray) -> np.ndarray:
        return values.mean((1, 2)) / whole

    columns = []
    for number in range(len(HUES)):
        turned = (hue - number * np.pi / 3 + np.pi) % (2 * np.pi) - np.pi
        columns.append(share(np.maximum(0, 1 - np.abs(turned) / (np.pi / 3)) * chroma, all_colour))
    above, below, middle = np.s_[:, :2], np.s_[:, 4:], np.s_[:, 1:5, 2:8]
    columns += [
        share(luma[above], all_light),
        share(luma[below], all_light),
        share(luma[middle], all_light),
        share(np.maximum(0, blue - red)[above], all_colour),
        share(np.maximum(0, green - np.maximum(red, blue))[below], all_colour),
        share((red - blue)[middle], all_colour),
        share(chroma[middle], all_colour),
        luma.std((1, 2)) / all_light,
    ]
    return np.stack(columns, axis=1).astype(np.float32)
