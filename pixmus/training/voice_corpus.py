"""Pieces as voices, with what a training window's conditions are made from, in one array file.

Making it takes minutes, loading it seconds, so a run keeps it beside its corpus file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pixmus.compose.conditions import NUM_STATISTICS
from pixmus.ensembles import PARTS, Part
from pixmus.score.chords import chord_rows, read_chords
from pixmus.score.notes import STEPS_PER_BEAT
from pixmus.score.tempo import BEATS_PER_BAR
from pixmus.score.voices import NUM_TOKENS, UNIT_LAYOUTS, encode_voices
from pixmus.training.corpus import Piece, load_pieces
from pixmus.training.windows import encode_piece

LIKENESS_DISTANCES = (1, 2, 4, 8)  # bars
STEPS_PER_BAR = BEATS_PER_BAR * STEPS_PER_BEAT


@dataclass
class VoicePiece:
    """A piece as tokens; arrays run over its beats, half bars or bars."""

    piece: Piece
    tokens: np.ndarray  # uint8 (beats, NUM_TOKENS)
    statistics: np.ndarray  # float32 (beats, parts, NUM_STATISTICS)
    strengths: np.ndarray  # float32 (steps, parts): velocity-weighted onsets
    chords: np.ndarray  # int8 (half bars, 3): rows of `chord_rows`
    likeness: np.ndarray  # float32 (bars, parts, distances, 2): see `bar_likeness`

    @property
    def num_bars(self) -> int:
        return len(self.tokens) // BEATS_PER_BAR

    @property
    def present(self) -> tuple[int, ...]:
        return tuple(int(part) for part in np.flatnonzero(self.strengths.any(0)))

    @property
    def sounds(self) -> np.ndarray:
        """Whether each part sounds in each bar, bool (bars, parts)."""
        heard = self.statistics[..., 3] > 0
        drums = PARTS.index(Part.DRUMS)
        struck = self.strengths.reshape(len(self.tokens), STEPS_PER_BEAT, -1)[..., drums]
        heard[:, drums] = struck.any(1)
        return np.any(heard.reshape(self.num_bars, BEATS_PER_BAR, -1), axis=1)


def bar_likeness(notes: np.ndarray, num_bars: int) -> np.ndarray:
    """How like every bar is to the bars 1, 2, 4 and 8 before, float32 (bars, parts, distances, 2).

    F1 of a part's onsets and pitches, then of its struck steps alone; where both bars are silent
    1, where only one is, or there is no such bar, 0.
    """
    found = np.zeros((num_bars, len(PARTS), len(LIKENESS_DISTANCES), 2), np.float32)
    for part in range(len(PARTS)):
        rows = notes[notes[:, 0] == part]
        bars, steps = rows[:, 1] // STEPS_PER_BAR, rows[:, 1] % STEPS_PER_BAR
        inside = bars < num_bars
        struck = np.zeros((num_bars, STEPS_PER_BAR), np.float32)
        struck[bars[inside], steps[inside]] = 1
        pitched = np.zeros((num_bars, STEPS_PER_BAR * 128), np.float32)
        pitched[bars[inside], (steps * 128 + rows[:, 3])[inside]] = 1
        for kind, onsets in enumerate((pitched, struck)):
            counts = onsets.sum(1)
            for column, distance in enumerate(LIKENESS_DISTANCES):
                if distance >= num_bars:
                    continue
                same = (onsets[distance:] * onsets[:-distance]).sum(1)
                both = counts[distance:] + counts[:-distance]
                f1 = np.where(both > 0, 2 * same / np.maximum(both, 1), 1)
                found[distance:, part, column, kind] = f1
    return found


def encode_voice_piece(piece: Piece) -> VoicePiece:
    """Everything that is measured once on a piece."""
    encoded = encode_piece(piece)
    num_beats = piece.num_beats
    return VoicePiece(
        piece,
        encode_voices(piece.notes, num_beats),
        encoded.statistics,
        encoded.strengths,
        chord_rows(read_chords(piece.notes, num_beats * STEPS_PER_BEAT)),
        bar_likeness(piece.notes, num_beats // BEATS_PER_BAR),
    )


def save_voice_pieces(pieces: Sequence[VoicePiece], path: Path) -> None:
    """Write the arrays of pieces, in the order of their corpus file."""
    unfinished = path.with_name(path.name + ".part")
    with open(unfinished, "wb") as file:
        np.savez_compressed(
            file,
            allow_pickle=False,
            tokens=np.concatenate([p.tokens for p in pieces]),
            statistics=np.concatenate([p.statistics.astype(np.float16) for p in pieces]),
            strengths=np.concatenate([p.strengths.astype(np.float16) for p in pieces]),
            chords=np.concatenate([p.chords for p in pieces]),
            likeness=np.concatenate([p.likeness.astype(np.float16) for p in pieces]),
        )
    unfinished.replace(path)


def load_voice_pieces(corpus: Path, path: Path) -> list[VoicePiece]:
    """The pieces of a corpus file with their voices, read from `path` or made and written to it."""
    pieces = load_pieces(corpus)
    if not path.exists():
        made = [encode_voice_piece(piece) for piece in pieces]
        save_voice_pieces(made, path)
        return made
    with np.load(path) as file:
        data = {key: file[key] for key in file.files}
    assert data["tokens"].shape[1] == NUM_TOKENS == UNIT_LAYOUTS[PARTS[-1]].tokens.stop
    assert data["statistics"].shape[1:] == (len(PARTS), NUM_STATISTICS)
    found, beat = [], 0
    for piece in pieces:
        end = beat + piece.num_beats
        half, bar = slice(beat // 2, end // 2), slice(beat // BEATS_PER_BAR, end // BEATS_PER_BAR)
        found.append(
            VoicePiece(
                piece,
                data["tokens"][beat:end],
                data["statistics"][beat:end].astype(np.float32),
                data["strengths"][beat * STEPS_PER_BEAT : end * STEPS_PER_BEAT].astype(np.float32),
                data["chords"][half],
                data["likeness"][bar].astype(np.float32),
            )
        )
        beat = end
    assert beat == len(data["tokens"]), "the voices are of another corpus file"
    return found
