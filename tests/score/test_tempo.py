"""The tempo map is an exact inverse of itself."""

from __future__ import annotations

import numpy as np
import pytest

from pixmus.score.tempo import TempoMap


def test_seconds_and_beats_are_inverse_everywhere() -> None:
    rng = np.random.default_rng(0)
    tempo_map = TempoMap(0.3 + np.cumsum(rng.uniform(0.3, 0.8, 41)), tuple(range(0, 40, 4)))
    beats = rng.uniform(-8, 48, 2000)
    assert np.abs(tempo_map.to_beats(tempo_map.to_seconds(beats)) - beats).max() < 1e-12
    assert np.array_equal(tempo_map.to_seconds(np.arange(41)), tempo_map.beat_times)
    assert np.array_equal(tempo_map.to_beats(tempo_map.beat_times), np.arange(41))
    assert isinstance(tempo_map.to_seconds(3), float) and isinstance(tempo_map.to_beats(3.0), float)


def test_constant_map_is_what_it_says() -> None:
    tempo_map = TempoMap.constant(120.0, 9.0, 0.25)
    assert tempo_map.num_beats == 20 and tempo_map.bar_starts == (0, 4, 8, 12, 16)
    assert tempo_map.to_seconds(3.5) == 2.0 and tempo_map.to_beats(0.0) == -0.5
    assert tempo_map.to_seconds(24.0) == 12.25  # the edge tempo goes on
    assert tempo_map == TempoMap.constant(120.0, 9.0, 0.25) != TempoMap.constant(120.0, 9.0)
    assert TempoMap.constant(120.0, 8.0).num_beats == 16
    with pytest.raises(ValueError, match="read-only"):
        tempo_map.beat_times[0] = 1.0
