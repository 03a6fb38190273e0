"""MusicXML (4.0, partwise), written: a part each, bars, tempo, chord symbols, ties over bars.

Notes lie on the grid of the score (a quarter has `STEPS_PER_BEAT` steps); finer ones are moved to
it. What sounds together is a chord that is tied where one of its notes goes on. Pitches are spelt
by the key: the twelve notes nearest to it on the line of fifths, in minor with what it raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import numpy as np

from pixmus.chords import Chord, Quality
from pixmus.editors.session import Session
from pixmus.ensembles import Part
from pixmus.keys import key_is_major, key_tonic
from pixmus.score.grid import STEPS_PER_BEAT
from pixmus.score.notes import Note
from pixmus.score.tempo import TempoMap

DOCTYPE = (
    '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" '
    '"http://www.musicxml.org/dtds/partwise.dtd">'
)
# Elements of a chord symbol, not parts.
HARMONY, ROOT, BELOW = "harmony root bass".split()  # noqa: SIM905
LETTERS = "FCGDAEB"  # along the line of fifths, from F
# Steps of the grid that one note can last: its type, its dots, and on which steps it may begin.
VALUES = (
    (16, "whole", 0, 16), (12, "half", 1, 4), (8, "half", 0, 4), (6, "quarter", 1, 2),
    (4, "quarter", 0, 2), (3, "eighth", 1, 1), (2, "eighth", 0, 1), (1, "16th", 0, 1),
)  # fmt: skip
LEAST_TEMPO_CHANGE = 0.005  # of the tempo; a smaller one is not written
KINDS = {
    Quality.MAJOR: "major", Quality.MINOR: "minor", Quality.SEVENTH: "dominant",
    Quality.MAJOR_SEVENTH: "major-seventh", Quality.MINOR_SEVENTH: "minor-seventh",
    Quality.DIMINISHED: "diminished", Quality.HALF_DIMINISHED: "half-diminished",
    Quality.DIMINISHED_SEVENTH: "diminished-seventh", Quality.AUGMENTED: "augmented",
    Quality.SUSPENDED_SECOND: "suspended-second", Quality.SUSPENDED_FOURTH: "suspended-fourth",
    Quality.SUSPENDED_SEVENTH: "suspended-fourth", Quality.SIXTH: "major-sixth",
    Quality.MINOR_SIXTH: "minor-sixth", Quality.ADDED_NINTH: "major",
    Quality.MINOR_ADDED_NINTH: "minor",
}  # fmt: skip
# Degrees beside the kind: (number above the root, semitones of alteration).
ADDED = {
    Quality.SUSPENDED_SEVENTH: ((7, -1),),
    Quality.ADDED_NINTH: ((9, 0),),
    Quality.MINOR_ADDED_NINTH: ((9, 0),),
}
# Where drums stand on a staff of five lines: (step, octave, notehead).
DRUM_PLACES = {
    35: ("F", 4, ""), 36: ("F", 4, ""), 37: ("C", 5, "x"), 38: ("C", 5, ""), 39: ("C", 5, "x"),
    40: ("C", 5, ""), 41: ("G", 4, ""), 42: ("G", 5, "x"), 43: ("A", 4, ""), 44: ("D", 4, "x"),
    45: ("B", 4, ""), 46: ("G", 5, "circle-x"), 47: ("D", 5, ""), 48: ("E", 5, ""),
    49: ("A", 5, "x"), 50: ("F", 5, ""), 51: ("F", 5, "x"), 57: ("B", 5, "x"), 59: ("F", 5, "x"),
}  # fmt: skip
DRUM_ELSEWHERE = ("E", 5, "x")


@dataclass(frozen=True)
class _Sound:
    """A note on the grid; `end` is the step behind its last."""

    start: int
    end: int
    pitch: int


def key_fifths(key: str) -> int:
    """Sharps (above 0) or flats of a key signature: of the twelve keys' usual spellings."""
    major_tonic = (key_tonic(key) + (0 if key_is_major(key) else 3)) % 12
    fifths = major_tonic * 7 % 12
    # Six flats or sharps are both usual: "F# major" is spelt so, and so is "Eb minor".
    return fifths - 12 if fifths > 6 or (fifths == 6 and not key_is_major(key)) else fifths


def spell_class(pitch_class: int, key: str) -> tuple[str, int]:
    """Letter and alteration (-1 flat, 1 sharp) of a pitch class in a key."""
    lowest = key_fifths(key) - (4 if key_is_major(key) else 3)
    place = lowest + (pitch_class * 7 - lowest) % 12
    return LETTERS[(place + 1) % 7], (place + 1) // 7


