"""Last chords: how each part plays them, and when kept notes belong to them."""

from __future__ import annotations

import pytest

from pixmus.chords import Chord, Quality, parse_chord
from pixmus.compose.endings import agrees, last_chord, tonic_chord
from pixmus.ensembles import PARTS, Part
from pixmus.score.notes import Note

PITCHED = [part for part in PARTS if part != Part.DRUMS]


def pitches(chord: Chord) -> dict[str, list[int]]:
    struck = last_chord(PITCHED, chord, onset=8.0, duration=4.0, register=0.5, energy=0.5)
    assert all(
        (note.onset, note.duration) == (8.0, 4.0) for part in PITCHED for note in struck[part]
    )
    return {part: [note.pitch for note in struck[part]] for part in PITCHED}


def test_the_tonic_is_voiced_around_middle_c() -> None:
    assert tonic_chord(False) == Chord(0) and tonic_chord(True) == Chord(9, Quality.MINOR)
    assert pitches(tonic_chord(False)) == {
        Part.MELODY: [72],
        Part.COUNTER: [64],
        Part.HARMONY: [60, 64, 67, 55],
        Part.BASS: [36],
        Part.PAD: [60, 64, 67],
    }
    assert pitches(tonic_chord(True))[Part.HARMONY] == [57, 60, 64, 52]


@pytest.mark.parametrize("name", ["F", "Bdim", "G7", "Dm7/C", "Ebmaj7", "Asus4", "F#m/E"])
def test_any_chord_that_is_asked_for_is_played(name: str) -> None:
    chord = parse_chord(name)
    assert chord is not None
    played = pitches(chord)
    assert {pitch % 12 for pitch in played[Part.HARMONY]} == set(chord.pitch_classes)
    assert [pitch % 12 for pitch in played[Part.BASS]] == [chord.bass]
    assert played[Part.MELODY][0] % 12 == chord.root


def test_kept_notes_are_beside_the_chord_that_is_asked_for() -> None:
    stay = {Part.MELODY: [Note(6.0, 67, 4.0, 80)], Part.DRUMS: [Note(8.0, 42, 1.0, 80)]}  # G
    assert agrees("E minor", 8, stay) and not agrees("D major", 8, stay)
    assert agrees("D major", 8, stay, Chord(5))  # as of C major: heard as G
    assert not agrees("E minor", 8, stay, Chord(2))  # as of A minor: heard as A
