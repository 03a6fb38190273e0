"""The mood that people hear in a score: valence and arousal by a regressor fitted to VGMIDI.

    pixmus evaluate mood VGMIDI_FOLDER [--curves TABLES]

tells the regressor's skill in cross-validation by game, and how the shipped valence curve stands
beside it. VGMIDI (Ferreira & Whitehead, ISMIR 2019) is 200 piano arrangements of game music, each
rated by about 30 people bar by bar. It has no licence: it is read for measuring, the regressor is
fitted anew from the folder each time, and nothing of it goes into weights.

Conventions: ratings are the raters' mean, -1..1; times are seconds. Features are of the notes
alone: no instruments, no drums, and no velocities, which in half of VGMIDI's files never change.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy.stats import rankdata
from sklearn.linear_model import LinearRegression, RidgeCV
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from pixmus.curves import Curve
from pixmus.score.curves import CurveTables, bar_seconds, beat_statistics, measure_bars
from pixmus.score.notes import Score, encode_score
from pixmus.studies.mood_features import FEATURES, mood_features
from pixmus.studies.mood_ratings import RATINGS, RatedPiece, read_vgmidi
from pixmus.studies.runner import Result, Run, Study

NUM_FOLDS = 10
RATING_LAG_S = 2.0  # continuous ratings follow the music by 1 to 3 s (Schubert 2004)
EXCERPT_S = 30.0
NUM_RESAMPLES = 1000


@dataclass(frozen=True)
class Mood:
    """Valence (sad to happy) and arousal (calm to excited), both about -1..1."""

    valence: float
    arousal: float


# ------------------------------------------------------------------------------------ Regressor


class MoodRegressor:
    """Valence and arousal from `mood_features`: the mean of a ridge regression and an RBF support
    vector regression on standardised features, the second so that unusual scores are not
    extrapolated without end.
    """

    def __init__(self, features: np.ndarray, ratings: np.ndarray) -> None:
        """Fit to `features` (pieces, features) and `ratings` (pieces, 2)."""
        assert len(features) == len(ratings), f"{features.shape=} {ratings.shape=}"
        self._models: list[list[Pipeline]] = [
            [model.fit(features, ratings[:, column]) for model in _models()] for column in (0, 1)
        ]
        self._low, self._high = np.percentile(features, [1, 99], axis=0)

    def predict_features(self, features: np.ndarray) -> np.ndarray:
        """Ratings (rows, 2) of features (rows, features); NaN rows stay NaN."""
        predicted = np.full((len(features), 2), np.nan)
        known = ~np.isnan(features).any(1)
        if known.any():
            for column, models in enumerate(self._models):
                each = [model.predict(features[known]) for model in models]
                predicted[known, column] = np.mean(each, axis=0)
        return predicted

    def predict(self, score: Score, start: float = 0.0, end: float = float("inf")) -> Mood:
        """The mood that people would likely name for a score, or for its stretch start..end.

        NaN with fewer than eight notes.
        """
        valence, arousal = self.predict_features(mood_features(score, start, end)[None])[0]
        return Mood(float(valence), float(arousal))

    def unfamiliar(self, score: Score) -> dict[str, float]:
        """Features of a score outside the 1st-99th percentiles of the fitted pieces."""
        values = mood_features(score)
        outside = (values < self._low) | (values > self._high)
        return {name: float(values[i]) for i, name in enumerate(FEATURES) if outside[i]}


def _models() -> list[Pipeline]:
    """The two regressors, unfitted; their settings are scikit-learn's but for little shrinkage."""
    return [
        make_pipeline(StandardScaler(), RidgeCV(np.logspace(0, 3.5, 15))),
        make_pipeline(StandardScaler(), SVR(C=0.3, epsilon=0.05, gamma=0.01)),
    ]


def rated_features(pieces: Sequence[RatedPiece]) -> tuple[np.ndarray, np.ndarray]:
    """Features (pieces, features) and mean ratings (pieces, 2) of pieces with enough notes."""
    features = np.array([mood_features(piece.score) for piece in pieces])
    ratings = np.array([piece.ratings.mean((0, 1)) for piece in pieces])
    known = ~np.isnan(features).any(1)
    return features[known], ratings[known]


# ---------------------------------------------------------------------------------------- Skill


