"""The tempo map of a cue sheet, fitted so that hit points lie on the grid.

The fit has three steps, each within all bounds:

1. Dynamic programming over (time, beat period) on a lattice, for every base tempo near the wish;
   again for the best base with the position in the bar as a third coordinate.
2. A second, small one over the beats found chooses the bars (2/4 bars at least eight bars apart).
3. A quadratic programme moves the beats off the lattice: placed hit points exact, changes of tempo
   spread as evenly as the bounds allow.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pixmus.cues.sheet import CueSheet, HitPoint
from pixmus.score.grid import BEATS_PER_BAR
from pixmus.score.lattice import Lattice, choose_bars
from pixmus.score.relaxation import relax
from pixmus.score.spans import EIGHTHS, hits_in_cues, place_hits
from pixmus.score.tempo import TempoMap
from pixmus.score.wants import STRONG_HIT, WISH_COST, Wants, hit_values, wants_of

MAX_FROM_WISH = 0.15  # base tempo against the wished one,
MAX_FROM_WISH_FOR_TWO = 0.25  # and where that gains two strong hit points
NEAR_RATIOS = np.linspace(1 - MAX_FROM_WISH, 1 + MAX_FROM_WISH, 13)
FAR_RATIOS = np.concatenate(
    [
        1 - np.linspace(MAX_FROM_WISH_FOR_TWO, MAX_FROM_WISH, 3)[:2],
        1 + np.linspace(MAX_FROM_WISH, MAX_FROM_WISH_FOR_TWO, 3)[1:],
    ]
)
LONG_S = 120.0  # from here on only every second base tempo is tried


def fit_tempo_map(cue_sheet: CueSheet) -> TempoMap:
    """Choose the gentlest tempo map that puts the hit points on the grid.

    Tempo, its changes, bars and entry stay within the bounds at the top of this file; hit points
    that would need more are left where they fall. Without hit points the tempo is constant.
    """
    wish = cue_sheet.tempo_bpm
    wants = wants_of(cue_sheet, BEATS_PER_BAR * 60.0 / wish)
    if len(wants.times) == 0:
        return _steady_map(wants, wish, cue_sheet.tempo_fixed)
    if cue_sheet.tempo_fixed:
        return _fit_around(wants, wish)
    near = _fit_around(wants, _choose_base(wants, wish, NEAR_RATIOS))
    num_strong = int((wants.strengths >= STRONG_HIT).sum())
    num_near = _count_strong(near, hits_in_cues(cue_sheet))
    if num_strong - num_near < 2:
        return near
    far = _fit_around(wants, _choose_base(wants, wish, FAR_RATIOS))
    return far if _count_strong(far, hits_in_cues(cue_sheet)) - num_near >= 2 else near


def _count_strong(tempo_map: TempoMap, hit_points: Sequence[HitPoint]) -> int:
    return sum(hit.strength >= STRONG_HIT for hit in place_hits(tempo_map, hit_points, EIGHTHS))


def _choose_base(wants: Wants, wish: float, ratios: NDArray[np.float64]) -> float:
    """The base tempo, among shares of the wish, whose grid can place most."""
    if wants.duration >= LONG_S:
        ratios = ratios[::2]
    value = Lattice(wants, wish * ratios, 1).best_values()
    cost = WISH_COST * (1 + hit_values(wants.strengths).sum())
    value -= cost * ((ratios - 1) / MAX_FROM_WISH) ** 2
    return float(wish * ratios[value.argmax()])


def _fit_around(wants: Wants, base: float) -> TempoMap:
    """The best tempo map whose local tempo stays near one base tempo."""
    lattice = Lattice(wants, np.array([base]), BEATS_PER_BAR)
    times = relax(wants, lattice.units[0] * lattice.trace(0), base)
    more = np.arange(1, 2 * BEATS_PER_BAR) * (times[-1] - times[-2])
    times = np.concatenate([times, times[-1] + more])
    num_needed = int(np.searchsorted(times, wants.duration - 1e-9))
    *starts, end = choose_bars(wants, times, num_needed)
    return TempoMap(times[: end + 1], tuple(starts))


def _steady_map(wants: Wants, wish: float, is_fixed: bool) -> TempoMap:
    """One tempo, entering with the first cue; up to 5 % off a free wish for a good last chord."""
    entry = wants.entries[0] if wants.entries else 0.0
    ratios = np.array([1.0]) if is_fixed else 1 + 0.005 * np.arange(-10, 11)
    best, best_value = TempoMap.constant(wish, wants.duration), -np.inf
    for ratio in ratios:
        bar = BEATS_PER_BAR * 60.0 / (wish * ratio)
        tempo_map = TempoMap.constant(wish * ratio, wants.duration, entry % bar)
        starts = tempo_map.beat_times[np.array(tempo_map.bar_starts)]
        value = wants.downbeat_values(starts).sum() - abs(ratio - 1)
        if value > best_value:
            best, best_value = tempo_map, value
    return best
