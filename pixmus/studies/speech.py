"""How well speech is told from music, on folders of anyone's sound; and the weights fitted anew.

    pixmus evaluate speech --music DIR --speech DIR

Each folder below (or the folder itself) is a group; rows are stretches of 30 s. Groups weigh alike.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pixmus.dataset.media import read_sound
from pixmus.dataset.sound_checks import LARGEST_SPEECH_SHARE
from pixmus.dataset.speech import BIAS, MEASURES, SAMPLE_RATE, WEIGHTS, speech_measures
from pixmus.errors import PixMusError
from pixmus.studies.runner import Result, Run, Study

ROW_S = 30.0
LONGEST_S = 300.0  # of each file
LARGEST_GROUP = 100  # rows


def group_rows(folder: Path) -> dict[str, list[np.ndarray]]:
    """The measures of every row of 30 s (or of a shorter file), by group."""
    groups: dict[str, list[np.ndarray]] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        rows = groups.setdefault(path.parent.relative_to(folder).as_posix(), [])
        if len(rows) >= LARGEST_GROUP:
            continue
        try:
            waveform = read_sound(path, SAMPLE_RATE, 0.0, LONGEST_S)
        except PixMusError:
            continue
        step = round(ROW_S * SAMPLE_RATE)
        for start in range(0, len(waveform), step):
            measures = speech_measures(waveform[start : start + step])
            if len(measures):
                rows.append(measures)
    return {name: rows for name, rows in groups.items() if rows}


def flagged_share(rows: Sequence[np.ndarray], weights: np.ndarray, bias: float) -> float:
    """The share of rows that would be called speech."""
    return float(
        np.mean([np.mean(row @ weights + bias > 0) > LARGEST_SPEECH_SHARE for row in rows])
    )


def fit(
    music: dict[str, list[np.ndarray]], speech: dict[str, list[np.ndarray]]
) -> tuple[np.ndarray, float]:
    """Weights and bias by logistic regression; every group weighs alike, and both sides."""
    from sklearn.linear_model import LogisticRegression

    measures, is_speech, weights = [], [], []
    for side, groups in enumerate((music, speech)):
        for rows in groups.values():
            windows = np.concatenate(rows)
            measures.append(windows)
            is_speech.append(np.full(len(windows), side))
            weights.append(np.full(len(windows), 1 / (len(windows) * len(groups))))
    windows, weight = np.concatenate(measures), np.concatenate(weights)
    mean, scale = windows.mean(0), windows.std(0)
    model = LogisticRegression().fit(
        (windows - mean) / scale,
        np.concatenate(is_speech),
        sample_weight=weight * len(weight) / weight.sum(),
    )
    slopes = model.coef_[0] / scale
    return slopes, float(model.intercept_[0] - (slopes * mean).sum())


def measure(run: Run) -> Result:
    """The share of rows called speech in every group, as it is and when it is left out of a fit."""
    sides = {"music": group_rows(run.arguments.music), "speech": group_rows(run.arguments.speech)}
    rows = []
    for kind, groups in sides.items():
        for name, group in groups.items():
            others = [
                {key: other for key, other in side.items() if other is not group}
                for side in sides.values()
            ]
            rows.append(
                {
                    "kind": kind,
                    "name": name,
                    "rows": len(group),
                    "flagged": flagged_share(group, np.array(WEIGHTS), BIAS),
                    "flagged_left_out": flagged_share(group, *fit(*others)),
                }
            )
    weights, bias = fit(*sides.values())
    named = dict(zip(MEASURES, weights.tolist(), strict=True))
    return {"groups": rows, "fitted": {"weights": named, "bias": bias}}


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the study may be told."""
    parser.add_argument("--music", type=Path, required=True, help="folder of music")
    parser.add_argument("--speech", type=Path, required=True, help="folder of speech")


STUDY = Study("speech", "How well speech is told from music.", measure, arguments, out=None)
