"""`Inspection`: what a table holds, what repeats in it, and what of it cannot be used.

Conventions: times are seconds. A *span* is a stretch of one file: (file, start, end); a still is
one span. Files of one name up to the suffix are one source (`split.source_of`). What the numbers
mean is written in `DEFINITIONS`, which the report prints.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pixmus.dataset.layouts import ROUNDING_S
from pixmus.dataset.split import audio_source, source_of, union
from pixmus.dataset.table import Row, Table
from pixmus.training.splits import KINDS

if TYPE_CHECKING:
    pass

QUANTILES = (0.0, 0.05, 0.5, 0.95, 1.0)
FIRST_ROWS = 5  # of a reason, named in the report
DEFINITIONS = {
    "repeated_rows": "rows whose picture span and music span an earlier row has too",
    "music_under_several_pictures": "rows whose music span stands under another picture too",
    "pictures_over_several_musics": "rows whose picture span stands over other music too",
    "repeated_segments": "rows with a segment that another music span has too",
    "overlapping_pictures": "rows whose span overlaps another span of the same video",
    "overlapping_musics": "rows whose music overlaps another span of the same audio file",
}
Key = tuple[str, float, float]  # a span


@dataclass(frozen=True)
class Inspection:
    """What was found in one table; every count is of rows unless it says otherwise."""

    source: str
    files: tuple[str, ...]
    layout: str
    num_rows: int
    kinds: dict[str, int]  # of usable rows
    refused: dict[str, dict[str, Any]]  # sort of reason -> count, an example, the first rows
    columns: tuple[str, ...]
    unknown: tuple[str, ...]
    missing: dict[str, int]  # empty cells by column, of all rows
    durations: dict[str, list[float]]  # of each kind, at `QUANTILES`
    duration_counts: list[tuple[float, int]]  # seconds, rounded to 0.1; commonest first
    hours: float  # of all usable rows
    sources: dict[str, dict[str, Any]]  # videos, stills, audio: how many, and how they are used
    shared: dict[str, int]  # by the names of `DEFINITIONS`

    @property
    def num_usable(self) -> int:
        return sum(self.kinds.values())

    @property
    def num_refused(self) -> int:
        return self.num_rows - self.num_usable

    def to_dict(self) -> dict[str, Any]:
        """What `inspection.json` holds."""
        return {
            "source": self.source,
            "files": list(self.files),
            "layout": self.layout,
            "rows": self.num_rows,
            "usable": self.num_usable,
            "kinds": self.kinds,
            "refused": self.refused,
            "columns": list(self.columns),
            "unknown_columns": list(self.unknown),
            "missing": self.missing,
            "quantiles": list(QUANTILES),
            "durations": self.durations,
            "duration_counts": [list(pair) for pair in self.duration_counts],
            "hours": self.hours,
            "sources": self.sources,
            "shared": self.shared,
            "definitions": DEFINITIONS,
        }


def inspect(table: Table) -> Inspection:
    """Count what a table holds; 53,378 rows take seconds."""
    rows = table.rows
    durations = {
        kind: [row.duration for row in rows if row.kind == kind]
        for kind in KINDS
        if any(row.kind == kind for row in rows)
    }
    rounded = Counter(round(row.duration, 1) for row in rows)
    return Inspection(
        source=table.source,
        files=table.files,
        layout=table.layout,
        num_rows=table.num_rows,
        kinds={kind: len(durations.get(kind, ())) for kind in KINDS},
        refused=_refusals(table),
        columns=table.columns,
        unknown=table.unknown,
        missing=dict(table.missing),
        durations={kind: quantiles(values) for kind, values in durations.items()},
        duration_counts=rounded.most_common(),
        hours=sum(map(sum, durations.values())) / 3600,
        sources={
            "videos": _use_of(_picture(row) for row in rows if row.kind == "video"),
            "stills": _use_of(_picture(row) for row in rows if row.kind == "still"),
            "audio": _use_of(_music(row) for row in rows),
        },
        shared=_shared(rows),
    )


def quantiles(values: Sequence[float]) -> list[float]:
    """Least, 5th percentile, median, 95th percentile and greatest; empty where there is nothing."""
    return [round(float(v), 3) for v in np.quantile(values, QUANTILES)] if len(values) else []


def _refusals(table: Table) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for refusal in table.refused:
        facts = found.setdefault(
            refusal.problem, {"count": 0, "example": refusal.reason, "first": []}
        )
        facts["count"] += 1
        if len(facts["first"]) < FIRST_ROWS:
            facts["first"].append(refusal.number)
    return dict(sorted(found.items(), key=lambda item: -item[1]["count"]))


def _picture(row: Row) -> Key:
    return source_of(row.picture), row.start, row.end


def _music(row: Row) -> Key:
    return audio_source(row), row.audio_start, row.audio_end


def _use_of(spans: Iterable[Key]) -> dict[str, Any]:
    """How many files there are, and at `QUANTILES` over them: rows, seconds used, and these as a
    share of the seconds up to the last one used (how long files are, a table does not say)."""
    by_file: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for name, start, end in spans:
        by_file[name].append((start, end))
    seconds = [sum(end - start for start, end in union(found)) for found in by_file.values()]
    last = [max(end for _, end in found) for found in by_file.values()]
    return {
        "files": len(by_file),
        "rows": quantiles([len(found) for found in by_file.values()]),
        "rows_histogram": _histogram(len(found) for found in by_file.values()),
        "seconds": quantiles(seconds),
        "covered": quantiles([used / end for used, end in zip(seconds, last, strict=True)]),
    }


EDGES = (1, 2, 3, 5, 9, 17, 33)  # rows of a file: 1, 2, 3 to 4, 5 to 8, ..., 33 and more


def _histogram(counts: Iterable[int]) -> list[int]:
    places = np.searchsorted(EDGES, list(counts), side="right") - 1
    return [int(v) for v in np.bincount(places, minlength=len(EDGES))] if len(places) else []


def _shared(rows: Sequence[Row]) -> dict[str, int]:
    pictures = [_picture(row) for row in rows]
    musics = [_music(row) for row in rows]
    music_of_segment: dict[str, set[Key]] = defaultdict(set)
    for row, music in zip(rows, musics, strict=True):
        for segment in row.segments:
            music_of_segment[segment.reference].add(music)
    videos = [span for row, span in zip(rows, pictures, strict=True) if row.kind == "video"]
    return {
        "repeated_rows": len(rows) - len(set(zip(pictures, musics, strict=True))),
        "music_under_several_pictures": _with_several(musics, pictures),
        "pictures_over_several_musics": _with_several(pictures, musics),
        "repeated_segments": sum(
            any(len(music_of_segment[segment.reference]) > 1 for segment in row.segments)
            for row in rows
        ),
        "overlapping_pictures": _num_overlapping(videos),
        "overlapping_musics": _num_overlapping(musics),
    }


def _with_several(keys: Sequence[Key], others: Sequence[Hashable]) -> int:
    """How many entries have a key that stands beside two different others."""
    seen: dict[Key, set[Hashable]] = defaultdict(set)
    for key, other in zip(keys, others, strict=True):
        seen[key].add(other)
    return sum(len(seen[key]) > 1 for key in keys)


def _num_overlapping(spans: Sequence[Key]) -> int:
    """How many spans have more than `ROUNDING_S` in common with a different one of their file."""
    by_file: dict[str, set[tuple[float, float]]] = defaultdict(set)
    for name, start, end in spans:
        by_file[name].add((start, end))
    found: set[Key] = set()
    for name, different in by_file.items():
        ordered = sorted(different)
        latest = -np.inf  # end of those before
        for k, (start, end) in enumerate(ordered):
            meets_earlier = latest > start + ROUNDING_S
            meets_next = k + 1 < len(ordered) and ordered[k + 1][0] < end - ROUNDING_S
            if meets_earlier or meets_next:
                found.add((name, start, end))
            latest = max(latest, end)
    return sum(span in found for span in spans)