def spell_pitch(pitch: int, key: str) -> tuple[str, int, int]:
    """Letter, alteration and octave (4 holds middle C) of a MIDI pitch in a key."""
    letter, alteration = spell_class(pitch % 12, key)
    return letter, alteration, (pitch - alteration) // 12 - 1


def write_musicxml(
    path: str | Path, session: Session, chords: Sequence[tuple[float, Chord]] = ()
) -> None:
    """Write the score of a session; `chords` are those heard from a beat on, in order."""
    root = Element("score-partwise", version="4.0")
    SubElement(SubElement(root, "work"), "work-title").text = session.title
    identification = SubElement(root, "identification")
    SubElement(SubElement(identification, "encoding"), "software").text = "PixMus"
    listed = SubElement(root, "part-list")
    parts = session.score.parts
    for number, part in enumerate(parts, start=1):
        entry = SubElement(listed, "score-part", id=f"P{number}")
        SubElement(entry, "part-name").text = part.capitalize()
        instrument = SubElement(entry, "score-instrument", id=f"P{number}-I1")
        SubElement(instrument, "instrument-name").text = part.capitalize()
        midi = SubElement(entry, "midi-instrument", id=f"P{number}-I1")
        is_drums = part == Part.DRUMS
        SubElement(midi, "midi-channel").text = "10" if is_drums else str(number + (number > 9))
        SubElement(midi, "midi-program").text = str(session.programs.get(part, 0) + 1)
    for number, (part, notes) in enumerate(parts.items(), start=1):
        element = SubElement(root, "part", id=f"P{number}")
        _add_bars(element, session, part, notes, chords if number == 1 else ())
    ElementTree.indent(root, " ")
    text = ElementTree.tostring(root, encoding="unicode")
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n{DOCTYPE}\n'
    Path(path).write_text(f"{head}{text}\n", encoding="utf-8")


def _add_bars(
    element: Element,
    session: Session,
    part: str,
    notes: Sequence[Note],
    chords: Sequence[tuple[float, Chord]],
) -> None:
    tempo_map = session.score.tempo_map
    sounds = _sounds(notes, is_drums=part == Part.DRUMS)
    bars = list(zip(tempo_map.bar_starts, tempo_map.bar_lengths, strict=True))
    metre, tempo = 0, 0.0
    place = 0
    for number, (start, length) in enumerate(bars, start=1):
        bar = SubElement(element, "measure", number=str(number))
        if number == 1 or length != metre:
            _add_attributes(bar, session.score.key, length, part, notes, is_first=number == 1)
        metre = length
        found = _tempo_of(tempo_map, start, length)
        if abs(found - tempo) > LEAST_TEMPO_CHANGE * max(tempo, 1.0):
            _add_tempo(bar, found)
            tempo = found
        here = [c for c in chords if start <= c[0] < start + length]
        first, last = start * STEPS_PER_BEAT, (start + length) * STEPS_PER_BEAT
        for beat, chord in here:
            _add_chord(bar, chord, session.score.key, round(beat * STEPS_PER_BEAT) - first)
        while place < len(sounds) and sounds[place].end <= first:
            place += 1
        inside = [s for s in sounds[place:] if s.start < last and s.end > first]
        _add_notes(bar, inside, first, last, part, session.score.key)


