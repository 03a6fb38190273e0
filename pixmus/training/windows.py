"""Training windows: slices of pieces with their conditions, part states and echoes.

A window is some bars of one piece with a set of parts (an ensemble's, or what the piece has). Its
curves, textures and hit points are measured on those parts alone, so that conditions and notes
agree. Its phrases may be told bars of the piece that they resemble, and how much they do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from pixmus.compose.conditions import (
    ECHO_COLUMN,
    GIVEN,
    OFF,
    TO_MAKE,
    BeatConditions,
    CurveTables,
    add_textures,
    beat_statistics,
    measure_bars,
    without_mood,
    without_mood_and_timing,
)
from pixmus.compose.texture import (
    BEATS_PER_BAR,
    DRUMS,
    STEPS_PER_BAR,
    TEXTURE_BARS,
    measure_texture,
)
from pixmus.curves import CURVES, Curve
from pixmus.ensembles import ENSEMBLES, PARTS, STYLES, Part
from pixmus.score.notes import NUM_CELLS, PART_LAYOUTS, STEPS_PER_BEAT
from pixmus.training.corpus import Piece

PHRASE_BARS = 4
PHRASE_BEATS = PHRASE_BARS * BEATS_PER_BAR
# How often a window's textures are told, and of those told each part's; how often a window has
# echoes, a phrase of it one, and the echo is of bars that are like it least.
TEXTURE_SHARE, TEXTURE_PART_SHARE = 0.85, 0.9
ECHO_SHARE, ECHO_PHRASE_SHARE, ECHO_AT_RANDOM = 0.5, 0.75, 0.25
# Of so many grooves drawn, those nearest in tempo from which the one that goes with the bass and
# chords best is taken.
GROOVES_DRAWN, GROOVES_HEARD = 24, 6


@dataclass
class EncodedPiece:
    """A piece with its piano-roll and what can be measured once."""

    piece: Piece
    cells: np.ndarray  # uint8 (beats, NUM_CELLS)
    statistics: np.ndarray  # float32 (beats, parts, NUM_STATISTICS)
    strengths: np.ndarray  # float32 (steps, parts): velocity-weighted onsets
    present: tuple[int, ...]  # parts that play

    @property
    def num_bars(self) -> int:
        return len(self.cells) // BEATS_PER_BAR

    @cached_property
    def most_alike(self) -> np.ndarray:
        """For each bar, the first bar of the four that four bars from it on resemble most, int.

        By onsets of all pitched parts, at least four bars apart; -1 where there are none.
        """
        onsets = np.concatenate(
            [
                self.cells[:, PART_LAYOUTS[PARTS[part]].onsets]
                for part in self.present
                if part != DRUMS
            ],
            axis=1,
        )
        bars = onsets[: self.num_bars * BEATS_PER_BAR].reshape(self.num_bars, -1)
        bars = bars.astype(np.float32)
        num = self.num_bars - PHRASE_BARS + 1
        alike = np.full(self.num_bars, -1)
        if num <= PHRASE_BARS:
            return alike
        same = bars @ bars.T
        phrases = sum(same[i : i + num, i : i + num] for i in range(PHRASE_BARS))
        counts = np.diag(phrases)
        f1 = 2 * phrases / np.maximum(counts[:, None] + counts[None], 1)
        apart = np.abs(np.subtract.outer(np.arange(num), np.arange(num))) >= PHRASE_BARS
        f1 = np.where(apart, f1, -1)
        alike[:num] = np.where(f1.max(1) > 0, f1.argmax(1), -1)
        return alike

    @cached_property
    def drum_pattern(self) -> np.ndarray:
        """Share of bars in which the drums are struck on each step of the bar, (16,)."""
        return measure_texture(self.cells[: self.num_bars * BEATS_PER_BAR], [DRUMS])[
            DRUMS, :STEPS_PER_BAR
        ]


def encode_piece(piece: Piece) -> EncodedPiece:
    """Encode a piece; hit strength per step and part is velocity x number of onsets."""
    cells = piece.cells()
    strengths = np.zeros((len(cells) * STEPS_PER_BEAT, len(PARTS)), np.float32)
    for index, part in enumerate(PARTS):
        layout = PART_LAYOUTS[part]
        onsets = cells[:, layout.onsets].reshape(len(strengths), layout.num_pitches).sum(1)
        velocity = cells[:, layout.velocities].reshape(-1)
        strengths[:, index] = onsets * np.where(velocity > 0, velocity, 72)
    present = tuple(i for i in range(len(PARTS)) if strengths[:, i].any())
    return EncodedPiece(piece, cells, beat_statistics(cells), strengths, present)


def hit_points_of(
    strengths: np.ndarray, percentile: float = 95.0, phrase_bars: int = 4
) -> np.ndarray:
    """Hit strengths 0..1 per step (steps,) of a whole piece.

    `strengths` is (steps, parts). A hit is a step where two parts start together and velocity x
    onsets is above the percentile: 0.4 at the threshold, 1 at the strongest. A phrase start, the
    downbeat of every `phrase_bars`-th bar on which two parts start together, is at least 0.4.
    """
    together = (strengths > 0).sum(1) >= min(2, strengths.shape[1])
    total = strengths.sum(1).astype(np.float64) * together
    positive = total[total > 0]
    if not len(positive):
        return np.zeros(len(total), np.float32)
    threshold = np.percentile(positive, percentile)
    top = max(float(positive.max()), threshold + 1.0)
    hits = np.where(total >= threshold, 0.4 + 0.6 * (total - threshold) / (top - threshold), 0)
    phrases = slice(None, None, phrase_bars * BEATS_PER_BAR * STEPS_PER_BEAT)
    hits[phrases] = np.where(together[phrases], np.maximum(hits[phrases], 0.4), hits[phrases])
    return hits.astype(np.float32)


def fit_tables(pieces: Sequence[EncodedPiece], entries: int = 201) -> CurveTables:
    """Curve tables over all bars of the pieces, all pitched parts counted."""
    raws: dict[str, list[np.ndarray]] = {}
    for encoded in pieces:
        statistics = encoded.statistics.sum(1)
        starts = range(0, len(statistics), BEATS_PER_BAR)
        seconds = np.full(len(starts), BEATS_PER_BAR * 60 / encoded.piece.tempo_bpm)
        for name, values in measure_bars(statistics, starts, seconds).items():
            if name == "velocity" and not encoded.piece.has_velocity:
                values = np.full_like(values, np.nan)
            raws.setdefault(name, []).append(values)
    raw = {name: np.concatenate(values) for name, values in raws.items()}
    grid = np.linspace(0, 1, entries)
    tables = {
        name: np.quantile(
            values[~np.isnan(values) & (values > 0 if name == Curve.DENSITY else True)], grid
        )
        for name, values in raw.items()
    }
    first = CurveTables(tables)
    sounding = raw["voices"] > 0
    with_velocity = sounding & ~np.isnan(raw["velocity"])
    mixed = first.curves(raw)
    alone = first.curves(raw, has_velocity=False)
    tables |= {
        Curve.ENERGY: np.quantile(mixed[Curve.ENERGY][with_velocity], grid),
        "voices_alone": np.quantile(alone[Curve.ENERGY][sounding], grid),
        Curve.VALENCE: np.quantile(mixed[Curve.VALENCE][sounding], grid),
    }
    return CurveTables(tables)


def measured_conditions(
    tables: CurveTables,
    encoded: EncodedPiece,
    pitched: Sequence[int],
    start: int,
    beats: np.ndarray,
    tempo_bpm: float,
    hits: np.ndarray,
    short_bar: int = -1,
) -> np.ndarray:
    """What a window's own notes would have been asked for, float32 (beats, NUM_CONDITIONS).

    `pitched` are the parts that count, `start` is the window's first bar in the piece, `beats`
    counts from there, `hits` (steps,) are strengths; `short_bar` is cut to 2/4 (-1: none).
    """
    num_bars = int(beats[-1]) // BEATS_PER_BAR + 1
    statistics = slice_bars(encoded.statistics, start, num_bars)[beats][:, list(pitched)].sum(1)
    bars = beats // BEATS_PER_BAR
    bar_starts = np.flatnonzero(np.diff(bars, prepend=-1))
    seconds = np.diff(np.append(bar_starts, len(beats))) * 60 / tempo_bpm
    raw = measure_bars(statistics, bar_starts, seconds)
    curves = tables.curves(raw, encoded.piece.has_velocity)
    rows = np.cumsum(np.diff(bars, prepend=-1) > 0) - 1
    return BeatConditions(
        curves=np.stack([curves[name] for name in CURVES], 1)[rows],
        hits=hits,
        tempo_bpm=np.full(len(beats), tempo_bpm),
        beat_in_bar=beats % BEATS_PER_BAR,
        bar_length=np.where(bars == short_bar, BEATS_PER_BAR // 2, BEATS_PER_BAR),
        bars_since_start=start + bars,
        bars_to_end=np.maximum(encoded.num_bars - 1 - start - bars, 0),
        minor=encoded.piece.minor,
        style=STYLES.index(encoded.piece.style),
    ).array


def likeness(cells: np.ndarray, other: np.ndarray, parts: Sequence[int]) -> float:
    """F1 of the parts' onsets, 0..1; 0 where neither has one. Cells are (beats, NUM_CELLS)."""
    same = total = 0
    for part in parts:
        onsets = PART_LAYOUTS[PARTS[part]].onsets
        same += int((cells[:, onsets] & other[:, onsets]).sum())
        total += int(cells[:, onsets].sum()) + int(other[:, onsets].sum())
    return 2 * same / total if total else 0.0


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
        cells = slice_bars(encoded.cells, start, num_bars + 1)
        present = set(encoded.present)
        if DRUMS not in present and self.grooves and rng.random() < 0.35:
            cells = cells.copy()
            cells[:, PART_LAYOUTS[Part.DRUMS].cells] = self._groove(rng, piece, cells, start)
            present.add(DRUMS)
        parts = choose_parts(rng, present)

        tempo = piece.tempo_bpm * float(np.exp(rng.normal(0, 0.05)))
        pitched = [part for part in parts if part != DRUMS]
        hits = slice_bars(
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
                heard = slice_bars(encoded.cells, source, PHRASE_BARS)[: len(cells[rows])].copy()
                drums = PART_LAYOUTS[Part.DRUMS].cells
                if DRUMS in parts and DRUMS not in encoded.present:
                    heard[:, drums] = cells[rows, drums]
                echo[rows] = heard
                amount[rows] = max(likeness(cells[rows], heard, pitched), 0.02)
        conditions[:, ECHO_COLUMN] = amount[beats]
        return echo[beats]

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
        drums = groove.cells[beats, layout].copy()
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


def slice_bars(array: np.ndarray, start_bar: int, num_bars: int, per_beat: int = 1) -> np.ndarray:
    """Bars of an array over beats or steps, zeros past the end."""
    scale = BEATS_PER_BAR * per_beat
    part = array[start_bar * scale : (start_bar + num_bars) * scale]
    missing = num_bars * scale - len(part)
    if missing:
        part = np.concatenate([part, np.zeros((missing, *array.shape[1:]), array.dtype)])
    return part


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
                for names in (ensemble.parts for ensemble in ENSEMBLES.values())
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
