"""The corpus report: what a corpus file holds, as JSON, Markdown and one picture.

`pixmus corpus report runs/corpus.npz --out docs/results` writes `corpus.json`, `corpus.md` and
`corpus.png`. Everything is counted on the pieces of the file; what the readers left out and set
right is what they entered when the file was made.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pixmus.ensembles import PARTS, Part
from pixmus.training.corpus import (
    CORPORA,
    Ledger,
    Piece,
    corpus_shares,
    load_ledger,
    load_pieces,
)
from pixmus.training.duplicates import files_on_two_sides
from pixmus.training.panels import dress
from pixmus.training.prose import fill
from pixmus.training.splits import SPLITS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TEMPLATE = Path(__file__).parent / "templates" / "corpus.md.j2"
DRUMS = PARTS.index(Part.DRUMS)
TONICS = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
TEMPO_EDGES = np.arange(40, 241, 10)  # bpm; what lies outside falls into the ends
# Longest length in steps of every class of note lengths, and its name.
LENGTHS = ((1, "16th"), (2, "8th"), (3, "dotted 8th"), (4, "quarter"), (7, "to half"),
           (8, "half"), (15, "to whole"), (10**6, "whole or more"))  # fmt: skip
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def hours_of(pieces: list[Piece]) -> float:
    """Hours of music at the pieces' tempos."""
    return sum(piece.num_beats / piece.tempo_bpm for piece in pieces) / 60


def describe_corpus(pieces: list[Piece]) -> dict[str, Any]:
    """Counts and distributions of the pieces of one corpus, each piece counted once."""
    pitched = [piece for piece in pieces if (piece.notes[:, 0] != DRUMS).any()]
    rows = np.concatenate([piece.notes for piece in pieces])
    melodic = rows[rows[:, 0] != DRUMS]
    tempos = np.clip([p.tempo_bpm for p in pieces], TEMPO_EDGES[0], TEMPO_EDGES[-1] - 1e-3)
    density = [(p.notes[:, 0] != DRUMS).sum() / p.num_beats for p in pitched]
    keys = Counter(
        f"{TONICS[piece.tonic]} {'minor' if piece.minor else 'major'}"
        for piece in pitched
        if piece.tonic >= 0
    )
    lengths = np.searchsorted([longest for longest, _ in LENGTHS], melodic[:, 2])
    return {
        "pieces": len(pieces),
        "beats": sum(piece.num_beats for piece in pieces),
        "hours": hours_of(pieces),
        "notes": len(rows),
        "splits": {
            split: {
                "pieces": len(chosen),
                "beats": sum(piece.num_beats for piece in chosen),
                "hours": hours_of(chosen),
            }
            for split in SPLITS
            for chosen in [[piece for piece in pieces if piece.split == split]]
        },
        "minor_share": float(np.mean([p.minor for p in pitched])) if pitched else None,
        "keys": dict(keys),
        "tempo_bpm": quantiles([piece.tempo_bpm for piece in pieces]),
        "tempo_histogram": np.histogram(tempos, TEMPO_EDGES)[0].tolist(),
        "notes_a_beat": quantiles(density),
        "parts": {
            part: float(np.mean([(piece.notes[:, 0] == index).any() for piece in pieces]))
            for index, part in enumerate(PARTS)
        },
        "note_lengths": dict(
            zip(
                (name for _, name in LENGTHS),
                (np.bincount(lengths, minlength=len(LENGTHS)) / max(len(melodic), 1)).tolist(),
                strict=True,
            )
        )
        if len(melodic)
        else {},
        "with_velocities": float(np.mean([piece.has_velocity for piece in pieces])),
    }


def quantiles(values: list[float]) -> list[float] | None:
    """The 5th, 25th, 50th, 75th and 95th percentile; None where there is nothing."""
    return [float(v) for v in np.quantile(values, QUANTILES)] if values else None


def describe(pieces: list[Piece], ledger: Ledger) -> dict[str, Any]:
    """The report of a corpus file's pieces and of what was met when it was made."""
    by_corpus = {
        name: [piece for piece in pieces if piece.corpus == name]
        for name in CORPORA
        if any(piece.corpus == name for piece in pieces)
    }
    shares = corpus_shares(by_corpus)
    corpora = {}
    for name, chosen in by_corpus.items():
        facts = CORPORA[name]
        corpora[name] = {
            "title": facts.title,
            "licence": facts.licence,
            "source": facts.source,
            "share_of_training_windows": shares.get(name, 0.0),
            "files_read": ledger.files.get(name),
            "left_out": dict(ledger.left_out.get(name, {})),
            "set_right": dict(ledger.corrected.get(name, {})),
            **describe_corpus(chosen),
        }
    return {
        "pieces": len(pieces),
        "beats": sum(piece.num_beats for piece in pieces),
        "hours": hours_of(pieces),
        "tunes_or_files_on_two_sides_of_the_split": files_on_two_sides(pieces),
        "corpora": corpora,
    }


