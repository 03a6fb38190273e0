"""Whether a piece holds together: bass and chord, phrases that return, key, drums, ending.

Conventions: `cells` is a piano-roll, uint8 (beats, NUM_CELLS), in C major or A minor and in 4/4
from a downbeat, as in training; `score_cells` makes such a one of a composed score. A bar that is
not whole is left out. A value that cannot be measured is NaN. Every measure has a chance level
beside it: the same function on a piece whose material was mixed (`shuffle_bass`,
`phrase_match_between`, `shift_keys`, `swap_drums`, `ending` at a bar in the middle); `separation`
says how well a measure tells the two apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pixmus.ensembles import PITCHED, Part
from pixmus.keys import TONICS, key_is_major
from pixmus.score.grid import BEATS_PER_BAR, STEPS_PER_BAR, STEPS_PER_BEAT
from pixmus.score.key_finding import key_correlations
from pixmus.score.notes import NUM_CELLS, PART_LAYOUTS, Score, encode_score


def score_cells(score: Score) -> tuple[np.ndarray, bool]:
    """A score's piano-roll as the measures take it, and whether its key is minor.

    Notes are transposed from the score's key to C major or A minor by at most six semitones, and
    2/4 bars are left out.
    """
    minor = not key_is_major(score.key)
    tonic = TONICS.index(score.key.split()[0])
    shift = ((9 if minor else 0) - tonic + 6) % 12 - 6
    cells = transpose(encode_score(score), shift)
    tempo_map = score.tempo_map
    whole = [
        np.arange(start, start + BEATS_PER_BAR)
        for start, length in zip(tempo_map.bar_starts, tempo_map.bar_lengths, strict=True)
        if length == BEATS_PER_BAR and start + BEATS_PER_BAR <= len(cells)
    ]
    return cells[np.concatenate(whole)] if whole else cells[:0], minor


def transpose(cells: np.ndarray, semitones: int) -> np.ndarray:
    """Cells with all pitched parts moved; what leaves a part's range comes back by octaves.

    Velocities stay.
    """
    moved = cells.copy()
    if semitones == 0:
        return moved
    for part in PITCHED:
        layout = PART_LAYOUTS[part]
        rows = np.arange(layout.num_pitches) + semitones
        rows = np.where(rows < 0, rows + 12 * -(rows // 12), rows)
        above = rows >= layout.num_pitches
        rows = np.where(above, rows - 12 * ((rows - layout.num_pitches) // 12 + 1), rows)
        for run in (layout.onsets, layout.sounding):
            before = cells[:, run].reshape(-1, layout.num_pitches)
            after = np.zeros_like(before)
            for row, target in enumerate(rows):
                after[:, target] |= before[:, row]
            moved[:, run] = after.reshape(len(cells), -1)
    return moved


def whole_bars(cells: np.ndarray) -> np.ndarray:
    """The cells without a last bar that is not whole."""
    assert cells.ndim == 2 and cells.shape[1] == NUM_CELLS, f"{cells.shape=}"
    return cells[: len(cells) // BEATS_PER_BAR * BEATS_PER_BAR]


def onset_roll(cells: np.ndarray, part: str) -> np.ndarray:
    """Onsets of one part, bool (steps, pitches of the part)."""
    layout = PART_LAYOUTS[part]
    return cells[:, layout.onsets].reshape(-1, layout.num_pitches) > 0


def sounding_roll(cells: np.ndarray, part: str) -> np.ndarray:
    """What sounds of one pitched part, bool (steps, pitches of the part)."""
    layout = PART_LAYOUTS[part]
    return cells[:, layout.sounding].reshape(-1, layout.num_pitches) > 0


def pitch_classes(cells: np.ndarray, parts: Sequence[str] = PITCHED) -> np.ndarray:
    """Sounding notes per step and pitch class, float64 (steps, 12), summed over the parts."""
    weights = np.zeros((len(cells) * STEPS_PER_BEAT, 12))
    for part in parts:
        layout = PART_LAYOUTS[part]
        classes = (layout.lowest_pitch + np.arange(layout.num_pitches)) % 12
        weights += sounding_roll(cells, part) @ np.eye(12)[classes]
    return weights


def separation(reference: ArrayLike, estimate: ArrayLike) -> float:
    """Probability that a reference value is above an estimated one, ties half (AUC), NaN left out.

    0.5 = the two cannot be told apart by this measure, 1 = always. The Mann-Whitney statistic.
    """
    first, second = (np.asarray(values, float) for values in (reference, estimate))
    first, second = first[~np.isnan(first)], second[~np.isnan(second)]
    if not first.size or not second.size:
        return float("nan")
    differences = first[:, None] - second[None]
    return float((differences > 0).mean() + (differences == 0).mean() / 2)


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's correlation; NaN where one of the two never changes."""
    if len(a) < 2:
        return float("nan")
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum() / norm) if norm > 1e-9 else float("nan")


