"""A `Chord`: root, quality and bass; its name both ways, and the chords that notes make.

Conventions: pitch classes are 0..11 from C. A chord names absolute pitch classes, or, where a piece
was transposed to C major or A minor, those of that key (`Chord.transposed` moves between the two).
A *segment* is a stretch of the grid for which one chord is read: half a bar unless told otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from pixmus.ensembles import PARTS, Part
from pixmus.errors import PixMusError
from pixmus.keys import key_is_major, key_tonic
from pixmus.score.grid import STEPS_PER_BEAT

HALF_BAR_STEPS = 2 * STEPS_PER_BEAT


class Quality(StrEnum):
    """What stands above a root, by the suffix that a chord's name has for it."""

    MAJOR = ""
    MINOR = "m"
    SEVENTH = "7"
    MAJOR_SEVENTH = "maj7"
    MINOR_SEVENTH = "m7"
    DIMINISHED = "dim"
    HALF_DIMINISHED = "m7b5"
    DIMINISHED_SEVENTH = "dim7"
    AUGMENTED = "aug"
    SUSPENDED_SECOND = "sus2"
    SUSPENDED_FOURTH = "sus4"
    SUSPENDED_SEVENTH = "7sus4"
    SIXTH = "6"
    MINOR_SIXTH = "m6"

    @property
    def tones(self) -> tuple[int, ...]:
        """Semitones above the root, the root first."""
        return _TONES[self]

    @property
    def is_minor(self) -> bool:
        """Whether a minor third stands above the root."""
        return 3 in self.tones

    @property
    def is_dominant(self) -> bool:
        """Whether it leads on by its major third, and by its seventh where it has one."""
        return self in (Quality.MAJOR, Quality.SEVENTH, Quality.AUGMENTED)


_TONES = {
    Quality.MAJOR: (0, 4, 7), Quality.MINOR: (0, 3, 7), Quality.SEVENTH: (0, 4, 7, 10),
    Quality.MAJOR_SEVENTH: (0, 4, 7, 11), Quality.MINOR_SEVENTH: (0, 3, 7, 10),
    Quality.DIMINISHED: (0, 3, 6), Quality.HALF_DIMINISHED: (0, 3, 6, 10),
    Quality.DIMINISHED_SEVENTH: (0, 3, 6, 9), Quality.AUGMENTED: (0, 4, 8),
    Quality.SUSPENDED_SECOND: (0, 2, 7), Quality.SUSPENDED_FOURTH: (0, 5, 7),
    Quality.SUSPENDED_SEVENTH: (0, 5, 7, 10), Quality.SIXTH: (0, 4, 7, 9),
    Quality.MINOR_SIXTH: (0, 3, 7, 9),
}  # fmt: skip
QUALITIES: tuple[Quality, ...] = tuple(Quality)
# Other spellings of a quality. What stands above the seventh is not kept: C9 is C7, Cadd9 is C.
_OTHER_SUFFIXES = {
    "maj": Quality.MAJOR, "M": Quality.MAJOR, "add9": Quality.MAJOR, "min": Quality.MINOR,
    "-": Quality.MINOR, "madd9": Quality.MINOR, "9": Quality.SEVENTH, "M7": Quality.MAJOR_SEVENTH,
    "maj9": Quality.MAJOR_SEVENTH, "min7": Quality.MINOR_SEVENTH, "-7": Quality.MINOR_SEVENTH,
    "m9": Quality.MINOR_SEVENTH, "°": Quality.DIMINISHED, "o": Quality.DIMINISHED,
    "ø": Quality.HALF_DIMINISHED, "ø7": Quality.HALF_DIMINISHED, "°7": Quality.DIMINISHED_SEVENTH,
    "o7": Quality.DIMINISHED_SEVENTH, "+": Quality.AUGMENTED, "sus": Quality.SUSPENDED_FOURTH,
    "7sus": Quality.SUSPENDED_SEVENTH, "min6": Quality.MINOR_SIXTH,
}  # fmt: skip

_LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_SHARP_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_FLAT_NAMES = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
_SHARP_MAJORS = (7, 2, 9, 4, 11, 6)  # tonics of the major keys that are written with sharps
_CHORD_NAME = re.compile(r"(?P<root>[A-G][#b♯♭]*)(?P<suffix>[^/]*)(?:/(?P<below>[A-G][#b♯♭]*))?")
NO_CHORD = "N.C."


def _pitch_class(name: str) -> int:
    name = name.replace("♯", "#").replace("♭", "b")
    return (_LETTERS[name[0]] + name.count("#") - name[1:].count("b")) % 12


@dataclass(frozen=True, order=True)
class Chord:
    """A root 0..11, what stands above it, and the pitch class of the lowest note (-1: the root)."""

    root: int
    quality: Quality = Quality.MAJOR
    bass: int = -1

    def __post_init__(self) -> None:
        assert 0 <= self.root < 12 and -1 <= self.bass < 12, f"{self.root=} {self.bass=}"
        object.__setattr__(self, "quality", Quality(self.quality))
        if self.bass < 0:
            vars(self).update(bass=self.root)

    @property
    def pitch_classes(self) -> tuple[int, ...]:
        """Its tones as pitch classes, the root first; the bass is among them only if it is one."""
        return tuple((self.root + tone) % 12 for tone in self.quality.tones)

    def transposed(self, semitones: int) -> Chord:
        """The chord so many semitones higher (by the negative tonic: relative to C)."""
        root, bass = (self.root + semitones) % 12, (self.bass + semitones) % 12
        return replace(self, root=root, bass=bass)

    def name(self, key: str = "C major") -> str:
        """What a musician reads, such as "Am7" or "F/C", spelt as the key has it."""
        major_tonic = (key_tonic(key) + (0 if key_is_major(key) else 3)) % 12
        names = list(_SHARP_NAMES if major_tonic in _SHARP_MAJORS else _FLAT_NAMES)
        if major_tonic == 0:  # C major and A minor: what minor and the dominants of both raise
            names = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"]
            names[8] = "Ab" if key_is_major(key) else "G#"
        below = f"/{names[self.bass]}" if self.bass != self.root else ""
        return f"{names[self.root]}{self.quality}{below}"

    def __str__(self) -> str:
        return self.name()


def parse_chord(text: str) -> Chord | None:
    """The chord of a name such as "Am", "F/C", "Bbmaj7" or "C#m7b5"; None for "N.C." (no chord).

    Enharmonic spellings are one chord; a bass may be any pitch class. What stands above the seventh
    is not kept. Raises PixMusError where the name is none.
    """
    text = text.strip()
    if text in (NO_CHORD, "N", "NC"):
        return None
    match = _CHORD_NAME.fullmatch(text)
    suffix = match["suffix"] if match else "?"
    quality = _OTHER_SUFFIXES.get(suffix, suffix)
    if match is None or quality not in QUALITIES:
        known = ", ".join(f"C{quality}" for quality in QUALITIES)
        raise PixMusError(
            f"The chord {text!r} is none; write it like Am, F/C or {NO_CHORD} (no chord). Known "
            f"are, on every root: {known}."
        )
    bass = _pitch_class(match["below"]) if match["below"] else -1
    return Chord(_pitch_class(match["root"]), Quality(quality), bass)


def chord_rows(chords: Sequence[Chord | None]) -> np.ndarray:
    """Chords as int8 (chords, 3): root, index of the quality in `QUALITIES`, bass; -1 for none."""
    rows = [
        (-1, -1, -1) if chord is None else (chord.root, QUALITIES.index(chord.quality), chord.bass)
        for chord in chords
    ]
    return np.array(rows, np.int8).reshape(-1, 3)


def chords_of_rows(rows: np.ndarray) -> list[Chord | None]:
    """`chord_rows` undone."""
    return [
        None if root < 0 else Chord(int(root), QUALITIES[quality], int(bass))
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
