"""Pieces as plan and voices, with what a window's conditions are made from, in one array file.

Making it takes minutes, loading it seconds, so it is kept beside its corpus file.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pixmus.ensembles import PARTS, Part
from pixmus.files import file_sha256, new_file
from pixmus.score.chords import chord_rows
from pixmus.score.curves import NUM_STATISTICS
from pixmus.score.grid import BEATS_PER_BAR, STEPS_PER_BEAT
from pixmus.score.plan import Plan
from pixmus.score.plan_tokens import MASKS, NUM_FIELDS, encode_plan
from pixmus.score.voices import NUM_TOKENS, encode_voices
from pixmus.training.corpus import Piece, load_pieces
from pixmus.training.encoded import encode_piece
from pixmus.training.plans import plan_of

LIKENESS_DISTANCES = (1, 2, 4, 8)  # bars
NUM_SOURCES = len(LIKENESS_DISTANCES) + 1
STEPS_PER_BAR = BEATS_PER_BAR * STEPS_PER_BEAT


@dataclass
class VoicePiece:
    """A piece as tokens; arrays run over its beats, half bars or bars."""

    piece: Piece
    tokens: np.ndarray  # uint8 (beats, NUM_TOKENS)
    statistics: np.ndarray  # float32 (beats, parts, NUM_STATISTICS)
    strengths: np.ndarray  # float32 (steps, parts): velocity-weighted onsets
    chords: np.ndarray  # int8 (half bars, 3): rows of `chord_rows`
    plays: np.ndarray  # bool (half bars, parts)
    plan: np.ndarray  # int8 (half bars, NUM_FIELDS): all of the plan, as tokens
    form: np.ndarray  # float32 (bars, NUM_FORM): see `form_of`
    likeness: np.ndarray  # float32 (bars, parts, NUM_SOURCES, 2): see `bar_likeness`

    @property
    def corpus(self) -> str:
        return self.piece.corpus

    @property
    def split(self) -> str:
        return self.piece.split

    @property
    def num_bars(self) -> int:
        return len(self.tokens) // BEATS_PER_BAR

    @property
    def present(self) -> tuple[int, ...]:
        return tuple(int(part) for part in np.flatnonzero(self.strengths.any(0)))

    @property
    def sources(self) -> np.ndarray:
        """The bar that each bar returns to, as its phrase does; -1: none. Int (bars,)."""
        return self.form[:, SOURCE].astype(int)


NUM_FORM = 5
SOURCE, RETURN, PLACE, LENGTH, DYNAMIC = range(NUM_FORM)


def form_of(plan: Plan) -> np.ndarray:
    """What a plan says of each bar, float32 (bars, NUM_FORM).

    The bar that it returns to (-1: none), how like that its phrase is, its place in the phrase, the
    phrase's length in bars, and the level of dynamics (-1: not known).
    """
    form = np.full((plan.num_bars, NUM_FORM), -1, np.float32)
    form[:, DYNAMIC] = plan.dynamics
    form[:, RETURN] = 0
    for phrase in plan.phrases:
        bars = np.arange(phrase.first_bar, phrase.end_bar)
        form[bars, PLACE] = np.arange(phrase.num_bars)
        form[bars, LENGTH] = phrase.num_bars
        if phrase.source >= 0:
            source = plan.phrases[phrase.source]
            inside = np.arange(phrase.num_bars) < source.num_bars
            form[bars[inside], SOURCE] = source.first_bar + np.arange(phrase.num_bars)[inside]
            form[bars[inside], RETURN] = phrase.likeness
    return form


def bar_likeness(notes: np.ndarray, sources: np.ndarray) -> np.ndarray:
    """How like every bar is to others, float32 (bars, parts, columns of `sources`, 2).

    `sources` (bars, columns) are bars, -1 for none. F1 of a part's onsets and pitches, then of its
    struck steps alone; where both bars are silent 1, where there is no such bar 0.
    """
    num_bars, columns = sources.shape
    found = np.zeros((num_bars, len(PARTS), columns, 2), np.float32)
    there = sources >= 0
    for part in range(len(PARTS)):
        rows = notes[notes[:, 0] == part].astype(int)
        bars, steps = rows[:, 1] // STEPS_PER_BAR, rows[:, 1] % STEPS_PER_BAR
        struck = np.zeros((num_bars, STEPS_PER_BAR), np.float32)
        struck[bars, steps] = 1
        pitched = np.zeros((num_bars, STEPS_PER_BAR * 128), np.float32)
        pitched[bars, steps * 128 + rows[:, 3]] = 1
        for kind, onsets in enumerate((pitched, struck)):
            counts = onsets.sum(1)
            for column in range(columns):
                own, other = np.flatnonzero(there[:, column]), sources[there[:, column], column]
                same = (onsets[own] * onsets[other]).sum(1)
                both = counts[own] + counts[other]
                found[own, part, column, kind] = np.where(
                    both > 0, 2 * same / np.maximum(both, 1), 1
                )
    return found


def sources_of(form: np.ndarray) -> np.ndarray:
    """The bars that likeness is measured to, int (bars, NUM_SOURCES): 1, 2, 4 and 8 bars before,
    then the one that the phrase returns to."""
    bars = np.arange(len(form))
    before = [np.maximum(bars - distance, -1) for distance in LIKENESS_DISTANCES]
    return np.stack([*before, form[:, SOURCE].astype(int)], 1)


def plan_arrays(piece: Piece) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Chords, who plays, tokens and form of a piece; of one that is drums alone nothing is told."""
    if (piece.notes[:, 0] == PARTS.index(Part.DRUMS)).all():
        halves, bars = piece.num_beats // 2, piece.num_beats // BEATS_PER_BAR
        plays = np.zeros((halves, len(PARTS)), bool)
        plays[:, PARTS.index(Part.DRUMS)] = True
        form = np.full((bars, NUM_FORM), -1, np.float32)
        unknown = np.broadcast_to(MASKS, (halves, NUM_FIELDS)).astype(np.int8)
        return np.full((halves, 3), -1, np.int8), plays, unknown, form
    plan = plan_of(piece)
    tokens = encode_plan(plan).astype(np.int8)
    return chord_rows(plan.chords), plan.plays, tokens, form_of(plan)


