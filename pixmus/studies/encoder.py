"""The conditioning encoder by its numbers, beside the rules, a constant and shuffled videos.

    pixmus evaluate encoder --data ../shared/data [--only SECTION...]

Everything that was fitted is judged on what
it was not fitted on: MuVi-Sync by song and OASIS by theme in ten folds; truths by construction also
on the shared clips that nothing was tuned on. Intervals are 95 % bootstraps over songs,
photographs or clips.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pixmus.cues.encoder import ConditioningEncoder
from pixmus.cues.rule_curves import rule_curves
from pixmus.cues.spotting import spot
from pixmus.curves import CURVES, Curve
from pixmus.model.folder import MODEL_FOLDER
from pixmus.picture.features import Features
from pixmus.picture.moments import find_moments
from pixmus.picture.palette import measure_palette
from pixmus.picture.thumbnails import Reducer, Thumbnails
from pixmus.studies.encoder_hits import evaluate_hits
from pixmus.studies.encoder_music_videos import evaluate_music_videos
from pixmus.studies.encoder_photographs import evaluate_photographs, evaluate_slideshows
from pixmus.studies.encoder_pictures import draw_five, draw_ranges
from pixmus.studies.encoder_retrieval import evaluate_retrieval
from pixmus.studies.encoder_statistics import (
    Report,
    spearman,
)
from pixmus.studies.encoder_truths import evaluate_truths, features_of
from pixmus.studies.runner import Result, Run, Study
from pixmus.take.pipeline import PixMusPipeline
from pixmus.take.spotted import load_encoder
from pixmus.training.films import (
    Film,
    Photographs,
    load_films,
    load_photographs,
    montage_clips,
    montage_features,
)
from pixmus.training.montages import is_tuned_on
from pixmus.training.music_videos import load_music_videos, motion_pairs, quantile_map

# ------------------------------------------------------------------------------- Motion and range


def evaluate_motion(films: Sequence[Film]) -> Report:
    """Whether our motion, put through the quantiles, is what MuVi-Sync's definition measures."""
    tuned = [film for film in films if is_tuned_on(film.name)]
    rest = [film for film in films if not is_tuned_on(film.name)]
    ours, theirs = quantile_map(*motion_pairs(tuned))
    report: Report = {}
    for name, some in (("tuned on", tuned), ("held out", rest)):
        a, b = motion_pairs(some)
        mapped = np.interp(a, ours, theirs)
        error = np.abs(np.log(mapped + 0.5) - np.log(b + 0.5))
        report[name] = {
            "quarter-seconds": len(a),
            "spearman": round(spearman(a, b), 4),
            "median factor off": round(float(np.exp(np.median(error))), 3),
            "median ours, mapped": round(float(np.median(mapped)), 3),
            "median theirs": round(float(np.median(b)), 3),
        }
    return report


def evaluate_range(films: Sequence[Film], encoder: ConditioningEncoder) -> Report:
    """How the curves fill 0..1 over clips and montages that nothing was tuned on, and over all."""
    held = [film for film in films if not is_tuned_on(film.name)]
    clips = montage_clips(held)
    montages = [montage_features(clips, 700 + k, (1.5, 2.5, 4.0)[k % 3], 24.0) for k in range(9)]
    groups = {
        "held-out clips and montages": [film.features for film in held] + montages,
        "all shared clips": [film.features for film in films],
    }
    report: Report = {}
    for name, group in groups.items():
        report[name] = {}
        for who in ("encoder", "rules"):
            say = encoder.curves if who == "encoder" else rule_curves
            curves = [say(features) for features in group]
            weights = np.concatenate(
                [np.full(len(c[Curve.DENSITY]), 1 / len(c[Curve.DENSITY])) for c in curves]
            )
            report[name][who] = {}
            for curve in CURVES:
                values = np.concatenate([c[curve] for c in curves])
                counts, _ = np.histogram(values, bins=10, range=(0, 1), weights=weights)
                shares = counts / counts.sum()
                steps = np.concatenate([np.abs(np.diff(c[curve])) for c in curves])
                report[name][who][curve] = {
                    "shares of tenths": np.round(shares, 4).tolist(),
                    "furthest from uniform": round(
                        float(np.abs(np.cumsum(shares) - np.arange(1, 11) / 10).max()), 4
                    ),
                    "largest change in a second": round(4 * float(steps.max()), 4),
                }
    return report


