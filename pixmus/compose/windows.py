"""The windows in which a canvas is written, first beat and end beat each."""

from __future__ import annotations

import numpy as np

from pixmus.compose.bars import runs_of
from pixmus.compose.canvas import Canvas
from pixmus.compose.cells import TO_MAKE

# One window is at most so long, and shows so much of what stands before it. The first is shorter,
# so that what follows may echo it.
WINDOW_BARS, FIRST_WINDOW_BARS = 12, 8
CONTEXT_BARS = 4


def windows_of(canvas: Canvas) -> list[tuple[int, int]]:
    """The windows of a canvas: one after another, or round the gaps in what is kept."""
    if canvas.holds_kept:
        return gap_bounds(canvas)
    return window_bounds(canvas.bar_starts, len(canvas.cells))


def window_bounds(bar_starts: np.ndarray, num_beats: int) -> list[tuple[int, int]]:
    """First and end beat of every window, each sharing `CONTEXT_BARS` with the one before."""
    edges = [*bar_starts.tolist(), num_beats]
    num_bars = len(bar_starts)
    bounds = []
    first = 0
    while True:
        end = first + (WINDOW_BARS if first else FIRST_WINDOW_BARS)
        if num_bars - end < CONTEXT_BARS:  # a short rest is taken along
            end = num_bars
        bounds.append((edges[first], edges[end]))
        if end == num_bars:
            return bounds
        first = end - CONTEXT_BARS


def gap_bounds(canvas: Canvas) -> list[tuple[int, int]]:
    """First and end beat of every window that writes what is to be made of a canvas.

    A window has at most `WINDOW_BARS` bars. It begins `CONTEXT_BARS` before the first bar that is
    not made yet; the last one of a run of bars also holds as many given bars behind it, and where
    there is room left, more on both sides.
    """
    edges = canvas.edges()
    num_bars = len(canvas.bar_starts)
    to_make = (canvas.states == TO_MAKE).any(1)
    bars = [bar for bar in range(num_bars) if to_make[edges[bar] : edges[bar + 1]].any()]
    runs = runs_of(bars)
    ends_of_context = [*(first for first, _ in runs), num_bars][1:]
    bounds = []
    for (first, last), behind in zip(runs, ends_of_context, strict=True):
        while True:
            length = last + 1 - first
            before = min(CONTEXT_BARS, first)
            after = min(CONTEXT_BARS, behind - last - 1)
            if before + length + after <= WINDOW_BARS:
                break
            # The last window keeps room for what stands behind, and bars enough to lead there.
            rest = min(WINDOW_BARS - CONTEXT_BARS - after, length // 2)
            made = min(WINDOW_BARS - before, length - rest)
            bounds.append((edges[first - before], edges[first + made]))
            first += made
        room = WINDOW_BARS - length
        before = min(first, max(before, room // 2, room - (behind - last - 1)))
        after = min(behind - last - 1, room - before)
        bounds.append((edges[first - before], edges[last + 1 + after]))
    return bounds
