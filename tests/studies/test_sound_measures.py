"""The mixer's numbers on sounds of which they are known."""

from __future__ import annotations

import numpy as np
import pytest

from pixmus.studies import sound_measures as measures
from pixmus.waveform import SAMPLE_RATE


def tone(hz: float, seconds: float, level_db: float = -20.0) -> np.ndarray:
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    wave = 10 ** (level_db / 20) * np.sin(2 * np.pi * hz * time)
    return np.stack([wave, wave]).astype(np.float32)


def test_a_steady_tone_has_no_spread_and_two_levels_have_their_difference() -> None:
    assert measures.loudness_spread(tone(1000, 12), 12.0) == pytest.approx(0.0, abs=0.05)
    two = np.concatenate([tone(1000, 12, -26), tone(1000, 12, -20)], axis=1)
    assert measures.loudness_spread(two, 24.0) == pytest.approx(6.0, abs=0.1)
    fading = np.concatenate([tone(1000, 12), tone(1000, 4, -60)], axis=1)
    assert measures.loudness_spread(fading, 12.0) == pytest.approx(0.0, abs=0.1)
    assert measures.loudness_spread(np.zeros((2, 5 * SAMPLE_RATE), np.float32), 5.0) == 0.0


def test_energy_moves_by_its_slow_part() -> None:
    assert measures.energy_movement(np.full(100, 0.7, np.float32), 4.0) == 0.0
    steps = np.repeat([0.2, 0.7], 60).astype(np.float32)
    assert measures.energy_movement(steps, 4.0) == pytest.approx(0.5)
    assert measures.energy_movement(np.tile([0.0, 1.0], 60).astype(np.float32), 4.0) < 0.05


def test_the_melody_leads_in_its_own_octave_while_it_sounds() -> None:
    stems = {"melody": tone(1000, 4, -20), "pad": tone(1000, 4, -26), "bass": tone(125, 4, -6)}
    each, together = measures.lead_of_melody(stems)
    assert each == pytest.approx(6.0, abs=0.2)
    assert together == pytest.approx(6.0, abs=0.2)
    stems["counter"] = tone(1000, 4, -26)
    assert measures.lead_of_melody(stems)[1] == pytest.approx(3.0, abs=0.2)
    assert measures.lead_of_melody({"pad": tone(1000, 4)}) == (np.inf, np.inf)


def test_shares_and_balance() -> None:
    both = tone(200, 2) + tone(5000, 2)
    assert measures.energy_share(both, measures.LOW_MID_HZ) == pytest.approx(-3.0, abs=0.1)
    assert measures.energy_share(both, measures.PRESENCE_HZ) == pytest.approx(-3.0, abs=0.1)
    assert measures.energy_share(both, measures.AIR_HZ) < -40
    both[1] *= 0.5
    assert measures.balance(both) == pytest.approx(6.02, abs=0.01)


def test_a_decay_has_no_step_and_a_cut_has_one() -> None:
    time = np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE
    ringing = tone(500, 4) * np.where(time < 1, 1, 10 ** (-np.maximum(time - 1, 0))).astype("f4")
    rings, step = measures.tail(ringing, 1.0)
    assert rings == pytest.approx(3.0, abs=0.06) and step == pytest.approx(1.0, abs=0.3)
    ringing[:, 2 * SAMPLE_RATE :] *= 0.05
    assert measures.tail(ringing, 1.0)[1] == pytest.approx(27.0, abs=1.5)
    assert measures.tail(ringing[:, :SAMPLE_RATE], 1.0) == (0.0, 0.0)
