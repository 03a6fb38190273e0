"""Train the score denoiser: `pixmus train --corpus runs/corpus.npz --out runs/a --minutes 90`.

Plain loop: draw windows, add noise, predict the clean cells, step. AdamW for small tensors, Muon
(Jordan et al. 2024) for the matrices of blocks and lanes. Weights are averaged (EMA). A CSV log,
its picture and a resumable state go to `--out`; the same command goes on with a run that was
stopped.

Torch, numpy and scipy are all it takes to train on a corpus file, on the processor or one GPU.
"""

from __future__ import annotations

import argparse
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor

from pixmus.compose.conditions import NUM_CONDITIONS
from pixmus.ensembles import ONE_VOICE_PARTS, PARTS, STYLES, Style
from pixmus.errors import PixMusError
from pixmus.model.network import ScoreNetwork
from pixmus.score.curves import CurveTables
from pixmus.score.grid import STEPS_PER_BEAT
from pixmus.score.notes import PART_LAYOUTS
from pixmus.training.batches import TOKENS_PER_BATCH, draw_batch, draw_batches, to_device
from pixmus.training.chain_tables import fill_chain_tables
from pixmus.training.corpus import Piece, corpus_shares, load_pieces, save_pieces, split_pieces
from pixmus.training.encoded import EncodedPiece, encode_piece, fit_tables
from pixmus.training.loss import cell_log_odds
from pixmus.training.precision import DTYPES, faster_dtype, name_of
from pixmus.training.progress import COLUMNS, append_row, draw_log
from pixmus.training.run import Run, make_optimisers, validate
from pixmus.training.windows import Batch, WindowSampler

STATE = "state.pt"
SECONDS_BETWEEN_SAVES = 300
NUM_VALIDATION_BATCHES, VALIDATION_WINDOWS = 4, 32
DEFAULT_MINUTES = 90.0

# Sizes of the network, unless asked for otherwise or begun with weights of another size.
DEFAULT_SIZES = {"width": 256, "num_layers": 8, "lane_width": 160}


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
        file = path / STATE if path.is_dir() else path
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


@dataclass(frozen=True)
class Windows:
    """What a run learns from and is measured on."""

    training: list[EncodedPiece]
    shares: dict[str, float]  # of training windows, by corpus
    sampler: WindowSampler
    validation: list[Batch]  # the same ones all the time


def prepare_windows(
    pieces: list[Piece], out: Path, start: Start | None, device: torch.device
) -> Windows:
    """The windows of pieces, with the curve tables that the run was begun with (in `out`)."""
    training, held_out = ([encode_piece(piece) for piece in side] for side in split_pieces(pieces))
    table_file = out / "curve_tables.json"
    if not table_file.exists():
        if start and start.curve_tables.exists():
            # The curves keep the meaning that the weights have learned.
            tables = CurveTables.load(start.curve_tables)
        else:
            tables = fit_tables([e for e in training if e.piece.corpus != "groove"])
        table_file.write_text(tables.to_json())
    tables = CurveTables.load(table_file)
    shares, held_out_shares = (
        corpus_shares(encoded.piece.corpus for encoded in side) for side in (training, held_out)
    )
    validation_sampler = WindowSampler(held_out, tables, held_out_shares)
    fixed = np.random.default_rng(0)
    validation = [
        to_device(validation_sampler.batch(fixed, VALIDATION_WINDOWS, 8), device)
        for _ in range(NUM_VALIDATION_BATCHES)
    ]
    return Windows(training, shares, WindowSampler(training, tables, shares), validation)


def make_network(
    arguments: argparse.Namespace, start: Start | None, training: list[EncodedPiece]
) -> tuple[dict[str, Any], ScoreNetwork]:
    """The sizes and the network that a run begins with, on the processor."""
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
    return config, network


def choose_dtype(run: Run, asked: str, is_new: bool, batch: Batch) -> None:
    """Let a run go in the numbers asked for; a new one, asked for none, in the faster ones."""
    if asked != "auto":
        run.run_in(DTYPES[asked])
    elif is_new:
        dtype, seconds = faster_dtype(run.network, batch)
        run.run_in(dtype)
        told = ", ".join(f"{name} {1000 * each:.0f} ms" for name, each in seconds.items())
        print(f"Trained in {name_of(dtype)}, the faster one here ({told}).", flush=True)


