"""The encoder against people's ratings of photographs, alone and in slideshows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pixmus.cues.encoder import ConditioningEncoder
from pixmus.cues.rule_curves import rule_curves
from pixmus.cues.sight import Sight
from pixmus.cues.spotting import spot
from pixmus.curves import CURVE_RATE_HZ, Curve
from pixmus.picture.features import Features
from pixmus.studies.encoder_statistics import (
    NUM_FOLDS,
    Report,
    correlation,
    folds_of,
    interval,
    mean_interval,
    spearman,
)
from pixmus.training.films import Photographs, slide_spans, slideshow_features
from pixmus.training.sight_head import fit_head, held_out, predict
from pixmus.training.train_encoder import make_encoder
from pixmus.training.visual_mood import fit_mood, only

SLIDESHOWS_A_FOLD = 10
SLIDES = 5
CLEARLY = 2.0  # points of 7 between two ratings that anyone would put in the same order


def evaluate_photographs(photographs: Photographs) -> Report:
    """Spearman with people's ratings, by theme in ten folds."""
    fold = folds_of(photographs.themes)
    predicted = np.zeros((len(fold), 2))
    for number in range(NUM_FOLDS):
        mood = fit_mood(photographs, np.flatnonzero(fold != number))
        held = np.flatnonzero(fold == number)
        predicted[held] = mood.predict(only(photographs.features, held))
    seen = predicted if photographs.looks is None else held_out(photographs)
    rules = rule_curves(photographs.features, as_z=True)
    shuffled = np.random.default_rng(1).permutation(len(fold))
    report: Report = {"photographs": len(fold), "themes": len(set(photographs.themes))}
    for k, name, curve in ((0, Curve.VALENCE, Curve.VALENCE), (1, "arousal", Curve.ENERGY)):
        target = getattr(photographs, name)
        report[name] = {
            "encoder": correlation(seen[:, k], target),
            "light and colour": correlation(predicted[:, k], target),
            "rules": correlation(rules[curve], target),
            "constant": {"spearman": 0.0},
            "shuffled photographs": correlation(seen[shuffled, k], target),
            "pearson": _pearson(seen[:, k], target),
            "pearson, light and colour": _pearson(predicted[:, k], target),
            "spread over truth's": round(float(seen[:, k].std()), 4),
            "categories": {
                name: _pearson(seen[rows, k], target[rows])
                for name in sorted(set(photographs.categories))
                for rows in [np.array([name == each for each in photographs.categories])]
            },
        }
    return report


def _pearson(values: np.ndarray, target: np.ndarray) -> Report:
    def statistic(rows: np.ndarray) -> float:
        return float(np.corrcoef(values[rows], target[rows])[0, 1])

    every = np.arange(len(values))
    return {"r": round(statistic(every), 4), "interval": interval(statistic, len(values))}


@dataclass(frozen=True, eq=False)
class Slideshow:
    """Rated photographs shown one after another, their order and spans known."""

    fold: int  # whose themes the photographs are of
    order: np.ndarray  # (SLIDES,) photographs
    spans: list[tuple[float, float]]  # s
    features: Features


def make_slideshows(photographs: Photographs) -> list[Slideshow]:
    """`SLIDESHOWS_A_FOLD` slideshows of the photographs of each fold, every one with a photograph
    out of each fifth of that fold's valence ratings, in any order."""
    fold = folds_of(photographs.themes)
    slideshows = []
    for number in range(NUM_FOLDS):
        held = np.flatnonzero(fold == number)
        fifths = np.array_split(held[np.argsort(photographs.valence[held])], SLIDES)
        for k in range(SLIDESHOWS_A_FOLD):
            seed = 1000 + SLIDESHOWS_A_FOLD * number + k
            rng = np.random.default_rng(seed)
            order = rng.permutation([rng.choice(fifth) for fifth in fifths])
            features = slideshow_features(photographs, order.tolist(), seed)
            slideshows.append(Slideshow(number, order, slide_spans(SLIDES, seed), features))
    return slideshows


def span_means(curve: np.ndarray, spans: Sequence[tuple[float, float]]) -> np.ndarray:
    """(spans,) mean of a curve over the values whose middles lie in each span."""
    middles = (np.arange(len(curve)) + 0.5) / CURVE_RATE_HZ
    return np.array([curve[(middles >= a) & (middles < b)].mean() for a, b in spans])


