"""Strong onsets of a waveform, and how near they come to given times.

A *strong onset* is a peak of the spectral flux above the 75th percentile of the piece's peaks. Flux
is the sum over frequencies of what the magnitude gained since the frame before (Dixon 2006, "Onset
Detection Revisited", eq. 2.1), of both channels' mean, in Hann windows of 1024 samples every 220
(5 ms); a peak is the highest value within 30 ms on both sides and lies within 60 dB of the highest
peak. Of logarithmic flux the magnitudes are log10(1 + magnitude) (Boeck et al. 2012, "Evaluating
the Online Capabilities of Onset Detection Methods"): what is soft counts for more. Times are
seconds; a frame's time is its window's centre.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pixmus.waveform import SAMPLE_RATE

WINDOW = 1024  # samples
HOP = 220  # samples: 4.989 ms, the whole number nearest to 5 ms
PEAK_REACH = 6  # frames, 30 ms: a peak is the highest this far to both sides
QUIETEST_PEAK = 1e-3  # of the highest; below it only the codec's noise has peaks
STRONG_QUANTILE = 0.75


def spectral_flux(waveform: np.ndarray, logarithmic: bool = False) -> np.ndarray:
    """Gain of magnitude, or of its logarithm, from frame to frame, summed over frequencies.

    (frames - 1,)

    Value i lies between the frames centred on samples i * HOP and (i + 1) * HOP.
    """
    mono = np.atleast_2d(waveform).mean(axis=0, dtype=np.float32)
    padded = np.pad(mono, WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    window = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
    flux = np.zeros(max(len(frames) - 1, 0), np.float32)
    for first in range(0, len(flux), 512):  # blocks keep a long piece small in memory
        block = frames[first : first + 513] * window
        magnitude = np.abs(np.fft.rfft(block))
        gained = np.diff(np.log10(1 + magnitude) if logarithmic else magnitude, axis=0)
        flux[first : first + 512] = np.maximum(gained, 0.0).sum(axis=1)
    return flux


def flux_peaks(waveform: np.ndarray, logarithmic: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Times (seconds) and heights of the peaks of the spectral flux."""
    flux = spectral_flux(waveform, logarithmic)
    if not len(flux) or flux.max() <= 0:
        return np.zeros(0), np.zeros(0)
    padded = np.pad(flux, PEAK_REACH, constant_values=-1.0)
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * PEAK_REACH + 1)
    is_peak = (flux >= around.max(axis=1)) & (flux > QUIETEST_PEAK * flux.max())
    is_peak[1:] &= flux[1:] > flux[:-1]  # the first of equals
    index = np.flatnonzero(is_peak)
    return (index + 0.5) * HOP / SAMPLE_RATE, flux[index].astype(np.float64)


def strong_onsets(times: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """Times of the peaks above the 75th percentile of all."""
    return times[heights > np.quantile(heights, STRONG_QUANTILE)] if len(times) else times


def nearest_offsets(reference: ArrayLike, estimate: ArrayLike) -> np.ndarray:
    """Signed distance from each reference time to the nearest estimate; infinite without any."""
    wanted, found = np.asarray(reference, float), np.sort(np.asarray(estimate, float))
    if not len(found):
        return np.full(len(wanted), np.inf)
    after = np.clip(np.searchsorted(found, wanted), 1, max(len(found) - 1, 1))
    before = found[after - 1] - wanted
    later = found[np.minimum(after, len(found) - 1)] - wanted
    return np.where(np.abs(before) <= np.abs(later), before, later)


def hit_rate(reference: ArrayLike, estimate: ArrayLike, tolerance: float) -> float:
    """Share of the reference times with an estimate within `tolerance` seconds."""
    offsets = np.abs(nearest_offsets(reference, estimate))
    return float((offsets <= tolerance + 1e-9).mean()) if len(offsets) else float("nan")
