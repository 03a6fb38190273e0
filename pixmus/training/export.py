"""Make a model folder of a training run: averaged weights, calibrated log odds, tables, manifest.

`python -m pixmus.training.export RUN MODEL_FOLDER --corpus runs/corpus.npz` also measures, on
validation windows, how far the notes follow the curves; the figures go to the model card and to
`docs/results/score-model.{json,md}`.
"""

from __future__ import annotations

import argparse
import inspect
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.stats import spearmanr

from pixmus.compose import (
    NUM_INFERENCE_STEPS,
    Decoding,
    Guidance,
    default_scheduler,
    fresh_scheduler,
    sample,
)
from pixmus.conditioning import (
    CURVE_COLUMNS,
    GIVEN,
    HIT_COLUMNS,
    MODE_COLUMN,
    MOOD_KNOWN,
    SHORT_BAR_COLUMN,
    TEMPO_COLUMN,
    TO_MAKE,
    CurveTables,
    beat_statistics,
    key_correlations,
    measure_bars,
)
from pixmus.cues import CURVES, PARTS
from pixmus.denoiser import ScoreDenoiser
from pixmus.pipeline import PixMusPipeline
from pixmus.score import CELL_PARTS, PART_LAYOUTS, STEPS_PER_BEAT
from pixmus.training.corpus import corpus_shares, load_pieces, split_pieces
from pixmus.training.model_card import markdown_table, write_card
from pixmus.training.ranges import fit_descriptor_ranges
from pixmus.training.windows import BEATS_PER_BAR, EncodedPiece, WindowSampler, encode_piece

NUM_BARS = 8
DRUMS = PARTS.index("drums")


@dataclass(frozen=True)
class Window:
    """One validation window, all of its parts to be made."""

    cells: np.ndarray
    states: np.ndarray
    conditions: np.ndarray
    tempo_bpm: float
    has_velocity: bool


def validation_windows(
    pieces: list[EncodedPiece], tables: CurveTables, weights: dict[str, float], count: int
) -> list[Window]:
    """`count` windows with all conditions known and nothing given."""
    sampler = WindowSampler(pieces, tables, weights)
    rng = np.random.default_rng(7)
    windows: list[Window] = []
    while len(windows) < count:
        batch = sampler.batch(rng, 16, NUM_BARS, theme=False)
        for cells, states, conditions, velocity in zip(
            batch.cells.numpy(),
            batch.states.numpy(),
            batch.conditions.numpy(),
            batch.has_velocity.numpy(),
            strict=True,
        ):
            if conditions[0, MOOD_KNOWN] and not conditions[:, SHORT_BAR_COLUMN].any():
                states = np.where(states == GIVEN, TO_MAKE, states)
                tempo = 100 * 2 ** float(conditions[0, TEMPO_COLUMN])
                windows.append(Window(cells, states, conditions, tempo, bool(velocity)))
    return windows[:count]


def generate(pipe: PixMusPipeline, window: Window, seed: int, scale: float) -> np.ndarray:
    """Predicted cells (beats, cells) of a window, with the pipeline's decoding."""
    return sample(
        pipe.denoiser,
        fresh_scheduler(pipe.scheduler),
        window.cells,
        window.states,
        window.conditions,
        np.arange(len(window.cells)),
        np.zeros(len(window.cells), bool),
        generator=torch.Generator().manual_seed(seed),
        guidance=Guidance(scale),
        num_inference_steps=NUM_INFERENCE_STEPS,
        decoding=pipe.decoding,
    )


# Log odds tried in calibration; what gives the data's density is read off between them.
TRIED_LOG_ODDS = (0.0, 0.5)
LARGEST_LOG_ODDS = 1.0


def calibrate(
    pipe: PixMusPipeline, windows: list[Window], plain: list[np.ndarray]
) -> dict[str, float]:
    """Per part, the log odds that give as many onsets at guidance 1 as the data has.

    `plain` was generated with none. Onsets grow about exponentially with log odds, so the answer
    is read off a straight line through the logarithms of two counts.
    """
    pipe.decoding = Decoding(log_odds=dict.fromkeys(PARTS, TRIED_LOG_ODDS[1]))
    raised = [generate(pipe, window, seed, 1.0) for seed, window in enumerate(windows)]
    pipe.decoding = Decoding()
    answers = {}
    for part in PARTS:
        wanted = sum(onsets_of(part, only_made(w, w.cells)) for w in windows)
        counts = [
            sum(onsets_of(part, only_made(w, pipe.decoding.cells(x0))) for w, x0 in pairs)
            for pairs in (
                zip(windows, plain, strict=True),
                zip(windows, raised, strict=True),
            )
        ]
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


def measured_curves(window: Window, cells: np.ndarray, tables: CurveTables) -> np.ndarray:
    """Curves (bars, 4) that the cells of a window have."""
    parts = [p for p in range(len(PARTS)) if p != DRUMS and window.states[0, p] == TO_MAKE]
    statistics = beat_statistics(cells)[:, parts].sum(1)
    starts = range(0, len(cells), BEATS_PER_BAR)
    seconds = np.full(len(starts), BEATS_PER_BAR * 60 / window.tempo_bpm)
    curves = tables.curves(measure_bars(statistics, starts, seconds), window.has_velocity)
    return np.stack([curves[name] for name in CURVES], 1)


def wanted_curves(window: Window) -> np.ndarray:
    """Curves (bars, 4) that were asked for."""
    return (window.conditions[::BEATS_PER_BAR, CURVE_COLUMNS] + 1) / 2


