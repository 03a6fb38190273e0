"""The pictures of `pixmus evaluate encoder`: how curves fill their range; five clips and music."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pixmus.cues.sheet import CueSheet
from pixmus.curves import CURVE_RATE_HZ, CURVES, Curve
from pixmus.ensembles import Part
from pixmus.keys import KEYS
from pixmus.score.curves import beat_statistics
from pixmus.score.key_finding import key_correlations
from pixmus.score.notes import Score, encode_score
from pixmus.take.figure import PARTS_FROM_THE_BACK
from pixmus.take.pipeline import PixMusPipeline
from pixmus.training.films import Film

COLOURS: dict[str, str] = {
    Curve.DENSITY: "#5e81ac",
    Curve.ENERGY: "#bf616a",
    Curve.VALENCE: "#d9a441",
    Curve.REGISTER: "#6b9a5b",
}
# Clips of the tiers A and A- of very different character, calm to violent.
FIVE = (
    "editly-assets__kohlipe3.mp4",
    "sample-videos__car-detection.mp4",
    "sam2__04_coffee.mp4",
    "learning-area__elf.mp4",
    "shared-assets__tears-of-steel-battle-clip-medium.webm",
)
FIVE_SEED = 7
DPI = 110
LOWEST_PITCH = 22  # of the piano-rolls
CREDIT = (
    "Pictures: (CC) Blender Foundation | mango.blender.org, CC BY 3.0 (Tears of Steel); SA-V, "
    "Meta, CC BY 4.0 (coffee); MDN, CC0 (elf); Intel, CC BY 4.0 (cars); Mikael "
    "Finstad, editly (beach)."
)


def draw_ranges(result: dict[str, Any]) -> Figure | None:
    """Histograms of the curves, picture side against training side."""
    if "range" not in result:
        return None
    report = result["range"]
    figure = Figure(figsize=(11, 4.6), dpi=DPI)
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(report), len(CURVES), sharey=True)
    edges = np.linspace(0, 1, 11)
    for row, (group, got) in enumerate(report.items()):
        for axis, curve in zip(axes[row], CURVES, strict=True):
            axis.stairs(
                got["encoder"][curve]["shares of tenths"],
                edges,
                fill=True,
                color=COLOURS[curve],
                alpha=0.75,
                label="encoder",
            )
            axis.stairs(
                got["rules"][curve]["shares of tenths"],
                edges,
                color="#3b4252",
                linewidth=1.2,
                label="rules",
            )
            axis.axhline(0.1, color="#3b4252", linestyle=":", label="training bars")
            axis.set_xlim(0, 1)
            if row == 0:
                axis.set_title(curve, fontsize=10)
            else:
                axis.set_xlabel("quantile of training bars")
        axes[row][0].set_ylabel(group.replace(" clips", "\nclips") + "\nshare of time", fontsize=8)
    axes[0][-1].legend(fontsize=7, frameon=False)
    figure.tight_layout()
    return figure


def draw_five(films: Sequence[Film], pipe: PixMusPipeline) -> tuple[Figure, dict[str, Any]]:
    """Five clips, what they ask of the music and the music that they get; drawn and told."""
    by_name = {film.name: film for film in films}
    chosen = [by_name[name] for name in FIVE if name in by_name]
    figure = Figure(figsize=(13, 1.75 * len(chosen)), dpi=DPI)
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(chosen), 3, width_ratios=(1.5, 1, 1), squeeze=False)
    clips = []
    for (left, middle, right), film in zip(axes, chosen, strict=True):
        sheet = pipe.encoder.spot(film.features)
        score = pipe.compose(sheet, seed=FIVE_SEED)
        music = heard(score, film.duration)
        draw_film(left, film, sheet)
        draw_asked(middle, sheet)
        draw_composed(right, score, music)
        for axis in (middle, right):
            axis.set_xlim(0, film.duration)
            axis.tick_params(labelsize=7)
        clips.append(
            {
                "clip": film.name,
                "tempo_bpm": sheet.tempo_bpm,
                "key": sheet.key,
                "style": sheet.style,
                "ensemble": sheet.ensemble,
                **{curve: round(float(sheet.curves[curve].mean()), 3) for curve in CURVES},
                "reasons": dict(sheet.reasons),
                "cues": [cue.name for cue in sheet.cues],
                "themes": "".join(section.theme for section in sheet.sections),
                "music": music,
            }
        )
    axes[0][1].legend(fontsize=7, ncols=2, frameon=False, loc="upper right")
    axes[-1][1].set_xlabel("asked: curves over seconds; vertical lines are hit points", fontsize=8)
    axes[-1][2].set_xlabel("composed: MIDI pitches over seconds; foot: drums", fontsize=8)
    figure.text(0.01, 0.004, CREDIT, fontsize=6)
    figure.tight_layout(rect=(0, 0.015, 1, 1))
    return figure, {"clips": clips, "credit": CREDIT}


def draw_film(axes: Axes, film: Film, sheet: CueSheet) -> None:
    """Four frames of a clip, and the moods of its cues."""
    rows = np.linspace(0.08, 0.92, 4) * (len(film.images) - 1)
    axes.imshow(np.concatenate([film.images[int(row)] for row in rows], axis=1))
    axes.axis("off")
    name = film.name.split("__")[1].rsplit(".", 1)[0].replace("-medium", "")
    mood = ", then ".join(dict.fromkeys(cue.name for cue in sheet.cues))
    axes.set_title(f"{name} ({film.duration:.0f} s): {mood}", fontsize=9, loc="left")


def draw_asked(axes: Axes, sheet: CueSheet) -> None:
    """The curves and hit points of a cue sheet."""
    axes.set_title(
        f"{sheet.tempo_bpm:.0f} bpm, {sheet.key}, {sheet.ensemble}", fontsize=9, loc="left"
    )
    seconds = (np.arange(len(sheet.curves[Curve.DENSITY])) + 0.5) / CURVE_RATE_HZ
    for curve in CURVES:
        axes.plot(seconds, sheet.curves[curve], color=COLOURS[curve], label=curve)
    for hit in sheet.hit_points:
        axes.axvline(hit.time, color="#3b4252", alpha=0.5 * hit.strength, linewidth=0.8)
    axes.set_ylim(0, 1)


def draw_composed(axes: Axes, score: Score, music: dict[str, Any]) -> None:
    """A piano-roll, the drums at its foot."""
    axes.set_title(
        f"{music['tempo_bpm']:.0f} bpm, {music['key']}, "
        f"{music['onsets a second']:.1f} notes a second",
        fontsize=9,
        loc="left",
    )
    for part in PARTS_FROM_THE_BACK:
        for note in score.parts.get(part, ()) if part != Part.DRUMS else ():
            start, end = score.tempo_map.to_seconds([note.onset, note.onset + note.duration])
            axes.hlines(note.pitch, start, end, color=Part(part).colour, linewidth=1.1)
    drums = [note.onset for note in score.parts.get(Part.DRUMS, ())]
    if drums:
        axes.plot(
            score.tempo_map.to_seconds(drums),
            np.full(len(drums), LOWEST_PITCH + 2),
            "|",
            color=Part.DRUMS.colour,
            markersize=3,
        )
    axes.set_ylim(LOWEST_PITCH, 98)


def heard(score: Score, duration: float) -> dict[str, Any]:
    """What was composed: median tempo, the key by its notes, notes a second, velocity, parts."""
    pitch_classes = beat_statistics(encode_score(score)).sum((0, 1))[5:]
    notes = [note for part, some in score.parts.items() if part != Part.DRUMS for note in some]
    return {
        "tempo_bpm": round(float(np.median(score.tempo_map.local_tempo_bpm)), 1),
        "key": KEYS[int(key_correlations(pitch_classes).argmax())],
        "onsets a second": round(len(notes) / duration, 2),
        "mean velocity": round(float(np.mean([note.velocity for note in notes])), 1),
        "parts": [part for part, some in score.parts.items() if some],
    }
