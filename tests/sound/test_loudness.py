"""Loudness and true peak agree with what is known; the limiter holds both."""

import numpy as np
import pyloudnorm
import pytest
from scipy.signal import resample_poly

from pixmus.sound.loudness import (
    filter_spectrum,
    from_db,
    limiter_gain,
    loudness,
    master,
    true_peak_blocks,
    true_peak_db,
)
from pixmus.waveform import SAMPLE_RATE


def tone(frequency_hz, seconds, level_db, phase=0.0):
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    wave = from_db(level_db) * np.sin(2 * np.pi * frequency_hz * time + phase)
    return np.stack([wave, wave]).astype(np.float32)


def bursts(seconds, seed=0):
    """Noise with loud and soft passages and single peaks."""
    generator = np.random.default_rng(seed)
    num_samples = round(seconds * SAMPLE_RATE)
    wave = generator.standard_normal((2, num_samples)) * 0.03
    wave *= 0.2 + np.abs(np.sin(np.arange(num_samples) / SAMPLE_RATE * 3.0)) ** 3
    wave[:, :: SAMPLE_RATE // 2] += 0.9
    return wave.astype(np.float32)


def test_a_full_scale_sine_at_1_khz_in_both_channels_is_0_lufs():
    # BS.1770: 0 dBFS at 997 Hz in one channel reads -3.01 LUFS; two channels double the power.
    assert loudness(tone(997.0, 5.0, 0.0)) == pytest.approx(0.0, abs=0.05)
    assert loudness(tone(997.0, 5.0, -23.0)) == pytest.approx(-23.0, abs=0.05)


def test_silence_does_not_count_and_has_no_loudness():
    sound = tone(997.0, 4.0, -20.0)
    silence = np.zeros((2, 6 * SAMPLE_RATE), np.float32)
    assert loudness(np.concatenate([sound, silence], axis=1)) == pytest.approx(-20.0, abs=0.3)
    assert loudness(silence) == -np.inf
    assert true_peak_db(silence) == -np.inf


def test_loudness_agrees_with_pyloudnorm():
    meter = pyloudnorm.Meter(SAMPLE_RATE)
    wave = bursts(8.0)
    assert loudness(wave) == pytest.approx(meter.integrated_loudness(wave.T.astype(float)), abs=0.1)


def test_true_peak_lies_between_the_samples():
    # A quarter of the sample rate, 45 degrees off: samples at 0.707, peaks at 1.
    wave = tone(SAMPLE_RATE / 4, 1.0, 0.0, phase=np.pi / 4)
    assert np.abs(wave).max() == pytest.approx(0.7071, abs=1e-3)
    middle = true_peak_blocks(wave)[10:-10].max()
    assert 20 * np.log10(middle) == pytest.approx(0.0, abs=0.1)


def test_filter_is_a_convolution_across_its_blocks():
    generator = np.random.default_rng(3)
    wave = generator.standard_normal((2, 3000)).astype(np.float32)
    kernel = generator.standard_normal(100)
    out = filter_spectrum(wave, np.fft.rfft(kernel, 512).astype(np.complex64), tail=100)
    expected = np.stack([np.convolve(row, kernel)[:3000] for row in wave])
    np.testing.assert_allclose(out, expected, atol=2e-3)


def test_the_last_block_is_filtered_as_the_others_are():
    """It is often short, and its transform is shorter then."""
    generator = np.random.default_rng(4)
    kernel = generator.standard_normal(100)
    spectrum = np.fft.rfft(kernel, 1024).astype(np.complex64)
    for num_samples in (924 + 1, 924 + 150, 924 + 400, 924 + 900, 60):
        wave = generator.standard_normal((2, num_samples)).astype(np.float32)
        expected = np.stack([np.convolve(row, kernel)[:num_samples] for row in wave])
        np.testing.assert_allclose(filter_spectrum(wave, spectrum, 100), expected, atol=2e-3)


def test_true_peaks_of_some_blocks_are_those_of_all():
    wave = bursts(1.0)
    peaks = true_peak_blocks(wave)
    wanted = peaks > 0.5 * peaks.max()
    some = true_peak_blocks(wave, wanted)
    assert 0 < wanted.sum() < len(wanted)
    np.testing.assert_array_equal(some, np.where(wanted, peaks, 0.0))


@pytest.mark.parametrize("num_samples", [0, 5, 31, 33, 4000, 300_001])
@pytest.mark.parametrize("kind", ["noise", "bursts", "late", "silence"])
def test_the_true_peak_is_the_largest_of_all_blocks(kind, num_samples):
    wave = {
        "noise": np.random.default_rng(2).normal(0, 0.2, (2, num_samples)).astype(np.float32),
        "bursts": bursts(num_samples / SAMPLE_RATE)[:, :num_samples],
        "late": np.tile(np.arange(num_samples) == num_samples - 1, (2, 1)).astype(np.float32),
        "silence": np.zeros((2, num_samples), np.float32),
    }[kind]
    expected = float(true_peak_blocks(wave).max(initial=0.0))
    assert true_peak_db(wave) == (20 * np.log10(expected) if expected else -np.inf)


def test_limiter_gain_is_low_before_a_peak_and_recovers_after_it():
    peaks = np.full(3000, 0.1, np.float32)
    peaks[1500] = 2.0
    gain = limiter_gain(peaks, 0.5)
    assert np.all(gain[1500:1502] <= 0.2501)
    assert gain[0] == 1.0 and gain[-1] == 1.0
    assert gain[1495] < 1.0 and gain[1400] == 1.0  # looks ahead by a few ms only
    assert np.all(np.diff(gain[1502:]) >= -1e-6)


@pytest.mark.parametrize("gain_db", [-30.0, 0.0, 12.0])
def test_master_reaches_loudness_and_keeps_below_the_ceiling(gain_db):
    out = master(bursts(6.0) * np.float32(from_db(gain_db)), -14.0, -1.0)
    assert loudness(out) == pytest.approx(-14.0, abs=0.2)
    assert true_peak_db(out) < -1.0
    assert 20 * np.log10(np.abs(resample_poly(out, 8, 1, axis=1)).max()) < -1.0


def test_master_of_silence_is_silence():
    silence = np.zeros((2, SAMPLE_RATE), np.float32)
    assert not master(silence, -14.0, -1.0).any()


def test_what_no_gain_makes_loud_stays_finite_and_below_the_ceiling():
    direct_current = np.full((2, 4 * SAMPLE_RATE), 0.3, np.float32)
    made = master(direct_current, -14.0, -1.0)
    assert np.isfinite(made).all() and np.abs(made).max() < 1.0
