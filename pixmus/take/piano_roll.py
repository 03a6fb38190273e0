"""The piano-roll of a score: notes coloured by part, seconds below, bar numbers above."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter

from pixmus.cues.sheet import HitPoint
from pixmus.ensembles import DRUM_NAMES, DRUM_PITCHES, PARTS, Part
from pixmus.score.film_plan import ChordSpan
from pixmus.score.notes import Note, Score
from pixmus.score.tempo import TempoMap
from pixmus.take.figure import (
    DPI,
    HIT_COLOUR,
    INK,
    PAGE,
    PARTS_FROM_THE_BACK,
    QUIET,
    RULE,
    TOP_IN,
    WIDTH_PX,
    counted,
    draw_cuts,
    draw_legend,
    draw_verticals,
    marker_area,
    panels_of,
    without_rules,
)

BAR_NUMBERS_IN = 0.16  # room above the piano-roll
CHORDS_IN = 0.24  # height of the row of chords
CHORD_LETTER_IN = 0.075  # width of a letter of a chord's name


def plot_piano_roll(
    score: Score,
    cuts: Sequence[float] = (),
    hit_points: Sequence[HitPoint] = (),
    duration: float | None = None,
) -> Figure:
    """The notes along time, coloured by part: seconds below, bar numbers above, chords under them.

    `duration` (seconds) is the picture's; without it the roll ends with the last note or beat.
    """
    tempo_map = score.tempo_map
    pitched = {
        part: score.parts[part] for part in PARTS_FROM_THE_BACK if len(score.parts.get(part, ()))
    }
    drums = score.parts.get(Part.DRUMS, ())
    if duration is None:
        last_beats = [n.onset + n.duration for notes in score.parts.values() for n in notes]
        duration = float(tempo_map.to_seconds(max([*last_beats, float(tempo_map.num_beats)])))
    drum_rows = [pitch for pitch in DRUM_PITCHES if any(note.pitch == pitch for note in drums)]
    chords = score.plan.chord_spans(tempo_map.num_beats) if score.plan else []
    heights = (
        [4.3] + ([CHORDS_IN] if chords else []) + ([0.17 * max(len(drum_rows), 2)] if drums else [])
    )
    num_notes = sum(len(notes) for notes in score.parts.values())
    figure, panels = panels_of(
        heights,
        duration,
        "Piano-roll",
        [
            f"{len(tempo_map.bar_starts)} bars",
            counted(num_notes, "note"),
            score.key,
            f"{np.median(tempo_map.local_tempo_bpm):.0f} bpm",
        ],
        gap=0.12,
        top_in=TOP_IN + BAR_NUMBERS_IN,
    )
    roll = panels[0]
    pitches = [note.pitch for notes in pitched.values() for note in notes] or [48, 72]
    low, high = _draw_keys(roll, pitches)
    bars = np.asarray(tempo_map.to_seconds(np.asarray(tempo_map.bar_starts, dtype=float)))
    for axes in panels:
        _draw_bar_lines(axes, bars)
        draw_cuts(axes, cuts, INK)
    for part, notes in pitched.items():
        starts, ends = note_spans(notes, tempo_map)
        draw_notes(roll, starts, ends, [note.pitch for note in notes], 0.42, notes, part)
    _label_octaves(roll, low, high)
    if chords:
        _draw_chords(panels[1], chords, score)
    if drums:
        _draw_drums(panels[-1], drums, drum_rows, tempo_map, duration)
    _number_bars(roll, bars)
    times = [hit.time for hit in hit_points]
    for axes in panels:
        draw_verticals(axes, times, HIT_COLOUR, "solid")
    roll.scatter(
        times,
        [high + 0.2] * len(times),
        s=[marker_area(hit.strength) for hit in hit_points],
        marker="v",
        color=HIT_COLOUR,
        edgecolors=PAGE,
        linewidths=0.7,
        zorder=6,
    )
    draw_legend(
        figure,
        [part for part in PARTS if score.parts.get(part)],
        has_hits=bool(hit_points),
        has_cuts=bool(cuts),
    )
    return figure


def _draw_keys(roll: Axes, pitches: Sequence[int]) -> tuple[int, int]:
    """Shade the black keys and rule the octaves; the lowest and the highest pitch shown."""
    low, high = min(pitches) - 2, max(pitches) + 3
    spare = max(0, 30 - (high - low))  # a few notes still stand on two and a half octaves
    low, high = low - spare // 2, high + spare - spare // 2
    for pitch in range(low, high + 1):
        if pitch % 12 in (1, 3, 6, 8, 10):  # the black keys
            roll.axhspan(pitch - 0.5, pitch + 0.5, color="#eceff3", lw=0, zorder=0)
        if pitch % 12 == 0:
            roll.axhline(pitch - 0.5, color=RULE, lw=0.8, zorder=0.5)
    return low, high


def _label_octaves(roll: Axes, low: int, high: int) -> None:
    roll.set_ylim(low - 0.5, high + 0.5)
    roll.yaxis.set_major_locator(FixedLocator([p for p in range(low, high + 1) if p % 12 == 0]))
    roll.yaxis.set_major_formatter(FuncFormatter(lambda pitch, _: f"C{int(pitch) // 12 - 1}"))
    roll.tick_params(axis="y", labelsize=9.5, colors=QUIET, length=0, pad=5)


def _draw_drums(
    lane: Axes,
    drums: Sequence[Note],
    drum_rows: Sequence[int],
    tempo_map: TempoMap,
    duration: float,
) -> None:
    """The strokes of the drums, a row for each drum (MIDI pitch) that is struck."""
    starts, _ = note_spans(drums, tempo_map)
    stroke = duration * 0.0022
    rows = [drum_rows.index(note.pitch) for note in drums]
    draw_notes(lane, starts, starts + stroke, rows, 0.36, drums, Part.DRUMS)
    lane.set_ylim(-0.7, len(drum_rows) - 0.3)
    lane.yaxis.set_major_locator(FixedLocator(range(len(drum_rows))))
    lane.set_yticklabels([DRUM_NAMES[pitch] for pitch in drum_rows])
    lane.tick_params(axis="y", labelsize=8, colors=QUIET, length=0, pad=5)


def _draw_chords(row: Axes, chords: Sequence[ChordSpan], score: Score) -> None:
    """The names of the plan's chords, each where it begins; those for which there is no room not.

    A line shows the beginning of every chord.
    """
    starts = np.asarray(score.tempo_map.to_seconds(np.array([span.start for span in chords])))
    low, high = row.get_xlim()
    letter = CHORD_LETTER_IN * (high - low) / (row.get_position().width * (WIDTH_PX / DPI))
    without_rules(row)
    row.vlines(starts, 0, 1, transform=row.get_xaxis_transform(), color=RULE, lw=0.8, zorder=1)
    free = low
    for start, span in zip(starts.tolist(), chords, strict=True):
        name = span.chord.name(score.key)
        if start < free:
            continue
        free = start + letter * (len(name) + 1)
        if free - letter <= high:
            row.text(start + 0.4 * letter, 0.5, name, transform=row.get_xaxis_transform(),
                     ha="left", va="center", fontsize=8.5, color=INK, zorder=4)  # fmt: skip
    row.set_ylabel("chords", rotation=0, ha="right", va="center", fontsize=8.5, color=QUIET)


def note_spans(notes: Sequence[Note], tempo_map: TempoMap) -> tuple[np.ndarray, np.ndarray]:
    """Where notes start and end, in seconds."""
    onsets = np.array([note.onset for note in notes], dtype=float)
    durations = np.array([note.duration for note in notes], dtype=float)
    return (
        np.asarray(tempo_map.to_seconds(onsets)),
        np.asarray(tempo_map.to_seconds(onsets + durations)),
    )


def draw_notes(
    axes: Axes,
    starts: np.ndarray,
    ends: np.ndarray,
    rows: Sequence[float],
    half_height: float,
    notes: Sequence[Note],
    part: str,
) -> None:
    """Notes as boxes; softer ones are paler, and a dark left edge shows each onset."""
    middle = np.asarray(rows, dtype=float)
    low, high = middle - half_height, middle + half_height
    boxes = np.stack(
        [
            np.stack([starts, low], -1),
            np.stack([starts, high], -1),
            np.stack([ends, high], -1),
            np.stack([ends, low], -1),
        ],
        axis=1,
    )
    red, green, blue, _ = to_rgba(Part(part).colour)
    colours = [(red, green, blue, 0.45 + 0.5 * note.velocity / 127) for note in notes]
    order = 3 + 0.1 * (PARTS_FROM_THE_BACK.index(part) if part in PARTS_FROM_THE_BACK else 0)
    axes.add_collection(PolyCollection(list(boxes), facecolors=colours, lw=0, zorder=order))
    low_x, high_x = axes.get_xlim()
    width = 0.9 * min(1.0, 60.0 / (high_x - low_x)) ** 0.5  # thinner where a second is narrow
    edge = (0.6 * red, 0.6 * green, 0.6 * blue)
    onset_lines = np.stack([np.stack([starts, low], -1), np.stack([starts, high], -1)], axis=1)
    axes.add_collection(
        LineCollection(list(onset_lines), colors=[edge], linewidths=width, zorder=order + 0.05)
    )


def _draw_bar_lines(axes: Axes, bars: np.ndarray) -> None:
    without_rules(axes)
    every = _bar_spacing(len(bars))
    axes.vlines(
        bars[::every],
        *(0.0, 1.0),
        transform=axes.get_xaxis_transform(),
        color="#cfd5dd",
        lw=0.8,
        zorder=1,
    )


def _bar_spacing(num_bars: int) -> int:
    """Number every bar, or every 2nd, 4th, 8th ... so that at most 32 numbers stand in a row."""
    spacing = 1
    while num_bars / spacing > 32:
        spacing *= 2
    return spacing


def _number_bars(axes: Axes, bars: np.ndarray) -> None:
    every = _bar_spacing(len(bars))
    for index in range(0, len(bars), every):
        axes.annotate(
            str(index + 1),
            (bars[index], 1.0),
            xycoords=axes.get_xaxis_transform(),
            xytext=(0, 4),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=8.5,
            color=QUIET,
            annotation_clip=True,
        )
    axes.annotate(
        "bar",
        (0.0, 1.0),
        xycoords="axes fraction",
        xytext=(-10, 4),
        textcoords="offset points",
        ha="right",
        va="bottom",
        fontsize=8.5,
        color=QUIET,
    )
