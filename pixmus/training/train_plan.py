"""Training of the network that writes plans, on the plans that corpus pieces turned out to have.

A window is a stretch of a piece, or its beginning and its end joined at phrase borders, which is
what a short cue is. Tokens are masked at random, whole groups of fields given or masked now and
then, and the loss is the log loss of the masked ones.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pixmus.compose.planning import NUM_PLAN_CONDITIONS, plan_conditions, without_wishes
from pixmus.curves import CURVES
from pixmus.ensembles import PARTS
from pixmus.errors import PixMusError
from pixmus.model.plan_network import PlanDenoiser
from pixmus.score.chords import HALF_BAR_STEPS
from pixmus.score.curves import CurveTables, beat_statistics, measure_bars
from pixmus.score.grid import BEATS_PER_BAR
from pixmus.score.plan import HALVES
from pixmus.score.plan_tokens import (
    CADENCE_COLUMN,
    CHORD_COLUMNS,
    DYNAMICS_COLUMN,
    FIELD_SIZES,
    MASKS,
    NUM_FIELDS,
    PHRASE_COLUMNS,
    PLAYS_COLUMNS,
    encode_plan,
)
from pixmus.training.batches import draw_batches, to_device
from pixmus.training.corpus import Piece, corpus_shares, load_pieces
from pixmus.training.encoded import encode_piece, hit_points_of
from pixmus.training.plans import plan_of
from pixmus.training.train import find_device

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
REPORT_S = 20  # between two reports, at least
UNCOUNTED = -100  # in place of a token that is not asked for
AVERAGED_OVER = 500  # iterations, of the weights that are kept
PLACE, LETTER, LIKENESS = PHRASE_COLUMNS.start + 1, PHRASE_COLUMNS.start, PHRASE_COLUMNS.stop - 1


CPU = torch.device("cpu")


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


def measure_plan(piece: Piece, tables: CurveTables) -> MeasuredPlan:
    """The plan of a piece, its curves and hit points."""
    encoded = encode_piece(piece)
    statistics = beat_statistics(encoded.cells).sum(1)
    starts = range(0, len(statistics), BEATS_PER_BAR)
    seconds = np.full(len(starts), BEATS_PER_BAR * 60 / piece.tempo_bpm)
    curves = tables.curves(measure_bars(statistics, starts, seconds), piece.has_velocity)
    hits = hit_points_of(encoded.strengths).reshape(-1, HALF_BAR_STEPS).max(1)
    return MeasuredPlan(
        piece.corpus,
        piece.name,
        piece.style,
        piece.split,
        piece.minor,
        piece.tempo_bpm,
        encode_plan(plan_of(piece)).astype(np.int8),
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
    """`tokens` int64 (batch, half bars, NUM_FIELDS); conditions float32 (batch, half bars, ...)."""

    tokens: Tensor
    conditions: Tensor


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
        size = size or half_bars // (HALVES * num_bars)
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


def plan_losses(
    denoiser: PlanDenoiser, batch: PlanBatch, masked: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    """Mean log loss of masked tokens in nats, and of every group its sum and how many tokens (2,).

    Tokens that are unknown in the piece itself (dynamics without velocities) do not count.
    """
    masks = torch.as_tensor(MASKS, device=masked.device)
    logits = denoiser(torch.where(masked, masks, batch.tokens), batch.conditions)
    counted = masked & (batch.tokens < masks)
    wanted = torch.where(counted, batch.tokens, UNCOUNTED)
    total, groups = torch.zeros((), device=masked.device), {}
    for name, fields in GROUPS.items():
        losses = [
            F.cross_entropy(
                logits[f].flatten(0, 1),
                wanted[..., f].flatten(),
                ignore_index=UNCOUNTED,
                reduction="sum",
            )
            for f in fields
        ]
        group = torch.stack(losses).sum()
        total = total + group
        groups[name] = torch.stack([group.detach(), counted[..., fields].sum()])
    return total / counted.sum().clamp(min=1), groups


def held_out_loss(denoiser: PlanDenoiser, plans: Sequence[MeasuredPlan]) -> dict[str, float]:
    """Log loss in nats a masked token, of all and of every group, on fixed windows and masks."""
    rng = np.random.default_rng(0)
    sampler = PlanSampler(plans)
    sums: dict[str, np.ndarray] = {}
    device = next(denoiser.parameters()).device
    denoiser.eval()
    with torch.no_grad():
        for num_bars in 3 * (8, 16, 32, 32, 64, 64):
            batch = sampler.batch(rng, num_bars)
            masked = torch.from_numpy(draw_masks(rng, *batch.tokens.shape[:2])).to(device)
            found = plan_losses(denoiser, to_device(batch, device), masked)[1]
            for name, sum_and_count in found.items():
                for key in (name, "all"):
                    sums[key] = sums.get(key, np.zeros(2)) + sum_and_count.cpu().numpy()
    return {name: round(float(loss / count), 4) for name, (loss, count) in sums.items() if count}


def make_optimiser(denoiser: PlanDenoiser, learning_rate: float) -> torch.optim.Optimizer:
    """AdamW, matrices with weight decay."""
    matrices = [p for p in denoiser.parameters() if p.ndim > 1]
    others = [p for p in denoiser.parameters() if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.98))


def train(
    plans: Sequence[MeasuredPlan],
    out: Path,
    minutes: float,
    clock_minutes: float = float("inf"),
    init: Path | None = None,
    seed: int = 0,
    learning_rate: float = 1.5e-3,
    width: int = 128,
    num_layers: int = 6,
    half_bars: int = HALF_BARS_A_BATCH,
    device: torch.device = CPU,
    workers: int = 0,
) -> PlanDenoiser:
    """Train for so many minutes of processor time, or of the clock where those are over first.

    Averaged weights and a log go to `out`. `init` is a folder of weights to begin with.
    """
    training = [plan for plan in plans if plan.split == "training"]
    held_out = [plan for plan in plans if plan.split == "validation"] or training
    if not training:
        raise PixMusError("No piece of the corpus fell to training; give a larger corpus.")
    rng = np.random.default_rng(seed)
    denoiser = (
        PlanDenoiser.from_pretrained(init)
        if init
        else PlanDenoiser(FIELD_SIZES, NUM_PLAN_CONDITIONS, width, num_layers)
    ).to(device)
    average = copy.deepcopy(denoiser)
    optimiser = make_optimiser(denoiser, learning_rate)
    sampler = PlanSampler(training)
    out.mkdir(parents=True, exist_ok=True)
    print(f"{sum(p.numel() for p in denoiser.parameters())} parameters", flush=True)
    begun, clock = time.process_time(), time.monotonic()
    iteration, heard, told, done, best = 0, [], clock, 0.0, float("inf")
    draw = partial(sampler.batch, half_bars=half_bars)
    batches = draw_batches(PlanBatch, draw, rng, device, workers)
    with open(out / "log.jsonl", "a") as log:
        while done < 1:
            denoiser.train()
            rate = learning_rate * min(1, (iteration + 1) / 100) * (1 - done**2) + 1e-6
            for group in optimiser.param_groups:
                group["lr"] = rate
            batch = next(batches)
            masked = torch.from_numpy(draw_masks(rng, *batch.tokens.shape[:2])).to(device)
            loss, _ = plan_losses(denoiser, batch, masked)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(denoiser.parameters(), 1.0)
            optimiser.step()
            # Faster at first, so that the first weights are soon forgotten.
            share = max(1 / AVERAGED_OVER, 9 / (10 + iteration))
            with torch.no_grad():
                for mean, value in zip(average.parameters(), denoiser.parameters(), strict=True):
                    mean.lerp_(value, share)
            heard.append(loss.detach())
            iteration += 1
            spent = (time.process_time() - begun) / 60
            done = max(spent / minutes, (time.monotonic() - clock) / 60 / clock_minutes)
            now = time.monotonic()
            if now - told >= max(REPORT_S, (now - clock) / 20) or done >= 1:
                told = now
                found = held_out_loss(average, held_out)
                row = {
                    "iteration": iteration,
                    "minutes": round(spent, 2),
                    "loss": round(float(torch.stack(heard).mean()), 4),
                    "held_out": found,
                }
                heard.clear()
                print(json.dumps(row), file=log, flush=True)
                print(json.dumps(row), flush=True)
                if found["all"] < best:  # what is kept did not learn by heart
                    best = found["all"]
                    average.save_pretrained(out / "plan_denoiser")
    return cast(PlanDenoiser, PlanDenoiser.from_pretrained(out / "plan_denoiser").eval())


def main(argv: Sequence[str] | None = None) -> None:
    """`python -m pixmus.training.train_plan CORPUS.npz --out FOLDER`."""
    parser = argparse.ArgumentParser(prog="pixmus.training.train_plan", description=main.__doc__)
    parser.add_argument("corpus", type=Path, help="corpus file, .npz")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tables", type=Path, required=True, help="curve_tables.json")
    parser.add_argument("--minutes", type=float, default=40.0, help="of processor time")
    parser.add_argument(
        "--clock-minutes", type=float, default=float("inf"), help="at most, on the clock"
    )
    parser.add_argument("--init", type=Path, help="folder of weights to begin with")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--learning-rate", type=float, default=1.5e-3)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--half-bars", type=int, default=HALF_BARS_A_BATCH, help="of a batch")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--workers", type=int, default=0, help="processes that draw windows")
    arguments = parser.parse_args(argv)
    arguments.out.mkdir(parents=True, exist_ok=True)
    measured = arguments.out / "measured.npz"
    if not measured.exists():
        tables = CurveTables.load(arguments.tables)
        pieces = [piece for piece in load_pieces(arguments.corpus) if piece.corpus != "groove"]
        save_measured([measure_plan(piece, tables) for piece in pieces], measured)
    torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)
    train(
        load_measured(measured),
        arguments.out,
        arguments.minutes,
        arguments.clock_minutes,
        arguments.init,
        arguments.seed,
        arguments.learning_rate,
        arguments.width,
        arguments.layers,
        arguments.half_bars,
        find_device(arguments.device),
        arguments.workers,
    )


if __name__ == "__main__":
    main()
