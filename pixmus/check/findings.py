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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pixmus.check.descriptors import DESCRIPTORS, WINDOW_BEATS, describe_window
from pixmus.ensembles import ENSEMBLES, PITCHED, STYLES, Part, pitched
from pixmus.errors import PixMusError
from pixmus.keys import key_is_major, key_tonic
from pixmus.model.folder import DESCRIPTOR_RANGES, MODEL_FOLDER
from pixmus.score.grid import BEATS_PER_BAR
from pixmus.score.notes import NUM_CELLS, PART_LAYOUTS, Score, encode_score

SHIPPED_RANGES = MODEL_FOLDER / DESCRIPTOR_RANGES

OUT_OF_RANGE = "out_of_range"
# What is judged, and on which sides: too little harshness, say, is no fault.
CHECKED: dict[str, tuple[str, ...]] = {
    "off_scale": ("high",),
    "key_correlation": ("low",),
    "harsh_strong": ("high",),
    "harsh_melody_bass": ("high",),
    "harsh_melody_harmony": ("high",),
    "melody_leaps": ("low", "high"),
    "melody_octaves": ("high",),
    "melody_repeated": ("low", "high"),
    "melody_rests": ("low", "high"),
    "silence": ("high",),
    "bass_not_lowest": ("high",),
    "melody_not_highest": ("high",),
    "low_thirds": ("high",),
    "density_jump": ("high",),
    "groove_break": ("high",),
    OUT_OF_RANGE: ("high",),
}
MEASURED = tuple(name for name in CHECKED if name in DESCRIPTORS)
DEFINITIONS = {
    **{name: DESCRIPTORS[name] for name in MEASURED},
    OUT_OF_RANGE: "Share of the take's notes outside their parts' ranges, in the key it is heard.",
}
LOW_PERCENTILE, HIGH_PERCENTILE = 1.0, 99.0

HOP_BARS = 4
SILENT_BARS = 2  # part stretches of music
FEWEST_WINDOWS = 100  # real ones, for a table of their own
FEWEST_VALUES = 50  # in them, for a range
# Real pieces modulate; a take is asked for one key. So these are compared with windows in their
# piece's key: no other key fits better by more than the tolerance (which is that of `find_key`).
OF_KEY = ("off_scale", "key_correlation")
KEY_TOLERANCE = 0.1
NARROWEST = 0.01  # the least width of a range that distances are measured in
EVERY_STYLE = "any"
ALL_SHIFTS = range(-6, 6)  # keys of a take, in semitones from C major or A minor


def _part_sets() -> tuple[tuple[str, ...], ...]:
    """The pitched parts of every ensemble, and the same without a melody."""
    full = [pitched(ensemble.parts) for ensemble in ENSEMBLES.values()]
    without = [tuple(part for part in parts if part != Part.MELODY) for parts in full]
    return tuple(dict.fromkeys(full + without))


PART_SETS = _part_sets()

Range = tuple[float, float]
Window = tuple[np.ndarray, bool]  # cells in C major or A minor, whether it is minor


@dataclass(frozen=True)
class RangeTable:
    """The 1st and 99th percentile of each descriptor over real windows of one kind."""

    num_windows: int
    ranges: dict[str, Range]


@dataclass(frozen=True)
class Ranges:
    """Tables by style (or `EVERY_STYLE`) and by the pitched parts that play."""

    tables: dict[str, dict[tuple[str, ...], RangeTable]]

    def choose(self, style: str, parts: Iterable[str]) -> tuple[tuple[str, ...], RangeTable]:
        """The style's table whose parts are most nearly these (Jaccard index), else an empty."""
        tables = self.tables.get(style, {})
        if not tables:
            return (), RangeTable(0, {})
        playing = set(parts)

        def likeness(names: tuple[str, ...]) -> float:
            return len(playing & set(names)) / len(playing | set(names))

        chosen = max(tables, key=likeness)
        return chosen, tables[chosen]

    def to_json(self) -> str:
        """One line a table."""
        styles = []
        for style, tables in self.tables.items():
            rows = [
                f'    "{"+".join(parts)}": '
                + json.dumps({"windows": table.num_windows, "ranges": table.ranges})
                for parts, table in tables.items()
            ]
            styles.append(f'  "{style}": {{\n' + ",\n".join(rows) + "\n  }")
        return "{\n" + ",\n".join(styles) + "\n}\n"

    @classmethod
    def from_json(cls, text: str) -> Ranges:
        raw = json.loads(text)
        return cls(
            {
                style: {
                    tuple(parts.split("+")): RangeTable(
                        table["windows"],
                        {name: (low, high) for name, (low, high) in table["ranges"].items()},
                    )
                    for parts, table in tables.items()
                }
                for style, tables in raw.items()
            }
        )

    @classmethod
    def load(cls, path: Path | str) -> Ranges:
        """The ranges in a file of a model folder; PixMusError where there are none."""
        try:
            return cls.from_json(Path(path).read_text())
        except OSError as error:
            raise PixMusError(
                f"{path} could not be read ({error.strerror}); give a model folder that holds "
                f"{DESCRIPTOR_RANGES}."
            ) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise PixMusError(f"{path} holds no descriptor ranges; get the model again.") from error


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
    return Check(style, compared, table.num_windows, len(windows), tuple(findings))


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


