"""The log of a training run: `log.csv`, read back as columns, and its picture `log.png`."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:  # where only torch is, a run has no picture
    from matplotlib.figure import Figure

LOG = "log.csv"
LINES = {  # column: what it is, colour
    "training_loss": ("training", "#9aa3ad"),
    "validation_loss": ("held out", "#0072b2"),
}


def append_row(path: Path, row: dict[str, float]) -> None:
    """Add a row to a log; a new one begins with the names of its columns."""
    is_new = not path.exists() or path.stat().st_size == 0
    with open(path, "a", newline="") as file:
        writer = csv.writer(file)
        if is_new:
            writer.writerow(row)
        writer.writerow(row.values())


def read_log(path: Path) -> dict[str, np.ndarray]:
    """Every column of a log, float64 (rows,)."""
    with open(path, newline="") as file:
        names, *rows = [row for row in csv.reader(file) if row] or [[]]
    # A row cut short by a stopped machine is no row.
    values = [[float(value) for value in row] for row in rows if len(row) == len(names)]
    table = np.array(values, np.float64).reshape(-1, len(names))
    return {name: table[:, index] for index, name in enumerate(names)}


def plot_log(log: dict[str, np.ndarray], title: str) -> Figure:
    """Losses against iterations, with the minutes that it took above; loss on a log scale."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    from pixmus.take.figure import DPI, INK, PAGE, PANEL, QUIET, RULE, WIDTH_PX

    figure = Figure(figsize=(WIDTH_PX / DPI, 4.6), dpi=DPI, facecolor=PAGE)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(facecolor=PANEL)
    figure.subplots_adjust(left=0.07, right=0.77, top=0.8, bottom=0.13)
    iterations = log["iteration"]
    labels = []
    for name, (label, colour) in LINES.items():
        marker = "o" if len(iterations) < 3 else None
        axes.plot(iterations, log[name], color=colour, lw=1.6, marker=marker, ms=4, zorder=3)
        labels.append((log[name][-1], label, colour))
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(True, color=RULE, lw=0.8)
    axes.tick_params(which="both", length=0, labelsize=8.5, labelcolor=QUIET)
    for side in axes.spines.values():
        side.set_visible(False)
    margin = 0.02 * max(float(np.ptp(iterations)), 1.0)
    axes.set_xlim(iterations[0] - margin, iterations[-1] + margin)
    axes.set_xlabel("iterations", fontsize=8.5, color=QUIET)
    axes.set_ylabel("loss, nats", fontsize=8.5, color=QUIET)
    # Each line is named at its end; names that would touch are moved apart.
    low, high = (np.log10(value) for value in axes.get_ylim())
    place = -1.0
    for value, label, colour in sorted(labels):
        place = max((np.log10(value) - low) / (high - low), place + 0.055)
        axes.annotate(
            f"{label}  {value:.3g}",
            (1.015, place),
            xycoords="axes fraction",
            fontsize=8.5,
            color=colour if colour != LINES["training_loss"][1] else QUIET,
            va="center",
        )
    if np.ptp(iterations) and np.ptp(log["seconds"]):
        minutes = axes.secondary_xaxis(
            "top",
            functions=(
                _mapping(iterations, log["seconds"] / 60),
                _mapping(log["seconds"] / 60, iterations),
            ),
        )
        minutes.tick_params(length=0, labelsize=8.5, labelcolor=QUIET)
        minutes.set_xlabel("minutes", fontsize=8.5, color=QUIET)
        minutes.spines["top"].set_visible(False)
    figure.text(0.07, 0.94, title, fontsize=14, fontweight="bold", color=INK, va="center")
    return figure


def _mapping(x: np.ndarray, y: np.ndarray) -> Callable[[ArrayLike], ArrayLike]:
    """Straight lines through the points, the first and last one going on."""
    slope = (y[-1] - y[0]) / max(x[-1] - x[0], 1e-9)

    def onto(values: ArrayLike) -> ArrayLike:
        values = np.asarray(values)
        inside = np.interp(values, x, y)
        outside = np.minimum(values - x[0], 0) + np.maximum(values - x[-1], 0)
        mapped: np.ndarray = inside + slope * outside
        return mapped

    return onto


def draw_log(path: Path) -> None:
    """Draw `log.png` beside a log; where matplotlib is not installed, or nothing is logged, not."""
    log = read_log(path)
    if not len(log.get("iteration", ())):
        return
    try:
        from pixmus.take.figure import save_figure
    except ImportError:
        return
    save_figure(
        plot_log(log, f"Training of {path.parent.name} in {path.parents[1].name}"),
        path.with_suffix(".png"),
    )
