"""The model card of a model folder, written from what training and export measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pixmus.training.corpus import CORPORA

CARD = """---
license: apache-2.0
library_name: diffusers
pipeline_tag: text-to-audio
tags: [music, symbolic-music, video-to-music, diffusion, piano-roll]
---

# PixMus score denoiser

A diffusion model of multi-part scores, conditioned on what a picture asks of its music: density,
energy, valence and register through time, hit points, tempo, mode, style and the parts that play.
It writes notes; a SoundFont plays them. `PixMusPipeline.from_pretrained(folder)` loads it.

## The model

A transformer over beats ({parameters:.1f} million parameters, width {width}, {layers} layers),
float16 on disk. It predicts the clean piano-roll: the network gives the log odds that the other
notes and the conditions speak for, and what a noisy cell says of itself is added exactly.
Sampling: flow matching, `FlowMatchEulerDiscreteScheduler`, 20 inference steps, guidance 2.

## Training

{iterations} iterations on windows of 8 to 16 bars, {cpu_minutes:.0f} minutes of CPU time
({wall_minutes:.0f} minutes of wall time beside other work, bfloat16, no GPU),
stopped and gone on with several times (`docs/experiments.md`, 5):
`pixmus train {command}`.

| data | licence | share of windows | part |
|---|---|---|---|
{data}

Pieces are split by sha1("corpus/piece") mod 20: 0 test, 1 validation, the rest training. OpenScore
has no dynamics, so velocities come from POP909, Freedoom and Groove alone.

## Figures

On {num_windows} validation windows of 8 bars, nothing given, notes as decoded, before accents and
humanising. Control is the Spearman correlation, per bar and over all windows, between the curve
asked for and the curve that the notes have. The log odds that set the density were calibrated on the
same windows. "Real" is the data itself through the same codec and
decoding. Made by `{export_command}`.

{table}

## Use and limits

For background music in four-four time (a 2/4 bar may stand before a hit point) of the styles above.
The melody is often thin, there is little form beyond a theme that returns, and nothing was judged by
listeners. The measurements against real music that a finished model needs (classifiers, copying,
style, endings) are not in this first card.
"""


def write_card(
    folder: Path, report: dict[str, Any], training: dict[str, Any], export_command: str
) -> None:
    """Write `README.md` of a model folder from the reports of `train` and `export`."""
    table = markdown_table(report["figures"])
    arguments = training["arguments"]
    command = " ".join(
        f"--{name.replace('_', '-')} {value}"
        for name, value in arguments.items()
        if name
        in ("corpus", "out", "minutes", "width", "layers", "learning_rate", "threads", "seed")
    )
    text = CARD.format(
        parameters=report["parameters"] / 1e6,
        width=arguments["width"],
        layers=arguments["layers"],
        iterations=training["iterations"],
        cpu_minutes=training["cpu_minutes"],
        wall_minutes=training["wall_minutes"],
        command=command,
        num_windows=report["windows"],
        export_command=export_command,
        table=table,
        data=data_rows(training["corpus_weights"]),
    )
    (folder / "README.md").write_text(text)


def data_rows(shares: dict[str, float]) -> str:
    """A table row for each corpus that was trained on; Groove goes along with the shared ones."""
    rows = []
    for name, facts in CORPORA.items():
        share = (
            f"{shares[name]:.0%}"
            if name in shares
            else "joined to a third of the windows without drums"
        )
        if name in shares or (name == "groove" and set(shares) != {"own"}):
            rows.append(f"| {facts.title} | {facts.licence} | {share} | {facts.role} |")
    return "\n".join(rows)


def markdown_table(columns: dict[str, dict[str, float]]) -> str:
    """A table with one row a figure and one column a set of figures."""
    names = list(columns)
    rows = ["| | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for figure in next(iter(columns.values())):
        values = " | ".join(f"{columns[name][figure]:.2f}" for name in names)
        rows.append(f"| {figure} | {values} |")
    return "\n".join(rows)
