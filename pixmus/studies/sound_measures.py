"""What a film mixer asks of a take, in numbers: dynamics, who is heard, colour, place and ending.

Conventions: waveforms are float32 (2, samples) at 44.1 kHz, times seconds, levels decibels.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pixmus.ensembles import Part
from pixmus.sound.loudness import (
    LOUDNESS_HOP_S,
    block_powers,
    filter_spectrum,
    k_weighting,
    to_db,
)
from pixmus.waveform import SAMPLE_RATE, Waveform

SHORT_TERM_S = 3.0  # EBU Tech 3341
QUIET_GATE_LU = 20.0  # EBU Tech 3342: what lies further below the mean does not count
LOUD_QUANTILE, SOFT_QUANTILE = 0.95, 0.10  # likewise
FRAME_S = 0.05
TAIL_FLOOR_DB = -60.0  # below the last chord's loudest frame
SOUNDING_DB = -30.0  # a part sounds where a frame is this near to its loudest one
OCTAVES_HZ = (63.0, 125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0)
LOW_MID_HZ, PRESENCE_HZ, AIR_HZ = (60.0, 400.0), (3000.0, 8000.0), (8000.0, 22050.0)
FFT_SIZE = 4096
SMALLEST = 1e-12


def short_term_loudness(waveform: Waveform) -> NDArray[np.float64]:
    """LUFS of the 3 s that begin at every tenth of a second. (windows,)"""
    weighted = filter_spectrum(waveform, k_weighting())
    powers = block_powers(weighted, round(LOUDNESS_HOP_S * SAMPLE_RATE))
    count = round(SHORT_TERM_S / LOUDNESS_HOP_S)
    sums = np.concatenate([[0.0], np.cumsum(powers)])
    if len(powers) < count:
        return np.array([_db(powers.mean()) - 0.691]) if len(powers) else np.zeros(0)
    return _db((sums[count:] - sums[:-count]) / count) - 0.691


def loudness_spread(waveform: Waveform, last_onset: float) -> float:
    """LU between the loud and the soft 3 s of a take (EBU Tech 3342), until its last onset.

    What fades after the last onset is no dynamics.
    """
    stop = round((last_onset + LOUDNESS_HOP_S) * SAMPLE_RATE)
    levels = short_term_loudness(waveform[:, :stop])
    kept = levels[levels > -70.0]
    if not len(kept):
        return 0.0
    mean = _db(float(np.mean(10.0 ** (kept / 10.0))))
    kept = kept[kept > mean - QUIET_GATE_LU]
    return float(np.quantile(kept, LOUD_QUANTILE) - np.quantile(kept, SOFT_QUANTILE))


def energy_movement(energy: NDArray[np.float32], rate_hz: float) -> float:
    """How far the energy curve moves in means of 3 s, by the same quantiles as loudness."""
    count = min(max(round(SHORT_TERM_S * rate_hz), 1), len(energy))
    means = np.convolve(energy.astype(np.float64), np.full(count, 1.0 / count), mode="valid")
    return float(np.quantile(means, LOUD_QUANTILE) - np.quantile(means, SOFT_QUANTILE))


def lead_of_melody(stems: Mapping[str, Waveform]) -> tuple[float, float]:
    """dB of the melody above the loudest other part, and above all others together.

    In the octave in which the melody is strongest, in the frames in which it sounds.
    """
    bands = {part: _octave_powers(stems[part]) for part in stems}
    melody = bands.pop(Part.MELODY, None)
    if melody is None or not melody.sum() or not bands:
        return np.inf, np.inf
    octave = int(np.argmax(melody.sum(axis=0)))
    total = melody.sum(axis=1)
    sounds = total > total.max() * 10.0 ** (SOUNDING_DB / 10.0)
    level = _db(melody[sounds, octave].mean())
    others = [powers[sounds, octave].mean() for powers in bands.values()]
    return float(level - _db(max(others))), float(level - _db(sum(others)))


def energy_share(waveform: Waveform, band_hz: tuple[float, float]) -> float:
    """dB of the energy in a band against all of the sound."""
    power = _spectra(waveform).sum(axis=0)
    frequencies = np.fft.rfftfreq(FFT_SIZE, 1 / SAMPLE_RATE)
    inside = (frequencies >= band_hz[0]) & (frequencies < band_hz[1])
    return float(_db(power[inside].sum()) - _db(power.sum()))


def balance(waveform: Waveform) -> float:
    """dB of the left side against the right one."""
    left, right = np.square(waveform.astype(np.float64)).mean(axis=1)
    return float(_db(left) - _db(right))


def stereo_width(waveform: Waveform) -> float:
    """dB of left minus right against left plus right; -60 where both channels are the same."""
    left, right = waveform.astype(np.float64)
    side, middle = np.sqrt(np.mean((left - right) ** 2)), np.sqrt(np.mean((left + right) ** 2))
    return to_db(max(float(side / max(middle, SMALLEST)), 1e-3))


def tail(waveform: Waveform, last_onset: float) -> tuple[float, float]:
    """Seconds for which the last chord rings, and the largest fall (dB) between frames of 50 ms.

    It rings until it is 60 dB below its loudest frame; the attack's own decay, the first 0.2 s,
    is no step.
    """
    start = round(last_onset * SAMPLE_RATE)
    levels = _db(block_powers(waveform[:, start:], round(FRAME_S * SAMPLE_RATE)))
    if not len(levels):
        return 0.0, 0.0
    loudest = int(np.argmax(levels))
    heard = levels > levels[loudest] + TAIL_FLOOR_DB
    rings = int(np.flatnonzero(heard)[-1]) + 1
    falls = -np.diff(levels[:rings])[max(loudest, round(0.2 / FRAME_S)) :]
    return rings * FRAME_S, float(falls.max(initial=0.0))


def _octave_powers(waveform: Waveform) -> NDArray[np.float64]:
    """Power of every octave in every frame. (frames, octaves)"""
    spectra = _spectra(waveform)
    frequencies = np.fft.rfftfreq(FFT_SIZE, 1 / SAMPLE_RATE)
    edges = [(centre / np.sqrt(2.0), centre * np.sqrt(2.0)) for centre in OCTAVES_HZ]
    inside = [(frequencies >= low) & (frequencies < high) for low, high in edges]
    return np.stack([spectra[:, octave].sum(axis=1) for octave in inside], axis=1)


def _spectra(waveform: Waveform) -> NDArray[np.float64]:
    """Power spectra of frames that overlap by half, channels summed. (frames, frequencies)"""
    padded = np.pad(waveform, ((0, 0), (0, FFT_SIZE)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT_SIZE, axis=1)
    frames = frames[:, :: FFT_SIZE // 2]
    window = np.hanning(FFT_SIZE).astype(np.float32)
    out = np.zeros((frames.shape[1], FFT_SIZE // 2 + 1))
    for first in range(0, len(out), 256):
        block = np.fft.rfft(frames[:, first : first + 256] * window)
        out[first : first + 256] = np.square(np.abs(block)).sum(axis=0)
    return out


def _db(power: float | NDArray[np.float64]) -> NDArray[np.float64]:
    return 10.0 * np.log10(np.maximum(power, SMALLEST))
