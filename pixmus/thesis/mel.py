"""`log_mel`: sound as the thesis' system sees it, and how its segments lie in half a minute.

16 kHz mono, windows of 1024 samples every 160, the magnitudes summed into 64 bands of Slaney's mel
scale from 0 to 8 kHz, and their natural logarithm (Kong et al. 2020, as AudioLDM has it). The 30 s
of a clip are three segments of 10.24 s, of which the next begins after 10 s.

Conventions: waveforms are (..., samples) at `RATE`; mels (..., frames, `BANDS`).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

RATE, WINDOW, HOP, BANDS = 16_000, 1024, 160, 64
HIGHEST_HZ = 8000.0
SEGMENTS, SEGMENT_FRAMES = 3, 1024
SEGMENT_STEP = 1000  # frames, 10 s, from the start of one segment to the next
CLIP_S = 30.0
SILENCE = 1e-5  # magnitudes below it are as this one: log of it is the quietest
# Slaney's scale is linear below 1 kHz (200/3 Hz a mel), logarithmic above (27 mels for 6.4 times);
# Slaney, Auditory Toolbox, 1998.
LINEAR_HZ, BREAK_HZ, LOG_STEP = 200.0 / 3.0, 1000.0, np.log(6.4) / 27.0


def _mel_of(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    high = BREAK_HZ / LINEAR_HZ + np.log(np.maximum(hz, 1e-9) / BREAK_HZ) / LOG_STEP
    return np.asarray(np.where(hz < BREAK_HZ, hz / LINEAR_HZ, high))


def _hz_of(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    high = BREAK_HZ * np.exp(LOG_STEP * (mel - BREAK_HZ / LINEAR_HZ))
    return np.asarray(np.where(mel < BREAK_HZ / LINEAR_HZ, mel * LINEAR_HZ, high))


@lru_cache(1)
def slaney_filters() -> Tensor:
    """Triangles of equal area over the frequencies of a window. (bands, window / 2 + 1)"""
    mels = np.linspace(0.0, float(_mel_of(np.array(HIGHEST_HZ))), BANDS + 2)
    corners = _hz_of(mels)
    hz = np.linspace(0.0, RATE / 2, WINDOW // 2 + 1)
    widths, away = np.diff(corners), corners[:, None] - hz
    rising = -away[:-2] / widths[:-1, None]
    falling = away[2:] / widths[1:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    areas = 2.0 / (corners[2:] - corners[:-2])
    return torch.from_numpy((triangles * areas[:, None]).astype(np.float32))


def log_mel(waveform: Tensor, frames: int) -> Tensor:
    """The logarithmic mel spectrogram of a waveform (..., samples), ended with silence."""
    needed = frames * HOP
    fitted = torch.nn.functional.pad(
        waveform[..., :needed], (0, max(needed - waveform.shape[-1], 0))
    )
    flat = fitted.reshape(-1, needed)
    spectrum = torch.stft(
        flat, WINDOW, HOP, window=torch.hann_window(WINDOW), return_complex=True, pad_mode="reflect"
    ).abs()[..., :frames]  # (batch, frequencies, frames)
    mel = (slaney_filters() @ spectrum).clamp(min=SILENCE).log().transpose(1, 2)
    return mel.reshape(*waveform.shape[:-1], frames, BANDS)


def segments_of(waveform: Tensor) -> Tensor:
    """The mels of the segments of half a minute: (samples,) to (segments, frames, bands)."""
    length = SEGMENT_STEP * (SEGMENTS - 1) + SEGMENT_FRAMES
    whole = log_mel(waveform, length)
    starts = range(0, SEGMENTS * SEGMENT_STEP, SEGMENT_STEP)
    return torch.stack([whole[start : start + SEGMENT_FRAMES] for start in starts])


def joined(mels: Tensor) -> Tensor:
    """The segments as one mel, blended where they overlap: (segments, frames, bands) to (frames,
    bands)."""
    overlap = SEGMENT_FRAMES - SEGMENT_STEP
    whole = mels.new_zeros(SEGMENT_STEP * (len(mels) - 1) + SEGMENT_FRAMES, mels.shape[-1])
    rise = ((torch.arange(overlap) + 0.5) / overlap).to(mels)[:, None]
    for number, mel in enumerate(mels):
        weights = torch.ones_like(mel[:, :1])
        if number:
            weights[:overlap] = rise
        if number < len(mels) - 1:
            weights[-overlap:] = 1.0 - rise
        whole[number * SEGMENT_STEP : number * SEGMENT_STEP + SEGMENT_FRAMES] += mel * weights
    return whole
