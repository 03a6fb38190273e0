"""Charts as musicians write them, and what is said of those that are none."""

from __future__ import annotations

import numpy as np
import pytest
from planned import planned

from pixmus.chords import parse_chord
from pixmus.cues.sheet_chords import SheetChord
from pixmus.errors import PixMusError
from pixmus.score.chord_chart import given_over_bars, over_bars, read_chart, told_chords
from pixmus.score.notes import Score
from pixmus.score.tempo import TempoMap


def told(text: str) -> list[str]:
    return ["-" if chord is None else str(chord) for chord in read_chart(text)]


@pytest.mark.parametrize(
    ("text", "halves"),
    [
        ("", []),
        ("Am F", ["Am", "Am", "F", "F"]),
        ("Am:2 F:0.5 G:0.5", ["Am", "Am", "Am", "Am", "F", "G"]),
        ("| Am F | C/E | % |", ["Am", "F", "C/E", "C/E", "C/E", "C/E"]),
        ("C | N.C. G7", ["C", "C", "-", "G7"]),
        ("C#maj7 Dbmaj7", ["C#maj7"] * 4),  # one chord in two spellings
    ],
)
def test_a_chart_is_read_by_half_bars(text: str, halves: list[str]) -> None:
    assert told(text) == halves


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Am H7x", "'H7x' is none"),
        ("Am:x", "Am:2 or Am:0.5"),
        ("Am:0.3", "Am:2 or Am:0.5"),
        ("Am:nan", "Am:2 or Am:0.5"),
        ("Am:-1", "Am:2 or Am:0.5"),
        ("Am:1e9", "Am:2 or Am:0.5"),
        ("| Am F G |", "has 3 of them"),
        ("| Am || F |", "has 0 of them"),
        ("| % |", "repeats the bar before"),
        ("Am:200 F:200", "more than 256 bars"),
    ],
)
def test_what_is_no_chart_is_one_sentence(text: str, words: str) -> None:
    with pytest.raises(PixMusError, match=words) as raised:
        read_chart(text)
    assert "\n" not in str(raised.value)


def test_a_chart_is_repeated_over_the_bars() -> None:
    chart = read_chart("Am:1.5 F:0.5 C")
    filled = over_bars(chart, 4)
    assert len(filled) == 8 and filled[:6] == list(chart) and filled[6:] == list(chart[:2])
    assert over_bars((), 4) == []


def test_a_cue_sheets_given_chords_fall_on_their_half_bars() -> None:
    tempo_map = TempoMap(0.1 + 0.5 * np.arange(13), (0, 4, 8))  # half bars of a second
    chords = [
        SheetChord(0.0, parse_chord("Am")),
        SheetChord(1.4, parse_chord("F")),  # a little late
        SheetChord(2.1, parse_chord("C"), False),  # which only tells
        SheetChord(4.0, parse_chord("G")),  # a little early
        SheetChord(5.1, None),
    ]
    names = [str(chord or "-") for chord in given_over_bars(chords, tempo_map)]
    assert names == ["Am", "F", "-", "-", "G", "-"]
    assert given_over_bars([SheetChord(0.0, parse_chord("C"), False)], tempo_map) == []
    beats = [
        SheetChord(0, parse_chord("Am"), in_beats=True),
        SheetChord(6, parse_chord("G"), in_beats=True),
    ]
    names = [str(chord) for chord in given_over_bars(beats, tempo_map)]
    assert names == ["Am", "Am", "Am", "G", "G", "G"]


def test_what_a_plan_tells_a_cue_sheet_is_asked_for_again() -> None:
    tempo_map = TempoMap(0.1 + 0.5 * np.arange(21), (0, 4, 8, 12, 16))
    # Another cue begins at beat 12, a bar after the first one has ended.
    plan = planned(["Am", "Am", "F", "G7", "C", "C"], (0, 4, 12), key="A minor")
    score = Score({}, tempo_map, "A minor", plan=plan)
    asked = [*read_chart("Am"), None, *read_chart("G7:0.5")]
    told = told_chords(score, asked)
    assert [(each.start, str(each.chord or "-"), each.is_given) for each in told] == [
        (0.1, "Am", True),
        (2.1, "F", False),
        (3.1, "G7", True),
        (4.1, "-", False),
        (6.1, "C", False),
    ]
    again = given_over_bars(told, tempo_map)
    assert again[: len(asked)] == asked and not any(again[len(asked) :])
    assert told_chords(Score({}, tempo_map, "A minor"), asked) == ()
