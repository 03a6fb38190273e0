"""Shards: Parquet files in which every row's `Features` and `MusicCurves` are kept.

A folder holds `part-00000.parquet`, `part-00001.parquet`, ... of `ROWS_PER_SHARD` rows each (the
last may hold fewer), `quantiles.json` (the tables that turn music into the design's units) and
`failed.jsonl` (rows that could not be measured, one JSON object a line: id, number, reason). A
shard is only ever replaced whole, so whatever ends a run, those that are there can be read.

Every row says which version of the code measured it (`code_version`); a folder holds one version
and no other, because curves of two definitions must not be trained on together.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import pixmus.dataset.music
import pixmus.picture.features
from pixmus.compose.conditions import CurveTables
from pixmus.curves import num_curve_values
from pixmus.dataset.music import (
    MUSIC_CURVES,
    MusicCurves,
    fit_quantiles,
    num_seconds,
    quantile_curves,
)
from pixmus.dataset.split import SPLITS, Split
from pixmus.dataset.table import Row
from pixmus.errors import PixMusError
from pixmus.picture.features import FEATURE_CURVES, PALETTE, Features, Moment, Transition
from pixmus.take.bundle import new_file

if TYPE_CHECKING:
    import pyarrow

SCHEMA_VERSION = 1
ROWS_PER_SHARD = 1024  # about 7 MB
FLUSH_S = 20.0  # s of work that a kill may lose
QUANTILES = "quantiles.json"
FAILED = "failed.jsonl"
TRAINING = SPLITS[0]

# Pictures have a brightness too, so columns of the music's curves carry its name.
_HEARD = tuple(f"music_{name}" for name in MUSIC_CURVES)
_MUSIC_COLUMNS = ("music_duration", *_HEARD, "tempo_bpm", "key")


@dataclass(frozen=True, eq=False)
class Measured:
    """One row's picture and music."""

    id: str
    features: Features
    music: MusicCurves
    seconds: float  # that it took
    processor_seconds: float
    code: str  # the `code_version` that measured it


@dataclass(frozen=True, eq=False)
class Pair:
    """One row of a shard."""

    id: str
    number: int  # its place in the table
    kind: str
    split: str  # one of SPLITS; "" = not known
    group: str  # rows of one group share a source
    start: float  # s of the picture
    end: float
    features: Features
    music: MusicCurves
    curves: dict[str, np.ndarray]  # density, energy, valence, register: 0..1, a value a second


@dataclass(frozen=True, eq=False)
class Pairs:
    """The rows of a folder, read shard by shard each time they are gone through."""

    folder: Path
    code: str  # the `code_version` that measured them
    quantiles: CurveTables
    index: tuple[tuple[str, str], ...]  # (id, split) in the order of the shards

    def __len__(self) -> int:
        return len(self.index)

    def __iter__(self) -> Iterator[Pair]:
        for path in shard_paths(self.folder):
            yield from _pairs(_read(path), self.quantiles)


@cache
def code_version() -> str:
    """Eight hex digits that change with the code that measures pictures and music."""
    digest = hashlib.sha256()
    for module in (pixmus.picture.features, pixmus.dataset.music):
        digest.update(Path(str(module.__file__)).read_bytes())
    return digest.hexdigest()[:8]


def shard_paths(folder: Path) -> list[Path]:
    """The shards of a folder in their order."""
    return sorted(folder.glob("part-[0-9][0-9][0-9][0-9][0-9].parquet"))


def read_shards(folder: str | Path, *, any_version: bool = False) -> Pairs:
    """The rows of a folder of shards.

    Raises PixMusError where there are none, where they cannot be read, and where other code than
    this measured them, unless `any_version`.
    """
    folder = Path(folder)
    paths = shard_paths(folder)
    index: list[tuple[str, str]] = []
    codes: set[str] = set()
    for path in paths:
        table = _read(path, ["id", "split", "code"])
        index += zip(table["id"].to_pylist(), table["split"].to_pylist(), strict=True)
        codes |= set(table["code"].unique().to_pylist())
    if not index:
        raise PixMusError(f"{folder} holds no shards; make them with `pixmus dataset features`.")
    if len(codes) > 1:
        raise PixMusError(
            f"{folder} mixes rows of several versions of PixMus; measure them again into an empty "
            "folder."
        )
    code = codes.pop()
    if code != code_version() and not any_version:
        raise _other_version(folder)
    quantiles = _stored_quantiles(folder) or fit_folder(folder)
    return Pairs(folder, code, quantiles, tuple(index))


def fit_folder(folder: Path) -> CurveTables:
    """Write `quantiles.json`: over every second of the training rows, or of all rows where no row
    is known to be one."""
    known = any(
        TRAINING in _read(path, ["split"])["split"].to_pylist() for path in shard_paths(folder)
    )
    rows = [
        music
        for path in shard_paths(folder)
        for split, music in _music(_read(path, ["split", "duration", *_MUSIC_COLUMNS]))
        if not known or split == TRAINING
    ]
    tables = fit_quantiles(rows)
    text = {
        "over": "training rows" if known else "all rows",
        "rows": len(rows),
        "seconds": sum(len(music.loudness) for music in rows),
        "code": code_version(),
        "tables": json.loads(tables.to_json()),
    }
    with new_file(folder / QUANTILES, overwrite=True) as path:
        path.write_text(json.dumps(text) + "\n")
    return CurveTables.from_json(tables.to_json())  # as a reader of the file will have them


