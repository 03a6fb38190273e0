"""Train the score denoiser: `pixmus train --corpus runs/corpus.npz --out runs/a --minutes 90`.

Plain loop: draw windows, add noise, predict the clean cells, step. AdamW for small tensors, Muon
(Jordan et al. 2024) for the matrices of blocks and lanes. Weights are averaged (EMA). A CSV log,
its picture and a resumable state go to `--out`; the same command goes on with a run that was
stopped.

Torch, numpy and scipy are all it takes to train on a corpus file, on the processor or one GPU.
"""

from __future__ import annotations

import argparse
import copy
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor, nn

from pixmus.compose.conditions import NUM_CONDITIONS, CurveTables
from pixmus.ensembles import ONE_VOICE_PARTS, PARTS, STYLES, Style
from pixmus.errors import PixMusError
from pixmus.model.network import ScoreNetwork
from pixmus.score.notes import PART_LAYOUTS, STEPS_PER_BEAT
from pixmus.training.batches import TOKENS_PER_BATCH, draw_batches, to_device
from pixmus.training.chain_tables import fill_chain_tables
from pixmus.training.corpus import Piece, corpus_shares, load_pieces, save_pieces, split_pieces
from pixmus.training.loss import cell_log_odds, denoising_loss, draw_sigma
from pixmus.training.progress import COLUMNS, append_row, draw_log
from pixmus.training.windows import Batch, EncodedPiece, WindowSampler, encode_piece, fit_tables

SECONDS_BETWEEN_SAVES = 300
NUM_VALIDATION_BATCHES, VALIDATION_WINDOWS = 4, 32
DEFAULT_MINUTES = 90.0
RECALL_SHARE = 0.5  # of iterations that hear a first prediction, as all but one step of sampling do

# Sizes of the network, unless asked for otherwise or begun with weights of another size.
DEFAULT_SIZES = {"width": 256, "num_layers": 8, "lane_width": 160}


