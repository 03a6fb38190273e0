"""Shards: Parquet files in which every row's `Features` and `MusicCurves` are kept.

A folder holds `part-00000.parquet`, `part-00001.parquet`, ... of `ROWS_PER_SHARD` rows each (the
last may hold fewer), `quantiles.json` (the tables that turn music into the design's units) and
`failed.jsonl` (rows that could not be measured, one JSON object a line: id, number, reason). A
shard is only ever replaced whole, so whatever ends a run, those that are there can be read.

Every row says which version of the code measured it (`code_version`); a folder holds one version
and no other, because curves of two definitions must not be trained on together.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pixmus.dataset.split import Split
from pixmus.dataset.table import Row
from pixmus.errors import PixMusError
from pixmus.files import new_file
from pixmus.picture.features import FEATURE_CURVES, Features
from pixmus.picture.palette import PALETTE
from pixmus.training.music import (
    MUSIC_CURVES,
    MusicCurves,
)
from pixmus.training.pairs import (
    SCHEMA_VERSION,
    code_version,
    other_version,
    read_shard,
    schema,
    shard_paths,
)

if TYPE_CHECKING:
    import pyarrow
ROWS_PER_SHARD = 1024  # about 7 MB
FLUSH_S = 20.0  # s of work that a kill may lose
FAILED = "failed.jsonl"


@dataclass(frozen=True, eq=False)
class Measured:
    """One row's picture and music."""

    id: str
    features: Features
    music: MusicCurves
    seconds: float  # that it took
    processor_seconds: float
    code: str  # the `code_version` that measured it


# ---------------------------------------------------------------------------------------- writing


class ShardWriter:
    """Adds rows to a folder of shards; a row that is there already is not added again."""

    def __init__(self, folder: str | Path, rows_per_shard: int = ROWS_PER_SHARD) -> None:
        self.folder = Path(folder)
        self._rows_per_shard = rows_per_shard
        self.folder.mkdir(parents=True, exist_ok=True)
        for left in self.folder.glob(".part-*"):  # of a run that was killed
            left.unlink(missing_ok=True)
        self._spans: dict[str, tuple[str, float, float]] = {}
        self._splits: dict[Path, dict[str, tuple[str, str]]] = {}
        paths = shard_paths(self.folder)
        for path in paths:
            names = ["id", "kind", "start", "end", "code", "split", "group"]
            columns = read_shard(path, names).to_pydict()
            if set(columns["code"]) - {code_version()}:
                raise other_version(self.folder)
            spans = zip(columns["kind"], columns["start"], columns["end"], strict=True)
            self._spans |= dict(zip(columns["id"], spans, strict=True))
            known = zip(columns["split"], columns["group"], strict=True)
            self._splits[path] = dict(zip(columns["id"], known, strict=True))
        self._done: pyarrow.Table | None = None  # what the last shard holds already
        self._number = int(paths[-1].stem.removeprefix("part-")) + 1 if paths else 0
        if paths and len(self._splits[paths[-1]]) < rows_per_shard:
            self._number -= 1
            self._done = read_shard(paths[-1])
        self._waiting: list[dict[str, Any]] = []
        self._flushed = time.monotonic()

    def has(self, row: Row) -> bool:
        """Whether the row is there; raise PixMusError where another row has its id."""
        span = self._spans.get(row.id)
        if span is not None and span != (row.kind, row.start, row.end):
            raise PixMusError(
                f"{self.folder} holds rows of another table: its row {row.id} is "
                f"{span[1]:g} to {span[2]:g} s of a {span[0]}; choose another folder."
            )
        return span is not None

    @property
    def num_rows(self) -> int:
        """How many rows are there."""
        return len(self._spans)

    def has_id(self, name: str) -> bool:
        """Whether a row of that id is there."""
        return name in self._spans

    def add(self, row: Row, measured: Measured, split: str = "", group: str = "") -> bool:
        """Keep a row, unless it is there; say whether it was kept."""
        if self.has(row):
            return False
        if measured.code != code_version():
            raise PixMusError(
                "a worker runs another version of PixMus; install the same one on every machine."
            )
        self._spans[row.id] = (row.kind, row.start, row.end)
        self._waiting.append(_record(row, measured, split, group))
        held = 0 if self._done is None else self._done.num_rows
        is_full = held + len(self._waiting) >= self._rows_per_shard
        if is_full or time.monotonic() - self._flushed > FLUSH_S:
            self.flush()
        return True

    def flush(self) -> None:
        """Write what is not written yet."""
        import pyarrow

        self._flushed = time.monotonic()
        if not self._waiting:
            return
        table = pyarrow.Table.from_pylist(self._waiting, schema=schema())
        if self._done is not None:
            table = pyarrow.concat_tables([self._done, table])
        _write(table, self.folder / f"part-{self._number:05d}.parquet")
        self._waiting = []
        self._done = table
        if table.num_rows >= self._rows_per_shard:
            self._done = None
            self._number += 1

    def assign(self, split: Split) -> None:
        """Give the rows that were there before this writer the split and group they have now."""
        import pyarrow

        for path, known in self._splits.items():
            now = {
                name: (split[name].split, split[name].group) if name in split else before
                for name, before in known.items()
            }
            if now == known:
                continue
            table = read_shard(path)
            for name, values in zip(
                ("split", "group"), zip(*now.values(), strict=True), strict=True
            ):
                place = table.schema.get_field_index(name)
                table = table.set_column(place, table.schema.field(name), pyarrow.array(values))
            _write(table, path)
            self._splits[path] = now
            if self._done is not None and path == shard_paths(self.folder)[-1]:
                self._done = table


def _write(table: pyarrow.Table, path: Path) -> None:
    import pyarrow.parquet

    with new_file(path, overwrite=True) as unfinished, open(unfinished, "wb") as file:
        pyarrow.parquet.write_table(table, file, compression="zstd")
        file.flush()
        os.fsync(file.fileno())


def _record(row: Row, measured: Measured, split: str, group: str) -> dict[str, Any]:
    features, music = measured.features, measured.music
    palette = features.palette
    return {
        "schema": SCHEMA_VERSION,
        "code": measured.code,
        "id": row.id,
        "number": row.number,
        "kind": row.kind,
        "picture": row.picture,
        "audio": row.audio,
        "split": split,
        "group": group or row.picture,
        "start": row.start,
        "end": row.end,
        "duration": features.duration,
        "frame_rate": str(features.frame_rate),
        **{name: getattr(features, name) for name in FEATURE_CURVES},
        "palette": None if palette is None else palette.ravel(),
        "palette_width": len(PALETTE),
        "transitions": [vars(transition) for transition in features.transitions],
        "moments": [vars(moment) for moment in features.moments],
        "music_duration": music.duration,
        **{f"music_{name}": getattr(music, name) for name in MUSIC_CURVES},
        "tempo_bpm": music.tempo_bpm,
        "key": music.key,
        "seconds": measured.seconds,
        "processor_seconds": measured.processor_seconds,
    }