@dataclass(frozen=True)
class Skill:
    """How predicted ratings of pieces agree with people's; each with a 95 % interval.

    `agreement` is the correlation of one half of the raters with the other, stepped up to all
    (Spearman-Brown): the reliability of the ratings, and what a regressor could reach;
    None for excerpts.
    """

    spearman: float
    spearman_interval: tuple[float, float]
    r2: float
    r2_interval: tuple[float, float]
    agreement: float | None
    num_rated: int


def agreement(ratings: np.ndarray, estimates: np.ndarray) -> tuple[float, float]:
    """Spearman's correlation and R2 (1 - squared error / variance); NaN below three values."""
    if len(ratings) < 3 or np.ptp(ratings) == 0:
        return float("nan"), float("nan")
    errors = ((ratings - estimates) ** 2).sum() / ((ratings - ratings.mean()) ** 2).sum()
    if np.ptp(estimates) == 0:
        return float("nan"), float(1 - errors)
    ranks = rankdata(ratings), rankdata(estimates)
    return float(np.corrcoef(*ranks)[0, 1]), float(1 - errors)


def skill_of(
    ratings: np.ndarray, estimates: np.ndarray, games: Sequence[str], halves: float | None = None
) -> Skill:
    """Skill with intervals from 1000 resamplings of whole games."""
    rng = np.random.default_rng(0)
    names = sorted(set(games))
    rows = [np.flatnonzero(np.array(games) == name) for name in names]
    drawn = []
    for _ in range(NUM_RESAMPLES):
        chosen = np.concatenate([rows[i] for i in rng.integers(0, len(rows), len(rows))])
        drawn.append(agreement(ratings[chosen], estimates[chosen]))
    bounds = np.nanpercentile(np.array(drawn), [2.5, 97.5], axis=0)
    rank, r2 = agreement(ratings, estimates)
    return Skill(
        rank,
        (float(bounds[0, 0]), float(bounds[1, 0])),
        r2,
        (float(bounds[0, 1]), float(bounds[1, 1])),
        halves,
        len(ratings),
    )


def rater_agreement(pieces: Sequence[RatedPiece], column: int) -> float:
    """Split-half correlation of the raters' means over pieces, stepped up (Spearman-Brown)."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(100):
        halves = []
        for piece in pieces:
            means = piece.ratings[:, :, column].mean(1)
            order = rng.permutation(len(means))
            halves.append((means[order[::2]].mean(), means[order[1::2]].mean()))
        correlation = float(np.corrcoef(np.array(halves).T)[0, 1])
        found.append(2 * correlation / (1 + correlation))
    return float(np.mean(found))


def cross_validate(
    pieces: Sequence[RatedPiece], excerpt_s: float | None = None
) -> dict[str, Skill]:
    """Skill of the regressor per rating, each game predicted from the other games.

    With `excerpt_s` the pieces that are left out are cut into excerpts of so many seconds, each
    with its own bars' ratings: what a prediction of a stretch (`predict` with start and end) is
    worth. Ratings are read `RATING_LAG_S` late, since raters need time to react.
    """
    features = np.array([mood_features(piece.score) for piece in pieces])
    known = ~np.isnan(features).any(1)
    features = features[known]
    pieces = [piece for piece, keep in zip(pieces, known, strict=True) if keep]
    ratings = np.array([piece.ratings.mean((0, 1)) for piece in pieces])
    games = np.array([piece.game for piece in pieces])
    tested, truths, owners = features, ratings, np.arange(len(pieces))
    if excerpt_s is not None:
        tested, truths, owners = _excerpts(pieces, excerpt_s)
    estimates = np.zeros_like(truths)
    for fitted, held_out in GroupKFold(min(NUM_FOLDS, len(set(games)))).split(games, groups=games):
        regressor = MoodRegressor(features[fitted], ratings[fitted])
        rows = np.isin(owners, held_out)
        estimates[rows] = regressor.predict_features(tested[rows])
    return {
        name: skill_of(
            truths[:, column],
            estimates[:, column],
            list(games[owners]),
            rater_agreement(pieces, column) if excerpt_s is None else None,
        )
        for column, name in enumerate(RATINGS)
    }


def _excerpts(
    pieces: Sequence[RatedPiece], excerpt_s: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, ratings and number of the piece of every excerpt with enough notes."""
    features, ratings, owners = [], [], []
    for index, piece in enumerate(pieces):
        curve = piece.ratings.mean(0)  # (bars, 2)
        middles = (np.arange(len(curve)) + 0.5) / len(curve) * piece.duration
        for start in np.arange(0.0, piece.duration - excerpt_s, excerpt_s):
            heard = (middles >= start + RATING_LAG_S) & (middles < start + excerpt_s + RATING_LAG_S)
            values = mood_features(piece.score, start, start + excerpt_s)
            if heard.any() and not np.isnan(values).any():
                features.append(values)
                ratings.append(curve[heard].mean(0))
                owners.append(index)
    return np.array(features), np.array(ratings), np.array(owners, int)


