"""Windows of real pieces, and what the model composes for the same wishes.

A window is eight bars of a piece, all its parts to be made, with the conditions that its own notes
would have been asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pixmus.choices import DEFAULT_GUIDANCE_SCALE, NUM_INFERENCE_STEPS
from pixmus.chords import Chord
from pixmus.compose.writing import Writers
from pixmus.ensembles import PARTS, STYLES, Part
from pixmus.score.curves import CurveTables
from pixmus.score.grid import BEATS_PER_BAR, STEPS_PER_BEAT
from pixmus.score.notes import CELL_PARTS, PART_LAYOUTS, decode_notes
from pixmus.take.pipeline import PixMusPipeline
from pixmus.training.encoded import EncodedPiece, hit_points_of, measured_conditions
from pixmus.training.window_writing import write_window

NUM_BARS = 8
WINDOW_BEATS = NUM_BARS * BEATS_PER_BAR
DRUMS = PARTS.index(Part.DRUMS)
THINNED_HITS = 0.6  # share of a window's hit points that the model is told of


@dataclass(frozen=True, eq=False)
class Window:
    """Eight bars of a piece and what its own notes would have been asked for."""

    piece: str
    style: str
    minor: bool
    tempo_bpm: float
    has_velocity: bool
    cells: np.ndarray  # uint8 (32, NUM_CELLS)
    plays: np.ndarray  # bool (parts,): the parts that it has
    conditions: np.ndarray  # float32 (32, NUM_CONDITIONS)
    start: int = 0  # bar of the piece


def windows_of(
    encoded: EncodedPiece, tables: CurveTables, parts: Sequence[int] | None = None
) -> list[Window]:
    """Every whole window of 8 bars of a piece, one after another; `parts` None takes all it has."""
    piece = encoded.piece
    playing = list(encoded.present if parts is None else parts)
    pitched = [part for part in playing if part != DRUMS]
    all_hits = hit_points_of(encoded.strengths[:, pitched])
    plays = np.isin(np.arange(len(PARTS)), playing)
    rng = np.random.default_rng(len(encoded.cells))
    windows = []
    for start in range(0, encoded.num_bars - NUM_BARS + 1, NUM_BARS):
        beats = slice(start * BEATS_PER_BAR, (start + NUM_BARS) * BEATS_PER_BAR)
        cells = only_parts(plays, encoded.cells[beats])
        if cells[:, CELL_PARTS != DRUMS].sum() == 0:
            continue
        hits = all_hits[beats.start * STEPS_PER_BEAT : beats.stop * STEPS_PER_BEAT]
        hits = hits * (rng.random(len(hits)) < THINNED_HITS)
        conditions = measured_conditions(
            tables, encoded, pitched, start, np.arange(WINDOW_BEATS), piece.tempo_bpm, hits
        )
        windows.append(
            Window(
                f"{piece.corpus}/{piece.name}",
                piece.style,
                piece.minor,
                piece.tempo_bpm,
                piece.has_velocity,
                cells,
                plays,
                conditions,
                start,
            )
        )
    return windows


def draw_windows(
    pieces: Sequence[EncodedPiece],
    tables: CurveTables,
    per_style: int,
    parts: Sequence[int] | None = None,
    seed: int = 0,
) -> list[Window]:
    """At most `per_style` windows of every style, from as many pieces as there are."""
    rng = np.random.default_rng(seed)
    chosen: list[Window] = []
    for style in STYLES:
        mine = [windows_of(p, tables, parts) for p in pieces if p.piece.style == style]
        queues = [[w[i] for i in rng.permutation(len(w))] for w in mine if w]
        taken: list[Window] = []
        while queues and len(taken) < per_style:
            for queue in queues:
                taken.append(queue.pop())
            queues = [queue for queue in queues if queue]
        chosen += taken[:per_style]
    return chosen


def only_parts(plays: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """The cells with the parts that do not play emptied; `plays` bool (parts,)."""
    return np.where(plays[CELL_PARTS], cells, 0).astype(np.uint8)


def write_for(
    pipe: PixMusPipeline,
    window: Window,
    seed: int,
    guidance_scale: float = DEFAULT_GUIDANCE_SCALE,
    num_inference_steps: int = NUM_INFERENCE_STEPS,
    given: Sequence[str] = (),
    chords: Sequence[Chord | None] = (),
) -> np.ndarray:
    """A window composed for the same wishes, uint8 (32, NUM_CELLS).

    None of its notes is told but those of the parts that are `given`; `chords` of its half bars may
    be given, too.
    """
    offered = [PARTS[part] for part in np.flatnonzero(window.plays)]
    return write_window(
        Writers(pipe.plan_denoiser, pipe.voice_network, pipe.scheduler),
        window.conditions,
        offered,
        window.style,
        seed=seed,
        guidance_scale=guidance_scale,
        num_inference_steps=num_inference_steps,
        given={
            part: decode_notes(part, window.cells[:, PART_LAYOUTS[part].cells]) for part in given
        },
        chords=chords,
    )