def encode_voice_piece(piece: Piece) -> VoicePiece:
    """Everything that is measured once on a piece."""
    encoded = encode_piece(piece)
    chords, plays, plan, form = plan_arrays(piece)
    return VoicePiece(
        piece,
        encode_voices(piece.notes, piece.num_beats),
        encoded.statistics,
        encoded.strengths,
        chords,
        plays,
        plan,
        form,
        bar_likeness(piece.notes, sources_of(form)),
    )


def save_voice_pieces(pieces: Sequence[VoicePiece], path: Path, corpus_sha256: str) -> None:
    """Write the arrays of pieces, in the order of the corpus file of that SHA-256."""
    with new_file(path, overwrite=True) as place, open(place, "wb") as file:
        np.savez_compressed(
            file,
            allow_pickle=False,
            corpus_sha256=np.array(corpus_sha256),
            tokens=np.concatenate([p.tokens for p in pieces]),
            statistics=np.concatenate([p.statistics.astype(np.float16) for p in pieces]),
            strengths=np.concatenate([p.strengths.astype(np.float16) for p in pieces]),
            chords=np.concatenate([p.chords for p in pieces]),
            plays=np.concatenate([p.plays for p in pieces]),
            plan=np.concatenate([p.plan for p in pieces]),
            form=np.concatenate([p.form for p in pieces]),
            likeness=np.concatenate([p.likeness.astype(np.float16) for p in pieces]),
        )


def _read(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file of `save_voice_pieces`; none where there is no such file."""
    try:
        with np.load(path) as file:
            return {key: file[key] for key in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return {}


def measured_beside(corpus: Path) -> Path:
    """Where what was measured of a corpus file's pieces is kept."""
    return corpus.with_name(f"{corpus.stem}.measured.npz")


def load_voice_pieces(corpus: Path) -> list[VoicePiece]:
    """The pieces of a corpus file as plan and voices, measured now or, of the same file, before."""
    pieces = load_pieces(corpus)
    path, sha256 = measured_beside(corpus), file_sha256(corpus)
    data = _read(path)
    if str(data.get("corpus_sha256")) != sha256:
        print(f"Measuring {len(pieces)} pieces, once; kept in {path}.", flush=True)
        save_voice_pieces([encode_voice_piece(piece) for piece in pieces], path, sha256)
        data = _read(path)  # as it will be read the next time, in halves of float32
    assert data["tokens"].shape[1] == NUM_TOKENS and data["plan"].shape[1] == NUM_FIELDS
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
                data["plays"][half],
                data["plan"][half],
                data["form"][bar],
                data["likeness"][bar].astype(np.float32),
            )
        )
        beat = end
    assert beat == len(data["tokens"])
    return found
