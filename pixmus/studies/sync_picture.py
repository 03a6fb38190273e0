"""The picture of `pixmus evaluate sync`: rates, offsets and where missed cuts were lost."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pixmus.studies.sync_rates import SLOW_ROW, STAGES
from pixmus.take.figure import DPI, INK, PAGE, PANEL, QUIET, RULE, WIDTH_PX

SERIES = {  # label: key of the row's rates, colour
    "music": ("music", "#c2185b"),
    "model alone": ("alone", "#6a4c93"),
    "shifted cuts": ("shifted", "#8fa3b5"),
    "metronome": ("metronome", "#c9ced6"),
}
WANTED = 0.9


def plot(result: dict[str, Any]) -> Figure:
    """Hit rates beside their baselines, the offsets, and where missed cuts were lost."""
    figure = Figure(figsize=(WIDTH_PX / DPI, 4.2), dpi=DPI, facecolor=PAGE)
    FigureCanvasAgg(figure)
    rates, offsets, losses = figure.subplots(
        1, 3, gridspec_kw={"width_ratios": [1.7, 1, 1.3], "wspace": 0.34}
    )
    figure.subplots_adjust(left=0.06, right=0.985, top=0.82, bottom=0.2)
    draw_rates(rates, result["rows"])
    figure.legend(
        *rates.get_legend_handles_labels(),
        **{"loc": "upper right", "ncols": 4, "frameon": False, "fontsize": 8.5},
    )
    found = result["offsets"]
    edges = np.array(found["edges_ms"])
    offsets.bar(edges[:-1], found["counts"], np.diff(edges), align="edge", color="#c2185b",
                zorder=3)  # fmt: skip
    offsets.axvspan(-40, 40, color="#f3d9e4", zorder=1)
    offsets.set_xlabel("ms after the cut", fontsize=8.5, color=QUIET)
    offsets.set_title("Nearest strong onset", fontsize=10, color=INK, loc="left")
    missed = result["rows"]["all"]["missed"]
    losses.barh(STAGES, [missed.get(stage, 0) for stage in STAGES], color="#0072b2", zorder=3)
    losses.invert_yaxis()
    losses.set_xlabel("cuts", fontsize=8.5, color=QUIET)
    losses.set_title("Where missed cuts were lost", fontsize=10, color=INK, loc="left")
    for axes in (rates, offsets, losses):
        axes.set_facecolor(PANEL)
        axes.grid(axis="x" if axes is losses else "y", color=RULE, lw=0.7)
        axes.set_axisbelow(True)
        axes.tick_params(length=0, labelsize=8.5, colors=QUIET)
        for spine in axes.spines.values():
            spine.set_visible(False)
    figure.text(
        *(0.06, 0.955), "Music and cuts", fontsize=14, fontweight="bold", color=INK, va="top"
    )
    return figure


def draw_rates(axes: Axes, every_row: dict[str, Any]) -> None:
    """Bars of each row's rates with their intervals."""
    rows = {name: row for name, row in every_row.items() if name not in (SLOW_ROW, "all")}
    width = 0.8 / len(SERIES)
    for number, (label, (key, colour)) in enumerate(SERIES.items()):
        cells = [row["40"][key] for row in rows.values()]
        values = np.array([cell["rate"] for cell in cells])
        ends = [
            [max(0.0, v - c["low"]) for v, c in zip(values, cells, strict=True)],
            [max(0.0, c["high"] - v) for v, c in zip(values, cells, strict=True)],
        ]
        at = np.arange(len(rows)) + (number - (len(SERIES) - 1) / 2) * width
        axes.bar(at, values, 0.92 * width, color=colour, label=label, zorder=3)
        axes.errorbar(at, values, ends, fmt="none", ecolor=INK, elinewidth=0.9, zorder=4)
    axes.set_xticks(range(len(rows)), [f"{n}\n{row['cuts']} cuts" for n, row in rows.items()])
    axes.axhline(WANTED, color=INK, lw=0.8, ls=(0, (3, 2)), zorder=2)
    axes.set_ylim(0, 1.02)
    axes.set_title("Cuts with a strong onset within 40 ms", fontsize=10, color=INK, loc="left")
