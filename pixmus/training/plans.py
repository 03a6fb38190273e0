"""The plan that a corpus piece turned out to have: chords, phrases, who plays, dynamics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from pixmus.ensembles import PARTS, Part
from pixmus.score.chords import HALF_BAR_STEPS
from pixmus.score.grid import BEATS_PER_BAR, STEPS_PER_BAR, STEPS_PER_BEAT
from pixmus.score.plan import (
    HALVES,
    NUM_DYNAMICS,
    UNKNOWN_DYNAMIC,
    Approach,
    Plan,
    approach_of,
    chord_before,
)
from pixmus.training.chord_labels import piece_chords
from pixmus.training.corpus import Piece
from pixmus.training.phrases import compared_parts, find_phrases

# Mean velocity of a bar's notes from which each level of dynamics but the first begins: octiles
# over the bars of POP909 and Freedoom, which have velocities.
DYNAMIC_EDGES = (72, 78, 82, 85, 89, 94, 100)
TAIL = 0.25  # share of a half bar that a held note must fill for its part to play in it


def parts_that_play(piece: Piece) -> np.ndarray:
    """Who plays in each half bar, bool (half bars, parts).

    A part plays where it strikes a note, or where one that it holds sounds for a quarter of the
    half bar at least.
    """
    num_half_bars = piece.num_beats * STEPS_PER_BEAT // HALF_BAR_STEPS
    steps = np.zeros((num_half_bars * HALF_BAR_STEPS, len(PARTS)), bool)
    plays = np.zeros((num_half_bars, len(PARTS)), bool)
    for part, onset, length, _, _ in piece.notes.astype(int):
        plays[onset // HALF_BAR_STEPS, part] = True
        if part != PARTS.index(Part.DRUMS):
            steps[onset : onset + length, part] = True
    held = steps.reshape(num_half_bars, HALF_BAR_STEPS, len(PARTS)).mean(1)
    playing: np.ndarray = plays | (held >= TAIL)
    return playing


def bar_dynamics(piece: Piece) -> np.ndarray:
    """The level of dynamics of every bar, int (bars,), 0 to NUM_DYNAMICS - 1.

    By the mean velocity of the notes that start in it (not of a pad made from chords); a bar in
    which none does keeps the level before it. UNKNOWN_DYNAMIC throughout where the corpus has no
    velocities, and where drums play alone.
    """
    num_bars = piece.num_beats // BEATS_PER_BAR
    if not piece.has_velocity:
        return np.full(num_bars, UNKNOWN_DYNAMIC)
    parts = [PARTS.index(part) for part in compared_parts(piece)]
    notes = piece.notes[np.isin(piece.notes[:, 0], parts)].astype(int)
    bars = notes[:, 1] // STEPS_PER_BAR
    counts = np.bincount(bars, minlength=num_bars)
    sums = np.bincount(bars, notes[:, 4], num_bars)
    known = np.flatnonzero(counts)
    if not len(known):
        return np.full(num_bars, UNKNOWN_DYNAMIC)
    last = np.searchsorted(known, np.arange(num_bars), "right") - 1  # -1 before the first
    nearest = known[np.maximum(last, 0)]
    levels = np.digitize(sums[nearest] / counts[nearest], DYNAMIC_EDGES)
    assert len(DYNAMIC_EDGES) == NUM_DYNAMICS - 1
    return levels.astype(int)


def plan_of(piece: Piece) -> Plan:
    """The whole plan of a corpus piece, from its notes and the chords that its corpus notes."""
    plan = Plan(
        piece.minor,
        tuple(piece_chords(piece)),
        find_phrases(piece),
        parts_that_play(piece),
        bar_dynamics(piece),
    )
    assert len(plan.chords) == HALVES * plan.num_bars
    return plan


def ending_shares(plans: Sequence[Plan]) -> tuple[float, dict[Approach, float]]:
    """Share of plans whose last chord is the tonic, and of those what stands before it.

    Before it: the last chord of another root at most eight bars back; plans without one count for
    the first share alone.
    """
    home, counts = 0, Counter[Approach]()
    for plan in plans:
        last = max((i for i, chord in enumerate(plan.chords) if chord is not None), default=-1)
        chord = plan.chords[last] if last >= 0 else None
        if chord is None or chord.root != plan.tonic:
            continue
        home += 1
        before = chord_before(plan.chords, last, reach=8 * HALVES)
        if before is not None:
            counts[approach_of(before, plan.tonic)] += 1
    total = max(1, counts.total())
    return home / max(1, len(plans)), {kind: counts[kind] / total for kind in Approach}