def evaluate_cost(films: Sequence[Film], encoder: ConditioningEncoder) -> Report:
    """Seconds of processor time that the encoder adds to 60 s of picture, median of several."""
    film = max((f for f in films if f.duration >= 59), key=lambda f: len(f.times))
    rows = film.times < 60
    images, times = film.images[rows], film.times[rows]
    squares = {number: square for number, square in film.squares.items() if rows[number]}
    features = features_of(images, times, 60.0, film.frame_rate, squares)

    def unseen() -> Features:  # views that were looked at before are not looked at again
        views = features.views
        return replace(features, views=None if views is None else replace(views))

    say: dict[str, Callable[[], Any]] = {
        "encoder.spot": lambda: encoder.spot(unseen()),
        "without the network": lambda: encoder.spot(replace(features, views=None)),
        "rules": lambda: spot(features),
    }
    report: Report = {"clip": film.name, "seconds": 60, "frames": int(rows.sum())}
    report["views"] = 0 if features.views is None else len(features.views.spans)
    for name, call in say.items():
        spent = []
        for _ in range(7):
            start = time.process_time()
            call()
            spent.append(time.process_time() - start)
        report[name] = round(float(np.median(spent)), 4)
    reducer = Reducer()
    for image in images:
        reducer.add(image)
    luma, chroma, _ = reducer.result()
    thumbs = Thumbnails(times, luma, chroma)
    spent = []
    for _ in range(3):
        start = time.process_time()
        measure_palette(thumbs, 240)
        find_moments(thumbs, features.transitions)
        spent.append(time.process_time() - start)
    report["palette and moments"] = round(float(np.median(spent)), 4)
    report["added"] = round(
        report["encoder.spot"] - report["rules"] + report["palette and moments"], 4
    )
    return report


def measure(run: Run) -> Result:
    """The sections that are asked for."""
    data, model = run.arguments.data, run.arguments.model
    encoder = load_encoder(model)
    assert encoder is not None, f"{model} has no encoder"
    network = None if encoder.sight is None else encoder.sight.network
    films = load_films(data / "video", run.arguments.cache / "clips")
    tuned = [film for film in films if is_tuned_on(film.name)]

    def photographs() -> Photographs:
        return load_photographs(data / "affect" / "oasis", run.arguments.cache, network)

    def five() -> Result:
        figure, told = draw_five(films, PixMusPipeline.from_pretrained(model))
        run.picture("encoder-five.png", figure)
        return told

    return run.sections(
        {},
        {
            "motion": lambda: evaluate_motion(films),
            "music videos": lambda: evaluate_music_videos(
                load_music_videos(data / "muvi_sync"), quantile_map(*motion_pairs(tuned))
            ),
            "photographs": lambda: evaluate_photographs(photographs()),
            "truths": lambda: evaluate_truths(films, encoder),
            "slideshows": lambda: evaluate_slideshows(photographs(), encoder),
            "hits": lambda: evaluate_hits(films, encoder),
            "range": lambda: evaluate_range(films, encoder),
            "cost": lambda: evaluate_cost(films, encoder),
            "retrieval": lambda: evaluate_retrieval(films, PixMusPipeline.from_pretrained(model)),
            "five": five,
        },
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the study may be told."""
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--model", type=Path, default=MODEL_FOLDER)


STUDY = Study(
    "encoder",
    "The conditioning encoder beside the rules, a constant and shuffled videos.",
    measure,
    arguments,
    pictures={"encoder-ranges.png": draw_ranges},
    threads=1,
)
