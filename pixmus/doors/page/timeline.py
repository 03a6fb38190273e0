"""What the timeline and the table of hit points say to each other: JSON [[time, strength], ...]."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any


def hits_json(rows: Iterable[Sequence[Any]]) -> str:
    """The rows that are complete, in order of time, as the timeline reads them."""
    points = []
    for row in rows:
        try:
            points.append([round(float(row[0]), 3), round(float(row[1]), 2)])
        except (TypeError, ValueError):
            continue  # a row that is being typed
    return json.dumps(sorted(points))


def read_hits(text: str) -> list[list[float]]:
    """The rows that the timeline says."""
    return [[float(time), float(strength)] for time, strength in json.loads(text or "[]")]
