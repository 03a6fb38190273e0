"""`pieces`: a long stem cut where a model cannot play it at once, and joined again to the sample.

Conventions: positions are samples; a piece is (start, stop); waveforms are (2, samples). Pieces
overlap by a fade in which one is blended into the next by weights that sum to 1, so what comes back
unchanged is joined unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from pixmus.waveform import SAMPLE_RATE, Waveform

FADE_S = 0.5  # in which two pieces overlap
BLOCK = 441  # samples, 10 ms: the resolution of the gains below
SILENT = 1e-4  # of full scale; a stem below it plays nothing
RELEASE_BLOCKS = 10  # 100 ms: what a model adds around what is played dies away in that
# Around an accent the synth's sound stands, to the sample: seconds before and after it, and the
# length of the fades on both sides. Chosen so that an attack (20 to 80 ms) lies inside.
ACCENT_BEFORE_S, ACCENT_AFTER_S, ACCENT_FADE_S = 0.03, 0.20, 0.10


def pieces(
    num_samples: int, borders: Sequence[Sequence[int]], longest: int
) -> list[tuple[int, int]]:
    """Overlapping pieces of at most `longest` samples that cover `num_samples`.

    A piece ends around the last of the first of `borders` (cue borders, then bars) that it
    reaches, and where none is in reach, as late as it can.
    """
    fade = min(round(FADE_S * SAMPLE_RATE), longest // 4) // 2 * 2
    found: list[tuple[int, int]] = []
    start = 0
    while num_samples - start > longest:
        latest = start + longest - fade // 2
        at = latest
        for group in borders:
            inside = [border for border in group if start + 2 * fade < border <= latest]
            if inside:
                at = max(inside)
                break
        found.append((start, at + fade // 2))
        start = at - fade // 2
    return [*found, (start, num_samples)]


def join(
    num_samples: int,
    spans: Sequence[tuple[int, int]],
    play: Callable[[int, int, int], Waveform],
) -> Waveform:
    """The pieces that `play(number, start, stop)` gives, blended where they overlap."""
    whole = np.zeros((2, num_samples), np.float32)
    for number, (start, stop) in enumerate(spans):
        made = fitted(play(number, start, stop), stop - start)
        weights = np.ones(stop - start, np.float32)
        if number > 0:
            overlap = spans[number - 1][1] - start
            weights[:overlap] = _rise(overlap)
        if number < len(spans) - 1:
            overlap = stop - spans[number + 1][0]
            weights[len(weights) - overlap :] = 1.0 - _rise(overlap)
        whole[:, start:stop] += made * weights
    return whole


def fitted(waveform: Waveform, num_samples: int) -> Waveform:
    """The waveform cut or ended with silence: (2, num_samples)."""
    made = np.zeros((2, num_samples), np.float32)
    length = min(num_samples, waveform.shape[1])
    made[:, :length] = waveform[:, :length]
    return made


def _rise(num_samples: int) -> NDArray[np.float32]:
    """From 0 to 1 in the shape of a raised cosine."""
    phase = (np.arange(num_samples, dtype=np.float32) + 0.5) / max(num_samples, 1)
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * phase), np.float32)


def playing_gain(stem: Waveform) -> NDArray[np.float32]:
    """1 where the stem plays, falling to 0 within 100 ms around it. (blocks + 1,)"""
    plays = _peaks(stem) > SILENT
    gain = plays.astype(np.float32)
    for away in range(1, RELEASE_BLOCKS):
        level = np.float32(1.0 - away / RELEASE_BLOCKS)
        gain[away:] = np.maximum(gain[away:], level * plays[:-away])
        gain[:-away] = np.maximum(gain[:-away], level * plays[away:])
    return _at_borders(gain)


def accent_gain(num_samples: int, accents: Sequence[float]) -> NDArray[np.float32]:
    """1 around each accent (seconds), 0 elsewhere. (blocks + 1,)"""
    times = np.arange(-(-num_samples // BLOCK) + 1) * (BLOCK / SAMPLE_RATE)
    gain = np.zeros(len(times), np.float32)
    shape = np.cumsum([0.0, ACCENT_FADE_S, ACCENT_BEFORE_S + ACCENT_AFTER_S, ACCENT_FADE_S])
    for accent in accents:
        corners = accent - ACCENT_BEFORE_S - ACCENT_FADE_S + shape
        gain = np.maximum(gain, np.interp(times, corners, [0, 1, 1, 0]).astype(np.float32))
    return gain


def matched_level(made: Waveform, wanted: Waveform, most: float = 8.0) -> Waveform:
    """`made` at the RMS of `wanted`, changed by a factor of at most `most`."""
    wanted_rms, made_rms = (float(np.sqrt(np.mean(w**2, dtype=np.float64))) for w in (wanted, made))
    if made_rms <= 0.0:
        return made
    gain = min(max(wanted_rms / made_rms, 1.0 / most), most)
    return np.asarray(made * np.float32(gain), np.float32)


def _peaks(stem: Waveform) -> NDArray[np.float32]:
    """The highest magnitude of every block."""
    blocks = -(-stem.shape[1] // BLOCK)
    peaks = np.zeros(blocks, np.float32)
    step = 2048
    for first in range(0, blocks, step):
        part = np.abs(stem[:, first * BLOCK : (first + step) * BLOCK]).max(axis=0)
        padded = np.pad(part, (0, -len(part) % BLOCK))
        peaks[first : first + step] = padded.reshape(-1, BLOCK).max(axis=1)
    return peaks


def _at_borders(blocks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Values of blocks as values at their borders: the higher of both sides."""
    return np.maximum(np.append(blocks, 0.0), np.insert(blocks, 0, 0.0)).astype(np.float32)
