"""Pictures of a take on one time axis: cue timeline, piano-roll, mel spectrogram, the whole way.

Conventions: times are seconds from the first displayed frame. Every picture is `WIDTH_PX` wide and
has the same left and right margins, so their seconds line up above each other. The
figures are built on their own canvas (no pyplot), so drawing leaves no state behind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter

from pixmus.cues.sheet import CueSheet, HitPoint
from pixmus.curves import CURVE_RATE_HZ, Curve
from pixmus.ensembles import DRUM_NAMES, DRUM_PITCHES, PARTS, Part
from pixmus.picture.features import Features
from pixmus.score.notes import Score
from pixmus.score.tempo import TempoMap
from pixmus.waveform import SAMPLE_RATE

if TYPE_CHECKING:  # PyAV is not needed here
    from pixmus.picture.frames import Frame

WIDTH_PX = 1600
DPI = 160
LEFT_IN, RIGHT_IN = 1.0, 0.3  # margins, inches
TOP_IN, BOTTOM_IN = 0.62, 0.58
BAR_NUMBERS_IN = 0.16  # room above the piano-roll

INK = "#1f2430"
QUIET = "#6b7280"  # secondary text: 4.8 to 1 on white
RULE = "#dfe3e8"
PAGE = "#ffffff"
PANEL = "#f6f7f9"
HIT_COLOUR = "#c2185b"
CURVES_FROM_THE_TOP = (Curve.ENERGY, Curve.DENSITY, Curve.VALENCE, Curve.REGISTER)
CUT_DASHES = (0, (3, 2))
PARTS_FROM_THE_BACK = (Part.PAD, Part.HARMONY, Part.BASS, Part.COUNTER, Part.MELODY)

MEL_BANDS = 160
MEL_LOW_HZ, MEL_HIGH_HZ = 40.0, 12000.0
FFT_SIZE = 4096  # samples: 93 ms at 44.1 kHz, enough to part semitones above C3
DYNAMIC_RANGE_DB = 80.0
SPECTROGRAM_COLOURS = LinearSegmentedColormap.from_list(
    "dusk", ["#0b1020", "#1d2b64", "#6a3d9a", "#d1495b", "#f6a04d", "#fdf3c7"]
)


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
    figure, panels = _figure(
        heights,
        cue_sheet.duration,
        "Cue timeline",
        [
            f"{cue_sheet.duration:.1f} s",
            _count(len(cue_sheet.cuts), "cut"),
            _count(len(cue_sheet.hit_points), "hit point"),
            cue_sheet.key,
            tempo_text,
            f"{cue_sheet.style}, {cue_sheet.ensemble}",
        ],
    )
    rows = iter(panels)
    if thumbnails:
        _draw_thumbnails(next(rows), thumbnails, cue_sheet.duration)
    cue_row, hit_row = next(rows), next(rows)
    _draw_cues(cue_row, cue_sheet)
    _label_row(cue_row, "cues", INK)
    _draw_hit_points(hit_row, cue_sheet.hit_points)
    _label_row(hit_row, "hit points", HIT_COLOUR)
    for name in curves:
        axes = next(rows)
        _draw_curve(axes, np.asarray(cue_sheet.curves[name]), name, cue_sheet.duration)
        _label_row(axes, name, Curve(name).colour)
    if tempo_map is not None:
        axes = next(rows)
        _draw_tempo(axes, tempo_map, cue_sheet.duration)
        _label_row(axes, "tempo", INK)
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
        _draw_cuts(axes, cue_sheet.cuts, INK)
    _draw_legend(figure, (), has_hits=False, has_cuts=bool(cue_sheet.cuts))
    return figure


def plot_piano_roll(
    score: Score,
    cuts: Sequence[float] = (),
    hit_points: Sequence[HitPoint] = (),
    duration: float | None = None,
) -> Figure:
    """The notes along time, coloured by part: seconds below, bar numbers above.

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
    heights = [4.3] + ([0.17 * max(len(drum_rows), 2)] if drums else [])
    num_notes = sum(len(notes) for notes in score.parts.values())
    figure, panels = _figure(
        heights,
        duration,
        "Piano-roll",
        [
            f"{len(tempo_map.bar_starts)} bars",
            _count(num_notes, "note"),
            score.key,
            f"{np.median(tempo_map.local_tempo_bpm):.0f} bpm",
        ],
        gap=0.12,
        top_in=TOP_IN + BAR_NUMBERS_IN,
    )
    roll = panels[0]
    pitches = [note.pitch for notes in pitched.values() for note in notes] or [48, 72]
    low, high = min(pitches) - 2, max(pitches) + 3
    spare = max(0, 30 - (high - low))  # a few notes still stand on two and a half octaves
    low, high = low - spare // 2, high + spare - spare // 2
    for pitch in range(low, high + 1):
        if pitch % 12 in (1, 3, 6, 8, 10):  # the black keys
            roll.axhspan(pitch - 0.5, pitch + 0.5, color="#eceff3", lw=0, zorder=0)
        if pitch % 12 == 0:
            roll.axhline(pitch - 0.5, color=RULE, lw=0.8, zorder=0.5)
    bars = np.asarray(tempo_map.to_seconds(np.asarray(tempo_map.bar_starts, dtype=float)))
    for axes in panels:
        _draw_bar_lines(axes, bars)
        _draw_cuts(axes, cuts, INK)
    for part, notes in pitched.items():
        starts, ends = _spans(notes, tempo_map)
        _draw_notes(roll, starts, ends, [note.pitch for note in notes], 0.42, notes, part)
    roll.set_ylim(low - 0.5, high + 0.5)
    roll.yaxis.set_major_locator(FixedLocator([p for p in range(low, high + 1) if p % 12 == 0]))
    roll.yaxis.set_major_formatter(FuncFormatter(lambda pitch, _: f"C{int(pitch) // 12 - 1}"))
    roll.tick_params(axis="y", labelsize=9.5, colors=QUIET, length=0, pad=5)
    if drums:
        lane = panels[1]
        starts, _ = _spans(drums, tempo_map)
        stroke = duration * 0.0022
        rows = [drum_rows.index(note.pitch) for note in drums]
        _draw_notes(lane, starts, starts + stroke, rows, 0.36, drums, Part.DRUMS)
        lane.set_ylim(-0.7, len(drum_rows) - 0.3)
        lane.yaxis.set_major_locator(FixedLocator(range(len(drum_rows))))
        lane.set_yticklabels([DRUM_NAMES[pitch] for pitch in drum_rows])
        lane.tick_params(axis="y", labelsize=8, colors=QUIET, length=0, pad=5)
    _number_bars(roll, bars)
    times = [hit.time for hit in hit_points]
    for axes in panels:
        _draw_verticals(axes, times, HIT_COLOUR, "solid")
    roll.scatter(
        times,
        [high + 0.2] * len(times),
        s=[_marker_area(hit.strength) for hit in hit_points],
        marker="v",
        color=HIT_COLOUR,
        edgecolors=PAGE,
        linewidths=0.7,
        zorder=6,
    )
    _draw_legend(
        figure,
        [part for part in PARTS if score.parts.get(part)],
        has_hits=bool(hit_points),
        has_cuts=bool(cuts),
    )
    return figure


