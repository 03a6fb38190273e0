"""The conditioning encoder fine-tuned on pictures paired with their music.

What a pair can say: how happy the music is that stands under such light and colour (the visual
mood), how its energy and density rise and fall with motion and cuts inside one row (the pace), and
what else of the picture its density, energy and register follow, inside rows and between them.
All are ridge regressions whose penalty draws towards the weights that the encoder has, so few or
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

from pixmus.cues.encoder import (
    INSIDE,
    LIGHT_RATIOS,
    MOODS,
    NEVER_CALMER,
    PICTURE,
    TUNED,
    ConditioningEncoder,
    Paired,
    cuts_in,
    least_weights,
    mood_terms,
    pace_bank,
    picture_terms,
)
from pixmus.curves import CURVE_RATE_HZ, CURVES, Curve
from pixmus.errors import PixMusError
from pixmus.training.bootstrap import interval
from pixmus.training.splits import KINDS

if TYPE_CHECKING:
    from pixmus.training.pairs import Pair

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
    facts[Curve.VALENCE] = _tune_mood(tuned, pairs)
    videos = [pair for pair in pairs if pair.kind == "video"]
    if len(videos) >= MIN_ROWS:
        paired = tuned.paired or _unpaired()
        pace, facts["inside a row"] = _tuned_pace(paired, videos)
        tuned.set_paired(replace(paired, pace=pace))
        _keep_spread(encoder, tuned, pairs)
    weights, facts["picture"] = _tuned_picture(tuned, pairs)
    tuned.set_tuned(weights)
    _keep_spread(encoder, tuned, pairs)
    return tuned, facts


def agreement(encoder: ConditioningEncoder, pairs: Sequence[Pair]) -> dict[str, Any]:
    """Spearman correlation of the picture's curves with the music's, for every curve.

    The picture's are the encoder's before the climax that every cue sheet is given. For videos and
    for stills: `pooled` over all seconds of all rows with its 95 % bootstrap interval over groups,
    `levels` over the means of rows; for videos `inside`, the median over rows of the correlation
    inside each. NaN where nothing was measured.
    """
    report: dict[str, Any] = {
        "rows": {kind: sum(pair.kind == kind for pair in pairs) for kind in KINDS}
    }
    raw = [encoder.raw_curves(pair.features) for pair in pairs]
    for name in CURVES:
        report[name] = {}
        for kind in KINDS:
            rows = []
            for pair, curves in zip(pairs, raw, strict=True):
                known = np.isfinite(pair.curves[name])
                if pair.kind == kind and known.any():
                    picture = by_second(curves[name], len(known))[known]
                    rows.append((pair.group, picture, pair.curves[name][known]))
            report[name][kind] = _agreement(rows)
    return report


def _agreement(rows: Sequence[tuple[str, np.ndarray, np.ndarray]]) -> dict[str, Any]:
    """The figures of `agreement` for rows of (group, picture's seconds, music's seconds)."""
    if not rows:
        nothing = float("nan")
        return {
            "pooled": nothing, "pooled interval": [nothing] * 2, "levels": nothing,
            "inside": nothing,
        }  # fmt: skip
    x, y = (np.concatenate([row[k] for row in rows]) for k in (1, 2))
    groups = [group for group, picture, _ in rows for _ in picture]
    inside = [_spearman(picture, music) for _, picture, music in rows]
    return {
        "pooled": _spearman(x, y),
        "pooled interval": list(interval(partial(_spearman_of, x, y), groups)),
        "levels": _spearman(*np.array([(a.mean(), b.mean()) for _, a, b in rows]).T),
        "inside": float(np.nanmedian(inside)) if np.isfinite(inside).any() else float("nan"),
    }


def by_second(values: np.ndarray, seconds: int) -> np.ndarray:
    """Values of the 4 Hz clock, (n, ...), as means over each second, (seconds, ...)."""
    each = round(CURVE_RATE_HZ)
    lacking = max(0, seconds * each - len(values))
    if lacking:
        values = np.concatenate([values, np.repeat(values[-1:], lacking, axis=0)])
    by_clock = values[: seconds * each].reshape(seconds, each, *values.shape[1:])
    means: np.ndarray = by_clock.mean(axis=1)
    return means


def normal_scores(quantiles: np.ndarray) -> np.ndarray:
    """Normal scores of quantiles 0..1; NaN stays."""
    clipped = np.clip(quantiles, EDGE, 1 - EDGE)
    numbers = torch.from_numpy(np.asarray(clipped, dtype=float))
    scores: np.ndarray = torch.special.ndtri(numbers).numpy()
    return scores


# ------------------------------------------------------------------------------------- The mood


def _tune_mood(encoder: ConditioningEncoder, pairs: Sequence[Pair]) -> dict[str, Any]:
    """Move the weights of valence; what cross-validation found."""
    index = MOODS.index(Curve.VALENCE)
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
    problem = _problem(terms, pairs, Curve.VALENCE, inside=False)
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
        log_motion = paired.their_motion(pair.features.motion)
        banks.append(pace_bank(log_motion, cuts_in(pair.features), CURVE_RATE_HZ))
    pace = np.zeros_like(paired.pace)
    facts: dict[str, Any] = {}
    for k, name in enumerate(INSIDE):
        problem = _problem(banks, videos, name, inside=True)
        before = np.asarray(paired.pace[k], dtype=float)
        hold, slope, errors = _choose(problem, videos, before)
        found = _solve_upward(problem, before, hold, slope, np.ones(len(before), dtype=bool))
        # The curve's spread inside a clip stays: what is learned is what it follows.
        was, now = problem.x @ before, problem.x @ found
        pace[k] = found * (was.std() / max(now.std(), 1e-9) if was.std() > 0 else 1.0)
        facts[name] = {"held": hold, "slope": slope, "error by hold": errors}
    return pace, facts


# ---------------------------------------------------------------------------------- The picture


def _tuned_picture(
    encoder: ConditioningEncoder, pairs: Sequence[Pair]
) -> tuple[np.ndarray, dict[str, Any]]:
    """Weights of `picture_terms` beside the raw curve that is there; more is never calmer."""
    weights = np.zeros((len(TUNED), len(PICTURE)))
    facts: dict[str, Any] = {}
    raw = [encoder.raw_curves(pair.features) for pair in pairs]
    terms = [picture_terms(pair.features) for pair in pairs]
    before = np.array([1.0] + [0.0] * len(PICTURE))  # the curve alone
    for k, name in enumerate(TUNED):
        inputs = [
            np.concatenate([curves[name][:, None], columns], axis=1)
            for curves, columns in zip(raw, terms, strict=True)
        ]
        problem = _problem(inputs, pairs, name, inside=False)
        hold, slope, errors = _choose(problem, pairs, before)
        held_up = np.zeros(len(before), dtype=bool)
        if name in INSIDE:
            held_up[1 : 1 + NEVER_CALMER] = True
        solution = _solve_upward(problem, before, hold, slope, held_up)
        # In units of the curve, of which at least a little stays.
        weights[k] = solution[1:] / max(solution[0], LEAST_SLOPE)
        if encoder.tuned is not None:
            weights[k] += encoder.tuned[k]
        facts[name] = {"held": hold, "slope": slope, "error by hold": errors}
    return weights, facts


def _solve_upward(
    problem: Problem, before: np.ndarray, hold: float, slope: float, upward: np.ndarray
) -> np.ndarray:
    """`_solve` with some weights not negative: those that would be are left out (active set)."""
    used = np.ones(len(before), dtype=bool)
    while True:
        part = replace(problem, x=problem.x[:, used])
        found = np.zeros(len(before))
        found[used] = _solve(part, before[used], hold, slope)
        wrong = upward & (found < 0)
        if not wrong.any():
            return found
        used &= ~wrong


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
    # Stills and videos apart: that a still asks for calm is not for rows to say, whose music is
    # as it is whatever stands over it.
    kinds = np.array([pair.kind for pair in pairs])[problem.rows]
    for kind in np.unique(kinds):
        own = kinds == kind
        problem.x[own] -= np.average(problem.x[own], axis=0, weights=problem.weights[own])
        problem.y[own] -= np.average(problem.y[own], weights=problem.weights[own])
    return problem


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
