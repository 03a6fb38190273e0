"""Markers as rows of text: PixMus' own `markers.csv`, and what other editors export alike.

The first row names the columns, in any order: a time (`time` in seconds, or a timecode), `name`,
and, where there are any, `end`, `duration`, `strength` and `color`. Commas, semicolons or tabs.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from pixmus.cues.cut_list import CutList, Mark, check_size, hour_before, mark
from pixmus.editors.session import Session
from pixmus.errors import PixMusError
from pixmus.picture.timecode import LISTED, Counting

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "time": ("time", "seconds"),
    "timecode": ("timecode", "in", "record in", "start", "start tc", "in point"),
    "name": ("name", "marker name", "marker", "comment", "description", "notes"),
    "end": ("end", "out", "record out", "end tc", "out point"),
    "duration": ("duration",),
    "strength": ("strength",),
    "color": ("color", "colour", "marker color"),
}
LONGEST_HEAD = 2000  # characters
SECONDS = re.compile(r"\d{1,7}(\.\d{1,12})?")


def columns_of(first: str) -> dict[str, str] | None:
    """Which column of a first row says what; None where it is not the head of markers."""
    cells = {cell.strip().strip('"').lower(): cell for cell in _cells(first)}
    found: dict[str, str] = {}
    for meaning, names in COLUMNS.items():
        for name in names:
            if name in cells and meaning not in found:
                found[meaning] = cells[name]
    has_time = "time" in found or "timecode" in found
    return found if has_time and "name" in found else None


def read_marker_rows(text: str, name: str, counting: Counting | None) -> CutList:
    """The markers of rows; timecodes count by `counting`. PixMusError in one sentence at a fault.

    Rows with seconds count from the first frame; rows with timecodes alone from the whole hour
    before the first of them.
    """
    lines = text.splitlines()
    columns = columns_of(lines[0]) if lines else None
    if columns is None:
        raise PixMusError(
            f"{name}: its first line does not name the columns; markers have at least time (or "
            "timecode) and name."
        )
    by_timecode = "time" not in columns
    if by_timecode and counting is None:
        raise PixMusError(
            f"{name}: its timecodes need a frame rate; say it with --rate, such as 25 or 29.97df."
        )
    if by_timecode and counting is not None and any(";" in line for line in lines[1:20]):
        counting = Counting(counting.rate, counting.may_drop)
    marks: list[Mark] = []
    for number, row in _rows(lines, name):
        try:
            marks.append(_mark(row, columns, counting if by_timecode else None))
        except ValueError as error:
            raise PixMusError(f"{name}: line {number} is wrong: {error}.") from error
        check_size(name, len(marks))
    if not marks:
        raise PixMusError(f"{name} has no marker.")
    marks.sort(key=lambda found: found.time)
    clock = counting if by_timecode else None
    start = Fraction(0) if clock is None else hour_before(marks[0].time, clock)
    return CutList(name, marks=tuple(marks), start=start, counting=clock)


def _rows(lines: list[str], name: str) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows with the number of each line; those without any text are left out."""
    head = _cells(lines[0])
    reader = csv.reader(lines[1:], delimiter=_delimiter(lines[0]))
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num + 1, dict(zip(head, cells, strict=False))
    except csv.Error as error:
        raise PixMusError(f"{name}: line {reader.line_num + 1} is wrong: {error}.") from error


def _mark(row: Mapping[str, str], columns: Mapping[str, str], counting: Counting | None) -> Mark:
    """One marker; ValueError with a sentence (no full stop) where a cell is wrong."""

    def cell(meaning: str) -> str:
        return (row.get(columns.get(meaning, ""), "") or "").strip()

    read: Callable[[str], Fraction] = _seconds
    if counting is not None:
        known = counting

        def read(text: str) -> Fraction:
            return known.seconds(known.count(text))

    time = read(cell("timecode" if counting else "time"))
    length = Fraction(0)
    if end := cell("end"):
        is_timecode = LISTED.fullmatch(end) is not None
        if is_timecode == (counting is not None):
            length = read(end) - time
    elif (duration := cell("duration")) and (counting is not None or SECONDS.fullmatch(duration)):
        length = read(duration)
    if length < 0:
        raise ValueError("it ends before it starts")
    if counting is not None and length <= 1 / counting.rate:
        length = Fraction(0)
    found = mark(time, cell("name"), cell("color"), length)
    if strength := cell("strength"):
        try:
            value = float(strength)
        except ValueError:
            value = -1.0
        if not 0 <= value <= 1:
            raise ValueError(f"the strength {strength[:20]!r} is no number within 0 and 1")
        found = replace(found, strength=value)
    return found


def _seconds(text: str) -> Fraction:
    if not SECONDS.fullmatch(text):
        raise ValueError(f"the time {text[:20]!r} is no number of seconds")
    return Fraction(text)


def _delimiter(head: str) -> str:
    return max(",;\t", key=head.count)


def _cells(line: str) -> list[str]:
    line = line[:LONGEST_HEAD]
    return next(csv.reader([line], delimiter=_delimiter(line)), [])


def write_marker_rows(path: str | Path, session: Session) -> None:
    """Write time (seconds), timecode, name, strength and end (seconds) of each marker as CSV."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["time", "timecode", "name", "strength", "end"])
        for marker in session.markers:
            strength = "" if marker.strength is None else f"{marker.strength:.3g}"
            end = "" if marker.end is None else f"{marker.end:.6f}"
            rows.writerow(
                [f"{marker.time:.6f}", session.timecode(marker.time), marker.name, strength, end]
            )
