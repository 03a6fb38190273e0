"""One take by its numbers: `pixmus evaluate take CLIP [--seed N] [--bundle DIR]`.

Loudness, peaks, silence, key, tempo, range, density, repetition, ending, and the cuts that a strong
onset meets.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from pixmus.check.onsets import flux_peaks, strong_onsets
from pixmus.keys import KEYS
from pixmus.model.folder import MODEL_FOLDER
from pixmus.score.curves import beat_statistics
from pixmus.score.key_finding import key_correlations
from pixmus.score.notes import encode_score
from pixmus.score.spans import cue_span
from pixmus.sound.loudness import loudness, to_db, true_peak_db
from pixmus.studies.runner import Result, Run, Study
from pixmus.take.pipeline import PixMusPipeline
from pixmus.take.soundtrack import Soundtrack
from pixmus.waveform import SAMPLE_RATE, Waveform

HIT_TOLERANCE_S = 0.040
SILENCE_DBFS = -60.0
SILENCE_BLOCK_S = 0.05


def longest_silence(waveform: Waveform) -> float:
    """Seconds of the longest stretch below -60 dBFS, the ring-out at the end left out."""
    block = round(SILENCE_BLOCK_S * SAMPLE_RATE)
    count = waveform.shape[1] // block
    levels = np.sqrt((waveform[:, : count * block].reshape(2, count, block) ** 2).mean((0, 2)))
    silent = levels < 10 ** (SILENCE_DBFS / 20)
    sounding = np.flatnonzero(~silent)
    if not len(sounding):
        return float(count * SILENCE_BLOCK_S)
    edges = np.concatenate([[-1], sounding])
    return float((np.diff(edges) - 1).max() * SILENCE_BLOCK_S)


def describe(take: Soundtrack) -> Result:
    """What a musician and an engineer would check."""
    music, score, tempo_map = take.music, take.score, take.tempo_map
    seconds, cuts = take.video.duration, take.cue_sheet.cuts
    onsets = strong_onsets(*flux_peaks(music))
    misses = [float(np.abs(onsets - cut).min()) if len(onsets) else np.inf for cut in cuts]
    statistics = beat_statistics(encode_score(score))
    bars = np.add.reduceat(statistics.sum(1)[:, 5:], tempo_map.bar_starts)
    heard = bars[bars.sum(1) > 0]
    span = cue_span(tempo_map, take.cue_sheet.cues[-1], take.cue_sheet.hit_points)
    tempos = tempo_map.local_tempo_bpm
    tail = music[:, -round(0.1 * SAMPLE_RATE) :]
    return {
        "ensemble": take.cue_sheet.ensemble,
        "loudness_lufs": loudness(music),
        "true_peak_dbtp": true_peak_db(music),
        "samples_at_full_scale": int((np.abs(music) >= 1).sum()),
        "longest_silence_s": longest_silence(music),
        "last_100_ms_dbfs": to_db(float(np.sqrt((tail**2).mean())) + 1e-9),
        "strong_onsets_per_s": len(onsets) / seconds,
        "cuts": len(cuts),
        "cuts_met": sum(miss <= HIT_TOLERANCE_S for miss in misses),
        "hit_points_placed": take.accent_report.placed,
        "hit_points_accented": take.accent_report.accented,
        "key_asked": score.key,
        "key_heard": KEYS[int(key_correlations(statistics.sum((0, 1))[5:]).argmax())],
        "tempo_bpm": [float(tempos.min()), float(tempos.max())],
        "last_chord_before_end_s": seconds - float(tempo_map.to_seconds(span.final_beat)),
        "last_chord_on_downbeat": span.final_beat in tempo_map.bar_starts,
        "likeness_of_bars": (
            float(np.diag(np.corrcoef(heard), 1).mean()) if len(heard) > 1 else None
        ),
        "parts": {
            part: {
                "notes": len(notes),
                "notes_per_s": len(notes) / seconds,
                "pitches": [min(n.pitch for n in notes), max(n.pitch for n in notes)],
            }
            for part, notes in score.parts.items()
            if notes
        },
    }


def measure(run: Run) -> Result:
    """One take of a clip."""
    asked = run.arguments
    pipe = PixMusPipeline.from_pretrained(asked.model)
    take = pipe(asked.clip, seed=asked.seed, original_audio="drop")
    if asked.bundle:
        take.save(asked.bundle)
    return {"clip": asked.clip.name, "seed": asked.seed, **describe(take)}


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the study may be told."""
    parser.add_argument("clip", type=Path)
    parser.add_argument("--model", default=str(MODEL_FOLDER))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bundle", type=Path, help="also write the take's bundle here")


STUDY = Study("take", "One take by its numbers.", measure, arguments, out=None)