def make_optimisers(
    network: ScoreNetwork, learning_rate: float, muon: bool
) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of blocks and lanes when asked, AdamW for the rest."""
    layers = [*network.blocks, *network.lanes]
    matrices = [p for layer in layers for p in layer.parameters() if p.ndim == 2]
    matrices = [p for p in matrices if min(p.shape) > 8]
    if not muon:
        return [torch.optim.AdamW(network.parameters(), learning_rate, betas=(0.9, 0.98))]
    taken = {id(p) for p in matrices}
    others = [p for p in network.parameters() if id(p) not in taken]
    return [
        torch.optim.AdamW(others, learning_rate, betas=(0.9, 0.98), weight_decay=0.01),
        torch.optim.Muon(
            matrices, lr=learning_rate * 2, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"
        ),
    ]


def find_device(name: str) -> torch.device:
    """The device of "auto", "cpu" or "cuda"; PixMusError when it is not there."""
    if name == "cuda" and not torch.cuda.is_available():
        raise PixMusError("there is no GPU that torch can use; train with --device cpu.")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def read_corpus(path: Path, style: str) -> list[Piece]:
    """The pieces of a corpus file, or of a folder of MIDI files, which are said to have `style`."""
    if style not in STYLES:
        raise PixMusError(f"--style {style!r} is none; choose from {', '.join(STYLES)}.")
    if not path.exists():
        raise PixMusError(f"{path} does not exist; name a corpus file or a folder of MIDI files.")
    if not path.is_dir():
        return load_pieces(path)
    try:
        from pixmus.training.readers import read_own_music
    except ModuleNotFoundError as error:
        raise PixMusError(
            f"reading MIDI files needs the package {error.name}; install it, or make a corpus file "
            "where it is installed."
        ) from error
    pieces, summary = read_own_music(path, style)
    print(summary, flush=True)
    return pieces


@dataclass(frozen=True)
class Start:
    """Averaged weights to begin with, the sizes that they have, and their curve tables."""

    path: Path
    weights: dict[str, Tensor]
    config: dict[str, Any]
    curve_tables: Path

    @classmethod
    def load(cls, path: Path) -> Start:
        """Of a model folder or a training run; PixMusError when the path is neither."""
        folder = path / "denoiser"
        if (folder / "config.json").exists():
            from safetensors.torch import load_file

            weights: dict[str, Tensor] = {}
            for file in sorted(folder.glob("*.safetensors")):  # one, or several shards
                weights |= load_file(file)
            config = json.loads((folder / "config.json").read_text())
            return cls(path, weights, config, path / "curve_tables.json")
        file = path / "state.pt" if path.is_dir() else path
        if file.suffix != ".pt" or not file.exists():
            raise PixMusError(f"{path} is neither a model folder nor a training run.")
        state = torch.load(file, weights_only=True, map_location="cpu")
        return cls(path, state["average"], state["config"], file.parent / "curve_tables.json")

    def copy_to(self, network: ScoreNetwork) -> None:
        """Load the weights; what they lack stays as it is, what does not fit is an error."""
        own = network.state_dict()
        wrong = [n for n, w in self.weights.items() if n not in own or own[n].shape != w.shape]
        if wrong:
            raise PixMusError(
                f"the weights of {self.path} do not fit ({wrong[0]} and {len(wrong) - 1} more); "
                "leave out --width, --layers and --lane-width, or begin without --init."
            )
        new = [name for name in own if name not in self.weights]
        weights = {name: value.float() for name, value in self.weights.items()}
        network.load_state_dict(weights, strict=False)
        if new:
            print(f"{len(new)} of {len(own)} tensors are new and begin untrained.", flush=True)


class Run:
    """A training run: the weights that learn, their average, the optimisers, where it stands."""

    def __init__(
        self,
        config: dict[str, Any],
        network: ScoreNetwork,
        optimisers: list[torch.optim.Optimizer],
        device: torch.device,
        seed: int,
    ) -> None:
        self.config, self.network, self.device, self.seed = config, network, device, seed
        self.optimisers = optimisers
        # Read before a state is loaded: its rates are those that the last run had fallen to.
        self.base_rates = [optimiser.param_groups[0]["lr"] for optimiser in optimisers]
        # The network runs in bfloat16 (five times as fast where the processor has AMX); the
        # weights that learn stay float32.
        self.runner = copy.deepcopy(network).to(torch.bfloat16)
        self.average = {name: value.clone() for name, value in network.state_dict().items()}
        self.iteration, self.spent, self.cpu_spent = 0, 0.0, 0.0
        self._seed_generators()

    def _seed_generators(self) -> None:
        self.rng = np.random.default_rng(self.seed + self.iteration)
        self.generator = torch.Generator(self.device).manual_seed(self.seed + self.iteration)

    def save(self, path: Path, spent: float, cpu_spent: float) -> None:
        """Write the state, whole or not at all."""
        state = {
            "config": self.config,
            "weights": self.network.state_dict(),
            "average": self.average,
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            "iteration": self.iteration,
            "spent": spent,
            "cpu_spent": cpu_spent,
            # Both generators, so that going on is as if never stopped (on the same machine, when
            # no workers draw the batches).
            "rng": json.dumps(self.rng.bit_generator.state),
            "generator": self.generator.get_state(),
            "device": self.device.type,
        }
        temporary = path.with_suffix(".tmp")
        torch.save(state, temporary)
        temporary.replace(path)

    def load(self, path: Path) -> None:
        """Go on from a state; one without generators, or from another device, draws anew."""
        state = torch.load(path, weights_only=True, map_location=self.device)
        sizes = {name: state["config"].get(name, 0) for name in self.config}
        if sizes != self.config:
            was = ", ".join(f"{k} {v}" for k, v in sizes.items() if self.config[k] != v)
            raise PixMusError(
                f"{path.parent} holds a run of another network ({was}); give that, or a new --out."
            )
        self.network.load_state_dict(state["weights"])
        self.average = state["average"]
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.iteration, self.spent = state["iteration"], state["spent"]
        self.cpu_spent = state["cpu_spent"]
        self._seed_generators()
        if "rng" in state and state["device"] == self.device.type:
            self.rng.bit_generator.state = json.loads(state["rng"])
            self.generator.set_state(state["generator"].cpu())
        copy_weights(self.network, self.runner)

    def step(self, batch: Batch, rate: float, ema: float) -> Tensor:
        """One iteration at `rate` times the learning rates; returns the loss (a scalar tensor)."""
        for optimiser, base_rate in zip(self.optimisers, self.base_rates, strict=True):
            for group in optimiser.param_groups:
                group["lr"] = base_rate * rate
        sigma = draw_sigma(self.generator, len(batch.cells))
        noise = torch.randn(batch.cells.shape, generator=self.generator, device=self.device)
        recall = bool(torch.rand((), generator=self.generator, device=self.device) < RECALL_SHARE)
        loss, _ = denoising_loss(self.runner, batch, sigma, noise, recall)
        loss.backward()  # type: ignore[no-untyped-call]
        for parameter, run in zip(self.network.parameters(), self.runner.parameters(), strict=True):
            parameter.grad = None if run.grad is None else run.grad.float()
            run.grad = None
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        copy_weights(self.network, self.runner)
        self.iteration += 1
        keep = min(ema, (1 + self.iteration) / (10 + self.iteration))
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                self.average[name].lerp_(value, 1 - keep)
        return loss.detach()


@torch.no_grad()
def copy_weights(source: ScoreNetwork, target: ScoreNetwork) -> None:
    for value, copied in zip(source.parameters(), target.parameters(), strict=True):
        copied.copy_(value)


@torch.no_grad()
def validate(run: Run, batches: Sequence[Batch]) -> list[float]:
    """Loss of the averaged weights at noise levels below 0.5, 0.5-0.8 and above, in thousandths.

    The same noise every time; half of the batches hear a first prediction.
    """
    run.runner.load_state_dict(run.average)
    sums, counts = np.zeros(3), np.zeros(3)
    for index, batch in enumerate(batches):
        generator = torch.Generator().manual_seed(index)
        sigma = torch.linspace(0.1, 0.98, len(batch.cells))
        noise = torch.randn(batch.cells.shape, generator=generator).to(run.device)
        recall = index >= len(batches) // 2
        _, per_window = denoising_loss(run.runner, batch, sigma.to(run.device), noise, recall)
        bands = np.digitize(sigma.numpy(), (0.5, 0.8))
        sums += np.bincount(bands, per_window.cpu().numpy(), minlength=3)
        counts += np.bincount(bands, minlength=3)
    copy_weights(run.network, run.runner)
    return [float(value) for value in sums / counts]


@contextmanager
def stop_asked() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C or a plain `kill` came; the iteration in hand is finished, then all is saved.

    A second Ctrl-C ends at once.
    """
    asked = threading.Event()

    def ask(*_: object) -> None:
        asked.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _prepare(
    pieces: list[Piece], out: Path, start: Start | None
) -> tuple[list[EncodedPiece], list[EncodedPiece], CurveTables]:
    """Training and validation pieces, and the curve tables that the run was begun with."""
    training, validation = (
        [encode_piece(piece) for piece in side] for side in split_pieces(pieces)
    )
    table_file = out / "curve_tables.json"
    if not table_file.exists():
        if start and start.curve_tables.exists():
            # The curves keep the meaning that the weights have learned.
            tables = CurveTables.load(start.curve_tables)
        else:
            tables = fit_tables([e for e in training if e.piece.corpus != "groove"])
        table_file.write_text(tables.to_json())
    return training, validation, CurveTables.load(table_file)


