"""Training windows of plans, of those that corpus pieces turned out to have.

A window is a stretch of a piece, or its beginning and its end joined at phrase borders, which is
what a short cue is. Tokens are masked at random, whole groups of fields given or masked now and
then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pixmus.compose.planning import plan_conditions, without_wishes
from pixmus.curves import CURVES
from pixmus.ensembles import PARTS
from pixmus.score.chords import HALF_BAR_STEPS
from pixmus.score.curves import CurveTables, measure_bars
from pixmus.score.grid import BEATS_PER_BAR
from pixmus.score.plan import HALVES
from pixmus.score.plan_tokens import (
    CADENCE_COLUMN,
    CHORD_COLUMNS,
    DYNAMICS_COLUMN,
    NUM_FIELDS,
    PHRASE_COLUMNS,
    PLAYS_COLUMNS,
)
from pixmus.training.corpus import corpus_shares
from pixmus.training.encoded import hit_points_of
from pixmus.training.voice_corpus import VoicePiece

GROUPS: dict[str, list[int]] = {
    "chords": list(range(*CHORD_COLUMNS.indices(NUM_FIELDS))),
    "phrases": list(range(*PHRASE_COLUMNS.indices(NUM_FIELDS))),
    "cadences": [CADENCE_COLUMN],
    "dynamics": [DYNAMICS_COLUMN],
    "who plays": list(range(*PLAYS_COLUMNS.indices(NUM_FIELDS))),
}
WINDOW_BARS = {8: 0.2, 16: 0.3, 32: 0.3, 64: 0.2}  # and how often
HALF_BARS_A_BATCH = 1024
SPLICED = 0.3  # of windows, a beginning joined to an end
GIVEN, ALL_MASKED = 0.2, 0.2  # of groups of a window
WITHOUT_WISHES = 0.15
PLACE, LETTER, LIKENESS = PHRASE_COLUMNS.start + 1, PHRASE_COLUMNS.start, PHRASE_COLUMNS.stop - 1


@dataclass(frozen=True)
class MeasuredPlan:
    """A piece's plan as tokens, with what would have asked for it."""

    corpus: str
    name: str
    style: str
    split: str
    minor: bool
    tempo_bpm: float
    tokens: np.ndarray  # int8 (half bars, NUM_FIELDS)
    curves: np.ndarray  # float32 (bars, 4)
    hits: np.ndarray  # float32 (half bars,)

    @property
    def num_bars(self) -> int:
        return len(self.curves)

    @property
    def parts(self) -> list[str]:
        """The parts that play anywhere in it."""
        return [PARTS[i] for i in np.flatnonzero(self.tokens[:, PLAYS_COLUMNS].any(0))]


def measured_plan(measured: VoicePiece, tables: CurveTables) -> MeasuredPlan:
    """The plan of a piece, its curves and hit points."""
    piece = measured.piece
    statistics = measured.statistics.sum(1)
    starts = range(0, len(statistics), BEATS_PER_BAR)
    seconds = np.full(len(starts), BEATS_PER_BAR * 60 / piece.tempo_bpm)
    curves = tables.curves(measure_bars(statistics, starts, seconds), piece.has_velocity)
    hits = hit_points_of(measured.strengths).reshape(-1, HALF_BAR_STEPS).max(1)
    return MeasuredPlan(
        piece.corpus,
        piece.name,
        piece.style,
        piece.split,
        piece.minor,
        piece.tempo_bpm,
        measured.plan,
        np.stack([curves[name] for name in CURVES], 1).astype(np.float32),
        hits.astype(np.float32),
    )


def save_measured(plans: Sequence[MeasuredPlan], path: Path) -> None:
    """Write measured plans to one array file."""
    facts = ("corpus", "name", "style", "split", "minor", "tempo_bpm", "num_bars")
    arrays = {fact: np.array([getattr(plan, fact) for plan in plans]) for fact in facts}
    for name in ("tokens", "curves", "hits"):
        arrays[name] = np.concatenate([getattr(plan, name) for plan in plans])
    np.savez_compressed(path, allow_pickle=False, **arrays)


def load_measured(path: Path) -> list[MeasuredPlan]:
    """`save_measured` undone."""
    with np.load(path) as file:
        data = {name: file[name] for name in file.files}
    ends = np.cumsum(data["num_bars"])[:-1]
    arrays = [
        np.split(data["tokens"], HALVES * ends),
        np.split(data["curves"], ends),
        np.split(data["hits"], HALVES * ends),
    ]
    facts = [data[name] for name in ("corpus", "name", "style", "split", "minor", "tempo_bpm")]
    return [
        MeasuredPlan(str(c), str(n), str(s), str(split), bool(minor), float(tempo), *three)
        for c, n, s, split, minor, tempo, *three in zip(*facts, *arrays, strict=True)
    ]


# --------------------------------------------------------------------------------------- Windows


