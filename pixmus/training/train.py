"""Train the score denoiser: `pixmus train --corpus runs/corpus.npz --out runs/a --minutes 90`.

Plain loop: draw windows, add noise at a logit-normal level (Esser et al. 2024), predict the clean
cells, squared error on what is to be made. AdamW for small tensors, Muon (Jordan et al. 2024) for
the blocks' matrices. Weights are averaged (EMA). A CSV log and a resumable state go to `--out`.
"""

from __future__ import annotations

import argparse
import copy
import csv
import json
import math
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixmus.conditioning import NUM_CONDITIONS, OFF, THEME_BEATS, TO_MAKE, to_x0
from pixmus.cues import PARTS
from pixmus.denoiser import ScoreDenoiser
from pixmus.score import CELL_PARTS, IS_VELOCITY, PART_LAYOUTS, STEPS_PER_BEAT
from pixmus.training.corpus import load_pieces
from pixmus.training.windows import (
    BEATS_PER_BAR,
    Batch,
    EncodedPiece,
    WindowSampler,
    encode_piece,
    fit_tables,
)

CORPUS_WEIGHTS = {"pop909": 0.60, "lieder": 0.16, "quartets": 0.12, "freedoom": 0.12}
# Window lengths in bars and how often each is drawn.
WINDOW_BARS = ((8, 0.4), (12, 0.35), (16, 0.25))
TOKENS_PER_BATCH = 64 * 32
# Mean and width of the logit of sigma; a mean above 0 trains more at high noise, where a sparse
# piano-roll is decided.
SIGMA_LOGIT_MEAN, SIGMA_LOGIT_STD = 0.9, 1.2
VELOCITY_WEIGHT = 0.2
DRUM_WEIGHT = 3.0  # drums have a tenth of the cells of a pitched part

_CELL_PARTS = torch.from_numpy(CELL_PARTS)
_IS_VELOCITY = torch.from_numpy(IS_VELOCITY)
_CELL_WEIGHT = torch.ones(len(CELL_PARTS))
_CELL_WEIGHT[PARTS.index("drums") == _CELL_PARTS] = DRUM_WEIGHT


def denoising_loss(
    denoiser: ScoreDenoiser, batch: Batch, sigma: Tensor, noise: Tensor
) -> tuple[Tensor, Tensor]:
    """Log loss of roll cells and squared error of velocities: the whole, and per window.

    The log loss is least at the posterior mean, as the squared error of x0 is, but its gradient
    does not vanish for the few cells that sound. Counted where a part is to be made; velocity
    cells only where there is an onset, and not in corpora without velocities.
    """
    dtype = denoiser.dtype
    x0 = to_x0(batch.cells).to(dtype)
    states = batch.states.to(torch.int8)[..., _CELL_PARTS]  # (batch, tokens, cells)
    x0 = x0 * (states != OFF)
    to_make = states == TO_MAKE
    x = torch.where(to_make, torch.lerp(x0, noise.to(dtype), sigma[:, None, None].to(dtype)), x0)
    predicted = denoiser.predict_log_odds(
        x, sigma, batch.conditions.to(dtype), batch.states, batch.positions, batch.is_theme
    )
    struck = (batch.cells > 0) & batch.has_velocity[:, None, None]
    weight = torch.where(_IS_VELOCITY, VELOCITY_WEIGHT * struck, _CELL_WEIGHT) * to_make
    target = x0.float()
    log_loss = F.binary_cross_entropy_with_logits(predicted, (target + 1) / 2, reduction="none")
    error = torch.where(_IS_VELOCITY, (predicted - target).square(), log_loss) * weight
    # In thousandths: most roll cells are certain.
    per_window = 1000 * error.sum((1, 2)) / weight.sum((1, 2)).clamp(min=1)
    return 1000 * error.sum() / weight.sum().clamp(min=1), per_window


def cell_log_odds(pieces: Sequence[EncodedPiece]) -> Tensor:
    """How often each roll cell sounds in the data where its part plays, as log odds (cells,)."""
    sounding = sum(piece.cells.astype(bool).sum(0, dtype=np.float64) for piece in pieces)
    beats = np.zeros(len(PARTS))
    for piece in pieces:
        beats[list(piece.present)] += len(piece.cells)
    share = (sounding + 0.1) / (np.maximum(beats, 1)[CELL_PARTS] + 20)
    return torch.from_numpy(np.where(IS_VELOCITY, 0.0, np.log(share / (1 - share)))).float()


