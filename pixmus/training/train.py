"""Train the score model: `pixmus train --corpus runs/corpus.npz --out runs/a --minutes 90`.

First the network of plans, then that of voices, by one plain loop: draw windows, mask tokens, step
down their log loss. Each has a folder in `--out`, with a CSV log, its picture and a state; the same
command goes on with a run that was stopped, in whichever of the two.

Torch, numpy and scipy are all it takes to train on a corpus file, on the processor or one GPU.
"""

from __future__ import annotations

import argparse
import json
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import time
from typing import Any, NoReturn

import numpy as np
import torch

from pixmus.ensembles import STYLES, Style
from pixmus.errors import PixMusError
from pixmus.model.folder import CURVE_TABLES
from pixmus.score.curves import CurveTables
from pixmus.training.batches import draw_batches, to_device
from pixmus.training.corpus import Piece, corpus_shares, load_pieces, save_pieces, split_pieces
from pixmus.training.encoded import fit_tables
from pixmus.training.journal import STATE, Journal
from pixmus.training.lessons import PLAN, VOICES, Lesson
from pixmus.training.plan_windows import (
    HALF_BARS_A_BATCH,
    MeasuredPlan,
    PlanSampler,
    measured_plan,
    save_measured,
)
from pixmus.training.precision import DTYPES, faster_dtype, name_of
from pixmus.training.run import Run, add_dropout
from pixmus.training.start import Start
from pixmus.training.voice_corpus import VoicePiece, load_voice_pieces
from pixmus.training.voice_windows import BEATS_PER_BATCH, VoiceSampler

FACTS = "training.json"
CORPUS = "corpus.npz"  # of music of one's own
MEASURED = "plans.npz"  # what `pixmus.studies.plan` compares with
SECONDS_BETWEEN_SAVES = 300
DEFAULT_MINUTES = 90.0
# Of the time, what the plan gets: it is a tenth of the weights, and on ten GPU minutes it began to
# learn by heart after 2.3 (docs/experiments.md 72).
PLAN_SHARE = 0.15
# Held-out batches: lengths in bars of the plans', number, beats and bars of the voices'.
PLAN_VALIDATION_BARS = 3 * (8, 16, 32, 32, 64, 64)
VOICE_VALIDATION = (6, 1024, 16)
TIMED = 128  # half bars or beats of the batch that tells which numbers are faster on a processor


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
    """What a network learns from and is measured on."""

    draw: Callable[[np.random.Generator], Any]  # a batch
    few: Any  # a batch, small on a processor, to time
    validation: list[Any]  # the same ones all the time


def measure_corpus(
    pieces: list[Piece], corpus: Path, out: Path, start: Path | None
) -> tuple[list[VoicePiece], list[VoicePiece], CurveTables]:
    """Pieces measured, to train on and held out, and the curve tables that the run was begun with.

    Of music of one's own the corpus file and what is measured of it go to `out`.
    """
    if all(piece.corpus == "groove" for piece in pieces):
        raise PixMusError(f"{corpus} holds drums alone; the score model needs other parts too.")
    if corpus.is_dir():
        corpus = out / CORPUS  # what `pixmus.training.export` takes ranges from
        save_pieces(pieces, corpus)
    training, held_out = split_pieces(load_voice_pieces(corpus))
    table_file = out / CURVE_TABLES
    if not table_file.exists():
        if start and (start / CURVE_TABLES).exists():
            # The curves keep the meaning that the weights have learned.
            tables = CurveTables.load(start / CURVE_TABLES)
        else:
            tables = fit_tables([piece for piece in training if piece.corpus != "groove"])
        table_file.write_text(tables.to_json())
    return training, held_out, CurveTables.load(table_file)


def plan_windows(
    training: list[VoicePiece],
    held_out: list[VoicePiece],
    tables: CurveTables,
    half_bars: int,
    device: torch.device,
) -> tuple[Windows, list[MeasuredPlan]]:
    """Windows of plans, and the plans themselves."""
    sides = [
        [measured_plan(piece, tables) for piece in side if piece.corpus != "groove"]
        for side in (training, held_out)
    ]
    sampler, held_out_sampler = (PlanSampler(plans) for plans in sides)
    fixed = np.random.default_rng(0)
    few = sampler.batch(
        np.random.default_rng(0), half_bars=TIMED if device.type == "cpu" else half_bars
    )
    windows = Windows(
        partial(sampler.batch, half_bars=half_bars),
        to_device(few, device),
        [
            to_device(held_out_sampler.batch(fixed, bars, half_bars=HALF_BARS_A_BATCH), device)
            for bars in PLAN_VALIDATION_BARS
        ],
    )
    return windows, sides[0] if held_out is training else sides[0] + sides[1]


