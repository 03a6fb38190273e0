"""How well the detector of onsets finds attacks whose times are known."""

from __future__ import annotations

from typing import Any

import numpy as np

from pixmus.check.onsets import flux_peaks, hit_rate, nearest_offsets, strong_onsets
from pixmus.ensembles import MUSIC_BOX, PIANO, STRINGS, Part
from pixmus.score.notes import Note, Score
from pixmus.score.tempo import TempoMap
from pixmus.waveform import SAMPLE_RATE


def synthetic_attacks(rise: float, seed: int = 0, count: int = 120) -> tuple[np.ndarray, ...]:
    """A waveform of struck chords, the times of half their rise, and which are accents.

    Chords of four decaying partials, 0.2 to 0.8 s apart, `rise` seconds long to their full height;
    each fifth one is 8 dB louder than the others, which differ by up to 4 dB; noise at -50 dBFS.
    """
    generator = np.random.default_rng(seed)
    starts = 0.5 + np.cumsum(generator.uniform(0.2, 0.8, count))
    waveform = 10 ** (-50 / 20) * generator.standard_normal(round((starts[-1] + 2) * SAMPLE_RATE))
    is_accent = np.arange(count) % 5 == 2
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    shape = np.minimum(time / max(rise, 1e-6), 1.0) * np.exp(-time / 0.25)
    for start, accent in zip(starts, is_accent, strict=True):
        level = 0.05 * 10 ** (generator.uniform(-2, 2) / 20) * (10 ** (8 / 20) if accent else 1)
        pitches = 110 * 2 ** (generator.integers(0, 36, 4) / 12)
        partials = [np.sin(2 * np.pi * (p * time + generator.random())) for p in pitches]
        first = round(start * SAMPLE_RATE)
        waveform[first : first + SAMPLE_RATE] += level * shape * np.sum(partials, axis=0)
    return waveform.astype(np.float32)[None], starts + rise / 2, is_accent


def check_detector() -> list[dict[str, Any]]:
    """Recall and offset of the detector on attacks with known times: synthetic, then played."""
    rows = []
    for rise in (0.001, 0.010, 0.030):
        waveform, times, is_accent = synthetic_attacks(rise)
        rows.append(_detector_row(f"synthetic, {1000 * rise:g} ms", waveform, times, is_accent))
    for ensemble in (PIANO.name, STRINGS.name, MUSIC_BOX.name):
        waveform, times, is_accent = _played_attacks(ensemble)
        rows.append(_detector_row(f"{ensemble}, played", waveform, times, is_accent))
    return rows


def _detector_row(
    name: str, waveform: np.ndarray, times: np.ndarray, is_accent: np.ndarray
) -> dict[str, Any]:
    peaks, heights = flux_peaks(waveform)
    offsets = nearest_offsets(times, peaks)
    near = offsets[np.abs(offsets) <= 0.040]
    return {
        "attacks": name,
        "count": len(times),
        "recall_40ms": float((np.abs(offsets) <= 0.040).mean()),
        "offset_ms": 1000 * float(near.mean()),
        "spread_ms": 1000 * float(near.std()),
        "accents_strong_40ms": hit_rate(times[is_accent], strong_onsets(peaks, heights), 0.040),
        "others_strong_40ms": hit_rate(times[~is_accent], strong_onsets(peaks, heights), 0.040),
    }


def _played_attacks(ensemble: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A chord a beat through the synthesiser, each fifth struck harder; every one a hit point."""
    from pixmus.cues.sheet import HitPoint
    from pixmus.ensembles import ENSEMBLES
    from pixmus.sound.renderer import render

    count = 40
    tempo_map = TempoMap.constant(96.0, 30.0, offset=0.5)
    is_accent = np.arange(count) % 5 == 2
    chord: dict[str, tuple[int, ...]] = {
        Part.MELODY: (72,),
        Part.COUNTER: (64,),
        Part.HARMONY: (60, 64, 67),
        Part.BASS: (48,),
    }
    parts = {
        part: tuple(
            Note(float(beat), pitch + (0, 5, -3, 2)[beat % 4], 0.9, 110 if is_accent[beat] else 70)
            for beat in range(count)
            for pitch in pitches
        )
        for part, pitches in chord.items()
        if part in ENSEMBLES[ensemble].parts
    }
    times = np.asarray(tempo_map.to_seconds(np.arange(count, dtype=float)))
    hits = [HitPoint(float(time), 1.0) for time in times]
    stems = render(Score(parts, tempo_map, "C major", ()), ensemble, hits=hits)
    return np.sum([stems[part] for part in stems], axis=0), times, is_accent
