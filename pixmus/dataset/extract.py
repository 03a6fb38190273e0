"""`extract`: a table's rows and their media into shards, on one machine or several.

Rows that are in the shards already are left alone, so a run that ended, however it ended, goes on
where it stopped. Rows that failed are tried again.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pixmus.dataset.measure import STALL_S, Outcome, group_rows, measuring_pool
from pixmus.dataset.media import Media
from pixmus.dataset.pool import Lost
from pixmus.dataset.shards import FAILED, Measured, ShardWriter
from pixmus.dataset.split import Split
from pixmus.dataset.table import Row
from pixmus.errors import PixMusError
from pixmus.files import new_file
from pixmus.training.pairs import fit_folder
from pixmus.training.splits import KINDS

ENGINES = ("processes", "ray")
THESIS_ROWS = {"video": 22_482, "still": 30_896}


@dataclass(frozen=True)
class Extraction:
    """What a run did."""

    measured: dict[str, int]  # rows by kind
    failed: int
    present: int  # rows that the shards held before
    workers: int
    wall_s: float  # of the whole run, starting and writing included
    seconds: dict[str, float]  # mean of one row by kind, in the process that measured it
    processor_seconds: dict[str, float]  # the same, of processor time

    @property
    def hours_for_all(self) -> float | None:
        """Estimate for the thesis' 53,378 rows on as many processes, hours; None if unknown.

        Where only one kind of row was measured, the other is taken to cost as much.
        """
        if not self.measured:
            return None
        usual = max(self.seconds.values())
        busy = sum(n * self.seconds.get(kind, usual) for kind, n in THESIS_ROWS.items())
        return busy / self.workers / 3600

    def to_text(self, folder: Path) -> str:
        """One line for each fact."""
        total = sum(self.measured.values())
        each = f" ({self.wall_s / total:.2f} s a row)" if total else ""
        lines = [
            f"{total} rows measured in {self.wall_s:.1f} s{each}, {self.present} were there before."
        ]
        if self.failed:
            lines.append(f"{self.failed} rows failed; {folder / FAILED} says why.")
        for kind in self.measured:
            lines.append(
                f"A {kind} row: {self.seconds[kind]:.2f} s in its process, "
                f"{self.processor_seconds[kind]:.2f} s of processor time."
            )
        if (hours := self.hours_for_all) is not None:
            crew = "1 process" if self.workers == 1 else f"{self.workers} processes"
            lines.append(
                f"All {sum(THESIS_ROWS.values()):,} rows of the thesis' dataset would take about "
                f"{hours:.1f} hours on {crew} like these."
            )
        return "\n".join(lines)


def count_workers(engine: str, ray_address: str | None) -> int:
    """Cores of this machine, or of the whole cluster at `ray_address`."""
    if engine == "ray" and ray_address is not None:
        from pixmus.dataset.cluster import count_processors

        return count_processors(ray_address)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def extract(
    rows: Sequence[Row],
    media: str | Path,
    out: str | Path,
    *,
    split: Split | None = None,
    engine: str = "processes",
    workers: int = 1,
    ray_address: str | None = None,
    on_row: Callable[[int, int], object] | None = None,
) -> Extraction:
    """Measure rows into the shards of the folder `out`, and fit the quantiles over them.

    `workers` processes work at a time; with the engine "ray" they are tasks on the cluster at
    `ray_address`, or on one that is started here. `on_row` hears how many rows of how many are
    through. Raises PixMusError where the shards were measured by other code or from another table.
    """
    if engine not in ENGINES:
        raise PixMusError(f"{engine} is no engine; there are: {', '.join(ENGINES)}.")
    begun = time.perf_counter()
    folder, found = Path(out), Media(Path(media).resolve())  # a worker may stand elsewhere
    writer = ShardWriter(folder)
    if split is not None:
        writer.assign(split)
    todo = {row.id: row for row in rows if not writer.has(row)}
    log = _FailureLog(folder / FAILED)
    totals = {kind: _Total() for kind in KINDS}
    groups = group_rows(todo.values())
    through = 0
    try:
        with closing(_outcomes(groups, found, engine, workers, ray_address)) as outcomes:
            for row, outcome in outcomes:
                if isinstance(outcome, Lost):
                    log.add(row, outcome.reason)
                else:
                    side, group = split[row.id] if split and row.id in split else ("", "")
                    if not writer.add(row, outcome, side, group):
                        continue  # a task that was run twice
                    totals[row.kind].add(outcome)
                through += 1
                if on_row is not None:
                    on_row(through, len(todo))
    finally:
        writer.flush()
        log.close(done=writer.has_id)
    if writer.num_rows:
        fit_folder(folder)
    measured = {kind: total for kind, total in totals.items() if total.rows}
    return Extraction(
        measured={kind: total.rows for kind, total in measured.items()},
        failed=sum(not writer.has_id(row.id) for row in rows),
        present=len(rows) - len(todo),
        workers=workers,
        wall_s=time.perf_counter() - begun,
        seconds={kind: total.seconds / total.rows for kind, total in measured.items()},
        processor_seconds={
            kind: total.processor_seconds / total.rows for kind, total in measured.items()
        },
    )


def _outcomes(
    groups: Sequence[Sequence[Row]],
    media: Media,
    engine: str,
    workers: int,
    ray_address: str | None,
) -> Generator[tuple[Row, Outcome], None, None]:
    if not groups:
        return
    if engine == "ray":
        from pixmus.dataset.cluster import measure_on_cluster

        yield from measure_on_cluster(groups, media, workers, ray_address)
        return
    with measuring_pool(media, workers) as pool:
        yield from pool.run((group, STALL_S) for group in groups)


@dataclass
class _Total:
    rows: int = 0
    seconds: float = 0.0
    processor_seconds: float = 0.0

    def add(self, measured: Measured) -> None:
        self.rows += 1
        self.seconds += measured.seconds
        self.processor_seconds += measured.processor_seconds


class _FailureLog:
    """`failed.jsonl`: a line for each row that failed, added at once; at the end, or at the next
    run's, only rows that still fail are left."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = open(path, "a", encoding="utf-8")  # noqa: SIM115 - closed by `close`

    def add(self, row: Row, reason: str) -> None:
        line = {"id": row.id, "number": row.number, "reason": reason}
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._file.flush()

    def close(self, done: Callable[[str], bool]) -> None:
        self._file.close()
        last: dict[str, str] = {}
        for line in self._path.read_text(encoding="utf-8").splitlines():
            try:
                name = json.loads(line)["id"]
            except (ValueError, KeyError, TypeError):  # cut off by a kill
                continue
            if not done(name):
                last[name] = line
        if not last:
            self._path.unlink()
            return
        with new_file(self._path, overwrite=True) as path:
            path.write_text("".join(line + "\n" for line in last.values()), encoding="utf-8")
