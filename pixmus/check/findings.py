"""A `Check` of one take: what of it lies outside what real music of its style does.

The take is cut into windows as real music was, and the value of each descriptor in `CHECKED` is
its median over those windows. It is outside when it is beyond the 1st or 99th percentile of real
windows in which the same parts play. A descriptor that the take gives no value (a part that does
not play) is not judged.

Conventions: positions are beats, windows are 8 bars of 4/4 (32 beats) that begin on a bar of the
score's own tempo map, every fourth bar and once more at the end of a stretch of music. A bar of
2/4 shifts what follows it in its window by half a bar; strong beats stay strong. Silences of two
bars or more part stretches; a stretch shorter than 8 bars is one window of its own length.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pixmus.check.descriptors import describe_window
from pixmus.check.ranges import CHECKED, EVERY_STYLE, MEASURED, OUT_OF_RANGE, Ranges
from pixmus.check.remarks import Remark, remarks_on
from pixmus.check.window import WINDOW_BEATS
from pixmus.ensembles import PITCHED, STYLES, Part
from pixmus.errors import PixMusError
from pixmus.keys import key_is_major, key_tonic
from pixmus.score.grid import BEATS_PER_BAR
from pixmus.score.notes import NUM_CELLS, Score, encode_score

HOP_BARS = 4
SILENT_BARS = 2  # part stretches of music
NARROWEST = 0.01  # the least width of a range that distances are measured in


@dataclass(frozen=True)
class Finding:
    """One descriptor of a take beside real music. NaN: the take has nothing to measure."""

    name: str
    value: float
    low: float
    high: float
    distance: float  # how far outside, in widths of the range; 0 inside
    worst_bar: int | None  # first bar (from 1) of the window furthest outside, where it is outside

    @property
    def is_judged(self) -> bool:
        return not math.isnan(self.value) and not math.isnan(self.low)

    @property
    def is_outside(self) -> bool:
        return self.distance > 0

    def __str__(self) -> str:
        told = f"{self.name} {self.value:.3g}, real music {self.low:.3g} to {self.high:.3g}"
        return told if self.worst_bar is None else f"{told}, most from bar {self.worst_bar}"


@dataclass(frozen=True)
class Check:
    """What `check_score` found, one `Finding` per name in `CHECKED`."""

    style: str
    compared_parts: tuple[str, ...]  # parts of the real windows
    num_real_windows: int
    num_windows: int  # of the take
    findings: tuple[Finding, ...]
    remarks: tuple[Remark, ...] = ()  # on the take as a whole

    @property
    def odd(self) -> tuple[Remark, ...]:
        """What of the take as a whole is unlike real music."""
        return tuple(remark for remark in self.remarks if remark.is_odd)

    @property
    def outside(self) -> tuple[Finding, ...]:
        """What lies outside, the furthest first."""
        found = [finding for finding in self.findings if finding.is_outside]
        return tuple(sorted(found, key=lambda finding: -finding.distance))

    @property
    def distance(self) -> float:
        """Total distance outside, in widths of ranges."""
        return sum(finding.distance for finding in self.findings)

    @property
    def rank(self) -> tuple[int, float]:
        """Takes in this order are ranked: fewest descriptors outside, then the nearest."""
        return len(self.outside), self.distance

    def describe(self) -> dict[str, Any]:
        """The check, ready for JSON; what could not be measured is null."""

        def plain(value: float) -> float | None:
            return None if math.isnan(value) else round(value, 4)

        return {
            "style": self.style,
            "compared_parts": list(self.compared_parts),
            "real_windows": self.num_real_windows,
            "windows": self.num_windows,
            "outside": [finding.name for finding in self.outside],
            "distance": round(self.distance, 4),
            "remarks": {
                remark.name: {
                    "value": plain(remark.value),
                    "low": plain(remark.low),
                    "high": plain(remark.high),
                    "odd": remark.is_odd,
                    "words": str(remark),
                }
                for remark in self.remarks
            },
            "descriptors": {
                finding.name: {
                    "value": plain(finding.value),
                    "low": plain(finding.low),
                    "high": plain(finding.high),
                    "distance": round(finding.distance, 4),
                    "worst_bar": finding.worst_bar,
                }
                for finding in self.findings
            },
        }


def check_score(score: Score, ranges: Ranges, style: str | None = None) -> Check:
    """Compare a score with real windows of its style (None: of all styles together)."""
    if style is not None and style not in STYLES:
        raise PixMusError(f"The style {style!r} is none; choose one of {', '.join(STYLES)}.")
    if style is None or style not in ranges.tables:
        style = EVERY_STYLE
    playing = [part for part in PITCHED if score.parts.get(part)]
    compared, table = ranges.choose(style, playing)
    bars, windows = cut_windows(score)
    minor = not key_is_major(score.key)
    values = np.array([describe_window(window, minor, MEASURED) for window in windows])
    columns = dict(zip(MEASURED, values.reshape(-1, len(MEASURED)).T, strict=True))
    findings = []
    for name, sides in CHECKED.items():
        low, high = table.ranges.get(name, (math.nan, math.nan))
        if name == OUT_OF_RANGE:
            value, worst = _share_out_of_range(score), None
            distance = _distance(value, low, high, sides)
        else:
            column = columns[name]
            known = column[~np.isnan(column)]
            value = float(np.median(known)) if len(known) else math.nan
            distance = _distance(value, low, high, sides)
            each = [_distance(float(v), low, high, sides) for v in column]
            worst = bars[int(np.argmax(each))] + 1 if distance > 0 else None
        findings.append(Finding(name, value, low, high, distance, worst))
    remarks = remarks_on(score, style if style != EVERY_STYLE else None)
    return Check(style, compared, table.num_windows, len(windows), tuple(findings), remarks)


def style_beside(midi_path: Path | str) -> str | None:
    """The style that the take.json or else the cues.json in the folder of a score names."""
    folder = Path(midi_path).parent
    for name, place in (("take.json", ("settings", "style")), ("cues.json", ("style",))):
        try:
            found = json.loads((folder / name).read_text())
            for key in place:
                found = found[key]
        except (OSError, ValueError, KeyError, TypeError):
            continue  # no such file, or not one of ours
        if found in STYLES:
            return str(found)
    return None


def _distance(value: float, low: float, high: float, sides: Sequence[str]) -> float:
    """How far a value lies outside on the given sides, in widths of the range; 0 for NaN."""
    if math.isnan(value) or math.isnan(low):
        return 0.0
    above = value - high if "high" in sides else 0.0
    below = low - value if "low" in sides else 0.0
    # Ranges are kept with four decimals.
    outside = max(above, below)
    return outside / max(high - low, NARROWEST) if outside > 1e-4 else 0.0


def cut_windows(score: Score) -> tuple[list[int], list[np.ndarray]]:
    """First bar (from 0) and piano-roll of each window, in C major or A minor.

    A window is uint8 (beats, NUM_CELLS): 32 beats, or fewer (whole bars of 4/4, silence added at
    the end) where a stretch of music is shorter.
    """
    cells = encode_score(_at_home(score))
    starts = np.array(score.tempo_map.bar_starts)
    edges = np.append(starts, len(cells))
    sounds = np.add.reduceat(cells.any(1), starts) > 0  # (bars,)
    bars: list[int] = []
    windows: list[np.ndarray] = []
    for first, last in _stretches(sounds):
        end = edges[last + 1]
        whole = [bar for bar in range(first, last + 1) if starts[bar] + WINDOW_BEATS <= end]
        if not whole:
            stretch = cells[starts[first] : end]
            missing = -len(stretch) % BEATS_PER_BAR
            windows.append(np.concatenate([stretch, np.zeros((missing, NUM_CELLS), np.uint8)]))
            bars.append(first)
            continue
        for bar in sorted({*whole[::HOP_BARS], whole[-1]}):
            windows.append(cells[starts[bar] : starts[bar] + WINDOW_BEATS])
            bars.append(bar)
    return bars, windows


def _stretches(sounds: np.ndarray) -> list[tuple[int, int]]:
    """First and last bar of each stretch of music; `sounds` is bool (bars,)."""
    found: list[tuple[int, int]] = []
    for bar in np.flatnonzero(sounds).tolist():
        if found and bar - found[-1][1] <= SILENT_BARS:
            found[-1] = (found[-1][0], bar)
        else:
            found.append((bar, bar))
    return found


def _at_home(score: Score) -> Score:
    """The score in C major or A minor: composing's transposition undone."""
    home = 0 if key_is_major(score.key) else 9
    shift = (home - key_tonic(score.key) + 5) % 12 - 5
    parts = {
        part: notes
        if part == Part.DRUMS
        else tuple(replace(note, pitch=note.pitch + shift) for note in notes)
        for part, notes in score.parts.items()
    }
    return replace(score, parts=parts)


def _share_out_of_range(score: Score) -> float:
    """Share of a score's pitched notes outside the ranges of their parts, as they are heard."""
    outside = []
    for part in map(Part, PITCHED):
        lowest, num_pitches = part.lowest_pitch, part.num_pitches
        outside += [
            not lowest <= note.pitch < lowest + num_pitches for note in score.parts.get(part, ())
        ]
    return float(np.mean(outside)) if outside else math.nan
