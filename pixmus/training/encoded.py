"""`EncodedPiece`: a piece as the network sees it, and what can be measured of it.

Its piano-roll, the statistics of its beats and the strengths of its onsets are worked out once; hit
points, curve tables and the conditions that a window's own notes would have been asked for follow
from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pixmus.compose.conditions import BeatConditions
from pixmus.curves import CURVES, Curve
from pixmus.ensembles import PARTS, STYLES, Part
from pixmus.score.curves import CurveTables, beat_statistics, measure_bars
from pixmus.score.grid import BEATS_PER_BAR, STEPS_PER_BEAT
from pixmus.score.notes import PART_LAYOUTS
from pixmus.training.corpus import Piece

DRUMS = PARTS.index(Part.DRUMS)


class MeasuredPiece(Protocol):
    """What `measured_conditions` asks of a piece, however its notes are written."""

    piece: Piece
    statistics: np.ndarray  # float32 (beats, parts, NUM_STATISTICS)

    @property
    def num_bars(self) -> int: ...


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


def fit_tables(pieces: Sequence[MeasuredPiece], entries: int = 201) -> CurveTables:
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
    encoded: MeasuredPiece,
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
    statistics = take_bars(encoded.statistics, start, num_bars)[beats][:, list(pitched)].sum(1)
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


def take_bars(array: np.ndarray, start_bar: int, num_bars: int, per_beat: int = 1) -> np.ndarray:
    """Bars of an array over beats or steps, zeros past the end."""
    scale = BEATS_PER_BAR * per_beat
    part = array[start_bar * scale : (start_bar + num_bars) * scale]
    missing = num_bars * scale - len(part)
    if missing:
        part = np.concatenate([part, np.zeros((missing, *array.shape[1:]), array.dtype)])
    return part
