"""Train the voices: `python -m pixmus.training.train_voices --corpus C.npz --out runs/a`.

Windows are drawn, units masked, the log loss of their tokens is stepped down by AdamW, and the
weights averaged. The same command goes on with a run that was stopped.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixmus.compose.voice_conditions import NUM_VOICE_CONDITIONS
from pixmus.ensembles import PARTS
from pixmus.model.voice_network import VoiceNetwork
from pixmus.score.curves import CurveTables
from pixmus.score.grid import STEPS_PER_BEAT
from pixmus.score.voices import UNIT_LAYOUTS
from pixmus.training.batches import draw_batches, to_device
from pixmus.training.corpus import corpus_shares
from pixmus.training.encoded import fit_tables
from pixmus.training.run import copy_weights
from pixmus.training.train import find_device, stop_asked
from pixmus.training.voice_corpus import load_voice_pieces
from pixmus.training.voice_windows import BEATS_PER_BATCH, VoiceBatch, VoiceSampler

SECONDS_BETWEEN_SAVES = 180
WEIGHT_DECAY = 0.05
CPU = torch.device("cpu")
DROPPED_OUT = ("attention_out", "mlp_out", "inside_out")  # layers whose answers may be dropped
LEVEL_WEIGHT, ACCENT_WEIGHT = 0.25, 0.5  # of dynamics against notes; a level stands in every beat
VALIDATION_BATCHES, VALIDATION_BEATS = 6, 1024


def token_weights(part: str) -> Tensor:
    """How much each token of a unit counts, (n,)."""
    weights = torch.ones(UNIT_LAYOUTS[part].num_tokens)
    weights[0] = LEVEL_WEIGHT
    weights[-STEPS_PER_BEAT:] = ACCENT_WEIGHT
    return weights


def voice_loss(network: VoiceNetwork, batch: VoiceBatch) -> tuple[Tensor, Tensor]:
    """Nats a masked unit, and the sums by part: (parts, 2), nats of notes alone and units."""
    found = network(
        batch.tokens,
        batch.states,
        batch.conditions.to(network.dtype),
        batch.positions,
        batch.has_velocity,
        batch.targets,
        batch.echo,
        batch.echoed,
    )
    device = batch.tokens.device
    total, units = torch.zeros((), device=device), 0
    sums = torch.zeros(len(PARTS), 2, device=device)
    for index, ((at, losses), part) in enumerate(zip(found, PARTS, strict=True)):
        if len(at):
            total = total + (losses.float() * token_weights(part).to(device)).sum()
            units += len(at)
            sums[index, 0] = losses.detach()[:, 1:-STEPS_PER_BEAT].sum()
            sums[index, 1] = len(at)
    return total / max(units, 1), sums


def faster_type() -> torch.dtype:
    """bfloat16 where a product of the training's size is faster in it than in float32."""
    seconds = {}
    for dtype in (torch.float32, torch.bfloat16):
        a, b = torch.randn(1024, 320).to(dtype), torch.randn(320, 1280).to(dtype)
        a @ b
        begun, times = time.perf_counter(), 0
        while time.perf_counter() - begun < 0.5:
            a @ b
            times += 1
        seconds[dtype] = (time.perf_counter() - begun) / times
    return min(seconds, key=lambda dtype: seconds[dtype])


def add_dropout(network: VoiceNetwork, share: float) -> None:
    """Drop a share of what the layers `DROPPED_OUT` answer while the network is in training."""

    def drop(layer: nn.Module, _: Any, answer: Tensor) -> Tensor:
        return F.dropout(answer, share, layer.training)

    for name, layer in network.named_modules():
        if name.rpartition(".")[2] in DROPPED_OUT:
            layer.register_forward_hook(drop)


def make_optimiser(network: VoiceNetwork, rate: float) -> torch.optim.Optimizer:
    """AdamW for all. (Muon's square roots are taken in bfloat16: a second a matrix without AMX.)"""
    matrices = [p for p in network.parameters() if p.ndim == 2]
    others = [p for p in network.parameters() if p.ndim != 2]
    groups = [
        {"params": matrices, "weight_decay": WEIGHT_DECAY},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, rate, betas=(0.9, 0.98), fused=True)


