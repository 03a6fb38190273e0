"""Training windows: slices of pieces with their conditions, part states and echoes.

A window is some bars of one piece with a set of parts (an ensemble's, or what the piece has). Its
curves, textures and hit points are measured on those parts alone, so that conditions and notes
agree. Its phrases may be told bars of the piece that they resemble, and how much they do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pixmus.compose.cells import GIVEN, OFF, TO_MAKE
from pixmus.compose.conditions import (
    ECHO_COLUMN,
    add_textures,
    without_mood,
    without_mood_and_timing,
)
from pixmus.compose.texture import DRUMS, TEXTURE_BARS, measure_texture
from pixmus.ensembles import ENSEMBLES, PARTS, Part
from pixmus.score.curves import CurveTables
from pixmus.score.grid import BEATS_PER_BAR, STEPS_PER_BAR, STEPS_PER_BEAT
from pixmus.score.notes import NUM_CELLS, PART_LAYOUTS
from pixmus.training.corpus import Piece
from pixmus.training.encoded import (
    PHRASE_BARS,
    EncodedPiece,
    hit_points_of,
    likeness,
    measured_conditions,
    take_bars,
)

# How often a window's textures are told, and of those told each part's; how often a window has
# echoes, a phrase of it one, and the echo is of bars that are like it least.
TEXTURE_SHARE, TEXTURE_PART_SHARE = 0.85, 0.9
ECHO_SHARE, ECHO_PHRASE_SHARE, ECHO_AT_RANDOM = 0.5, 0.75, 0.25
# Of so many grooves drawn, those nearest in tempo from which the one that goes with the bass and
# chords best is taken.
GROOVES_DRAWN, GROOVES_HEARD = 24, 6


@dataclass
class Batch:
    """Arrays of one training batch; `cells` and `echo` are clean."""

    cells: Tensor  # uint8 (batch, tokens, NUM_CELLS)
    conditions: Tensor  # float32 (batch, tokens, NUM_CONDITIONS)
    states: Tensor  # int64 (batch, tokens, parts)
    echo: Tensor  # uint8 (batch, tokens, NUM_CELLS): counts where the echo column is above 0
    has_velocity: Tensor  # bool (batch,)
    positions: Tensor  # (tokens,)


class WindowSampler:
    """Draws training batches from encoded pieces."""

    def __init__(
        self, pieces: Sequence[EncodedPiece], tables: CurveTables, corpus_weights: dict[str, float]
    ) -> None:
        self.tables = tables
        self.pieces = [encoded for encoded in pieces if encoded.piece.corpus != "groove"]
        grooves = [encoded for encoded in pieces if encoded.piece.corpus == "groove"]
        self.fills = [g for g in grooves if "_fill_" in g.piece.name]
        self.grooves = [g for g in grooves if "_beat_" in g.piece.name and g.num_bars >= 8]
        totals: dict[str, float] = {}
        for encoded in self.pieces:
            corpus = encoded.piece.corpus
            totals[corpus] = totals.get(corpus, 0) + len(encoded.cells)
        shares = np.array(
            [
                corpus_weights[encoded.piece.corpus]
                * len(encoded.cells)
                / totals[encoded.piece.corpus]
                for encoded in self.pieces
            ]
        )
        self.shares = shares / shares.sum()

    def batch(self, rng: np.random.Generator, size: int, num_bars: int) -> Batch:
        """`size` windows of `num_bars` bars."""
        chosen = rng.choice(len(self.pieces), size, p=self.shares)
        windows = [self._window(rng, self.pieces[i], num_bars) for i in chosen]
        cells, conditions, states, echoes, velocity = zip(*windows, strict=True)
        return Batch(
            torch.from_numpy(np.stack(cells)),
            torch.from_numpy(np.stack(conditions)),
            torch.from_numpy(np.stack(states)),
            torch.from_numpy(np.stack(echoes)),
            torch.tensor(velocity),
            torch.arange(num_bars * BEATS_PER_BAR),
        )

    def _window(
        self, rng: np.random.Generator, encoded: EncodedPiece, num_bars: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, bool]:
        piece = encoded.piece
        start = window_start(rng, encoded.num_bars, num_bars)
        beats, short_bar = window_beats(rng, num_bars)
        cells = take_bars(encoded.cells, start, num_bars + 1)
        present = set(encoded.present)
        if DRUMS not in present and self.grooves and rng.random() < 0.35:
            cells = cells.copy()
            cells[:, PART_LAYOUTS[Part.DRUMS].cells] = self._groove(rng, piece, cells, start)
            present.add(DRUMS)
        parts = choose_parts(rng, present)

        tempo = piece.tempo_bpm * float(np.exp(rng.normal(0, 0.05)))
        pitched = [part for part in parts if part != DRUMS]
        hits = take_bars(
            hit_points_of(encoded.strengths[:, pitched]), start, num_bars + 1, STEPS_PER_BEAT
        )
        hits = thin_hits(rng, hits.reshape(-1, STEPS_PER_BEAT)[beats].ravel())
        conditions = measured_conditions(
            self.tables, encoded, pitched, start, beats, tempo, hits, short_bar
        )
        drop = rng.random()  # nested: mood 10 %, mood and timing 10 %
        if drop < 0.1:
            conditions = without_mood_and_timing(conditions)
        elif drop < 0.2:
            conditions = without_mood(conditions)
        if rng.random() < TEXTURE_SHARE:
            told = [part for part in parts if rng.random() < TEXTURE_PART_SHARE]
            blocks = np.minimum(beats // (TEXTURE_BARS * BEATS_PER_BAR), _last_block(num_bars))
            conditions = add_textures(
                conditions, _textures(cells, told, num_bars), blocks, beats % BEATS_PER_BAR
            )
        echo = self._echo(rng, encoded, parts, start, cells, beats, conditions)
        states = _draw_states(rng, parts, len(beats))
        return cells[beats], conditions, states.astype(np.int64), echo, piece.has_velocity

    def _echo(
        self,
        rng: np.random.Generator,
        encoded: EncodedPiece,
        parts: Sequence[int],
        start: int,
        cells: np.ndarray,
        beats: np.ndarray,
        conditions: np.ndarray,
    ) -> np.ndarray:
        """Cells of bars that the window's phrases resemble; how much goes into the conditions.

        `cells` (bars + 1, in beats) are the window's before `beats` were chosen of them. Drums
        that the piece lacks are echoed as the window's own bars at the source, where it has them.
        """
        echo = np.zeros((len(cells), NUM_CELLS), np.uint8)
        amount = np.zeros(len(cells), np.float32)
        if rng.random() < ECHO_SHARE:
            pitched = [part for part in parts if part != DRUMS]
            for first in range(0, len(cells) // BEATS_PER_BAR - 1, PHRASE_BARS):
                bar = start + first
                if rng.random() >= ECHO_PHRASE_SHARE or bar + PHRASE_BARS > encoded.num_bars:
                    continue
                source = int(encoded.most_alike[bar])
                if rng.random() < ECHO_AT_RANDOM:
                    source = int(rng.integers(encoded.num_bars - PHRASE_BARS + 1))
                    if abs(source - bar) < PHRASE_BARS:
                        source = -1
                if source < 0:
                    continue
                rows = slice(first * BEATS_PER_BAR, (first + PHRASE_BARS) * BEATS_PER_BAR)
                heard = take_bars(encoded.cells, source, PHRASE_BARS)[: len(cells[rows])].copy()
                drums = PART_LAYOUTS[Part.DRUMS].cells
                if DRUMS in parts and DRUMS not in encoded.present:
                    heard[:, drums] = cells[rows, drums]
                echo[rows] = heard
                amount[rows] = max(likeness(cells[rows], heard, pitched), 0.02)
        conditions[:, ECHO_COLUMN] = amount[beats]
        echoed: np.ndarray = echo[beats]
        return echoed

    def _groove(
        self, rng: np.random.Generator, piece: Piece, cells: np.ndarray, start: int
    ) -> np.ndarray:
        """Drum cells for a window's bars: of a performance near the tempo, struck with the rest.

        Of a few near in tempo the one whose strokes fall most where bass, harmony and pad start
        notes; fills at phrase ends half of the time.
        """
        num_bars = len(cells) // BEATS_PER_BAR
        picks = rng.integers(len(self.grooves), size=GROOVES_DRAWN)
        distance = [
            min(
                abs(np.log2(self.grooves[i].piece.tempo_bpm / piece.tempo_bpm) + octave)
                for octave in (0, 1, -1)
            )
            for i in picks
        ]
        near = [self.grooves[picks[i]] for i in np.argsort(distance)[:GROOVES_HEARD]]
        low = [PARTS.index(part) for part in (Part.BASS, Part.HARMONY, Part.PAD)]
        pattern = measure_texture(cells, low)[low, :STEPS_PER_BAR].mean(0)
        groove = max(near, key=lambda g: agreement(g.drum_pattern, pattern))
        layout = PART_LAYOUTS[Part.DRUMS].cells
        first = int(rng.integers(max(1, groove.num_bars - num_bars)))
        bars = first + np.arange(num_bars)
        bars = np.where(bars < groove.num_bars, bars, bars % groove.num_bars)
        beats = (bars[:, None] * BEATS_PER_BAR + np.arange(BEATS_PER_BAR)).ravel()
        drums: np.ndarray = groove.cells[beats, layout].copy()
        if self.fills and rng.random() < 0.5:
            fill = self.fills[int(rng.integers(len(self.fills)))].cells[:BEATS_PER_BAR, layout]
            for bar in range(num_bars):
                if (start + bar) % 8 == 7 and len(fill) == BEATS_PER_BAR:
                    drums[bar * BEATS_PER_BAR : (bar + 1) * BEATS_PER_BAR] = fill
        return drums


def agreement(pattern: np.ndarray, other: np.ndarray) -> float:
    """Correlation of two patterns; 0 where one of them is even."""
    a, b = pattern - pattern.mean(), other - other.mean()
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-9))


def _last_block(num_bars: int) -> int:
    """The last block of bars that is long enough to have a texture of its own."""
    return max(0, (num_bars - PHRASE_BARS) // TEXTURE_BARS)


def _textures(cells: np.ndarray, parts: Sequence[int], num_bars: int) -> np.ndarray:
    """Textures of a window's blocks, (blocks, parts, values); the last one takes the rest."""
    edges = [block * TEXTURE_BARS for block in range(_last_block(num_bars) + 1)] + [num_bars]
    return np.stack(
        [
            measure_texture(cells[first * BEATS_PER_BAR : end * BEATS_PER_BAR], parts)
            for first, end in zip(edges[:-1], edges[1:], strict=True)
        ]
    )


