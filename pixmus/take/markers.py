"""Markers with their timecode as CSV, as editors read them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path


def write_markers(
    path: str | Path, markers: Sequence[tuple[float, str]], frame_rate: Fraction
) -> None:
    """Write time (seconds), timecode and name of each marker as CSV."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["time", "timecode", "name"])
        for time, name in sorted(markers):
            rows.writerow([f"{time:.3f}", timecode(time, frame_rate), name])


def timecode(time: float, frame_rate: Fraction) -> str:
    """HH:MM:SS:FF of the nearest frame, non-drop: 30000/1001 counts 30 frames to a second."""
    frames_per_second = max(1, round(frame_rate))
    seconds, frame = divmod(max(0, round(time * frame_rate)), frames_per_second)
    minutes, second = divmod(seconds, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{second:02d}:{frame:02d}"
