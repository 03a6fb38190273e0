"""Windows of real pieces, what the model composes for the same wishes, and its calibration by them.

A window is eight bars of a piece, all its parts to be made, with the conditions that its own notes
would have been asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pixmus.choices import DEFAULT_GUIDANCE_SCALE, NUM_INFERENCE_STEPS
from pixmus.compose.cells import OFF, TO_MAKE
from pixmus.compose.conditions import COLUMNS, add_textures
from pixmus.compose.planned_score import Writers
from pixmus.compose.sampling import Decoding, Guidance, fresh_scheduler, sample
from pixmus.curves import CURVES, Curve
from pixmus.ensembles import PARTS, STYLES, Part
from pixmus.score.curves import CurveTables
from pixmus.score.grid import BEATS_PER_BAR, STEPS_PER_BEAT
from pixmus.score.notes import CELL_PARTS, PART_LAYOUTS
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
    states: np.ndarray  # (32, parts): to make or off
    conditions: np.ndarray  # float32 (32, NUM_CONDITIONS)


def windows_of(
    encoded: EncodedPiece, tables: CurveTables, parts: Sequence[int] | None = None
) -> list[Window]:
    """Every whole window of 8 bars of a piece, one after another; `parts` None takes all it has."""
    piece = encoded.piece
    playing = list(encoded.present if parts is None else parts)
    pitched = [part for part in playing if part != DRUMS]
    all_hits = hit_points_of(encoded.strengths[:, pitched])
    states = np.full((WINDOW_BEATS, len(PARTS)), OFF)
    states[:, playing] = TO_MAKE
    rng = np.random.default_rng(len(encoded.cells))
    windows = []
    for start in range(0, encoded.num_bars - NUM_BARS + 1, NUM_BARS):
        beats = slice(start * BEATS_PER_BAR, (start + NUM_BARS) * BEATS_PER_BAR)
        cells = only_made(states, encoded.cells[beats])
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
                states,
                conditions,
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


def only_made(states: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """The cells with the parts that are off emptied."""
    return np.where(states[:, CELL_PARTS] == TO_MAKE, cells, 0).astype(np.uint8)


def generate(
    pipe: PixMusPipeline,
    window: Window,
    seed: int,
    guidance_scale: float = DEFAULT_GUIDANCE_SCALE,
    num_inference_steps: int = NUM_INFERENCE_STEPS,
) -> np.ndarray:
    """A composed window, uint8 (32, NUM_CELLS), with a texture drawn from the pipeline's bank.

    The texture is chosen as composing does it, by style, parts, tempo and density: nothing else of
    the window's own notes is told. A model of plan and voices draws a plan in its place.
    """
    if pipe.denoiser is None:
        offered = [PARTS[part] for part in np.flatnonzero((window.states == TO_MAKE).any(0))]
        written = write_window(
            Writers(pipe.plan_denoiser, pipe.voice_network, pipe.scheduler),
            window.conditions,
            offered,
            window.style,
            seed=seed,
            guidance_scale=guidance_scale,
            num_inference_steps=num_inference_steps,
        )
        return only_made(window.states, written)
    conditions = window.conditions
    if pipe.textures is not None:
        parts = np.flatnonzero((window.states == TO_MAKE).any(0)).tolist()
        density = (conditions[:, COLUMNS["curves"]][:, CURVES.index(Curve.DENSITY)].mean() + 1) / 2
        rng = np.random.default_rng(seed)
        textures = pipe.textures.draw(
            rng, window.style, parts, window.tempo_bpm, np.array([density])
        )
        beats = np.arange(WINDOW_BEATS)
        conditions = add_textures(conditions, textures, 0 * beats, beats % BEATS_PER_BAR)
    x0 = sample(
        pipe.denoiser,
        fresh_scheduler(pipe.scheduler),
        window.cells,
        window.states,
        conditions,
        generator=torch.Generator().manual_seed(seed),
        guidance=Guidance(guidance_scale),
        num_inference_steps=num_inference_steps,
        decoding=pipe.decoding,
    )
    return only_made(window.states, pipe.decoding.cells(x0))


# Log odds tried in calibration; what gives the data's density is read off between them.
TRIED_LOG_ODDS = (0.0, 0.5)
LARGEST_LOG_ODDS = 0.35  # what a few dozen windows show beyond this is chance


def calibrate(pipe: PixMusPipeline, windows: Sequence[Window]) -> dict[str, float]:
    """Per part, the log odds that give as many onsets at guidance 1 as the data has.

    Onsets grow about exponentially with log odds, so the answer is read off a straight line through
    the logarithms of the counts with two values of them.
    """
    made = []
    for tried in TRIED_LOG_ODDS:
        pipe.decoding = Decoding(log_odds=dict.fromkeys(PARTS, tried))
        made.append([generate(pipe, window, seed, 1.0) for seed, window in enumerate(windows)])
    answers = {}
    for part in PARTS:
        wanted = sum(onsets_of(part, window.cells) for window in windows)
        counts = [sum(onsets_of(part, cells) for cells in group) for group in made]
        if not wanted or min(counts) == 0:
            answers[part] = 0.0
            continue
        slope = np.log(counts[1] / counts[0]) / (TRIED_LOG_ODDS[1] - TRIED_LOG_ODDS[0])
        answer = np.log(wanted / counts[0]) / max(slope, 1e-3)
        answers[part] = round(float(np.clip(answer, -LARGEST_LOG_ODDS, LARGEST_LOG_ODDS)), 3)
    return answers


def onsets_of(part: str, cells: np.ndarray) -> int:
    """Number of onsets of a part."""
    return int((cells[:, PART_LAYOUTS[part].onsets] > 0).sum())
