"""A chord chart: the chords that a person asks for, as musicians write them, by half bars.

"Am F C G" is a bar each, "Am:2 F:0.5" says how many bars, "| Am F | C | % |" parts bars by lines:
two chords in one share it, "%" is the bar before once more. "N.C." leaves a place open.
"""

from __future__ import annotations

from collections.abc import Sequence

from pixmus.errors import PixMusError
from pixmus.score.chords import Chord, parse_chord
from pixmus.score.plan import HALVES

MOST_BARS = 256  # of one chart


def read_chart(text: str) -> tuple[Chord | None, ...]:
    """The chords of a chart, one a half bar, None where it is open; none at all for no words.

    Raises PixMusError where something is no chord or lasts no whole number of half bars.
    """
    chords: list[Chord | None] = []
    if "|" in text:
        for bar in (words.split() for words in text.strip().strip("|").split("|")):
            chords += _bar(bar, chords)
    else:
        for word in text.split():
            chords += _lasting(word)
    if len(chords) > HALVES * MOST_BARS:
        raise PixMusError(f"The chords last more than {MOST_BARS} bars; they are repeated anyway.")
    return tuple(chords)


def over_bars(chart: Sequence[Chord | None], num_bars: int) -> list[Chord | None]:
    """The chart repeated over so many bars, one chord a half bar."""
    return [chart[half % len(chart)] for half in range(HALVES * num_bars)] if chart else []


def _bar(words: Sequence[str], before: Sequence[Chord | None]) -> list[Chord | None]:
    if list(words) == ["%"]:
        if not before:
            raise PixMusError("% repeats the bar before, but there is none; begin with a chord.")
        return list(before[-HALVES:])
    if not 1 <= len(words) <= HALVES:
        raise PixMusError(
            f"A bar of the chords has {len(words)} of them; write one or two between two lines |."
        )
    found = [parse_chord(word) for word in words]
    return found if len(found) == HALVES else found * HALVES


def _lasting(word: str) -> list[Chord | None]:
    name, colon, bars = word.partition(":")
    try:
        halves = HALVES * float(bars) if colon else HALVES
    except ValueError:
        halves = 0
    if not 1 <= halves <= HALVES * MOST_BARS or halves != int(halves):
        raise PixMusError(
            f"The chord {word[:40]!r} does not say how many bars it lasts; write it like Am:2 or "
            "Am:0.5, in whole or half bars."
        )
    return [parse_chord(name)] * int(halves)
