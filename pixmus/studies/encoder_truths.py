"""Truths by construction: what a change of the picture must do to the music."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import numpy as np
from PIL import Image

from pixmus.cues.encoder import ConditioningEncoder
from pixmus.cues.spotting import spot
from pixmus.curves import Curve
from pixmus.picture.features import Features, extract_features
from pixmus.picture.views import VIEW_SIZE
from pixmus.studies.encoder_statistics import Report, mean_interval
from pixmus.training.films import Film, with_squares
from pixmus.training.montages import is_tuned_on

TRUTH_SECONDS = 12.0  # of every clip


def graded_images(images: np.ndarray, gain: float, chroma: float) -> np.ndarray:
    """uint8 images, darker by `gain` and with `chroma` of their colour left (BT.601 luma)."""
    pixels = images.astype(np.float32) * gain
    luma = pixels @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    return np.clip(np.rint(luma[..., None] + chroma * (pixels - luma[..., None])), 0, 255).astype(
        np.uint8
    )


def features_of(
    images: np.ndarray,
    times: np.ndarray,
    duration: float,
    rate: Fraction,
    squares: Mapping[int, np.ndarray] = MappingProxyType({}),
) -> Features:
    return extract_features(with_squares(times, images, squares), duration, rate)


def _middle(square: np.ndarray) -> np.ndarray:
    """The middle 70 % of a view, a view again."""
    edge = round(0.15 * VIEW_SIZE)
    inner = Image.fromarray(square[edge : VIEW_SIZE - edge, edge : VIEW_SIZE - edge])
    return np.asarray(inner.resize((VIEW_SIZE, VIEW_SIZE), Image.Resampling.BICUBIC))


def evaluate_truths(films: Sequence[Film], encoder: ConditioningEncoder) -> Report:
    """What a change of the picture must do to the music, on every clip; broken, and by how much."""
    truths: dict[str, list[dict[str, Any]]] = {}
    for film in films:
        rows = film.times <= TRUTH_SECONDS
        images, times = film.images[rows], film.times[rows]
        duration = min(film.duration, TRUTH_SECONDS)
        rate = film.frame_rate
        height, width = images.shape[1:3]
        top, left = round(0.15 * height), round(0.15 * width)
        middle = images[:, top : height - top, left : width - left]
        squares = {k: square for k, square in film.squares.items() if k < len(times)}

        def regraded(gain: float, chroma: float, film: Film = film) -> Features:
            rows = film.times <= TRUTH_SECONDS
            return features_of(
                graded_images(film.images[rows], gain, chroma),
                film.times[rows],
                min(film.duration, TRUTH_SECONDS),
                film.frame_rate,
                {k: graded_images(s, gain, chroma) for k, s in film.squares.items() if rows[k]},
            )

        inner = {k: _middle(square) for k, square in squares.items()}
        plain = features_of(images, times, duration, rate, squares)
        changed = {
            "darker: not happier": regraded(0.6, 1),
            "greyer: not happier": regraded(1, 0.4),
            "darker and greyer: not happier": regraded(0.5, 0.4),
            "twice as fast: not calmer": features_of(
                images, times / 2, duration / 2, rate * 2, squares
            ),
            "half as fast: not livelier": features_of(
                images, times * 2, duration * 2, rate / 2, squares
            ),
            "cropped to its middle: not calmer": features_of(middle, times, duration, rate, inner),
        }
        half = "tuned on" if is_tuned_on(film.name) else "held out"
        for truth, other in changed.items():
            curve = Curve.VALENCE if "happier" in truth else Curve.ENERGY
            sign = -1 if "livelier" in truth or "happier" in truth else 1
            row: dict[str, Any] = {"clip": film.name, "half": half}
            for who, say in (("encoder", encoder.spot), ("rules", spot)):
                before, after = say(plain), say(other)
                change = float(after.curves[curve].mean() - before.curves[curve].mean())
                row[who] = round(sign * change, 4)
                if curve == Curve.ENERGY:
                    row[f"{who} tempo"] = sign * (after.tempo_bpm - before.tempo_bpm)
            truths.setdefault(truth, []).append(row)
    report: Report = {}
    for truth, each in truths.items():
        report[truth] = {"clips": len(each)}
        for who in ("encoder", "rules"):
            values = np.array([row[who] for row in each])
            broken = values < -0.005
            report[truth][who] = {
                "kept": round(float(1 - broken.mean()), 4),
                "interval": mean_interval(~broken),
                "median change": round(float(np.median(values)), 4),
                "worst": [each[int(values.argmin())]["clip"], float(values.min())],
                "kept held out": round(
                    float(
                        np.mean([row[who] >= -0.005 for row in each if row["half"] == "held out"])
                    ),
                    4,
                ),
            }
            tempi = [row[f"{who} tempo"] for row in each if f"{who} tempo" in row]
            if tempi:
                kept = float(np.mean([t >= -0.5 for t in tempi]))
                report[truth][who]["tempo kept"] = round(kept, 4)
    return report
