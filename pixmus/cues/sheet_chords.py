"""`SheetChord`: a chord of a cue sheet, which a person gave or of which a take tells.

In the file a chord has a start (seconds; or a beat, counted from 0 at the music's first), a root
such as "F#" ("N.C.": none is said from here on), a quality such as "m7" ("" is major), a bass, and
whether it is given: what is given is played, the rest tells what was. Who writes a chord by hand
may leave out quality, bass and that it is given.
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
BEAT = "beat"  # in the place of the start


@dataclass(frozen=True)
class SheetChord:
    """A chord that sounds from `start` until the next; None: nothing is said of it."""

    start: float  # seconds, or beats
    chord: Chord | None
    is_given: bool = True  # by a person, to be played; else a take tells of it
    in_beats: bool = False  # of the tempo map, from 0

    def __post_init__(self) -> None:
        if self.chord is None:  # there is nothing to play, and the file says no more of it
            object.__setattr__(self, "is_given", False)

    def to_row(self, key: str) -> dict[str, Any]:
        """The chord for JSON, spelt as the key has it."""
        chord = self.chord
        if chord is None:
            row: dict[str, Any] = {"start": self.start, "root": NO_CHORD}
        else:
            root, bass = (Chord(tone).name(key) for tone in (chord.root, chord.bass))
            row = asdict(Row(self.start, root, str(chord.quality), bass, self.is_given))
        return {BEAT if name == "start" and self.in_beats else name: row[name] for name in row}


def chord_of_row(row: Any) -> SheetChord:
    """The chord that a row of JSON says; ValueError with a sentence (no full stop) otherwise."""
    in_beats = isinstance(row, dict) and BEAT in row and "start" not in row
    if in_beats:
        row = {"start" if name == BEAT else name: value for name, value in row.items()}
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
    return SheetChord(said_row.start, chord, said_row.given, in_beats)


def check_chords(chords: Sequence[SheetChord], duration: float) -> None:
    """Raise ValueError with a sentence (no full stop) where starts are not in order in the clip."""
    if len({each.in_beats for each in chords}) > 1:
        raise ValueError('"chords" begin at seconds and at beats; give all in one of them')
    before = -1.0
    for each in chords:
        latest, unit = (float("inf"), "beats") if each.in_beats else (duration, "s")
        check_number(each.start, "the start of a chord", 0.0, latest)
        if each.start <= before:
            raise ValueError(f'"chords" are not in order of time at {each.start:g} {unit}')
        before = each.start
