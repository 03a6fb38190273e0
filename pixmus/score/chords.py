"""The chords that notes make, read a segment at a time, and chords as rows of numbers.

A *segment* is a stretch of the grid for which one chord is read: half a bar unless told otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pixmus.chords import ALL_QUALITIES, Chord, Quality
from pixmus.ensembles import PARTS, Part
from pixmus.score.grid import STEPS_PER_BEAT

HALF_BAR_STEPS = 2 * STEPS_PER_BEAT


def chord_rows(chords: Sequence[Chord | None]) -> np.ndarray:
    """Chords as int8 (chords, 3): root, place of the quality in `ALL_QUALITIES`, bass; -1: none."""
    rows = [
        (-1, -1, -1) if c is None else (c.root, ALL_QUALITIES.index(c.quality), c.bass)
        for c in chords
    ]
    return np.array(rows, np.int8).reshape(-1, 3)


def chords_of_rows(rows: np.ndarray) -> list[Chord | None]:
    """`chord_rows` undone."""
    return [
        None if root < 0 else Chord(int(root), ALL_QUALITIES[quality], int(bass))
        for root, quality, bass in rows
    ]


# ----------------------------------------------------------------------------- Reading from notes


@dataclass(frozen=True)
class ChordEvidence:
    """What segments sound like: shares of sounding time by pitch class, 0 where nothing sounds."""

    classes: np.ndarray  # float (segments, 12): of the accompaniment, the melody counted less
    bass: np.ndarray  # float (segments, 12): of the lowest note of the accompaniment

    @property
    def sounds(self) -> np.ndarray:
        """Whether any pitched note sounds, bool (segments,)."""
        return np.asarray(self.classes.any(1))


MELODY_WEIGHT = 0.3  # a melody note's time against an accompanying one's
_MELODY, _DRUMS = PARTS.index(Part.MELODY), PARTS.index(Part.DRUMS)


def chord_evidence(
    notes: np.ndarray, num_steps: int, segment_steps: int = HALF_BAR_STEPS
) -> ChordEvidence:
    """The evidence of notes, int (notes, 4 or more): part, onset step, steps, pitch.

    Parts are indices of `PARTS`; drums count for nothing. The last segment may be shorter.
    """
    num_segments = -(-num_steps // segment_steps)
    total = num_segments * segment_steps
    classes = np.zeros((total, 12))
    lowest = np.full(total, 128)
    for part, onset, length, pitch in notes[:, :4].astype(int):
        if part == _DRUMS:
            continue
        sounding = slice(max(onset, 0), max(onset + length, 0))
        classes[sounding, pitch % 12] += MELODY_WEIGHT if part == _MELODY else 1.0
        if part != _MELODY:
            lowest[sounding] = np.minimum(lowest[sounding], pitch)
    bass = np.zeros((total, 12))
    there = np.flatnonzero(lowest < 128)
    bass[there, lowest[there] % 12] = 1.0
    return ChordEvidence(
        *(
            sums / np.maximum(sums.sum(1, keepdims=True), 1e-9)
            for sums in (a.reshape(num_segments, segment_steps, 12).sum(1) for a in (classes, bass))
        )
    )


# What a reading tells apart, and what each is worth before anything sounds. These and the scores
# below are a logistic regression on half of POP909's songs, their chord labels the truth; sevenths
# were raised by 0.8 to 2, so that one that sounds as long as the other tones is read, for 0.003 of
# agreement.
QUALITY_SCORES = {
    Quality.MAJOR: 2.9,
    Quality.MINOR: 2.4,
    Quality.SEVENTH: 0.3,
    Quality.MAJOR_SEVENTH: 0.3,
    Quality.MINOR_SEVENTH: -0.1,
    Quality.DIMINISHED: 0.0,
    Quality.HALF_DIMINISHED: -2.0,
    Quality.SUSPENDED_SECOND: 0.7,
    Quality.SUSPENDED_FOURTH: 0.6,
}
READ_QUALITIES = tuple(QUALITY_SCORES)
# Of all sounding time, and of the bass alone, in the root, second tone, third and fourth.
TONE_SCORES = (13.2, 16.3, 15.0, 13.8)
BASS_SCORES = (5.1, 1.2, 1.5, 3.8)
CHANGE_COSTS = (1.0, 2.0)  # of another chord at the start of a bar, and inside it


def chord_scores(evidence: ChordEvidence) -> np.ndarray:
    """How well every chord fits every segment, in nats up to a constant.

    float (segments, 12, READ_QUALITIES), all 0 where nothing sounds. Linear in the shares of
    sounding time and of the bass that are the chord's root, second tone, third, fourth.
    """
    scores = np.zeros((len(evidence.classes), 12, len(READ_QUALITIES)))
    for column, (quality, score) in enumerate(QUALITY_SCORES.items()):
        scores[:, :, column] = score
        for place, tone in enumerate(quality.tones):
            # roll: share of the pitch class `tone` above every root
            scores[:, :, column] += TONE_SCORES[place] * np.roll(evidence.classes, -tone, 1)
            scores[:, :, column] += BASS_SCORES[place] * np.roll(evidence.bass, -tone, 1)
    scores[~evidence.sounds] = 0.0
    return scores


def read_chords(
    notes: np.ndarray, num_steps: int, segment_steps: int = HALF_BAR_STEPS
) -> list[Chord | None]:
    """The chord of every segment of notes (as `chord_evidence` has them), None where none sounds.

    The most likely course by Viterbi's algorithm: chords that fit, and changes that cost, less at
    the start of a bar. The bass is the chord tone that is lowest for most of the segment, or the
    root.
    """
    evidence = chord_evidence(notes, num_steps, segment_steps)
    scores = chord_scores(evidence)
    num_segments = len(scores)
    if num_segments == 0:
        return []
    flat = scores.reshape(num_segments, -1)
    per_bar = max(1, 2 * HALF_BAR_STEPS // segment_steps)
    best = flat[0]
    came_from = np.zeros(flat.shape, int)
    states = np.arange(flat.shape[1])
    for segment in range(1, num_segments):
        likeliest = int(best.argmax())
        changed = best[likeliest] - CHANGE_COSTS[int(segment % per_bar > 0)]
        came_from[segment] = np.where(best >= changed, states, likeliest)
        best = np.maximum(best, changed) + flat[segment]
    path = np.zeros(num_segments, int)
    path[-1] = best.argmax()
    for segment in range(num_segments - 1, 0, -1):
        path[segment - 1] = came_from[segment, path[segment]]
    chords: list[Chord | None] = []
    for state, sounds, bass in zip(path, evidence.sounds, evidence.bass, strict=True):
        root, quality = divmod(int(state), len(READ_QUALITIES))
        chord = Chord(root, READ_QUALITIES[quality])
        lowest = max(chord.pitch_classes, key=lambda pitch_class: bass[pitch_class])
        if bass[lowest] > 0.5:
            chord = replace(chord, bass=lowest)
        chords.append(chord if sounds else None)
    return chords
