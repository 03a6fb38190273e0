"""The pictures of `pixmus evaluate score-model`: sampling, and descriptors beside real ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pixmus.curves import CURVES

DPI = 110
COLOURS = {"real": "#3b4252", "made": "#d08770", "other": "#a3b1c2"}

Report = dict[str, Any]


def draw_sampling(report: Report) -> Figure | None:
    """Control and realism against inference steps and guidance."""
    if "sampling" not in report:
        return None
    figure = Figure(figsize=(8, 3.6), dpi=140, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, 2, sharey=True)
    lines = {f"{name} control": name for name in CURVES} | {"mean single AUC": "mean AUC to real"}
    for axis, (what, label) in zip(
        axes, (("steps", "inference steps"), ("guidance", "guidance scale")), strict=True
    ):
        points = report["sampling"][what]
        x = [float(key) for key in points]
        for column, name in lines.items():
            dashes = "--" if "AUC" in column else "-"
            axis.plot(x, [p[column] for p in points.values()], dashes, marker="o", label=name)
        axis.set_xlabel(label)
        axis.set_xscale("log")
        axis.set_xticks(x, [f"{value:g}" for value in x])
        axis.minorticks_off()
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("Spearman per bar; AUC")
    figure.legend(
        *axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=5, frameon=False
    )
    return figure


def draw_distributions(columns: dict[str, dict[str, np.ndarray]]) -> Figure:
    """Histograms of descriptors, real against made; `columns[descriptor][group]` are values."""
    names = list(columns)
    rows = -(-len(names) // 3)
    figure = Figure(figsize=(9, 2.2 * rows), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, 3)
    for axis, name in zip(np.ravel(axes), names, strict=False):
        groups = {group: v[~np.isnan(v)] for group, v in columns[name].items()}
        low, high = np.percentile(np.concatenate(list(groups.values())), [1, 99])
        edges = np.linspace(low, max(high, low + 1e-6), 16)
        for group, values in groups.items():
            axis.hist(
                np.clip(values, low, high),
                edges,
                density=True,
                histtype="stepfilled",
                alpha=0.55,
                color=COLOURS[group],
                label=group,
            )
        axis.set_title(name.replace("_", " "), fontsize=10)
        axis.set_yticks([])
        axis.spines[["top", "right", "left"]].set_visible(False)
    for axis in np.ravel(axes)[len(names) :]:
        axis.set_visible(False)
    np.ravel(axes)[0].legend(frameon=False, fontsize=9)
    return figure
