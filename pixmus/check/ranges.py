"""`Ranges`: between which values real music lies, by style and by the parts that play.

`fit_ranges` measures them once on windows of real music; they come with the model. What is judged
of a take, and on which sides, is `CHECKED`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pixmus.check.descriptors import DESCRIPTORS, describe_window
from pixmus.ensembles import ENSEMBLES, PITCHED, Part, pitched
from pixmus.errors import PixMusError
from pixmus.model.folder import DESCRIPTOR_RANGES, MODEL_FOLDER
from pixmus.score.notes import PART_LAYOUTS

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
FEWEST_WINDOWS = 100  # real ones, for a table of their own
FEWEST_VALUES = 50  # in them, for a range
# Real pieces modulate; a take is asked for one key. So these are compared with windows in their
# piece's key: no other key fits better by more than the tolerance (which is that of `find_key`).
OF_KEY = ("off_scale", "key_correlation")
KEY_TOLERANCE = 0.1
EVERY_STYLE = "any"
ALL_SHIFTS = range(-6, 6)  # keys of a take, in semitones from C major or A minor


def _part_sets() -> tuple[tuple[str, ...], ...]:
    """The pitched parts of every ensemble, and the same without a melody."""
    full = [pitched(ensemble.parts) for ensemble in ENSEMBLES.values()]
    without = [tuple(part for part in parts if part != Part.MELODY) for parts in full]
    return tuple(dict.fromkeys(full + without))


PART_SETS = _part_sets()

Range = tuple[float, float]
RealWindow = tuple[np.ndarray, bool]  # cells in C major or A minor, whether it is minor


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


def fit_ranges(windows_by_style: Mapping[str, Iterable[RealWindow]]) -> Ranges:
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
