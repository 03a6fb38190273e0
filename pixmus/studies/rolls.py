"""Piano-rolls of six takes beside six real pieces, to be judged by eye.

    pixmus evaluate rolls --corpus runs/corpus.npz

Real pieces are held out, drawn by a fixed seed; takes have cue sheets of their own, drawn as those
of `score-model` but in no other table. Of each the first `NUM_BARS` bars, in C major or A minor.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pixmus.check.remarks import note_rows
from pixmus.check.voicing import measure_all
from pixmus.choices import DEFAULT_GUIDANCE_SCALE
from pixmus.ensembles import PARTS, Part, Style
from pixmus.score.grid import BEATS_PER_BAR, STEPS_PER_BAR
from pixmus.score.notes import Note
from pixmus.score.voices import UNKNOWN_VELOCITY
from pixmus.studies.runner import Result, Run, Study
from pixmus.studies.score_model_takes import compose_take, draw_cue_sheet
from pixmus.take.figure import (
    DPI,
    INK,
    PAGE,
    PANEL,
    PARTS_FROM_THE_BACK,
    QUIET,
    RULE,
    WIDTH_PX,
    draw_legend,
)
from pixmus.take.piano_roll import draw_notes
from pixmus.training.corpus import load_pieces

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pixmus.training.corpus import Piece

STYLES_SHOWN = (Style.POP, Style.POP, Style.SONG, Style.QUARTET, Style.GAME, Style.GAME)
NUM_BARS = 16
NUM_BEATS = NUM_BARS * BEATS_PER_BAR
TAKE_S = 45.0
SEED = 20261126  # of pieces and cue sheets
TOLD = ("shapes recur", "root changes", "tonic share", "melody steps", "bass repeats")


def held_out(pieces: Sequence[Piece]) -> list[Piece]:
    """A piece for each of `STYLES_SHOWN` that no training saw, no two the same."""
    rng = np.random.default_rng(SEED)
    found: list[Piece] = []
    for style in STYLES_SHOWN:
        fitting = [
            piece
            for piece in pieces
            if piece.style == style and piece.split != "training" and piece.num_beats >= NUM_BEATS
        ]
        left = [piece for piece in fitting if all(piece is not other for other in found)]
        found.append(left[int(rng.integers(len(left)))])
    return found


def draw_rolls(rows: Sequence[tuple[str, np.ndarray, np.ndarray]]) -> Figure:
    """A row of the picture for each (style, real notes, made notes); note rows are (notes, 5)."""
    figure = Figure(figsize=(WIDTH_PX / DPI, 1.5 * len(rows) + 0.7), dpi=DPI, facecolor=PAGE)
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(rows), 2, sharex=True, squeeze=False)
    figure.subplots_adjust(left=0.06, right=0.99, top=0.95, bottom=0.085, wspace=0.04, hspace=0.12)
    for (style, *both), pair in zip(rows, axes, strict=True):
        low, high = _range_of(both)
        for notes, roll in zip(both, pair, strict=True):
            _draw(roll, notes)
            roll.set_ylim(low - 2, high + 2)
        pair[0].set_ylabel(style, fontsize=9, color=INK)
        pair[1].tick_params(labelleft=False)
    for column, title in enumerate(("Real, held out", "Made")):
        axes[0, column].set_title(title, fontsize=11, color=INK, loc="left", fontweight="bold")
        axes[-1, column].set_xlabel("bar", fontsize=8.5, color=QUIET)
    draw_legend(figure, [p for p in PARTS if p != Part.DRUMS], has_hits=False, has_cuts=False)
    return figure


def _range_of(rolls: Sequence[np.ndarray]) -> tuple[int, int]:
    pitches = np.concatenate([notes[notes[:, 0] != PARTS.index(Part.DRUMS), 3] for notes in rolls])
    return int(pitches.min()), int(pitches.max())


def _draw(roll: Axes, notes: np.ndarray) -> None:
    """Note rows as boxes, coloured by part, over bars."""
    for part in PARTS_FROM_THE_BACK:
        rows = notes[notes[:, 0] == PARTS.index(part)]
        starts = 1 + rows[:, 1] / STEPS_PER_BAR
        told = [Note(0.0, int(row[3]), 1.0, int(row[4]) or UNKNOWN_VELOCITY) for row in rows]
        if told:
            ends = starts + rows[:, 2] / STEPS_PER_BAR
            draw_notes(roll, starts, ends, rows[:, 3].tolist(), 0.45, told, part)
    roll.set_xlim(1, NUM_BARS + 1)
    roll.set_xticks(range(1, NUM_BARS + 1, 4))
    roll.set_yticks(range(24, 108, 12), [f"C{octave}" for octave in range(1, 8)])
    roll.set_facecolor(PANEL)
    roll.grid(axis="both", color=RULE, lw=0.7)
    roll.set_axisbelow(True)
    roll.tick_params(length=0, labelsize=8, colors=QUIET)
    for spine in roll.spines.values():
        spine.set_visible(False)


def _first_bars(notes: np.ndarray) -> np.ndarray:
    rows = notes[notes[:, 1] < NUM_BARS * STEPS_PER_BAR].astype(int)
    rows[:, 2] = np.minimum(rows[:, 2], NUM_BARS * STEPS_PER_BAR - rows[:, 1])
    return rows


def measure(run: Run) -> Result:
    """The picture, and some measures of what is shown in it."""
    from pixmus.take.pipeline import PixMusPipeline

    asked = run.arguments
    pipe = PixMusPipeline.from_pretrained(asked.model)
    pieces = held_out(load_pieces(asked.corpus))
    drawn, told = [], []
    for number, (style, piece) in enumerate(zip(STYLES_SHOWN, pieces, strict=True)):
        sheet = draw_cue_sheet(np.random.default_rng([SEED, number]), TAKE_S, style)
        score = compose_take(pipe, sheet, number, DEFAULT_GUIDANCE_SCALE)
        both = _first_bars(piece.notes), _first_bars(note_rows(score))
        drawn.append((str(style), *both))
        row: dict[str, Any] = {"style": str(style), "ensemble": sheet.ensemble}
        for name, notes, minor in (
            ("real", both[0], piece.minor),
            ("made", both[1], bool(score.plan and score.plan.plan.minor)),
        ):
            measured = measure_all(notes, NUM_BARS, minor)
            row[name] = {key: round(float(measured[key]), 3) for key in TOLD}
        told.append(row)
        run.tell(f"{style}: composed")
    run.picture("rolls.png", draw_rolls(drawn))
    return {
        "settings": {"model": pipe.model_sha256, "bars": NUM_BARS, "told": list(TOLD)},
        "rows": told,
    }


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the study may be told."""
    parser.add_argument("--corpus", type=Path, required=True, help="compact corpus file")
    parser.add_argument("--model", help="model folder; else the one that came along")


STUDY = Study("rolls", "Piano-rolls of takes beside real pieces.", measure, arguments)
