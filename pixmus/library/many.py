"""`make_many`: soundtracks for all jobs of a library, each in a folder of its own.

A folder appears whole or not at all, so a run that is stopped, or a process that is killed, loses
no finished clip and makes none twice: what is there is skipped. A clip whose process died is tried
once more at the end; what failed is remembered with its sentence. `results.parquet` is a row for
each, made from the folders.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixmus.choice import Step
from pixmus.choices import SEED, choices_of
from pixmus.dataset.pool import Lost, Pool
from pixmus.dataset.sheets import write_rows
from pixmus.errors import PixMusError
from pixmus.files import new_folder, replaced_file
from pixmus.library.jobs import Job

if TYPE_CHECKING:
    from pixmus.take.pipeline import PixMusPipeline
    from pixmus.take.soundtrack import Soundtrack

RESULT = "result.json"  # in the folder of a soundtrack
FAILED = "failed"  # the folder of what failed
RESULTS = "results.parquet"
MEMORY = 12 << 30  # bytes of addresses that a process may take: the model and ten minutes of sound
DIED = "ended with exit code"  # what `Pool` says of a process that is gone
STALL_S = 900.0  # without any progress of a clip
KEPT = ("scored.mp4", "score.mid", "cues.json", "markers.csv", "take.json")
# What the table says of every clip.
COLUMNS = (
    "clip", "folder", "status", "error", "seed", "tempo_bpm", "key", "style", "ensemble", "cuts",
    "cuts_met", "hit_points", "duration", "outside", "loudness_lufs", "seconds",
    "processor_seconds", "bytes", "version", "process",
)  # fmt: skip


@dataclass(frozen=True)
class Piece:
    """A job on its way: where its folder is made, by which model, with which exports."""

    job: Job
    name: str
    out: Path
    model: str | None
    exports: tuple[str, ...]
    sha256: str = ""  # of the model
    staging: Path | None = None  # where its files were brought, which goes when it is done

    def drop(self) -> None:
        """Remove what was brought here for it."""
        if self.staging is not None:
            shutil.rmtree(self.staging, ignore_errors=True)


@dataclass(frozen=True)
class Tally:
    """What became of a library."""

    made: int
    there: int  # before
    failed: int
    failed_before: int


def make_many(
    jobs: Iterable[Job],
    out: Path,
    *,
    model: str | None = None,
    workers: int = 1,
    exports: Sequence[str] = KEPT,
    retry_failed: bool = False,
    limit: int | None = None,
    by: Callable[[Iterable[Piece], int], Iterator[tuple[Piece, Any]]] | None = None,
    tell: Callable[[str], object] = lambda line: None,
) -> Tally:
    """Make the soundtracks that are not there yet; `tell` hears a line of each.

    `by` makes pieces elsewhere (see `cluster`) in place of `workers` processes here. PixMusError
    where the model or the folder cannot be used; what is wrong with a clip is in the table alone.
    """
    out.mkdir(parents=True, exist_ok=True)
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="pixmus-") as name:
        try:
            wanted = _pieces(jobs, out, model, tuple(exports), retry_failed, limit, counts, tell,
                             Path(name))  # fmt: skip
            for piece, result in (by or _by_processes)(wanted, workers):
                if isinstance(result, Lost):
                    counts[FAILED] += 1
                    _remember_failure(piece, result.reason)
                    tell(f"{piece.job.told}: {result.reason}")
                else:
                    counts["made"] += 1
                    _failure(out, piece.name).unlink(missing_ok=True)
                    tell(f"{piece.job.told} -> {out / piece.name}")
                piece.drop()
        finally:
            write_results(out)
    return Tally(counts["made"], counts["there"], counts[FAILED], counts["failed before"])


def _by_processes(pieces: Iterable[Piece], workers: int) -> Iterator[tuple[Piece, Any]]:
    """What comes of the pieces in processes of this machine."""
    with Pool(_work, workers, memory=MEMORY) as pool:
        died: list[Piece] = []
        results = pool.run(([piece], STALL_S) for piece in pieces)
        again = pool.run(([p], STALL_S) for p in died)
        for piece, result in chain(results, again):
            if isinstance(result, Lost) and DIED in result.reason and piece not in died:
                died.append(piece)  # it may have been killed for no fault of the clip's
            else:
                yield piece, result


def _pieces(
    jobs: Iterable[Job],
    out: Path,
    model: str | None,
    exports: tuple[str, ...],
    retry_failed: bool,
    limit: int | None,
    counts: Counter[str],
    tell: Callable[[str], object],
    staging: Path,
) -> Iterator[Piece]:
    """What is to be made, one at a time: each job once, unless its folder is there.

    Clips that are elsewhere are brought into folders of `staging` before.
    """
    from pixmus.model.folder import model_folder

    _, sha256 = model_folder(model)
    seen: set[str] = set()
    given = 0
    for job in jobs:
        if limit is not None and given >= limit:
            return
        place = Path(tempfile.mkdtemp(dir=staging)) if job.url or job.cuts_url else None
        try:
            job = job if place is None else job.staged(place)
            name = job.name(sha256)
        except PixMusError as error:  # it is not there
            counts[FAILED] += 1
            tell(str(error))
            continue
        piece = Piece(job, name, out, model, exports, sha256, place)
        if name in seen:
            piece.drop()
            continue
        seen.add(name)
        if (out / name / RESULT).is_file():
            counts["there"] += 1
            piece.drop()
        elif _failure(out, name).is_file() and not retry_failed:
            counts["failed before"] += 1
            piece.drop()
        else:
            given += 1
            yield piece


def plan_many(
    jobs: Iterable[Job], out: Path, model: str | None, retry_failed: bool, limit: int | None
) -> list[Piece]:
    """What `make_many` would make."""
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="pixmus-") as name:
        told: list[Any] = [retry_failed, limit, counts, lambda line: None, Path(name)]
        return list(_pieces(jobs, out, model, (), *told))


# ------------------------------------------------------------------------------------- One clip


def _work(pieces: Sequence[Piece], beat: Callable[[], object]) -> Iterator[tuple[Piece, Any]]:
    """What a process does of a job: its soundtracks, with a sign of life at every step."""
    for piece in pieces:
        try:
            yield piece, make_one(piece, beat)
        except PixMusError as error:
            yield piece, Lost.by(error)


def make_one(piece: Piece, beat: Callable[[], object] = lambda: None) -> dict[str, Any]:
    """Make one soundtrack; returns what the table says of it."""
    from pixmus.cues.direction import Direction
    from pixmus.take.exports import write_bundle

    def on_stage(*_: object) -> None:
        beat()

    begun, worked = time.monotonic(), time.process_time()
    pipe = _pipeline(piece.model)
    asked = dict(piece.job.asked)
    spotting = {choice.name for choice in choices_of(Step.SPOT)}
    direction = Direction(**{name: asked.pop(name) for name in spotting & asked.keys()})
    asked[SEED.name] = piece.job.seed(piece.name)
    take = pipe(
        piece.job.clip,
        direction=direction,
        cuts=piece.job.cuts,
        on_stage=on_stage,
        **asked,
    )
    with new_folder(piece.out / piece.name, overwrite=True) as place:
        write_bundle(take, place / "bundle", names=piece.exports)
        for file in sorted((place / "bundle").iterdir()):
            file.rename(place / file.name)
        (place / "bundle").rmdir()
        size = sum(file.stat().st_size for file in place.rglob("*") if file.is_file())
        spent = time.monotonic() - begun, time.process_time() - worked
        row = _row(piece, take, spent, size)
        (place / RESULT).write_text(json.dumps(row, indent=1) + "\n", encoding="utf-8")
    _failure(piece.out, piece.name).unlink(missing_ok=True)
    return row


@lru_cache(maxsize=1)
def _pipeline(model: str | None) -> PixMusPipeline:
    """The model, loaded once by each process."""
    from pixmus.take.pipeline import PixMusPipeline

    return PixMusPipeline.from_pretrained(model)


def _row(piece: Piece, take: Soundtrack, spent: tuple[float, float], size: int) -> dict[str, Any]:
    from pixmus.score.spans import PLACED_TOLERANCE_S, nearest_place
    from pixmus.sound.loudness import loudness
    from pixmus.take.description import describe_take

    sheet = take.cue_sheet
    outside = None if take.check is None else len(take.check.outside)
    off = [nearest_place(take.tempo_map, cut)[1] for cut in sheet.cuts]
    heard = loudness(take.music)
    return {
        "clip": piece.job.told,
        "folder": piece.name,
        "status": "made",
        "error": None,
        "seed": piece.job.seed(piece.name),
        "tempo_bpm": round(float(take.tempo_map.local_tempo_bpm.mean()), 2),
        "key": take.score.key,
        "style": sheet.style,
        "ensemble": sheet.ensemble,
        "cuts": len(sheet.cuts),
        "cuts_met": sum(each <= PLACED_TOLERANCE_S for each in off),
        "hit_points": len(sheet.hit_points),
        "duration": round(sheet.duration, 3),
        "outside": outside,
        "loudness_lufs": round(heard, 2) if math.isfinite(heard) else None,
        "seconds": round(spent[0], 2),
        "processor_seconds": round(spent[1], 2),
        "bytes": size,
        "version": describe_take(take)["versions"].get("pixmus"),
        "process": os.getpid(),
    }


# ---------------------------------------------------------------------------------- The results


def _failure(out: Path, name: str) -> Path:
    return out / FAILED / f"{name}.json"


def _remember_failure(piece: Piece, reason: str) -> None:
    row = dict.fromkeys(COLUMNS) | {
        "clip": piece.job.told,
        "folder": piece.name,
        "status": FAILED,
        "error": reason,
        "seed": piece.job.seed(piece.name),
    }
    path = _failure(piece.out, piece.name)
    path.parent.mkdir(exist_ok=True)
    with replaced_file(path) as place:
        place.write_text(json.dumps(row) + "\n", encoding="utf-8")


def write_results(out: Path) -> None:
    """Write `results.parquet`: a row for every soundtrack that is there and all that failed."""
    rows = []
    for path in [*sorted(out.glob(f"*/{RESULT}")), *sorted((out / FAILED).glob("*.json"))]:
        try:
            rows.append(json.loads(path.read_text(encoding="utf-8")))
        except ValueError:  # somebody changed it
            continue
    if rows:
        columns = {name: [row.get(name) for row in rows] for name in COLUMNS}
        write_rows(columns, out / RESULTS, overwrite=True)
