"""The cue sheet as rows that a visitor edits, and the cue sheet that the edited rows make.

Conventions: a hit point's row is (time, strength); a cue's row is (start, end, name, valence,
energy), the last two the means of the curves there. Times are seconds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pixmus.cues.checks import said
from pixmus.cues.rule_curves import curve_rows, with_mood
from pixmus.cues.sheet import Cue, CueSheet, HitPoint
from pixmus.curves import Curve
from pixmus.errors import PixMusError

HIT_HEADERS = ("time (s)", "strength")
CUE_HEADERS = ("start (s)", "end (s)", "intent", Curve.VALENCE, Curve.ENERGY)
UNCHANGED = 0.006  # what a mean shown with two digits may be off

HitRow = tuple[float, float]
CueRow = tuple[float, float, str, float, float]


def hit_rows(sheet: CueSheet) -> list[HitRow]:
    """The hit points of a cue sheet."""
    return [(round(hit.time, 3), round(hit.strength, 2)) for hit in sheet.hit_points]


def cue_rows(sheet: CueSheet) -> list[CueRow]:
    """The cues of a cue sheet with their moods."""
    rows = []
    for cue in sheet.cues:
        span = curve_rows(cue.start, cue.end, len(sheet.curves[Curve.ENERGY]))
        means = (float(sheet.curves[name][span].mean()) for name in (Curve.VALENCE, Curve.ENERGY))
        valence, energy = (round(mean, 2) for mean in means)
        rows.append((round(cue.start, 3), round(cue.end, 3), cue.name, valence, energy))
    return rows


def edit(sheet: CueSheet, hits: Sequence[Sequence[Any]], cues: Sequence[Sequence[Any]]) -> CueSheet:
    """`sheet` with the hit points and cues of the rows; empty rows are left out.

    A mood that differs from the one shown moves the curves in its cue; where no cue is, there is
    no music. PixMusError names the row that cannot be.
    """
    points = []
    untouched: dict[HitRow, list[HitPoint]] = {}
    for shown_hit, hit in zip(hit_rows(sheet), sheet.hit_points, strict=True):
        untouched.setdefault(shown_hit, []).append(hit)
    for number, row in enumerate(hits, start=1):
        if not _is_empty(row):
            if same := untouched.get(_times(row)):  # what was not touched is not rounded either
                points.append(same.pop(0))
                continue
            what = f"Hit point {number}"
            time = _number(row[0], f"{what}: the time", 0.0, sheet.duration)
            strength = _number(row[1], f"{what}: the strength", 0.0, 1.0)
            points.append(HitPoint(time, strength))
    points.sort(key=lambda hit: hit.time)
    shown: dict[tuple[float, float], list[tuple[CueRow, Cue]]] = {}
    for shown_cue, cue in zip(cue_rows(sheet), sheet.cues, strict=True):
        shown.setdefault(shown_cue[:2], []).append((shown_cue, cue))
    curves = {name: values.copy() for name, values in sheet.curves.items()}
    spans: list[Cue] = []
    for number, row in enumerate(cues, start=1):
        if _is_empty(row):
            continue
        what = f"Cue {number}"
        before = old = None
        if same_times := shown.get(_times(row)):
            before, old = same_times.pop(0)
        if old is not None:  # its times before they were rounded
            start, end = old.start, old.end
        else:
            start = _number(row[0], f"{what}: the start", 0.0, sheet.duration)
            end = _number(row[1], f"{what}: the end", 0.0, sheet.duration + 0.01)
        valence = _number(row[3], f"{what}: the valence", 0.0, 1.0)
        energy = _number(row[4], f"{what}: the energy", 0.0, 1.0)
        if end <= start:
            raise PixMusError(f"{what} ends at {end:g} s, not after its start; choose a later end.")
        spans.append(Cue(start, min(end, sheet.duration), str(row[2] or f"cue {number}")))
        part = curve_rows(start, end, len(curves[Curve.ENERGY]))
        moved = with_mood(
            {name: values[part] for name, values in curves.items()},
            None if before and abs(before[3] - valence) < UNCHANGED else valence,
            None if before and abs(before[4] - energy) < UNCHANGED else energy,
        )
        for name, values in moved.items():
            curves[name][part] = values
    spans.sort(key=lambda cue: cue.start)
    for first, second in zip(spans, spans[1:], strict=False):
        if second.start < first.end - 1e-3:
            raise PixMusError(
                f"Two cues overlap at {second.start:g} s; let one end before the other starts."
            )
    if not spans:
        raise PixMusError("No cue is left, so there would be no music; keep at least one row.")
    try:
        return replace(sheet, hit_points=tuple(points), cues=tuple(spans), curves=curves)
    except ValueError as error:
        raise PixMusError(f"The cue sheet cannot be so: {error}.") from error


def _is_empty(row: Sequence[Any]) -> bool:
    return all(
        value is None or value == "" or (isinstance(value, float) and math.isnan(value))
        for value in row
    )


def _times(row: Sequence[Any]) -> tuple[float, float]:
    """The first two numbers of a row, as rows show them; NaN where those are none."""
    try:
        return round(float(row[0]), 3), round(float(row[1]), 3)
    except (TypeError, ValueError, OverflowError):
        return math.nan, math.nan


def _number(value: Any, what: str, low: float, high: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise PixMusError(f"{what} is {said(value)}, which is no number.") from None
    if not low <= number <= high:
        raise PixMusError(f"{what} is {number:g}; give a number from {low:g} to {high:.6g}.")
    return number
