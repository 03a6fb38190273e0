"""The page that every picture of a take is drawn on: style, panels on one seconds axis, legend.

Conventions: times are seconds from the first displayed frame. Every picture is `WIDTH_PX` wide and
has the same left and right margins, so their seconds line up above each other. The figures are
built on their own canvas (no pyplot), so drawing leaves no state behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter

from pixmus.cues.sheet import HitPoint
from pixmus.curves import Curve
from pixmus.ensembles import Part

if TYPE_CHECKING:  # PyAV is not needed here
    from pixmus.picture.frames import Frame


WIDTH_PX = 1600
DPI = 160
LEFT_IN, RIGHT_IN = 1.0, 0.3  # margins, inches
TOP_IN, BOTTOM_IN = 0.62, 0.58

INK = "#1f2430"
QUIET = "#6b7280"  # secondary text: 4.8 to 1 on white
RULE = "#dfe3e8"
PAGE = "#ffffff"
PANEL = "#f6f7f9"
HIT_COLOUR = "#c2185b"
CURVES_FROM_THE_TOP = (Curve.ENERGY, Curve.DENSITY, Curve.VALENCE, Curve.REGISTER)
# zlib's runs at level 1: half of level 3's time where a picture is full of grain, a spectrogram, a
# fifth of PIL's usual 6; files of the same size, a twentieth larger where there is none.
PACKED = {"compress_level": 1, "compress_type": 3}
RULES = "rules"  # the name of a panel's lines at round seconds
CUT_DASHES = (0, (3, 2))
PARTS_FROM_THE_BACK = (Part.PAD, Part.HARMONY, Part.BASS, Part.COUNTER, Part.MELODY)


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure as PNG, `WIDTH_PX` wide."""
    figure.savefig(path, dpi=DPI, format="png", facecolor=PAGE, pil_kwargs=PACKED)


def panels_of(
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
        axes.set_axisbelow(True)
        axes.set_yticks([])
        # As one thing: a tick, of which matplotlib's grid needs one a line, takes long to make.
        axes.set_xticks([])
        _draw_rules(axes, duration)
        panels.append(axes)
        top -= height + gap
    last = panels[-1]
    last.xaxis.set_major_locator(FixedLocator(_round_seconds(duration)))
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


def _round_seconds(duration: float) -> list[float]:
    """Round seconds (or minutes), about twelve over the whole."""
    steps = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300)
    step = next((step for step in steps if duration / step <= 13), 600)
    return [float(second) for second in np.arange(0.0, duration + step * 1e-3, step)]


def _draw_rules(axes: Axes, duration: float) -> None:
    """A line at every round second, below everything else."""
    axes.vlines(
        _round_seconds(duration),
        *(0.0, 1.0),
        transform=axes.get_xaxis_transform(),
        color=RULE,
        lw=0.7,
        zorder=0.5,
        gid=RULES,
    )


def without_rules(axes: Axes) -> None:
    """Take the lines at round seconds away."""
    for lines in [each for each in axes.collections if each.get_gid() == RULES]:
        lines.remove()


def _clock(second: float, duration: float) -> str:
    if duration < 90:
        return f"{second:g}" if duration >= 10 else f"{second:.1f}".removesuffix(".0")
    return f"{int(second) // 60}:{int(second) % 60:02d}"


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def label_row(axes: Axes, text: str, colour: str, height: float = 0.5) -> None:
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


def draw_thumbnails(axes: Axes, thumbnails: Sequence[Frame], duration: float) -> None:
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
    without_rules(axes)


def _cropped(image: np.ndarray, aspect: float) -> np.ndarray:
    """The middle of an image, cut to this width over height."""
    tall, wide = image.shape[:2]
    new_wide, new_tall = min(wide, round(tall * aspect)), min(tall, round(wide / aspect))
    left, top = (wide - new_wide) // 2, (tall - new_tall) // 2
    return image[top : top + max(new_tall, 1), left : left + max(new_wide, 1)]


def draw_hit_points(axes: Axes, hit_points: Sequence[HitPoint]) -> None:
    times = [hit.time for hit in hit_points]
    strengths = [hit.strength for hit in hit_points]
    axes.vlines(times, 0.0, strengths, color=HIT_COLOUR, lw=1.3, zorder=4)
    axes.scatter(
        times,
        strengths,
        s=[marker_area(strength) for strength in strengths],
        color=HIT_COLOUR,
        edgecolors=PAGE,
        linewidths=0.8,
        zorder=5,
        clip_on=False,
    )
    axes.set_ylim(0.0, 1.15)


def marker_area(strength: float) -> float:
    return (3.5 + 5.0 * strength) ** 2


def draw_cuts(axes: Axes, cuts: Sequence[float], colour: str) -> None:
    draw_verticals(axes, cuts, colour, CUT_DASHES)


def draw_verticals(
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


def draw_legend(figure: Figure, parts: Sequence[str], *, has_hits: bool, has_cuts: bool) -> None:
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
