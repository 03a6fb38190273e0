"""The phrases of a corpus piece: where they begin, and which return to which, from its notes.

Boundaries are found by dynamic programming over bars: the evidence at a phrase's first bar plus a
preference for its length. The evidence is what Lerdahl & Jackendoff (1983) call parallelism (bars
that repeat earlier ones begin or end to do so), a wide gap in the melody, and parts that enter or
leave. Nobody marked the phrases of these corpora, so this is a definition, not a measured truth.
"""

from __future__ import annotations

import numpy as np

from pixmus.ensembles import PARTS, Part
from pixmus.score.grid import BEATS_PER_BAR, STEPS_PER_BAR, STEPS_PER_BEAT
from pixmus.score.plan import LETTERS, PHRASE_BARS, Phrase
from pixmus.training.corpus import Piece

# What a phrase of so many bars gains: multiples of four are the rule, odd lengths the exception.
LENGTH_GAIN = {2: -0.45, 3: -0.5, 4: 0.0, 5: -0.5, 6: -0.35, 7: -0.6, 8: 0.0}
PHRASE_COST = 0.3  # what a boundary must be worth, on average
SAME_LETTER = 0.5  # likeness, of the melody or of all parts, from which a phrase is a return
FEWEST_MELODY_NOTES = 4  # of a phrase, for its melody alone to be compared


def bar_onsets(piece: Piece, parts: tuple[str, ...]) -> np.ndarray:
    """Which (part, step, pitch) start in each bar, float32 (bars, features); 1 or 0."""
    num_bars = piece.num_beats // BEATS_PER_BAR
    onsets = np.zeros((num_bars, len(parts), STEPS_PER_BAR, 128), np.float32)
    for row, part in enumerate(parts):
        notes = piece.notes[piece.notes[:, 0] == PARTS.index(part)].astype(int)
        bar, step = notes[:, 1] // STEPS_PER_BAR, notes[:, 1] % STEPS_PER_BAR
        onsets[bar, row, step, notes[:, 3]] = 1
    return onsets.reshape(num_bars, -1)


def compared_parts(piece: Piece) -> tuple[str, ...]:
    """The parts whose notes say whether bars are alike: pitched, and no pad made from chords."""
    there = {PARTS[index] for index in np.unique(piece.notes[:, 0])} - {Part.DRUMS}
    if len(piece.chords):
        there -= {Part.PAD}
    return tuple(part for part in PARTS if part in there)


def bar_overlaps(onsets: np.ndarray) -> np.ndarray:
    """How many onsets every two bars share, float32 (bars, bars); their own counts on the diagonal.

    F1 of two stretches is twice the sum of their overlaps over the sum of their counts.
    """
    used = onsets[:, onsets.any(0)]
    shared: np.ndarray = used @ used.T
    return shared


def _stretch_f1(overlaps: np.ndarray, first: int, other: int, num_bars: int) -> float:
    """F1 of the bars from `first` and from `other`; 0 where neither has a note."""
    rows, columns = np.arange(first, first + num_bars), np.arange(other, other + num_bars)
    counts = np.diag(overlaps)
    total = counts[rows].sum() + counts[columns].sum()
    return float(2 * overlaps[rows, columns].sum() / total) if total else 0.0


def _parallelism(overlaps: np.ndarray) -> np.ndarray:
    """How far two bars from a bar line on repeat earlier ones where the bar before it did not.

    float (bars,), 0..1; also the other way round, where a repetition ends.
    """
    num_bars = len(overlaps)
    counts = np.diag(overlaps)
    f1 = 2 * overlaps / np.maximum(counts[:, None] + counts[None], 1)
    evidence = np.zeros(num_bars)
    for lag in range(2, num_bars):
        same = np.diag(f1, lag)  # of bars lag, lag + 1, ... with bars 0, 1, ...
        two_on = (same[1:-1] + same[2:]) / 2  # begins at index + 1
        two_back = (same[:-2] + same[1:-1]) / 2  # ends before index + 2
        if len(two_on):
            begins = slice(lag + 1, lag + 1 + len(two_on))
            evidence[begins] = np.maximum(evidence[begins], two_on - same[:-2])
            ends = slice(lag + 2, lag + 2 + len(two_back))
            evidence[ends] = np.maximum(evidence[ends], two_back - same[2:])
        if len(same) > 1:  # the bar before is the piece's first, or has no counterpart
            evidence[lag] = max(evidence[lag], (same[0] + same[1]) / 2)
    return evidence


