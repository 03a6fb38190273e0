"""Beat times moved off the lattice by a quadratic programme, placed hit points exact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pixmus.score.lattice import MAX_BEND
from pixmus.score.spans import PLACED_TOLERANCE_S
from pixmus.score.wants import STRONG_HIT, Wants

MAX_CHANGE = 0.02  # tempo from beat to beat,
MAX_CHANGE_WITH_DRUMS = 0.01  # with drums,
MAX_CHANGE_BEFORE_HIT = 0.03  # and into the last beat before a strong hit point

# The quadratic programme: squares of changes and bends (1 = the base period) and of misses (beats).
RELAX_CHANGE = 1e4
RELAX_BEND = 10.0
RELAX_HIT = 1e5
RELAX_RHO = 100.0
RELAX_SIGMA = 1e-3
RELAX_ITERATIONS = 150
BLOCK = 48  # beats that are solved for together; 32 to 96 take the same time


def relax(wants: Wants, lattice_times: NDArray[np.float64], base: float) -> NDArray[np.float64]:
    """Move beats off the lattice: placed hit points exact, tempo as even as the bounds allow.

    Operator splitting for a quadratic programme (Stellato et al. 2020, "OSQP", Algorithm 1), then
    as far from the lattice towards its solution as all bounds hold, so the result is always valid.
    Times are in beats of the base tempo inside.
    """
    period = 60.0 / base
    lattice = lattice_times / period
    count = len(lattice)
    off, beats = nearest_eighths(lattice_times, wants.times)
    is_placed = off <= PLACED_TOLERANCE_S
    hits, beats = wants.times[is_placed] / period, beats[is_placed]
    strong = beats[wants.strengths[is_placed] >= STRONG_HIT]
    # The first beat of a later cue stays about where it is.
    entries = np.searchsorted(lattice_times, wants.entries)
    entries = entries[entries < count]
    hits, beats = np.append(hits, lattice[entries]), np.append(beats, entries)

    change_limit = np.full(count - 2, MAX_CHANGE_WITH_DRUMS if wants.has_drums else MAX_CHANGE)
    into = strong[(strong >= 2) & (strong % 1 == 0)].astype(np.intp)
    change_limit[into - 2] = MAX_CHANGE_BEFORE_HIT
    shortest, longest = 1 / (1 + MAX_BEND), 1 / (1 - MAX_BEND)
    change_limit *= shortest * 0.9999

    rows = _Rows(np.floor(beats).astype(np.intp), np.ceil(beats).astype(np.intp), count)
    tolerance = 0.9999 * PLACED_TOLERANCE_S / period
    scale = np.concatenate(
        [np.full(count - 1, MAX_BEND), change_limit, np.full(len(hits), tolerance)]
    )
    low = np.concatenate([np.full(count - 1, shortest), -change_limit, hits - tolerance])
    high = np.concatenate([np.full(count - 1, longest), change_limit, hits + tolerance])
    price = np.repeat([RELAX_BEND, RELAX_CHANGE, RELAX_HIT], [count - 1, count - 2, len(hits)])
    aim = np.concatenate([np.ones(count - 1), np.zeros(count - 2), hits])

    # Beat 0 stays: what it gives is taken off, and its column leaves the unknowns.
    fixed = rows.of(np.append(lattice[:1], np.zeros(count - 1)))
    lower, upper = (low - fixed) / scale, (high - fixed) / scale
    q = rows.back(price * (fixed - aim))[1:]
    solve = _factor(rows, price + RELAX_RHO / scale**2, RELAX_SIGMA)
    x = lattice.copy()
    x[0] = 0.0
    z = rows.of(x) / scale
    y = np.zeros(len(z))
    for _ in range(RELAX_ITERATIONS):
        x[1:] = solve(RELAX_SIGMA * x[1:] - q + rows.back((RELAX_RHO * z - y) / scale)[1:])
        ax = rows.of(x) / scale
        z = np.clip(ax + y / RELAX_RHO, lower, upper)
        y += RELAX_RHO * (ax - z)

    wanted = np.append(lattice[:1], x[1:])
    start, way = rows.of(lattice), rows.of(wanted - lattice)
    with np.errstate(divide="ignore", invalid="ignore"):
        room = np.where(way > 0, (high - start) / way, np.where(way < 0, (low - start) / way, 1.0))
    share = float(np.clip(room.min(initial=1.0), 0.0, 1.0))
    return (lattice + share * (wanted - lattice)) * period


@dataclass(frozen=True)
class _Rows:
    """What is asked of beat times: periods, their changes, and times of eighths, one after another.

    A matrix of three bands that is never written down: loading scipy.sparse would take longer
    (0.8 processor seconds) than all that is done with it.
    """

    floor: NDArray[np.intp]  # the beats that the eighths lie between, the same twice for a beat
    ceil: NDArray[np.intp]
    count: int  # of beats

    def of(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """The rows' values at beat times (count,)."""
        first = np.diff(times)
        return np.concatenate([first, np.diff(first), (times[self.floor] + times[self.ceil]) / 2])

    def back(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The transposed matrix times values of all rows. (count,)"""
        first, second, meet = np.split(values, [self.count - 1, 2 * self.count - 3])
        found = np.bincount(self.floor, meet / 2, self.count)
        found += np.bincount(self.ceil, meet / 2, self.count)
        first = first - np.diff(second, prepend=0.0, append=0.0)
        return found - np.diff(first, prepend=0.0, append=0.0)

    def bands(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Diagonal and two bands beside it of rows' @ diag(weights) @ rows. (3, count)"""
        first, second, meet = np.split(weights, [self.count - 1, 2 * self.count - 3])
        bands = np.zeros((3, self.count))
        bands[0, :-1] += first
        bands[0, 1:] += first
        bands[1, : len(first)] -= first
        for place, coefficient in ((0, 1.0), (1, 4.0), (2, 1.0)):
            bands[0, place : place + len(second)] += coefficient * second
        bands[1, : len(second)] -= 2 * second
        bands[1, 1 : 1 + len(second)] -= 2 * second
        bands[2, : len(second)] += second
        between = self.floor != self.ceil
        np.add.at(bands[0], self.floor, np.where(between, meet / 4, meet))
        np.add.at(bands[0], self.ceil[between], meet[between] / 4)
        np.add.at(bands[1], self.floor[between], meet[between] / 4)
        return bands


def _factor(
    rows: _Rows, weights: NDArray[np.float64], ridge: float
) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """A function that solves (rows' @ diag(weights) @ rows + ridge) x = b without beat 0.

    Gauss' elimination by blocks of `BLOCK` beats, each of which meets its neighbours alone.
    """
    bands = rows.bands(weights)[:, 1:]
    size = bands.shape[1]
    num_blocks = -(-size // BLOCK)
    padded = np.zeros((3, (num_blocks + 1) * BLOCK))
    padded[:, :size] = bands
    padded[0] += ridge
    inverses: list[NDArray[np.float64]] = []
    couplings: list[NDArray[np.float64]] = []  # of each block with the next
    for start in range(0, num_blocks * BLOCK, BLOCK):
        wide = np.zeros((BLOCK + 2, BLOCK + 2))
        for band in range(3):
            places = np.arange(BLOCK + 2 - band)
            wide[places, places + band] = padded[band, start : start + len(places)]
        block = wide[:BLOCK, :BLOCK]
        block = block + np.triu(block, 1).T
        if couplings:
            block[:2, :2] -= couplings[-1].T @ inverses[-1] @ couplings[-1]
        inverses.append(np.asarray(np.linalg.inv(block), np.float64))
        couplings.append(wide[:BLOCK, BLOCK:])

    def solve(b: NDArray[np.float64]) -> NDArray[np.float64]:
        right = np.zeros(num_blocks * BLOCK)
        right[:size] = b
        parts = right.reshape(num_blocks, BLOCK)
        for k in range(1, num_blocks):
            parts[k, :2] -= couplings[k - 1].T @ (inverses[k - 1] @ parts[k - 1])
        parts[-1] = inverses[-1] @ parts[-1]
        for k in range(num_blocks - 2, -1, -1):
            parts[k] = inverses[k] @ (parts[k] - couplings[k] @ parts[k + 1, :2])
        return right[:size]

    return solve


def nearest_eighths(
    beat_times: NDArray[np.float64], times: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How far each time is from the nearest eighth-note grid point, and that point's beat."""
    grid = np.empty(2 * len(beat_times) - 1)
    grid[::2] = beat_times
    grid[1::2] = (beat_times[1:] + beat_times[:-1]) / 2
    index = np.clip(np.searchsorted(grid, times), 1, len(grid) - 1)
    index -= times - grid[index - 1] < grid[index] - times
    return np.abs(times - grid[index]), index / 2
