"""A `TempoMap`: where seconds become beats, fitted so that hit points lie on the grid.

Conventions: times are seconds, musical positions are beats (quarter notes) from the first
downbeat, tempo is quarter-note beats per minute. A *placed* hit point lies within
`PLACED_TOLERANCE_S` of a point of the eighth-note grid.

The fit has three steps, each within all bounds:

1. Dynamic programming over (time, beat period) on a lattice, for every base tempo near the wish;
   again for the best base with the position in the bar as a third coordinate.
2. A second, small one over the beats found chooses the bars (2/4 bars at least eight bars apart).
3. A quadratic programme moves the beats off the lattice: placed hit points exact, changes of tempo
   spread as evenly as the bounds allow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

from pixmus.cues.sheet import Cue, CueSheet, HitPoint
from pixmus.ensembles import Part

BEATS_PER_BAR = 4
PLACED_TOLERANCE_S = 0.015
STRONG_HIT = 0.8  # strength from which a hit point may bend tempo and bars for itself
MAX_BEND = 0.08  # local tempo against the base
MAX_CHANGE = 0.02  # tempo from beat to beat,
MAX_CHANGE_WITH_DRUMS = 0.01  # with drums,
MAX_CHANGE_BEFORE_HIT = 0.03  # and into the last beat before a strong hit point
MAX_FROM_WISH = 0.15  # base tempo against the wished one,
MAX_FROM_WISH_FOR_TWO = 0.25  # and where that gains two strong hit points
BARS_PER_SHORT_BAR = 8  # at most one 2/4 bar in any so many
LAST_CHORD_S = (1.0, 3.0)  # the last chord starts this long before its cue's end
ENTRY_TOLERANCE_S = 0.5  # music may enter this long after its cue's start


@dataclass(frozen=True, eq=False)
class TempoMap:
    """Beat times and bar starts; between two beats the tempo is constant.

    `beat_times` has num_beats + 1 entries: beat 0 is the first downbeat, the last one lies at or
    behind the end of the video and closes a bar. `bar_starts` are the beats that open a bar.
    """

    beat_times: NDArray[np.float64]
    bar_starts: tuple[int, ...]

    def __post_init__(self) -> None:
        times = np.array(self.beat_times, dtype=np.float64)
        assert times.ndim == 1 and len(times) >= 2, f"{times.shape=}"
        assert bool(np.all(np.diff(times) > 0)), "beat times must rise"
        assert self.bar_starts and self.bar_starts[0] == 0, f"{self.bar_starts[:3]=}"
        times.setflags(write=False)
        object.__setattr__(self, "beat_times", times)
        object.__setattr__(self, "bar_starts", tuple(int(beat) for beat in self.bar_starts))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TempoMap):
            return NotImplemented
        return self.bar_starts == other.bar_starts and np.array_equal(
            self.beat_times, other.beat_times
        )

    def __hash__(self) -> int:
        return hash((self.bar_starts, self.beat_times.tobytes()))

    @classmethod
    def constant(
        cls,
        tempo_bpm: float,
        duration: float,
        offset: float = 0.0,
        beats_per_bar: int = BEATS_PER_BAR,
    ) -> TempoMap:
        """The map of one tempo: whole bars from a downbeat at `offset` to `duration` or later."""
        period = 60.0 / tempo_bpm
        num_bars = max(1, int(np.ceil((duration - offset) / (period * beats_per_bar) - 1e-9)))
        num_beats = num_bars * beats_per_bar
        times = np.asarray(offset + period * np.arange(num_beats + 1), dtype=np.float64)
        return cls(times, tuple(range(0, num_beats, beats_per_bar)))

    @property
    def num_beats(self) -> int:
        """Number of beats."""
        return len(self.beat_times) - 1

    @property
    def bar_lengths(self) -> tuple[int, ...]:
        """Length of every bar, in beats."""
        return tuple(int(n) for n in np.diff((*self.bar_starts, self.num_beats)))

    @property
    def local_tempo_bpm(self) -> NDArray[np.float64]:
        """Tempo of every beat. (num_beats,)"""
        return 60.0 / np.diff(self.beat_times)

    @overload
    def to_seconds(self, beats: float) -> float: ...
    @overload
    def to_seconds(self, beats: ArrayLike) -> NDArray[np.float64]: ...
    def to_seconds(self, beats: ArrayLike) -> float | NDArray[np.float64]:
        """Seconds of a musical position, one number or many; outside, the edge tempo goes on."""
        position = np.asarray(beats, dtype=np.float64)
        index = np.clip(np.floor(position), 0, self.num_beats - 1).astype(np.intp)
        start, period = self.beat_times[index], np.diff(self.beat_times)[index]
        seconds = start + (position - index) * period
        return float(seconds) if seconds.ndim == 0 else seconds

    @overload
    def to_beats(self, seconds: float) -> float: ...
    @overload
    def to_beats(self, seconds: ArrayLike) -> NDArray[np.float64]: ...
    def to_beats(self, seconds: ArrayLike) -> float | NDArray[np.float64]:
        """Musical position of a time, the inverse of `to_seconds`."""
        time = np.asarray(seconds, dtype=np.float64)
        index = np.searchsorted(self.beat_times, time, side="right") - 1
        index = np.clip(index, 0, self.num_beats - 1)
        start, period = self.beat_times[index], np.diff(self.beat_times)[index]
        beats = index + (time - start) / period
        return float(beats) if beats.ndim == 0 else beats


def extend_tempo_map(tempo_map: TempoMap, duration: float) -> TempoMap:
    """The map with 4/4 bars of its last tempo added, as many as it takes to reach `duration`."""
    times = tempo_map.beat_times
    period = times[-1] - times[-2]
    bar = BEATS_PER_BAR * period
    num_bars = max(0, int(np.ceil((duration - times[-1]) / bar - 1e-9)))
    if num_bars == 0:
        return tempo_map
    more = times[-1] + period * np.arange(1, num_bars * BEATS_PER_BAR + 1)
    starts = tempo_map.num_beats + BEATS_PER_BAR * np.arange(num_bars)
    return TempoMap(np.concatenate([times, more]), (*tempo_map.bar_starts, *starts.tolist()))


@dataclass(frozen=True)
class PlacedHit:
    """A hit point that the grid meets: its time and strength, and its beat in halves."""

    time: float
    strength: float
    beat: float


@dataclass(frozen=True)
class CueSpan:
    """The beats of one cue: where its music enters, and where its last chord is struck."""

    first_beat: int
    final_beat: int


def place_hits(tempo_map: TempoMap, hit_points: Sequence[HitPoint]) -> list[PlacedHit]:
    """Find the hit points that lie within `PLACED_TOLERANCE_S` of an eighth-note grid point."""
    placed = []
    for hit in hit_points:
        beat, off = nearest_eighth(tempo_map, hit.time)
        if off <= PLACED_TOLERANCE_S + 1e-9 and 0 <= beat <= tempo_map.num_beats:
            placed.append(PlacedHit(hit.time, hit.strength, beat))
    return placed


def nearest_eighth(tempo_map: TempoMap, time: float) -> tuple[float, float]:
    """The beat of the eighth-note grid point nearest to a time, and how far off it is, in s."""
    beat = round(2 * tempo_map.to_beats(time)) / 2
    return beat, abs(tempo_map.to_seconds(beat) - time)


def hits_in_cues(cue_sheet: CueSheet) -> list[HitPoint]:
    """The hit points at which music plays: in a gap between cues nothing can be acknowledged."""
    return [
        hit
        for hit in cue_sheet.hit_points
        if any(cue.start - PLACED_TOLERANCE_S <= hit.time < cue.end for cue in cue_sheet.cues)
    ]


def cue_span(tempo_map: TempoMap, cue: Cue) -> CueSpan:
    """Choose the beat on which a cue's music enters and the beat of its last chord.

    The entry is a downbeat where one comes within `ENTRY_TOLERANCE_S` and the cue's first half,
    else the first beat of the cue. The last chord stands 1 to 3 s before the cue's end, on a
    downbeat where there is one in that time, else on the strongest beat nearest to its middle; a
    short cue ends where it can.
    """
    times = tempo_map.beat_times[:-1]
    downbeats = np.array(tempo_map.bar_starts)
    inside = np.flatnonzero(times >= cue.start - PLACED_TOLERANCE_S)
    first = int(inside[0]) if len(inside) else len(times) - 1
    early = times[downbeats] <= min(cue.start + ENTRY_TOLERANCE_S, (cue.start + cue.end) / 2)
    entries = downbeats[(downbeats >= first) & early]
    if len(entries):
        first = int(entries[0])

    beats = np.arange(first, len(times))
    low, high = cue.end - LAST_CHORD_S[1], cue.end - LAST_CHORD_S[0]
    in_window = beats[(times[beats] >= low - 1e-6) & (times[beats] <= high + 1e-6)]
    if len(in_window) == 0:
        before_end = beats[times[beats] < cue.end]
        nearest = before_end if len(before_end) else beats[:1]
        distance = np.abs(times[nearest] - (low + high) / 2)
        return CueSpan(first, int(nearest[np.argmin(distance)]))
    bar_of = np.searchsorted(downbeats, in_window, side="right") - 1
    position = in_window - downbeats[bar_of]
    weakness = np.where(position == 0, 0.0, np.where(position == 2, 10.0, 20.0))
    distance = np.abs(times[in_window] - (low + high) / 2)
    return CueSpan(first, int(in_window[np.argmin(weakness + distance)]))


# The lattice: a beat at the base tempo lasts UNITS_PER_BEAT units, every other beat a whole number
# of units. So many units make one unit 1 % of the shortest beat, two 2 %, three 3 %, just inside.
UNITS_PER_BEAT = 110
PERIODS = np.arange(
    np.ceil(UNITS_PER_BEAT / (1 + MAX_BEND)), np.floor(UNITS_PER_BEAT / (1 - MAX_BEND)) + 1
).astype(np.intp)  # units
NEAR_RATIOS = np.linspace(1 - MAX_FROM_WISH, 1 + MAX_FROM_WISH, 13)
FAR_RATIOS = np.concatenate(
    [
        1 - np.linspace(MAX_FROM_WISH_FOR_TWO, MAX_FROM_WISH, 3)[:2],
        1 + np.linspace(MAX_FROM_WISH, MAX_FROM_WISH_FOR_TWO, 3)[1:],
    ]
)

# What the fit weighs, in units of one placed hit point of strength 1. Found by trial on random cut
# lists (`python -m pixmus.studies.placement`): bends cost little beside a hit point, much beside
# a downbeat.
WEAK_HIT_VALUE = 0.5  # value of placing a hit point of strength 0
ON_BEAT_VALUE = 0.06
ON_DOWNBEAT_VALUE = 0.2
LAST_CHORD_VALUE = 0.25
ENTRY_VALUE = 0.6
OFF_CENTRE_COST = 0.05  # of a hit point at the edge of its tolerance
CHANGE_COST = 0.004  # times the square of a change of tempo in per cent
BEND_COST = 0.0002  # a beat, times the square of its bend in per cent,
BEND_COST_FIXED = 0.001  # and where the person asked for exactly this tempo
OFFSET_COST = 0.3  # a second of silence at the start
WISH_COST = 0.03  # of all hit points, for a base at the edge of its range
SHORT_BAR_COST = 0.08

UNREACHABLE = np.float32(-1e9)
LONG_S = 120.0  # from here on only every second base tempo is tried

# The quadratic programme: squares of changes and bends (1 = the base period) and of misses (beats).
RELAX_CHANGE = 1e4
RELAX_BEND = 10.0
RELAX_HIT = 1e5
RELAX_RHO = 100.0
RELAX_SIGMA = 1e-3
RELAX_ITERATIONS = 150


@dataclass(frozen=True)
class _Wants:
    """What the grid should meet: times and strengths of hit points, entries, ends, bounds."""

    duration: float
    times: NDArray[np.float64]
    strengths: NDArray[np.float64]
    entries: tuple[float, ...]
    ends: tuple[tuple[float, float], ...]  # (earliest, latest) last chord of every cue
    latest_offset: float
    has_drums: bool
    bend_cost: float

    @property
    def max_step(self) -> int:
        """Largest change of period from beat to beat, in units."""
        return 1 if self.has_drums else 2

    def meets_strong_hit(self, times: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether a strong hit point lies on each time, safely within the tolerance."""
        strong = self.times[self.strengths >= STRONG_HIT]
        if len(strong) == 0:
            return np.zeros(len(times), bool)
        behind = np.clip(np.searchsorted(strong, times), 1, max(1, len(strong) - 1))
        off = np.minimum(
            np.abs(times - strong[behind - 1]), np.abs(times - strong[behind % len(strong)])
        )
        is_near: NDArray[np.bool_] = off < 0.99 * PLACED_TOLERANCE_S
        return is_near

    def downbeat_values(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """What a downbeat at each time is worth: strong hit points, entries, last chords."""
        values = ON_DOWNBEAT_VALUE * self.meets_strong_hit(times)
        for start in self.entries:
            near = (times >= start) & (times <= start + ENTRY_TOLERANCE_S)
            values[near] += ENTRY_VALUE * (1 - (times[near] - start))
        for earliest, latest in self.ends:
            middle, half = (earliest + latest) / 2, max((latest - earliest) / 2, 0.01)
            off = np.abs(times - middle) / half
            values += np.where(off <= 1, LAST_CHORD_VALUE * (1 - off / 4), 0.0)
        return np.asarray(values, dtype=np.float64)


def _wants(cue_sheet: CueSheet, bar: float) -> _Wants:
    """Collect what matters to the fit; a hit point where no music plays does not."""
    hits = [(hit.time, hit.strength) for hit in hits_in_cues(cue_sheet)]
    table = np.array(sorted(hits), dtype=np.float64).reshape(-1, 2)
    first_entry = min((cue.start for cue in cue_sheet.cues), default=0.0)
    return _Wants(
        duration=cue_sheet.duration,
        times=table[:, 0],
        strengths=table[:, 1],
        entries=tuple(cue.start for cue in cue_sheet.cues if cue.start > ENTRY_TOLERANCE_S),
        ends=tuple(
            (max(cue.end - LAST_CHORD_S[1], cue.start), cue.end - LAST_CHORD_S[0])
            for cue in cue_sheet.cues
            if cue.end - LAST_CHORD_S[0] > cue.start
        ),
        latest_offset=min(bar, max(ENTRY_TOLERANCE_S, first_entry)),
        has_drums=Part.DRUMS in cue_sheet.parts,
        bend_cost=BEND_COST_FIXED if cue_sheet.tempo_fixed else BEND_COST,
    )


def _hit_values(strengths: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(WEAK_HIT_VALUE + (1 - WEAK_HIT_VALUE) * strengths)


class _Rewards:
    """Rewards of a beat at every time of the lattice, for several base tempi at once.

    `on_beat`, `on_downbeat` and `is_strong` are (bases, length), `off_beat` counts half units:
    (bases, 2 length).
    """

    def __init__(self, wants: _Wants, units: NDArray[np.float64], length: int) -> None:
        self.units = units
        shape = (len(units), length)
        value = _hit_values(wants.strengths)
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


class _Lattice:
    """Best values of ending a beat at each time with each period, all positions in the bar.

    `ending` is (bases, positions, periods, length): the value of the best beats up to there.
    """

    def __init__(self, wants: _Wants, bases: NDArray[np.float64], num_positions: int) -> None:
        self.wants = wants
        self.units = 60.0 / bases / UNITS_PER_BEAT
        self.last = np.ceil(wants.duration / self.units - 1e-9).astype(np.intp)
        self.length = int(self.last.max() + PERIODS[-1] + 1)
        self.rewards = _Rewards(wants, self.units, self.length)
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


def _choose_bars(wants: _Wants, times: NDArray[np.float64], num_needed: int) -> list[int]:
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


def _relax(wants: _Wants, lattice_times: NDArray[np.float64], base: float) -> NDArray[np.float64]:
    """Move beats off the lattice: placed hit points exact, tempo as even as the bounds allow.

    Operator splitting for a quadratic programme (Stellato et al. 2020, "OSQP", Algorithm 1), then
    as far from the lattice towards its solution as all bounds hold, so the result is always valid.
    Times are in beats of the base tempo inside.
    """
    period = 60.0 / base
    lattice = lattice_times / period
    count = len(lattice)
    off, beats = _nearest_eighths(lattice_times, wants.times)
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


def _nearest_eighths(
    beat_times: NDArray[np.float64], times: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How far each time is from the nearest eighth-note grid point, and that point's beat."""
    grid = np.empty(2 * len(beat_times) - 1)
    grid[::2] = beat_times
    grid[1::2] = (beat_times[1:] + beat_times[:-1]) / 2
    index = np.clip(np.searchsorted(grid, times), 1, len(grid) - 1)
    index -= times - grid[index - 1] < grid[index] - times
    return np.abs(times - grid[index]), index / 2


def fit_tempo_map(cue_sheet: CueSheet) -> TempoMap:
    """Choose the gentlest tempo map that puts the hit points on the grid.

    Tempo, its changes, bars and entry stay within the bounds at the top of this file; hit points
    that would need more are left where they fall. Without hit points the tempo is constant.
    """
    wish = cue_sheet.tempo_bpm
    wants = _wants(cue_sheet, BEATS_PER_BAR * 60.0 / wish)
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
    return sum(hit.strength >= STRONG_HIT for hit in place_hits(tempo_map, hit_points))


def _choose_base(wants: _Wants, wish: float, ratios: NDArray[np.float64]) -> float:
    """The base tempo, among shares of the wish, whose grid can place most."""
    if wants.duration >= LONG_S:
        ratios = ratios[::2]
    value = _Lattice(wants, wish * ratios, 1).best_values()
    cost = WISH_COST * (1 + _hit_values(wants.strengths).sum())
    value -= cost * ((ratios - 1) / MAX_FROM_WISH) ** 2
    return float(wish * ratios[value.argmax()])


def _fit_around(wants: _Wants, base: float) -> TempoMap:
    """The best tempo map whose local tempo stays near one base tempo."""
    lattice = _Lattice(wants, np.array([base]), BEATS_PER_BAR)
    times = _relax(wants, lattice.units[0] * lattice.trace(0), base)
    more = np.arange(1, 2 * BEATS_PER_BAR) * (times[-1] - times[-2])
    times = np.concatenate([times, times[-1] + more])
    num_needed = int(np.searchsorted(times, wants.duration - 1e-9))
    *starts, end = _choose_bars(wants, times, num_needed)
    return TempoMap(times[: end + 1], tuple(starts))


def _steady_map(wants: _Wants, wish: float, is_fixed: bool) -> TempoMap:
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