def draw_sigma(generator: torch.Generator, size: int) -> Tensor:
    """Stratified logit-normal noise levels (size,)."""
    uniform = (torch.arange(size) + torch.rand(size, generator=generator)) / size
    normal = math.sqrt(2) * torch.erfinv((2 * uniform - 1).clamp(-0.9999, 0.9999))
    order = torch.randperm(size, generator=generator)
    return torch.sigmoid(SIGMA_LOGIT_MEAN + SIGMA_LOGIT_STD * normal)[order]


def make_optimisers(
    denoiser: ScoreDenoiser, learning_rate: float, muon: bool
) -> list[torch.optim.Optimizer]:
    """Muon for the blocks' matrices when asked, AdamW for the rest."""
    matrices = [p for block in denoiser.blocks for p in block.parameters() if p.ndim == 2]
    matrices = [p for p in matrices if min(p.shape) > 8]
    if not muon:
        return [torch.optim.AdamW(denoiser.parameters(), learning_rate, betas=(0.9, 0.98))]
    taken = {id(p) for p in matrices}
    others = [p for p in denoiser.parameters() if id(p) not in taken]
    return [
        torch.optim.AdamW(others, learning_rate, betas=(0.9, 0.98), weight_decay=0.01),
        torch.optim.Muon(
            matrices, lr=learning_rate * 2, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"
        ),
    ]


