"""The tables and pictures of `score-model.json`, as `pixmus evaluate score-model` measured it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from pixmus.curves import CURVES, Curve
from pixmus.ensembles import STYLES, Part

ALL = "all"
COLOURS = {"real": "#3b4252", "made": "#d08770", "other": "#a3b1c2"}

Report = dict[str, Any]


def markdown_rows(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def figure(value: float, interval: Sequence[float] | None = None, digits: int = 2) -> str:
    """A number with its interval, as "0.90 (0.85-0.93)"."""
    text = f"{value:.{digits}f}"
    if interval is not None:
        text += f" ({interval[0]:.{digits}f}-{interval[1]:.{digits}f})"
    return text


def design_rows(report: Report) -> list[list[str]]:
    """What is wanted, what is measured, what stands beside it, and the two goals."""
    rows: list[list[str]] = []
    if "control" in report:
        plain, guided = report["control"].values()
        goals: dict[str, tuple[str, str]] = {
            Curve.DENSITY: ("0.90 (0.75)", "0.95"),
            Curve.ENERGY: ("0.85 (0.65)", "0.90"),
        }
        goals |= {Curve.REGISTER: ("0.90 (0.65)", "0.95"), Curve.VALENCE: ("", "")}
        for curve in CURVES:
            got = guided[curve]
            rows.append(
                [
                    f"{curve} control, Spearman per bar (inside a piece)",
                    f"{figure(got['pooled'], got['interval'])}; inside {figure(got['inside'])}",
                    f"guidance 1: {figure(plain[curve]['pooled'])}; "
                    f"shuffled curves: {figure(got['shuffled'])}",
                    *goals[curve],
                ]
            )
    if "modes" in report:
        got = report["modes"]
        rows.append(
            [
                "asked mode obtained, both ways",
                figure(got["share"], got["interval"]),
                f"asked major {figure(got['asked major'])}, minor {figure(got['asked minor'])}; "
                f"real {figure(got['real'])}",
                "0.9",
                "0.97",
            ]
        )
    if "distributions" in report:
        for name, said in (
            ("pitch_class_entropy", "pitch-class entropy"),
            ("groove_similarity", "groove similarity"),
        ):
            each = report["distributions"][ALL][name]
            worst = max(
                (report["distributions"][s][name]["difference"], s)
                for s in STYLES
                if report["distributions"][s]["windows"]
            )
            rows.append(
                [
                    f"{said}: difference of means, overlap",
                    f"{100 * each['difference']:.1f} %, {figure(each['overlap'])}",
                    f"real halves overlap {figure(each['overlap of real halves'])}, "
                    f"random notes {figure(each['overlap of random notes'])}; "
                    f"worst style {worst[1]} {100 * worst[0]:.1f} %",
                    "5 %, 0.80",
                    "2 %, 0.9",
                ]
            )
    if "classifiers" in report:
        got = report["classifiers"]
        power = got["power"]
        strongest = next(iter(got[ALL]["strongest"]))
        rows.append(
            [
                "best single descriptor that tells made from real, AUC",
                figure(got[ALL]["best single"], got["best single interval"]),
                f"{strongest}; mean of {got['descriptors']}: {figure(got[ALL]['mean single'])}",
                "0.65",
                "0.55",
            ]
        )
        rows.append(
            [
                "all together, AUC",
                figure(got["together"], got["together interval"]),
                "; ".join(f"{name}: {figure(p['together'])}" for name, p in power.items()),
                "reported",
                "0.75",
            ]
        )
    if "copying" in report:
        got = report["copying"]
        for what in ("copied share", "longest run, largest", "nearest melody, mean similarity"):
            rows.append(
                [
                    f"copying: {what}",
                    figure(got["made"][what]),
                    f"real songs: {figure(got['real'][what])}",
                    "as real",
                    "",
                ]
            )
    if "endings" in report:
        got = report["endings"]
        rows.append(
            [
                "endings on a tonic downbeat, silent at the last frame",
                figure(got["both"]),
                f"tonic downbeat {figure(got['on a tonic downbeat'])}, silent "
                f"{figure(got['silent at the last frame'])}; real tonic downbeat "
                f"{figure(got['real on a tonic downbeat'])}",
                "0.80",
                "0.95",
            ]
        )
    if "styles" in report:
        got = report["styles"]
        each = ", ".join(f"{s} {figure(v)}" for s, v in got["made"].items() if s != "mean")
        rows.append(
            [
                "asked style named by a classifier of real music",
                figure(got["made"]["mean"]),
                f"{each}; real held-out {figure(got['real']['mean'])}",
                "0.80",
                "",
            ]
        )
    if Part.DRUMS in report:
        got = report[Part.DRUMS]
        rows.append(
            [
                "drums agreeing with bass and harmony",
                figure(got["mean"]["made"]),
                f"real {figure(got['mean']['real'])}, other pieces' drums "
                f"{figure(got['mean']['other drums'])}",
                "nearer to real",
                "",
            ]
        )
    if "checks" in report:
        got = report["checks"]
        rows.append(
            [
                f"`pixmus check`: most descriptors outside in any of {got['takes']} takes",
                str(got["most outside in any"]),
                f"{got['takes with more than two outside']} takes with more than two; mean "
                f"{figure(got['mean outside'])}",
                "2",
                "",
            ]
        )
    return rows


def design_table(report: Report) -> str:
    """The rows of `design_rows` as a Markdown table."""
    head = ["what", "measured", "beside it", "to land", "aim"]
    return markdown_rows(head, design_rows(report))


def write_tables(report: Report, path: Path, command: str) -> None:
    """Write the Markdown file with all tables."""
    text = [
        f"`{command}`",
        "",
        "Held-out windows of 8 bars, notes as decoded, before accents and humanising; 95 % "
        "intervals over pieces.",
        "",
        "## Against the design",
        "",
        design_table(report),
    ]
    if "distributions" in report:
        rows = [
            [
                style,
                str(each["windows"]),
                *(
                    f"{each[name]['made']:.2f} / {each[name]['real']:.2f}, "
                    f"overlap {each[name]['overlap']:.2f}"
                    for name in ("pitch_class_entropy", "groove_similarity")
                ),
                figure(report["classifiers"][style]["best single"])
                if "classifiers" in report
                else "",
            ]
            for style, each in report["distributions"].items()
        ]
        head = ["style", "windows", "pitch-class entropy, made / real", "groove similarity"]
        text += ["", "## By style", "", markdown_rows([*head, "best single AUC"], rows)]
        text += ["", "Songs and quartets have no dynamics in the data; a rule plays them."]
    if "classifiers" in report:
        rows = [
            [name, figure(each["auc"]), f"{each['real']:.3g}", f"{each['made']:.3g}"]
            for name, each in report["classifiers"][ALL]["strongest"].items()
        ]
        text += ["", "## What gives it away", ""]
        text += [markdown_rows(["descriptor", "AUC", "real, mean", "made, mean"], rows)]
    if "form" in report:
        names = list(report["form"])
        rows = [
            [what, *(figure(report["form"][name][what]) for name in names)]
            for what in report["form"]["made"]
        ]
        text += ["", "## Form, takes of three minutes", "", markdown_rows(["", *names], rows)]
    if "mood" in report:
        got = report["mood"]
        rows = [
            [
                target,
                figure(each["spearman"], each["spearman interval"]),
                figure(each["r2"]),
                figure(each["made against wanted"]),
            ]
            for target, each in got.items()
            if isinstance(each, dict)
        ]
        head = ["", "cross-validated Spearman", "R2", "made: predicted against wanted, Spearman"]
        text += ["", "## Mood, by a regressor of human ratings (VGMIDI)", ""]
        text += [markdown_rows(head, rows)]
    if "sampling" in report:
        for what, label in (("steps", "inference steps"), ("guidance", "guidance scale")):
            points = report["sampling"][what]
            rows = [
                [key, *(figure(value) for value in point.values())] for key, point in points.items()
            ]
            head = [label, *next(iter(points.values()))]
            text += ["", f"## By {label}", "", markdown_rows(head, rows)]
    path.write_text("\n".join(text) + "\n")


# ------------------------------------------------------------------------------------- Pictures


def draw_sampling(report: Report, path: Path) -> None:
    """Control and realism against inference steps and guidance."""
    figure_, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
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
    figure_.legend(
        *axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=5, frameon=False
    )
    figure_.savefig(path, dpi=110)
    plt.close(figure_)


def draw_distributions(columns: dict[str, dict[str, np.ndarray]], path: Path) -> None:
    """Histograms of descriptors, real against made; `columns[descriptor][group]` are values."""
    names = list(columns)
    rows = -(-len(names) // 3)
    figure_, axes = plt.subplots(rows, 3, figsize=(11, 2.6 * rows), layout="constrained")
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
    figure_.savefig(path, dpi=110)
    plt.close(figure_)