def window_beats(rng: np.random.Generator, num_bars: int) -> tuple[np.ndarray, int]:
    """Which beats of `num_bars` + 1 bars make the window, and the bar cut to 2/4 (-1: none).

    One window in eight has a 2/4 bar, so that composing can use one before a hit point.
    """
    beats = np.arange((num_bars + 1) * BEATS_PER_BAR)
    short_bar = -1
    if rng.random() < 0.125:
        short_bar = int(rng.integers(num_bars))
        half = short_bar * BEATS_PER_BAR + BEATS_PER_BAR // 2
        beats = np.delete(beats, [half, half + 1])
    return beats[: num_bars * BEATS_PER_BAR], short_bar


def window_start(rng: np.random.Generator, piece_bars: int, num_bars: int) -> int:
    """First bar of a window; beginnings and ends are drawn more often than their share."""
    last = max(0, piece_bars - num_bars)
    draw = rng.random()
    if draw < 0.12:
        return 0
    if draw < 0.24:
        return last
    return int(rng.integers(last + 1))


def choose_parts(rng: np.random.Generator, present: set[int]) -> list[int]:
    """An ensemble that the piece can play, all that it has, or a random half."""
    draw = rng.random()
    if draw < 0.5:
        fitting = [
            parts
            for parts in (
                {PARTS.index(p) for p in names}
                for names in dict.fromkeys(ensemble.parts for ensemble in ENSEMBLES.values())
            )
            if parts <= present
        ]
        if fitting:
            return sorted(fitting[int(rng.integers(len(fitting)))])
    if draw < 0.85 or len(present) < 3:
        return sorted(present)
    kept = [part for part in present if rng.random() < 0.6]
    pitched = [part for part in kept if part != DRUMS]
    return sorted(kept) if pitched else sorted(present)


