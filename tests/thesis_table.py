"""Tables in the thesis' layout for tests, with all their oddities; what they hold is made up.

`write_thesis_table(path)` writes the 18 rows of `odd_rows()`; of them `USABLE` can be used and the
others are refused, each for the reason in `REFUSED`. `many_rows(n)` makes a large table.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pixmus.dataset.layouts import SEGMENTS, THESIS_COLUMNS

Cells = dict[str, Any]  # a row by its columns, as pandas would hold it; None is an empty cell

USABLE = 11  # of odd_rows(): 7 videos and 4 stills
REFUSED = {  # number in odd_rows() -> sort of reason
    11: "start not before end",
    12: "missing value",
    13: "time is no number",
    14: "time out of range",
    15: "isVideo is no yes or no",
    16: "segments overlap",
    17: "lengths differ",
}
UNKNOWN_COLUMN = "Channel"


def thesis_row(
    audio: str, picture: str, is_video: object = True, start: Any = 0, audio_start: int = 0
) -> Cells:
    """Columns of 30 s: `start` of the picture (None: its times are empty), of the music."""
    stem = audio.rsplit(".", 1)[0]
    cells: Cells = {
        "Audio File Name": audio,
        "Video File Name": picture,
        "isVideo": is_video,
        "Video Start Time": start,
        "Video End Time": None if start is None else start + 30,
        "MeanRGBDiff": 12.5,
    }
    for k in SEGMENTS:
        begun = audio_start + 10 * (k - 1)
        cells[f"Segment {k} Reference"] = f"{stem}_{begun}_{begun + 10}"
        cells[f"Segment {k} Start"], cells[f"Segment {k} End"] = begun, begun + 10
    return {column: cells[column] for column in THESIS_COLUMNS}


def odd_rows() -> list[Cells]:
    """18 rows of 4 clips, 3 stills and 5 soundtracks, with what such tables have wrong."""
    rows = [
        thesis_row("forest.mp3", "forest.mp4"),
        thesis_row("forest.mp3", "forest.mp4", "True", 30, 30),  # the same video further on
        thesis_row("forest.mp3", "forest.mp4", "true", 20, 20),  # overlaps both by 10 and 20 s
        thesis_row("forest.mp3", "forest.mp4"),  # row 0 once more
        thesis_row("city.mp3", "city.mp4", 1, 0, 0),
        thesis_row("city.mp3", "forest.mp4", "1.0", 60, 0),  # repeated segments: those of row 4
        thesis_row("rain.mp3", "rain.mp4", "yes", 0, 30),
        thesis_row("piano.mp3", "cover.jpg", False, None),  # stills with empty times,
        thesis_row("piano.mp3", "cover.jpg", "False", 0, 30),  # with 0 to 30,
        thesis_row("drums.mp3", "lost.jpg", 0, 90),  # with others, of a file that is nowhere
        thesis_row("drums.mp3", "harbour.png", "no", None, 30),
        thesis_row("rain.mp3", "rain.mp4", True, 30, 60),
        thesis_row("rain.mp3", "rain.mp4", True, None, 60),  # a video without times
        thesis_row("rain.mp3", "rain.mp4", True, 60, 60),
        thesis_row("rain.mp3", "rain.mp4", True, 90, 60),
        thesis_row("rain.mp3", "rain.mp4", "maybe", 60, 60),
        thesis_row("rain.mp3", "rain.mp4", True, 60, 60),
        thesis_row("rain.mp3", "rain.mp4", True, 60, 60),
    ]
    rows[6]["MeanRGBDiff"] = None
    rows[7]["MeanRGBDiff"] = -1
    rows[10]["Audio File Name"] = None  # its segments still say what the music is
    rows[11]["Video End Time"] = 20
    rows[13]["Video Start Time"] = "1:00"
    rows[14]["Video Start Time"] = "inf"
    rows[16]["Segment 2 Start"] = 65
    rows[17]["Video End Time"] = 80
    for number, cells in enumerate(rows):
        cells[UNKNOWN_COLUMN] = "" if number % 3 else f"channel {number}"
    return rows


def many_rows(num_rows: int) -> list[Cells]:
    """As many usable rows as asked for, the thesis' share of them videos, none twice.

    Every clip gives three rows, every soundtrack of stills four.
    """
    rows = []
    for number in range(num_rows):
        if number % 53378 * 22482 // 53378 != (number + 1) % 53378 * 22482 // 53378:
            source, part = divmod(number, 7)
            rows.append(thesis_row(f"v{source}.mp3", f"v{source}.mp4", True, 30 * part, 30 * part))
        else:
            source, part = divmod(number, 9)
            rows.append(thesis_row(f"s{source}.mp3", f"p{number}.jpg", False, None, 30 * part))
    return rows


def write_thesis_table(path: Path, rows: Sequence[Mapping[str, Any]] | None = None) -> Path:
    """Write rows (default: `odd_rows()`) as .csv, .csv.gz or .parquet, as pandas would."""
    rows = odd_rows() if rows is None else rows
    columns = list(dict.fromkeys(column for cells in rows for column in cells))
    if path.suffix == ".parquet":
        import pyarrow
        import pyarrow.parquet

        values = {column: [_text(cells.get(column)) for cells in rows] for column in columns}
        pyarrow.parquet.write_table(pyarrow.table(values), path)
        return path
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wt", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def _text(value: object) -> str | None:
    return None if value is None else str(value)
