"""How the plans that the network writes compare with those that held-out pieces have.

Every window of a held-out piece is written anew from its own curves, hit points, place, mode,
style and parts; what is measured of both are the numbers of `describe`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pixmus.compose.planning import MODE_COLUMN, draw_plans, give_parts
from pixmus.curves import CURVES, Curve
from pixmus.ensembles import PARTS, STYLES, Part
from pixmus.model.plan_network import PlanDenoiser
from pixmus.score.key_finding import key_correlations
from pixmus.score.plan import (
    HALVES,
    UNKNOWN_DYNAMIC,
    Cadence,
    Plan,
    chord_before,
    is_dominant,
    root_changes_per_bar,
    tonic_share,
)
from pixmus.score.plan_tokens import decode_plan, masked_tokens
from pixmus.studies.realism import feature_aucs, together_auc
from pixmus.training.plan_windows import MeasuredPlan, load_measured, window_of

DIATONIC = (0, 2, 4, 5, 7, 9, 11)
BATCH = 16  # plans written at once


def chord_classes(plan: Plan) -> np.ndarray:
    """How many half bars' chords hold each pitch class, (12,)."""
    counts = np.zeros(12)
    for chord in plan.chords:
        if chord is not None:
            counts[list(chord.pitch_classes)] += 1
    return counts


def sounds_minor(plan: Plan) -> bool:
    """Whether A minor explains the plan's chord tones better than C major."""
    correlations = key_correlations(chord_classes(plan))
    tonics = np.bincount(
        [c.root for c in plan.chords if c is not None], minlength=12
    )  # the profiles alone leave relative keys close together
    share = tonics / max(1, tonics.sum())
    return bool(correlations[12 + 9] + share[9] > correlations[0] + share[0])


def describe(plan: Plan) -> dict[str, float]:
    """Numbers of a plan; NaN where there is nothing to measure.

    Root changes a bar and tonic share per half bar; share of roots in the scale, of minor chords
    and of sevenths; chords over another bass; different chords; bars whose chords are those of the
    bar 1, 2, 4, 8 before; phrases of four bars, returns, chords that a returning phrase shares with
    the one it returns to; phrases with each cadence; parts at once, changes of who plays, the
    melody's silent share; changes of dynamics.
    """
    chords = [chord for chord in plan.chords if chord is not None]
    moves = [(a, b) for a, b in pairwise(chords) if a.root != b.root]
    values = {
        "root changes": root_changes_per_bar(plan.chords),
        "tonic share": tonic_share(plan.chords, plan.minor),
        "in scale": _mean([chord.root in DIATONIC for chord in chords]),
        "minor chords": _mean([chord.quality.is_minor for chord in chords]),
        "sevenths": _mean([len(chord.quality.tones) > 3 for chord in chords]),
        "inversions": _mean([chord.bass != chord.root for chord in chords]),
        "different chords": len({(c.root, c.quality.is_minor) for c in chords}) / 6,
        "fifths down": _mean([(a.root - b.root) % 12 == 7 for a, b in moves]),
    }
    bars = [tuple(plan.chords[i : i + HALVES]) for i in range(0, len(plan.chords), HALVES)]
    for lag in (1, 2, 4, 8):
        values[f"chords of {lag} bars before"] = _mean(
            [a == b for a, b in zip(bars[lag:], bars, strict=False)]
        )
    values |= _describe_phrases(plan)
    playing = plan.plays[:, [PARTS.index(p) for p in PARTS if p != Part.DRUMS]]
    values["parts at once"] = float(playing.sum(1).mean())
    values["changes of parts"] = float((plan.plays[1:] != plan.plays[:-1]).sum(1).mean())
    values["melody silent"] = float(1 - plan.plays[:, PARTS.index(Part.MELODY)].mean())
    if (plan.dynamics != UNKNOWN_DYNAMIC).all():
        values["dynamics change"] = _mean(np.abs(np.diff(plan.dynamics)).tolist())
    else:
        values["dynamics change"] = float("nan")
    return values


def _describe_phrases(plan: Plan) -> dict[str, float]:
    phrases = plan.phrases
    shared = []
    for index, phrase in enumerate(phrases):
        earlier = [p for p in phrases[:index] if p.letter == phrase.letter]
        if earlier:
            source = earlier[-1]
            length = HALVES * min(phrase.num_bars, source.num_bars)
            mine = plan.chords[HALVES * phrase.first_bar :][:length]
            theirs = plan.chords[HALVES * source.first_bar :][:length]
            shared.append(_mean([a == b for a, b in zip(mine, theirs, strict=True)]))
    letters = [phrase.letter for phrase in phrases]
    cadences = [c for c in plan.cadences if c != Cadence.NONE]
    values = {
        "phrases of four": _mean([phrase.num_bars == 4 for phrase in phrases]),
        "returns": 1 - len(set(letters)) / len(letters),
        "chords of a return": _mean(shared),
    }
    for cadence in Cadence:
        if cadence != Cadence.NONE:
            values[f"{cadence} cadences"] = cadences.count(cadence) / len(phrases)
    return values


