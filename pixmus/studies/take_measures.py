"""Whole takes of model folders, measured beside each other and beside real pieces.

`python -m pixmus.studies.take_measures FOLDER [FOLDER ...] --takes 12`. Every folder composes the
same cue sheets, styles and ensembles in turn; printed are the means of `check.voicing` and of the
remarks of `check`, how many remarks are odd, and processor seconds a minute of music. With
`--corpus` real pieces stand in the first column. Cue sheets are drawn for this alone; none is of
the score model's table.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pixmus.check.findings import check_score
from pixmus.check.remarks import note_rows, remarks_on
from pixmus.check.voicing import measure_all
from pixmus.cues.sheet import CueSheet
from pixmus.ensembles import STYLES
from pixmus.keys import key_is_major
from pixmus.score.grid import BEATS_PER_BAR, STEPS_PER_BEAT
from pixmus.score.midi import write_midi
from pixmus.score.notes import Score
from pixmus.studies.score_model_takes import draw_cue_sheet
from pixmus.take.pipeline import PixMusPipeline
from pixmus.training.corpus import load_pieces

STEPS_PER_BAR = BEATS_PER_BAR * STEPS_PER_BEAT
WINDOW_BARS = 8
REAL_PIECES = 60
FIRST_SEED = 31  # of the cue sheets

Measures = dict[str, float]


def measure_rows(notes: np.ndarray, num_bars: int, minor: bool) -> Measures:
    """The means over windows of 8 bars of `measure_all`."""
    windows = []
    for first in range(0, max(1, num_bars - WINDOW_BARS + 1), WINDOW_BARS):
        inside = (notes[:, 1] >= first * STEPS_PER_BAR) & (
            notes[:, 1] < (first + WINDOW_BARS) * STEPS_PER_BAR
        )
        own = notes[inside] - np.array([0, first * STEPS_PER_BAR, 0, 0, 0])
        if len(own):
            windows.append(measure_all(own, min(WINDOW_BARS, num_bars), minor))
    return mean_of(windows)


def mean_of(rows: Iterable[Measures]) -> Measures:
    """The means of measures by name, of those that are known."""
    found: dict[str, list[float]] = {}
    for row in rows:
        for name, value in row.items():
            if np.isfinite(value):
                found.setdefault(name, []).append(value)
    return {name: float(np.mean(values)) for name, values in found.items()}


def measure_score(score: Score, style: str) -> Measures:
    """A take's measures, its remarks as numbers, and how much of it `check` finds odd."""
    notes = note_rows(score)
    num_bars = len(score.tempo_map.bar_starts)
    measures = measure_rows(notes, num_bars, not key_is_major(score.key))
    remarks = remarks_on(score, style)
    measures |= {f"take: {remark.name}": remark.value for remark in remarks}
    measures["odd remarks"] = sum(remark.is_odd for remark in remarks)
    return measures


def draw_sheets(count: int, first_seed: int) -> list[CueSheet]:
    """Cue sheets of 20 to 60 s, styles in turn."""
    sheets = []
    for index in range(count):
        rng = np.random.default_rng([first_seed, index])
        duration = round(float(rng.uniform(20, 60)), 2)
        sheets.append(draw_cue_sheet(rng, duration, STYLES[index % len(STYLES)]))
    return sheets


def measure_model(
    folder: Path, sheets: Sequence[CueSheet], options: dict[str, Any], keep: Path | None = None
) -> Measures:
    """A model folder's takes of cue sheets, the means; MIDI files of them in `keep`."""
    pipe = PixMusPipeline.from_pretrained(folder)
    rows, spent = [], 0.0
    for seed, sheet in enumerate(sheets):
        begun = time.process_time()
        score = pipe.compose(sheet, seed=seed, **options)
        spent += time.process_time() - begun
        row = measure_score(score, sheet.style)
        if pipe.descriptor_ranges is not None:
            check = check_score(score, pipe.descriptor_ranges, sheet.style)
            row["descriptors outside"] = len(check.outside)
        rows.append(row)
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            write_midi(score, keep / f"{folder.name}-{seed:02d}-{sheet.style}.mid")
    means = mean_of(rows)
    music = sum(sheet.duration for sheet in sheets) / 60
    means["processor seconds a minute"] = spent / music
    return means


def measure_real(corpus: Path, bars: int = 24) -> Measures:
    """Validation pieces' first bars, as many of each style as there are up to `REAL_PIECES`."""
    pieces = [p for p in load_pieces(corpus) if p.split == "validation" and p.corpus != "groove"]
    rows = []
    for style in STYLES:
        for piece in [p for p in pieces if p.style == style][: REAL_PIECES // len(STYLES)]:
            notes = piece.notes.astype(int)
            num_bars = min(bars, piece.num_beats // BEATS_PER_BAR)
            rows.append(
                measure_rows(
                    notes[notes[:, 1] < num_bars * STEPS_PER_BAR], num_bars, bool(piece.minor)
                )
            )
    return mean_of(rows)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--takes", type=int, default=12)
    parser.add_argument("--seed", type=int, default=FIRST_SEED, help="of the cue sheets")
    parser.add_argument("--corpus", type=Path, help="real pieces beside the takes")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--guidance", type=float)
    parser.add_argument("--midi", type=Path, help="folder for the takes as MIDI files")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args(argv)
    torch.set_num_threads(arguments.threads)
    options = {"num_inference_steps": arguments.steps, "guidance_scale": arguments.guidance}
    options = {name: value for name, value in options.items() if value is not None}
    sheets = draw_sheets(arguments.takes, arguments.seed)
    table = {} if arguments.corpus is None else {"real": measure_real(arguments.corpus)}
    for folder in arguments.models:
        table[str(folder)] = measure_model(folder, sheets, options, arguments.midi)
    names = dict.fromkeys(name for row in table.values() for name in row)
    print(" " * 28, *(f"{Path(name).name[:12]:>12}" for name in table))
    for name in names:
        values = (row.get(name, float("nan")) for row in table.values())
        print(f"{name:28}", *(f"{value:12.3f}" for value in values))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(table, indent=2) + "\n")


if __name__ == "__main__":
    main()
