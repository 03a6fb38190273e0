"""`Table`: the rows of a dataset of pictures with music, read as they are written.

Two layouts are known by the exact names of their columns: the thesis' own (`THESIS_COLUMNS`) and a
plainer one (`PLAIN_COLUMNS`). The thesis' has an older form without segments
(`OLDER_THESIS_COLUMNS`). Columns of other names are kept as they are. What cannot be used of a
table is a `Refusal` with its reason; nothing is guessed, set right or left out in silence.

Conventions: times are seconds of the file that a row names; a still stands for seconds 0 to 30 of
its music. Audio of the thesis' layout lies in three segments of 10 s, each named
`{audio file without suffix}_{start}_{end}` (the loader of github.com/Tilak1114/music-diffusion).
Rows are numbered from 0, the header not counted, across all files of a table.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import math
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from pixmus.errors import PixMusError
from pixmus.hub import Kind, local_folder, looks_like_id
from pixmus.take.bundle import new_file
from pixmus.training.splits import KINDS

SEGMENTS = (1, 2, 3)
THESIS_COLUMNS = (
    "Audio File Name", "Video File Name", "isVideo", "Video Start Time", "Video End Time",
    "MeanRGBDiff",
    *(f"Segment {k} Reference" for k in SEGMENTS),
    *(f"Segment {k} {end}" for k in SEGMENTS for end in ("Start", "End")),
)  # fmt: skip
OLDER_THESIS_COLUMNS = (*THESIS_COLUMNS[:5], "Audio Start Time", "Audio End Time")
PLAIN_COLUMNS = ("id", "kind", "picture", "audio", "start", "end", "caption")
PLAIN_AUDIO_COLUMNS = ("audio_start", "audio_end")  # where the music lies elsewhere in its file
STILL_END = 30.0  # s that a still stands for

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
TOLERANCE_S = 0.5  # of a hole between segments, and of the lengths of picture and music
ROUNDING_S = 0.01  # by which spans may overlap because their times were rounded
EMPTY = frozenset(("", "nan", "nat", "none", "null", "na", "n/a", "<na>"))  # in lower case
BOOLEANS = {
    **dict.fromkeys(("true", "1", "1.0", "yes"), True),
    **dict.fromkeys(("false", "0", "0.0", "no"), False),
}


@dataclass(frozen=True)
class Segment:
    """A stretch of a row's music: its name, and where it lies in the audio file (seconds)."""

    reference: str
    start: float
    end: float


@dataclass(frozen=True)
class Row:
    """One picture and its music."""

    number: int  # its place in the table, from 0; rows that cannot be used count
    id: str  # unique in the table
    kind: str  # one of KINDS
    picture: str  # as the table names it: a file, a path on the Hub, a video id
    audio: str  # the same; "" where the table has only segments
    start: float  # of the picture; 0 for a still
    end: float
    audio_start: float
    audio_end: float
    segments: tuple[Segment, ...] = ()
    motion: float | None = None  # mean RGB difference as the table states it, 0..255
    caption: str = ""
    extra: dict[str, str] = field(default_factory=dict)  # columns of other names

    @property
    def duration(self) -> float:
        """Seconds of picture and music together."""
        return self.end - self.start


@dataclass(frozen=True)
class Refusal:
    """A row that cannot be used, and why, in one sentence."""

    number: int
    reason: str
    problem: str = ""  # the sort of reason, the same words for all rows of that sort


@dataclass(frozen=True)
class Table:
    """The rows of one table."""

    source: str  # what was read, as a person named it
    layout: str  # "thesis" or "plain"
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    refused: tuple[Refusal, ...] = ()
    unknown: tuple[str, ...] = ()  # the columns of other names
    missing: dict[str, int] = field(default_factory=dict)  # empty cells by column, all rows
    files: tuple[str, ...] = ()  # in the order in which they were joined

    @property
    def num_rows(self) -> int:
        """Rows of the files, those that cannot be used among them."""
        return len(self.rows) + len(self.refused)

    def chosen(self, span: str | None) -> list[Row]:
        """The usable rows of a span "A:B" (see `row_span`); None is all of them."""
        if span is None:
            return list(self.rows)
        wanted = row_span(span, self.num_rows)
        rows = [row for row in self.rows if row.number in wanted]
        if not rows:
            raise PixMusError(f"--rows {span} holds no row of {self.source} that can be used.")
        return rows


