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

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pixmus.dataset.layouts import (
    BOOLEANS,
    EMPTY,
    PICTURE_TIMES,
    SEGMENTS,
    Layout,
    Segment,
    Unusable,
    bare,
    layout_of,
    read_number,
    told,
)
from pixmus.dataset.sheets import open_sheet, table_files, write_rows
from pixmus.errors import PixMusError


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
    files = table_files(source, revision, token)
    for name, path in (
        files if len(files) > 1 else []
    ):  # one that does not fit is noticed before any is read
        reader.check(name, open_sheet(name, path).columns)
    for name, path in files:
        reader.read(name, path)
    return reader.table()


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


class _Reader:
    """Joins the files of a table, row by row."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.layout: Layout | None = None
        self.files: list[str] = []
        self.columns: dict[str, None] = {}
        self.unknown: dict[str, None] = {}
        self.rows: list[Row] = []
        self.refused: list[Refusal] = []
        self.missing: Counter[str] = Counter()
        self.num_of_id: Counter[str] = Counter()
        self.number_of_id: dict[str, int] = {}

    def check(self, name: str, columns: tuple[str, ...]) -> Layout:
        """The layout of a file; raise unless it is that of those before it."""
        twice = [column for column, times in Counter(columns).items() if times > 1]
        if twice:
            raise PixMusError(f"{name} names a column twice: {', '.join(twice)}.")
        layout = layout_of(name, columns)
        if self.layout is not None and layout.known != self.layout.known:
            raise PixMusError(
                f"{self.source} holds tables of different layouts, {name} in {told(layout)} and "
                f"another in {told(self.layout)}; name one of them."
            )
        self.layout = layout
        return layout

    def read(self, name: str, path: Path) -> None:
        sheet = open_sheet(name, path)
        layout = self.check(name, sheet.columns)
        self.files.append(name)
        unknown = [column for column in sheet.columns if column not in layout.known]
        self.columns |= dict.fromkeys(sheet.columns)
        self.unknown |= dict.fromkeys(unknown)
        for row in sheet.rows:
            number = len(self.rows) + len(self.refused)
            try:
                self.rows.append(self._row(number, row, sheet.columns, unknown, layout))
            except Unusable as error:
                self.refused.append(Refusal(number, f"{error}.", error.problem))

    def _row(
        self,
        number: int,
        row: list[str] | str,
        columns: tuple[str, ...],
        unknown: list[str],
        layout: Layout,
    ) -> Row:
        if isinstance(row, str):
            raise Unusable("broken line", row)
        if len(row) > len(columns) and any(row[len(columns) :]):
            raise Unusable(
                "broken line", f"It has {len(row)} values, but the header names {len(columns)}"
            )
        row += [""] * (len(columns) - len(row))
        cells = dict(zip(columns, row, strict=False))
        is_still = layout.name == "thesis" and BOOLEANS.get(bare(cells["isVideo"])) is False
        for column, text in cells.items():
            if bare(text) in EMPTY and not (is_still and column in PICTURE_TIMES):
                self.missing[column] += 1
        values = layout.make(cells)
        values["extra"] = {column: cells[column] for column in unknown} | values.get("extra", {})
        values["id"] = self._unique(values["id"], number, layout)
        return Row(number=number, **values)

    def _unique(self, name: str, number: int, layout: Layout) -> str:
        self.num_of_id[name] += 1
        count = self.num_of_id[name]
        if count == 1:
            self.number_of_id[name] = number
            return name
        if layout.name == "plain":
            raise Unusable(
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
            row.motion if row.motion is not None else read_number(row.extra.get("MeanRGBDiff", ""))
            for row in rows
        ],
    }
    for k in SEGMENTS:
        columns[f"Segment {k} Reference"] = [row.segments[k - 1].reference for row in rows]
    for k in SEGMENTS:
        columns[f"Segment {k} Start"] = [row.segments[k - 1].start for row in rows]
        columns[f"Segment {k} End"] = [row.segments[k - 1].end for row in rows]
    return columns