def ordered_pairs(values: np.ndarray, ratings: np.ndarray, apart: float) -> list[float]:
    """For each pair whose ratings lie `apart` or further: 1 where `values` have the same order, 0
    where the other, a half where they are equal."""
    return [
        0.5 + 0.5 * float(np.sign(values[a] - values[b]))
        for a in range(len(ratings))
        for b in range(len(ratings))
        if ratings[a] - ratings[b] >= apart
    ]


def evaluate_slideshows(
    photographs: Photographs,
    encoder: ConditioningEncoder,
    slideshows: Sequence[Slideshow] | None = None,
) -> Report:
    """Whether valence goes up and down with the ratings of the photographs that are shown.

    Each slideshow is spotted by an encoder whose mood never saw a photograph of its themes. Its
    curves' spread is the shipped one, which cannot change their order. *Alone* is the same mood
    of the same photographs as stills: what is lost from there on is lost to smoothing.
    """
    fold = folds_of(photographs.themes)
    slideshows = slideshows or make_slideshows(photographs)
    encoders, moods = [], np.zeros(len(fold))
    sighted = photographs.looks is not None and encoder.sight is not None
    for number in range(NUM_FOLDS):
        mood = fit_mood(photographs, np.flatnonzero(fold != number))
        held = np.flatnonzero(fold == number)
        moods[held] = mood.predict(only(photographs.features, held))[:, 0]
        other = make_encoder(mood, encoder.paired)
        other.curve_mean.data.copy_(encoder.curve_mean)
        other.curve_scale.data.copy_(encoder.curve_scale)
        if sighted:
            assert encoder.sight is not None
            head = fit_head(photographs, np.flatnonzero(fold != number))
            moods[held] = predict(head, photographs, held)[:, 0]
            own = encoder.sight.head
            set_as = replace(head, skill=own.skill, middle=own.middle, scale=own.scale)
            other.set_sight(Sight(encoder.sight.network, set_as))
        encoders.append(other)
    said: dict[str, dict[str, list[np.ndarray]]] = {Curve.VALENCE: {}, Curve.ENERGY: {}}
    for show in slideshows:
        encoder_of = encoders[show.fold]
        unseen = replace(show.features, views=None)
        for who, curves in (
            ("encoder", encoder_of.curves(show.features)),
            ("light and colour", encoder_of.curves(unseen)),
            ("rules", spot(show.features).curves),
        ):
            for curve, answers in said.items():
                answers.setdefault(who, []).append(span_means(curves[curve], show.spans))
        said[Curve.VALENCE].setdefault("alone", []).append(moods[show.order])
    frame = 1 / float(slideshows[0].features.frame_rate)
    cuts = [
        (
            [a for a, _ in show.spans[1:]],
            [transition.time for transition in show.features.transitions],
        )
        for show in slideshows
    ]
    found = [_near(true, got, frame) for true, got in cuts]
    right = [_near(got, true, frame) for true, got in cuts]
    report: Report = {
        "slideshows": len(slideshows),
        "slides": SLIDES,
        "cuts": {
            "true": sum(len(true) for true, _ in cuts),
            "recall": _share(found),
            "precision": _share(right),
        },
    }
    for curve, ratings in (
        (Curve.VALENCE, photographs.valence),
        (Curve.ENERGY, photographs.arousal),
    ):
        truth = [ratings[show.order] for show in slideshows]
        answers = said[curve]
        answers["shuffled slideshows"] = [*answers["encoder"][1:], answers["encoder"][0]]
        answers["constant"] = [np.zeros(SLIDES) for _ in slideshows]
        report[curve] = {}
        for who, values in answers.items():
            each = [spearman(v, t) for v, t in zip(values, truth, strict=True)]
            pairs = [ordered_pairs(v, t, CLEARLY) for v, t in zip(values, truth, strict=True)]
            report[curve][who] = {
                "spearman": round(float(np.mean(each)), 4),
                "interval": mean_interval(each),
                "pairs": _share(pairs),
            }
    return report


def _near(some: Sequence[float], others: Sequence[float], within: float) -> list[float]:
    """1 for each of `some` that has one of `others` within so many seconds, else 0."""
    return [float(any(abs(a - b) <= within + 1e-6 for b in others)) for a in some]


def _share(lists: Sequence[Sequence[float]]) -> Report:
    """The mean over all values of many lists, its interval over lists."""
    sums = np.array([sum(each) for each in lists])
    counts = np.array([len(each) for each in lists])
    return {
        "share": round(float(sums.sum() / counts.sum()), 4),
        "interval": interval(lambda rows: float(sums[rows].sum() / counts[rows].sum()), len(sums)),
        "count": int(counts.sum()),
    }
