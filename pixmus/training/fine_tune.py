"""The conditioning encoder fine-tuned on pictures paired with their music.

What a pair can say: how happy the music is that stands under such light and colour (the visual
mood), and how its energy and density rise and fall with motion and cuts inside one row (the pace).
Both are ridge regressions whose penalty draws towards the weights that the encoder has, so few or
contradicting pairs change little; how strongly is found by cross-validation over groups of rows
that share a source, and keeping the weights as they are is one of the choices. In Bayes' words the
weights before are the mean of a Gaussian prior.

Conventions: a row's seconds count together as much as any other row's; targets are normal scores
of the music's curves (quantiles over training rows, 0..1) on a 1 Hz clock.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.stats import spearmanr

from pixmus.cues import CURVES
from pixmus.encoder import (
    INSIDE,
    LIGHT_RATIOS,
    MOODS,
    ConditioningEncoder,
    Paired,
    least_weights,
    mood_terms,
    pace_bank,
)
from pixmus.errors import PixMusError
from pixmus.evaluation.realism import interval
from pixmus.features import CURVE_RATE_HZ

if TYPE_CHECKING:
    from pixmus.dataset.shards import Pair

NUM_FOLDS = 5
# How strongly the weights are held, in rows that would outweigh them; infinite leaves them alone.
HOLDS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, np.inf)
LEAST_SLOPE = 0.1  # of music on the picture's mood: below it pairs and ratings share no scale
MIN_ROWS = 20
EDGE = 0.01  # quantiles nearer than this to 0 or 1 count as this far from it


@dataclass(frozen=True, eq=False)
class Problem:
    """A weighted regression over the seconds of rows."""

    x: np.ndarray  # (seconds, inputs), centred
    y: np.ndarray  # (seconds,), centred
    weights: np.ndarray  # (seconds,), 1 in all for every row
    rows: np.ndarray  # (seconds,) which row each second is of

    def held(self, chosen: np.ndarray) -> Problem:
        """The seconds of some rows."""
        keep = np.isin(self.rows, chosen)
        return Problem(self.x[keep], self.y[keep], self.weights[keep], self.rows[keep])

    def error(self, solution: np.ndarray) -> float:
        """Weighted mean square of what is left."""
        left = self.y - self.x @ solution
        return float((self.weights * left**2).sum() / self.weights.sum())


def fine_tune(
    encoder: ConditioningEncoder, pairs: Sequence[Pair]
) -> tuple[ConditioningEncoder, dict[str, Any]]:
    """A copy of the encoder with weights moved by `pairs`, and what was found on the way.

    At least `MIN_ROWS` rows with music are needed. The mean and spread of every curve over the
    pairs stay what they were: rows say what goes with what, not how lively music should be.
    """
    if len(pairs) < MIN_ROWS:
        raise PixMusError(
            f"{len(pairs)} rows are too few to learn from; at least {MIN_ROWS} training rows with "
            "picture and music are needed."
        )
    tuned = copy.deepcopy(encoder)
    facts: dict[str, Any] = {"rows": len(pairs), "groups": len({pair.group for pair in pairs})}
    facts["valence"] = _tune_mood(tuned, pairs)
    videos = [pair for pair in pairs if pair.kind == "video"]
    if len(videos) >= MIN_ROWS:
        paired = tuned.paired or _unpaired()
        pace, facts["inside a row"] = _tuned_pace(paired, videos)
        tuned.set_paired(replace(paired, pace=pace))
    _keep_spread(encoder, tuned, pairs)
    return tuned, facts


def agreement(encoder: ConditioningEncoder, pairs: Sequence[Pair]) -> dict[str, Any]:
    """Spearman correlation of the picture's curves with the music's, for every curve.

    `pooled` over all seconds of all rows with its 95 % bootstrap interval over groups, `levels`
    over the means of rows, `inside` the median over videos of the correlation inside each.
    """
    report: dict[str, Any] = {"rows": len(pairs)}
    for name in CURVES:
        asked, heard, groups, levels, inside = [], [], [], [], []
        for pair in pairs:
            music = pair.curves[name]
            picture = by_second(encoder.curves(pair.features)[name], len(music))
            known = np.isfinite(music)
            if not known.any():
                continue
            asked.append(picture[known])
            heard.append(music[known])
            groups += [pair.group] * int(known.sum())
            levels.append((picture[known].mean(), music[known].mean()))
            if pair.kind == "video" and known.sum() > 4 and np.ptp(picture[known]) > 0:
                inside.append(_spearman(picture[known], music[known]))
        x, y = np.concatenate(asked), np.concatenate(heard)
        low, high = interval(partial(_spearman_of, x, y), groups)
        report[name] = {
            "pooled": _spearman(x, y),
            "pooled interval": [low, high],
            "levels": _spearman(*np.array(levels).T),
            "inside": float(np.nanmedian(inside)) if inside else float("nan"),
        }
    return report


def by_second(values: np.ndarray, seconds: int) -> np.ndarray:
    """Values of the 4 Hz clock, (n, ...), as means over each second, (seconds, ...)."""
    each = round(CURVE_RATE_HZ)
    lacking = max(0, seconds * each - len(values))
    if lacking:
        values = np.concatenate([values, np.repeat(values[-1:], lacking, axis=0)])
    return values[: seconds * each].reshape(seconds, each, *values.shape[1:]).mean(axis=1)


def normal_scores(quantiles: np.ndarray) -> np.ndarray:
    """Normal scores of quantiles 0..1; NaN stays."""
    clipped = np.clip(quantiles, EDGE, 1 - EDGE)
    return torch.special.ndtri(torch.from_numpy(np.asarray(clipped, dtype=float))).numpy()


# ------------------------------------------------------------------------------------- The mood


def _tune_mood(encoder: ConditioningEncoder, pairs: Sequence[Pair]) -> dict[str, Any]:
    """Move the weights of valence; what cross-validation found."""
    index = MOODS.index("valence")
    mean = encoder.ratio_mean.double().numpy()
    scale = encoder.ratio_scale.double().numpy()
    before = np.concatenate(
        [
            encoder.light[index, None].double().numpy(),
            encoder.colour[index, None].double().numpy(),
            encoder.ratio_weights[index].double().numpy(),
        ]
    )
    terms = [mood_terms(pair.features, mean, scale) for pair in pairs]
    problem = _problem(terms, pairs, "valence", inside=False)
    hold, slope, errors = _choose(problem, pairs, before)
    after = _solve(problem, before, hold, slope) / slope
    split = 2 + len(LIGHT_RATIOS)
    assert len(after) > split
    least_light, least_colour = least_weights(after[2:])
    after[0] = max(after[0], least_light)
    after[1] = max(after[1], least_colour)
    middle = np.average(np.concatenate([by_second(t, len(t) // 4) for t in terms]), axis=0)
    with torch.no_grad():
        encoder.light[index] = float(after[0])
        encoder.colour[index] = float(after[1])
        encoder.ratio_weights[index] = torch.from_numpy(after[2:]).float()
        encoder.bias[index] += float((before - after) @ middle)
    return {"held": hold, "slope": slope, "error by hold": errors}


# ------------------------------------------------------------------------------------- The pace


def _unpaired() -> Paired:
    """Weights of pace for an encoder that has none: motion as it is, no image embedding."""
    nothing = np.zeros((0,))
    return Paired(
        pace=np.zeros((len(INSIDE), pace_bank(np.zeros(8), np.zeros(8), 1.0).shape[1])),
        inside=np.zeros((len(INSIDE), 0)),
        whole=np.zeros((3, 0)),
        mean=nothing,
        basis=np.zeros((0, 0)),
        whole_mean=nothing,
        motion_ours=np.array([0.0, 1.0]),
        motion_theirs=np.array([0.0, 255.0]),
    )


def _tuned_pace(paired: Paired, videos: Sequence[Pair]) -> tuple[np.ndarray, dict[str, Any]]:
    """Weights of pace moved by the rows that are videos; more motion never means less."""
    banks = []
    for pair in videos:
        features = pair.features
        length = len(features.motion)
        places = np.minimum((np.array(features.cuts) * CURVE_RATE_HZ).astype(int), length - 1)
        cuts = np.bincount(places, minlength=length).astype(float)
        banks.append(pace_bank(paired.their_motion(features.motion), cuts, CURVE_RATE_HZ))
    pace = np.zeros_like(paired.pace)
    facts = {}
    for k, name in enumerate(INSIDE):
        problem = _problem(banks, videos, name, inside=True)
        before = np.asarray(paired.pace[k], dtype=float)
        hold, slope, errors = _choose(problem, videos, before)
        used = np.ones(len(before), dtype=bool)
        while True:  # active set: a pace that would count against is left out
            part = Problem(problem.x[:, used], problem.y, problem.weights, problem.rows)
            found = _solve(part, before[used], hold, slope)
            if (found >= 0).all():
                break
            used[np.flatnonzero(used)[found < 0]] = False
        # The curve's spread inside a clip stays: what is learned is what it follows.
        was, now = problem.x @ before, problem.x[:, used] @ found
        pace[k, used] = found * (was.std() / max(now.std(), 1e-9) if was.std() > 0 else 1.0)
        facts[name] = {"held": hold, "slope": slope, "error by hold": errors}
    return pace, facts


def _keep_spread(
    before: ConditioningEncoder, after: ConditioningEncoder, pairs: Sequence[Pair]
) -> None:
    """Let every curve have over the pairs the mean and spread that it had."""
    for k, name in enumerate(CURVES):
        was = np.concatenate([before.raw_curves(pair.features)[name] for pair in pairs])
        now = np.concatenate([after.raw_curves(pair.features)[name] for pair in pairs])
        ratio = float(now.std() / max(was.std(), 1e-9))
        if ratio <= 0:
            continue
        middle = (was.mean() - float(before.curve_mean[k])) / float(before.curve_scale[k])
        after.curve_scale.data[k] = float(before.curve_scale[k]) * ratio
        after.curve_mean.data[k] = float(now.mean()) - middle * float(after.curve_scale[k])


# ------------------------------------------------------------------------------- The regression


def _problem(
    inputs: Sequence[np.ndarray], pairs: Sequence[Pair], name: str, inside: bool
) -> Problem:
    """Seconds with known music; with `inside` every row's own means are taken out."""
    x, y, weights, rows = [], [], [], []
    for row, (values, pair) in enumerate(zip(inputs, pairs, strict=True)):
        music = pair.curves[name]
        known = np.isfinite(music)
        if known.sum() < 2:
            continue
        columns = by_second(values, len(music))[known]
        target = normal_scores(music[known])
        if inside:
            columns, target = columns - columns.mean(axis=0), target - target.mean()
        x.append(columns)
        y.append(target)
        weights.append(np.full(len(target), 1 / len(target)))
        rows.append(np.full(len(target), row))
    if not x:
        raise PixMusError("no training row has music that could be measured.")
    problem = Problem(*(np.concatenate(part) for part in (x, y, weights, rows)))
    return Problem(
        problem.x - np.average(problem.x, axis=0, weights=problem.weights),
        problem.y - np.average(problem.y, weights=problem.weights),
        problem.weights,
        problem.rows,
    )