def _stored_quantiles(folder: Path) -> CurveTables | None:
    path = folder / QUANTILES
    if not path.is_file():  # a run that was killed
        return None
    try:
        return CurveTables.from_json(json.dumps(json.loads(path.read_text())["tables"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PixMusError(f"{path} cannot be read; remove it and it is made again.") from error


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
            columns = _read(path, names).to_pydict()
            if set(columns["code"]) - {code_version()}:
                raise _other_version(self.folder)
            spans = zip(columns["kind"], columns["start"], columns["end"], strict=True)
            self._spans |= dict(zip(columns["id"], spans, strict=True))
            known = zip(columns["split"], columns["group"], strict=True)
            self._splits[path] = dict(zip(columns["id"], known, strict=True))
        self._done: pyarrow.Table | None = None  # what the last shard holds already
        self._number = int(paths[-1].stem.removeprefix("part-")) + 1 if paths else 0
        if paths and len(self._splits[paths[-1]]) < rows_per_shard:
            self._number -= 1
            self._done = _read(paths[-1])
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
        table = pyarrow.Table.from_pylist(self._waiting, schema=_schema())
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
            table = _read(path)
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


@cache
def _schema() -> pyarrow.Schema:
    import pyarrow as pa

    text, curve, real = pa.string(), pa.list_(pa.float32()), pa.float64()
    spans = {"time": real, "start": real, "end": real, "kind": text}
    moments = {"time": real, "kind": text, "size": real}
    return pa.schema(
        {
            "schema": pa.int32(),
            "code": text,
            "id": text,
            "number": pa.int64(),
            "kind": text,
            "picture": text,
            "audio": text,
            "split": text,
            "group": text,
            "start": real,
            "end": real,
            "duration": real,
            "frame_rate": text,
            **dict.fromkeys(FEATURE_CURVES, curve),
            "palette": curve,
            "palette_width": pa.int32(),
            "transitions": pa.list_(pa.struct(spans)),
            "moments": pa.list_(pa.struct(moments)),
            "music_duration": real,
            **dict.fromkeys(_HEARD, curve),
            "tempo_bpm": real,
            "key": text,
            "seconds": real,
            "processor_seconds": real,
        }
    )


# ---------------------------------------------------------------------------------------- reading


def _other_version(folder: Path) -> PixMusError:
    return PixMusError(
        f"{folder} was measured by another version of PixMus; measure the rows again into an empty "
        "folder."
    )


def _read(path: Path, columns: Sequence[str] | None = None) -> pyarrow.Table:
    import pyarrow
    import pyarrow.parquet

    try:
        file = pyarrow.parquet.ParquetFile(path)
        if file.schema_arrow != _schema():
            raise PixMusError(f"{path} is no shard of this version of PixMus.")
        return file.read(columns)
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise PixMusError(
            f"{path} cannot be read ({error}); remove it, and `pixmus dataset features` measures "
            "its rows again."
        ) from error


def _lists(table: pyarrow.Table, name: str) -> list[np.ndarray]:
    """A column of curves as arrays; None comes back as an empty one."""
    column = table[name].combine_chunks()
    values = column.values.to_numpy()
    edges = column.offsets.to_numpy()
    return [values[low:high].copy() for low, high in zip(edges[:-1], edges[1:], strict=True)]


def _music(table: pyarrow.Table) -> Iterator[tuple[str, MusicCurves]]:
    """Split and music of every row."""
    curves = zip(*(_lists(table, name) for name in _HEARD), strict=True)
    names = ("split", "music_duration", "tempo_bpm", "key")
    plain = zip(*(table[name].to_pylist() for name in names), strict=True)
    for (split, duration, tempo_bpm, key), values in zip(plain, curves, strict=True):
        named = dict(zip(MUSIC_CURVES, values, strict=True))
        assert len(values[0]) == num_seconds(duration), f"{duration=} {len(values[0])=}"
        yield split, MusicCurves(duration, tempo_bpm=tempo_bpm, key=key, **named)


def _pairs(table: pyarrow.Table, quantiles: CurveTables) -> Iterator[Pair]:
    music = [curves for _, curves in _music(table)]
    curves = {name: _lists(table, name) for name in (*FEATURE_CURVES, "palette")}
    rest = [name for name in table.schema.names if name not in (*curves, *_HEARD)]
    for place, row in enumerate(table.select(rest).to_pylist()):
        palette = curves["palette"][place]
        features = Features(
            row["duration"],
            Fraction(row["frame_rate"]),
            tuple(Transition(**transition) for transition in row["transitions"]),
            **{name: curves[name][place] for name in FEATURE_CURVES},
            palette=palette.reshape(-1, row["palette_width"]) if len(palette) else None,
            moments=tuple(Moment(**moment) for moment in row["moments"]),
        )
        assert len(features.motion) == num_curve_values(features.duration), f"{row['id']=}"
        yield Pair(
            **{name: row[name] for name in ("id", "number", "kind", "split", "group")},
            start=row["start"],
            end=row["end"],
            features=features,
            music=music[place],
            curves=quantile_curves(music[place], quantiles),
        )
