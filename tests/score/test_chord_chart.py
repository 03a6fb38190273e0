"""Charts as musicians write them, and what is said of those that are none."""

from __future__ import annotations

import pytest

from pixmus.errors import PixMusError
from pixmus.score.chord_chart import over_bars, read_chart


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
