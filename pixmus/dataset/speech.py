"""How much of a sound is speech: four cheap measures a window, after Scheirer and Slaney (1997,
"Construction and evaluation of a robust multifeature speech/music discriminator").

Speech comes in syllables, about four a second, between which it nearly stops; its spectrum changes
in jerks, and no tone of it lasts. Music holds tones, even where it is rhythmic. The weights were
fitted once (`python -m pixmus.studies.speech` fits them again) and are no pretrained network.
"""

from __future__ import annotations

import numpy as np

SAMPLE_RATE = 16000  # Hz, of what is measured
HOP = 160  # samples, 10 ms
FRAME = 512  # samples
TONE_FRAME = 2048  # samples, long enough to part neighbouring harmonics
TONE_HOP = 800  # samples, 50 ms
TONE_LAG = 4  # hops, 200 ms: longer than most syllables hold their pitch
WINDOW = 300  # frames, 3 s
WINDOW_HOP = 150  # frames
BAND = (300.0, 3400.0)  # Hz, of the telephone
TONE_BAND = (150.0, 2500.0)  # Hz
SYLLABLE_RATES = (2.5, 7.0)  # Hz
SMOOTHING = 15  # bins of 7.8 Hz; tones stand out of the spectrum smoothed so
FLUX_LAG = 2  # frames
QUIET = 1e-3  # mean level (of full scale) below which a window says nothing

MEASURES = ("syllables", "low frames", "jerks", "tones")
# Logistic regression on 296 rows of music (rendered, orchestral, electronic, drums alone)
# and 114 of speech (six recorded voices in five languages, and espeak-ng), every group weighted
# alike.
WEIGHTS = (0.633, -8.573, 57.967, -30.694)
BIAS = -0.621


def speech_share(waveform: np.ndarray) -> float:
    """The share of sounding windows that are speech, 0..1; 0 where none sounds.

    `waveform` is mono at `SAMPLE_RATE`, (samples,).
    """
    measures = speech_measures(waveform)
    if not len(measures):
        return 0.0
    return float(np.mean(measures @ np.array(WEIGHTS) + BIAS > 0))


def speech_measures(waveform: np.ndarray) -> np.ndarray:
    """The measures of every sounding window of 3 s. (windows, 4)

    syllables: log of the band's envelope modulated at 2.5 to 7 Hz, relative to its mean (their
    "4 Hz modulation energy"); low frames: share of frames below half the mean level; jerks:
    standard deviation of the spectral flux in the louder frames; tones: how alike the spectral
    peaks are 200 ms apart, 0..1, louder frames counting more.
    """
    if len(waveform) < WINDOW * HOP:
        return np.zeros((0, len(MEASURES)))
    spectra = _spectra(waveform, FRAME, HOP)
    hertz = np.fft.rfftfreq(FRAME, 1 / SAMPLE_RATE)
    band = spectra[:, (hertz >= BAND[0]) & (hertz <= BAND[1])]
    levels = np.sqrt((spectra**2).sum(1) * 2 / (FRAME * FRAME * 3 / 8))  # of full scale
    strengths = np.linalg.norm(band, axis=1)
    shapes = band / np.maximum(strengths, 1e-9)[:, None]
    flux = np.zeros(len(shapes))
    flux[FLUX_LAG:] = np.linalg.norm(shapes[FLUX_LAG:] - shapes[:-FLUX_LAG], axis=1)
    tones = _tones(waveform)
    window = np.hanning(WINDOW)
    rates = np.fft.rfftfreq(WINDOW, HOP / SAMPLE_RATE)
    syllables = (rates >= SYLLABLE_RATES[0]) & (rates <= SYLLABLE_RATES[1])
    ratio = TONE_HOP // HOP
    found = []
    for start in range(0, len(levels) - WINDOW + 1, WINDOW_HOP):
        level = levels[start : start + WINDOW]
        envelope = strengths[start : start + WINDOW]
        if level.mean() < QUIET or envelope.mean() <= 0:
            continue
        modulation = np.abs(np.fft.rfft((envelope / envelope.mean() - 1) * window)) ** 2
        loud = level > 0.3 * level.mean()
        held = tones[start // ratio : (start + WINDOW) // ratio]
        weights = level[::ratio][: len(held)]
        found.append(
            (
                np.log(modulation[syllables].sum() + 1e-3),
                np.mean(level < 0.5 * level.mean()),
                flux[start : start + WINDOW][loud].std(),
                (held[: len(weights)] * weights).sum() / weights.sum(),
            )
        )
    return np.array(found).reshape(-1, len(MEASURES))


def _spectra(waveform: np.ndarray, frame: int, hop: int) -> np.ndarray:
    """Magnitudes of frames centred every `hop` samples. (frames, frame // 2 + 1)"""
    padded = np.pad(waveform.astype(np.float32), (frame // 2, frame // 2))
    frames = np.lib.stride_tricks.sliding_window_view(padded, frame)[::hop]
    window = np.hanning(frame).astype(np.float32)
    return np.concatenate(
        [
            np.abs(np.fft.rfft(frames[i : i + 1000] * window)).astype(np.float32)
            for i in range(0, len(frames), 1000)
        ]
    )


def _tones(waveform: np.ndarray) -> np.ndarray:
    """How alike the peaks of each spectrum are to those 200 ms before, 0..1, every 50 ms."""
    spectra = _spectra(waveform, TONE_FRAME, TONE_HOP)
    hertz = np.fft.rfftfreq(TONE_FRAME, 1 / SAMPLE_RATE)
    band = spectra[:, (hertz >= TONE_BAND[0]) & (hertz <= TONE_BAND[1])]
    logs = np.log(band + 1e-4 * spectra.max() + 1e-9)
    half = SMOOTHING // 2
    sums = np.cumsum(np.pad(logs, ((0, 0), (half + 1, half)), mode="edge"), axis=1)
    peaks = np.maximum(logs - (sums[:, SMOOTHING:] - sums[:, :-SMOOTHING]) / SMOOTHING, 0.0)
    peaks /= np.maximum(np.linalg.norm(peaks, axis=1, keepdims=True), 1e-6)
    alike = np.zeros(len(peaks))
    alike[TONE_LAG:] = (peaks[TONE_LAG:] * peaks[:-TONE_LAG]).sum(1)
    return alike