@dataclass
class PlanBatch:
    """Arrays of one training batch; `tokens` are clean."""

    tokens: Tensor  # int64 (windows, half bars, NUM_FIELDS)
    conditions: Tensor  # float32 (windows, half bars, NUM_PLAN_CONDITIONS)
    masked: Tensor  # bool, as `tokens`: what is not shown

    @property
    def num_beats(self) -> int:
        return self.tokens.shape[0] * self.tokens.shape[1] * (BEATS_PER_BAR // HALVES)


def named_anew(tokens: np.ndarray) -> np.ndarray:
    """Tokens of a window with letters in order of appearance, the first of each like nothing."""
    renamed = tokens.copy()
    letters, places = tokens[:, LETTER], tokens[:, PLACE]
    names: dict[int, int] = {}
    begins = np.flatnonzero((np.diff(places, prepend=99) < 0) | (np.diff(letters, prepend=-1) != 0))
    for first, end in zip(begins, [*begins[1:], len(tokens)], strict=True):
        letter = int(letters[first])
        if letter not in names:
            names[letter] = len(names)
            renamed[first:end, LIKENESS] = 0
        renamed[first:end, LETTER] = names[letter]
    return renamed


def window_of(plan: MeasuredPlan, first_bar: int, num_bars: int) -> tuple[np.ndarray, np.ndarray]:
    """Tokens and conditions of a stretch of a piece; it is told how much comes before and after."""
    bars = slice(first_bar, first_bar + num_bars)
    return _take(plan, np.arange(plan.num_bars)[bars], first_bar)


def _take(
    plan: MeasuredPlan, bars: np.ndarray, before: int, whole: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    halves = (HALVES * bars[:, None] + np.arange(HALVES)).ravel()
    conditions = plan_conditions(
        plan.curves[bars],
        plan.hits[halves],
        np.full(len(bars), plan.tempo_bpm),
        [0],
        minor=plan.minor,
        style=plan.style,
        parts=plan.parts,
        bars_before=0 if whole else before,
        bars_after=0 if whole else plan.num_bars - before - len(bars),
    )
    return named_anew(plan.tokens[halves]), conditions


def spliced(
    rng: np.random.Generator, plan: MeasuredPlan, num_bars: int
) -> tuple[np.ndarray, np.ndarray]:
    """A beginning of the piece and its end as one whole of `num_bars` bars, joined at a border.

    The join is where a phrase begins, where the end's bars allow it.
    """
    starts = np.flatnonzero(plan.tokens[::HALVES, PLACE] == 0)
    ending = [plan.num_bars - s for s in starts if 2 <= plan.num_bars - s <= num_bars - 2]
    last = int(rng.choice(ending)) if ending else num_bars // 2
    bars = np.concatenate(
        [np.arange(num_bars - last), np.arange(plan.num_bars - last, plan.num_bars)]
    )
    return _take(plan, bars, 0, whole=True)


class PlanSampler:
    """Draws batches of windows, the corpora by their shares."""

    def __init__(self, plans: Sequence[MeasuredPlan]) -> None:
        self.plans = [plan for plan in plans if plan.num_bars >= min(WINDOW_BARS)]
        shares = corpus_shares({plan.corpus for plan in self.plans})
        totals: dict[str, float] = {}
        for plan in self.plans:
            totals[plan.corpus] = totals.get(plan.corpus, 0.0) + plan.num_bars**0.5
        weights = [shares[p.corpus] * p.num_bars**0.5 / totals[p.corpus] for p in self.plans]
        self.weights = np.array(weights) / np.sum(weights)

    def batch(
        self,
        rng: np.random.Generator,
        num_bars: int = 0,
        size: int = 0,
        half_bars: int = HALF_BARS_A_BATCH,
    ) -> PlanBatch:
        """Windows of one length, drawn when 0, as many as fit `half_bars` when 0.

        No longer than the longest piece.
        """
        num_bars = num_bars or int(rng.choice(list(WINDOW_BARS), p=list(WINDOW_BARS.values())))
        num_bars = min(num_bars, max(plan.num_bars for plan in self.plans))
        size = size or max(2, half_bars // (HALVES * num_bars))
        tokens: list[np.ndarray] = []
        conditions: list[np.ndarray] = []
        while len(tokens) < size:
            plan = self.plans[int(rng.choice(len(self.plans), p=self.weights))]
            if plan.num_bars < num_bars:
                continue
            if plan.num_bars > num_bars and rng.random() < SPLICED:
                made = spliced(rng, plan, num_bars)
            else:
                latest = plan.num_bars - num_bars
                edge = rng.random()
                first = int(rng.integers(latest + 1))
                first = 0 if edge < 0.15 else latest if edge < 0.3 else first
                made = window_of(plan, first, num_bars)
            tokens.append(made[0])
            wished = made[1] + 0.05 * rng.normal(size=made[1].shape) * (made[1] != 0)
            if rng.random() < WITHOUT_WISHES:
                wished = without_wishes(wished)
            conditions.append(wished)
        return PlanBatch(
            torch.from_numpy(np.stack(tokens)).long(),
            torch.from_numpy(np.stack(conditions)).float(),
            torch.from_numpy(draw_masks(rng, size, HALVES * num_bars)),
        )


def draw_masks(rng: np.random.Generator, num_windows: int, num_half_bars: int) -> np.ndarray:
    """Which tokens are masked, bool (windows, half bars, NUM_FIELDS).

    Each by a share of its window's that is even in 0..1; then now and then a group of fields is
    given, or masked, throughout.
    """
    shape = (num_windows, num_half_bars, NUM_FIELDS)
    masked = rng.random(shape) < rng.random((num_windows, 1, 1))
    for fields in GROUPS.values():
        draw = rng.random(num_windows)
        group = masked[:, :, fields]
        group[draw < GIVEN] = False
        group[draw > 1 - ALL_MASKED] = True
        masked[:, :, fields] = group
    return masked
