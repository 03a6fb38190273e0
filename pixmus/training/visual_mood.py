"""`Mood`: how happy and how lively pictures look, fitted on rated photographs and gradings."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pixmus.cues.encoder import MOODS, RATIOS, least_weights, mood_terms, picture_ratios
from pixmus.curves import Curve
from pixmus.picture.features import Features
from pixmus.training.films import Photographs

MOOD_RIDGE = 120.0  # in photographs
GRADED = ((0.5, 0.5, 0.3), (0.7, 0.7, 0.2))  # gain, chroma, how much valence falls at least
GRADED_WEIGHT = 0.15


@dataclass(frozen=True, eq=False)
class Mood:
    """The weights of the visual mood, rows valence and arousal."""

    light: np.ndarray
    colour: np.ndarray
    ratios: np.ndarray
    bias: np.ndarray
    ratio_mean: np.ndarray
    ratio_scale: np.ndarray

    def predict(self, features: Features) -> np.ndarray:
        """(n, 2) z-scores."""
        terms = mood_terms(features, self.ratio_mean, self.ratio_scale)
        weights = np.concatenate([self.light[:, None], self.colour[:, None], self.ratios], axis=1)
        predicted: np.ndarray = terms @ weights.T + self.bias
        return predicted


def graded(features: Features, gain: float, chroma: float) -> Features:
    """The curves of the same pictures, darker by `gain` and with `chroma` of their colour left."""
    return replace(
        features,
        brightness=features.brightness * gain,
        contrast=features.contrast * gain,
        edges=features.edges * gain,
        saturation=features.saturation * gain * chroma,
        warmth=features.warmth * gain * chroma,
    )


def fit_mood(photographs: Photographs, rows: np.ndarray | None = None) -> Mood:
    """Ridge regression of the ratings, and of what grading must do to valence, on `rows`."""
    rows = np.arange(len(photographs.names)) if rows is None else rows
    ratings = np.stack([photographs.valence[rows], photographs.arousal[rows]], axis=1)
    ratings = (ratings - ratings.mean(axis=0)) / ratings.std(axis=0)
    features = only(photographs.features, rows)
    ratios = picture_ratios(features)
    mean, scale = ratios.mean(axis=0), ratios.std(axis=0)
    terms = mood_terms(features, mean, scale)
    middle = terms.mean(axis=0)
    centred = terms - middle
    weights = np.zeros((len(MOODS), terms.shape[1]))
    ridge = MOOD_RIDGE * np.diag([0.1, 0.1, *[1.0] * len(RATIOS)])
    for mood in range(len(MOODS)):
        design, target = [centred], [ratings[:, mood]]
        if mood == MOODS.index(Curve.VALENCE):
            for gain, chroma, fall in GRADED:
                darker = mood_terms(graded(features, gain, chroma), mean, scale)
                design.append(np.sqrt(GRADED_WEIGHT) * (terms - darker))
                target.append(np.full(len(terms), np.sqrt(GRADED_WEIGHT) * fall))
        x, y = np.concatenate(design), np.concatenate(target)
        weights[mood] = np.linalg.solve(x.T @ x + ridge, x.T @ y)
    least_light, least_colour = least_weights(weights[0, 2:])
    weights[0, 0] = max(weights[0, 0], least_light)
    weights[0, 1] = max(weights[0, 1], least_colour)
    return Mood(
        light=weights[:, 0],
        colour=weights[:, 1],
        ratios=weights[:, 2:],
        bias=-weights @ middle,
        ratio_mean=mean,
        ratio_scale=scale,
    )


def only(features: Features, rows: np.ndarray) -> Features:
    """Some of the photographs in a row."""
    names = ("motion", "brightness", "contrast", "saturation", "warmth", "edges", "palette")
    return replace(
        features,
        duration=len(rows) / 4,
        **{name: getattr(features, name)[rows] for name in names},
        views=None,
    )
