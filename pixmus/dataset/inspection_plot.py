"""The picture of an `Inspection`: what a table holds, at a glance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pixmus.dataset.inspection import EDGES, Inspection
from pixmus.training.panels import dress

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


SHORT = {
    "repeated_rows": "repeats a row",
    "music_under_several_pictures": "same music, other picture",
    "pictures_over_several_musics": "same picture, other music",
    "repeated_segments": "segment used elsewhere",
    "overlapping_pictures": "pictures overlap",
    "overlapping_musics": "music overlaps",
}


KIND_COLOURS = {"video": "#0072b2", "still": "#d55e00"}
REFUSED_COLOUR = "#59616d"
AUDIO_COLOUR = "#009e73"
SHARED_COLOUR = "#6a4c93"
MOST_BARS = 8


def plot_inspection(inspection: Inspection) -> Figure:
    """Six panels: rows, durations, rows of a file; what rows share, empty cells, refusals."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from pixmus.take.figure import DPI, INK, PAGE, QUIET, WIDTH_PX

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
    dress(axes, "Rows")


def _draw_counts(
    axes: Axes,
    names: Sequence[str],
    counts: Sequence[int],
    whole: int,
    colours: Sequence[str],
    digits: int = 1,
) -> None:
    """Bars with their names above them, so that long names need no margin."""
    from pixmus.take.figure import INK, QUIET

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
    from pixmus.take.figure import QUIET

    dress(axes, title)
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
    from pixmus.take.figure import QUIET

    pairs = inspection.duration_counts
    dress(axes, "Durations, rows", "seconds", "y")
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
    from pixmus.take.figure import QUIET

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
    dress(axes, "Files by number of rows", "rows of a file", "y")
    axes.tick_params(axis="x", labelsize=7.5)
    _scale(axes, top, room=120)
    if there:
        axes.legend(
            frameon=False, fontsize=8.5, labelcolor=QUIET, handlelength=1.0, loc="upper right"
        )


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"...{text[3 - most :]}"
