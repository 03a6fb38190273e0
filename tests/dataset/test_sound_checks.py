"""Each check on sounds whose faults are known."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from pixmus.dataset.sound_checks import (
    Sound,
    clipped,
    clipped_share,
    read_stored,
    silent,
    silent_share,
    too_short,
)
from pixmus.dataset.speech import SAMPLE_RATE
from pixmus.errors import PixMusError

RATE = 44100  # Hz


def tone(seconds: float, hertz: float = 100.0, rate: int = RATE) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate).astype(np.float32)


def sound(mono: np.ndarray) -> Sound:
    return Sound(mono[None], SAMPLE_RATE, mono)


def test_the_stored_span_comes_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    both = np.stack([tone(4), 0.5 * tone(4, 300)], axis=1)
    soundfile.write(path, both, RATE, subtype="FLOAT")
    found = read_stored(path, 1.0, 3.0)
    assert found.stored_rate == RATE and found.duration == 2.0
    np.testing.assert_array_equal(found.stored[:, : 2 * RATE], both[RATE : 3 * RATE].T)
    assert found.stored.shape[1] - 2 * RATE < 8192  # the last frame is whole
    assert read_stored(path, 3.0, 9.0).duration == pytest.approx(1.0, abs=0.01)
    assert read_stored(path, 9.0, 12.0).duration == 0.0


def test_what_is_no_sound_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF" + bytes(200))
    with pytest.raises(PixMusError, match="^a.wav cannot be decoded") as failed:
        read_stored(tmp_path / "a.wav", 0.0, 1.0)
    assert str(tmp_path) not in str(failed.value)


def test_length() -> None:
    assert too_short(sound(tone(9.6, rate=SAMPLE_RATE)), 10.0) is None
    told = too_short(sound(tone(9.0, rate=SAMPLE_RATE)), 10.0)
    assert told == "its music lasts 9.0 of 10.0 s"


def test_silence() -> None:
    loud = 0.1 * tone(10, rate=SAMPLE_RATE)
    assert silent(sound(loud)) is None
    assert silent(sound(loud * 1e-4)) == "its music is silent (-103 dBFS)"
    assert silent(sound(np.zeros(0, np.float32))) == "its music is silent"
    loud[: 6 * SAMPLE_RATE] = 0.0
    assert silent_share(loud) == pytest.approx(0.6)
    assert silent(sound(loud)) == "its music is silent for 60% of the time"
    assert silent(sound(loud[2 * SAMPLE_RATE :])) is None  # half, as a rest may be


def test_clipping_is_a_plateau_and_no_peak() -> None:
    full = tone(3)[None]
    for hertz in (30, 100, 440):  # what touches full scale in every period
        assert clipped_share(np.round(32767 * tone(3, hertz)[None]) / 32768) < 1e-3
    assert clipped_share(0.9 * np.clip(4 * full, -1, 1)) == 0.0  # a limiter's, below full scale
    # A sine 6 dB over full scale is above it for two thirds of the time.
    assert clipped_share(np.clip(2 * full, -1, 1)) == pytest.approx(2 / 3, abs=0.01)
    told = clipped(Sound(np.clip(2 * full, -1, 1), RATE, full[0]))
    assert told is not None and "clipped" in told
    # As of a lossy coder: plateaus that ripple about full scale.
    ripple = np.clip(2 * full, -1, 1) * (1 + 0.05 * tone(3, 9000))
    assert clipped_share(ripple) > 0.2
    assert clipped_share(np.zeros((2, 1), np.float32)) == 0.0