def plot_spectrogram(
    waveform: np.ndarray,
    sample_rate: int = SAMPLE_RATE,
    cuts: Sequence[float] = (),
    title: str = "Mel spectrogram",
) -> Figure:
    """The mel spectrogram of a waveform (channels, samples), in dB below its loudest point."""
    duration = waveform.shape[-1] / sample_rate
    levels = mel_spectrogram_db(waveform, sample_rate)
    details = [f"{duration:.1f} s", f"{sample_rate / 1000:g} kHz"]
    if len(cuts):
        details.append(f"{_count(len(cuts), 'cut')} marked above")
    figure, (axes,) = _figure([3.6], duration, title, details)
    low, high = float(_mel(MEL_LOW_HZ)), float(_mel(_highest_hz(sample_rate)))
    picture = axes.imshow(
        levels.T,
        origin="lower",
        aspect="auto",
        interpolation="bilinear",
        extent=(0.0, max(duration, 1e-3), low, high),
        cmap=SPECTROGRAM_COLOURS,
        vmin=-DYNAMIC_RANGE_DB,
        vmax=0.0,
    )
    axes.grid(False)
    marks = [hz for hz in (200, 500, 1000, 2000, 4000, 8000) if low < _mel(hz) < high]
    axes.yaxis.set_major_locator(FixedLocator([float(_mel(hz)) for hz in marks]))
    axes.set_yticklabels([f"{hz / 1000:g} kHz" if hz >= 1000 else f"{hz} Hz" for hz in marks])
    axes.tick_params(axis="y", labelsize=9.5, colors=QUIET, length=3, color=RULE, pad=4)
    axes.set_xlim(0.0, max(duration, 1e-3))
    axes.scatter(
        list(cuts),
        [1.008] * len(cuts),
        s=25,
        marker="v",
        color=INK,
        edgecolors=PAGE,
        linewidths=0.4,
        transform=axes.get_xaxis_transform(),
        clip_on=False,
    )
    _draw_cuts(axes, cuts, PAGE)
    _draw_colour_key(figure, picture)
    return figure


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
    figure, panels = _figure(
        [0.86] * len(names), duration, "Wanted and measured", [_count(bars, "bar"), "by bar"]
    )
    starts = np.asarray(tempo_map.to_seconds(np.asarray(tempo_map.bar_starts, dtype=float)))
    edges = np.append(starts, duration)
    for axes, name in zip(panels, names, strict=True):
        colour = Curve(name).colour
        axes.stairs(measured[name], edges, fill=True, color=colour, alpha=0.28, lw=0, zorder=2)
        axes.stairs(wanted[name], edges, baseline=None, color=INK, lw=1.6, zorder=3)
        axes.set_ylim(-0.04, 1.04)
        axes.set_xlim(0.0, max(duration, 1e-3))
        _label_row(axes, name, colour, 0.62)
        value = correlations[name]
        _label_row(axes, "flat" if np.isnan(value) else f"{value:.2f}", QUIET, 0.3)
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
    figure, panels = _figure(
        [0.62, 0.5, 0.62, 0.3, 1.5, 0.5], duration, "From the picture to its music", [], gap=0.3
    )
    clip, measured, sheet, grid, roll, sound = panels
    _draw_thumbnails(clip, thumbnails, duration)
    times = (np.arange(len(features.motion)) + 0.5) / CURVE_RATE_HZ
    for axes, lines in (
        (
            measured,
            [
                ("motion", features.motion / max(float(features.motion.max()), 1e-9), INK),
                ("brightness", features.brightness / max(features.brightness.max(), 1e-9), QUIET),
            ],
        ),
        (
            sheet,
            [
                (name, np.asarray(cue_sheet.curves[name]), name.colour)
                for name in CURVES_FROM_THE_TOP
                if name in cue_sheet.curves
            ],
        ),
    ):
        for _, values, colour in lines:
            axes.plot(times[: len(values)], values, color=colour, lw=1.4, zorder=3)
        axes.set_ylim(-0.06, 1.15)
        _name_lines(axes, [(name, float(values[-1]), colour) for name, values, colour in lines])
    _draw_hit_points(sheet, cue_sheet.hit_points)
    bars = np.asarray(tempo_map.to_seconds(np.asarray(tempo_map.bar_starts, dtype=float)))
    grid.vlines(tempo_map.beat_times, 0.0, 0.5, color=QUIET, lw=0.8, zorder=3)
    grid.vlines(bars, 0.0, 0.95, color=INK, lw=1.3, zorder=3)
    grid.set_ylim(0.0, 1.0)
    grid.grid(False)
    for part in (part for part in PARTS_FROM_THE_BACK if score.parts.get(part)):
        notes = score.parts[part]
        _draw_notes(roll, *_spans(notes, tempo_map), [n.pitch for n in notes], 0.5, notes, part)
    pitches = [n.pitch for part in PARTS_FROM_THE_BACK for n in score.parts.get(part, ())] or [60]
    roll.set_ylim(min(pitches) - 2, max(pitches) + 2)
    roll.grid(False)
    edges = np.linspace(0, waveform.shape[1], WIDTH_PX).astype(int)
    peaks = np.maximum.reduceat(np.abs(waveform).max(0), edges[:-1])
    middles = (edges[:-1] + edges[1:]) / 2 / waveform.shape[1] * duration
    sound.fill_between(middles, -peaks, peaks, color=INK, alpha=0.75, lw=0, zorder=3)
    sound.set_ylim(-1.02, 1.02)
    names = ("clip", "features", "cue sheet", "tempo map", "score", "soundtrack")
    verbs = ("extract", "spot", "fit", "compose", "render, mix")
    for axes, name in zip(panels, names, strict=True):
        _label_row(axes, name, INK)
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
        _draw_verticals(axes, [hit.time for hit in cue_sheet.hit_points], HIT_COLOUR, "solid")
        _draw_cuts(axes, cue_sheet.cuts, INK)
    _draw_legend(
        figure,
        [part for part in PARTS_FROM_THE_BACK[::-1] if score.parts.get(part)],
        has_hits=bool(cue_sheet.hit_points),
        has_cuts=bool(cue_sheet.cuts),
    )
    return figure


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure as PNG, `WIDTH_PX` wide."""
    # Level 3 takes a third of the time of PIL's usual 6, for a file about a tenth larger.
    figure.savefig(path, dpi=DPI, format="png", facecolor=PAGE, pil_kwargs={"compress_level": 3})


def mel_spectrogram_db(waveform: np.ndarray, sample_rate: int, columns: int = 1400) -> np.ndarray:
    """Mel power (at most `columns`, bands) in dB below its maximum, floored at -DYNAMIC_RANGE_DB.

    Written with NumPy alone: librosa's first mel spectrogram waits half a minute for a JIT.
    Mel scale: O'Shaughnessy 1987, 2595 log10(1 + f / 700); triangular bands of unit sum.
    """
    mono = np.atleast_2d(waveform)
    samples = mono.shape[-1]
    hop = int(np.clip(samples // (2 * columns), 128, FFT_SIZE // 2))
    centres = np.arange(0, max(samples, 1), hop)
    window = np.hanning(FFT_SIZE + 1)[:-1].astype(np.float32)
    bands = _mel_bands(sample_rate)
    powers = np.empty((len(centres), MEL_BANDS), dtype=np.float32)
    for first in range(0, len(centres), 256):  # blocks keep a ten-minute piece small in memory
        block = centres[first : first + 256]
        start, stop = block[0] - FFT_SIZE // 2, block[-1] + FFT_SIZE // 2
        piece = np.zeros(stop - start, dtype=np.float32)
        inside = slice(max(start, 0), min(stop, samples))
        piece[inside.start - start : inside.stop - start] = mono[:, inside].mean(axis=0)
        frames = np.lib.stride_tricks.sliding_window_view(piece, FFT_SIZE)[:: int(hop)]
        spectrum = np.fft.rfft(frames * window, axis=1)
        powers[first : first + len(block)] = (np.abs(spectrum) ** 2)[: len(block)] @ bands
    if len(powers) > columns:
        edges = np.linspace(0, len(powers), columns + 1).astype(int)[:-1]
        widths = np.diff(np.append(edges, len(powers)))[:, None]
        powers = (np.add.reduceat(powers, edges) / widths).astype(np.float32)
    loudest = float(powers.max(initial=0.0))
    if loudest <= 0.0:
        return np.full_like(powers, -DYNAMIC_RANGE_DB)
    floor = 10.0 ** (-DYNAMIC_RANGE_DB / 10.0)
    return 10.0 * np.log10(np.maximum(powers / loudest, floor))


def _mel(hz: float | np.ndarray) -> np.ndarray:
    return 2595.0 * np.log10(1.0 + np.asarray(hz) / 700.0)


def _highest_hz(sample_rate: int) -> float:
    return min(MEL_HIGH_HZ, sample_rate / 2.0)


def _mel_bands(sample_rate: int) -> np.ndarray:
    """Triangular filters, (FFT bins, bands); none is narrower than a bin."""
    bins = _mel(np.fft.rfftfreq(FFT_SIZE, 1.0 / sample_rate))[:, None]
    edges = np.linspace(_mel(MEL_LOW_HZ), _mel(_highest_hz(sample_rate)), MEL_BANDS + 2)
    bin_width = np.gradient(bins[:, 0])[:, None]
    half_width = np.maximum(edges[1] - edges[0], bin_width)
    triangles = np.maximum(0.0, 1.0 - np.abs(bins - edges[1:-1]) / half_width)
    return (triangles / triangles.sum(axis=0)).astype(np.float32)


def _figure(
    heights: Sequence[float],
    duration: float,
    title: str,
    details: Sequence[str],
    gap: float = 0.09,
    top_in: float = TOP_IN,
) -> tuple[Figure, list[Axes]]:
    """A page with panels of these heights (inches) below each other, all on one seconds axis."""
    width = WIDTH_PX / DPI
    total = top_in + sum(heights) + gap * (len(heights) - 1) + BOTTOM_IN
    figure = Figure(figsize=(width, round(total * DPI) / DPI), dpi=DPI, facecolor=PAGE)
    FigureCanvasAgg(figure)
    panels: list[Axes] = []
    top = total - top_in
    for height in heights:
        axes = figure.add_axes(
            (
                LEFT_IN / width,
                (top - height) / total,
                (width - LEFT_IN - RIGHT_IN) / width,
                height / total,
            )
        )
        axes.set_facecolor(PANEL)
        axes.set_xlim(0.0, max(duration, 1e-3))
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.tick_params(length=0)
        axes.xaxis.set_major_locator(_seconds_locator(duration))
        axes.xaxis.set_major_formatter(NullFormatter())
        axes.grid(axis="x", color=RULE, lw=0.7)
        axes.set_axisbelow(True)
        axes.set_yticks([])
        panels.append(axes)
        top -= height + gap
    last = panels[-1]
    last.xaxis.set_major_formatter(FuncFormatter(lambda second, _: _clock(second, duration)))
    last.tick_params(axis="x", labelsize=9.5, colors=QUIET, length=3, color=RULE, pad=4)
    figure.text(
        (width - RIGHT_IN) / width,
        0.12 / total,
        "seconds" if duration < 90 else "minutes:seconds",
        ha="right",
        va="bottom",
        fontsize=8.5,
        color=QUIET,
    )
    figure.text(
        LEFT_IN / width,
        1.0 - 0.2 / total,
        title,
        ha="left",
        va="top",
        fontsize=14,
        fontweight="bold",
        color=INK,
    )
    figure.text(
        1.0 - RIGHT_IN / width,
        1.0 - 0.235 / total,
        "  ·  ".join(details),
        ha="right",
        va="top",
        fontsize=9.5,
        color=QUIET,
    )
    return figure, panels


def _seconds_locator(duration: float) -> FixedLocator:
    """Ticks at round seconds (or minutes), about twelve over the whole."""
    steps = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300)
    step = next((step for step in steps if duration / step <= 13), 600)
    return FixedLocator(np.arange(0.0, duration + step * 1e-3, step).tolist())


def _clock(second: float, duration: float) -> str:
    if duration < 90:
        return f"{second:g}" if duration >= 10 else f"{second:.1f}".removesuffix(".0")
    return f"{int(second) // 60}:{int(second) % 60:02d}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _label_row(axes: Axes, text: str, colour: str, height: float = 0.5) -> None:
    """Text left of a panel, `height` (0..1) up from its foot."""
    axes.text(
        *(-0.012, height),
        text,
        transform=axes.transAxes,
        ha="right",
        va="center",
        fontsize=9.5,
        color=colour,
    )


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


def _draw_thumbnails(axes: Axes, thumbnails: Sequence[Frame], duration: float) -> None:
    """Fill the row with equal slots, each showing the frame nearest to the slot's middle."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    box = axes.get_position()
    width_in = box.width * figure.get_figwidth()
    height_in = box.height * figure.get_figheight()
    tall, wide = thumbnails[0].image.shape[:2]
    num_slots = max(1, round(width_in / (height_in * wide / tall)))
    times = np.array([frame.time for frame in thumbnails])
    for slot in range(num_slots):
        start, end = duration * slot / num_slots, duration * (slot + 1) / num_slots
        image = thumbnails[int(np.argmin(np.abs(times - (start + end) / 2)))].image
        seam = 0.02 * (end - start)  # a hair of white between pictures
        axes.imshow(
            _cropped(image, (width_in / num_slots) / height_in),
            extent=(start, end - seam, 0.0, 1.0),
            aspect="auto",
            interpolation="antialiased",
        )
    axes.set_xlim(0.0, max(duration, 1e-3))
    axes.set_ylim(0.0, 1.0)
    axes.set_facecolor(PAGE)
    axes.grid(False)