def to_markdown(report: dict[str, Any], command: str) -> str:
    """The tables of the report."""
    return fill(TEMPLATE, **report, command=command, splits=SPLITS)


COLOURS = {
    "pop909": "#0072b2",
    "lieder": "#d55e00",
    "quartets": "#009e73",
    "freedoom": "#cc79a7",
    "groove": "#59616d",
    "own": "#b8860b",
}
SHORT = {
    "pop909": "POP909",
    "lieder": "Lieder",
    "quartets": "Quartets",
    "freedoom": "Freedoom",
    "groove": "Groove",
    "own": "own music",
}


def plot(report: dict[str, Any]) -> Figure:
    """Six panels: hours, tempos, keys; notes a beat, parts, note lengths."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    from pixmus.take.figure import DPI, INK, PAGE, QUIET, WIDTH_PX

    figure = Figure(figsize=(WIDTH_PX / DPI, 6.6), dpi=DPI, facecolor=PAGE)
    FigureCanvasAgg(figure)
    panels = figure.subplots(2, 3, gridspec_kw={"wspace": 0.32, "hspace": 0.45})
    figure.subplots_adjust(left=0.075, right=0.985, top=0.85, bottom=0.11)
    corpora = report["corpora"]
    pitched = {name: facts for name, facts in corpora.items() if facts["minor_share"] is not None}
    _draw_hours(panels[0, 0], corpora)
    _draw_tempos(panels[0, 1], corpora)
    _draw_keys(panels[0, 2], pitched)
    _draw_density(panels[1, 0], pitched)
    _draw_parts(panels[1, 1], corpora)
    _draw_lengths(panels[1, 2], pitched)
    title = f"{report['hours']:.0f} hours of scores"
    figure.text(0.075, 0.95, title, fontsize=14, fontweight="bold", color=INK, va="center")
    figure.legend(
        handles=[Patch(color=COLOURS[name], label=SHORT[name]) for name in corpora],
        loc="center right",
        bbox_to_anchor=(0.985, 0.95),
        ncols=len(corpora),
        frameon=False,
        fontsize=8.5,
        labelcolor=QUIET,
        handlelength=1.2,
    )
    return figure


def _draw_hours(axes: Axes, corpora: dict[str, Any]) -> None:
    """Hours of each corpus: training in full colour, what is held out in lighter shades."""
    from pixmus.take.figure import QUIET

    for row, (name, facts) in enumerate(corpora.items()):
        left = 0.0
        for split, alpha in zip(SPLITS, (1.0, 0.6, 0.3), strict=True):
            hours = facts["splits"][split]["hours"]
            axes.barh(row, hours, 0.66, left=left, color=COLOURS[name], alpha=alpha, lw=0)
            left += hours
        axes.annotate(
            f"{left:.1f} h, {facts['pieces']}", (left, row), (4, 0),
            textcoords="offset points", fontsize=7.5, color=QUIET, va="center",
        )  # fmt: skip
    axes.set_yticks(range(len(corpora)), [SHORT[name] for name in corpora])
    axes.invert_yaxis()
    axes.set_xlim(0, 1.45 * max(facts["hours"] for facts in corpora.values()))
    dress(axes, "Hours, pieces", "hours; lighter: validation and test", "x")


def _draw_tempos(axes: Axes, corpora: dict[str, Any]) -> None:
    """How many pieces of each corpus have which tempo, every row to its own height."""
    from pixmus.take.figure import INK, QUIET

    for row, (name, facts) in enumerate(corpora.items()):
        counts = np.array(facts["tempo_histogram"])
        heights = 0.82 * counts / counts.max()
        axes.bar(
            TEMPO_EDGES[:-1], -heights, 9.2, row + 0.42, align="edge", color=COLOURS[name], lw=0
        )
        median = facts["tempo_bpm"][2]
        axes.plot([median, median], [row + 0.42, row - 0.36], color=INK, lw=1.2)
        axes.annotate(
            f"{median:.0f}", (TEMPO_EDGES[-1], row), fontsize=7.5, color=QUIET, va="center",
            ha="right",
        )  # fmt: skip
    axes.set_yticks(range(len(corpora)), [SHORT[name] for name in corpora])
    axes.set_ylim(len(corpora) - 0.5, -0.5)
    dress(axes, "Tempo, pieces", "beats a minute; line and number: median", "x")


def _draw_keys(axes: Axes, corpora: dict[str, Any]) -> None:
    """Pieces in each key before they were transposed: majors up, minors down."""
    from pixmus.take.figure import INK, QUIET

    for mode, sign in (("major", 1), ("minor", -1)):
        base = np.zeros(len(TONICS))
        for name, facts in corpora.items():
            counts = np.array([facts["keys"].get(f"{tonic} {mode}", 0) for tonic in TONICS])
            axes.bar(range(len(TONICS)), sign * counts, 0.76, sign * base, color=COLOURS[name])
            base += counts
    axes.axhline(0, color=INK, lw=0.8)
    axes.set_xticks(range(len(TONICS)), TONICS)
    axes.margins(y=0.14)
    axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):.0f}")
    for mode, height, align in (("major", 0.965, "top"), ("minor", 0.035, "bottom")):
        axes.text(
            0.015, height, mode, fontsize=8.5, color=QUIET, va=align, transform=axes.transAxes
        )
    dress(axes, "Keys, pieces", "before all were brought to C and A", "y")


def _draw_density(axes: Axes, corpora: dict[str, Any]) -> None:
    from pixmus.take.figure import PAGE, QUIET

    for row, (name, facts) in enumerate(corpora.items()):
        low, lower, middle, upper, high = facts["notes_a_beat"]
        axes.plot([low, high], [row, row], color=COLOURS[name], lw=1.4, solid_capstyle="butt")
        axes.barh(row, upper - lower, 0.42, left=lower, color=COLOURS[name], lw=0)
        axes.plot([middle, middle], [row - 0.21, row + 0.21], color=PAGE, lw=2)
        axes.annotate(
            f"{middle:.1f}", (high, row), (5, 0),
            textcoords="offset points", fontsize=7.5, color=QUIET, va="center",
        )  # fmt: skip
    axes.set_yticks(range(len(corpora)), [SHORT[name] for name in corpora])
    axes.set_ylim(len(corpora) - 0.4, -0.6)
    axes.set_xlim(0, 1.12 * max(facts["notes_a_beat"][-1] for facts in corpora.values()))
    dress(axes, "Pitched notes a beat", "5, 25, 50, 75 and 95 % of pieces", "x")


def _draw_parts(axes: Axes, corpora: dict[str, Any]) -> None:
    """A share of pieces for each corpus and part, as numbers on squares of its colour."""
    from matplotlib.colors import to_rgba

    from pixmus.take.figure import INK, PAGE

    for row, (name, facts) in enumerate(corpora.items()):
        for column, part in enumerate(PARTS):
            share = facts["parts"][part]
            colour = (*to_rgba(COLOURS[name])[:3], 0.08 + 0.92 * share if share else 0.0)
            axes.barh(row, 0.94, 0.9, left=column - 0.47, color=colour, lw=0)
            if share:
                axes.text(
                    column, row, f"{100 * share:.0f}", fontsize=8, ha="center", va="center",
                    color=PAGE if share > 0.45 else INK,
                )  # fmt: skip
    axes.set_xticks(range(len(PARTS)), PARTS, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(corpora)), [SHORT[name] for name in corpora])
    axes.set_ylim(len(corpora) - 0.5, -0.5)
    axes.set_xlim(-0.5, len(PARTS) - 0.5)
    dress(axes, "Parts, % of pieces", "", "")
    axes.tick_params(axis="x", labelsize=7.5)


def _draw_lengths(axes: Axes, corpora: dict[str, Any]) -> None:
    names = [name for _, name in LENGTHS]
    for name, facts in corpora.items():
        shares = [facts["note_lengths"][length] for length in names]
        axes.plot(range(len(names)), shares, color=COLOURS[name], lw=1.6, marker="o", ms=3.5)
    axes.set_xticks(range(len(names)), names, rotation=35, ha="right", rotation_mode="anchor")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_ylim(bottom=0)
    dress(axes, "Note lengths, share of pitched notes", "", "both")
    axes.tick_params(axis="x", labelsize=7.5)


def write_report(corpus: Path, out: Path) -> None:
    """Write `corpus.json`, `corpus.md` and `corpus.png` to a folder."""
    from pixmus.take.figure import save_figure

    report = describe(load_pieces(corpus), load_ledger(corpus))
    command = f"pixmus corpus report {corpus} --out {out}"
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"command": command, **_short(report)}, indent=1) + "\n"
    (out / "corpus.json").write_text(text, encoding="utf-8")
    (out / "corpus.md").write_text(to_markdown(report, command), encoding="utf-8")
    save_figure(plot(report), out / "corpus.png")
    print(to_markdown(report, command))


def _short(value: Any) -> Any:
    """Numbers with four decimals, so that the file can be read."""
    if isinstance(value, dict):
        return {key: _short(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_short(item) for item in value]
    return round(value, 4) if isinstance(value, float) else value
