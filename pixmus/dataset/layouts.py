"""The layouts of a table: which columns each has, and what a row's cells say.

The thesis' own (`THESIS_COLUMNS`), its older form without segments (`OLDER_THESIS_COLUMNS`) and a
plainer one (`PLAIN_COLUMNS`). A row that cannot be used raises `Unusable` with its reason.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from pixmus.errors import PixMusError
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


class Unusable(Exception):
    """Why a row cannot be used: the sort of reason, and the sentence."""

    def __init__(self, problem: str, reason: str) -> None:
        super().__init__(reason)
        self.problem = problem


@dataclass(frozen=True)
class Layout:
    """How rows of a file are read: its layout's name and the columns that it knows there."""

    name: str
    known: tuple[str, ...]
    make: Callable[[Mapping[str, str]], dict[str, Any]]  # a row's values by `Row`'s names


def told(layout: Layout) -> str:
    if layout.name == "plain":
        return "the plain one"
    return "the thesis'" if "Segment 1 Start" in layout.known else "the thesis' without segments"


def layout_of(name: str, columns: Sequence[str]) -> Layout:
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
        layout = Layout("plain", (*PLAIN_COLUMNS, *PLAIN_AUDIO_COLUMNS), _plain_row)
        required: Sequence[str] = PLAIN_COLUMNS[:-1]
    elif there & (older - thesis) and not there & (thesis - older - {"MeanRGBDiff"}):
        layout = Layout("thesis", (*OLDER_THESIS_COLUMNS, "MeanRGBDiff"), _older_thesis_row)
        required = OLDER_THESIS_COLUMNS
    else:
        layout = Layout("thesis", THESIS_COLUMNS, _thesis_row)
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


PICTURE_TIMES = ("Video Start Time", "Video End Time")


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
            raise Unusable(
                "segments overlap",
                f"Its segments {k} and {k + 1} overlap by {_number(-hole)} s",
            )
        if hole > TOLERANCE_S:
            raise Unusable(
                "holes between segments",
                f"Its segments {k} and {k + 1} leave a hole of {_number(hole)} s",
            )
    audio = cells["Audio File Name"]
    if bare(audio) in EMPTY:
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
        span = _span(cells, *PICTURE_TIMES)
    else:
        span = 0.0, STILL_END
        for column, usual in zip(PICTURE_TIMES, span, strict=True):
            stated = bare(cells[column])
            if stated not in EMPTY and read_number(stated) != usual:
                extra[column] = cells[column]
    _check_lengths(span, audio_span)
    motion = None
    stated = bare(cells.get("MeanRGBDiff", ""))
    if stated not in EMPTY:
        motion = read_number(stated)
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
        raise Unusable("unknown kind", f"Its kind is {kind!r}, neither video nor still")
    picture, audio = _given(cells, "picture"), _given(cells, "audio")
    if kind == "still" and bare(cells["start"]) in EMPTY and bare(cells["end"]) in EMPTY:
        span = 0.0, STILL_END
    else:
        span = _span(cells, "start", "end")
    audio_span = span
    if any(bare(cells.get(column, "")) not in EMPTY for column in PLAIN_AUDIO_COLUMNS):
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
        raise Unusable(
            "lengths differ",
            f"Its picture lasts {_number(length)} s and its music {_number(audio_length)} s",
        )


def bare(text: str) -> str:
    return text.strip().lower()


def _given(cells: Mapping[str, str], column: str) -> str:
    """A cell as it is; raise where it is empty."""
    if bare(cells.get(column, "")) in EMPTY:
        raise Unusable("missing value", f"{column} is missing")
    return cells[column]


def _boolean(cells: Mapping[str, str], column: str) -> bool:
    text = _given(cells, column)
    found = BOOLEANS.get(bare(text))
    if found is None:
        raise Unusable(f"{column} is no yes or no", f"{column} is {text!r}, neither true nor false")
    return found


def read_number(text: str) -> float | None:
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def _time(cells: Mapping[str, str], column: str) -> float:
    text = _given(cells, column)
    time = read_number(text)
    if time is None:
        raise Unusable("time is no number", f"{column} is {text!r}, no number of seconds")
    if not math.isfinite(time) or time < 0:
        raise Unusable("time out of range", f"{column} is {text}, outside of any file")
    return time


def _span(cells: Mapping[str, str], first: str, last: str) -> tuple[float, float]:
    start, end = _time(cells, first), _time(cells, last)
    if start >= end:
        raise Unusable(
            "start not before end",
            f"{first} is {_number(start)} and {last} {_number(end)}, not after it",
        )
    return start, end


def _number(value: float) -> str:
    """Seconds as text, to the millisecond, the same however a table writes them."""
    text = f"{value:.3f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
