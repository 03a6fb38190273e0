"""What real music does, for `pixmus check`: ranges of descriptors over training windows.

`python -m pixmus.training.ranges MODEL_FOLDER --corpus runs/corpus.npz` writes them into a model
folder; `pixmus.training.export` does the same for a new one.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pixmus.check.descriptors import WINDOW_BEATS
from pixmus.check.findings import Ranges, Window, fit_ranges
from pixmus.ensembles import STYLES
from pixmus.model.folder import DESCRIPTOR_RANGES
from pixmus.score.grid import BEATS_PER_BAR, STEPS_PER_BEAT
from pixmus.training.corpus import Piece, load_pieces

WINDOWS_PER_STYLE = 600


def fit_descriptor_ranges(pieces: Sequence[Piece], per_style: int = WINDOWS_PER_STYLE) -> Ranges:
    """Ranges over windows of the training split, at most `per_style` drawn of each style.

    Windows are whole ones of 8 bars from a bar of their piece; a piece gives as many as its length
    deserves.
    """
    rng = np.random.default_rng(0)
    windows: dict[str, list[Window]] = {}
    for style in STYLES:
        training = [p for p in pieces if p.style == style and p.split == "training"]
        places = [
            (piece, bar)
            for piece in training
            for bar in range((piece.num_beats - WINDOW_BEATS) // BEATS_PER_BAR + 1)
        ]
        for index in rng.permutation(len(places))[:per_style].tolist():
            piece, bar = places[index]
            windows.setdefault(style, []).append((_cells(piece, bar), piece.minor))
    return fit_ranges(windows)


def _cells(piece: Piece, bar: int) -> np.ndarray:
    """The piano-roll of the 8 bars from `bar`, without encoding the rest of the piece."""
    first = bar * BEATS_PER_BAR
    starts, lengths = piece.notes[:, 1], piece.notes[:, 2]
    beyond = (first + WINDOW_BEATS) * STEPS_PER_BEAT
    overlapping = (starts < beyond) & (starts + lengths > first * STEPS_PER_BEAT)
    excerpt = replace(piece, notes=piece.notes[overlapping], num_beats=first + WINDOW_BEATS)
    return excerpt.cells()[first:]


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--corpus", type=Path, required=True)
    arguments = parser.parse_args(argv)
    from pixmus.model.folder import write_manifest

    ranges = fit_descriptor_ranges(load_pieces(arguments.corpus))
    (arguments.model / DESCRIPTOR_RANGES).write_text(ranges.to_json())
    write_manifest(arguments.model)
    for style, tables in ranges.tables.items():
        for parts, table in tables.items():
            print(f"{style:8} {'+'.join(parts):35} {table.num_windows:5} windows")


if __name__ == "__main__":
    main()
