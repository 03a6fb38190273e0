"""Markers with their timecode as CSV, as editors read them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from pixmus.picture.timecode import timecode


def write_markers(
    path: str | Path,
    markers: Sequence[tuple[float, str]],
    frame_rate: Fraction,
    start: str | None = None,
) -> None:
    """Write time (seconds), timecode and name of each marker as CSV.

    `start` is the timecode of the clip's first frame, None for zero.
    """
    with open(path, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["time", "timecode", "name"])
        for time, name in sorted(markers):
            rows.writerow([f"{time:.3f}", timecode(time, frame_rate, start), name])
