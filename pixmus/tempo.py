"""A `TempoMap`: the one place where seconds become beats, fitted so that hit points fall on the grid.

Conventions: times are seconds, musical positions are beats (quarter notes) from the first downbeat,
tempo is quarter-note beats per minute. A *placed* hit point lies within `PLACED_TOLERANCE_S` of a
point of the eighth-note grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from pixmus.cues import Cue, CueSheet, HitPoint

BEATS_PER_BAR = 4
PLACED_TOLERANCE_S = 0.015
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
        """The map of one tempo whose whole bars cover `duration` from a first downbeat at `offset`."""
        period = 60.0 / tempo_bpm
        num_bars = max(1, int(np.ceil((duration - offset) / (period * beats_per_bar) - 1e-9)))
        num_beats = num_bars * beats_per_bar
        return cls(
            offset + period * np.arange(num_beats + 1), tuple(range(0, num_beats, beats_per_bar))
        )

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
        beat = round(2 * tempo_map.to_beats(hit.time)) / 2
        is_near = abs(tempo_map.to_seconds(beat) - hit.time) <= PLACED_TOLERANCE_S + 1e-9
        if is_near and 0 <= beat <= tempo_map.num_beats:
            placed.append(PlacedHit(hit.time, hit.strength, beat))
    return placed


def cue_span(tempo_map: TempoMap, cue: Cue) -> CueSpan:
    """Choose the beat on which a cue's music enters and the beat of its last chord.

    The entry is a downbeat where one comes within `ENTRY_TOLERANCE_S`, else the first beat of the
    cue. The last chord stands 1 to 3 s before the cue's end, on a downbeat where there is one in
    that time, else on the strongest beat nearest to its middle; a short cue ends where it can.
    """
    times = tempo_map.beat_times[:-1]
    downbeats = np.array(tempo_map.bar_starts)
    inside = np.flatnonzero(times >= cue.start - PLACED_TOLERANCE_S)
    first = int(inside[0]) if len(inside) else len(times) - 1
    early = times[downbeats] <= cue.start + ENTRY_TOLERANCE_S
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


def fit_tempo_map(cue_sheet: CueSheet) -> TempoMap:
    """Choose the gentlest tempo map that puts the hit points on the grid."""
    hits = [(hit.time, hit.strength) for hit in cue_sheet.hit_points]
    if not hits:
        return TempoMap.constant(cue_sheet.tempo_bpm, cue_sheet.duration)
    times, strengths = np.array(hits).T
    ratios = np.array([1.0]) if cue_sheet.tempo_fixed else np.linspace(0.85, 1.15, 61)
    best, best_value = (cue_sheet.tempo_bpm, 0.0), -np.inf
    for ratio in ratios:
        eighth = 30.0 / (cue_sheet.tempo_bpm * ratio)
        for offset in np.arange(0.0, min(ENTRY_TOLERANCE_S, 2 * eighth), 0.01):
            off = np.abs((times - offset + eighth / 2) % eighth - eighth / 2)
            value = strengths[off <= PLACED_TOLERANCE_S].sum() - abs(ratio - 1) - offset
            if value > best_value:
                best, best_value = (cue_sheet.tempo_bpm * ratio, float(offset)), value
    return TempoMap.constant(best[0], cue_sheet.duration, best[1])
