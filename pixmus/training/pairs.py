"""`Pairs`: pictures with their music as they were measured, read from a folder of shards.

A folder holds `part-00000.parquet`, `part-00001.parquet`, ... and `quantiles.json` (the tables that
turn music into the design's units); `pixmus dataset features` writes them.

Every row says which version of the code measured it (`code_version`); a folder holds one version
and no other, because curves of two definitions must not be trained on together.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import pixmus.training.music
from pixmus.curves import num_curve_values
from pixmus.errors import PixMusError
from pixmus.files import new_file
from pixmus.picture.features import FEATURE_CURVES, Features, measuring_version
from pixmus.picture.moments import Moment
from pixmus.picture.transitions import Transition
from pixmus.score.curves import CurveTables
from pixmus.training.music import (
    MUSIC_CURVES,
    MusicCurves,
    fit_quantiles,
    num_seconds,
    quantile_curves,
)
from pixmus.training.splits import TRAINING

if TYPE_CHECKING:
    import pyarrow

SCHEMA_VERSION = 1
QUANTILES = "quantiles.json"

# Pictures have a brightness too, so columns of the music's curves carry its name.
HEARD = tuple(f"music_{name}" for name in MUSIC_CURVES)
MUSIC_COLUMNS = ("music_duration", *HEARD, "tempo_bpm", "key")


@dataclass(frozen=True, eq=False)
class Pair:
    """One row of a shard."""

    id: str
    number: int  # its place in the table
    kind: str
    split: str  # one of `splits.SPLITS`; "" = not known
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
            yield from _pairs(read_shard(path), self.quantiles)


@cache
def code_version() -> str:
    """Eight hex digits that change with the code that measures pictures and music."""
    digest = hashlib.sha256()
    digest.update(measuring_version().encode())
    digest.update(Path(str(pixmus.training.music.__file__)).read_bytes())
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
        table = read_shard(path, ["id", "split", "code"])
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
        raise other_version(folder)
    quantiles = _stored_quantiles(folder) or fit_folder(folder)
    return Pairs(folder, code, quantiles, tuple(index))


def fit_folder(folder: Path) -> CurveTables:
    """Write `quantiles.json`: over every second of the training rows, or of all rows where no row
    is known to be one."""
    known = any(
        TRAINING in read_shard(path, ["split"])["split"].to_pylist() for path in shard_paths(folder)
    )
    rows = [
        music
        for path in shard_paths(folder)
        for split, music in _music(read_shard(path, ["split", "duration", *MUSIC_COLUMNS]))
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


@cache
def schema() -> pyarrow.Schema:
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
            **dict.fromkeys(HEARD, curve),
            "tempo_bpm": real,
            "key": text,
            "seconds": real,
            "processor_seconds": real,
        }
    )


# ---------------------------------------------------------------------------------------- reading


def other_version(folder: Path) -> PixMusError:
    return PixMusError(
        f"{folder} was measured by another version of PixMus; measure the rows again into an empty "
        "folder."
    )


def read_shard(path: Path, columns: Sequence[str] | None = None) -> pyarrow.Table:
    import pyarrow
    import pyarrow.parquet

    try:
        file = pyarrow.parquet.ParquetFile(path)
        if file.schema_arrow != schema():
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
    curves = zip(*(_lists(table, name) for name in HEARD), strict=True)
    names = ("split", "music_duration", "tempo_bpm", "key")
    plain = zip(*(table[name].to_pylist() for name in names), strict=True)
    for (split, duration, tempo_bpm, key), values in zip(plain, curves, strict=True):
        named = dict(zip(MUSIC_CURVES, values, strict=True))
        assert len(values[0]) == num_seconds(duration), f"{duration=} {len(values[0])=}"
        yield split, MusicCurves(duration, tempo_bpm=tempo_bpm, key=key, **named)


def _pairs(table: pyarrow.Table, quantiles: CurveTables) -> Iterator[Pair]:
    music = [curves for _, curves in _music(table)]
    curves = {name: _lists(table, name) for name in (*FEATURE_CURVES, "palette")}
    rest = [name for name in table.schema.names if name not in (*curves, *HEARD)]
    for place, row in enumerate(table.select(rest).to_pylist()):
        palette = curves["palette"][place]
        features = Features(
            row["duration"],
            Fraction(row["frame_rate"]),
            tuple(Transition(**transition) for transition in row["transitions"]),
            **{name: curves[name][place] for name in FEATURE_CURVES},  # type: ignore[arg-type]
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
