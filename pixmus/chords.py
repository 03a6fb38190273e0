"""A `Chord`: root, quality and bass, and its name both ways.

Conventions: pitch classes are 0..11 from C. A chord names absolute pitch classes, or, where a piece
was transposed to C major or A minor, those of that key (`Chord.transposed` moves between the two).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from pixmus.errors import PixMusError
from pixmus.keys import key_is_major, key_tonic, pitch_class


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
    ADDED_NINTH = "add9"
    MINOR_ADDED_NINTH = "madd9"

    @property
    def tones(self) -> tuple[int, ...]:
        """Semitones above the root, the root first."""
        return _TONES[self]

    @property
    def planned(self) -> Quality:
        """The quality of `QUALITIES` that a plan has in its place: itself, or without the ninth."""
        return _PLANNED.get(self, self)

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
    Quality.MINOR_SIXTH: (0, 3, 7, 9), Quality.ADDED_NINTH: (0, 4, 7, 2),
    Quality.MINOR_ADDED_NINTH: (0, 3, 7, 2),
}  # fmt: skip
# Those that may be asked for, but that the score model never learned to plan.
_PLANNED = {Quality.ADDED_NINTH: Quality.MAJOR, Quality.MINOR_ADDED_NINTH: Quality.MINOR}
ALL_QUALITIES: tuple[Quality, ...] = tuple(Quality)
QUALITIES: tuple[Quality, ...] = tuple(q for q in Quality if q not in _PLANNED)  # of plans
# Other spellings of a quality. What stands above the seventh is not kept: C9 is C7.
_OTHER_SUFFIXES = {
    "maj": Quality.MAJOR, "M": Quality.MAJOR, "add2": Quality.ADDED_NINTH, "min": Quality.MINOR,
    "-": Quality.MINOR, "madd2": Quality.MINOR_ADDED_NINTH, "minadd9": Quality.MINOR_ADDED_NINTH,
    "9": Quality.SEVENTH, "M7": Quality.MAJOR_SEVENTH,
    "maj9": Quality.MAJOR_SEVENTH, "min7": Quality.MINOR_SEVENTH, "-7": Quality.MINOR_SEVENTH,
    "m9": Quality.MINOR_SEVENTH, "°": Quality.DIMINISHED, "o": Quality.DIMINISHED,
    "ø": Quality.HALF_DIMINISHED, "ø7": Quality.HALF_DIMINISHED, "°7": Quality.DIMINISHED_SEVENTH,
    "o7": Quality.DIMINISHED_SEVENTH, "+": Quality.AUGMENTED, "sus": Quality.SUSPENDED_FOURTH,
    "7sus": Quality.SUSPENDED_SEVENTH, "min6": Quality.MINOR_SIXTH,
}  # fmt: skip

_SHARP_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_FLAT_NAMES = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
_SHARP_MAJORS = (7, 2, 9, 4, 11, 6)  # tonics of the major keys that are written with sharps
_CHORD_NAME = re.compile(r"(?P<root>[A-G][#b♯♭]*)(?P<suffix>[^/]*)(?:/(?P<below>[A-G][#b♯♭]*))?")
NO_CHORD = "N.C."
LONGEST_SAID = 40  # characters of what is no chord that are said back


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
    if match is None or quality not in ALL_QUALITIES:
        known = ", ".join(f"C{quality}" for quality in ALL_QUALITIES)
        raise PixMusError(
            f"The chord {text[:LONGEST_SAID]!r} is none; write it like Am, F/C or {NO_CHORD} "
            f"(no chord). Known are, on every root: {known}."
        )
    bass = pitch_class(match["below"]) if match["below"] else -1
    return Chord(pitch_class(match["root"]), Quality(quality), bass)
