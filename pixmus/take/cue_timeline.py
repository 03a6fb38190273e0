"""The cue timeline: frames, cues, hit points over cuts, the four curves and the tempo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from pixmus.cues.sheet import CueSheet
from pixmus.curves import CURVE_RATE_HZ, Curve
from pixmus.score.tempo import TempoMap
from pixmus.take.figure import (
    CURVES_FROM_THE_TOP,
    HIT_COLOUR,
    INK,
    PAGE,
    QUIET,
    RULE,
    counted,
    draw_cuts,
    draw_hit_points,
    draw_legend,
    draw_thumbnails,
    label_row,
    panels_of,
    without_rules,
)

if TYPE_CHECKING:  # PyAV is not needed here
    from pixmus.picture.frames import Frame


def plot_cue_timeline(
    cue_sheet: CueSheet, tempo_map: TempoMap | None = None, thumbnails: Sequence[Frame] = ()
) -> Figure:
    """The cue sheet along time: frames, cues, hit points over cuts, the four curves, the tempo."""
    curves = [name for name in CURVES_FROM_THE_TOP if name in cue_sheet.curves]
    heights = (
        ([0.62] if thumbnails else [])
        + [0.24, 0.52]
        + [0.58] * len(curves)
        + ([0.66] if tempo_map is not None else [])
    )
    tempo_text = (
        f"{np.median(tempo_map.local_tempo_bpm):.0f} bpm"
        if tempo_map is not None
        else f"{cue_sheet.tempo_bpm:.0f} bpm wished"
    )
    figure, panels = panels_of(
        heights,
        cue_sheet.duration,
        "Cue timeline",
        [
            f"{cue_sheet.duration:.1f} s",
            counted(len(cue_sheet.cuts), "cut"),
            counted(len(cue_sheet.hit_points), "hit point"),
            cue_sheet.key,
            tempo_text,
            f"{cue_sheet.style}, {cue_sheet.ensemble}",
        ],
    )
    rows = iter(panels)
    if thumbnails:
        draw_thumbnails(next(rows), thumbnails, cue_sheet.duration)
    cue_row, hit_row = next(rows), next(rows)
    _draw_cues(cue_row, cue_sheet)
    label_row(cue_row, "cues", INK)
    draw_hit_points(hit_row, cue_sheet.hit_points)
    label_row(hit_row, "hit points", HIT_COLOUR)
    for name in curves:
        axes = next(rows)
        _draw_curve(axes, np.asarray(cue_sheet.curves[name]), name, cue_sheet.duration)
        label_row(axes, name, Curve(name).colour)
    if tempo_map is not None:
        axes = next(rows)
        _draw_tempo(axes, tempo_map, cue_sheet.duration)
        label_row(axes, "tempo", INK)
        axes.text(
            *(-0.012, 0.16),
            "bpm",
            transform=axes.transAxes,
            ha="right",
            va="center",
            fontsize=8,
            color=QUIET,
        )
    for axes in panels[2 if thumbnails else 1 :]:
        draw_cuts(axes, cue_sheet.cuts, INK)
    draw_legend(figure, (), has_hits=False, has_cuts=bool(cue_sheet.cuts))
    return figure


def _draw_cues(axes: Axes, cue_sheet: CueSheet) -> None:
    axes.set_ylim(0.0, 1.0)
    without_rules(axes)
    for cue in cue_sheet.cues:
        axes.add_patch(
            Rectangle((cue.start, 0.0), cue.end - cue.start, 1.0, fc="#d8dee9", ec=PAGE, lw=1.5)
        )
        if cue.end - cue.start > 0.012 * len(cue.name) * cue_sheet.duration:
            axes.text(
                (cue.start + cue.end) / 2,
                0.47,
                cue.name,
                ha="center",
                va="center",
                fontsize=8.5,
                color=INK,
                zorder=5,
            )


def _draw_curve(axes: Axes, curve: np.ndarray, name: str, duration: float) -> None:
    """A 4 Hz curve, filled from below; valence from its middle, as it has two directions."""
    times = (np.arange(len(curve)) + 0.5) / CURVE_RATE_HZ
    times = np.concatenate([[0.0], np.minimum(times, duration), [duration]])
    values = np.concatenate([curve[:1], curve, curve[-1:]])
    colour = Curve(name).colour
    base = 0.5 if name == Curve.VALENCE else 0.0
    axes.fill_between(times, base, values, color=colour, alpha=0.22, lw=0)
    axes.plot(times, values, color=colour, lw=1.5, zorder=3)
    axes.axhline(0.5, color=QUIET, lw=0.6, ls=(0, (2, 3)), zorder=2)
    axes.set_ylim(-0.04, 1.04)


def _draw_tempo(axes: Axes, tempo_map: TempoMap, duration: float) -> None:
    edges = np.asarray(tempo_map.beat_times)
    values = np.asarray(tempo_map.local_tempo_bpm)
    axes.stairs(values, edges, baseline=None, color=INK, lw=1.5, zorder=3)
    middle = float(np.median(values))
    reach = max(0.06 * middle, 1.25 * float(np.abs(values - middle).max()))
    axes.set_ylim(middle - reach, middle + reach)
    axes.set_xlim(0.0, max(duration, 1e-3))
    axes.yaxis.tick_right()
    ticks = MaxNLocator(4, integer=True).tick_values(middle - reach, middle + reach)
    axes.set_yticks([tick for tick in ticks if abs(tick - middle) < 0.8 * reach])
    axes.tick_params(axis="y", labelsize=8, colors=QUIET, length=0, pad=2)
    axes.grid(axis="y", color=RULE, lw=0.7)