# -------------------------------------------------------------------------------- Bass and chord

# Chord tones above the root. Sixth chords are left out: they are seventh chords of another root.
CHORDS = {
    "major": (0, 4, 7),
    "minor": (0, 3, 7),
    "diminished": (0, 3, 6),
    "augmented": (0, 4, 8),
    "suspended": (0, 5, 7),
    "dominant seventh": (0, 4, 7, 10),
    "major seventh": (0, 4, 7, 11),
    "minor seventh": (0, 3, 7, 10),
    "half-diminished": (0, 3, 6, 10),
}


def find_chords(weights: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Root (pitch class, -1 = none) and quality of the chord in each row of weights (..., 12).

    The template of `CHORDS` with the highest cosine similarity to the weights, all twelve roots
    tried (Fujishima 1999, with binary templates); of equal ones the first in the table, so a triad
    before a seventh chord. Rows with fewer than two pitch classes name no chord.
    """
    templates = np.zeros((len(CHORDS), 12, 12))
    for index, tones in enumerate(CHORDS.values()):
        for root in range(12):
            templates[index, root, [(root + tone) % 12 for tone in tones]] = len(tones) ** -0.5
    likeness = np.asarray(weights, float) @ templates.reshape(-1, 12).T
    best = np.round(likeness, 9).argmax(1)
    told = (np.asarray(weights) > 0).sum(1) >= 2
    names = list(CHORDS)
    quality = [names[chord // 12] if ok else "" for chord, ok in zip(best, told, strict=True)]
    return np.where(told, best % 12, -1), quality


CHORD_STEPS = STEPS_PER_BAR // 2  # the chord a bar opens with; many bars change it half-way


def bass_pitch_classes(cells: np.ndarray) -> np.ndarray:
    """The bass's pitch class where each bar opens, int (bars,), -1 where it rests.

    The one sounding on beat 1 (the lowest), else the one that sounds longest in the first half.
    """
    layout = PART_LAYOUTS[Part.BASS]
    roll = sounding_roll(whole_bars(cells), Part.BASS).reshape(
        -1, STEPS_PER_BAR, layout.num_pitches
    )
    roll = roll[:, :CHORD_STEPS]
    first = roll[:, 0]
    length = roll.sum(1)
    row = np.where(first.any(1), first.argmax(1), length.argmax(1))
    return np.where(length.any(1), (layout.lowest_pitch + row) % 12, -1)


def bass_on_chord(cells: np.ndarray) -> float:
    """Share of bars whose bass is the root or the fifth of the bar's chord, 0..1.

    The bar's chord is the one it opens with: found (`find_chords`) in what the other pitched parts
    sound over its first two beats, weighted by duration, so the bass does not vote for itself. The
    fifth is the chord's own (diminished or augmented where the chord is). Bars without bass or
    chord there do not count; NaN when none is left. Chance: the bass's bars mixed (`shuffle_bass`).
    """
    cells = whole_bars(cells)
    others = pitch_classes(cells, [part for part in PITCHED if part != Part.BASS])
    roots, qualities = find_chords(others.reshape(-1, STEPS_PER_BAR, 12)[:, :CHORD_STEPS].sum(1))
    bass = bass_pitch_classes(cells)
    measurable = (bass >= 0) & (roots >= 0)
    if not measurable.any():
        return float("nan")
    fifth = np.array([CHORDS[quality][2] if quality else 0 for quality in qualities])
    fits = (bass == roots) | (bass == (roots + fifth) % 12)
    return float(fits[measurable].mean())


def shuffle_bass(cells: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The piece with its bars of bass in another order."""
    mixed = whole_bars(cells).copy()
    run = PART_LAYOUTS[Part.BASS].cells
    bars = mixed[:, run].reshape(len(mixed) // BEATS_PER_BAR, BEATS_PER_BAR, -1)
    mixed[:, run] = bars[rng.permutation(len(bars))].reshape(len(mixed), -1)
    return mixed


# --------------------------------------------------------------------------------------- Phrases

PHRASE_BARS = 4
MIN_PHRASE_ONSETS = 6  # a phrase with fewer is too easily alike to another
MAX_BARS = 90  # 3 minutes at 120 beats a minute
MAX_TRANSPOSITION = 12  # semitones


@dataclass(frozen=True)
class PhraseMatch:
    """How well a piece's phrases return, each value 0..1, 1 = note for note.

    `exact`, `transposed` and `rhythm` are the best match of any two phrases; the `mean_` values the
    mean over phrases of each one's best match: how much of the piece returns somewhere.
    """

    exact: float
    transposed: float
    rhythm: float
    mean_exact: float
    mean_transposed: float
    mean_rhythm: float


def _phrases(cells: np.ndarray, part: str, max_bars: int) -> np.ndarray:
    """Onsets of every run of four bars, from each bar on, float32 (runs, steps, pitches)."""
    roll = onset_roll(whole_bars(cells)[: max_bars * BEATS_PER_BAR], part).astype(np.float32)
    bars = roll.reshape(-1, STEPS_PER_BAR, roll.shape[1])
    runs = max(0, len(bars) - PHRASE_BARS + 1)
    phrases = [bars[run : run + PHRASE_BARS].reshape(-1, roll.shape[1]) for run in range(runs)]
    return np.stack(phrases) if phrases else np.zeros((0, 64, roll.shape[1]), np.float32)


def _f1(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """F1 of the onsets of each phrase of `first` against each of `second`, (first, second)."""
    a, b = first.reshape(len(first), -1), second.reshape(len(second), -1)
    total = a.sum(1)[:, None] + b.sum(1)[None]
    return np.asarray(2 * (a @ b.T) / np.maximum(total, 1e-9))


def _f1_transposed(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The highest F1 over all transpositions of `first`'s phrases by up to an octave."""
    size = first.shape[2]
    best = np.zeros((len(first), len(second)))
    totals = first.sum((1, 2))[:, None] + second.sum((1, 2))[None]
    for shift in range(-MAX_TRANSPOSITION, MAX_TRANSPOSITION + 1):
        a = first[:, :, max(0, -shift) : size - max(0, shift)]
        b = second[:, :, max(0, shift) : size - max(0, -shift)]
        same = a.reshape(len(a), -1) @ b.reshape(len(b), -1).T
        best = np.maximum(best, 2 * same / np.maximum(totals, 1e-9))
    return best


def _best_matches(first: np.ndarray, second: np.ndarray, allowed: np.ndarray) -> PhraseMatch:
    """Best and mean best match over the allowed pairs of phrases."""
    enough = (first.sum((1, 2)) >= MIN_PHRASE_ONSETS)[:, None]
    allowed = allowed & enough & (second.sum((1, 2)) >= MIN_PHRASE_ONSETS)[None]
    if not allowed.any():
        return PhraseMatch(*([float("nan")] * 6))
    rhythms = [np.asarray(phrases.max(2, keepdims=True)) for phrases in (first, second)]
    matches = [
        _f1(first, second),
        _f1_transposed(first, second),
        _f1(rhythms[0], rhythms[1]),
    ]
    best = [np.where(allowed, match, -1.0).max(1) for match in matches]
    counted = allowed.any(1)
    return PhraseMatch(
        *[float(row[counted].max()) for row in best], *[float(row[counted].mean()) for row in best]
    )


def phrase_match(
    cells: np.ndarray, part: str = Part.MELODY, max_bars: int = MAX_BARS
) -> PhraseMatch:
    """Best match between non-adjacent 4-bar phrases of a piece.

    A phrase is any run of four bars; two are non-adjacent when at least four bars lie between
    their starts and ends (starts eight or more bars apart). The match is F1 of the part's onsets:
    `exact` of (step in the phrase, pitch), `transposed` the highest over chromatic transpositions
    by up to an octave, `rhythm` of the steps alone. Phrases with fewer than six onsets are left
    out; NaN when no pair is left. The best of many grows with the piece, so compare equal lengths:
    `max_bars` cuts the piece. Chance: `phrase_match_between` two pieces.
    """
    phrases = _phrases(cells, part, max_bars)
    starts = np.arange(len(phrases))
    allowed = np.abs(starts[:, None] - starts[None]) >= 2 * PHRASE_BARS
    return _best_matches(phrases, phrases, allowed)


def phrase_match_between(
    reference: np.ndarray, estimate: np.ndarray, part: str = Part.MELODY, max_bars: int = MAX_BARS
) -> PhraseMatch:
    """`phrase_match` of the phrases of one piece against those of another: what chance gives."""
    first, second = (_phrases(cells, part, max_bars) for cells in (reference, estimate))
    return _best_matches(first, second, np.ones((len(first), len(second)), bool))


# ------------------------------------------------------------------------------------------- Key

KEY_WINDOW_BARS = 8
# Keys 0..23 as in `key_correlations`: what a piece may visit without having left its key. In minor
# the dominant counts in both modes.
NEAR_KEYS = {False: (0, 12 + 9, 7, 5), True: (12 + 9, 0, 12 + 4, 4, 12 + 2)}


@dataclass(frozen=True)
class KeyDrift:
    """How much of a piece is in foreign keys, and how the hold on its own changes."""

    foreign_share: float
    change: float


def key_drift(cells: np.ndarray, minor: bool, tempo_bpm: float = 120.0) -> KeyDrift:
    """How far a piece leaves its key (C major, or A minor with `minor`).

    `foreign_share`: share of 8-bar windows, one from every fourth bar on, whose best key
    (`key_correlations` of the pitched parts' duration-weighted pitch classes) is neither the home
    key nor its relative, dominant or subdominant (`NEAR_KEYS`). `change`: correlation with the home
    key over the last minute minus over the first; halves where the piece is shorter than two
    minutes. Chance: 20 of 24 keys are foreign in major, 19 in minor; measured: `shift_keys`.
    """
    cells = whole_bars(cells)
    beats = pitch_classes(cells).reshape(-1, STEPS_PER_BEAT, 12).sum(1)
    size = KEY_WINDOW_BARS * BEATS_PER_BAR
    starts = range(0, max(1, len(beats) - size + 1), size // 2)
    windows = np.array([beats[start : start + size].sum(0) for start in starts])
    windows = windows[windows.sum(1) > 0] if len(beats) else np.zeros((0, 12))
    if not len(windows):
        return KeyDrift(float("nan"), float("nan"))
    foreign = ~np.isin(key_correlations(windows).argmax(1), NEAR_KEYS[minor])
    home = 12 + 9 if minor else 0
    edge = min(round(tempo_bpm), len(beats) // 2)
    ends = np.stack([beats[:edge].sum(0), beats[len(beats) - edge :].sum(0)])
    change = float("nan")
    if (ends.sum(1) > 0).all():
        first, last = key_correlations(ends)[:, home]
        change = float(last - first)
    return KeyDrift(float(foreign.mean()), change)


def shift_keys(cells: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The piece with every eight bars transposed by a random number of semitones, -6..5."""
    size = KEY_WINDOW_BARS * BEATS_PER_BAR
    blocks = [cells[start : start + size] for start in range(0, len(cells), size)]
    return np.concatenate([transpose(block, int(rng.integers(-6, 6))) for block in blocks])
