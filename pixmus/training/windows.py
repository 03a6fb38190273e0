"""Training windows: slices of pieces with their conditions, part states and theme.

A window is some bars of one piece with a set of parts (an ensemble's, or what the piece has). Its
curves and hit points are measured on those parts alone, so that conditions and notes agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pixmus.conditioning import (
    GIVEN,
    OFF,
    THEME_BEATS,
    THEME_POSITION,
    TO_MAKE,
    BeatConditions,
    CurveTables,
    beat_statistics,
    measure_bars,
    theme_conditions,
    without_mood,
    without_mood_and_timing,
)
from pixmus.cues import CURVES, ENSEMBLES, PARTS, STYLES
from pixmus.score import PART_LAYOUTS, STEPS_PER_BEAT
from pixmus.training.corpus import Piece

BEATS_PER_BAR = 4
DRUMS = PARTS.index("drums")


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
            values[~np.isnan(values) & (values > 0 if name == "density" else True)], grid
        )
        for name, values in raw.items()
    }
    first = CurveTables(tables)
    sounding = raw["voices"] > 0
    with_velocity = sounding & ~np.isnan(raw["velocity"])
    mixed = first.curves(raw)
    alone = first.curves(raw, has_velocity=False)
    tables |= {
        "energy": np.quantile(mixed["energy"][with_velocity], grid),
        "voices_alone": np.quantile(alone["energy"][sounding], grid),
        "valence": np.quantile(mixed["valence"][sounding], grid),
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
    statistics = _slice(encoded.statistics, start, num_bars)[beats][:, list(pitched)].sum(1)
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


@dataclass
class Batch:
    """Arrays of one training batch; `cells` are clean."""

    cells: Tensor  # uint8 (batch, tokens, NUM_CELLS)
    conditions: Tensor  # float32 (batch, tokens, NUM_CONDITIONS)
    states: Tensor  # int64 (batch, tokens, parts)
    has_velocity: Tensor  # bool (batch,)
    positions: Tensor  # (tokens,)
    is_theme: Tensor  # bool (tokens,)


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

    def batch(self, rng: np.random.Generator, size: int, num_bars: int, theme: bool) -> Batch:
        """`size` windows of `num_bars` bars, with a theme before each or none."""
        chosen = rng.choice(len(self.pieces), size, p=self.shares)
        windows = [self._window(rng, self.pieces[i], num_bars, theme) for i in chosen]
        cells, conditions, states, velocity = zip(*windows, strict=True)
        positions = np.arange(num_bars * BEATS_PER_BAR)
        is_theme = np.zeros(len(positions), bool)
        if theme:
            positions = np.concatenate([THEME_POSITION + np.arange(THEME_BEATS), positions])
            is_theme = np.concatenate([np.ones(THEME_BEATS, bool), is_theme])
        return Batch(
            torch.from_numpy(np.stack(cells)),
            torch.from_numpy(np.stack(conditions)),
            torch.from_numpy(np.stack(states)),
            torch.tensor(velocity),
            torch.from_numpy(positions),
            torch.from_numpy(is_theme),
        )

    def _window(
        self, rng: np.random.Generator, encoded: EncodedPiece, num_bars: int, theme: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, bool]:
        piece = encoded.piece
        start = _window_start(rng, encoded.num_bars, num_bars)
        beats, short_bar = _beats(rng, num_bars)
        cells = _slice(encoded.cells, start, num_bars + 1)[beats]
        present = set(encoded.present)
        theme_bars = THEME_BEATS // BEATS_PER_BAR
        theme_cells = None
        if theme:
            theme_start = _theme_start(rng, start, encoded.num_bars)
            theme_cells = _slice(encoded.cells, theme_start, theme_bars)
        if DRUMS not in present and self.grooves and rng.random() < 0.35:
            layout = PART_LAYOUTS["drums"].cells
            drums = self._groove(rng, piece.tempo_bpm, start, num_bars + 1 + theme_bars)
            cells[:, layout] = drums[beats]
            if theme_cells is not None:  # of the same performance, from bars after the window's
                theme_cells = theme_cells.copy()
                theme_cells[:, layout] = drums[-THEME_BEATS:]
            present.add(DRUMS)
        parts = _choose_parts(rng, present)

        tempo = piece.tempo_bpm * float(np.exp(rng.normal(0, 0.05)))
        pitched = [part for part in parts if part != DRUMS]
        hits = _slice(
            hit_points_of(encoded.strengths[:, pitched]), start, num_bars + 1, STEPS_PER_BEAT
        )
        hits = _thin(rng, hits.reshape(-1, STEPS_PER_BEAT)[beats].ravel())
        conditions = measured_conditions(
            self.tables, encoded, pitched, start, beats, tempo, hits, short_bar
        )
        drop = rng.random()  # nested: mood 10 %, mood and timing 10 %
        if drop < 0.1:
            conditions = without_mood_and_timing(conditions)
        elif drop < 0.2:
            conditions = without_mood(conditions)

        states = _draw_states(rng, parts, len(beats))
        if theme_cells is not None:
            cells = np.concatenate([theme_cells, cells])
            conditions = np.concatenate([theme_conditions(conditions, THEME_BEATS), conditions])
            given = np.full((THEME_BEATS, len(PARTS)), OFF)
            given[:, parts] = GIVEN
            states = np.concatenate([given, states])
        return cells, conditions, states.astype(np.int64), piece.has_velocity

    def _groove(
        self, rng: np.random.Generator, tempo_bpm: float, start: int, num_bars: int
    ) -> np.ndarray:
        """Drum cells of a performance near the tempo, fills at phrase ends half of the time."""
        picks = rng.integers(len(self.grooves), size=12)
        distance = [
            min(
                abs(np.log2(self.grooves[i].piece.tempo_bpm / tempo_bpm) + octave)
                for octave in (0, 1, -1)
            )
            for i in picks
        ]
        groove = self.grooves[picks[int(np.argmin(distance))]]
        layout = PART_LAYOUTS["drums"].cells
        first = int(rng.integers(max(1, groove.num_bars - num_bars)))
        bars = first + np.arange(num_bars)
        bars = np.where(bars < groove.num_bars, bars, bars % groove.num_bars)
        beats = (bars[:, None] * BEATS_PER_BAR + np.arange(BEATS_PER_BAR)).ravel()
        cells = groove.cells[beats, layout].copy()
        if self.fills and rng.random() < 0.5:
            fill = self.fills[int(rng.integers(len(self.fills)))].cells[:BEATS_PER_BAR, layout]
            for bar in range(num_bars):
                if (start + bar) % 8 == 7 and len(fill) == BEATS_PER_BAR:
                    cells[bar * BEATS_PER_BAR : (bar + 1) * BEATS_PER_BAR] = fill
        return cells


def _slice(array: np.ndarray, start_bar: int, num_bars: int, per_beat: int = 1) -> np.ndarray:
    """Bars of an array over beats or steps, zeros past the end."""
    scale = BEATS_PER_BAR * per_beat
    part = array[start_bar * scale : (start_bar + num_bars) * scale]
    missing = num_bars * scale - len(part)
    if missing:
        part = np.concatenate([part, np.zeros((missing, *array.shape[1:]), array.dtype)])
    return part


def _beats(rng: np.random.Generator, num_bars: int) -> tuple[np.ndarray, int]:
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


def _window_start(rng: np.random.Generator, piece_bars: int, num_bars: int) -> int:
    """First bar of a window; beginnings and ends are drawn more often than their share."""
    last = max(0, piece_bars - num_bars)
    draw = rng.random()
    if draw < 0.12:
        return 0
    if draw < 0.24:
        return last
    return int(rng.integers(last + 1))


def _theme_start(rng: np.random.Generator, window_start: int, piece_bars: int) -> int:
    """First bar of the theme: somewhere before the window, or anywhere when there is no room."""
    length = THEME_BEATS // BEATS_PER_BAR
    last = window_start - length
    if last < 0:
        last = max(0, piece_bars - length)
    return (
        int(rng.integers(last + 1)) // 4 * 4 if rng.random() < 0.7 else int(rng.integers(last + 1))
    )


def _choose_parts(rng: np.random.Generator, present: set[int]) -> list[int]:
    """An ensemble that the piece can play, all that it has, or a random half."""
    draw = rng.random()
    if draw < 0.5:
        fitting = [
            parts
            for parts in ({PARTS.index(p) for p in names} for names in ENSEMBLES.values())
            if parts <= present
        ]
        if fitting:
            return sorted(fitting[int(rng.integers(len(fitting)))])
    if draw < 0.85 or len(present) < 3:
        return sorted(present)
    kept = [part for part in present if rng.random() < 0.6]
    pitched = [part for part in kept if part != DRUMS]
    return sorted(kept) if pitched else sorted(present)


def _thin(rng: np.random.Generator, hits: np.ndarray) -> np.ndarray:
    """Hits randomly thinned, one in ten moved by a step."""
    keep = hits * (rng.random(len(hits)) < rng.uniform(0.2, 1.0))
    thinned = np.zeros_like(keep)
    for step in np.flatnonzero(keep):
        moved = step + (int(rng.integers(-1, 2)) if rng.random() < 0.1 else 0)
        thinned[np.clip(moved, 0, len(hits) - 1)] = keep[step]
    return thinned


def _draw_states(rng: np.random.Generator, parts: Sequence[int], num_beats: int) -> np.ndarray:
    """Part states (beats, parts): everything to make, continuation, some bars, or some parts."""
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
        states[first * BEATS_PER_BAR : (first + length) * BEATS_PER_BAR, list(parts)] = TO_MAKE
    elif len(parts) > 1:  # parts written to given ones
        given = [part for part in parts if rng.random() < 0.5]
        if len(given) < len(parts):
            states[:, given] = GIVEN
    if draw < 0.7 and rng.random() < 0.3:  # the last beats are known: an ending to lead to
        known = int(rng.integers(1, 5))
        states[-known:, list(parts)] = GIVEN
    return states