def _melody_gaps(piece: Piece, num_bars: int) -> np.ndarray:
    """Longest wait for the melody's next note about a bar line, in bars, at most 1; (bars,).

    Of notes that begin within the bar before the line, up to a beat after it.
    """
    rows = piece.notes[piece.notes[:, 0] == PARTS.index(Part.MELODY)]
    onsets = np.unique(rows[:, 1]).astype(int)
    gaps = np.zeros(num_bars)
    for onset, wait in zip(onsets[:-1], np.diff(onsets), strict=True):
        line = -(-onset // STEPS_PER_BAR)  # the first bar line at or after it
        lines = [line]
        if onset % STEPS_PER_BAR <= STEPS_PER_BEAT:
            lines = [onset // STEPS_PER_BAR]  # a last note on the first beat ends the bar before
        for bar in lines:
            if bar < num_bars:
                gaps[bar] = max(gaps[bar], min(wait / STEPS_PER_BAR, 1.0))
    return gaps


def _entries(piece: Piece, num_bars: int) -> np.ndarray:
    """Share of the piece's parts that play in one of two neighbouring bars only, (bars,)."""
    plays = np.zeros((num_bars, len(PARTS)), bool)
    for part, onset, *_ in piece.notes.astype(int):
        plays[onset // STEPS_PER_BAR, part] = True
    changes = (plays[1:] != plays[:-1]).sum(1) / max(1, plays.any(0).sum())
    return np.concatenate([[0.0], changes])


def boundary_evidence(piece: Piece, overlaps: np.ndarray) -> np.ndarray:
    """How much speaks for a phrase to begin with each bar, float (bars,), mostly 0..1.5."""
    num_bars = len(overlaps)
    return (
        _parallelism(overlaps)
        + 0.6 * _melody_gaps(piece, num_bars)
        + 0.6 * _entries(piece, num_bars)
    )


def divide(evidence: np.ndarray) -> list[int]:
    """Lengths in bars of the phrases that gain most; shorter than two bars only if the piece is."""
    num_bars = len(evidence)
    shortest, longest = PHRASE_BARS
    if num_bars < shortest:
        return [num_bars] if num_bars else []
    best = np.full(num_bars + 1, -np.inf)
    best[0] = 0.0
    length_of = np.zeros(num_bars + 1, int)
    for end in range(shortest, num_bars + 1):
        for length in range(shortest, min(longest, end) + 1):
            first = end - length
            gain = best[first] + LENGTH_GAIN[length] - PHRASE_COST
            gain += evidence[first] if first else 0.0
            if gain > best[end]:
                best[end], length_of[end] = gain, length
    lengths = []
    end = num_bars
    while end:
        lengths.append(int(length_of[end]))
        end -= length_of[end]
    return lengths[::-1]


def find_phrases(piece: Piece) -> tuple[Phrase, ...]:
    """The phrases of a piece, over all of its bars.

    A phrase's likeness is the F1 of its onsets and pitches with the earlier phrase that is most
    like it, over as many bars as the shorter has; it takes that one's letter if that, or the F1 of
    the two melodies alone, is at least SAME_LETTER, and a new letter otherwise.
    """
    everything = bar_overlaps(bar_onsets(piece, compared_parts(piece)))
    melody = bar_overlaps(bar_onsets(piece, (Part.MELODY,)))
    phrases: list[Phrase] = []
    first, num_letters = 0, 0
    for length in divide(boundary_evidence(piece, everything)):
        source, likeness, letter = -1, 0.0, ""
        closest = 0.0
        for index, earlier in enumerate(phrases):
            shared = min(length, earlier.num_bars)
            alike = _stretch_f1(everything, first, earlier.first_bar, shared)
            notes = np.diag(melody)
            enough = min(
                notes[first : first + shared].sum(),
                notes[earlier.first_bar : earlier.first_bar + shared].sum(),
            )
            tune = 0.0
            if enough >= FEWEST_MELODY_NOTES:
                tune = _stretch_f1(melody, first, earlier.first_bar, shared)
            if max(alike, tune) > closest:
                closest, source, likeness = max(alike, tune), index, alike
        if source >= 0 and closest >= SAME_LETTER:
            letter = phrases[source].letter
        else:
            letter = LETTERS[min(num_letters, len(LETTERS) - 1)]
            num_letters += 1
        phrases.append(Phrase(first, length, letter, source, likeness))
        first += length
    return tuple(phrases)