# --------------------------------------------------------------------- The shipped valence curve

VALENCE_TERMS = ("majorness", Curve.DENSITY, Curve.REGISTER)


@dataclass(frozen=True)
class ValenceCurve:
    """The valence curve's three terms against people's valence.

    `shipped` is Spearman's correlation of a piece's mean valence curve (`CurveTables.curves`) with
    its rated valence; `refitted` the same of a weighted sum of the terms' mean quantiles, weights
    fitted to the other games. `weights` are those fitted to all games, their sizes scaled to add to
    1. `terms` are the terms alone; the last two those of energy and density with arousal.
    """

    shipped: float
    shipped_interval: tuple[float, float]
    refitted: float
    refitted_interval: tuple[float, float]
    weights: dict[str, float]
    terms: dict[str, float]
    energy_arousal: float
    density_arousal: float


def rate_valence_curve(pieces: Sequence[RatedPiece], tables: CurveTables) -> ValenceCurve:
    """How the documented valence curve agrees with people, and what weights would do best."""
    rows, valences, energies = [], [], []
    for piece in pieces:
        tempo_map = piece.score.tempo_map
        statistics = beat_statistics(encode_score(piece.score)).sum(1)
        raw = measure_bars(statistics, tempo_map.bar_starts, bar_seconds(tempo_map))
        quantiles = {
            name: tables.quantile(name, raw[name][~np.isnan(raw[name])]) for name in VALENCE_TERMS
        }
        rows.append([quantiles[name].mean() for name in VALENCE_TERMS])
        curves = tables.curves(raw, has_velocity=False)  # half of VGMIDI's velocities are constant
        valences.append(curves[Curve.VALENCE].mean())
        energies.append(curves[Curve.ENERGY].mean())
    terms = np.array(rows)
    ratings = np.array([piece.ratings.mean((0, 1)) for piece in pieces])
    games = [piece.game for piece in pieces]
    estimates = np.zeros(len(pieces))
    for fitted, held_out in GroupKFold(min(NUM_FOLDS, len(set(games)))).split(terms, groups=games):
        model = LinearRegression().fit(terms[fitted], ratings[fitted, 0])
        estimates[held_out] = model.predict(terms[held_out])
    slopes = LinearRegression().fit(terms, ratings[:, 0]).coef_
    shipped = skill_of(ratings[:, 0], np.array(valences), games)
    refitted = skill_of(ratings[:, 0], estimates, games)
    weights = slopes / np.abs(slopes).sum()
    return ValenceCurve(
        shipped.spearman,
        shipped.spearman_interval,
        refitted.spearman,
        refitted.spearman_interval,
        {name: float(weight) for name, weight in zip(VALENCE_TERMS, weights, strict=True)},
        {n: agreement(ratings[:, 0], terms[:, i])[0] for i, n in enumerate(VALENCE_TERMS)},
        agreement(ratings[:, 1], np.array(energies))[0],
        agreement(ratings[:, 1], terms[:, VALENCE_TERMS.index(Curve.DENSITY)])[0],
    )


def measure(run: Run) -> Result:
    """Skill in cross-validation, of whole pieces and of excerpts, and of the shipped curve."""
    asked = run.arguments
    pieces = read_vgmidi(asked.folder)
    excerpts = cross_validate(pieces, EXCERPT_S)
    curve = None
    if asked.curves:
        curve = asdict(rate_valence_curve(pieces, CurveTables.load(asked.curves)))
    return {
        "pieces": {name: asdict(skill) for name, skill in cross_validate(pieces).items()},
        "excerpts": {name: asdict(skill) for name, skill in excerpts.items()},
        "excerpt_s": EXCERPT_S,
        "num_games": len({piece.game for piece in pieces}),
        "valence_curve": curve,
    }


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the study may be told."""
    parser.add_argument("folder", type=Path, help="the folder of VGMIDI")
    parser.add_argument("--curves", type=Path, help="a model's curve_tables.json")


STUDY = Study(
    "mood", "Skill of the mood regressor on VGMIDI's ratings.", measure, arguments, out=None
)
