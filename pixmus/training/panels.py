"""Panels of pictures of reports, all dressed alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def dress(axes: Axes, title: str, unit: str = "", grid: str = "") -> None:
    """Title, unit of the horizontal axis and grid lines ("x", "y" or none) of a panel."""
    from pixmus.take.figure import INK, PANEL, QUIET, RULE

    axes.set_title(title, fontsize=10, color=INK, loc="left")
    axes.set_xlabel(unit, fontsize=8.5, color=QUIET)
    axes.set_facecolor(PANEL)
    axes.tick_params(which="both", length=0, labelsize=8.5, labelcolor=QUIET)
    if grid:
        axes.grid(True, axis=grid, color=RULE, lw=0.8)  # type: ignore[arg-type]
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)
