"""`Inspection`: what a table holds, what repeats in it, and what of it cannot be used.

Conventions: times are seconds. A *span* is a stretch of one file: (file, start, end); a still is
one span. Files of one name up to the suffix are one source (`split.source_of`). What the numbers
mean is written in `DEFINITIONS`, which the report prints.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pixmus.dataset.layouts import ROUNDING_S
from pixmus.dataset.split import audio_source, source_of, union
from pixmus.dataset.table import Row, Table
from pixmus.errors import PixMusError
from pixmus.take.bundle import check_new_file, new_file
from pixmus.training.splits import KINDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

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
SHORT = {
    "repeated_rows": "repeats a row",
    "music_under_several_pictures": "same music, other picture",
    "pictures_over_several_musics": "same picture, other music",
    "repeated_segments": "segment used elsewhere",
    "overlapping_pictures": "pictures overlap",
    "overlapping_musics": "music overlaps",
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

    def to_markdown(self) -> str:
        """The report as a person reads it."""
        kinds = ", ".join(_counted(self.kinds[kind], kind) for kind in KINDS)
        lines = [
            f"# {self.source}",
            "",
            f"{_counted(self.num_rows, 'row')} in the {self.layout} layout"
            + (f", joined from {len(self.files)} files" if len(self.files) > 1 else "")
            + f": {self.num_usable} can be used ({kinds}; {self.hours:.1f} hours), "
            f"{self.num_refused} cannot.",
            "",
        ]
        if self.refused:
            lines += ["| cannot be used | rows | for example |", "|---|---|---|"]
            for problem, facts in self.refused.items():
                first = ", ".join(map(str, facts["first"]))
                more = ", ..." if facts["count"] > len(facts["first"]) else ""
                lines.append(
                    f"| {problem} | {facts['count']} | {_cell(facts['example'])} "
                    f"(row {first}{more}) |"
                )
            lines += ["", "Rows are numbered from 0, the header not counted.", ""]
        if self.num_usable:
            lines += self._use()
        empty = {name: count for name, count in self.missing.items() if count}
        if empty:
            lines += ["| column | empty cells |", "|---|---|"]
            lines += [f"| {_cell(name)} | {count} |" for name, count in empty.items()]
            lines.append("")
        full = "" if empty else "No cell is empty. "
        others = ", ".join(map(_cell, self.unknown)) or "none"
        lines += [f"{full}Columns of other names, kept as they are: {others}.", ""]
        return "\n".join(lines)

    def _use(self) -> list[str]:
        lines = [
            "| duration, s | shortest | 5 % | median | 95 % | longest |",
            "|---|---|---|---|---|---|",
        ]
        for kind, values in self.durations.items():
            lines.append(f"| {kind} | {' | '.join(f'{value:g}' for value in values)} |")
        lines += [
            "",
            "| sources | files | rows a file: median, 95 %, most | seconds used a file, median | "
            "used up to its last second, median |",
            "|---|---|---|---|---|",
        ]
        for name, facts in self.sources.items():
            if not facts["files"]:
                continue
            rows = ", ".join(f"{facts['rows'][k]:g}" for k in (2, 3, 4))
            used = f"{facts['seconds'][2]:g} | {facts['covered'][2]:.0%}"
            lines.append(
                f"| {name} | {facts['files']} | {rows} | {used if name != 'stills' else ' | '} |"
            )
        lines += ["", "| what rows share | rows |", "|---|---|"]
        for name, told in DEFINITIONS.items():
            share = self.shared[name] / self.num_usable
            lines.append(f"| {told} | {self.shared[name]} ({share:.1%}) |")
        return [*lines, ""]


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


def write_inspection(inspection: Inspection, folder: Path, overwrite: bool = False) -> list[Path]:
    """Write `inspection.json`, `.md` and `.png` to a folder, which is made; return their paths."""
    from pixmus.take.plots import save_figure

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise PixMusError(f"{folder} cannot be made into a folder; name another one.") from error
    paths = [folder / f"inspection.{suffix}" for suffix in ("json", "md", "png")]
    for path in paths:
        check_new_file(path, overwrite)
    with new_file(paths[0], overwrite) as place:
        text = json.dumps(inspection.to_dict(), indent=1, ensure_ascii=False)
        place.write_text(text + "\n", encoding="utf-8")
    with new_file(paths[1], overwrite) as place:
        picture = "![What the table holds](inspection.png)\n"
        place.write_text(inspection.to_markdown() + "\n" + picture, encoding="utf-8")
    with new_file(paths[2], overwrite) as place:
        save_figure(plot_inspection(inspection), place)
    return paths


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


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _cell(text: str) -> str:
    """Text that stays in its cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|")


