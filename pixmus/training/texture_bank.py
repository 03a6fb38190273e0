"""The texture bank that a model folder carries: how the parts of training pieces move."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pixmus.compose.texture import NO_STYLE, TEXTURE_BARS, TextureBank, measure_texture
from pixmus.curves import Curve
from pixmus.ensembles import PARTS, STYLES
from pixmus.score.curves import CurveTables
from pixmus.score.grid import BEATS_PER_BAR
from pixmus.score.notes import PART_LAYOUTS
from pixmus.training.encoded import EncodedPiece

PIECES_PER_STYLE = 80
NUM_GROOVES = 60
BLOCK_BEATS = TEXTURE_BARS * BEATS_PER_BAR


def collect_textures(
    pieces: Sequence[EncodedPiece], tables: CurveTables, seed: int = 0
) -> TextureBank:
    """Textures of `PIECES_PER_STYLE` pieces of every style and of `NUM_GROOVES` grooves.

    Whole blocks of eight bars, one after another; empty ones are left out.
    """
    rng = np.random.default_rng(seed)
    chosen: list[EncodedPiece] = []
    long_enough = [piece for piece in pieces if piece.num_bars >= TEXTURE_BARS]
    pitched = [piece for piece in long_enough if piece.piece.corpus != "groove"]
    for style in STYLES:
        mine = [piece for piece in pitched if piece.piece.style == style]
        chosen += [mine[i] for i in rng.permutation(len(mine))[:PIECES_PER_STYLE]]
    grooves = [piece for piece in long_enough if piece.piece.corpus == "groove"]
    chosen += [grooves[i] for i in rng.permutation(len(grooves))[:NUM_GROOVES]]

    rows: dict[str, list[np.ndarray | float | int]] = {
        name: [] for name in ("textures", "has_part", "onsets", "piece", "style", "tempo_bpm")
    }
    for number, encoded in enumerate(chosen):
        has_part = np.isin(np.arange(len(PARTS)), encoded.present)
        for first in range(0, len(encoded.cells) - BLOCK_BEATS + 1, BLOCK_BEATS):
            cells = encoded.cells[first : first + BLOCK_BEATS]
            onsets = np.array([cells[:, layout.onsets].sum() for layout in PART_LAYOUTS.values()])
            if not onsets.any():
                continue
            texture = measure_texture(cells, encoded.present)
            rows["textures"].append(np.nan_to_num(np.round(texture * 255)))
            rows["has_part"].append(has_part)
            rows["onsets"].append(onsets / BLOCK_BEATS)
            rows["piece"].append(number)
            style = encoded.piece.style
            rows["style"].append(STYLES.index(style) if style in STYLES else NO_STYLE)
            rows["tempo_bpm"].append(encoded.piece.tempo_bpm)
    kinds = {"textures": "u1", "has_part": "u1", "piece": "i4", "style": "u1"}
    arrays = {name: np.array(values, kinds.get(name, "f4")) for name, values in rows.items()}
    return TextureBank(**arrays, density_table=tables.tables[Curve.DENSITY].astype(np.float32))
