"""A small corpus of made-up pieces, as the open corpora have them."""

from __future__ import annotations

import numpy as np

from pixmus.training.corpus import Piece
from pixmus.training.voices import make_piece

NUM_BARS = 48


def write_pieces(num: int = 6, num_bars: int = NUM_BARS) -> list[Piece]:
    """Pieces at 120 to 150 beats a minute, by turns of every open corpus, calm and busy bars."""
    return [
        _piece(number, ("lieder", "quartets", "freedoom")[number % 3], num_bars)
        for number in range(num)
    ]


def _piece(number: int, corpus: str, num_bars: int) -> Piece:
    rng = np.random.default_rng(number)
    velocity = 80 if corpus == "freedoom" else 0
    parts: dict[str, list] = {"melody": [], "harmony": [], "bass": []}
    scale = np.array([0, 2, 4, 5, 7, 9, 11])
    for bar in range(num_bars):
        busy = 1 + (bar // 4 + number) % 4  # melody notes a beat, voices of the harmony
        for step in range(0, 16, max(1, 4 // busy)):
            pitch = 67 + int(rng.choice(scale))
            parts["melody"].append((16 * bar + step, max(1, 4 // busy), pitch, velocity))
        for voice in range(busy):
            parts["harmony"].append((16 * bar, 16, 55 + int(scale[2 * voice % 7]), velocity))
        parts["bass"].append((16 * bar, 16, 40 + int(rng.choice(scale)), velocity))
        if corpus == "freedoom":
            parts.setdefault("drums", []).extend((16 * bar + k, 1, 36, 90) for k in (0, 8))
    piece = make_piece(corpus, f"piece-{number}", parts, 120.0 + 6 * number)
    assert piece is not None
    return piece