# --------------------------------------------------------------------------------------- the plot

KIND_COLOURS = {"video": "#0072b2", "still": "#d55e00"}
REFUSED_COLOUR = "#59616d"
AUDIO_COLOUR = "#009e73"
SHARED_COLOUR = "#6a4c93"
MOST_BARS = 8


def plot_inspection(inspection: Inspection) -> Figure:
    """Six panels: rows, durations, rows of a file; what rows share, empty cells, refusals."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from pixmus.take.plots import DPI, INK, PAGE, QUIET, WIDTH_PX

    figure = Figure(figsize=(WIDTH_PX / DPI, 6.4), dpi=DPI, facecolor=PAGE)
    FigureCanvasAgg(figure)
    panels = figure.subplots(2, 3)
    figure.subplots_adjust(left=0.06, right=0.985, top=0.84, bottom=0.08, wspace=0.24, hspace=0.42)
    _draw_kinds(panels[0, 0], inspection)
    _draw_durations(panels[0, 1], inspection)
    _draw_rows_of_files(panels[0, 2], inspection)
    shared = {SHORT[name]: count for name, count in inspection.shared.items()}
    _draw_bars(panels[1, 0], "What rows share", shared, inspection.num_usable, SHARED_COLOUR)
    empty = {name: count for name, count in inspection.missing.items() if count}
    _draw_bars(panels[1, 1], "Empty cells", empty, inspection.num_rows, "#b8860b")
    refused = {problem: facts["count"] for problem, facts in inspection.refused.items()}
    _draw_bars(
        panels[1, 2], "Cannot be used", refused, inspection.num_rows, REFUSED_COLOUR, digits=2
    )
    title = f"{inspection.num_rows:,} rows of pictures with music"
    figure.text(0.06, 0.945, title, fontsize=14, fontweight="bold", color=INK, va="center")
    told = f"{_shortened(inspection.source, 60)}  ·  {inspection.hours:,.1f} hours"
    figure.text(0.985, 0.945, told, fontsize=9.5, color=QUIET, va="center", ha="right")
    return figure


def _dress(axes: Axes, title: str, unit: str = "", grid: str = "") -> None:
    from pixmus.take.plots import INK, PANEL, QUIET, RULE

    axes.set_title(title, fontsize=10, color=INK, loc="left")
    axes.set_xlabel(unit, fontsize=8.5, color=QUIET)
    axes.set_facecolor(PANEL)
    axes.tick_params(which="both", length=0, labelsize=8.5, labelcolor=QUIET)
    if grid:
        axes.grid(True, axis=grid, color=RULE, lw=0.8)  # type: ignore[arg-type]
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)


def _draw_kinds(axes: Axes, inspection: Inspection) -> None:
    counts = {**inspection.kinds, "refused": inspection.num_refused}
    colours = {**KIND_COLOURS, "refused": REFUSED_COLOUR}
    _draw_counts(
        axes,
        ["videos", "stills", "refused"],
        list(counts.values()),
        inspection.num_rows,
        [colours[name] for name in counts],
    )
    _dress(axes, "Rows")


def _draw_counts(
    axes: Axes,
    names: Sequence[str],
    counts: Sequence[int],
    whole: int,
    colours: Sequence[str],
    digits: int = 1,
) -> None:
    """Bars with their names above them, so that long names need no margin."""
    from pixmus.take.plots import INK, QUIET

    largest = max([*counts, 1])
    for place, (name, count, colour) in enumerate(zip(names, counts, colours, strict=True)):
        axes.barh(place, count, 0.34, color=colour, lw=0)
        axes.text(
            0.012 * largest, place - 0.22, name, fontsize=8.5, color=INK, va="bottom", ha="left"
        )
        axes.text(
            1.0 * largest, place - 0.22, f"{count:,}  ({count / max(whole, 1):.{digits}%})",
            fontsize=8.5, color=QUIET, va="bottom", ha="right",
        )  # fmt: skip
    axes.set_xlim(0, 1.02 * largest)
    axes.set_ylim(max(len(names), 3) - 0.6, -0.75)
    axes.set_yticks([])
    axes.set_xticks([])


def _draw_bars(
    axes: Axes, title: str, counts: Mapping[str, int], whole: int, colour: str, digits: int = 1
) -> None:
    """The largest counts as bars; what does not fit is one bar."""
    from pixmus.take.plots import QUIET

    _dress(axes, title)
    if not counts:
        axes.set_xticks([])
        axes.set_yticks([])
        axes.text(
            0.5, 0.5, "none", fontsize=9.5, color=QUIET, ha="center", va="center",
            transform=axes.transAxes,
        )  # fmt: skip
        return
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    if len(ordered) > MOST_BARS:
        rest = ordered[MOST_BARS - 1 :]
        ordered = [*ordered[: MOST_BARS - 1], (f"{len(rest)} more", sum(n for _, n in rest))]
    names = [_shortened(name, 34) for name, _ in ordered]
    _draw_counts(axes, names, [n for _, n in ordered], whole, [colour] * len(names), digits)


def _draw_durations(axes: Axes, inspection: Inspection) -> None:
    from pixmus.take.plots import QUIET

    pairs = inspection.duration_counts
    _dress(axes, "Durations, rows", "seconds", "y")
    if not pairs:
        axes.set_yticks([])
        axes.set_xticks([])
        return
    longest = max(seconds for seconds, _ in pairs)
    width = max(longest / 40, 0.1)
    edges = np.arange(0.0, longest + 3 * width, width) - width / 2
    heights, _ = np.histogram(
        [seconds for seconds, _ in pairs], edges, weights=[count for _, count in pairs]
    )
    axes.bar(edges[:-1], heights, 0.9 * width, align="edge", color=AUDIO_COLOUR, lw=0)
    axes.set_xlim(-width, longest + 3 * width)
    _scale(axes, int(heights.max()), room=8)
    seconds, count = pairs[0]
    share = count / inspection.num_usable
    axes.text(
        0.03, 0.95, f"{share:.1%} of rows last {seconds:g} s" if share > 0.5 else "",
        fontsize=8.5, color=QUIET, va="top", transform=axes.transAxes,
    )  # fmt: skip


LARGEST_LINEAR = 60  # above which counts stand on a logarithmic scale, so that rare ones are seen


def _scale(axes: Axes, largest: int, room: float) -> None:
    """A scale of counts with room for text above: `room` times the largest, on a log scale."""
    from matplotlib.ticker import MaxNLocator

    if largest > LARGEST_LINEAR:
        axes.set_yscale("log")
        axes.set_ylim(0.7, room * largest)
        axes.minorticks_off()
    else:
        axes.set_ylim(0, 1.6 * largest)
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_formatter(lambda value, _: _short_number(value))


def _short_number(value: float) -> str:
    for size, name in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{name}"
    return f"{value:g}"


def _draw_rows_of_files(axes: Axes, inspection: Inspection) -> None:
    from pixmus.take.plots import QUIET

    colours = {"videos": KIND_COLOURS["video"], "stills": KIND_COLOURS["still"],
               "audio": AUDIO_COLOUR}  # fmt: skip
    there = {name: facts for name, facts in inspection.sources.items() if facts["files"]}
    width = 0.84 / max(len(there), 1)
    top = 1
    for k, (name, facts) in enumerate(there.items()):
        heights = np.array(facts["rows_histogram"])
        top = max(top, int(heights.max()))
        places = np.arange(len(heights)) + (k - (len(there) - 1) / 2) * width
        label = f"{facts['files']:,} {name if name != 'audio' else 'audio files'}"
        axes.bar(places, heights, 0.94 * width, color=colours[name], lw=0, label=label)
    names = [
        f"{low}" if high == low + 1 else f"{low}–{high - 1}"
        for low, high in zip(EDGES, EDGES[1:], strict=False)
    ]
    axes.set_xticks(range(len(EDGES)), [*names, f"{EDGES[-1]}+"])
    _dress(axes, "Files by number of rows", "rows of a file", "y")
    axes.tick_params(axis="x", labelsize=7.5)
    _scale(axes, top, room=120)
    if there:
        axes.legend(
            frameon=False, fontsize=8.5, labelcolor=QUIET, handlelength=1.0, loc="upper right"
        )


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"...{text[3 - most :]}"