def _solve(problem: Problem, before: np.ndarray, hold: float, slope: float) -> np.ndarray:
    """Least squares drawn towards `slope * before` as strongly as `hold` rows would draw."""
    centre = slope * before
    if np.isinf(hold):
        return centre
    weighted = problem.x * problem.weights[:, None]
    gram = weighted.T @ problem.x
    spread = np.diag(gram) / problem.weights.sum()
    penalty = hold * np.diag(np.maximum(spread, 1e-9))
    return centre + np.linalg.solve(gram + penalty, weighted.T @ (problem.y - problem.x @ centre))


def _slope(problem: Problem, before: np.ndarray) -> float:
    """How far the music moves with what the weights say, at least `LEAST_SLOPE`."""
    said = problem.x @ before
    power = float((problem.weights * said**2).sum())
    found = float((problem.weights * said * problem.y).sum()) / power if power > 0 else 1.0
    return max(found, LEAST_SLOPE)


def _choose(
    problem: Problem, pairs: Sequence[Pair], before: np.ndarray
) -> tuple[float, float, dict[str, float]]:
    """The hold with the least error on rows of other groups; the slope; all the errors."""
    groups = sorted({pairs[row].group for row in np.unique(problem.rows)})
    fold_of = {group: k % NUM_FOLDS for k, group in enumerate(groups)}
    fold = np.array([fold_of[pairs[row].group] for row in range(len(pairs))])
    errors = {}
    for hold in HOLDS:
        total = 0.0
        for k in range(NUM_FOLDS):
            seen, unseen = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
            fitted, judged = problem.held(seen), problem.held(unseen)
            if not len(judged.y) or not len(fitted.y):
                continue
            slope = _slope(fitted, before)
            total += judged.error(_solve(fitted, before, hold, slope)) * judged.weights.sum()
        errors[f"{hold:g}"] = total / problem.weights.sum()
    hold = HOLDS[int(np.argmin(list(errors.values())))]
    return hold, _slope(problem, before), errors


def _spearman_of(x: np.ndarray, y: np.ndarray, rows: np.ndarray) -> float:
    return _spearman(x[rows], y[rows])


def _spearman(x: np.ndarray, y: np.ndarray) -> float:
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    return float(spearmanr(x, y).statistic)
