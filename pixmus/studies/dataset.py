"""The dataset's whole way on its synthetic sample, by the commands that anyone would type.

    pixmus evaluate dataset --music ../shared/data/music

A table of 53,378 recipes is written, inspected and split; its first rows are made, verified,
measured on one core and on a local Ray cluster of two workers, and the conditioning encoder is
fine-tuned on them and judged on rows that it did not see. `dataset.md` holds the commands with what
they took and said. Everything measured here is synthetic.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pixmus.curves import CURVES
from pixmus.dataset.renditions import load_music
from pixmus.errors import PixMusError
from pixmus.files import REPOSITORY
from pixmus.model.folder import MODEL_FOLDER
from pixmus.picture.features import FEATURE_CURVES
from pixmus.studies.runner import Result, Run, Study
from pixmus.training.corpus import save_pieces
from pixmus.training.pairs import Pair, read_shards

FULL_ROWS = 53_378
HELD_OUT_SHARE = 0.25  # of the few rows that are made, each for validation and test


@dataclass(frozen=True)
class Command:
    """One command, what it took and what it printed."""

    command: str
    seconds: float
    said: str


class Way:
    """Runs `pixmus` commands in a work folder and remembers them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runs: list[Command] = []

    def run(self, *arguments: str) -> str:
        """What the command printed; a command that fails ends the way."""
        start = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "pixmus", *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        )
        if done.returncode:
            raise PixMusError(f"pixmus {' '.join(arguments)} failed: {done.stderr[-2000:]}")
        took = time.monotonic() - start
        words = " ".join(Path(word).name if os.sep in word else word for word in arguments)
        self.runs.append(Command(f"pixmus {words}", took, done.stdout.strip()))
        print(f"{took:7.1f} s  pixmus {words}", flush=True)
        return done.stdout


def differing(ours: Sequence[Pair], theirs: Sequence[Pair]) -> list[str]:
    """Ids of rows that are not in both, or not bit by bit the same in both."""
    other = {pair.id: pair for pair in theirs}
    found = sorted(set(other) ^ {pair.id for pair in ours})
    for pair in ours:
        if pair.id in other and not _same(pair, other[pair.id]):
            found.append(pair.id)
    return found


def go_the_way(work: Path, music: Path, rows: int) -> Result:
    """Everything, in `work`, which must be new."""
    work.mkdir(parents=True)
    corpus = work / "corpus.npz"
    save_pieces(list(load_music(music).values()), corpus)  # read once
    way = Way(work)
    report: Result = {}
    made_of = ("--music", str(corpus.resolve()))
    for suffix in (".parquet", ".csv.gz"):
        name = f"table{suffix}"
        way.run("dataset", "synthesize", "--rows", str(FULL_ROWS), *made_of, "--out", name)
        report[f"bytes of {name}"] = (work / name).stat().st_size
    way.run("dataset", "inspect", "table.parquet", "--out", "inspection")
    report["inspection"] = json.loads((work / "inspection" / "inspection.json").read_text())
    for by in ("source", "thesis"):
        way.run("dataset", "split", "table.parquet", "--by", by, "--out", f"{by}.csv")
    span = f"0:{rows}"
    make = ("dataset", "materialize", "table.parquet", *made_of, "--rows", span, "--workers", "2")
    way.run(*make, "--out", "sample")
    files = [path for path in (work / "sample").rglob("*") if path.is_file()]
    report["media"] = {"files": len(files), "bytes": sum(path.stat().st_size for path in files)}
    table = "sample/table.csv"
    way.run("dataset", "split", table, "--out", "split.csv", "--share", str(HELD_OUT_SHARE))
    way.run("dataset", "verify", table, "--media", "sample/media", "--out", "verify.jsonl")
    checked = [json.loads(line) for line in (work / "verify.jsonl").read_text().splitlines()]
    report["verified"] = {
        "rows": len(checked),
        "ok": sum(bool(row["ok"]) for row in checked),
        "problems": sorted({p["check"] for row in checked for p in row["problems"]}),
    }
    extract = ("dataset", "features", table, "--media", "sample/media", "--split", "split.csv")
    way.run(*extract, "--out", "one", "--workers", "1")
    way.run(*extract, "--out", "ray", "--workers", "2", "--engine", "ray")
    ours, theirs = list(read_shards(work / "one")), list(read_shards(work / "ray"))
    report["extracted"] = {
        "rows": len(ours),
        "rows by Ray": len(theirs),
        "differing": differing(ours, theirs),
    }
    way.run(
        *("train", "encoder", "--init", str(MODEL_FOLDER.resolve())),
        *("--pairs", "one", "--out", "tuned"),
    )
    report["pairs"] = json.loads((work / "tuned/encoder/training.json").read_text())["pairs"]
    report["runs"] = [vars(run) for run in way.runs]
    return report


def _same(first: Pair, second: Pair) -> bool:
    names = [*FEATURE_CURVES, "palette"]
    arrays = [(getattr(first.features, n), getattr(second.features, n)) for n in names]
    arrays += [(first.curves[name], second.curves[name]) for name in CURVES]
    return first.features.transitions == second.features.transitions and all(
        np.array_equal(a, b, equal_nan=True) for a, b in arrays
    )


def measure(run: Run) -> Result:
    """The whole way, in a new folder."""
    asked = run.arguments
    if asked.work.exists():
        raise PixMusError(f"{asked.work} is there already; remove it or name another --work.")
    return go_the_way(asked.work.resolve(), asked.music.resolve(), asked.rows)


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the study may be told."""
    parser.add_argument("--music", type=Path, required=True, help="corpora, or a corpus file")
    parser.add_argument("--work", type=Path, default=Path("runs/dataset"), help="a new folder")
    parser.add_argument("--rows", type=int, default=400, help="rows whose media are made")


STUDY = Study("dataset", "The dataset's whole way on its synthetic sample.", measure, arguments)
