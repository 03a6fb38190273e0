"""`SheetChord`: a chord of a cue sheet, which a person gave or of which a take tells.

In the file a chord has a start (seconds), a root such as "F#" ("N.C.": none is said from here on),
a quality such as "m7" ("" is major), a bass, and whether it is given: what is given is played, the
rest tells what was. Who writes a chord by hand may leave out quality, bass and that it is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pixmus.chords import NO_CHORD, Chord, parse_chord
from pixmus.cues.checks import check_names, check_number, check_text, said
from pixmus.errors import PixMusError

ROW = {"start": None, "root": None, "quality": "", "bass": "", "given": True}  # and what is usual


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
        row = {"start": self.start, "root": root, "quality": str(chord.quality)}
        return row | {"bass": bass, "given": self.is_given}


def chord_of_row(row: Any) -> SheetChord:
    """The chord that a row of JSON says; ValueError with a sentence (no full stop) otherwise."""
    if isinstance(row, dict):
        row = ROW | row if {"start", "root"} <= row.keys() else row
    check_names(row, "a chord", tuple(ROW))
    check_number(row["start"], "the start of a chord", 0.0, float("inf"))
    for name in ("root", "quality", "bass"):
        check_text(row[name], f"the {name} of a chord")
    if not isinstance(row["given"], bool):
        raise ValueError(f'"given" of a chord is {said(row["given"])}; it must be true or false')
    below = f"/{row['bass']}" if row["bass"] else ""
    try:
        chord = parse_chord(f"{row['root']}{row['quality']}{below}")
    except PixMusError as error:
        raise ValueError(str(error).removesuffix(".")) from error
    return SheetChord(row["start"], chord, row["given"])


def check_chords(chords: Sequence[SheetChord], duration: float) -> None:
    """Raise ValueError with a sentence (no full stop) where starts are not in order in the clip."""
    before = -1.0
    for each in chords:
        check_number(each.start, "the start of a chord", 0.0, duration)
        if each.start <= before:
            raise ValueError(f'"chords" are not in order of time at {each.start:g} s')
        before = each.start