def lower_precision(device: torch.device) -> AbstractContextManager[Any]:
    """On a GPU products are made in bfloat16, sums and weights stay in float32."""
    return torch.autocast("cuda", torch.bfloat16, enabled=device.type == "cuda")


class VoiceRun:
    """A run: the weights that learn, their average, optimisers, where it stands."""

    def __init__(
        self,
        config: dict[str, Any],
        rate: float,
        dtype: torch.dtype,
        seed: int,
        device: torch.device = CPU,
        dropout: float = 0.0,
    ) -> None:
        torch.manual_seed(seed)
        self.config, self.seed, self.device = config, seed, device
        self.network = VoiceNetwork(**config).to(device)
        self.runner = self.network
        if dropout:
            add_dropout(self.network, dropout)
        if dtype != torch.float32 and device == CPU:
            self.runner = VoiceNetwork(**config).to(dtype)
            copy_weights(self.network, self.runner)
        self.optimiser = make_optimiser(self.network, rate)
        self.base_rate = rate
        self.average = {name: value.clone() for name, value in self.network.state_dict().items()}
        self.iteration, self.cpu_spent = 0, 0.0
        self.rng = np.random.default_rng(seed)

    def step(self, batch: VoiceBatch, rate: float, ema: float) -> Tensor:
        """One iteration; returns the loss."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.base_rate * rate
        self.runner.train()
        with lower_precision(self.device):
            loss, _ = voice_loss(self.runner, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        if self.runner is not self.network:
            pairs = zip(self.network.parameters(), self.runner.parameters(), strict=True)
            for own, run in pairs:
                own.grad = None if run.grad is None else run.grad.float()
                run.grad = None
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        if self.runner is not self.network:
            copy_weights(self.network, self.runner)
        self.iteration += 1
        keep = min(ema, (1 + self.iteration) / (10 + self.iteration))
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                if value.is_floating_point():
                    self.average[name].lerp_(value, 1 - keep)
        return loss.detach()

    def save(self, path: Path) -> None:
        """Write the state, whole or not at all."""
        state = {
            "config": self.config,
            "weights": self.network.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
            "iteration": self.iteration,
            "cpu_spent": self.cpu_spent,
            "rng": json.dumps(self.rng.bit_generator.state),
        }
        temporary = path.with_suffix(".tmp")
        torch.save(state, temporary)
        temporary.replace(path)

    def load(self, path: Path) -> None:
        """Go on from a state."""
        state = torch.load(path, weights_only=True, map_location=self.device)
        self.network.load_state_dict(state["weights"])
        self.average = state["average"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.iteration, self.cpu_spent = state["iteration"], state["cpu_spent"]
        self.rng.bit_generator.state = json.loads(state["rng"])
        if self.runner is not self.network:
            copy_weights(self.network, self.runner)


def load_average(path: Path) -> VoiceNetwork:
    """The averaged weights of a run's state, ready to write."""
    state = torch.load(path, weights_only=True, map_location=CPU)
    network = VoiceNetwork(**state["config"])
    network.load_state_dict(state["average"])
    return cast(VoiceNetwork, network.eval())


@torch.no_grad()
def validate(run: VoiceRun, batches: Sequence[VoiceBatch]) -> tuple[float, np.ndarray]:
    """Loss of the averaged weights, and nats of notes a unit by part."""
    network = VoiceNetwork(**run.config).to(run.device)
    network.load_state_dict(run.average)
    network.eval()
    losses, sums = [], np.zeros((len(PARTS), 2))
    for batch in batches:
        with lower_precision(run.device):
            loss, own = voice_loss(network, batch)
        losses.append(float(loss))
        sums += own.cpu().numpy()
    return float(np.mean(losses)), sums[:, 0] / np.maximum(sums[:, 1], 1)