def _mean(values: Sequence[float] | np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def ending(plan: Plan) -> tuple[bool, bool]:
    """Whether the last chord is the tonic, and whether a dominant stands before it."""
    last = max((i for i, chord in enumerate(plan.chords) if chord is not None), default=-1)
    if last < 0:
        return False, False
    chord, before = plan.chords[last], chord_before(plan.chords, last)
    assert chord is not None
    home = chord.root == plan.tonic
    return home, home and before is not None and is_dominant(before, plan.tonic)


def histogram_distance(real: Sequence[Plan], made: Sequence[Plan], moves: bool = False) -> float:
    """Total variation between roots (or moves of a root to the next other one), 0..1."""

    def histogram(plans: Sequence[Plan]) -> np.ndarray:
        counts = np.zeros((12, 12) if moves else (12,))
        for plan in plans:
            roots = [chord.root for chord in plan.chords if chord is not None]
            if moves:
                for a, b in pairwise(roots):
                    counts[a, b] += a != b
            else:
                counts += np.bincount(roots, minlength=12)
        shares: np.ndarray = counts / max(1.0, counts.sum())
        return shares

    return float(np.abs(histogram(real) - histogram(made)).sum() / 2)


# ----------------------------------------------------------------------------------- Measurement


def held_out_windows(
    plans: Sequence[MeasuredPlan], num: int, num_bars: int, rng: np.random.Generator
) -> list[tuple[MeasuredPlan, np.ndarray, np.ndarray]]:
    """Windows of pieces, as many of every style: plan, tokens, conditions."""
    windows = []
    for style in STYLES:
        there = [p for p in plans if p.style == style and p.num_bars >= num_bars]
        for number in range(num // len(STYLES) if there else 0):
            plan = there[number % len(there)]
            latest = plan.num_bars - num_bars
            first = latest if number % 4 == 0 else int(rng.integers(latest + 1))
            windows.append((plan, *window_of(plan, first, num_bars)))
    return windows


def measure(
    denoiser: PlanDenoiser,
    plans: Sequence[MeasuredPlan],
    num: int = 128,
    num_bars: int = 32,
    seed: int = 0,
    **how: Any,
) -> dict[str, object]:
    """Every number of `describe` for real and made windows, the endings, and the control."""
    rng = np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(seed)
    windows = held_out_windows(plans, num, num_bars, rng)
    real = [decode_plan(tokens.astype(int), plan.minor) for plan, tokens, _ in windows]
    given = np.stack([give_parts(masked_tokens(num_bars), plan.parts) for plan, _, _ in windows])
    asked = np.stack([conditions for _, _, conditions in windows])

    def write(conditions: np.ndarray) -> list[Plan]:
        plans: list[Plan] = []
        for first in range(0, len(conditions), BATCH):
            rows = slice(first, first + BATCH)
            plans += draw_plans(denoiser, conditions[rows], generator, given[rows], **how)
        return plans

    def changed(column: int, by: float, value: float = 0.0) -> np.ndarray:
        other = asked.copy()
        other[..., column] = by * other[..., column] + value
        return other

    valence = CURVES.index(Curve.VALENCE)
    made, other_mode = write(asked), write(changed(MODE_COLUMN, -1))
    low, high = write(changed(valence, 0, -0.8)), write(changed(valence, 0, 0.8))
    names = list(describe(real[0]))
    rows = [np.array([list(describe(p).values()) for p in some]) for some in (real, made)]
    pieces = [f"{plan.corpus}/{plan.name}" for plan, _, _ in windows]
    answer: dict[str, object] = {}
    for column, name in enumerate(names):
        means = [_mean(side[~np.isnan(side[:, column]), column]) for side in rows]
        answer[name] = [round(value, 3) for value in means]
    aucs = feature_aucs(*rows)
    answer["best single AUC"] = [names[int(aucs.argmax())], round(float(aucs.max()), 3)]
    answer["mean AUC"] = round(float(aucs.mean()), 3)
    answer["AUC together"] = round(together_auc(rows[0], rows[1], pieces, pieces)[0], 3)
    answer["distance of roots"] = round(histogram_distance(real, made), 3)
    answer["distance of moves"] = round(histogram_distance(real, made, moves=True), 3)
    ends = [i for i, (plan, _, _) in enumerate(windows) if i % (num // len(STYLES)) % 4 == 0]
    for side, some in (("real", real), ("made", made)):
        closed = np.array([ending(some[i]) for i in ends])
        answer[f"{side}: ends on the tonic, dominant before it"] = [
            round(float(value), 3) for value in closed.mean(0)
        ]
    answer["mode heard as asked: real, made, made in the other mode"] = [
        round(_mean([sounds_minor(p) == p.minor for p in some]), 3)
        for some in (real, made, other_mode)
    ]
    answer["minor chords at valence 0.1 and 0.9"] = [
        round(_mean([describe(p)["minor chords"] for p in some]), 3) for some in (low, high)
    ]
    return answer


def main(argv: Sequence[str] | None = None) -> None:
    """`python -m pixmus.studies.plan MEASURED.npz PLAN_DENOISER`: the table as JSON."""
    parser = argparse.ArgumentParser(prog="pixmus.studies.plan", description=main.__doc__)
    parser.add_argument("measured", type=Path, help="plans.npz of the training run")
    parser.add_argument("denoiser", type=Path)
    parser.add_argument(
        "--half", type=int, default=1, help="of the held-out pieces: 0 to choose settings on, 1"
    )
    parser.add_argument("--num", type=int, default=128, help="windows")
    parser.add_argument("--bars", type=int, default=32, help="of a window")
    parser.add_argument("--steps", type=int, default=48, help="inference steps")
    parser.add_argument("--guidance", type=float, default=1.0)
    arguments = parser.parse_args(argv)
    torch.set_num_threads(1)
    denoiser = PlanDenoiser.from_pretrained(arguments.denoiser).eval()
    held_out = [p for p in load_measured(arguments.measured) if p.split != "training"]
    plans = held_out[arguments.half :: 2]
    answer = measure(
        denoiser,
        plans,
        arguments.num,
        arguments.bars,
        num_inference_steps=arguments.steps,
        guidance_scale=arguments.guidance,
    )
    print(json.dumps(answer, indent=0))


if __name__ == "__main__":
    main()
