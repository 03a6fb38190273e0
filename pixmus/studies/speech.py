"""How well speech is told from music, on folders of anyone's sound; and the weights fitted anew.

    python -m pixmus.studies.speech --music DIR --speech DIR

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


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--music", type=Path, required=True)
    parser.add_argument("--speech", type=Path, required=True)
    arguments = parser.parse_args(argv)
    music, speech = group_rows(arguments.music), group_rows(arguments.speech)
    print("| group | rows | called speech | ... when left out of the fit |\n|---|--:|--:|--:|")
    for groups, kind in ((music, "music"), (speech, "speech")):
        for name, rows in groups.items():
            fitted = fit(
                {k: v for k, v in music.items() if v is not rows},
                {k: v for k, v in speech.items() if v is not rows},
            )
            now = flagged_share(rows, np.array(WEIGHTS), BIAS)
            print(
                f"| {kind} {name} | {len(rows)} | {now:.1%} | {flagged_share(rows, *fitted):.1%} |"
            )
    weights, bias = fit(music, speech)
    told = ", ".join(
        f"{name} {value:.3f}" for name, value in zip(MEASURES, weights.tolist(), strict=True)
    )
    print(f"\nFitted on all: {told}; bias {bias:.3f}")


if __name__ == "__main__":
    main()
