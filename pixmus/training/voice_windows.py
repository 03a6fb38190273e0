"""Training windows of voices: slices of pieces, their conditions, and what is masked of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pixmus.compose.conditions import without_mood, without_mood_and_timing
from pixmus.compose.voice_conditions import (
    NUM_LIKENESS,
    add_plan,
    form_columns,
    without_wishes,
)
from pixmus.ensembles import ENSEMBLES, PARTS, Part
from pixmus.model.voice_network import KNOWN, MASKED, SILENT
from pixmus.score.curves import CurveTables
from pixmus.score.grid import BEATS_PER_BAR, STEPS_PER_BEAT
from pixmus.score.voices import UNIT_LAYOUTS
from pixmus.training.encoded import DRUMS, hit_points_of, measured_conditions, take_bars
from pixmus.training.voice_corpus import DYNAMIC, LENGTH, PLACE, RETURN, VoicePiece

WINDOW_BARS = ((8, 0.35), (12, 0.35), (16, 0.2), (20, 0.1))
BEATS_PER_BATCH = 1024
BLOCK_BARS = (2, 3, 4)
FUTURE_BARS = 4  # at most so many bars after a block are shown the plan of
# How often a window's plan is told whole, in part, or not; its likeness; which parts sound.
PLAN_WHOLE, PLAN_PARTLY = 0.75, 0.12
LIKENESS_TOLD, PLAYS_TOLD, FORM_TOLD, ECHO_TOLD = 0.7, 0.7, 0.75, 0.75
PARTS_GIVEN = 0.5
# Of so many grooves drawn, those nearest in tempo from which the one that goes with the bass and
# chords best is taken.
GROOVES_DRAWN, GROOVES_HEARD = 24, 6


@dataclass
class VoiceBatch:
    """Arrays of one training batch; `tokens` are clean."""

    tokens: Tensor  # int64 (B, T, NUM_TOKENS)
    echo: Tensor  # int64 (B, T, NUM_TOKENS): the bars that the phrases return to
    echoed: Tensor  # bool (B, T): whether there is such a bar
    states: Tensor  # int64 (B, T, P)
    targets: Tensor  # bool (B, T, P): masked units that count
    conditions: Tensor  # float32 (B, T, NUM_VOICE_CONDITIONS)
    has_velocity: Tensor  # bool (B,)
    positions: Tensor  # (T,)

    @property
    def num_beats(self) -> int:
        return self.tokens.shape[0] * self.tokens.shape[1]


class VoiceSampler:
    """Draws training batches."""

    def __init__(
        self, pieces: Sequence[VoicePiece], tables: CurveTables, shares: dict[str, float]
    ) -> None:
        self.tables = tables
        self.pieces = [p for p in pieces if p.piece.corpus != "groove"]
        grooves = [p for p in pieces if p.piece.corpus == "groove"]
        self.fills = [g for g in grooves if "_fill_" in g.piece.name]
        self.grooves = [g for g in grooves if "_beat_" in g.piece.name and g.num_bars >= 8]
        self.patterns = [struck_share(g.strengths[:, DRUMS] > 0) for g in self.grooves]
        self.tempos = np.array([g.piece.tempo_bpm for g in self.grooves])
        totals: dict[str, float] = {}
        for piece in self.pieces:
            corpus = piece.piece.corpus
            totals[corpus] = totals.get(corpus, 0) + len(piece.tokens)
        weights = [
            shares[p.piece.corpus] * len(p.tokens) / totals[p.piece.corpus] for p in self.pieces
        ]
        self.shares = np.array(weights) / np.sum(weights)

    def batch(
        self, rng: np.random.Generator, beats: int = BEATS_PER_BATCH, num_bars: int = 0
    ) -> VoiceBatch:
        """About `beats` beats of windows of one length: `num_bars`, 0: drawn."""
        if not num_bars:
            num_bars = int(
                rng.choice([b for b, _ in WINDOW_BARS], p=[share for _, share in WINDOW_BARS])
            )
        size = max(2, beats // (num_bars * BEATS_PER_BAR))
        chosen = rng.choice(len(self.pieces), size, p=self.shares)
        windows = [self._window(rng, self.pieces[i], num_bars) for i in chosen]
        tokens, echo, echoed, states, targets, conditions, velocity = zip(*windows, strict=True)
        return VoiceBatch(
            torch.from_numpy(np.stack(tokens).astype(np.int64)),
            torch.from_numpy(np.stack(echo).astype(np.int64)),
            torch.from_numpy(np.stack(echoed)),
            torch.from_numpy(np.stack(states)),
            torch.from_numpy(np.stack(targets)),
            torch.from_numpy(np.stack(conditions)),
            torch.tensor(velocity),
            torch.arange(num_bars * BEATS_PER_BAR),
        )

    def _window(
        self, rng: np.random.Generator, piece: VoicePiece, num_bars: int
    ) -> tuple[Any, ...]:
        start = window_start(rng, piece.num_bars, num_bars)
        beats, short_bar = window_beats(rng, num_bars)
        tokens = take_bars(piece.tokens, start, num_bars + 1)
        likeness = _rows(piece.likeness, start, num_bars + 1, 0)
        plays = _rows(piece.plays, 2 * start, 2 * num_bars + 2, False)
        present = set(piece.present)
        if DRUMS not in present and self.grooves and rng.random() < 0.3:
            tokens, likeness, plays = tokens.copy(), likeness.copy(), plays.copy()
            low = [PARTS.index(part) for part in (Part.BASS, Part.HARMONY, Part.PAD)]
            struck = take_bars(piece.strengths, start, num_bars + 1, STEPS_PER_BEAT)[:, low] > 0
            drums, like = self._groove(rng, piece, struck_share(struck.mean(1)), start, num_bars)
            tokens[:, UNIT_LAYOUTS[Part.DRUMS].tokens] = drums
            likeness[:, DRUMS] = like
            plays[:, DRUMS] = True
            present.add(DRUMS)
        parts = choose_parts(rng, present)
        tempo = piece.piece.tempo_bpm * float(np.exp(rng.normal(0, 0.05)))
        pitched = [part for part in parts if part != DRUMS]
        hits = hit_points_of(piece.strengths[:, pitched])
        hits = take_bars(hits, start, num_bars + 1, STEPS_PER_BEAT)
        hits = thin_hits(rng, hits.reshape(-1, STEPS_PER_BEAT)[beats].ravel())
        base = measured_conditions(
            self.tables, piece, pitched, start, beats, tempo, hits, short_bar
        )
        bars = beats // BEATS_PER_BAR
        sources = _rows(piece.sources, start, num_bars + 1, -1)
        if rng.random() > ECHO_TOLD:
            sources = np.full_like(sources, -1)
        conditions = self._plan(rng, piece, base, parts, start, beats, likeness, plays, sources)
        echoed = sources[bars] >= 0
        echo = piece.tokens[np.where(echoed, sources[bars] * BEATS_PER_BAR + beats % 4, 0)]
        states, targets = draw_states(rng, parts, bars)
        velocity = piece.piece.has_velocity
        return tokens[beats], echo, echoed, states, targets, conditions, velocity

    def _plan(
        self,
        rng: np.random.Generator,
        piece: VoicePiece,
        base: np.ndarray,
        parts: Sequence[int],
        start: int,
        beats: np.ndarray,
        likeness: np.ndarray,
        plays: np.ndarray,
        sources: np.ndarray,
    ) -> np.ndarray:
        """All conditions of a window, some of them left out."""
        drop = rng.random()
        if drop < 0.08:
            base = without_mood_and_timing(base)
        elif drop < 0.16:
            base = without_mood(base)
        halves, bars = beats // 2, beats // BEATS_PER_BAR
        chords = _rows(piece.chords, 2 * start, int(halves[-1]) + 2, -1)
        draw = rng.random()
        if draw > PLAN_WHOLE + PLAN_PARTLY:
            chords = np.full_like(chords, -2)
        elif draw > PLAN_WHOLE:
            chords = np.where(rng.random((len(chords), 1)) < rng.random(), -2, chords)
        T, P = len(beats), len(PARTS)
        playing = np.zeros(P, bool)
        playing[list(parts)] = True
        told = playing & (rng.random() < LIKENESS_TOLD) & (rng.random(P) < 0.9)
        like = np.where(told[:, None], likeness[bars].reshape(T, P, NUM_LIKENESS), np.nan)
        like[..., NUM_LIKENESS - 2 :][sources[bars] < 0] = np.nan  # no echo, no likeness to it
        if rng.random() < 0.3:
            like[..., : NUM_LIKENESS - 2] = np.nan
        form = _rows(piece.form, start, int(bars[-1]) + 1, -1)[bars]
        if rng.random() > FORM_TOLD:
            form = np.full_like(form, -1)
        dynamics = np.where(rng.random() < 0.6, form[:, DYNAMIC], -1)
        returns = np.where(sources[bars] >= 0, form[:, RETURN], np.nan)
        conditions = add_plan(
            base,
            chords[halves],
            chords[halves + 1],
            like,
            plays[halves],
            np.broadcast_to(playing & (rng.random() < PLAYS_TOLD), (T, P)),
            form_columns(form[:, PLACE], form[:, LENGTH], dynamics, returns),
        )
        return without_wishes(conditions) if rng.random() < 0.08 else conditions

    def _groove(
        self,
        rng: np.random.Generator,
        piece: VoicePiece,
        pattern: np.ndarray,
        start: int,
        num_bars: int,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Drums for a window, tokens and likeness: of a performance near the tempo.

        Of a few near in tempo the one whose strokes fall most where bass, harmony and pad start
        notes; fills at phrase ends half of the time.
        """
        picks = rng.integers(len(self.grooves), size=GROOVES_DRAWN)
        ratio = np.log2(self.tempos[picks] / piece.piece.tempo_bpm)
        distance = np.abs(ratio[:, None] + np.array([0, 1, -1])).min(1)
        near = picks[np.argsort(distance)[:GROOVES_HEARD]]
        best = max(near, key=lambda i: agreement(self.patterns[i], pattern))
        groove = self.grooves[best]
        first = int(rng.integers(max(1, groove.num_bars - num_bars)))
        bars = (first + np.arange(num_bars + 1)) % groove.num_bars
        layout = UNIT_LAYOUTS[Part.DRUMS].tokens
        by_bar = groove.tokens[: groove.num_bars * BEATS_PER_BAR, layout]
        drums = by_bar.reshape(groove.num_bars, BEATS_PER_BAR, -1)[bars]
        if self.fills and rng.random() < 0.5:
            fill = self.fills[int(rng.integers(len(self.fills)))].tokens[:BEATS_PER_BAR, layout]
            if len(fill) == BEATS_PER_BAR:
                drums[(start + np.arange(num_bars + 1)) % 8 == 7] = fill
        like = groove.likeness[bars, DRUMS].copy()
        like[:, -1] = 0  # what the piece's phrases return to has no drums
        return drums.reshape(-1, drums.shape[-1]), like