def train(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(arguments.threads)
    device = find_device(arguments.device)
    torch.set_float32_matmul_precision("high")
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    corpus = Path(arguments.corpus)
    pieces = load_voice_pieces(corpus, corpus.with_name("voices.npz"))
    training = [p for p in pieces if p.piece.split == "training"]
    held_out = [p for p in pieces if p.piece.split == "validation"]
    table_file = out / "curve_tables.json"
    if not table_file.exists():
        fitted = fit_tables([p for p in training if p.piece.corpus != "groove"])  # type: ignore[misc]
        table_file.write_text(fitted.to_json())
    tables = CurveTables.load(table_file)
    sampler = VoiceSampler(training, tables, corpus_shares(p.piece.corpus for p in training))
    validation_sampler = VoiceSampler(
        held_out, tables, corpus_shares(p.piece.corpus for p in held_out)
    )
    fixed = np.random.default_rng(0)
    validation = [
        to_device(validation_sampler.batch(fixed, VALIDATION_BEATS, 16), device)
        for _ in range(VALIDATION_BATCHES)
    ]
    dtype = faster_type() if device == CPU else torch.bfloat16
    config = {
        "num_conditions": NUM_VOICE_CONDITIONS,
        "width": arguments.width,
        "num_layers": arguments.layers,
        "num_heads": arguments.width // 64,
        "unit_width": arguments.unit_width,
    }
    run = VoiceRun(
        config,
        arguments.learning_rate,
        dtype,
        arguments.seed,
        device,
        arguments.dropout,
    )
    if arguments.init:
        run.network.load_state_dict(
            torch.load(arguments.init, weights_only=True, map_location=device)["average"],
            strict=False,
        )
        run.average = {name: value.clone() for name, value in run.network.state_dict().items()}
    count = sum(p.numel() for p in run.network.parameters())
    print(f"{count / 1e6:.2f} M parameters, {dtype}, {len(training)} pieces", flush=True)
    state = out / "state.pt"
    if state.exists():
        run.load(state)
        print(f"going on after {run.iteration} iterations", flush=True)
    draw = partial(sampler.batch, beats=arguments.beats_per_batch)
    batches = draw_batches(VoiceBatch, draw, run.rng, device, arguments.workers)
    learn(run, batches, validation, arguments)
    run.save(state)


def learn(
    run: VoiceRun,
    batches: Iterator[VoiceBatch],
    validation: Sequence[VoiceBatch],
    arguments: argparse.Namespace,
) -> None:
    """Iterate until the time is over or a stop is asked; tell and keep how it goes."""
    out = Path(arguments.out)
    begun, clock = time.process_time() - run.cpu_spent, time.monotonic()
    losses: list[Tensor] = []
    beats = 0
    last_report = last_save = time.monotonic()

    def report() -> None:
        loss, by_part = validate(run, validation)
        seconds = time.monotonic() - last_report
        row: list[float] = [run.iteration, round(run.cpu_spent), round(beats / seconds)]
        row += [round(float(torch.stack(losses).mean()), 4), round(loss, 4)]
        row += [round(float(value), 3) for value in by_part]
        with open(out / "log.csv", "a") as file:
            file.write(",".join(str(value) for value in row) + "\n")
        print(*row, flush=True)

    with stop_asked() as stopped:
        while not stopped():
            run.cpu_spent = time.process_time() - begun
            progress = run.cpu_spent / (60 * arguments.cpu_minutes)
            if arguments.clock_minutes:
                progress = (time.monotonic() - clock) / (60 * arguments.clock_minutes)
            if progress >= 1:
                break
            warmth = min(1.0, (run.iteration + 1) / arguments.warmup)
            decay = min(1.0, (1 - progress) / arguments.decay)
            batch = next(batches)
            losses.append(run.step(batch, warmth * max(decay, 0.01), arguments.ema))
            beats += batch.tokens.shape[0] * batch.tokens.shape[1]
            if time.monotonic() - last_report > arguments.report:
                report()
                losses, beats, last_report = [], 0, time.monotonic()
            if time.monotonic() - last_save > SECONDS_BETWEEN_SAVES:
                run.save(out / "state.pt")
                last_save = time.monotonic()
        if losses:
            report()


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--cpu-minutes", type=float, default=60.0, help="of processor time")
    parser.add_argument("--clock-minutes", type=float, help="in place of them, on the clock")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--workers", type=int, default=0, help="processes that draw windows")
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--width", type=int, default=320)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--unit-width", type=int, default=128)
    parser.add_argument("--beats-per-batch", type=int, default=BEATS_PER_BATCH)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--warmup", type=int, default=100)
    parser.add_argument("--decay", type=float, default=0.4)
    parser.add_argument("--ema", type=float, default=0.998)
    parser.add_argument("--report", type=float, default=120.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--init", help="state.pt of a run to begin with")
    train(parser.parse_args(argv))


if __name__ == "__main__":
    main()
