"""What the cue sheet wanted of each curve and what the score has of it, bar by bar."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from pixmus.curves import Curve
from pixmus.score.tempo import TempoMap
from pixmus.take.figure import (
    CURVES_FROM_THE_TOP,
    INK,
    LEFT_IN,
    QUIET,
    counted,
    label_row,
    panels_of,
)


def plot_agreement(
    wanted: Mapping[str, np.ndarray],
    measured: Mapping[str, np.ndarray],
    tempo_map: TempoMap,
    duration: float,
    correlations: Mapping[str, float],
) -> Figure:
    """What the cue sheet wanted of each curve and what the score has of it, bar by bar.

    `wanted` and `measured` hold one value (0..1) a bar; `correlations` stand beside the names.
    """
    names = [name for name in CURVES_FROM_THE_TOP if name in wanted]
    bars = len(tempo_map.bar_starts)
    figure, panels = panels_of(
        [0.86] * len(names), duration, "Wanted and measured", [counted(bars, "bar"), "by bar"]
    )
    starts = np.asarray(tempo_map.to_seconds(np.asarray(tempo_map.bar_starts, dtype=float)))
    edges = np.append(starts, duration)
    for axes, name in zip(panels, names, strict=True):
        colour = Curve(name).colour
        axes.stairs(measured[name], edges, fill=True, color=colour, alpha=0.28, lw=0, zorder=2)
        axes.stairs(wanted[name], edges, baseline=None, color=INK, lw=1.6, zorder=3)
        axes.set_ylim(-0.04, 1.04)
        axes.set_xlim(0.0, max(duration, 1e-3))
        label_row(axes, name, colour, 0.62)
        value = correlations[name]
        label_row(axes, "flat" if np.isnan(value) else f"{value:.2f}", QUIET, 0.3)
    width, height = figure.get_size_inches()
    figure.text(
        LEFT_IN / width,
        0.12 / height,
        "line: wanted by the cue sheet   ·   area: measured on the score   ·   "
        "number: rank correlation",
        fontsize=9,
        color=QUIET,
        va="bottom",
    )
    return figure
