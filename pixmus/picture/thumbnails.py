"""`Thumbnails`: the few hundred bytes that are kept of every frame, and box averages.

Conventions: luma is 0..255 (ITU-R BT.601), chroma is red and blue minus luma, halved.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

THUMB_SIZE = (24, 40)  # rows, columns of the luma thumbnail kept of every frame
CHROMA_SIZE = (6, 10)
LUMA_WEIGHTS = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601


@dataclass(frozen=True, eq=False)
class Thumbnails:
    """What is kept of every frame: luma uint8 (frames, 24, 40), chroma int8 (frames, 6, 10, 2)."""

    times: np.ndarray
    luma: np.ndarray
    chroma: np.ndarray


class Reducer:
    """Reduces frames to thumbnails by two matrix products, the cheapest box average in numpy.

    All but the first is done for `BATCH` frames at a time: one frame's arrays are too small to be
    quick.
    """

    BATCH = 32

    def __init__(self) -> None:
        self._shape: tuple[int, ...] = ()
        self._waiting = 0
        self._done: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def add(self, image: np.ndarray) -> None:
        """Take the next frame, uint8 (height, width, 3)."""
        height, width, _ = image.shape
        if image.shape != self._shape:
            self._flush()
            self._shape = image.shape
            self._pixels = np.empty((height, width * 3), dtype=np.float32)
            self._rows = _box_weights(height, THUMB_SIZE[0])  # (24, height)
            self._columns = _box_weights(width, THUMB_SIZE[1]).T  # (width, 40)
            self._lines = np.empty((self.BATCH, THUMB_SIZE[0], width * 3), dtype=np.float32)
        np.copyto(self._pixels, image.reshape(height, width * 3))
        np.matmul(self._rows, self._pixels, out=self._lines[self._waiting])
        self._waiting += 1
        if self._waiting == self.BATCH:
            self._flush()

    def result(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Luma and chroma thumbnails, and (frames, 5) brightness, contrast, saturation, warmth,
        edges, of all frames so far."""
        self._flush()
        luma, chroma, colours = (np.concatenate(part) for part in zip(*self._done, strict=True))
        return luma, chroma, colours

    def _flush(self) -> None:
        if self._waiting == 0:
            return
        lines = self._lines[: self._waiting].reshape(-1, len(self._columns), 3)
        self._waiting = 0
        red, green, blue = (
            (np.ascontiguousarray(lines[..., k]) @ self._columns).reshape(-1, *THUMB_SIZE)
            for k in range(3)
        )
        luma = LUMA_WEIGHTS[0] * red + LUMA_WEIGHTS[1] * green + LUMA_WEIGHTS[2] * blue
        chroma = np.stack([coarse(red - luma), coarse(blue - luma)], axis=-1)
        high = np.maximum(np.maximum(red, green), blue)
        low = np.minimum(np.minimum(red, green), blue)
        edges = np.abs(np.diff(luma, axis=1)).mean((1, 2))
        edges += np.abs(np.diff(luma, axis=2)).mean((1, 2))
        colours = np.stack(
            [
                luma.mean((1, 2)),
                luma.std((1, 2)),
                (high - low).mean((1, 2)),
                (red - blue).mean((1, 2)),
                edges,
            ],
            axis=1,
        )
        self._done.append(
            (
                np.rint(luma).astype(np.uint8),
                np.clip(np.rint(chroma / 2), -127, 127).astype(np.int8),
                colours / 255,
            )
        )


def coarse(values: np.ndarray) -> np.ndarray:
    """(frames, 24, 40) averaged to (frames, 6, 10)."""
    tall = THUMB_SIZE[0] // CHROMA_SIZE[0]
    rows = values.reshape(-1, CHROMA_SIZE[0], tall, THUMB_SIZE[1]).mean(axis=2)
    return rows @ _box_weights(THUMB_SIZE[1], CHROMA_SIZE[1]).T


def _box_weights(length: int, cells: int) -> np.ndarray:
    """float32 (cells, length): how much each pixel counts in each cell's average."""
    edges = np.linspace(0, length, cells + 1)
    pixels = np.arange(length)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights = np.maximum(overlap, 0)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