def only_made(window: Window, cells: np.ndarray) -> np.ndarray:
    """The cells with the parts that are off emptied."""
    return np.where(window.states[:, CELL_PARTS] == TO_MAKE, cells, 0).astype(np.uint8)


def figures(
    windows: list[Window], results: list[np.ndarray], tables: CurveTables
) -> dict[str, float]:
    """How far notes follow what was asked: Spearman per bar, mode, onsets against the data's."""
    results = [only_made(w, r) for w, r in zip(windows, results, strict=True)]
    wanted = np.stack([wanted_curves(window) for window in windows])  # (windows, bars, 4)
    got = np.stack([measured_curves(w, r, tables) for w, r in zip(windows, results, strict=True)])
    out = {}
    for index, name in enumerate(CURVES):
        pairs = wanted[..., index].ravel(), got[..., index].ravel()
        out[f"{name} control"] = rank_correlation(*pairs)
        shuffled = np.roll(wanted[..., index], 1, axis=0).ravel()
        out[f"{name} control, shuffled curves"] = rank_correlation(shuffled, pairs[1])
    modes, hits, scale = [], [], []
    notes_made, notes_real = 0, 0
    in_scale = [0, 2, 4, 5, 7, 8, 9, 11]  # C major, and G sharp of A minor
    for window, cells in zip(windows, results, strict=True):
        classes = beat_statistics(cells).sum((0, 1))[5:]
        correlations = key_correlations(classes)
        minor_asked = window.conditions[0, MODE_COLUMN] < 0
        modes.append(minor_asked == (correlations[0] > correlations[12 + 9]))
        scale.append(classes[in_scale].sum() / max(classes.sum(), 1))
        for part, layout in PART_LAYOUTS.items():
            notes_made += int(cells[:, layout.onsets].sum())
            if window.states[0, PARTS.index(part)] == TO_MAKE:
                notes_real += int(window.cells[:, layout.onsets].sum())
        asked = window.conditions[:, HIT_COLUMNS].ravel() > 0
        struck = np.zeros(len(cells) * STEPS_PER_BEAT, int)
        for layout in PART_LAYOUTS.values():
            onsets = cells[:, layout.onsets].reshape(len(struck), layout.num_pitches)
            struck += onsets.any(1)
        hits.append((struck[asked] >= 2).mean() if asked.any() else np.nan)
    out["asked mode nearer than the other"] = float(np.mean(modes))
    out["share of sounding time on the scale"] = float(np.mean(scale))
    out["onsets over the data's"] = notes_made / max(1, notes_real)
    out["hit points on which two parts start"] = float(np.nanmean(hits))
    return out


def rank_correlation(reference: np.ndarray, estimate: np.ndarray) -> float:
    """Spearman's correlation, NaN where one side does not vary."""
    if np.ptp(reference) == 0 or np.ptp(estimate) == 0:
        return float("nan")
    return float(spearmanr(reference, estimate).statistic)


def load_run(run: Path) -> PixMusPipeline:
    """The pipeline of a training run's averaged weights."""
    state = torch.load(run / "state.pt", weights_only=True, map_location="cpu")
    known = inspect.signature(ScoreDenoiser.__init__).parameters
    denoiser = ScoreDenoiser(**{k: v for k, v in state["config"].items() if k in known})
    denoiser.load_state_dict(state["average"])
    pipe = PixMusPipeline(denoiser.eval(), default_scheduler())
    pipe.curve_tables = CurveTables.load(run / "curve_tables.json")
    return pipe


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--results", type=Path, default=Path("docs/results"))
    parser.add_argument("--windows", type=int, default=48)
    parser.add_argument("--guidance", type=float, nargs="+", default=[1.0, 2.0, 3.0])
    arguments = parser.parse_args(argv)

    pipe = load_run(arguments.run)
    tables = pipe.curve_tables
    assert tables is not None
    everything = load_pieces(arguments.corpus)
    pipe.descriptor_ranges = fit_descriptor_ranges(everything)
    _, pieces = split_pieces(everything)
    held_out = [encode_piece(piece) for piece in pieces]
    shares = corpus_shares(piece.corpus for piece in pieces)
    windows = validation_windows(held_out, tables, shares, arguments.windows)
    plain = [generate(pipe, window, seed, 1.0) for seed, window in enumerate(windows)]
    pipe.decoding = Decoding(log_odds=calibrate(pipe, windows, plain))
    table = {"real": figures(windows, [window.cells for window in windows], tables)}
    for scale in arguments.guidance:
        made = [generate(pipe, window, seed, scale) for seed, window in enumerate(windows)]
        cells = [pipe.decoding.cells(x0) for x0 in made]
        table[f"guidance {scale:g}"] = figures(windows, cells, tables)
    pipe.save_pretrained(arguments.model)
    report = {
        "windows": len(windows),
        "parameters": pipe.denoiser.num_parameters(),
        "log_odds": pipe.decoding.log_odds,
        "figures": table,
    }
    training = json.loads((arguments.run / "training.json").read_text())
    command = f"python -m pixmus.training.export {arguments.run} {arguments.model} "
    command += f"--corpus {arguments.corpus} --windows {arguments.windows}"
    write_card(arguments.model, report, training, command)
    arguments.results.mkdir(parents=True, exist_ok=True)
    (arguments.results / "score-model.json").write_text(
        json.dumps({"command": command, "training": training, **report}, indent=2) + "\n"
    )
    (arguments.results / "score-model.md").write_text(
        f"`{command}`, {len(windows)} validation windows of {NUM_BARS} bars.\n\n"
        + markdown_table(table)
        + "\n"
    )
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
