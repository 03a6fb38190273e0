"""What steers the voices besides notes: curves, hit points and positions, plan and likeness.

One row a beat. The first columns are those of `BeatConditions.array` as far as its styles; then the
chord of the half bar and of the next one, how like each part is to be to earlier bars, and which
parts sound in the bar. What is not told is 0, with a column that says so.
"""

from __future__ import annotations

import numpy as np

from pixmus.compose.conditions import MOOD_COLUMNS, TEXTURE_COLUMNS, TIMING_COLUMNS
from pixmus.ensembles import PARTS
from pixmus.score.chords import QUALITIES

NUM_BASE = TEXTURE_COLUMNS.start
CHORD_WIDTH = 3 * 12 + 1  # tones, root, bass, known
NUM_LIKENESS = 4 * 2  # bars 1, 2, 4, 8 before; notes and rhythm
CHORD_COLUMNS = slice(NUM_BASE, NUM_BASE + 2 * CHORD_WIDTH)
LIKENESS_COLUMNS = slice(
    CHORD_COLUMNS.stop, CHORD_COLUMNS.stop + len(PARTS) * (NUM_LIKENESS + 1)
)
SOUNDS_COLUMNS = slice(LIKENESS_COLUMNS.stop, LIKENESS_COLUMNS.stop + 2 * len(PARTS))
NUM_VOICE_CONDITIONS = SOUNDS_COLUMNS.stop


def chord_vectors(rows: np.ndarray) -> np.ndarray:
    """Rows of `chord_rows` (..., 3) as the network sees them, float32 (..., CHORD_WIDTH).

    A row of -1 is no chord, which is told; -2 is a chord that is not told.
    """
    flat = rows.reshape(-1, 3).astype(int)
    found = np.zeros((len(flat), CHORD_WIDTH), np.float32)
    there = np.flatnonzero(flat[:, 0] >= 0)
    for index in there:
        root, quality, bass = flat[index]
        for tone in QUALITIES[quality].tones:
            found[index, (root + tone) % 12] = 1
    found[there, 12 + flat[there, 0]] = 1
    found[there, 24 + flat[there, 2]] = 1
    found[flat[:, 0] > -2, 36] = 1
    return found.reshape(*rows.shape[:-1], CHORD_WIDTH)


def add_plan(
    base: np.ndarray,
    chords: np.ndarray,
    next_chords: np.ndarray,
    likeness: np.ndarray,
    likeness_known: np.ndarray,
    sounds: np.ndarray,
    sounds_known: np.ndarray,
) -> np.ndarray:
    """All conditions, float32 (T, NUM_VOICE_CONDITIONS).

    `base` (T, NUM_BASE or more); `chords` and `next_chords` (T, 3) as `chord_vectors` has them;
    `likeness` (T, parts, NUM_LIKENESS) 0..1; `sounds` (T, parts) bool; what is known of both,
    (T, parts) bool.
    """
    T = len(base)
    told = likeness_known[..., None]
    like = np.concatenate([(2 * likeness - 1) * told, told], -1).reshape(T, -1)
    heard = np.concatenate([(2.0 * sounds - 1) * sounds_known, sounds_known], -1)
    return np.concatenate(
        [base[:, :NUM_BASE], chord_vectors(chords), chord_vectors(next_chords), like, heard], -1
    ).astype(np.float32)


def without_wishes(array: np.ndarray) -> np.ndarray:
    """Conditions with curves, hit points, plan and likeness unknown: what guidance leads from."""
    dropped = array.copy()
    for columns in (
        MOOD_COLUMNS, TIMING_COLUMNS, CHORD_COLUMNS, LIKENESS_COLUMNS, SOUNDS_COLUMNS
    ):  # fmt: skip
        dropped[..., columns] = 0
    return dropped
