"""The dataset's whole way on its synthetic sample, by the commands that anyone would type.

    pixmus evaluate dataset --music ../shared/data/music

A table of 53,378 recipes is written, inspected and split; its first rows are made, verified,
measured on one core and on a local Ray cluster of two workers, and the conditioning encoder is
fine-tuned on them and judged on rows that it did not see. `docs/results/dataset.md` holds the
commands with what they took and said. Everything measured here is synthetic.
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
from typing import Any

import numpy as np

from pixmus.curves import CURVES
from pixmus.dataset.renditions import load_music
from pixmus.errors import PixMusError
from pixmus.files import REPOSITORY
from pixmus.model.folder import MODEL_FOLDER
from pixmus.picture.features import FEATURE_CURVES
from pixmus.training.corpus import save_pieces
from pixmus.training.pairs import Pair, read_shards
from pixmus.training.splits import KINDS

FULL_ROWS = 53_378
HELD_OUT_SHARE = 0.25  # of the few rows that are made, each for validation and test


@dataclass(frozen=True)
class Run:
    """One command, what it took and what it printed."""

    command: str
    seconds: float
    said: str


class Way:
    """Runs `pixmus` commands in a work folder and remembers them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runs: list[Run] = []

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
        self.runs.append(Run(f"pixmus {words}", took, done.stdout.strip()))
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


def measure(work: Path, music: Path, rows: int) -> dict[str, Any]:
    """Everything, in `work`, which must be new."""
    work.mkdir(parents=True)
    corpus = work / "corpus.npz"
    save_pieces(list(load_music(music).values()), corpus)  # read once
    way = Way(work)
    report: dict[str, Any] = {}
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


def to_markdown(report: dict[str, Any], command: str) -> str:
    """The report as a page."""
    lines = [
        "# The dataset's way on its synthetic sample",
        "",
        f"Made by `{command}`. Everything in it is synthetic.",
        "",
        "| command | s |",
        "|---|---|",
        *(f"| `{run['command']}` | {run['seconds']:.1f} |" for run in report["runs"]),
        "",
        f"The table: {report['bytes of table.parquet'] / 1e6:.2f} MB as Parquet, "
        f"{report['bytes of table.csv.gz'] / 1e6:.2f} MB as gzipped CSV. "
        f"Media of the rows that were made: {report['media']['files']} files, "
        f"{report['media']['bytes'] / 1e6:.0f} MB.",
        "",
        f"Verified: {report['verified']['ok']} of {report['verified']['rows']} rows without a "
        f"problem{_named(report['verified']['problems'])}. "
        f"Extracted: {report['extracted']['rows']} rows on one core, "
        f"{report['extracted']['rows by Ray']} by Ray on two workers, "
        f"{len(report['extracted']['differing'])} of them not bit by bit the same.",
        "",
        "## What the commands said",
        "",
    ]
    for run in report["runs"]:
        if run["said"] and not run["said"].startswith("{"):
            lines += [f"`{run['command']}`:", "", "```text", run["said"], "```", ""]
    lines += ["## What the encoder learned", ""]
    lines += [
        f"Fine-tuned on {report['pairs']['rows']} rows of {report['pairs']['groups']} sources. "
        "Spearman correlation of the picture's curves, before the climax that a cue sheet is "
        "given, with the music's, on rows of other sources; 95 % intervals over sources. The rows "
        "are synthetic: the figures say that learning works, not what real pictures say.",
        "",
        "| curve | rows | before, all seconds | after | before, means of rows | after "
        "| before, inside a row | after |",
        "|---|---|---|---|---|---|---|---|",
    ]
    before, after = (report["pairs"]["held out"][when] for when in ("before", "after"))
    for name in CURVES:
        for kind in KINDS:
            cells = []
            for what in ("pooled", "levels", "inside"):
                for got in (before[name][kind], after[name][kind]):
                    text = f"{got[what]:.2f}"
                    if what == "pooled":
                        text += " ({:.2f} to {:.2f})".format(*got["pooled interval"])
                    cells.append("-" if what == "inside" and kind == "still" else text)
            rows = f"{after['rows'][kind]} {kind}s"
            lines.append(f"| {name} | {rows} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _named(problems: list[str]) -> str:
    return f" (found: {', '.join(problems)})" if problems else ""


def _same(first: Pair, second: Pair) -> bool:
    names = [*FEATURE_CURVES, "palette"]
    arrays = [(getattr(first.features, n), getattr(second.features, n)) for n in names]
    arrays += [(first.curves[name], second.curves[name]) for name in CURVES]
    return first.features.transitions == second.features.transitions and all(
        np.array_equal(a, b, equal_nan=True) for a, b in arrays
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and write `dataset.json` and `dataset.md`."""
    parser = argparse.ArgumentParser(prog="pixmus evaluate dataset", description=__doc__)
    parser.add_argument("--music", type=Path, required=True, help="corpora, or a corpus file")
    parser.add_argument("--work", type=Path, default=Path("runs/dataset"), help="a new folder")
    parser.add_argument("--rows", type=int, default=400, help="rows whose media are made")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    arguments = parser.parse_args(argv)
    if arguments.work.exists():
        raise PixMusError(f"{arguments.work} is there already; remove it or name another --work.")
    report = measure(arguments.work.resolve(), arguments.music.resolve(), arguments.rows)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "dataset.json").write_text(json.dumps(report, indent=1) + "\n")
    command = f"pixmus evaluate dataset --music {arguments.music.name} --rows {arguments.rows}"
    (arguments.out / "dataset.md").write_text(to_markdown(report, command))


if __name__ == "__main__":
    main()
