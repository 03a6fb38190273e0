"""A `Moment`: what happens inside a shot that the eye jumps at.

Conventions: times are seconds from the first displayed frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pixmus.picture.motion import displacement
from pixmus.picture.thumbnails import Thumbnails
from pixmus.picture.transitions import Transition


@dataclass(frozen=True)
class Moment:
    """An instant inside a shot that the eye jumps at: a flash, the end of a fall, a sudden stop."""

    time: float
    kind: str
    size: float  # 0..1


FLASH_LEVELS = 25.0  # mean luma that a flash adds at least, of 255
FLASH_LENGTH = 0.35  # s within which it has gone again
STOP_WINDOW = 0.5  # s before and after a stop that are compared
STOP_SPEED = 0.08  # picture widths a second before a stop, mean over the picture, at least
STOP_RATIO = 4.0  # how much slower the picture is afterwards
FALL_SHARE = 0.6  # of the movement before a stop that went down: then it was a fall
MOMENT_GAP = 1.0  # s between moments, and between a moment and a transition


def find_moments(thumbs: Thumbnails, transitions: tuple[Transition, ...]) -> tuple[Moment, ...]:
    """Flashes, ends of falls and sudden stops away from transitions, in order of time."""
    times = thumbs.times
    if len(times) < 8:
        return ()
    found = _find_flashes(thumbs) + _find_stops(thumbs)
    kept: list[Moment] = []
    for moment in sorted(found, key=lambda moment: -moment.size):
        near = [t for t in transitions if t.start - MOMENT_GAP < moment.time < t.end + MOMENT_GAP]
        if not near and all(abs(moment.time - other.time) >= MOMENT_GAP for other in kept):
            kept.append(moment)
    return tuple(sorted(kept, key=lambda moment: moment.time))


def _find_flashes(thumbs: Thumbnails) -> list[Moment]:
    """First frames of bursts of light that are gone within `FLASH_LENGTH`."""
    times = thumbs.times
    level = thumbs.luma.mean((1, 2))
    found = []
    last = -1.0
    for index in np.flatnonzero(np.diff(level) > FLASH_LEVELS) + 1:
        if times[index] < last:
            continue
        before = level[index - 1]
        until = int(np.searchsorted(times, times[index] + FLASH_LENGTH, side="right"))
        after = level[index + 1 : until]
        rise = float(level[index:until].max() - before)
        if after.size and float(after.min()) - before < 0.3 * rise:
            found.append(Moment(float(times[index]), "flash", min(1.0, rise / 120)))
            last = float(times[index]) + FLASH_LENGTH
    return found


def _find_stops(thumbs: Thumbnails) -> list[Moment]:
    """First still frames after fast movement; a fall where the movement went down."""
    times = thumbs.times
    gap = float(np.median(np.diff(times)))
    reach = round(STOP_WINDOW / max(gap, 1e-3))
    if reach < 3 or len(times) < 2 * reach + 2:
        return []
    speed = displacement(thumbs) / gap
    total = np.concatenate([[0.0], np.cumsum(speed)])
    index = np.arange(reach, len(times) - reach)
    before = (total[index] - total[index - reach]) / reach
    after = (total[index + reach] - total[index]) / reach
    just = speed[index - 1]  # it was still moving in the frame before
    is_stop = (before > STOP_SPEED) & (before > STOP_RATIO * (after + 0.01))
    is_stop &= (just > 0.4 * before) & (speed[index] < 0.3 * before)
    found = []
    last = -1.0
    for place in index[is_stop]:
        if times[place] < last:
            continue
        rows = slice(place - reach, place)
        down = _downward_share(thumbs.luma[rows].astype(np.float32))
        kind = "fall" if down > FALL_SHARE else "stop"
        found.append(Moment(float(times[place]), kind, float(min(1.0, before[place - reach]))))
        last = float(times[place]) + MOMENT_GAP
    return found


def _downward_share(luma: np.ndarray) -> float:
    """-1 (all movement up) to 1 (all down): mean vertical over mean absolute optical flow of
    (frames, 24, 40), by least squares over blocks (Lucas & Kanade 1981)."""
    change = np.diff(luma, axis=0)[:, 1:-1, 1:-1]
    rows = (luma[1:, 2:, 1:-1] - luma[1:, :-2, 1:-1]) / 2
    columns = (luma[1:, 1:-1, 2:] - luma[1:, 1:-1, :-2]) / 2
    squares = float((rows**2).sum()), float((rows * columns).sum()), float((columns**2).sum())
    determinant = squares[0] * squares[2] - squares[1] ** 2
    if determinant < 1e-6:
        return 0.0
    down = 0.0
    size = 0.0
    for t in range(len(change)):
        vector = -float((rows[t] * change[t]).sum()), -float((columns[t] * change[t]).sum())
        vertical = (squares[2] * vector[0] - squares[1] * vector[1]) / determinant
        horizontal = (squares[0] * vector[1] - squares[1] * vector[0]) / determinant
        down += vertical
        size += float(np.hypot(vertical, horizontal))
    return down / size if size > 1e-9 else 0.0