def train(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(arguments.threads)
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    pieces = [p for p in load_pieces(Path(arguments.corpus)) if p.split != "test"]
    encoded = [encode_piece(piece) for piece in pieces]
    training = [e for e in encoded if e.piece.split == "training"]
    held_out = [e for e in encoded if e.piece.split == "validation"]
    tables = fit_tables([e for e in training if e.piece.corpus != "groove"])
    (out / "curve_tables.json").write_text(tables.to_json())
    sampler = WindowSampler(training, tables, CORPUS_WEIGHTS)
    validation_sampler = WindowSampler(held_out, tables, CORPUS_WEIGHTS)
    fixed = np.random.default_rng(0)
    validation = [
        (
            validation_sampler.batch(fixed, 32, 8, theme=index % 2 == 1),
            torch.Generator().manual_seed(index),
        )
        for index in range(4)
    ]

    torch.manual_seed(arguments.seed)
    denoiser = ScoreDenoiser(
        roll_cells=tuple(layout.num_roll_cells for layout in PART_LAYOUTS.values()),
        velocity_cells=STEPS_PER_BEAT,
        num_conditions=NUM_CONDITIONS,
        width=arguments.width,
        num_layers=arguments.layers,
    )
    denoiser.set_log_odds(cell_log_odds(training))
    if arguments.init:
        denoiser = ScoreDenoiser.from_pretrained(arguments.init, subfolder="denoiser").float()
    average = {name: value.clone() for name, value in denoiser.state_dict().items()}
    # The network runs in bfloat16 (five times as fast where the processor has AMX); the weights
    # that learn stay float32.
    runner = nn.Module.to(copy.deepcopy(denoiser), torch.bfloat16)
    optimisers = make_optimisers(denoiser, arguments.learning_rate, arguments.muon)
    # Read before a state is loaded: its rates are those that the last run had fallen to.
    base_rates = [optimiser.param_groups[0]["lr"] for optimiser in optimisers]
    state_file = out / "state.pt"
    iteration, spent, cpu_spent = 0, 0.0, 0.0
    if state_file.exists():
        state = torch.load(state_file, weights_only=True)
        denoiser.load_state_dict(state["weights"])
        average = state["average"]
        for optimiser, saved in zip(optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        iteration, spent = state["iteration"], state["spent"]
        cpu_spent = state["cpu_spent"]
    _copy_weights(denoiser, runner)
    rng = np.random.default_rng(arguments.seed + iteration)
    generator = torch.Generator().manual_seed(arguments.seed + iteration)
    bars = [b for b, _ in WINDOW_BARS]
    odds = [share for _, share in WINDOW_BARS]

    begun, cpu_begun = time.time() - spent, time.process_time() - cpu_spent
    last_report = last_save = time.time()
    losses: list[float] = []
    windows = 0.0

    def save() -> None:
        state = {
            "config": dict(denoiser.config),
            "weights": denoiser.state_dict(),
            "average": average,
            "optimisers": [optimiser.state_dict() for optimiser in optimisers],
            "iteration": iteration,
            "spent": time.time() - begun,
            "cpu_spent": time.process_time() - cpu_begun,
        }
        temporary = state_file.with_suffix(".tmp")
        torch.save(state, temporary)
        temporary.replace(state_file)

    with open(out / "log.csv", "a", newline="") as file:
        log = csv.writer(file)
        while True:
            progress = (time.time() - begun) / (60 * arguments.minutes)
            if progress >= 1 or iteration == arguments.iterations:
                break
            warmth = min(1.0, (iteration + 1) / arguments.warmup)
            decay = min(1.0, (1 - progress) / arguments.decay)
            for optimiser, rate in zip(optimisers, base_rates, strict=True):
                for group in optimiser.param_groups:
                    group["lr"] = rate * warmth * max(decay, 0.01)
            num_bars = int(rng.choice(bars, p=odds))
            theme = bool(rng.random() < 0.4)
            tokens = num_bars * BEATS_PER_BAR + (THEME_BEATS if theme else 0)
            size = max(4, TOKENS_PER_BATCH // tokens)
            batch = sampler.batch(rng, size, num_bars, theme)
            noise = torch.randn(batch.cells.shape, generator=generator)
            loss, _ = denoising_loss(runner, batch, draw_sigma(generator, size), noise)
            loss.backward()
            for parameter, run in zip(denoiser.parameters(), runner.parameters(), strict=True):
                parameter.grad = None if run.grad is None else run.grad.float()
                run.grad = None
            torch.nn.utils.clip_grad_norm_(denoiser.parameters(), 1.0)
            for optimiser in optimisers:
                optimiser.step()
                optimiser.zero_grad(set_to_none=True)
            _copy_weights(denoiser, runner)
            iteration += 1
            windows += size * num_bars / 8
            losses.append(float(loss.detach()))
            keep = min(arguments.ema, (1 + iteration) / (10 + iteration))
            with torch.no_grad():
                for name, value in denoiser.state_dict().items():
                    average[name].lerp_(value, 1 - keep)

            if time.time() - last_report > arguments.report:
                row = [
                    iteration,
                    round(time.time() - begun),
                    round(time.process_time() - cpu_begun),
                    round(windows / (time.time() - last_report), 1),
                    round(float(np.mean(losses)), 5),
                    *(round(v, 5) for v in validate(runner, average, validation)),
                ]
                log.writerow(row)
                file.flush()
                print(*row, flush=True)
                losses, windows, last_report = [], 0, time.time()
            if time.time() - last_save > 300:
                save()
                last_save = time.time()
    save()
    (out / "training.json").write_text(
        json.dumps(
            {
                "iterations": iteration,
                "corpus_weights": CORPUS_WEIGHTS,
                "wall_minutes": round((time.time() - begun) / 60, 1),
                "cpu_minutes": round((time.process_time() - cpu_begun) / 60, 1),
                "arguments": vars(arguments),
            },
            indent=2,
        )
    )


@torch.no_grad()
def _copy_weights(source: ScoreDenoiser, target: ScoreDenoiser) -> None:
    for value, copied in zip(source.parameters(), target.parameters(), strict=True):
        copied.copy_(value)


@torch.no_grad()
def validate(denoiser: ScoreDenoiser, average: dict[str, Tensor], batches: list) -> list[float]:
    """Validation loss of the averaged weights at noise levels below 0.5, 0.5-0.8 and above."""
    kept = {name: value.clone() for name, value in denoiser.state_dict().items()}
    denoiser.load_state_dict(average)
    sums, counts = np.zeros(3), np.zeros(3)
    for batch, generator in batches:
        generator = torch.Generator().manual_seed(generator.initial_seed())
        sigma = torch.linspace(0.1, 0.98, len(batch.cells))
        noise = torch.randn(batch.cells.shape, generator=generator)
        _, per_window = denoising_loss(denoiser, batch, sigma, noise)
        for value, level in zip(per_window.tolist(), sigma.tolist(), strict=True):
            band = 0 if level < 0.5 else 1 if level < 0.8 else 2
            sums[band] += value
            counts[band] += 1
    denoiser.load_state_dict(kept)
    return [float(v) for v in sums / counts]


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", required=True, help="compact corpus file")
    parser.add_argument("--out", required=True, help="folder for log, state and tables")
    parser.add_argument("--minutes", type=float, default=90.0)
    parser.add_argument("--iterations", type=int, help="stop after so many, however fast")
    parser.add_argument("--warmup", type=int, default=100, help="iterations with a rising rate")
    parser.add_argument("--init", help="model folder whose denoiser is the start")
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--muon", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--decay", type=float, default=0.4, help="last share with falling rate")
    parser.add_argument("--ema", type=float, default=0.998)
    parser.add_argument("--report", type=float, default=120.0, help="seconds between log lines")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    train(parser.parse_args(argv))


if __name__ == "__main__":
    main()
