"""`fit_head`: how happy and how lively what pictures show is, fitted on rated photographs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pixmus.cues.sight import Head, Sight, grading_terms
from pixmus.picture.efficientnet import HEAD, POOLED
from pixmus.picture.features import Features
from pixmus.training.films import Photographs
from pixmus.training.splits import NUM_FOLDS, folds_of
from pixmus.training.visual_mood import only

RIDGE = 300.0  # of the last layer's square roots and of block 13 scaled (experiment 76)
BLOCK_SCALE = np.where(np.arange(POOLED) < HEAD, 1.0, 0.3)  # block 13 spreads six times as far
GRADING_RIDGE = 60.0  # of log brightness and log chroma
LEAST_GRADING = 0.1  # z-scores of valence a unit of either logarithm: rounding decides nothing


def fit_head(photographs: Photographs, rows: np.ndarray | None = None) -> Head:
    """Ridge regression of the ratings of `rows`, which are set against nothing yet.

    Such predictions of held-out photographs spread about as far as their correlation with people
    (0.58 and 0.61 beside 0.62 and 0.62), as those of who says no more than he knows must.
    """
    rows = np.arange(len(photographs.names)) if rows is None else rows
    ratings = np.stack([photographs.valence[rows], photographs.arousal[rows]], axis=1)
    ratings = (ratings - ratings.mean(axis=0)) / ratings.std(axis=0)
    assert photographs.looks is not None
    looks = photographs.looks[rows].astype(float)
    terms = grading_terms(only(photographs.features, rows))
    mean, terms_mean = looks.mean(axis=0), terms.mean(axis=0)
    scaled = (looks - mean) * BLOCK_SCALE
    centred = (terms - terms_mean) * np.sqrt(RIDGE / GRADING_RIDGE)
    grading = np.zeros((2, 2))
    both = _ridge(np.concatenate([scaled, centred], axis=1), ratings)
    fitted = both[0, -2:] * np.sqrt(RIDGE / GRADING_RIDGE)
    grading[0] = np.maximum(fitted, LEAST_GRADING)
    left = ratings - (terms - terms_mean) @ grading.T
    return Head(
        weights=_ridge(scaled, left) * BLOCK_SCALE,
        mean=mean,
        grading=grading,
        grading_mean=terms_mean,
        skill=np.ones(2),
        middle=np.zeros(2),
        scale=np.ones(2),
    )


def _ridge(inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """(targets, inputs) weights; there are more inputs than rows."""
    inner = inputs @ inputs.T + RIDGE * np.eye(len(inputs))
    weights: np.ndarray = (inputs.T @ np.linalg.solve(inner, targets)).T
    return weights


def held_out(photographs: Photographs) -> np.ndarray:
    """(photographs, 2) z-scores by heads that saw no photograph of the same theme."""
    fold = folds_of(photographs.themes)
    found = np.zeros((len(fold), 2))
    for number in range(NUM_FOLDS):
        rows = np.flatnonzero(fold == number)
        found[rows] = predict(
            fit_head(photographs, np.flatnonzero(fold != number)), photographs, rows
        )
    return found


def skill_of(found: np.ndarray, photographs: Photographs) -> np.ndarray:
    """(2,) correlations of valence and arousal with the ratings."""
    ratings = (photographs.valence, photographs.arousal)
    return np.array([np.corrcoef(found[:, k], ratings[k])[0, 1] for k in range(2)])


def predict(head: Head, photographs: Photographs, rows: np.ndarray) -> np.ndarray:
    """(rows, 2) z-scores of photographs, not set against reference films."""
    assert photographs.looks is not None
    graded = grading_terms(only(photographs.features, rows)) - head.grading_mean
    mood: np.ndarray = head.mood(photographs.looks[rows]) + graded @ head.grading.T
    return mood


def set_against(sight: Sight, reference: Sequence[Features], skill: np.ndarray) -> None:
    """Put the middle of the z-scores half way between photographs and the reference films.

    Films show pleasanter things than photographs that were chosen to be rated (by 0.4 z-scores);
    half of that is taken to be so of films, half of these. Nothing is stretched: z-scores spread
    by no more than `skill`, since that is what the ridge does.
    """
    plain = replace(sight.head, middle=np.zeros(2), scale=np.ones(2))
    sight.head = plain
    moods = np.stack([sight.mood(features).mean(axis=0) for features in reference])
    sight.head = replace(plain, skill=skill, middle=moods.mean(axis=0) / 2)
