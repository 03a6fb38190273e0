"""Chords' names both ways, and what is read from notes."""

import numpy as np
import pytest

from pixmus.chords import ALL_QUALITIES, QUALITIES, Chord, Quality, parse_chord
from pixmus.ensembles import PARTS, Part
from pixmus.errors import PixMusError
from pixmus.score.chords import (
    READ_QUALITIES,
    chord_evidence,
    chord_rows,
    chords_of_rows,
    read_chords,
)

KEYS = ("C major", "A minor", "Eb major", "Db minor", "F# major", "E major", "D minor")


def notes(chords: list[tuple[int, ...]], steps: int = 8, part: str = Part.HARMONY) -> np.ndarray:
    """Chords of so many steps each as rows of a piece: part, onset, steps, pitch, velocity."""
    return np.array(
        [
            (PARTS.index(part), steps * index, steps, pitch, 80)
            for index, pitches in enumerate(chords)
            for pitch in pitches
        ]
    )


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("quality", ALL_QUALITIES)
def test_every_chord_comes_back_from_its_name(quality: Quality, key: str) -> None:
    for root in range(12):
        for bass in (root, (root + 4) % 12):
            chord = Chord(root, quality, bass)
            assert parse_chord(chord.name(key)) == chord


def test_names_are_spelt_as_the_key_has_them() -> None:
    assert Chord(10).name("F major") == "Bb"
    assert Chord(10).name("B major") == "A#"
    assert Chord(8, Quality.SEVENTH, 3).name("Eb major") == "Ab7/Eb"
    assert Chord(8, Quality.SEVENTH).name("A minor") == "G#7"
    assert Chord(1, Quality.MINOR).name("Db minor") == "C#m"  # which is C sharp minor
    assert str(Chord(5, bass=0)) == "F/C"


def test_enharmonic_and_other_spellings_are_one_chord() -> None:
    assert parse_chord("Gb/Bb") == parse_chord("F#/A#") == Chord(6, bass=10)
    assert parse_chord("Cb") == parse_chord("B") == Chord(11)
    assert parse_chord(" Amin7 ") == parse_chord("A-7") == Chord(9, Quality.MINOR_SEVENTH)
    assert parse_chord("B°") == parse_chord("Bdim") == Chord(11, Quality.DIMINISHED)
    assert parse_chord("D♭maj9") == parse_chord("C#M7") == Chord(1, Quality.MAJOR_SEVENTH)
    assert parse_chord("N.C.") is None
    assert parse_chord("Dbadd2") == parse_chord("C#add9") == Chord(1, Quality.ADDED_NINTH)
    assert Chord(1, Quality.ADDED_NINTH).pitch_classes == (1, 5, 8, 3)
    assert len(QUALITIES) == 14  # the weights know so many


@pytest.mark.parametrize("text", ["", "H", "am", "C7b9", "C/", "C/x", "Am F", "1"])
def test_what_is_no_chord_is_said(text: str) -> None:
    with pytest.raises(PixMusError, match="write it like Am"):
        parse_chord(text)


def test_transposing_goes_round() -> None:
    chord = Chord(9, Quality.MINOR, 4)
    assert chord.transposed(3) == Chord(0, Quality.MINOR, 7)
    assert chord.transposed(-10).transposed(10) == chord
    assert chord.pitch_classes == (9, 0, 4)


def test_rows_hold_chords_and_none() -> None:
    chords = [Chord(0), None, Chord(7, Quality.SEVENTH, 11)]
    assert chords_of_rows(chord_rows(chords)) == chords
    assert chord_rows([]).shape == (0, 3)


@pytest.mark.parametrize("quality", READ_QUALITIES)
def test_a_plain_chord_is_read_in_every_key(quality: Quality) -> None:
    for root in range(12):
        pitches = (36 + root, *(60 + root + tone for tone in quality.tones))
        assert read_chords(notes([pitches] * 4), 32) == [Chord(root, quality)] * 4


def test_a_progression_with_inversions_and_silence_is_read() -> None:
    played = [(48, 64, 67, 72), (47, 62, 67, 71), (45, 60, 64, 69), (), (41, 60, 65, 69)]
    names = ["C", "G/B", "Am", "N.C.", "F"]
    twice = [pitches for pitches in played for _ in range(2)]
    read = read_chords(notes(twice), 8 * len(twice))
    assert read == [parse_chord(name) for name in names for _ in range(2)]


def test_notes_that_pass_change_no_chord() -> None:
    rows = notes([(48, 60, 64, 67)] * 4)
    passing = [(PARTS.index(Part.MELODY), step, 2, 72 + step % 12, 80) for step in range(0, 32, 2)]
    assert read_chords(np.concatenate([rows, passing]), 32) == [Chord(0)] * 4


def test_evidence_is_shares_and_ignores_drums() -> None:
    drums = notes([(36, 42)], part=Part.DRUMS)
    assert not chord_evidence(drums, 8).sounds.any()
    evidence = chord_evidence(np.concatenate([drums, notes([(48, 64)])]), 12)
    assert evidence.classes.shape == (2, 12)
    assert evidence.classes[0, [0, 4]].tolist() == [0.5, 0.5]
    assert evidence.bass[0].argmax() == 0 and evidence.sounds.tolist() == [True, False]


def test_a_finer_reading_follows_beats() -> None:
    played = [(48, 64, 67), (43, 59, 62)]
    rows = notes(played * 4, steps=4)
    assert read_chords(rows, 32, segment_steps=4) == [Chord(0), Chord(7)] * 4


def test_nothing_is_read_from_nothing() -> None:
    assert read_chords(np.zeros((0, 5), int), 0) == []
    assert read_chords(np.zeros((0, 5), int), 16) == [None, None]