def _cropped(image: np.ndarray, aspect: float) -> np.ndarray:
    """The middle of an image, cut to this width over height."""
    tall, wide = image.shape[:2]
    new_wide, new_tall = min(wide, round(tall * aspect)), min(tall, round(wide / aspect))
    left, top = (wide - new_wide) // 2, (tall - new_tall) // 2
    return image[top : top + max(new_tall, 1), left : left + max(new_wide, 1)]


def _draw_cues(axes: Axes, cue_sheet: CueSheet) -> None:
    axes.set_ylim(0.0, 1.0)
    axes.grid(False)
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


def _draw_hit_points(axes: Axes, hit_points: Sequence[HitPoint]) -> None:
    times = [hit.time for hit in hit_points]
    strengths = [hit.strength for hit in hit_points]
    axes.vlines(times, 0.0, strengths, color=HIT_COLOUR, lw=1.3, zorder=4)
    axes.scatter(
        times,
        strengths,
        s=[_marker_area(strength) for strength in strengths],
        color=HIT_COLOUR,
        edgecolors=PAGE,
        linewidths=0.8,
        zorder=5,
        clip_on=False,
    )
    axes.set_ylim(0.0, 1.15)


def _marker_area(strength: float) -> float:
    return (3.5 + 5.0 * strength) ** 2


