"""One take by its numbers: `python -m pixmus.studies.take CLIP [--model DIR] [--bundle DIR]`.

Loudness, peaks, silence, key, tempo, range, density, repetition, ending, and the cuts that a strong
onset meets. Prints a table; `--out` writes it as Markdown.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pixmus.check.onsets import flux_peaks, strong_onsets
from pixmus.keys import KEYS
from pixmus.model.folder import MODEL_FOLDER
from pixmus.score.curves import beat_statistics
from pixmus.score.key_finding import key_correlations
from pixmus.score.notes import encode_score
from pixmus.score.tempo import cue_span
from pixmus.sound.loudness import loudness, to_db, true_peak_db
from pixmus.take.pipeline import PixMusPipeline, Soundtrack
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
        return count * SILENCE_BLOCK_S
    edges = np.concatenate([[-1], sounding])
    return float((np.diff(edges) - 1).max() * SILENCE_BLOCK_S)


def describe(take: Soundtrack) -> dict[str, str]:
    """What a musician and an engineer would check, as text by name."""
    music, score, tempo_map = take.music, take.score, take.tempo_map
    onsets = strong_onsets(*flux_peaks(music))
    cuts = take.cue_sheet.cuts
    misses = [float(np.abs(onsets - cut).min()) if len(onsets) else np.inf for cut in cuts]
    cells = encode_score(score)
    statistics = beat_statistics(cells)
    key = KEYS[int(key_correlations(statistics.sum((0, 1))[5:]).argmax())]
    bars = np.add.reduceat(statistics.sum(1)[:, 5:], tempo_map.bar_starts)
    alike = np.corrcoef(bars[bars.sum(1) > 0]) if len(bars) > 1 else np.ones((1, 1))
    span = cue_span(tempo_map, take.cue_sheet.cues[-1])
    ending = tempo_map.to_seconds(span.final_beat)
    tempos = tempo_map.local_tempo_bpm
    tail = music[:, -round(0.1 * SAMPLE_RATE) :]
    facts = {
        "loudness of the music": f"{loudness(music):.1f} LUFS",
        "true peak": f"{true_peak_db(music):.1f} dBTP",
        "samples at full scale": str(int((np.abs(music) >= 1).sum())),
        "longest silence before the end": f"{longest_silence(music):.2f} s",
        "last 100 ms": f"{to_db(float(np.sqrt((tail**2).mean())) + 1e-9):.0f} dBFS",
        "strong onsets": f"{len(onsets) / take.video.duration:.2f} a second",
        "cuts met within 40 ms": f"{sum(m <= HIT_TOLERANCE_S for m in misses)} of {len(cuts)}",
        "hit points placed": str(take.accent_report.placed),
        "hit points accented": str(take.accent_report.accented),
        "key asked, key heard": f"{score.key}, {key}",
        "tempo": f"{tempos.min():.0f} to {tempos.max():.0f} bpm",
        "last chord": f"{take.video.duration - ending:.1f} s before the end, "
        + ("on a downbeat" if span.final_beat in tempo_map.bar_starts else "off the downbeat"),
        "likeness of neighbouring bars (pitch classes)": f"{np.diag(alike, 1).mean():.2f}",
    }
    for part, notes in score.parts.items():
        pitches = [note.pitch for note in notes]
        if pitches:
            rate = len(notes) / take.video.duration
            facts[part] = (
                f"{len(notes)} notes, {rate:.2f} a second, {min(pitches)} to {max(pitches)}"
            )
    return facts


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--model", default=str(MODEL_FOLDER))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bundle", type=Path, help="also write the take's bundle here")
    parser.add_argument("--out", type=Path, help="Markdown file to write")
    arguments = parser.parse_args(argv)
    pipe = PixMusPipeline.from_pretrained(arguments.model)
    take = pipe(arguments.clip, seed=arguments.seed, original_audio="drop")
    facts = describe(take)
    rows = [f"| {name} | {value} |" for name, value in facts.items()]
    title = f"{arguments.clip.name}, seed {arguments.seed}, {take.cue_sheet.ensemble}"
    text = "\n".join([f"| {title} | |", "|---|---|", *rows]) + "\n"
    print(text)
    if arguments.out:
        command = f"python -m pixmus.studies.take {arguments.clip} --seed {arguments.seed}"
        arguments.out.write_text(f"`{command}`\n\n{text}")
    if arguments.bundle:
        take.save(arguments.bundle)


if __name__ == "__main__":
    main()
