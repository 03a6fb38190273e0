"""Parts give way in the melody's octave as far as they have to, and are not turned up for it."""

from __future__ import annotations

import numpy as np
import pytest

from pixmus.ensembles import Voice
from pixmus.sound.masking import (
    LARGEST_DIP_DB,
    LARGEST_DRUM_DIP_DB,
    LEAD_DB,
    OCTAVES_HZ,
    dips,
    loudness_lost,
)
from pixmus.sound.room import LEAN_LIMIT_DB, Dip, Room, octave_powers, place
from pixmus.waveform import SAMPLE_RATE

DRY = Voice((0,), send_db=-60.0)


def in_octave(hz: float, level_db: float = 0.0, frames: int = 40) -> np.ndarray:
    powers = np.zeros((frames, len(OCTAVES_HZ)))
    powers[:, OCTAVES_HZ.index(hz)] = 10 ** (level_db / 10)
    return powers


def tone(hz: float, seconds: float = 3.0) -> np.ndarray:
    wave = 0.1 * np.sin(2 * np.pi * hz * np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE)
    return np.stack([wave, wave]).astype(np.float32)


def test_who_plays_in_another_octave_gives_no_way():
    levels = {"melody": -20.0, "harmony": -20.0}
    hz, found = dips({"melody": in_octave(1000.0), "harmony": in_octave(250.0)}, levels)
    assert hz == 1000.0 and found == {}


@pytest.mark.parametrize("behind", [0.0, 3.0, 9.0])
def test_who_plays_in_the_melodys_octave_dips_by_what_is_missing(behind):
    powers = {"melody": in_octave(500.0), "pad": in_octave(500.0, -12.0)}
    levels = {"melody": -20.0, "pad": -20.0 - behind}  # whatever the dry levels were
    hz, found = dips(powers, levels)
    assert hz == 500.0
    assert found.get("pad", 0.0) == pytest.approx(max(LEAD_DB - behind, 0.0), abs=1e-6)


def test_no_dip_is_deeper_than_it_may_be_and_none_is_asked_of_silence():
    powers = {
        "melody": in_octave(500.0),
        "pad": in_octave(500.0),
        "drums": in_octave(500.0),
        "bass": np.zeros((40, len(OCTAVES_HZ))),
    }
    _, found = dips(powers, {"melody": -40.0, "pad": -20.0, "drums": -20.0, "bass": -20.0})
    assert found == {"pad": LARGEST_DIP_DB, "drums": LARGEST_DRUM_DIP_DB}
    assert dips({"pad": in_octave(500.0)}, {"pad": -20.0})[1] == {}
    assert dips({}, {})[1] == {}


def test_only_what_sounds_together_is_compared():
    melody, pad = in_octave(500.0), in_octave(500.0)
    melody[20:], pad[:20] = 0.0, 0.0
    assert dips({"melody": melody, "pad": pad}, {"melody": -20.0, "pad": -20.0})[1] == {}


def test_octaves_of_a_tone_and_what_the_high_pass_leaves_of_it():
    powers = octave_powers(tone(500.0), DRY).sum(axis=0)
    assert powers[OCTAVES_HZ.index(500.0)] > 0.95 * powers.sum()
    cut = octave_powers(tone(63.0), Voice((0,), high_pass_hz=150.0)).sum()
    assert cut < 0.1 * octave_powers(tone(63.0), DRY).sum()


def test_a_dip_is_as_deep_as_it_says_and_stays_so_at_the_parts_loudness():
    dry = tone(500.0) + tone(3000.0)
    room = Room(0.3, 0.005)
    depth = 6.0
    lost = loudness_lost(octave_powers(dry, DRY), 500.0, depth)
    assert 1.0 < lost < 3.0
    whole, _ = place(dry, DRY, room, -20.0)
    dipped, _ = place(dry, DRY, room, -20.0 - lost, Dip(500.0, depth))

    def level(waveform: np.ndarray, hz: float) -> float:
        spectrum = np.abs(np.fft.rfft(waveform[0, SAMPLE_RATE : 2 * SAMPLE_RATE]))
        return float(20 * np.log10(spectrum[round(hz)]))

    assert level(whole, 500) - level(dipped, 500) == pytest.approx(depth, abs=0.4)
    assert level(whole, 3000) - level(dipped, 3000) == pytest.approx(0.0, abs=0.4)


def test_a_narrow_voice_is_one_point_and_a_wide_one_is_not():
    dry = np.stack([tone(500.0)[0], 0 * tone(500.0)[0]])
    sides = {}
    for width in (0.0, 0.5, 1.0):
        wet, _ = place(dry, Voice((0,), send_db=-60.0, width=width), Room(0.3, 0.005), -20.0)
        left, right = np.square(wet).sum(axis=1)
        sides[width] = 10 * np.log10(left / right)
    assert sides[0.0] == pytest.approx(0.0, abs=0.1)
    assert sides[0.5] == pytest.approx(
        9.54 - LEAN_LIMIT_DB, abs=0.2
    )  # 0.75 against 0.25, less lean
    assert sides[1.0] > 35


@pytest.mark.parametrize(
    ("right", "left_of_it"), [(0.6, 1.5), (1.6, -1.5), (0.9, 0.92), (0.3, 6.46)]
)
def test_what_samples_lean_beyond_their_place_is_taken_away(right, left_of_it):
    """Up to 1.5 dB they may, as a high note of a piano does; more than 4 dB are not moved."""
    noise = np.random.default_rng(7).standard_normal(SAMPLE_RATE).astype(np.float32) * 0.1
    dry = np.stack([noise, right * noise])
    placed, _ = place(dry, Voice((0,), send_db=-60.0), Room(0.3, 0.005), -20.0)
    levels = 10 * np.log10(np.square(placed).mean(axis=1))
    assert levels[0] - levels[1] == pytest.approx(left_of_it, abs=0.05)
