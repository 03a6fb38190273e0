"""`SheetChord`: a chord of a cue sheet, which a person gave or of which a take tells.

In the file a chord has a start (seconds), a root such as "F#" ("N.C.": none is said from here on),
a quality such as "m7" ("" is major), a bass, and whether it is given: what is given is played, the
rest tells what was. Who writes a chord by hand may leave out quality, bass and that it is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from pixmus.chords import NO_CHORD, Chord, parse_chord
from pixmus.cues.checks import check_names, check_number, check_text, said
from pixmus.errors import PixMusError


@dataclass(frozen=True)
class Row:
    """A chord as the file has it, with what is usual."""

    start: float
    root: str
    quality: str = ""
    bass: str = ""
    given: bool = True


NAMES = tuple(field.name for field in fields(Row))


@dataclass(frozen=True)
class SheetChord:
    """A chord that sounds from `start` (seconds) until the next; None: nothing is said of it."""

    start: float
    chord: Chord | None
    is_given: bool = True  # by a person, to be played; else a take tells of it

    def to_row(self, key: str) -> dict[str, Any]:
        """The chord for JSON, spelt as the key has it."""
        chord = self.chord
        if chord is None:
            return {"start": self.start, "root": NO_CHORD}
        root, bass = (Chord(tone).name(key) for tone in (chord.root, chord.bass))
        return asdict(Row(self.start, root, str(chord.quality), bass, self.is_given))


def chord_of_row(row: Any) -> SheetChord:
    """The chord that a row of JSON says; ValueError with a sentence (no full stop) otherwise."""
    check_names(row, "a chord", NAMES, optional=NAMES[2:])
    said_row = Row(**row)
    check_number(said_row.start, "the start of a chord", 0.0, float("inf"))
    words = {name: getattr(said_row, name) for name in NAMES[1:-1]}
    for name, word in words.items():
        check_text(word, f"the {name} of a chord")
    if not isinstance(said_row.given, bool):
        raise ValueError(f'"given" of a chord is {said(said_row.given)}; it must be true or false')
    below = f"/{said_row.bass}" if said_row.bass else ""
    try:
        chord = parse_chord(f"{said_row.root}{said_row.quality}{below}")
    except PixMusError as error:
        raise ValueError(str(error).removesuffix(".")) from error
    return SheetChord(said_row.start, chord, said_row.given)


def check_chords(chords: Sequence[SheetChord], duration: float) -> None:
    """Raise ValueError with a sentence (no full stop) where starts are not in order in the clip."""
    before = -1.0
    for each in chords:
        check_number(each.start, "the start of a chord", 0.0, duration)
        if each.start <= before:
            raise ValueError(f'"chords" are not in order of time at {each.start:g} s')
        before = each.start