def thin_hits(rng: np.random.Generator, hits: np.ndarray) -> np.ndarray:
    """Hits randomly thinned, one in ten moved by a step."""
    keep = hits * (rng.random(len(hits)) < rng.uniform(0.2, 1.0))
    thinned = np.zeros_like(keep)
    for step in np.flatnonzero(keep):
        moved = step + (int(rng.integers(-1, 2)) if rng.random() < 0.1 else 0)
        thinned[np.clip(moved, 0, len(hits) - 1)] = keep[step]
    return thinned


def _draw_states(rng: np.random.Generator, parts: Sequence[int], num_beats: int) -> np.ndarray:
    """Part states (beats, parts): everything to make, continuation, some bars, or some parts.

    Of bars between given ones either all parts are made, or some of them.
    """
    states = np.full((num_beats, len(PARTS)), OFF)
    states[:, list(parts)] = TO_MAKE
    draw = rng.random()
    if draw < 0.3:
        pass
    elif draw < 0.7:  # continuation, sometimes towards a given ending
        known = int(rng.integers(1, num_beats // BEATS_PER_BAR)) * BEATS_PER_BAR
        states[:known, list(parts)] = GIVEN
    elif draw < 0.8:  # bars redone between given ones
        first = int(rng.integers(0, num_beats // BEATS_PER_BAR))
        length = int(rng.integers(1, num_beats // BEATS_PER_BAR - first + 1))
        states[:, list(parts)] = GIVEN
        redone = [part for part in parts if rng.random() < 0.5]
        if not redone or rng.random() < 0.6:
            redone = list(parts)
        states[first * BEATS_PER_BAR : (first + length) * BEATS_PER_BAR, redone] = TO_MAKE
    elif len(parts) > 1:  # parts written to given ones
        given = [part for part in parts if rng.random() < 0.5]
        if len(given) < len(parts):
            states[:, given] = GIVEN
    if draw < 0.7 and rng.random() < 0.3:  # the last beats are known: an ending to lead to
        known = int(rng.integers(1, 5))
        states[-known:, list(parts)] = GIVEN
    return states
