"""How fast the picture moves, in picture widths a second."""

from __future__ import annotations

import numpy as np

from pixmus.curves import CURVE_RATE_HZ, num_curve_values
from pixmus.picture.thumbnails import THUMB_SIZE, Thumbnails
from pixmus.picture.transitions import Transition

NOISE_LEVELS = 1.0  # luma change of a thumbnail cell that compression noise makes


def displacement(thumbs: Thumbnails) -> np.ndarray:
    """(frames,) how far the picture moved since the frame before, in picture widths.

    Luma change over luma gradient: the mean normal flow (Horn & Schunck 1981, Eq. 2).
    """
    moved = np.zeros(len(thumbs.times), dtype=np.float32)
    for first in range(1, len(moved), 1024):
        rows = slice(first, min(first + 1024, len(moved)))
        luma = thumbs.luma[rows.start - 1 : rows.stop].astype(np.float32)
        change = np.diff(luma, axis=0)
        change -= change.mean((1, 2), keepdims=True)  # exposure is no motion
        change = np.maximum(np.abs(change) - NOISE_LEVELS, 0).mean((1, 2))
        luma = luma[1:]
        gradient = np.abs(np.diff(luma, axis=1)).mean((1, 2))
        gradient += np.abs(np.diff(luma, axis=2)).mean((1, 2))
        moved[rows] = change / (gradient + 2.0) / THUMB_SIZE[1]
    return moved


def motion_curve(
    thumbs: Thumbnails, transitions: tuple[Transition, ...], duration: float
) -> np.ndarray:
    """float32 curve of motion in picture widths a second; transitions themselves do not count."""
    times = thumbs.times
    moved = displacement(thumbs)
    spans = np.append(0.0, np.diff(times))
    gap = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    for transition in transitions:
        inside = (times > transition.start - 0.5 * gap) & (times < transition.end + 0.5 * gap)
        moved[inside], spans[inside] = 0.0, 0.0
    length = num_curve_values(duration)
    place = np.minimum((times * CURVE_RATE_HZ).astype(int), length - 1)
    distance = np.bincount(place, moved, length)
    seconds = np.bincount(place, spans, length)
    known = np.flatnonzero(seconds > 1e-6)
    if known.size == 0:
        return np.zeros(length, dtype=np.float32)
    speed = distance[known] / np.maximum(seconds[known], 0.5 / CURVE_RATE_HZ)
    return np.interp(np.arange(length), known, speed).astype(np.float32)