def _draw_cuts(axes: Axes, cuts: Sequence[float], colour: str) -> None:
    _draw_verticals(axes, cuts, colour, CUT_DASHES)


def _draw_verticals(
    axes: Axes, times: Sequence[float], colour: str, dashes: str | tuple[int, tuple[int, int]]
) -> None:
    """Lines from the panel's foot to its head, paler where there are many of them."""
    low, high = axes.get_ylim()
    axes.vlines(
        list(times),
        *(0.0, 1.0),
        transform=axes.get_xaxis_transform(),
        color=colour,
        lw=0.9,
        ls=dashes,
        alpha=float(np.clip(15.0 / max(len(times), 1), 0.22, 0.5)),
        zorder=2.5,
    )
    axes.set_ylim(low, high)


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


def _spans(notes: Sequence, tempo_map: TempoMap) -> tuple[np.ndarray, np.ndarray]:
    """Where notes start and end, in seconds."""
    onsets = np.array([note.onset for note in notes], dtype=float)
    durations = np.array([note.duration for note in notes], dtype=float)
    return (
        np.asarray(tempo_map.to_seconds(onsets)),
        np.asarray(tempo_map.to_seconds(onsets + durations)),
    )


def _draw_notes(
    axes: Axes,
    starts: np.ndarray,
    ends: np.ndarray,
    rows: Sequence[float],
    half_height: float,
    notes: Sequence,
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
    axes.grid(False)
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


def _draw_legend(figure: Figure, parts: Sequence[str], *, has_hits: bool, has_cuts: bool) -> None:
    """What the colours and lines mean, in one line at the foot."""
    width, height = figure.get_size_inches()
    x, y = LEFT_IN, 0.12
    for part in parts:
        figure.add_artist(
            Rectangle(
                (x / width, (y + 0.02) / height),
                0.16 / width,
                0.09 / height,
                fc=Part(part).colour,
                transform=figure.transFigure,
            )
        )
        figure.text((x + 0.22) / width, y / height, part, fontsize=9, color=INK, va="bottom")
        x += 0.46 + 0.078 * len(part)
    if has_hits:
        figure.text(x / width, y / height, "▼", fontsize=8, color=HIT_COLOUR, va="bottom")
        figure.text((x + 0.2) / width, y / height, "hit point", fontsize=9, color=INK, va="bottom")
        x += 0.95
    if has_cuts:
        figure.add_artist(
            Line2D(
                [(x + 0.03) / width] * 2,
                [(y - 0.01) / height, (y + 0.15) / height],
                color=INK,
                lw=1.2,
                ls=CUT_DASHES,
            )
        )
        figure.text((x + 0.14) / width, y / height, "cut", fontsize=9, color=INK, va="bottom")


def _draw_colour_key(figure: Figure, picture: object) -> None:
    """A small scale of levels under the spectrogram."""
    width, height = figure.get_size_inches()
    axes = figure.add_axes((LEFT_IN / width, 0.17 / height, 1.5 / width, 0.09 / height))
    axes.imshow(np.linspace(0, 1, 256)[None], aspect="auto", cmap=SPECTROGRAM_COLOURS)
    axes.set_axis_off()
    figure.text(
        (LEFT_IN + 1.6) / width,
        0.12 / height,
        f"-{DYNAMIC_RANGE_DB:.0f} to 0 dB of the loudest point",
        fontsize=8.5,
        color=QUIET,
        va="bottom",
    )
