"""Beat times on a lattice: dynamic programming over (time, beat period), and bars over the beats.

Conventions: times are seconds or whole units of a base tempo (see `UNITS_PER_BEAT`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pixmus.score.grid import BEATS_PER_BAR
from pixmus.score.spans import ENTRY_TOLERANCE_S, PLACED_TOLERANCE_S
from pixmus.score.wants import (
    CHANGE_COST,
    OFF_CENTRE_COST,
    OFFSET_COST,
    ON_BEAT_VALUE,
    SHORT_BAR_COST,
    Wants,
    hit_values,
)

MAX_BEND = 0.08  # local tempo against the base
BARS_PER_SHORT_BAR = 8  # at most one 2/4 bar in any so many


# The lattice: a beat at the base tempo lasts UNITS_PER_BEAT units, every other beat a whole number
# of units. So many units make one unit 1 % of the shortest beat, two 2 %, three 3 %, just inside.
UNITS_PER_BEAT = 110
PERIODS = np.arange(
    np.ceil(UNITS_PER_BEAT / (1 + MAX_BEND)), np.floor(UNITS_PER_BEAT / (1 - MAX_BEND)) + 1
).astype(np.intp)  # units

UNREACHABLE = np.float32(-1e9)


class Rewards:
    """Rewards of a beat at every time of the lattice, for several base tempi at once.

    `on_beat`, `on_downbeat` and `is_strong` are (bases, length), `off_beat` counts half units:
    (bases, 2 length).
    """

    def __init__(self, wants: Wants, units: NDArray[np.float64], length: int) -> None:
        self.units = units
        shape = (len(units), length)
        value = hit_values(wants.strengths)
        self.on_beat = np.zeros(shape, np.float32)
        self.on_downbeat = np.zeros(shape, np.float32)
        self.off_beat = np.zeros((len(units), 2 * length), np.float32)
        self.is_strong = np.zeros(shape, bool)
        for row, unit in enumerate(units):
            self._add_hits(self.on_beat[row], wants.times, value, unit)
            self._add_hits(self.on_beat[row], wants.times, ON_BEAT_VALUE * wants.strengths, unit)
            self._add_hits(self.off_beat[row], wants.times, value, unit / 2)
            times = unit * np.arange(length)
            self.is_strong[row] = wants.meets_strong_hit(times)
            self.on_downbeat[row] = wants.downbeat_values(times)

    @staticmethod
    def _add_hits(
        rewards: NDArray[np.float32],
        times: NDArray[np.float64],
        values: NDArray[np.float64],
        unit: float,
    ) -> None:
        reach = int(PLACED_TOLERANCE_S / unit) + 1
        index = np.rint(times / unit).astype(np.intp)[:, None] + np.arange(-reach, reach + 1)
        off = np.abs(index * unit - times[:, None]) / PLACED_TOLERANCE_S
        worth = np.where(off < 0.99, values[:, None] * (1 - OFF_CENTRE_COST * off), 0.0)
        inside = (index >= 0) & (index < len(rewards))
        np.add.at(rewards, index[inside], worth[inside].astype(np.float32))


class Lattice:
    """Best values of ending a beat at each time with each period, all positions in the bar.

    `ending` is (bases, positions, periods, length): the value of the best beats up to there.
    """

    def __init__(self, wants: Wants, bases: NDArray[np.float64], num_positions: int) -> None:
        self.wants = wants
        self.units = 60.0 / bases / UNITS_PER_BEAT
        self.last = np.ceil(wants.duration / self.units - 1e-9).astype(np.intp)
        self.length = int(self.last.max() + PERIODS[-1] + 1)
        self.rewards = Rewards(wants, self.units, self.length)
        self.num_positions = num_positions
        self.bend_cost = wants.bend_cost * (100 * (PERIODS / UNITS_PER_BEAT - 1)) ** 2
        self.start = self._start_values()
        self.ending = self._run()

    def _start_values(self) -> NDArray[np.float32]:
        """Value of beat 0 at each time of the lattice. (bases, length)"""
        times = self.units[:, None] * np.arange(self.length)
        cost = OFFSET_COST if self.wants.latest_offset <= ENTRY_TOLERANCE_S else 0.0
        value = self.rewards.on_beat + self.rewards.on_downbeat - cost * times
        return np.where(times <= self.wants.latest_offset, value, UNREACHABLE).astype(np.float32)

    def _run(self) -> NDArray[np.float32]:
        rewards, num_positions = self.rewards, self.num_positions
        num_bases, num_periods = len(self.units), len(PERIODS)
        shortest, longest = int(PERIODS[0]), int(PERIODS[-1])
        width = self.length + longest  # room for beats that end behind the last time
        ending = np.empty((num_bases, num_positions, num_periods, width), np.float32)
        here = np.zeros((num_bases, width), np.float32)
        here[:, : self.length] = rewards.on_beat
        middle = np.zeros((num_bases, 2 * width), np.float32)
        middle[:, : 2 * self.length] = rewards.off_beat
        down = np.zeros((num_bases, width), np.float32)
        down[:, : self.length] = rewards.on_downbeat
        for column, period in enumerate(PERIODS):
            # The middle of a beat that ends at t lies at 2 t - period half units.
            ending[:, :, column, :period] = UNREACHABLE
            ending[:, :, column, period:] = (
                here[:, period:]
                + middle[:, period : 2 * width - period : 2]
                - np.float32(self.bend_cost[column])
            )[:, None]
        if num_positions > 1:
            ending[:, 0] += down[:, None]
        for column, period in enumerate(PERIODS):
            ending[:, :, column, :period] = UNREACHABLE

        strong = np.full((num_bases, width), UNREACHABLE, np.float32)
        strong[:, : self.length][rewards.is_strong] = 0.0
        # One row further down is one unit more of period, so one unit later the beat ends: a view
        # with the rows shifted against each other lines up departures with arrivals.
        b, k, p, t = ending.strides
        arrival = np.lib.stride_tricks.as_strided(
            ending[..., shortest:],
            (num_bases, num_positions, num_periods, self.length),
            (b, k, p + t, t),
        )
        b, t = strong.strides
        strong_arrival = np.lib.stride_tricks.as_strided(
            strong[:, shortest:], (num_bases, 1, num_periods, self.length), (b, 0, t, t)
        )
        for begin in range(0, int(self.last.max()), shortest):
            end = min(begin + shortest, self.length)
            leaving = self._leave(ending[..., begin:end], 0, self.wants.max_step)
            if begin * self.units.min() <= self.wants.latest_offset:
                first = self.start[:, None, begin:end]
                leaving[:, 0] = np.maximum(leaving[:, 0], first)
            block = arrival[..., begin:end]
            if strong[:, begin + shortest : end + longest].max() == 0.0:
                mask = strong_arrival[..., begin:end]
                wide = self._leave(ending[..., begin:end], self.wants.max_step + 1, 3) + mask
                np.maximum(leaving, wide, out=leaving)
                coming = np.roll(leaving, 1, axis=1)
                if num_positions > 1:
                    short = leaving[:, 1] + (mask[:, 0] - np.float32(SHORT_BAR_COST))
                    coming[:, 0] = np.maximum(coming[:, 0], short)
                block += coming
            elif num_positions > 1:
                block[:, 1:] += leaving[:, :-1]
                block[:, 0] += leaving[:, -1]
            else:
                block += leaving
        return ending[..., : self.length]

    @staticmethod
    def _leave(values: NDArray[np.float32], low: int, high: int) -> NDArray[np.float32]:
        """Best value of going on with each period, the change between `low` and `high` units."""
        best = values.copy() if low == 0 else np.full_like(values, UNREACHABLE)
        for step in range(max(low, 1), high + 1):
            changed = values - np.float32(_change_cost(step))
            np.maximum(best[..., step:, :], changed[..., :-step, :], out=best[..., step:, :])
            np.maximum(best[..., :-step, :], changed[..., step:, :], out=best[..., :-step, :])
        return best

    def best_values(self) -> NDArray[np.float64]:
        """Value of the best beats that cover the video, for each base tempo. (bases,)"""
        return np.array(
            [
                self.ending[row, ..., last : last + PERIODS[-1]].max()
                for row, last in enumerate(self.last)
            ]
        )

    def trace(self, row: int) -> NDArray[np.intp]:
        """Beat times in units of the best beats for one base tempo, from beat 0 on."""
        ending, last = self.ending[row], self.last[row]
        final = ending[..., last : last + PERIODS[-1]]
        top = np.unravel_index(int(final.argmax()), final.shape)
        position, column, time = int(top[0]), int(top[1]), int(top[2]) + int(last)
        beats = [time]
        while column >= 0:
            is_strong = bool(self.rewards.is_strong[row, time])
            time -= int(PERIODS[column])
            beats.append(time)
            position, column = self._before(row, time, position, column, is_strong)
        return np.array(beats[::-1], dtype=np.intp)

    def _before(
        self, row: int, time: int, position: int, column: int, is_strong: bool
    ) -> tuple[int, int]:
        """Position and period of the beat before the one that starts at `time`; -1: there is none.

        `position` and `is_strong` belong to the end of the beat with the period `column`.
        """
        reach = 3 if is_strong else self.wants.max_step
        low, high = max(0, column - reach), min(len(PERIODS), column + reach + 1)
        cost = np.array([_change_cost(abs(other - column)) for other in range(low, high)])
        ways = [((position - 1) % self.num_positions, 0.0)]
        if position == 0 and self.num_positions > 1 and is_strong:
            ways.append((1, SHORT_BAR_COST))
        best, best_value = (0, -1), -np.inf
        for way, extra in ways:
            value = self.ending[row, way, low:high, time] - cost - extra
            top = int(value.argmax())
            if value[top] > best_value:
                best, best_value = (way, low + top), float(value[top])
            first = float(self.start[row, time]) - extra
            if way == 0 and first > float(UNREACHABLE) / 2 and first >= best_value:
                best, best_value = (0, -1), first
        return best


def _change_cost(step: int) -> float:
    return CHANGE_COST * (100 * step / UNITS_PER_BEAT) ** 2


def choose_bars(wants: Wants, times: NDArray[np.float64], num_needed: int) -> list[int]:
    """The best bar starts over given beats, and behind them the end of the last bar.

    Bars have four beats; a 2/4 bar may stand before a strong hit point, one in any eight bars. The
    bars end at beat `num_needed` or up to three beats later.
    """
    value = wants.downbeat_values(times)
    can_be_short = wants.meets_strong_hit(times)
    # best[beat, s]: a bar starts at this beat, and s bars of four beats came since the last 2/4.
    free = BARS_PER_SHORT_BAR - 1
    best = np.full((len(times), free + 1), -np.inf)
    came_short = np.zeros((len(times), free + 1), bool)
    came_free = np.zeros(len(times), bool)  # the last column has two ways in
    best[0, free] = value[0]
    for beat in range(BEATS_PER_BAR // 2, len(times)):
        if beat >= BEATS_PER_BAR:
            before = best[beat - BEATS_PER_BAR]
            best[beat, 1:] = before[:-1] + value[beat]
            came_free[beat] = before[free] >= before[free - 1]
            best[beat, free] = max(before[free], before[free - 1]) + value[beat]
        if can_be_short[beat]:
            best[beat, 0] = best[beat - 2, free] + value[beat] - SHORT_BAR_COST
            came_short[beat, 0] = True
    ends = best[num_needed : num_needed + BEATS_PER_BAR].max(axis=1)
    beat = num_needed + int(ends.argmax())
    since = int(best[beat].argmax())
    starts = [beat]
    while beat > 0:
        if came_short[beat, since]:
            beat, since = beat - 2, free
        else:
            since = since if since == free and came_free[beat] else since - 1
            beat -= BEATS_PER_BAR
        starts.append(beat)
    return starts[::-1]