# ------------------------------------------------------------------------------- ranges from data


def fit_ranges(windows_by_style: Mapping[str, Iterable[Window]]) -> Ranges:
    """The ranges of real music, from windows of each style.

    Every window counts once for each set in `PART_SETS` all of whose parts play in it, reduced to
    those parts. A table needs `FEWEST_WINDOWS`, a range in it `FEWEST_VALUES`. `EVERY_STYLE` holds
    all windows together. For `OUT_OF_RANGE` every window is tried in all twelve keys; for `OF_KEY`
    only those count that are in their piece's key.
    """
    rows: dict[str, dict[tuple[str, ...], list[tuple[np.ndarray, np.ndarray]]]] = {}
    for style, windows in windows_by_style.items():
        for cells, minor in windows:
            playing = {p for p in PITCHED if cells[:, PART_LAYOUTS[p].onsets].any()}
            for parts in PART_SETS:
                if set(parts) <= playing:
                    reduced = _only(cells, parts)
                    row = _describe_real(reduced, minor), _out_of_range(reduced)
                    for kind in (style, EVERY_STYLE):
                        rows.setdefault(kind, {}).setdefault(parts, []).append(row)
    tables: dict[str, dict[tuple[str, ...], RangeTable]] = {}
    for style in (*windows_by_style, EVERY_STYLE):
        for parts in PART_SETS:
            found = rows.get(style, {}).get(parts, [])
            if len(found) < FEWEST_WINDOWS:
                continue
            columns = dict(zip(MEASURED, np.array([row for row, _ in found]).T, strict=True))
            columns[OUT_OF_RANGE] = np.concatenate([shares for _, shares in found])
            table = RangeTable(len(found), _percentiles(columns))
            tables.setdefault(style, {})[parts] = table
    return Ranges(tables)


def _describe_real(cells: np.ndarray, minor: bool) -> np.ndarray:
    """`MEASURED` of a real window; `OF_KEY` is NaN where it has left the key."""
    *row, key_lead = describe_window(cells, minor, (*MEASURED, "key_lead")).tolist()
    if key_lead < -KEY_TOLERANCE:
        row = [math.nan if n in OF_KEY else v for n, v in zip(MEASURED, row, strict=True)]
    return np.array(row)


def _percentiles(columns: Mapping[str, np.ndarray]) -> dict[str, Range]:
    ranges: dict[str, Range] = {}
    for name, column in columns.items():
        known = column[~np.isnan(column)]
        if len(known) >= FEWEST_VALUES:
            low, high = np.percentile(known, (LOW_PERCENTILE, HIGH_PERCENTILE))
            ranges[name] = (round(float(low), 4), round(float(high), 4))
    return ranges


def _only(cells: np.ndarray, parts: Sequence[str]) -> np.ndarray:
    """The cells with all other parts emptied."""
    reduced = np.zeros_like(cells)
    for part in parts:
        span = PART_LAYOUTS[part].cells
        reduced[:, span] = cells[:, span]
    return reduced


def _out_of_range(cells: np.ndarray) -> np.ndarray:
    """Share of pitched notes outside their parts' ranges after each of `ALL_SHIFTS`."""
    outside, total = np.zeros(len(ALL_SHIFTS)), 0
    for part in PITCHED:
        layout = PART_LAYOUTS[part]
        onsets = cells[:, layout.onsets].reshape(-1, layout.num_pitches)  # (steps, pitches)
        counts = onsets.sum(0, dtype=int)
        total += int(counts.sum())
        for index, shift in enumerate(ALL_SHIFTS):
            moved_out = counts[:-shift] if shift < 0 else counts[len(counts) - shift :]
            outside[index] += moved_out.sum()
    return outside / max(total, 1)
