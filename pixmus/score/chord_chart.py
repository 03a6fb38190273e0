"""The chords that a person asks for by half bars: a chart as musicians write it, or a cue sheet's.

"Am F C G" is a bar each, "Am:2 F:0.5" says how many bars, "| Am F | C | % |" parts bars by lines:
two chords in one share it, "%" is the bar before once more. "N.C." leaves a place open.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from pixmus.chords import Chord, parse_chord
from pixmus.cues.sheet_chords import SheetChord
from pixmus.errors import PixMusError
from pixmus.score.film_plan import HALF_BAR_BEATS
from pixmus.score.notes import Score
from pixmus.score.plan import HALVES
from pixmus.score.tempo import TempoMap

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


def given_over_bars(chords: Sequence[SheetChord], tempo_map: TempoMap) -> list[Chord | None]:
    """The given chords of a cue sheet, one a half bar of the tempo map; none at all for none.

    A half bar has the chord that sounds in its middle, so one that is a little early or late still
    falls where it was meant.
    """
    if not any(chord.is_given for chord in chords):
        return []
    starts = np.array([chord.start for chord in chords])
    middles = np.asarray(tempo_map.bar_starts)[:, None] + HALF_BAR_BEATS * (0.5 + np.arange(HALVES))
    times = middles.reshape(-1).astype(float)
    if not chords[0].in_beats:
        times = np.asarray(tempo_map.to_seconds(times))
    sounding = (int(np.searchsorted(starts, time, "right")) - 1 for time in times)
    heard = (chords[place] if place >= 0 else None for place in sounding)
    return [each.chord if each is not None and each.is_given else None for each in heard]


def told_chords(score: Score, asked: Sequence[Chord | None]) -> tuple[SheetChord, ...]:
    """The chords of a score's plan for its cue sheet; those that were `asked` for are given.

    Times are whole microseconds. Where a cue ends and none follows at once, no chord is told.
    """
    if score.plan is None:
        return ()
    tempo_map = score.tempo_map
    bars = np.asarray(tempo_map.bar_starts)
    told: list[SheetChord] = []
    end = -math.inf
    for span in score.plan.half_bar_spans(tempo_map.num_beats):
        if told and span.start > end:
            told.append(SheetChord(_seconds(tempo_map, end), None, False))
        bar = int(np.searchsorted(bars, span.start, "right")) - 1
        half = HALVES * bar + int(span.start - bars[bar] >= HALF_BAR_BEATS)
        is_given = half < len(asked) and asked[half] is not None
        if not told or (told[-1].chord, told[-1].is_given) != (span.chord, is_given):
            told.append(SheetChord(_seconds(tempo_map, span.start), span.chord, is_given))
        end = span.end
    return tuple(told)


def _seconds(tempo_map: TempoMap, beat: float) -> float:
    return round(max(0.0, float(tempo_map.to_seconds(beat))), 6)


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
