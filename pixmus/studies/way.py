"""One example's way in one picture: `pixmus evaluate way` writes docs/pictures/way.png.

Made from the clip and from what is stored beside it in `examples/outputs`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from pixmus.cues.sheet import CueSheet
from pixmus.picture.footage import watch
from pixmus.picture.sound import read_audio
from pixmus.picture.video import probe
from pixmus.score.midi import read_midi
from pixmus.studies.runner import Result, Run, Study
from pixmus.take.figure import save_figure
from pixmus.take.way import plot_way

EXAMPLES = Path("examples")


def measure(run: Run) -> Result:
    """Draw the picture."""
    asked = run.arguments
    output = EXAMPLES / "outputs" / asked.example
    footage = watch(EXAMPLES / f"{asked.example}.mp4")
    waveform = read_audio(probe(output / "scored.mp4"))
    assert waveform is not None, f"{output} has no sound"
    figure = plot_way(
        footage.features,
        CueSheet.load(output / "cues.json"),
        read_midi(output / "score.mid"),
        waveform,
        footage.thumbnails,
    )
    save_figure(figure, asked.picture)
    return {"example": asked.example, "picture": str(asked.picture)}


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the study may be told."""
    parser.add_argument("example", nargs="?", default="storm", help="a clip of examples/, by name")
    parser.add_argument("--picture", type=Path, default=Path("docs/pictures/way.png"))


STUDY = Study("way", "One example's way in one picture.", measure, arguments, out=None)
