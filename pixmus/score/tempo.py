"""A `TempoMap`: where seconds become beats.

Conventions: times are seconds, musical positions are beats (quarter notes) from the first
downbeat, tempo is quarter-note beats per minute.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pixmus.score.grid import BEATS_PER_BAR


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
