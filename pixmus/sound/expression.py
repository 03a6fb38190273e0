"""Swells: a part follows the energy curve, all stress an accent, and cues begin and end.

Conventions: waveforms are float32 (2, samples), envelopes gains (samples,), times seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pixmus.curves import CURVE_RATE_HZ
from pixmus.sound.loudness import apply_gain
from pixmus.sound.performance import PlayedNote
from pixmus.waveform import SAMPLE_RATE, Waveform

LONGEST_FADE_S = 2.5
FADED_SHARE = 0.9  # of the time that the last notes ring
FADE_DB, FADE_END_S = 66.0, 0.005  # how far it falls before it is cut
FADE_DB_PER_S = 90.0
STEEPEST_POWER = 2.2  # strings' own beats come on top of it: with 3 they fell by 6 dB in 50 ms
ENTRY_S = 0.1  # sound may start this much before its cue: an attack that was moved forward


# An accent's swell: dips by so much, rises around its instant, and falls back.
STRESS_DIP_DB, STRESS_DB = 3.0, 4.0
STRESS_BEFORE_S, STRESS_RISE_S, STRESS_AFTER_S = 0.120, 0.008, 0.350


def follow_energy(waveform: Waveform, energy: NDArray[np.float32], depth_db: float) -> None:
    """Let the waveform swell with the energy curve, smoothed over a second; in place."""
    hop = round(SAMPLE_RATE / CURVE_RATE_HZ)
    padded = np.pad(energy.astype(np.float64), 2, mode="edge")
    smooth = np.convolve(padded, np.full(5, 0.2), mode="valid")
    num_blocks = -(-waveform.shape[1] // hop)
    level = np.interp(np.arange(num_blocks + 1), np.arange(len(smooth)) + 0.5, smooth)
    gain = (10.0 ** (depth_db * (2.0 * level - 1.0) / 20.0)).astype(np.float32)
    apply_gain(waveform, gain, hop)


def stress(envelope: NDArray[np.float32], times: Sequence[float]) -> None:
    """Make all parts swell into an accent: softer just before it, louder from it on, both brief.

    A conductor's sforzato: velocities alone cannot lift an accent out of a held chord.
    """
    before, rise = round(STRESS_BEFORE_S * SAMPLE_RATE), round(STRESS_RISE_S * SAMPLE_RATE)
    after = round(STRESS_AFTER_S * SAMPLE_RATE)
    dip = np.linspace(0.0, -STRESS_DIP_DB, before)
    decay = STRESS_DB * (1 - np.linspace(0.0, 1.0, after)) ** 2
    shape = np.concatenate([dip, np.linspace(-STRESS_DIP_DB, STRESS_DB, rise), decay])
    gain = np.power(10.0, shape / 20).astype(np.float32)
    for time in times:
        start = round(time * SAMPLE_RATE) - before - rise // 2
        low, high = max(start, 0), min(start + len(gain), len(envelope))
        if low < high:
            envelope[low:high] *= gain[low - start : high - start]


def cue_window(
    cues: Sequence[tuple[float, float]],
    played: Mapping[str, Sequence[PlayedNote]],
    num_samples: int,
) -> NDArray[np.float32]:
    """1 inside the cues, 0 between them; each last chord's tail falls to 0 at its cue's end."""
    starts = np.array(sorted(note.start for notes in played.values() for note in notes))
    window = np.zeros(num_samples, np.float32)
    for start, end in cues:
        first = max(round((start - ENTRY_S) * SAMPLE_RATE), 0)
        last = min(round(end * SAMPLE_RATE), num_samples)
        window[first:last] = 1.0
        inside = starts[(starts >= start) & (starts < end)]
        ringing = end - float(inside.max()) if len(inside) else 0.0
        fade = min(round(min(LONGEST_FADE_S, max(FADED_SHARE * ringing, 0.05)) * SAMPLE_RATE),
                   last - first)  # fmt: skip
        if fade > 0:
            window[last - fade : last] *= _dying_away(fade)
    return window


def _dying_away(num_samples: int) -> NDArray[np.float32]:
    """A gain from 1 to 0 that falls faster and faster in dB, at its end as fast as it may.

    A linear or cosine fade drops by tens of decibels in its last twentieth of a second.
    """
    place = (np.arange(num_samples) + 1.0) / num_samples
    power = np.clip(FADE_DB_PER_S * num_samples / SAMPLE_RATE / FADE_DB, 1.0, STEEPEST_POWER)
    gain = 10.0 ** (-FADE_DB / 20.0 * place**power)
    last = min(round(FADE_END_S * SAMPLE_RATE), num_samples)
    gain[num_samples - last :] *= np.linspace(1.0, 0.0, last)
    return gain.astype(np.float32)
