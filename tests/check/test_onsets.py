"""Peaks of the spectral flux, the strong ones among them, and how near they come to given times."""

import math

import numpy as np
import pytest

from pixmus.check.onsets import flux_peaks, hit_rate, nearest_offsets, strong_onsets
from pixmus.waveform import SAMPLE_RATE

CUTS = [2.0, 5.0, 9.0, 14.0, 20.0]


def test_an_impulse_is_found_at_its_time() -> None:
    waveform = np.zeros((2, SAMPLE_RATE), np.float32)
    waveform[:, 22050:22500] = 0.5
    times, heights = flux_peaks(waveform)
    assert abs(times[np.argmax(heights)] - 0.5) < 0.015


def test_a_soft_attack_counts_for_more_in_logarithmic_flux() -> None:
    """Two notes of noise, the second a thirtieth as loud: so are their peaks, or nearer."""
    noise = np.random.default_rng(0).normal(0, 0.3, (2, SAMPLE_RATE)).astype(np.float32)
    noise[:, : SAMPLE_RATE // 4] = 0
    noise[:, SAMPLE_RATE // 2 : 3 * SAMPLE_RATE // 4] = 0
    noise[:, 3 * SAMPLE_RATE // 4 :] /= 30
    shares = []
    for logarithmic in (False, True):
        times, heights = flux_peaks(noise, logarithmic)
        loud, soft = (heights[np.abs(times - at).argmin()] for at in (0.25, 0.75))
        shares.append(soft / loud)
    assert shares[0] == pytest.approx(1 / 30, rel=0.5) and shares[1] > 2 * shares[0]


@pytest.mark.parametrize("length", [0, 1, 100, 1024, 5000])
def test_silence_has_no_onsets(length: int) -> None:
    times, heights = flux_peaks(np.zeros((2, length), np.float32))
    assert len(times) == len(heights) == len(strong_onsets(times, heights)) == 0


def test_a_quarter_of_the_peaks_is_strong() -> None:
    heights = np.arange(1.0, 101.0)
    assert len(strong_onsets(np.arange(100.0), heights)) == 25


@pytest.mark.parametrize("shift", [-0.06, -0.02, 0.0, 0.03, 0.09])
def test_offsets_are_signed_and_rates_follow(shift: float) -> None:
    moved = np.array(CUTS) + shift
    assert np.allclose(nearest_offsets(CUTS, moved), shift)
    for tolerance in (0.040, 0.070, 0.100):
        assert hit_rate(CUTS, moved, tolerance) == float(abs(shift) <= tolerance)


def test_rates_of_nothing() -> None:
    assert hit_rate(CUTS, [], 0.1) == 0.0
    assert math.isnan(hit_rate([], CUTS, 0.1))
    assert nearest_offsets([1.0, 2.0], [1.5]).tolist() == [0.5, -0.5]
