"""Sheets: columns of text in CSV, gzipped CSV and Parquet files, read and written.

A source is a file, a folder of files or a dataset on the Hub; what cannot be read is one sentence.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from pixmus.dataset.layouts import OLDER_THESIS_COLUMNS, PLAIN_COLUMNS, THESIS_COLUMNS
from pixmus.errors import PixMusError
from pixmus.files import new_file
from pixmus.hub import Kind, local_folder, looks_like_id

TABLE_SUFFIXES = (".csv", ".csv.gz", ".parquet")
TABLE_FILES = tuple(f"*{suffix}" for suffix in TABLE_SUFFIXES)
DATASET_KIND = Kind(
    name="table",
    index=None,
    files=TABLE_FILES,
    weights=TABLE_FILES,
    example="a table file (.csv, .csv.gz, .parquet) or a folder of them",
    repo_type="dataset",
)


def write_rows(
    columns: Mapping[str, Sequence[Any]], path: str | Path, overwrite: bool = False
) -> None:
    """Write columns of one length to a .csv, .csv.gz or .parquet file, which appears whole.

    In CSV, None is an empty cell; the same columns give the same bytes. Raises PixMusError where
    the name has another ending, or is there already and `overwrite` is not given.
    """
    path = Path(path)
    suffix = _table_suffix(path)
    if suffix is None:
        raise PixMusError(f"{path}: a table's name ends in .csv, .csv.gz or .parquet; choose one.")
    with new_file(path, overwrite) as place:
        if suffix == ".parquet":
            import pyarrow
            import pyarrow.parquet

            table = pyarrow.table({name: list(values) for name, values in columns.items()})
            pyarrow.parquet.write_table(table, place, compression="zstd")
            return
        with open(place, "wb") as raw:
            if suffix == ".csv":
                _write_csv(columns, raw)
            else:  # without the time and name that gzip would put in
                with gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed:
                    _write_csv(columns, packed)


def read_rows(path: str | Path) -> dict[str, list[str]]:
    """The columns of any one .csv, .csv.gz or .parquet file as text, an empty cell as "".

    Raises PixMusError where the file cannot be read whole.
    """
    if not Path(path).is_file():
        raise PixMusError(f"There is no file {path}.")
    ((name, file),) = table_files(path, None, None)
    sheet = open_sheet(name, file)
    columns: dict[str, list[str]] = {column: [] for column in sheet.columns}
    for row in sheet.rows:
        if isinstance(row, str) or len(row) != len(columns):
            told = row if isinstance(row, str) else f"a row has {len(row)} values"
            raise PixMusError(f"{name} is broken: {told}.")
        for values, text in zip(columns.values(), row, strict=True):
            values.append(text)
    return columns


# ------------------------------------------------------------------------------------- from files


def _table_suffix(path: Path) -> str | None:
    name = path.name.lower()
    return next((suffix for suffix in TABLE_SUFFIXES if name.endswith(suffix)), None)


def table_files(
    source: str | Path, revision: str | None, token: str | bool | None
) -> list[tuple[str, Path]]:
    """The files of a source, with the names by which messages call them."""
    path = Path(source)
    if path.is_file():
        if _table_suffix(path) is None:
            raise PixMusError(f"{path} is no table: its name ends in none of .csv, .csv.gz, "
                              ".parquet.")  # fmt: skip
        return [(str(source), path)]
    if not path.is_dir():
        if _table_suffix(path) is not None or not looks_like_id(source):
            raise PixMusError(
                f"{source} is neither a file nor a folder here; give {DATASET_KIND.example}, or "
                "the id of a dataset on the Hub, USER/NAME."
            )
        path = local_folder(source, DATASET_KIND, revision=revision, token=token)
    elif revision is not None:
        raise PixMusError(f"{path} is a folder here, so it has no revision {revision}.")
    found = sorted(
        (str(file.relative_to(path)), file)
        for file in path.rglob("*")
        if _table_suffix(file) is not None
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
        and file.is_file()
    )
    if not found:
        raise PixMusError(f"{source} holds no table; give {DATASET_KIND.example}.")
    return [(f"{PurePosixPath(source) / name}", file) for name, file in found]


@dataclass
class Sheet:
    """One file: its columns, and its rows as text; a row that is no list says why it is broken."""

    columns: tuple[str, ...]
    rows: Iterator[list[str] | str]


def open_sheet(name: str, path: Path) -> Sheet:
    return _open_parquet(name, path) if _table_suffix(path) == ".parquet" else _open_csv(name, path)


def _open_csv(name: str, path: Path) -> Sheet:
    rows = _csv_rows(name, path)
    header = next(rows, None)
    if header is None:
        raise PixMusError(f"{name} is empty; give a table with a header and rows.")
    if isinstance(header, str):
        raise PixMusError(f"The header of {name} is broken: {header}.")
    columns = [text if text.strip() else f"Unnamed: {k}" for k, text in enumerate(header)]
    return Sheet(tuple(columns), rows)


def _csv_rows(name: str, path: Path) -> Iterator[list[str] | str]:
    """Rows as text; lines without anything are no rows, for pandas neither."""
    opened: Callable[..., Any] = gzip.open if path.name.lower().endswith(".gz") else open
    try:
        with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            while True:
                begun = reader.line_num + 1
                try:
                    row = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    if "unexpected end" in str(error) or "field limit" in str(error):
                        raise PixMusError(
                            f"{name} cannot be read from line {begun} on: a quotation mark is "
                            "opened there and not closed; mend the file."
                        ) from error
                    yield f"Line {begun} is no CSV ({error})"
                    continue
                if row and (len(row) > 1 or row[0].strip()):
                    yield row
    except UnicodeDecodeError as error:
        raise PixMusError(
            f"{name} is not written in UTF-8 (byte {error.object[error.start]:#04x}); save it as "
            "UTF-8."
        ) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise PixMusError(
            f"{name} cannot be unpacked ({error}); fetch or make it again."
        ) from error
    except OSError as error:
        raise PixMusError(f"{name} cannot be read ({error.strerror or error}).") from error


def _open_parquet(name: str, path: Path) -> Sheet:
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
            columns = [k for k in schema.names if not _holds_media(schema.field(k).type)]
            wanted = set(schema.names) & {*THESIS_COLUMNS, *OLDER_THESIS_COLUMNS, *PLAIN_COLUMNS}
            for column in schema.names:
                if column in wanted and column not in columns:
                    raise PixMusError(
                        f"{name} holds {schema.field(column).type} in its column {column}, where "
                        "text or numbers belong."
                    )
    except (pyarrow.ArrowException, OSError, KeyError) as error:
        raise _no_parquet(name, error) from error
    return Sheet(tuple(columns), _parquet_rows(name, path, columns))


def _parquet_rows(name: str, path: Path, columns: list[str]) -> Iterator[list[str] | str]:
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(columns=columns):
                cells = [
                    [_as_text(v) for v in column.to_pylist()]
                    for column in batch.select(columns).columns
                ]
                yield from map(list, zip(*cells, strict=True))
    except (pyarrow.ArrowException, OSError) as error:
        raise _no_parquet(name, error) from error


def _no_parquet(name: str, error: Exception) -> PixMusError:
    return PixMusError(f"{name} cannot be read as Parquet ({' '.join(str(error).split())}).")


def _holds_media(kind: Any) -> bool:
    """Whether a column's values are bytes or more than one value, as embedded media are."""
    from pyarrow import types

    is_bytes = types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind)
    return bool(is_bytes or types.is_fixed_size_binary(kind) or types.is_nested(kind))


def _as_text(value: object) -> str:
    if value is None or value != value:  # a NaN is not itself
        return ""
    return str(value)


# --------------------------------------------------------------------------------------- to files


def _write_csv(columns: Mapping[str, Sequence[Any]], raw: Any) -> None:
    text = io.TextIOWrapper(raw, encoding="utf-8", newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    text.detach()  # flushed; the file below is closed where it was opened