def row_span(text: str, num_rows: int) -> range:
    """The rows that "A:B" names, B not included, as Python has it; either may be left out."""
    found = re.fullmatch(r"(\d*):(\d*)", text.strip())
    if found is None:
        raise PixMusError(f"--rows {text!r} is no span of rows; write it like 0:100.")
    start, stop = int(found[1] or 0), int(found[2] or num_rows)
    if stop <= start < num_rows:
        raise PixMusError(f"--rows {text} ends before it begins; write it like 0:100.")
    if not 0 <= start < stop <= num_rows:
        raise PixMusError(
            f"--rows {text} lies outside the table, whose {num_rows} rows are 0:{num_rows}."
        )
    return range(start, stop)


def read_table(
    source: str | Path, *, revision: str | None = None, token: str | bool | None = None
) -> Table:
    """The table of a file, of a folder with its table files joined, or of a dataset on the Hub.

    Files are CSV in UTF-8, gzipped CSV and Parquet, told apart by their names. A folder's tables,
    in the order of their paths, must have one layout; other files and hidden folders are ignored.
    Of a Hub id (`USER/NAME`, at `revision`) table files alone are fetched, never media.

    Ids of the thesis' layout are made from audio, times and picture, so a row keeps its id in any
    file; a row that is there twice is kept, its id with `~2`. In the plain layout, whose ids are
    given, the second row of an id is refused. Stills of the thesis' layout stand for seconds 0 to
    30 whatever times they state, as in its loader; times that say otherwise are kept in `extra`.
    Cells of the `EMPTY` words are missing values, as pandas has it.

    Raises PixMusError where nothing can be read: no file, an unknown layout, missing columns,
    no row, broken encoding or compression.
    """
    reader = _Reader(str(source))
    files = _table_files(source, revision, token)
    for name, path in (
        files if len(files) > 1 else []
    ):  # one that does not fit is noticed before any is read
        reader.check(name, _open_sheet(name, path).columns)
    for name, path in files:
        reader.read(name, path)
    return reader.table()


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
    ((name, file),) = _table_files(path, None, None)
    sheet = _open_sheet(name, file)
    columns: dict[str, list[str]] = {column: [] for column in sheet.columns}
    for row in sheet.rows:
        if isinstance(row, str) or len(row) != len(columns):
            told = row if isinstance(row, str) else f"a row has {len(row)} values"
            raise PixMusError(f"{name} is broken: {told}.")
        for values, text in zip(columns.values(), row, strict=True):
            values.append(text)
    return columns


def write_table(
    rows: Iterable[Row], path: str | Path, layout: str = "plain", overwrite: bool = False
) -> None:
    """Write rows in the plain or the thesis' layout, their other columns behind.

    The plain layout has no place for segments and motion, nor the thesis' for ids and captions.
    The thesis' layout needs segments; rows without them raise PixMusError.
    """
    rows = list(rows)
    columns = thesis_columns(rows) if layout == "thesis" else _plain_columns(rows)
    others = dict.fromkeys(name for row in rows for name in row.extra if name not in columns)
    for name in others:
        columns[name] = [row.extra.get(name, "") for row in rows]
    write_rows(columns, path, overwrite)


def row_id(
    kind: str,
    picture: str,
    span: tuple[float, float],
    audio: str,
    audio_span: tuple[float, float],
    references: Sequence[str] = (),
) -> str:
    """`{audio}_{start}_{end}-{12 hex digits of all}`: the same for the same row, fit for a file.

    The digits are the beginning of the sha1 over everything that is given here.
    """
    times = [_number(second) for second in (*span, *audio_span)]
    whole = "\x1f".join((kind, picture, *times[:2], audio, *times[2:], *references))
    name = PurePosixPath(audio or (references[0] if references else "")).stem
    short = re.sub(r"[^A-Za-z0-9_]+", "-", name).strip("-")[:40] or "row"
    return f"{short}_{times[2]}_{times[3]}-{hashlib.sha1(whole.encode()).hexdigest()[:12]}"


