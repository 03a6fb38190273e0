"""One example's way in one picture: `pixmus evaluate way` writes docs/pictures/way.png.

Made from the clip and from what is stored beside it in `examples/outputs`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from pixmus.cues.sheet import CueSheet
from pixmus.picture.footage import watch
from pixmus.picture.sound import read_audio
from pixmus.picture.video import probe
from pixmus.score.notes import read_midi
from pixmus.take.figure import save_figure
from pixmus.take.way import plot_way

EXAMPLES = Path("examples")


def main(argv: Sequence[str] | None = None) -> None:
    """Draw the picture."""
    parser = argparse.ArgumentParser(prog="pixmus evaluate way", description=__doc__)
    parser.add_argument("example", nargs="?", default="storm", help="a clip of examples/, by name")
    parser.add_argument("--out", type=Path, default=Path("docs/pictures/way.png"))
    arguments = parser.parse_args(argv)
    output = EXAMPLES / "outputs" / arguments.example
    footage = watch(EXAMPLES / f"{arguments.example}.mp4")
    waveform = read_audio(probe(output / "scored.mp4"))
    assert waveform is not None, f"{output} has no sound"
    figure = plot_way(
        footage.features,
        CueSheet.load(output / "cues.json"),
        read_midi(output / "score.mid"),
        waveform,
        footage.thumbnails,
    )
    save_figure(figure, arguments.out)
    print(arguments.out)


if __name__ == "__main__":
    main()
