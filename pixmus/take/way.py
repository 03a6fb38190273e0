"""The whole way in one picture: every stage's product below the one it was made from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pixmus.cues.sheet import CueSheet
from pixmus.curves import CURVE_RATE_HZ
from pixmus.picture.features import Features
from pixmus.score.notes import Score
from pixmus.score.tempo import TempoMap
from pixmus.take.figure import (
    CURVES_FROM_THE_TOP,
    DPI,
    HIT_COLOUR,
    INK,
    LEFT_IN,
    PANEL,
    PARTS_FROM_THE_BACK,
    QUIET,
    WIDTH_PX,
    draw_cuts,
    draw_hit_points,
    draw_legend,
    draw_thumbnails,
    draw_verticals,
    label_row,
    panels_of,
    without_rules,
)
from pixmus.take.piano_roll import draw_notes, note_spans

if TYPE_CHECKING:  # PyAV is not needed here
    from pixmus.picture.frames import Frame


def plot_way(
    features: Features,
    cue_sheet: CueSheet,
    score: Score,
    waveform: np.ndarray,
    thumbnails: Sequence[Frame],
) -> Figure:
    """Every stage's product below the one that it was made from, with the verb between them.

    `waveform` is the finished sound (channels, samples), as long as the clip.
    """
    duration, tempo_map = cue_sheet.duration, score.tempo_map
    figure, panels = panels_of(
        [0.62, 0.5, 0.62, 0.3, 1.5, 0.5], duration, "From the picture to its music", [], gap=0.3
    )
    clip, measured, sheet, grid, roll, sound = panels
    draw_thumbnails(clip, thumbnails, duration)
    times = (np.arange(len(features.motion)) + 0.5) / CURVE_RATE_HZ
    seen = {"motion": features.motion, "brightness": features.brightness}
    _draw_lines(
        measured,
        times,
        [
            (name, values / max(float(values.max()), 1e-9), colour)
            for (name, values), colour in zip(seen.items(), (INK, QUIET), strict=True)
        ],
    )
    _draw_lines(
        sheet,
        times,
        [
            (name, np.asarray(cue_sheet.curves[name]), name.colour)
            for name in CURVES_FROM_THE_TOP
            if name in cue_sheet.curves
        ],
    )
    draw_hit_points(sheet, cue_sheet.hit_points)
    _draw_beats(grid, tempo_map)
    _draw_score(roll, score)
    _draw_waveform(sound, waveform, duration)
    names = ("clip", "features", "cue sheet", "tempo map", "score", "soundtrack")
    verbs = ("extract", "spot", "fit", "compose", "render, mix")
    for axes, name in zip(panels, names, strict=True):
        label_row(axes, name, INK)
    for above, below, verb in zip(panels, panels[1:], verbs, strict=False):
        height = (above.get_position().y0 + below.get_position().y1) / 2
        figure.text(
            *((LEFT_IN - 0.1) * DPI / WIDTH_PX, height),
            f"{verb} \u2193",
            ha="right",
            va="center",
            fontsize=8.5,
            color=HIT_COLOUR,
        )
    for axes in panels[1:]:
        draw_verticals(axes, [hit.time for hit in cue_sheet.hit_points], HIT_COLOUR, "solid")
        draw_cuts(axes, cue_sheet.cuts, INK)
    draw_legend(
        figure,
        [part for part in PARTS_FROM_THE_BACK[::-1] if score.parts.get(part)],
        has_hits=bool(cue_sheet.hit_points),
        has_cuts=bool(cue_sheet.cuts),
    )
    return figure


def _draw_lines(
    axes: Axes, times: np.ndarray, lines: Sequence[tuple[str, np.ndarray, str]]
) -> None:
    """Curves (name, values, colour), named where they end."""
    for _, values, colour in lines:
        axes.plot(times[: len(values)], values, color=colour, lw=1.4, zorder=3)
    axes.set_ylim(-0.06, 1.15)
    _name_lines(axes, [(name, float(values[-1]), colour) for name, values, colour in lines])


def _draw_beats(grid: Axes, tempo_map: TempoMap) -> None:
    """Beats as short lines, bars as long ones."""
    bars = np.asarray(tempo_map.to_seconds(np.asarray(tempo_map.bar_starts, dtype=float)))
    grid.vlines(tempo_map.beat_times, 0.0, 0.5, color=QUIET, lw=0.8, zorder=3)
    grid.vlines(bars, 0.0, 0.95, color=INK, lw=1.3, zorder=3)
    grid.set_ylim(0.0, 1.0)
    without_rules(grid)


def _draw_score(roll: Axes, score: Score) -> None:
    """The pitched notes, coloured by part."""
    for part in (part for part in PARTS_FROM_THE_BACK if score.parts.get(part)):
        notes = score.parts[part]
        draw_notes(
            roll, *note_spans(notes, score.tempo_map), [n.pitch for n in notes], 0.5, notes, part
        )
    pitches = [n.pitch for part in PARTS_FROM_THE_BACK for n in score.parts.get(part, ())] or [60]
    roll.set_ylim(min(pitches) - 2, max(pitches) + 2)
    without_rules(roll)


def _draw_waveform(axes: Axes, waveform: np.ndarray, duration: float) -> None:
    edges = np.linspace(0, waveform.shape[1], WIDTH_PX).astype(int)
    peaks = np.maximum.reduceat(np.abs(waveform).max(0), edges[:-1])
    middles = (edges[:-1] + edges[1:]) / 2 / waveform.shape[1] * duration
    axes.fill_between(middles, -peaks, peaks, color=INK, alpha=0.75, lw=0, zorder=3)
    axes.set_ylim(-1.02, 1.02)


def _name_lines(axes: Axes, lines: Sequence[tuple[str, float, str]]) -> None:
    """Names of lines (name, last value, colour) where they end, pushed apart where they collide."""
    low, high = axes.get_ylim()
    figure = axes.get_figure(root=True)
    assert figure is not None
    height_in = axes.get_position().height * figure.get_figheight()
    room = 0.15 / height_in * (high - low)  # what a line of text takes
    ordered = sorted(lines, key=lambda line: line[1])
    heights = np.array([value for _, value, _ in ordered])
    for _ in range(50):
        gaps = np.diff(heights)
        push = np.maximum(room - gaps, 0) / 2
        heights[:-1] -= push
        heights[1:] += push
        heights = np.clip(heights, low + room / 2, high - room / 2)
    for (name, _, colour), height in zip(ordered, heights, strict=True):
        axes.annotate(
            name,
            (1.0, height),
            xycoords=axes.get_yaxis_transform(),
            xytext=(-4, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=8,
            color=colour,
            zorder=6,
            bbox={"boxstyle": "square,pad=0.1", "fc": PANEL, "ec": "none", "alpha": 0.85},
        )
