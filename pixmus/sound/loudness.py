"""Loudness, true peak and the limiter: the numbers a mix is held to, and how it gets there.

Conventions: a waveform is float32 (channels, samples) at `SAMPLE_RATE`; loudness is LUFS after
ITU-R BS.1770-5; true peak is dBTP, measured at four times the sample rate. Filters are products
of spectra, block by block, so that nothing has to be compiled (numba) or imported slowly
(scipy.signal: 2.6 s).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from pixmus.waveform import SAMPLE_RATE, Waveform

LOUDNESS_HOP_S = 0.1
ABSOLUTE_GATE_LUFS = -70.0
RELATIVE_GATE_LU = 10.0
FILTER_FFT = 1 << 17
FILTER_TAIL = 1 << 12  # samples in which a filter's impulse response dies away

OVERSAMPLING = 4
TRUE_PEAK_TAPS = 16  # a phase
LIMITER_BLOCK = 32  # samples that share one gain value, 0.7 ms
LIMITER_ATTACK_DB_PER_S = 1000.0  # look-ahead: 6 dB within 6 ms
# The slowest that reaches the loudness is taken: slow does not distort bass, fast leaves the sound
# between sparse loud strokes alone.
LIMITER_RELEASES_DB_PER_S = (40.0, 200.0, 1000.0)
LIMITER_MARGIN_DB = 0.2  # the moving gain may itself raise a peak between two samples
NEAR_CEILING = 0.9
LARGEST_NUM_STEPS = 16  # three to five are usual
MOST_GAIN_DB = 120.0  # what is not loud by then, as a direct current, no gain makes loud
CHUNK_BLOCKS = 1 << 13


def to_db(value: float) -> float:
    """Decibels of an amplitude; -inf for 0."""
    return 20.0 * float(np.log10(value)) if value > 0 else -np.inf


def from_db(level_db: float) -> float:
    """Amplitude of a level in decibels."""
    return float(10.0 ** (level_db / 20.0))


def filter_spectrum(
    waveform: Waveform, spectrum: NDArray[np.complex64], tail: int = FILTER_TAIL
) -> Waveform:
    """The waveform filtered by overlap-add; `spectrum` is the rfft of an impulse response.

    The response has to die away within `tail` samples; the output is as long as the input.
    A spectrum of (outputs, inputs, frequencies) mixes the channels too. The FFT is torch's: with
    its MKL build two to three times as fast as NumPy's.
    """
    num_fft = 2 * (spectrum.shape[-1] - 1)
    block = num_fft - tail
    num_samples = waveform.shape[1]
    out = np.zeros((spectrum.shape[0] if spectrum.ndim == 3 else len(waveform), num_samples), "f4")
    for start in range(0, num_samples, block):
        part = torch.tensor(waveform[:, start : start + block])
        # What is left at the end needs a shorter transform: every other frequency is its spectrum.
        fold = 1
        while part.shape[1] + tail <= num_fft // (2 * fold) and num_fft % (4 * fold) == 0:
            fold *= 2
        response = torch.from_numpy(spectrum[..., ::fold])
        spectra = torch.fft.rfft(part, num_fft // fold)
        if spectrum.ndim == 3:
            # A sum over all products would take three times as long.
            mixed = response[:, 0] * spectra[0]
            for channel in range(1, len(spectra)):
                mixed.addcmul_(response[:, channel], spectra[channel])
            spectra = mixed
        else:
            spectra *= response
        wet = torch.fft.irfft(spectra, num_fft // fold).numpy()
        stop = min(start + num_fft // fold, num_samples)
        out[:, start:stop] += wet[:, : stop - start]
    return out


def _polynomial(
    coefficients: tuple[float, float, float], z: NDArray[np.complex128]
) -> NDArray[np.complex128]:
    return coefficients[0] + coefficients[1] * z + coefficients[2] * z**2


@lru_cache(maxsize=4)
def k_weighting(num_fft: int = FILTER_FFT) -> NDArray[np.complex64]:
    """Spectrum of the K-weighting filter at 44.1 kHz (BS.1770-5 annex 1, stages 1 and 2).

    The biquads are re-derived for this rate with the constants of libebur128 (MIT).
    """
    z = np.exp(-2j * np.pi * np.arange(num_fft // 2 + 1) / num_fft)
    k, q = np.tan(np.pi * 1681.974450955533 / SAMPLE_RATE), 0.7071752369554196
    high = 10.0 ** (3.999843853973347 / 20.0)
    band = high**0.4996667741545416
    numerator = (high + band * k / q + k * k, 2.0 * (k * k - high), high - band * k / q + k * k)
    denominator = (1.0 + k / q + k * k, 2.0 * (k * k - 1.0), 1.0 - k / q + k * k)
    shelf = _polynomial(numerator, z) / _polynomial(denominator, z)
    k, q = np.tan(np.pi * 38.13547087602444 / SAMPLE_RATE), 0.5003270373238773
    first = 1.0 + k / q + k * k
    denominator = (1.0, 2.0 * (k * k - 1.0) / first, (1.0 - k / q + k * k) / first)
    pass_high = (1.0 - z) ** 2 / _polynomial(denominator, z)
    return (shelf * pass_high).astype(np.complex64)


def block_powers(waveform: Waveform, block: int) -> NDArray[np.float64]:
    """Mean square of each block of samples, channels summed (the last block padded with zeros)."""
    channels, num_samples = waveform.shape
    num_blocks = -(-num_samples // block)
    powers = np.zeros(num_blocks)
    step = block * max(1, (1 << 20) // block)
    for start in range(0, num_samples, step):
        part = waveform[:, start : start + step]
        whole = part.shape[1] // block
        square = part[:, : whole * block].reshape(channels, whole, block)
        first = start // block
        powers[first : first + whole] = np.einsum("cbi,cbi->b", square, square)
        rest = part[:, whole * block :]
        if rest.shape[1]:
            powers[first + whole] = np.einsum("ci,ci->", rest, rest)
    return powers / block


def gated_loudness(hop_powers: NDArray[np.float64]) -> float:
    """Integrated loudness (LUFS) of K-weighted mean squares per 100 ms; -inf for silence.

    Blocks of 400 ms overlap by 75 %; gates at -70 LUFS and at 10 LU below the mean of what is left.
    """
    if len(hop_powers) < 4:
        blocks = np.array([hop_powers.mean()]) if len(hop_powers) else np.zeros(1)
    else:
        sums = np.concatenate([[0.0], np.cumsum(hop_powers)])
        blocks = np.maximum(sums[4:] - sums[:-4], 0.0) / 4.0
    floor = 10.0 ** ((ABSOLUTE_GATE_LUFS + 0.691) / 10.0)
    kept = blocks[blocks > floor]
    if not len(kept):
        return -np.inf
    kept = kept[kept > kept.mean() * 10.0 ** (-RELATIVE_GATE_LU / 10.0)]
    return -0.691 + 10.0 * float(np.log10(kept.mean()))


def loudness(waveform: Waveform) -> float:
    """Integrated loudness (LUFS, BS.1770-5) of a stereo waveform; -inf for silence."""
    weighted = filter_spectrum(waveform, k_weighting())
    hop = round(LOUDNESS_HOP_S * SAMPLE_RATE)
    powers = block_powers(weighted, hop)
    whole = max(waveform.shape[1] // hop, 1)  # a block that the end cuts short does not count
    return gated_loudness(powers[:whole])


@lru_cache(maxsize=1)
def _interpolator() -> NDArray[np.float32]:
    """Matrix from a block with its neighbours to the block at four times the rate.

    Windowed-sinc phases (16 taps, Kaiser). (LIMITER_BLOCK + 16, LIMITER_BLOCK * 4)
    """
    matrix = np.zeros((LIMITER_BLOCK + TRUE_PEAK_TAPS, LIMITER_BLOCK, OVERSAMPLING))
    half = TRUE_PEAK_TAPS // 2
    taps = np.arange(-half + 1, half + 1)
    for phase in range(OVERSAMPLING):
        distance = taps - phase / OVERSAMPLING
        window = np.i0(6.0 * np.sqrt(np.maximum(0.0, 1.0 - (distance / half) ** 2))) / np.i0(6.0)
        kernel = np.sinc(distance) * window
        for sample in range(LIMITER_BLOCK):
            matrix[sample + 1 : sample + 1 + TRUE_PEAK_TAPS, sample, phase] = kernel
    return matrix.reshape(LIMITER_BLOCK + TRUE_PEAK_TAPS, -1).astype(np.float32)


def true_peak_blocks(
    waveform: Waveform, wanted: NDArray[np.bool_] | None = None
) -> NDArray[np.float32]:
    """Largest absolute value, at four times the rate, in each block of `LIMITER_BLOCK` samples.

    Blocks that are not `wanted` (blocks,) are 0.
    """
    channels, num_samples = waveform.shape
    num_blocks = -(-num_samples // LIMITER_BLOCK)
    peaks = np.zeros(num_blocks, np.float32)
    matrix = _interpolator()
    half = TRUE_PEAK_TAPS // 2
    for first in range(0, num_blocks, CHUNK_BLOCKS):
        count = min(CHUNK_BLOCKS, num_blocks - first)
        start = first * LIMITER_BLOCK - half
        stop = (first + count) * LIMITER_BLOCK + half
        chunk = np.zeros((channels, stop - start), np.float32)
        low, high = max(start, 0), min(stop, num_samples)
        chunk[:, low - start : high - start] = waveform[:, low:high]
        windows = np.lib.stride_tricks.sliding_window_view(
            chunk, LIMITER_BLOCK + TRUE_PEAK_TAPS, axis=1
        )[:, ::LIMITER_BLOCK]
        chosen = slice(None) if wanted is None else np.flatnonzero(wanted[first : first + count])
        here = peaks[first : first + count]
        for channel in range(channels):
            fine = windows[channel][chosen] @ matrix
            here[chosen] = np.maximum(here[chosen], np.maximum(fine.max(axis=1), -fine.min(axis=1)))
    return peaks


def true_peak_db(waveform: Waveform) -> float:
    """True peak (dBTP); -inf for silence.

    Only blocks are looked at that can hold it: between samples a wave rises at most so far above
    the largest of them.
    """
    largest = np.zeros(-(-waveform.shape[1] // LIMITER_BLOCK) + 2, np.float32)
    for start in range(0, waveform.shape[1], step := CHUNK_BLOCKS * LIMITER_BLOCK):
        part = waveform[:, start : start + step]
        edges = np.arange(0, part.shape[1], LIMITER_BLOCK)
        high = np.maximum(np.maximum.reduceat(part, edges, axis=1), 0).max(axis=0)
        low = np.minimum(np.minimum.reduceat(part, edges, axis=1), 0).min(axis=0)
        first = 1 + start // LIMITER_BLOCK
        largest[first : first + len(edges)] = np.maximum(high, -low)
    around = np.maximum(np.maximum(largest[:-2], largest[2:]), largest[1:-1])
    can_hold_it = around * most_overshoot() >= largest.max(initial=0.0)
    return to_db(float(true_peak_blocks(waveform, can_hold_it).max(initial=0.0)))


@lru_cache(maxsize=1)
def most_overshoot() -> float:
    """How many times its largest sample a wave can be between samples, as it is measured here."""
    return float(np.abs(_interpolator()).sum(axis=0).max()) * (1 + 1e-5)


def limiter_gain(
    peaks: NDArray[np.float32],
    ceiling: float,
    release_db_per_s: float = LIMITER_RELEASES_DB_PER_S[0],
) -> NDArray[np.float32]:
    """Gain at every block border that holds `peaks` below `ceiling`. (blocks + 1,)

    The reduction in dB is the smallest curve above what each block needs that rises and falls with
    the limiter's two slopes: two running maxima, one of them backwards in time.
    """
    need_db = 20.0 * np.log10(np.maximum(peaks / ceiling, 1.0))
    border_db = np.zeros(len(peaks) + 1)
    border_db[:-1] = need_db
    border_db[1:] = np.maximum(border_db[1:], need_db)
    block_s = LIMITER_BLOCK / SAMPLE_RATE
    index = np.arange(len(border_db))
    release = index * (release_db_per_s * block_s)
    attack = index * (LIMITER_ATTACK_DB_PER_S * block_s)
    border_db = np.maximum.accumulate(border_db + release) - release
    border_db = np.maximum.accumulate((border_db - attack)[::-1])[::-1] + attack
    return (10.0 ** (-border_db / 20.0)).astype(np.float32)


def apply_gain(waveform: Waveform, border_gain: NDArray[np.float32], block: int) -> None:
    """Multiply the waveform, in place, by a gain given at block borders and linear in between."""
    ramp = np.arange(block, dtype=np.float32) / block
    num_samples = waveform.shape[1]
    step = max(1, (1 << 19) // block)
    for first in range(0, len(border_gain) - 1, step):
        low, high = border_gain[first : first + step], border_gain[first + 1 : first + step + 1]
        low = low[: len(high)]
        gain = (low[:, None] + (high - low)[:, None] * ramp).ravel()
        start = first * block
        stop = min(start + len(gain), num_samples)
        waveform[:, start:stop] *= gain[: stop - start]


def master(waveform: Waveform, target_lufs: float, ceiling_db: float) -> Waveform:
    """The waveform at `target_lufs` with its true peak below `ceiling_db`; silence stays silence.

    Loudness after limiting follows from the limiter's gain and the powers of short blocks, so the
    gain before the limiter is found on those alone and the samples are touched once.
    """
    weighted = filter_spectrum(waveform, k_weighting())
    powers = block_powers(weighted, LIMITER_BLOCK)
    del weighted
    peaks = true_peak_blocks(waveform)
    hop = LOUDNESS_HOP_S * SAMPLE_RATE / LIMITER_BLOCK
    num_hops = max(int(len(powers) / hop), 1)
    edges = np.minimum(np.round(np.arange(num_hops) * hop).astype(int), len(powers) - 1)
    ceiling = from_db(ceiling_db - LIMITER_MARGIN_DB)

    def limited_loudness(gain_db: float, release: float) -> float:
        gain = from_db(gain_db)
        border = limiter_gain(peaks * np.float32(gain), ceiling, release).astype(np.float64)
        square = (0.5 * (border[1:] + border[:-1]) * gain) ** 2 * powers
        return gated_loudness(np.add.reduceat(square[: round(num_hops * hop)], edges) / hop)

    if not np.isfinite(limited_loudness(0.0, LIMITER_RELEASES_DB_PER_S[0])):
        return np.zeros(waveform.shape, np.float32)
    for release in LIMITER_RELEASES_DB_PER_S:
        # Secant steps: where the limiter works hard, 1 dB more before it is far less behind it.
        gain_db, slope, now = 0.0, 1.0, limited_loudness(0.0, release)
        for _ in range(LARGEST_NUM_STEPS):
            if abs(target_lufs - now) < 0.02:
                break
            step_db = min((target_lufs - now) / slope, MOST_GAIN_DB - gain_db)
            if step_db == 0.0:
                break
            before, now = now, limited_loudness(gain_db + step_db, release)
            gain_db += step_db
            slope = float(np.clip((now - before) / step_db, 0.1, 1.0))
        if abs(target_lufs - now) < 0.1:
            break
    gain = np.float32(from_db(gain_db))
    border = limiter_gain(peaks * gain, ceiling, release) * gain
    out = np.array(waveform, np.float32)
    apply_gain(out, border, LIMITER_BLOCK)
    # Only blocks that the limiter leaves near the ceiling can have come to lie above it.
    near = peaks * np.maximum(border[1:], border[:-1]) > NEAR_CEILING * ceiling
    excess_db = to_db(float(true_peak_blocks(out, near).max(initial=0.0))) - ceiling_db
    if excess_db > -0.01:
        out *= np.float32(from_db(-excess_db - 0.01))
    return out