def voice_windows(
    training: list[VoicePiece],
    held_out: list[VoicePiece],
    tables: CurveTables,
    beats: int,
    device: torch.device,
) -> Windows:
    """Windows of voices."""
    sampler, held_out_sampler = (
        VoiceSampler(side, tables, corpus_shares(piece.corpus for piece in side))
        for side in (training, held_out)
    )
    fixed = np.random.default_rng(0)
    few = sampler.batch(np.random.default_rng(0), TIMED if device.type == "cpu" else beats)
    number, held_out_beats, bars = VOICE_VALIDATION
    return Windows(
        partial(sampler.batch, beats=beats),
        to_device(few, device),
        [
            to_device(held_out_sampler.batch(fixed, held_out_beats, bars), device)
            for _ in range(number)
        ],
    )


def make_run(
    lesson: Lesson, arguments: argparse.Namespace, start: Start | None, device: torch.device
) -> Run:
    """The run that training begins with: sizes as asked for, else `start`'s, else the usual."""
    prefix = "" if lesson is VOICES else f"{lesson.name}_"
    config = dict(lesson.fixed)
    for name, usual in lesson.sizes.items():
        asked = getattr(arguments, prefix + name.removeprefix("num_"))
        begun_with = int(start.config[name]) if start else usual
        config[name] = begun_with if asked is None else asked
    if start and config["width"] == start.config["width"]:
        config["num_heads"] = int(start.config["num_heads"])
    else:
        config["num_heads"] = max(1, config["width"] // lesson.head_width)
    torch.manual_seed(arguments.seed)
    network = lesson.kind(**config)
    if start:
        start.copy_to(network)
    if lesson is VOICES and arguments.dropout:
        add_dropout(network, arguments.dropout)
    rate = arguments.learning_rate * lesson.rate
    return Run(lesson, config, network, device, arguments.seed, rate)


def choose_dtype(run: Run, asked: str, is_new: bool, few: Any) -> None:
    """Let a run go in the numbers asked for; a new one, asked for none, in the faster ones."""
    if asked != "auto":
        run.dtype = DTYPES[asked]
    elif is_new:
        run.dtype, seconds = faster_dtype(run.lesson, run.network, few)
        told = ", ".join(f"{name} {1000 * each:.0f} ms" for name, each in seconds.items())
        print(
            f"The {run.lesson.name}: trained in {name_of(run.dtype)}, the faster one here "
            f"({told}).",
            flush=True,
        )


def learn(
    run: Run,
    batches: Iterator[Any],
    journal: Journal,
    share: float,
    arguments: argparse.Namespace,
    stopped: Callable[[], bool],
) -> None:
    """Iterate until a share of the time, or the iterations, are up, or a stop is asked for.

    The rate falls with the time that is left; with the iterations left if no time is set.
    """
    minutes = arguments.minutes
    if minutes is None and arguments.iterations is None:
        minutes = DEFAULT_MINUTES
    while not stopped():
        if minutes is not None:
            progress = journal.spent / (60 * minutes * share)
        else:
            progress = run.iteration / arguments.iterations
        if progress >= 1 or run.iteration == arguments.iterations:
            break
        warmth = min(1.0, (run.iteration + 1) / arguments.warmup)
        decay = min(1.0, (1 - progress) / arguments.decay)
        batch = next(batches)
        journal.add(run.step(batch, warmth * max(decay, 0.01), arguments.ema), batch)
        if time() - journal.last_report > arguments.report:
            journal.report()
        if time() - journal.last_save > SECONDS_BETWEEN_SAVES:
            journal.save()
    if journal.losses:
        journal.report()
    journal.save()


def teach(
    lesson: Lesson,
    share: float,
    windows: Windows,
    arguments: argparse.Namespace,
    start: Start | None,
    device: torch.device,
    stopped: Callable[[], bool],
) -> dict[str, Any]:
    """Train one network, or go on with it, for a share of the time; what is told of it."""
    folder = Path(arguments.out) / lesson.name
    run = make_run(lesson, arguments, start, device)
    is_new = not (folder / STATE).exists()
    if not is_new:
        run.load(folder / STATE)
        print(f"{folder}: going on after {run.iteration} iterations.", flush=True)
    folder.mkdir(exist_ok=True)
    choose_dtype(run, arguments.dtype, is_new, windows.few)
    batches = draw_batches(lesson.batch, windows.draw, run.rng, device, arguments.workers)
    journal = Journal(run, folder, windows.validation)
    learn(run, batches, journal, share, arguments, stopped)
    return journal.facts()


def train(arguments: argparse.Namespace) -> bool:
    """Train as asked; False when it was stopped on the way by Ctrl-C or `kill`."""
    torch.set_num_threads(arguments.threads)
    torch.set_float32_matmul_precision("high")  # of a GPU
    device = find_device(arguments.device)
    out = Path(arguments.out)
    there = {path.name for path in out.iterdir()} if out.is_dir() else set()
    if there and CURVE_TABLES not in there:
        raise PixMusError(f"{out} holds other files; give an empty or a new folder.")
    init = Path(arguments.init) if arguments.init else None
    starts = Start.load(init) if init else {}
    corpus = Path(arguments.corpus)
    pieces = read_corpus(corpus, arguments.style)
    out.mkdir(parents=True, exist_ok=True)
    training, held_out, tables = measure_corpus(pieces, corpus, out, init)
    facts: dict[str, Any] = {}
    with stop_asked() as stopped:
        for lesson, share in ((PLAN, PLAN_SHARE), (VOICES, 1 - PLAN_SHARE)):
            if stopped():
                break
            if lesson is PLAN:
                windows, plans = plan_windows(
                    training, held_out, tables, arguments.half_bars_per_batch, device
                )
                save_measured(plans, out / MEASURED)
            else:
                windows = voice_windows(
                    training, held_out, tables, arguments.beats_per_batch, device
                )
            start = starts.get(lesson.name)
            facts[lesson.name] = teach(lesson, share, windows, arguments, start, device, stopped)
        is_done = not stopped()
    facts |= {
        "corpus_weights": corpus_shares(piece.corpus for piece in training),
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "arguments": vars(arguments),
    }
    (out / FACTS).write_text(json.dumps(facts, indent=2) + "\n")
    return is_done


def main(argv: list[str] | None = None) -> None:
    """`pixmus train`."""
    parser = argparse.ArgumentParser(
        prog="pixmus train",
        description="Train the score model, its plan and then its voices, on a corpus file or on a "
        "folder of your own MIDI files.",
    )
    parser.add_argument("--corpus", required=True, help="corpus file, or folder of MIDI files")
    parser.add_argument("--out", required=True, help="folder for logs, states and tables")
    parser.add_argument(
        "--minutes",
        type=float,
        help=f"how long (default {DEFAULT_MINUTES:g}, or by --iterations); the plan gets "
        f"{PLAN_SHARE:g} of it",
    )
    parser.add_argument(
        "--iterations", type=int, help="stop each of the two after so many, however fast"
    )
    parser.add_argument(
        "--style", default=Style.POP, help=f"of your own music: {', '.join(STYLES)}"
    )
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument(
        "--dtype",
        default="auto",
        choices=("auto", *DTYPES),
        help="what products are made in; auto: the faster one, timed for a second",
    )
    parser.add_argument(
        "--workers", type=int, default=0, help="processes that draw batches ahead (for a GPU)"
    )
    parser.add_argument("--init", help="model folder or run whose kept weights are the start")
    parser.add_argument("--warmup", type=int, default=100, help="iterations with a rising rate")
    parser.add_argument(
        "--width", type=int, help=f"of the voices: default {VOICES.sizes['width']}, or --init's"
    )
    for name in ("--layers", "--unit-width", "--plan-width", "--plan-layers"):
        parser.add_argument(name, type=int, help="likewise")
    parser.add_argument("--beats-per-batch", type=int, default=BEATS_PER_BATCH, help="of voices")
    parser.add_argument("--half-bars-per-batch", type=int, default=HALF_BARS_A_BATCH, help="plans'")
    parser.add_argument(
        "--learning-rate",
        type=float,
        default=1e-3,
        help=f"of the voices; the plan learns at {PLAN.rate:g} times it",
    )
    parser.add_argument("--dropout", type=float, default=0.0, help="of the voices; the plan's: 0.1")
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
