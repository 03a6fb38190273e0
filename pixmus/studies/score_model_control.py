"""Whether the score model does what it is asked: curves, modes, and the cost of inference steps."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pixmus.choices import NUM_INFERENCE_STEPS
from pixmus.compose.conditions import COLUMNS, MODE_COLUMN
from pixmus.curves import CURVES, Curve
from pixmus.ensembles import STYLES
from pixmus.score.curves import CurveTables, beat_statistics, measure_bars
from pixmus.score.grid import BEATS_PER_BAR
from pixmus.score.key_finding import key_correlations
from pixmus.score.notes import PART_LAYOUTS
from pixmus.studies.realism import feature_aucs
from pixmus.studies.score_model_windows import HeldOut, Section, describe, rank_correlation
from pixmus.training.bootstrap import interval
from pixmus.training.real_windows import WINDOW_BEATS, Window, write_for


def wanted_curves(window: Window) -> np.ndarray:
    """Curves (bars, 4) that were asked for."""
    return (window.conditions[::BEATS_PER_BAR, COLUMNS["curves"]] + 1) / 2


def measured_curves(window: Window, cells: np.ndarray, tables: CurveTables) -> np.ndarray:
    """Curves (bars, 4) that the cells of a window have."""
    statistics = beat_statistics(cells).sum(1)
    starts = range(0, len(cells), BEATS_PER_BAR)
    seconds = np.full(len(starts), BEATS_PER_BAR * 60 / window.tempo_bpm)
    curves = tables.curves(measure_bars(statistics, starts, seconds), window.has_velocity)
    return np.stack([curves[name] for name in CURVES], 1)


def measure_control(
    windows: Sequence[Window], made: Sequence[np.ndarray], tables: CurveTables
) -> Section:
    """Spearman per bar between the curves asked for and those of the notes.

    `pooled` over all windows, with its interval; `inside` the median over pieces of three windows
    or more; `shuffled` against the curves of another window.
    """
    wanted = np.stack([wanted_curves(window) for window in windows])  # (windows, bars, curves)
    got = np.stack(
        [measured_curves(w, cells, tables) for w, cells in zip(windows, made, strict=True)]
    )
    names = np.array([window.piece for window in windows])
    section: Section = {}
    for column, curve in enumerate(CURVES):
        a, b = wanted[..., column], got[..., column]

        def pooled(rows: np.ndarray, a: np.ndarray = a, b: np.ndarray = b) -> float:
            return rank_correlation(a[rows].ravel(), b[rows].ravel())

        inside = [
            rank_correlation(a[names == name].ravel(), b[names == name].ravel())
            for name in np.unique(names)
            if (names == name).sum() >= 3
        ]
        section[curve] = {
            "pooled": pooled(np.arange(len(windows))),
            "interval": interval(pooled, names.tolist()),
            "inside": float(np.nanmedian(inside)) if inside else float("nan"),
            "shuffled": rank_correlation(np.roll(a, 1, axis=0).ravel(), b.ravel()),
        }
    return section


def control(study: HeldOut, scale: float) -> Section:
    """Curve control at guidance 1 and at the default, for notes before accents and humanising."""
    return {
        f"guidance {value:g}": measure_control(study.windows, study.made(value), study.tables)
        for value in (1.0, scale)
    }


def asks_minor(window: Window) -> bool:
    """Whether the conditions of a window ask for the minor mode."""
    return bool(window.conditions[0, MODE_COLUMN] > 0)


def in_other_mode(window: Window) -> Window:
    """The same wishes in the other mode, with the valence curve mirrored, as spotting would ask."""
    conditions = window.conditions.copy()
    conditions[:, MODE_COLUMN] *= -1
    conditions[:, CURVES.index(Curve.VALENCE)] *= -1
    return replace(window, conditions=conditions)


def hears_minor(cells: np.ndarray) -> bool:
    """Whether the notes are nearer to A minor than to C major, by key profiles."""
    correlations = key_correlations(beat_statistics(cells).sum((0, 1))[5:])
    return bool(correlations[12 + 9] > correlations[0])


def modes(study: HeldOut, scale: float) -> Section:
    """Share of windows whose notes are in the mode asked for; asked as the data, and the other."""
    flipped = [in_other_mode(window) for window in study.windows]
    made = study.made(scale)
    other = [write_for(study.pipe, w, seed, scale) for seed, w in enumerate(flipped)]
    asked = np.array([asks_minor(w) for w in [*study.windows, *flipped]])
    heard = np.array([hears_minor(cells) for cells in [*made, *other]])
    real_asked = np.array([w.minor for w in study.windows])
    real_heard = np.array([hears_minor(cells) for cells in study.real])
    right = asked == heard
    names = study.names * 2
    return {
        "share": float(right.mean()),
        "interval": interval(lambda rows: float(right[rows].mean()), names),
        "asked major": float(right[~asked].mean()),
        "asked minor": float(right[asked].mean()),
        "asked as the data": float(right[: len(study.windows)].mean()),
        "asked the other": float(right[len(study.windows) :].mean()),
        "real": float((real_asked == real_heard).mean()),
    }


def sampling(study: HeldOut, scale: float, per_style: int) -> Section:
    """Control, realism and time by number of inference steps and by guidance scale."""
    rows = np.concatenate([study.rows_of(style)[:per_style] for style in STYLES])
    windows = [study.windows[i] for i in rows]
    real = describe([study.real[i] for i in rows], windows)
    onsets = sum(count_onsets(study.real[i]) for i in rows)

    def point(value: float, steps: int) -> Section:
        begun = time.process_time()
        made = [write_for(study.pipe, w, seed, value, steps) for seed, w in enumerate(windows)]
        cpu = time.process_time() - begun
        seconds = sum(WINDOW_BEATS * 60 / w.tempo_bpm for w in windows)
        aucs = feature_aucs(real, describe(made, windows))
        curves = measure_control(windows, made, study.tables)
        return {
            **{f"{name} control": curves[name]["pooled"] for name in CURVES},
            "best single AUC": float(aucs.max()),
            "mean single AUC": float(aucs.mean()),
            "onsets over the data's": sum(map(count_onsets, made)) / onsets,
            "CPU seconds a minute of music": cpu / (seconds / 60),
        }

    return {
        "windows": len(windows),
        "steps": {str(steps): point(scale, steps) for steps in TRIED_STEPS},
        "guidance": {f"{value:g}": point(value, NUM_INFERENCE_STEPS) for value in TRIED_SCALES},
    }


TRIED_STEPS = (4, 8, 12, 20, 50)
TRIED_SCALES = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)


def count_onsets(cells: np.ndarray) -> int:
    """Notes that start, drums included."""
    return int(sum(cells[:, layout.onsets].sum() for layout in PART_LAYOUTS.values()))
