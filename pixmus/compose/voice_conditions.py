"""What steers the voices besides notes: curves, hit points and positions, plan and likeness.

One row a beat. The first columns are those of `BeatConditions.array`; then the chord of the half
bar and of the next one, how like each part is to be to earlier bars, which parts play in the half
bar, and the form. What is not told is 0, with a column that says so.
"""

from __future__ import annotations

import numpy as np

from pixmus.chords import ALL_QUALITIES
from pixmus.compose.conditions import MOOD_COLUMNS, NUM_CONDITIONS, TIMING_COLUMNS
from pixmus.ensembles import PARTS

CHORD_WIDTH = 3 * 12 + 1  # tones, root, bass, known
NUM_LIKENESS = 5 * 2  # to the bars 1, 2, 4, 8 before and the phrase's source; notes and rhythm
NUM_FORM_COLUMNS = 8
CHORD_COLUMNS = slice(NUM_CONDITIONS, NUM_CONDITIONS + 2 * CHORD_WIDTH)
LIKENESS_COLUMNS = slice(CHORD_COLUMNS.stop, CHORD_COLUMNS.stop + len(PARTS) * (NUM_LIKENESS + 1))
PLAYS_COLUMNS = slice(LIKENESS_COLUMNS.stop, LIKENESS_COLUMNS.stop + 2 * len(PARTS))
FORM_COLUMNS = slice(PLAYS_COLUMNS.stop, PLAYS_COLUMNS.stop + NUM_FORM_COLUMNS)
NUM_VOICE_CONDITIONS = FORM_COLUMNS.stop
PLAN_COLUMNS = slice(CHORD_COLUMNS.start, NUM_VOICE_CONDITIONS)


def chord_vectors(rows: np.ndarray) -> np.ndarray:
    """Rows of `chord_rows` (..., 3) as the network sees them, float32 (..., CHORD_WIDTH).

    A row of -1 is no chord, which is told; -2 is a chord that is not told.
    """
    flat = rows.reshape(-1, 3).astype(int)
    found = np.zeros((len(flat), CHORD_WIDTH), np.float32)
    there = np.flatnonzero(flat[:, 0] >= 0)
    for index in there:
        root, quality, bass = flat[index]
        for tone in ALL_QUALITIES[quality].tones:
            found[index, (root + tone) % 12] = 1
    found[there, 12 + flat[there, 0]] = 1
    found[there, 24 + flat[there, 2]] = 1
    found[flat[:, 0] > -2, 36] = 1
    return found.reshape(*rows.shape[:-1], CHORD_WIDTH)


def form_columns(
    places: np.ndarray, lengths: np.ndarray, dynamics: np.ndarray, returns: np.ndarray
) -> np.ndarray:
    """The form as the network sees it, float32 (T, NUM_FORM_COLUMNS).

    Bar in the phrase and the phrase's bars (-1: not told), level of dynamics 0..7 (-1: not told),
    likeness 0..1 of the phrase to what it returns to (NaN: it is not told or there is nothing).
    """
    in_phrase, loud, returning = places >= 0, dynamics >= 0, ~np.isnan(returns)
    return np.stack(
        [
            in_phrase,
            in_phrase * places / 4,
            in_phrase * (lengths - places) / 4,
            in_phrase * (places == lengths - 1),
            loud,
            loud * (dynamics / 3.5 - 1),
            returning,
            np.where(returning, 2 * np.nan_to_num(returns) - 1, 0),
        ],
        1,
    ).astype(np.float32)


def add_plan(
    base: np.ndarray,
    chords: np.ndarray,
    next_chords: np.ndarray,
    likeness: np.ndarray,
    plays: np.ndarray,
    plays_known: np.ndarray,
    form: np.ndarray,
) -> np.ndarray:
    """All conditions, float32 (T, NUM_VOICE_CONDITIONS).

    `base` (T, NUM_CONDITIONS); `chords` and `next_chords` (T, 3) as `chord_vectors` has them;
    `likeness` (T, parts, NUM_LIKENESS) 0..1, NaN where it is not told; `plays` (T, parts) bool and
    where it is told; `form` as `form_columns` makes it.
    """
    T = len(base)
    told = ~np.isnan(likeness).all(-1, keepdims=True)
    like = np.concatenate([np.nan_to_num(2 * likeness - 1), told], -1).reshape(T, -1)
    heard = np.concatenate([(2.0 * plays - 1) * plays_known, plays_known], -1)
    columns = [base, chord_vectors(chords), chord_vectors(next_chords), like, heard]
    return np.concatenate([*columns, form], -1).astype(np.float32)


def without_wishes(array: np.ndarray) -> np.ndarray:
    """Conditions with curves, hit points and plan unknown: what guidance leads from."""
    dropped = array.copy()
    for columns in (MOOD_COLUMNS, TIMING_COLUMNS, PLAN_COLUMNS):
        dropped[..., columns] = 0
    return dropped


def without_timing(array: np.ndarray) -> np.ndarray:
    """Conditions with the hit points unknown."""
    dropped = array.copy()
    dropped[..., TIMING_COLUMNS] = 0
    return dropped
