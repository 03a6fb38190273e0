"""`evened`: thumbnails as transitions are looked for in them, without bars and not too dark.

Bars above and below or beside a film are texture that never changes and so hide what does; a film
shown half as bright has half the differences. Both are taken out for the clip as a whole: what is
dark or small inside a brighter, larger film stays so.
"""

from __future__ import annotations

import numpy as np

from pixmus.picture.thumbnails import CHROMA_SIZE, THUMB_SIZE, Thumbnails

PLAIN_LEVELS = 2.5  # luma levels that a bar differs by from its own mean, in place and in time
BLACK = 40.0  # luma of a bar at most: the margins of a page are no bars
LEAST_PICTURE = 0.3  # share of rows and of columns that the picture keeps at least
# Luma that the brightest of a film reach: as the weights for cuts know it, in a dark film that is
# brightened to it, and where that begins.
WHITE, DARK, DARKISH = 220.0, 120.0, 160.0
MOST_GAIN = 3.0
LOOKED_AT = 400  # frames, spread over the clip, that bars and brightness are read from


def evened(thumbs: Thumbnails) -> Thumbnails:
    """The same thumbnails, the picture inside bars filling them, a dark film brightened."""
    rows = np.unique(np.linspace(0, len(thumbs.times) - 1, LOOKED_AT).round().astype(int))
    luma = thumbs.luma[rows].astype(np.float32)
    (top, bottom), (left, right) = (_inside(luma, axis) for axis in (1, 2))
    inner = luma[:, top:bottom, left:right].reshape(len(rows), -1)
    level = float(np.quantile(np.quantile(inner, 0.95, axis=1), 0.9))
    share = float(np.clip((DARKISH - level) / (DARKISH - DARK), 0, 1))
    gain = 1 + share * (min(WHITE / max(level, 1.0), MOST_GAIN) - 1)
    if gain == 1.0 and (top, bottom, left, right) == (0, THUMB_SIZE[0], 0, THUMB_SIZE[1]):
        return thumbs
    tall, wide = THUMB_SIZE[0] // CHROMA_SIZE[0], THUMB_SIZE[1] / CHROMA_SIZE[1]
    down, across = (top, bottom), (left, right)
    bright = _filled(thumbs.luma, down, across) * gain
    chroma = np.stack(
        [
            _filled(
                thumbs.chroma[..., number],
                (top / tall, bottom / tall),
                (left / wide, right / wide),
            )
            * gain
            for number in range(2)
        ],
        axis=-1,
    )
    return Thumbnails(
        thumbs.times,
        np.clip(np.rint(bright), 0, 255).astype(np.uint8),
        np.clip(np.rint(chroma), -127, 127).astype(np.int8),
    )


def _inside(luma: np.ndarray, axis: int) -> tuple[int, int]:
    """(first, end) of the rows (`axis` 1) or columns (2) between bars of (frames, 24, 40)."""
    count = luma.shape[axis]
    lines = luma.swapaxes(0, axis).reshape(count, -1)
    mean = lines.mean(axis=1, keepdims=True)
    is_picture = (np.abs(lines - mean).max(axis=1) > PLAIN_LEVELS) | (mean[:, 0] > BLACK)
    shown = np.flatnonzero(is_picture)
    if shown.size < LEAST_PICTURE * count:
        return 0, count
    return int(shown[0]), int(shown[-1]) + 1


def _filled(
    cells: np.ndarray, rows: tuple[float, float], columns: tuple[float, float]
) -> np.ndarray:
    """float32 (frames, tall, wide): what lies between rows and columns, enlarged to fill all."""
    tall, wide = cells.shape[1:]
    return np.einsum(
        "yr,frc,xc->fyx",
        _enlarging(tall, *rows),
        cells.astype(np.float32),
        _enlarging(wide, *columns),
        optimize=True,
    ).astype(np.float32)


def _enlarging(count: int, first: float, end: float) -> np.ndarray:
    """float32 (count, count): the weights of linear interpolation between the middles of cells."""
    middles = np.clip(
        first + (np.arange(count) + 0.5) * (end - first) / count - 0.5,
        np.ceil(first),
        max(np.floor(end) - 1, np.ceil(first)),
    )
    return np.maximum(0, 1 - np.abs(middles[:, None] - np.arange(count))).astype(np.float32)