def window_start(rng: np.random.Generator, piece_bars: int, num_bars: int) -> int:
    """First bar of a window; beginnings and ends are drawn more often than their share."""
    last = max(0, piece_bars - num_bars)
    draw = rng.random()
    if draw < 0.12:
        return 0
    if draw < 0.24:
        return last
    return int(rng.integers(last + 1))


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


def agreement(pattern: np.ndarray, other: np.ndarray) -> float:
    """Correlation of two patterns; 0 where one of them is even."""
    a, b = pattern - pattern.mean(), other - other.mean()
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-9))


def struck_share(struck: np.ndarray) -> np.ndarray:
    """Share of bars in which each of 16 steps is struck, (16,)."""
    steps = BEATS_PER_BAR * STEPS_PER_BEAT
    bars = len(struck) // steps
    mean: np.ndarray = np.asarray(struck[: bars * steps].reshape(bars, steps), float).mean(0)
    return mean


def _rows(array: np.ndarray, first: int, num: int, beyond: float) -> np.ndarray:
    """Rows of an array, `beyond` past its end."""
    part = array[first : first + num]
    missing = num - len(part)
    if missing > 0:
        part = np.concatenate([part, np.full((missing, *array.shape[1:]), beyond, array.dtype)])
    return part


def draw_states(
    rng: np.random.Generator, parts: Sequence[int], bars: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """States int64 (T, P) and which units count, bool (T, P), for a window whose beats lie in
    `bars` (T,): a block after known bars, all, bars between known ones, or some units."""
    T, num_bars = len(bars), int(bars[-1]) + 1
    states = np.full((T, len(PARTS)), SILENT, np.int64)
    states[:, list(parts)] = KNOWN
    targets = np.zeros((T, len(PARTS)), bool)
    written = list(parts)
    if len(parts) > 1 and rng.random() < PARTS_GIVEN:
        given = [part for part in parts if rng.random() < 0.5]
        written = [part for part in parts if part not in given] or [
            parts[int(rng.integers(len(parts)))]
        ]
    draw = rng.random()
    first, end, known_after = 0, num_bars, False
    if draw < 0.35:  # a block, as it is written
        length = int(rng.choice(BLOCK_BARS))
        first = max(0, num_bars - length - int(rng.integers(FUTURE_BARS + 1)))
        end = first + length
        known_after = rng.random() < 0.1
    elif draw < 0.7:  # all that follows known bars: more to learn from for the same time
        first = int(rng.integers(0, num_bars - 1))
    elif draw < 0.85:  # between known bars
        length = int(rng.integers(1, num_bars))
        first = int(rng.integers(0, num_bars - length + 1))
        end, known_after = first + length, True
    inside = (bars >= first) & (bars < end)
    ratio = 1 - rng.random()
    for part in written:
        masked = inside & (rng.random(T) < ratio)
        targets[:, part] = masked
        states[masked, part] = MASKED
        if not known_after:
            states[bars >= end, part] = MASKED
    return states, targets
