"""Beat times moved off the lattice by a quadratic programme, placed hit points exact."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

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

    eye = sparse.identity(count, format="csr")
    first = eye[1:] - eye[:-1]
    second = first[1:] - first[:-1]
    floor = np.floor(beats).astype(np.intp)
    ceil = np.ceil(beats).astype(np.intp)
    meet = (eye[floor] + eye[ceil]) / 2
    tolerance = 0.9999 * PLACED_TOLERANCE_S / period
    scale = np.concatenate(
        [np.full(count - 1, MAX_BEND), change_limit, np.full(len(hits), tolerance)]
    )
    rows = sparse.vstack([first, second, meet]).tocsr()
    low = np.concatenate([np.full(count - 1, shortest), -change_limit, hits - tolerance])
    high = np.concatenate([np.full(count - 1, longest), change_limit, hits + tolerance])

    # Beat 0 stays: its column leaves the unknowns.
    fixed = rows[:, [0]].toarray()[:, 0] * lattice[0]
    a = sparse.diags(1 / scale) @ rows[:, 1:]
    lower, upper = (low - fixed) / scale, (high - fixed) / scale
    first_0, first_1 = first[:, [0]].toarray()[:, 0] * lattice[0], first[:, 1:]
    second_0, second_1 = second[:, [0]].toarray()[:, 0] * lattice[0], second[:, 1:]
    meet_0, meet_1 = meet[:, [0]].toarray()[:, 0] * lattice[0], meet[:, 1:]
    p = (
        RELAX_CHANGE * second_1.T @ second_1
        + RELAX_BEND * first_1.T @ first_1
        + RELAX_HIT * meet_1.T @ meet_1
    )
    q = (
        RELAX_CHANGE * second_1.T @ second_0
        + RELAX_BEND * first_1.T @ (first_0 - 1)
        + RELAX_HIT * meet_1.T @ (meet_0 - hits)
    )
    factor = splu((p + RELAX_SIGMA * sparse.identity(count - 1) + RELAX_RHO * a.T @ a).tocsc())
    x = lattice[1:].copy()
    z = a @ x
    y = np.zeros(len(z))
    at = a.T.tocsr()
    for _ in range(RELAX_ITERATIONS):
        x = factor.solve(RELAX_SIGMA * x - q + at @ (RELAX_RHO * z - y))
        ax = a @ x
        z = np.clip(ax + y / RELAX_RHO, lower, upper)
        y += RELAX_RHO * (ax - z)

    wanted = np.concatenate([lattice[:1], x])
    start, way = rows @ lattice, rows @ (wanted - lattice)
    with np.errstate(divide="ignore", invalid="ignore"):
        room = np.where(way > 0, (high - start) / way, np.where(way < 0, (low - start) / way, 1.0))
    share = float(np.clip(room.min(initial=1.0), 0.0, 1.0))
    return (lattice + share * (wanted - lattice)) * period


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