# ------------------------------------------------------------------------------------- from files


def _table_suffix(path: Path) -> str | None:
    name = path.name.lower()
    return next((suffix for suffix in TABLE_SUFFIXES if name.endswith(suffix)), None)


def _table_files(
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
class _Sheet:
    """One file: its columns, and its rows as text; a row that is no list says why it is broken."""

    columns: tuple[str, ...]
    rows: Iterator[list[str] | str]


def _open_sheet(name: str, path: Path) -> _Sheet:
    return _open_parquet(name, path) if _table_suffix(path) == ".parquet" else _open_csv(name, path)


def _open_csv(name: str, path: Path) -> _Sheet:
    rows = _csv_rows(name, path)
    header = next(rows, None)
    if header is None:
        raise PixMusError(f"{name} is empty; give a table with a header and rows.")
    if isinstance(header, str):
        raise PixMusError(f"The header of {name} is broken: {header}.")
    columns = [text if text.strip() else f"Unnamed: {k}" for k, text in enumerate(header)]
    return _Sheet(tuple(columns), rows)


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


def _open_parquet(name: str, path: Path) -> _Sheet:
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
    return _Sheet(tuple(columns), _parquet_rows(name, path, columns))


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


# -------------------------------------------------------------------------------------- from rows


class _Unusable(Exception):
    """Why a row cannot be used: the sort of reason, and the sentence."""

    def __init__(self, problem: str, reason: str) -> None:
        super().__init__(reason)
        self.problem = problem


@dataclass(frozen=True)
class _Layout:
    """How rows of a file are read: its layout's name and the columns that it knows there."""

    name: str
    known: tuple[str, ...]
    make: Callable[[Mapping[str, str]], dict[str, Any]]  # a row's values by `Row`'s names


class _Reader:
    """Joins the files of a table, row by row."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.layout: _Layout | None = None
        self.files: list[str] = []
        self.columns: dict[str, None] = {}
        self.unknown: dict[str, None] = {}
        self.rows: list[Row] = []
        self.refused: list[Refusal] = []
        self.missing: Counter[str] = Counter()
        self.num_of_id: Counter[str] = Counter()
        self.number_of_id: dict[str, int] = {}

    def check(self, name: str, columns: tuple[str, ...]) -> _Layout:
        """The layout of a file; raise unless it is that of those before it."""
        twice = [column for column, times in Counter(columns).items() if times > 1]
        if twice:
            raise PixMusError(f"{name} names a column twice: {', '.join(twice)}.")
        layout = _layout_of(name, columns)
        if self.layout is not None and layout.known != self.layout.known:
            raise PixMusError(
                f"{self.source} holds tables of different layouts, {name} in {_told(layout)} and "
                f"another in {_told(self.layout)}; name one of them."
            )
        self.layout = layout
        return layout

    def read(self, name: str, path: Path) -> None:
        sheet = _open_sheet(name, path)
        layout = self.check(name, sheet.columns)
        self.files.append(name)
        unknown = [column for column in sheet.columns if column not in layout.known]
        self.columns |= dict.fromkeys(sheet.columns)
        self.unknown |= dict.fromkeys(unknown)
        for row in sheet.rows:
            number = len(self.rows) + len(self.refused)
            try:
                self.rows.append(self._row(number, row, sheet.columns, unknown, layout))
            except _Unusable as error:
                self.refused.append(Refusal(number, f"{error}.", error.problem))

    def _row(
        self,
        number: int,
        row: list[str] | str,
        columns: tuple[str, ...],
        unknown: list[str],
        layout: _Layout,
    ) -> Row:
        if isinstance(row, str):
            raise _Unusable("broken line", row)
        if len(row) > len(columns) and any(row[len(columns) :]):
            raise _Unusable(
                "broken line", f"It has {len(row)} values, but the header names {len(columns)}"
            )
        row += [""] * (len(columns) - len(row))
        cells = dict(zip(columns, row, strict=False))
        is_still = layout.name == "thesis" and BOOLEANS.get(_bare(cells["isVideo"])) is False
        for column, text in cells.items():
            if _bare(text) in EMPTY and not (is_still and column in _PICTURE_TIMES):
                self.missing[column] += 1
        values = layout.make(cells)
        values["extra"] = {column: cells[column] for column in unknown} | values.get("extra", {})
        values["id"] = self._unique(values["id"], number, layout)
        return Row(number=number, **values)

    def _unique(self, name: str, number: int, layout: _Layout) -> str:
        self.num_of_id[name] += 1
        count = self.num_of_id[name]
        if count == 1:
            self.number_of_id[name] = number
            return name
        if layout.name == "plain":
            raise _Unusable(
                "id given twice", f"Its id {name} is that of row {self.number_of_id[name]}"
            )
        return f"{name}~{count}"

    def table(self) -> Table:
        assert self.layout is not None
        if not self.rows and not self.refused:
            raise PixMusError(f"{self.source} has no rows below its header.")
        return Table(
            source=self.source,
            layout=self.layout.name,
            columns=tuple(self.columns),
            rows=tuple(self.rows),
            refused=tuple(self.refused),
            unknown=tuple(self.unknown),
            missing={column: self.missing[column] for column in self.columns},
            files=tuple(self.files),
        )


def _told(layout: _Layout) -> str:
    if layout.name == "plain":
        return "the plain one"
    return "the thesis'" if "Segment 1 Start" in layout.known else "the thesis' without segments"


def _layout_of(name: str, columns: Sequence[str]) -> _Layout:
    """The layout that a file's columns are nearest to; raise where it is not all there."""
    there = set(columns)
    thesis, older = set(THESIS_COLUMNS), set(OLDER_THESIS_COLUMNS)
    plain = set(PLAIN_COLUMNS)
    if not there & (thesis | older | plain):
        raise PixMusError(
            f"{name} has none of the columns that PixMus knows, neither the thesis' "
            f"({', '.join(THESIS_COLUMNS[:3])}, ...) nor {', '.join(PLAIN_COLUMNS)}; its own are "
            f"{', '.join(columns[:12])}{', ...' if len(columns) > 12 else ''}."
        )
    if len(there & plain) > len(there & (thesis | older)):
        layout = _Layout("plain", (*PLAIN_COLUMNS, *PLAIN_AUDIO_COLUMNS), _plain_row)
        required: Sequence[str] = PLAIN_COLUMNS[:-1]
    elif there & (older - thesis) and not there & (thesis - older - {"MeanRGBDiff"}):
        layout = _Layout("thesis", (*OLDER_THESIS_COLUMNS, "MeanRGBDiff"), _older_thesis_row)
        required = OLDER_THESIS_COLUMNS
    else:
        layout = _Layout("thesis", THESIS_COLUMNS, _thesis_row)
        required = THESIS_COLUMNS
    lacking = [column for column in required if column not in there]
    if lacking:
        alike = {column.replace(" ", "").replace("_", "").casefold(): column for column in columns}
        hints = [
            f"{alike[key]!r} is not {column!r}"
            for column in lacking
            if (key := column.replace(" ", "").replace("_", "").casefold()) in alike
        ]
        hint = f"; names are matched exactly, so {' and '.join(hints)}" if hints else ""
        noun = "column" if len(lacking) == 1 else "columns"
        raise PixMusError(
            f"{name} lacks the {noun} {', '.join(lacking)} of the {layout.name} layout{hint}."
        )
    return layout


_PICTURE_TIMES = ("Video Start Time", "Video End Time")


def _thesis_row(cells: Mapping[str, str]) -> dict[str, Any]:
    """A row of the thesis' layout; its music lies in three segments, one after another."""
    kind = "video" if _boolean(cells, "isVideo") else "still"
    picture = _given(cells, "Video File Name")
    segments = []
    for k in SEGMENTS:
        reference = _given(cells, f"Segment {k} Reference")
        start, end = _span(cells, f"Segment {k} Start", f"Segment {k} End")
        segments.append(Segment(reference, start, end))
    for k in (1, 2):
        hole = segments[k].start - segments[k - 1].end
        if hole < -ROUNDING_S:
            raise _Unusable(
                "segments overlap",
                f"Its segments {k} and {k + 1} overlap by {_number(-hole)} s",
            )
        if hole > TOLERANCE_S:
            raise _Unusable(
                "holes between segments",
                f"Its segments {k} and {k + 1} leave a hole of {_number(hole)} s",
            )
    audio = cells["Audio File Name"]
    if _bare(audio) in EMPTY:
        audio = ""  # the segments are the music
    audio_span = segments[0].start, segments[-1].end
    return _thesis_values(cells, kind, picture, audio, audio_span, tuple(segments))


def _older_thesis_row(cells: Mapping[str, str]) -> dict[str, Any]:
    """A row of the thesis' older layout, whose music is one span."""
    kind = "video" if _boolean(cells, "isVideo") else "still"
    picture, audio = _given(cells, "Video File Name"), _given(cells, "Audio File Name")
    audio_span = _span(cells, "Audio Start Time", "Audio End Time")
    return _thesis_values(cells, kind, picture, audio, audio_span, ())


def _thesis_values(
    cells: Mapping[str, str],
    kind: str,
    picture: str,
    audio: str,
    audio_span: tuple[float, float],
    segments: tuple[Segment, ...],
) -> dict[str, Any]:
    extra: dict[str, str] = {}
    if kind == "video":
        span = _span(cells, *_PICTURE_TIMES)
    else:
        span = 0.0, STILL_END
        for column, usual in zip(_PICTURE_TIMES, span, strict=True):
            stated = _bare(cells[column])
            if stated not in EMPTY and _float(stated) != usual:
                extra[column] = cells[column]
    _check_lengths(span, audio_span)
    motion = None
    stated = _bare(cells.get("MeanRGBDiff", ""))
    if stated not in EMPTY:
        motion = _float(stated)
        if motion is None or not 0 <= motion <= 255:  # the loader's own rows may say -1
            motion, extra["MeanRGBDiff"] = None, cells["MeanRGBDiff"]
    references = [segment.reference for segment in segments]
    return {
        "id": row_id(kind, picture, span, audio, audio_span, references),
        "kind": kind,
        "picture": picture,
        "audio": audio,
        "start": span[0],
        "end": span[1],
        "audio_start": audio_span[0],
        "audio_end": audio_span[1],
        "segments": segments,
        "motion": motion,
        "extra": extra,
    }


def _plain_row(cells: Mapping[str, str]) -> dict[str, Any]:
    """A row of the plain layout: start and end are of picture and music alike.

    A still's are of its music; where both are empty, it stands for seconds 0 to 30. Where
    `audio_start` and `audio_end` are given, they are the music's.
    """
    name, kind = _given(cells, "id").strip(), _given(cells, "kind").strip()
    if kind not in KINDS:
        raise _Unusable("unknown kind", f"Its kind is {kind!r}, neither video nor still")
    picture, audio = _given(cells, "picture"), _given(cells, "audio")
    if kind == "still" and _bare(cells["start"]) in EMPTY and _bare(cells["end"]) in EMPTY:
        span = 0.0, STILL_END
    else:
        span = _span(cells, "start", "end")
    audio_span = span
    if any(_bare(cells.get(column, "")) not in EMPTY for column in PLAIN_AUDIO_COLUMNS):
        audio_span = _span(cells, *PLAIN_AUDIO_COLUMNS)
        _check_lengths(span, audio_span)
    if kind == "still":
        span = 0.0, span[1] - span[0]
    return {
        "id": name,
        "kind": kind,
        "picture": picture,
        "audio": audio,
        "start": span[0],
        "end": span[1],
        "audio_start": audio_span[0],
        "audio_end": audio_span[1],
        "caption": cells.get("caption", ""),
    }


def _check_lengths(span: tuple[float, float], audio_span: tuple[float, float]) -> None:
    length, audio_length = span[1] - span[0], audio_span[1] - audio_span[0]
    if abs(length - audio_length) > TOLERANCE_S:
        raise _Unusable(
            "lengths differ",
            f"Its picture lasts {_number(length)} s and its music {_number(audio_length)} s",
        )


def _bare(text: str) -> str:
    return text.strip().lower()


def _given(cells: Mapping[str, str], column: str) -> str:
    """A cell as it is; raise where it is empty."""
    if _bare(cells.get(column, "")) in EMPTY:
        raise _Unusable("missing value", f"{column} is missing")
    return cells[column]


def _boolean(cells: Mapping[str, str], column: str) -> bool:
    text = _given(cells, column)
    found = BOOLEANS.get(_bare(text))
    if found is None:
        raise _Unusable(
            f"{column} is no yes or no", f"{column} is {text!r}, neither true nor false"
        )
    return found


def _float(text: str) -> float | None:
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def _time(cells: Mapping[str, str], column: str) -> float:
    text = _given(cells, column)
    time = _float(text)
    if time is None:
        raise _Unusable("time is no number", f"{column} is {text!r}, no number of seconds")
    if not math.isfinite(time) or time < 0:
        raise _Unusable("time out of range", f"{column} is {text}, outside of any file")
    return time


def _span(cells: Mapping[str, str], first: str, last: str) -> tuple[float, float]:
    start, end = _time(cells, first), _time(cells, last)
    if start >= end:
        raise _Unusable(
            "start not before end",
            f"{first} is {_number(start)} and {last} {_number(end)}, not after it",
        )
    return start, end


def _number(value: float) -> str:
    """Seconds as text, to the millisecond, the same however a table writes them."""
    text = f"{value:.3f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


# --------------------------------------------------------------------------------------- to files


def _write_csv(columns: Mapping[str, Sequence[Any]], raw: Any) -> None:
    text = io.TextIOWrapper(raw, encoding="utf-8", newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    text.detach()  # flushed; the file below is closed where it was opened


def _plain_columns(rows: Sequence[Row]) -> dict[str, list[Any]]:
    # A still's start and end are of its music; a video's music may lie elsewhere in its file.
    spans = [
        (row.audio_start, row.audio_end) if row.kind == "still" else (row.start, row.end)
        for row in rows
    ]
    columns: dict[str, list[Any]] = {
        "id": [row.id for row in rows],
        "kind": [row.kind for row in rows],
        "picture": [row.picture for row in rows],
        "audio": [row.audio for row in rows],
        "start": [start for start, _ in spans],
        "end": [end for _, end in spans],
        "caption": [row.caption for row in rows],
    }
    audio = [(row.audio_start, row.audio_end) for row in rows]
    if audio != spans:
        columns["audio_start"] = [start for start, _ in audio]
        columns["audio_end"] = [end for _, end in audio]
    return columns


def thesis_columns(rows: Sequence[Row]) -> dict[str, list[Any]]:
    """Rows as columns of the thesis' layout; PixMusError where one has no three segments."""
    without = [row.id for row in rows if len(row.segments) != len(SEGMENTS)]
    if without:
        raise PixMusError(
            f"{len(without)} rows have no three segments, which the thesis' layout needs "
            f"({without[0]} is one); write the plain layout."
        )
    columns: dict[str, list[Any]] = {
        "Audio File Name": [row.audio for row in rows],
        "Video File Name": [row.picture for row in rows],
        "isVideo": [row.kind == "video" for row in rows],
        "Video Start Time": [row.start for row in rows],
        "Video End Time": [row.end for row in rows],
        "MeanRGBDiff": [
            row.motion if row.motion is not None else _float(row.extra.get("MeanRGBDiff", ""))
            for row in rows
        ],
    }
    for k in SEGMENTS:
        columns[f"Segment {k} Reference"] = [row.segments[k - 1].reference for row in rows]
    for k in SEGMENTS:
        columns[f"Segment {k} Start"] = [row.segments[k - 1].start for row in rows]
        columns[f"Segment {k} End"] = [row.segments[k - 1].end for row in rows]
    return columns