def train(arguments: argparse.Namespace) -> bool:
    """Train as asked; False when it was stopped on the way by Ctrl-C or `kill`."""
    torch.set_num_threads(arguments.threads)
    device = find_device(arguments.device)
    out = Path(arguments.out)
    there = {path.name for path in out.iterdir()} if out.is_dir() else set()
    if there and not there & {"state.pt", "curve_tables.json"}:
        raise PixMusError(f"{out} holds other files; give an empty or a new folder.")
    start = Start.load(Path(arguments.init)) if arguments.init else None
    pieces = read_corpus(Path(arguments.corpus), arguments.style)
    out.mkdir(parents=True, exist_ok=True)
    if Path(arguments.corpus).is_dir():
        save_pieces(pieces, out / "corpus.npz")  # what `pixmus.training.export` calibrates on
    training, held_out, tables = _prepare(pieces, out, start)
    shares = corpus_shares(encoded.piece.corpus for encoded in training)
    sampler = WindowSampler(training, tables, shares)
    validation_sampler = WindowSampler(
        held_out, tables, corpus_shares(encoded.piece.corpus for encoded in held_out)
    )
    fixed = np.random.default_rng(0)
    validation = [
        to_device(validation_sampler.batch(fixed, VALIDATION_WINDOWS, 8), device)
        for _ in range(NUM_VALIDATION_BATCHES)
    ]

    torch.manual_seed(arguments.seed)
    config: dict[str, Any] = {
        "roll_cells": tuple(layout.num_roll_cells for layout in PART_LAYOUTS.values()),
        "velocity_cells": STEPS_PER_BEAT,
        "num_conditions": NUM_CONDITIONS,
        "voices": tuple(PARTS.index(part) for part in ONE_VOICE_PARTS),
    }
    for name, default in DEFAULT_SIZES.items():
        asked = getattr(arguments, name.removeprefix("num_"))
        begun_with = start.config.get(name, 0) if start else default
        config[name] = begun_with if asked is None else asked
    network = ScoreNetwork(**config)
    network.set_log_odds(cell_log_odds(training))
    if network.has_chains:
        fill_chain_tables(network, training)
    if start:
        start.copy_to(network)
    network.to(device)
    optimisers = make_optimisers(network, arguments.learning_rate, arguments.muon)
    run = Run(config, network, optimisers, device, arguments.seed)
    state_file = out / "state.pt"
    if state_file.exists():
        run.load(state_file)
        print(f"{out}: going on after {run.iteration} iterations.", flush=True)

    minutes = arguments.minutes
    if minutes is None and arguments.iterations is None:
        minutes = DEFAULT_MINUTES
    begun, cpu_begun = time.time() - run.spent, time.process_time() - run.cpu_spent
    last_report = last_save = time.time()
    losses: list[Tensor] = []
    windows = 0.0

    def save() -> None:
        run.save(state_file, time.time() - begun, time.process_time() - cpu_begun)
        draw_log(out / "log.csv")

    def report() -> None:
        values = [
            run.iteration,
            round(time.time() - begun),
            round(time.process_time() - cpu_begun),
            round(windows / max(time.time() - last_report, 1e-9), 1),
            round(float(torch.stack(losses).mean()), 5),
            *(round(value, 5) for value in validate(run, validation)),
        ]
        append_row(out / "log.csv", dict(zip(COLUMNS, values, strict=True)))
        print(*values, flush=True)

    batches = draw_batches(sampler, run.rng, device, arguments.workers, arguments.tokens_per_batch)
    with stop_asked() as stopped:
        while not stopped():
            # The rate falls with the time that is left; with the iterations left if no time is set.
            if minutes is not None:
                progress = (time.time() - begun) / (60 * minutes)
            else:
                progress = run.iteration / arguments.iterations
            if progress >= 1 or run.iteration == arguments.iterations:
                break
            warmth = min(1.0, (run.iteration + 1) / arguments.warmup)
            decay = min(1.0, (1 - progress) / arguments.decay)
            batch = next(batches)
            losses.append(run.step(batch, warmth * max(decay, 0.01), arguments.ema))
            windows += batch.cells.shape[0] * len(batch.positions) / 32
            if time.time() - last_report > arguments.report:
                report()
                losses, windows, last_report = [], 0.0, time.time()
            if time.time() - last_save > SECONDS_BETWEEN_SAVES:
                save()
                last_save = time.time()
        if losses:
            report()
        save()
        was_stopped = stopped()
    facts = {
        "iterations": run.iteration,
        "corpus_weights": shares,
        "wall_minutes": round((time.time() - begun) / 60, 1),
        "cpu_minutes": round((time.process_time() - cpu_begun) / 60, 1),
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "arguments": vars(arguments),
    }
    (out / "training.json").write_text(json.dumps(facts, indent=2) + "\n")
    return not was_stopped