def _sounds(notes: Sequence[Note], is_drums: bool) -> list[_Sound]:
    """Notes on the grid, in order; a pitch that is struck again ends before."""
    found: dict[tuple[int, int], int] = {}
    for note in notes:
        start = max(0, round(note.onset * STEPS_PER_BEAT))
        end = max(start + 1, round((note.onset + note.duration) * STEPS_PER_BEAT))
        if is_drums:  # a stroke is written as long as its beat goes on
            end = (start // STEPS_PER_BEAT + 1) * STEPS_PER_BEAT
        found[start, note.pitch] = max(end, found.get((start, note.pitch), 0))
    next_start: dict[int, int] = {}
    sounds = []
    following = None
    latest = None
    for (start, pitch), end in sorted(found.items(), reverse=True):
        if start != latest:
            following, latest = latest, start
        end = min(end, next_start.get(pitch, end))
        if is_drums and following is not None:
            end = min(end, following)
        sounds.append(_Sound(start, end, pitch))
        next_start[pitch] = start
    return sorted(sounds, key=lambda sound: (sound.start, sound.pitch))


def _add_attributes(
    bar: Element, key: str, length: int, part: str, notes: Sequence[Note], is_first: bool
) -> None:
    attributes = SubElement(bar, "attributes")
    if is_first:
        SubElement(attributes, "divisions").text = str(STEPS_PER_BEAT)
        if part != Part.DRUMS:
            signature = SubElement(attributes, "key")
            SubElement(signature, "fifths").text = str(key_fifths(key))
            SubElement(signature, "mode").text = "major" if key_is_major(key) else "minor"
    time = SubElement(attributes, "time")
    SubElement(time, "beats").text = str(length)
    SubElement(time, "beat-type").text = "4"
    if is_first:
        clef = SubElement(attributes, "clef")
        low = bool(notes) and float(np.median([note.pitch for note in notes])) < 57
        sign, line = ("percussion", "") if part == Part.DRUMS else ("F", "4") if low else ("G", "2")
        SubElement(clef, "sign").text = sign
        if line:
            SubElement(clef, "line").text = line


def _tempo_of(tempo_map: TempoMap, start: int, length: int) -> float:
    seconds = tempo_map.beat_times[start + length] - tempo_map.beat_times[start]
    return float(60.0 * length / seconds)


def _add_tempo(bar: Element, tempo: float) -> None:
    direction = SubElement(bar, "direction", placement="above")
    metronome = SubElement(SubElement(direction, "direction-type"), "metronome")
    SubElement(metronome, "beat-unit").text = "quarter"
    SubElement(metronome, "per-minute").text = f"{tempo:.1f}"
    SubElement(direction, "sound", tempo=f"{tempo:.3f}")


def _add_chord(bar: Element, chord: Chord, key: str, offset: int) -> None:
    harmony = SubElement(bar, HARMONY)
    for name, pitch_class in ((ROOT, chord.root), (BELOW, chord.bass)):
        if name == BELOW and chord.bass == chord.root:
            continue
        letter, alteration = spell_class(pitch_class, key)
        place = SubElement(harmony, name)
        SubElement(place, f"{name}-step").text = letter
        if alteration:
            SubElement(place, f"{name}-alter").text = str(alteration)
        if name == ROOT:
            kind = SubElement(harmony, "kind", text=str(chord.quality))
            kind.text = KINDS[chord.quality]
    for number, alteration in ADDED.get(chord.quality, ()):
        degree = SubElement(harmony, "degree")
        SubElement(degree, "degree-value").text = str(number)
        SubElement(degree, "degree-alter").text = str(alteration)
        SubElement(degree, "degree-type").text = "add"
    if offset > 0:
        SubElement(harmony, "offset").text = str(offset)


def _add_notes(
    bar: Element, sounds: Sequence[_Sound], first: int, last: int, part: str, key: str
) -> None:
    """What sounds from step `first` to `last`, as chords and rests one after another."""
    edges = {first, last}
    for sound in sounds:
        edges |= {max(sound.start, first), min(sound.end, last)}
    ordered = sorted(edges)
    for start, end in zip(ordered[:-1], ordered[1:], strict=True):
        chord = [sound for sound in sounds if sound.start < end and sound.end > start]
        for begin, value in _values(start, end, first):
            if not chord:
                _add_note(bar, None, begin, value, part, key)
            for number, sound in enumerate(chord):
                _add_note(bar, sound, begin, value, part, key, is_chord=number > 0)


def _values(start: int, end: int, first: int) -> list[tuple[int, tuple[int, str, int, int]]]:
    """The note values from a step to another, the longest that may begin where they do."""
    found = []
    while start < end:
        fits = (v for v in VALUES if v[0] <= end - start and (start - first) % v[3] == 0)
        value = next(fits)
        found.append((start, value))
        start += value[0]
    return found


def _add_note(
    bar: Element,
    sound: _Sound | None,
    begin: int,
    value: tuple[int, str, int, int],
    part: str,
    key: str,
    is_chord: bool = False,
) -> None:
    steps, kind, dots, _ = value
    note = SubElement(bar, "note")
    if is_chord:
        SubElement(note, "chord")
    ties = []
    head = ""
    if sound is None:
        SubElement(note, "rest")
    else:
        if part == Part.DRUMS:
            letter, octave, head = DRUM_PLACES.get(sound.pitch, DRUM_ELSEWHERE)
            place = SubElement(note, "unpitched")
            SubElement(place, "display-step").text = letter
            SubElement(place, "display-octave").text = str(octave)
        else:
            letter, alteration, octave = spell_pitch(sound.pitch, key)
            pitch = SubElement(note, "pitch")
            SubElement(pitch, "step").text = letter
            if alteration:
                SubElement(pitch, "alter").text = str(alteration)
            SubElement(pitch, "octave").text = str(octave)
        ties += ["stop"] if sound.start < begin else []
        ties += ["start"] if sound.end > begin + steps else []
    SubElement(note, "duration").text = str(steps)
    for tie in ties:
        SubElement(note, "tie", type=tie)
    SubElement(note, "voice").text = "1"
    SubElement(note, "type").text = kind
    for _ in range(dots):
        SubElement(note, "dot")
    if head:
        SubElement(note, "notehead").text = head
    if ties:
        notations = SubElement(note, "notations")
        for tie in ties:
            SubElement(notations, "tied", type=tie)