class Journal:
    """What a run has used and reached: log lines, saved states, the facts at its end."""

    def __init__(self, run: Run, out: Path, validation: Sequence[Batch]) -> None:
        self.run, self.out, self.validation = run, out, validation
        self.begun = time.time() - run.spent
        self.cpu_begun = time.process_time() - run.cpu_spent
        self.last_report = self.last_save = time.time()
        self.losses: list[Tensor] = []
        self.windows = 0.0  # of 32 beats, since the last report

    @property
    def spent(self) -> float:
        """Seconds of this run and those that it goes on from."""
        return time.time() - self.begun

    @property
    def cpu_spent(self) -> float:
        """Seconds of processor time, likewise."""
        return time.process_time() - self.cpu_begun

    def add(self, loss: Tensor, batch: Batch) -> None:
        """Count an iteration."""
        self.losses.append(loss)
        self.windows += batch.cells.shape[0] * len(batch.positions) / 32

    def report(self) -> None:
        """A line in the log, of what was counted since the last one."""
        values = [
            self.run.iteration,
            round(self.spent),
            round(self.cpu_spent),
            round(self.windows / max(time.time() - self.last_report, 1e-9), 1),
            round(float(torch.stack(self.losses).mean()), 5),
            *(round(value, 5) for value in validate(self.run, self.validation)),
        ]
        append_row(self.out / "log.csv", dict(zip(COLUMNS, values, strict=True)))
        print(*values, flush=True)
        self.losses, self.windows, self.last_report = [], 0.0, time.time()

    def save(self) -> None:
        """The state to go on from, and the picture of the log."""
        self.run.save(self.out / STATE, self.spent, self.cpu_spent)
        draw_log(self.out / "log.csv")
        self.last_save = time.time()


def learn(
    run: Run, batches: Iterator[Batch], journal: Journal, arguments: argparse.Namespace
) -> bool:
    """Iterate until time or iterations are up; False when it was stopped on the way.

    The rate falls with the time that is left; with the iterations left if no time is set.
    """
    minutes = arguments.minutes
    if minutes is None and arguments.iterations is None:
        minutes = DEFAULT_MINUTES
    with stop_asked() as stopped:
        while not stopped():
            if minutes is not None:
                progress = journal.spent / (60 * minutes)
            else:
                progress = run.iteration / arguments.iterations
            if progress >= 1 or run.iteration == arguments.iterations:
                break
            warmth = min(1.0, (run.iteration + 1) / arguments.warmup)
            decay = min(1.0, (1 - progress) / arguments.decay)
            batch = next(batches)
            journal.add(run.step(batch, warmth * max(decay, 0.01), arguments.ema), batch)
            if time.time() - journal.last_report > arguments.report:
                journal.report()
            if time.time() - journal.last_save > SECONDS_BETWEEN_SAVES:
                journal.save()
        if journal.losses:
            journal.report()
        journal.save()
        return not stopped()


def train(arguments: argparse.Namespace) -> bool:
    """Train as asked; False when it was stopped on the way by Ctrl-C or `kill`."""
    torch.set_num_threads(arguments.threads)
    device = find_device(arguments.device)
    out = Path(arguments.out)
    there = {path.name for path in out.iterdir()} if out.is_dir() else set()
    if there and not there & {STATE, "curve_tables.json"}:
        raise PixMusError(f"{out} holds other files; give an empty or a new folder.")
    start = Start.load(Path(arguments.init)) if arguments.init else None
    pieces = read_corpus(Path(arguments.corpus), arguments.style)
    out.mkdir(parents=True, exist_ok=True)
    if Path(arguments.corpus).is_dir():
        save_pieces(pieces, out / "corpus.npz")  # what `pixmus.training.export` calibrates on
    windows = prepare_windows(pieces, out, start, device)
    config, network = make_network(arguments, start, windows.training)
    network.to(device)
    optimisers = make_optimisers(network, arguments.learning_rate, arguments.muon)
    run = Run(config, network, optimisers, device, arguments.seed)
    is_new = not (out / STATE).exists()
    if not is_new:
        run.load(out / STATE)
        print(f"{out}: going on after {run.iteration} iterations.", flush=True)
    choose_dtype(run, arguments.dtype, is_new, windows.validation[0])
    draw = partial(draw_batch, windows.sampler, tokens_per_batch=arguments.tokens_per_batch)
    batches = draw_batches(Batch, draw, run.rng, device, arguments.workers)
    journal = Journal(run, out, windows.validation)
    is_done = learn(run, batches, journal, arguments)
    facts = {
        "iterations": run.iteration,
        "corpus_weights": windows.shares,
        "wall_minutes": round(journal.spent / 60, 1),
        "cpu_minutes": round(journal.cpu_spent / 60, 1),
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "dtype": name_of(run.dtype),
        "arguments": vars(arguments),
    }
    (out / "training.json").write_text(json.dumps(facts, indent=2) + "\n")
    return is_done


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
        "--dtype",
        default="auto",
        choices=("auto", *DTYPES),
        help="what the network runs in; auto: the faster one, timed for a second",
    )
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