def main(argv: list[str] | None = None) -> None:
    """`pixmus train`."""
    parser = argparse.ArgumentParser(
        prog="pixmus train",
        description="Train the score model on a corpus file or on a folder of your own MIDI files.",
    )
    parser.add_argument("--corpus", required=True, help="corpus file, or folder of MIDI files")
    parser.add_argument("--out", required=True, help="folder for log, state and tables")
    parser.add_argument(
        "--minutes", type=float, help=f"how long (default {DEFAULT_MINUTES:g}, or by --iterations)"
    )
    parser.add_argument("--iterations", type=int, help="stop after so many, however fast")
    parser.add_argument(
        "--style", default=Style.POP, help=f"of your own music: {', '.join(STYLES)}"
    )
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument(
        "--workers", type=int, default=0, help="processes that draw batches ahead (for a GPU)"
    )
    parser.add_argument("--init", help="model folder or run whose averaged weights are the start")
    parser.add_argument("--warmup", type=int, default=100, help="iterations with a rising rate")
    parser.add_argument("--width", type=int, help=f"default {DEFAULT_SIZES['width']}, or --init's")
    parser.add_argument("--layers", type=int, help="likewise")
    parser.add_argument("--lane-width", type=int, help="of each part's lane; 0: none")
    parser.add_argument("--tokens-per-batch", type=int, default=TOKENS_PER_BATCH, help="beats")
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--muon", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--decay", type=float, default=0.4, help="last share with falling rate")
    parser.add_argument("--ema", type=float, default=0.998)
    parser.add_argument("--report", type=float, default=120.0, help="seconds between log lines")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    if not train(parser.parse_args(argv)):
        _stopped()


def _stopped() -> NoReturn:
    print("Stopped and saved; the same command goes on from here.")
    raise SystemExit(130)


if __name__ == "__main__":
    main()
