"""`CueBars`: the bars of every cue, one cue after the other, and what is asked of their beats.

A plan and the voices that follow it count these bars: those in which no music plays are left out,
and a bar in which one cue ends and the next enters counts twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from pixmus.chords import Chord
from pixmus.compose.conditions import BeatConditions, condition
from pixmus.compose.draft import Draft
from pixmus.compose.endings import tonic_chord
from pixmus.cues.sheet import CueSheet
from pixmus.keys import key_is_major, key_tonic
from pixmus.score.plan import HALVES, tonic_of
from pixmus.score.spans import CueSpan, place_hits
from pixmus.score.tempo import TempoMap

INTRODUCED_BARS = 24  # a first cue of so many bars has an introduction,
UNDER_WAY_BARS = 4  # which is over after so many
LEAST_RING_BEATS = 1  # a chord that is asked for so shortly before a cue's end is not struck


@dataclass(frozen=True)
class CueBars:
    """One cue's beats and bars, and its first bar among those of all cues."""

    span: CueSpan
    end_beat: float  # the cue has ended
    conditions: BeatConditions
    first_bar: int
    bars_before: int  # that it is told to have gone before it
    # The chords that are asked for, by the cue's beats, in C major or A minor; others are open.
    asked: Mapping[int, Chord] = field(default_factory=dict)

    @property
    def num_beats(self) -> int:
        return len(self.conditions.curves)

    @cached_property
    def bar_of_beat(self) -> np.ndarray:
        """The cue's bar of each of its beats, int (beats,); one entered late is the first."""
        opens = self.conditions.beat_in_bar == 0
        return np.asarray(np.cumsum(opens) - opens[0])

    @cached_property
    def bar_starts(self) -> np.ndarray:
        """The cue's beats that open its bars."""
        return np.flatnonzero(np.diff(self.bar_of_beat, prepend=-1))

    @property
    def num_bars(self) -> int:
        return len(self.bar_starts)

    @property
    def end_bar(self) -> int:
        return self.first_bar + self.num_bars

    @cached_property
    def half_of_beat(self) -> np.ndarray:
        """Of each beat the half bar among those of all cues, int (beats,)."""
        second = self.conditions.beat_in_bar >= 2
        return np.asarray(HALVES * (self.first_bar + self.bar_of_beat) + second)

    @property
    def asked_halves(self) -> dict[int, Chord]:
        """The chords that are asked for, by half bars among those of all cues."""
        return {int(self.half_of_beat[beat]): chord for beat, chord in self.asked.items()}

    @property
    def asked_beats(self) -> frozenset[int]:
        """The beats of the piece for which a chord is asked for."""
        return frozenset(self.span.first_beat + beat for beat in self.asked)

    @cached_property
    def last_chords(self) -> dict[int, Chord]:
        """What rings at the cue's end, by the cue's beat on which it is struck, in order.

        In C major or A minor: the tonic, unless a chord is asked for there. Another follows where
        it is asked for `LEAST_RING_BEATS` before the cue's end. None where a cue leads on.
        """
        final = self.span.final_beat - self.span.first_beat
        if not 0 <= final < self.num_beats:
            return {}
        ringing = {final: self.asked.get(final, tonic_chord(self.conditions.minor))}
        latest = self.end_beat - self.span.first_beat - LEAST_RING_BEATS
        for beat in range(final + 1, self.num_beats):
            chord = self.asked.get(beat, ringing[max(ringing)])
            if chord != ringing[max(ringing)] and beat <= latest:
                ringing[beat] = chord
        return ringing


def bars_of_cues(draft: Draft, chords: Sequence[Chord | None] | None = None) -> list[CueBars]:
    """The bars of the draft's cues, in order.

    `chords` are asked for, as heard, of every half bar of the tempo map's bars; None is open.
    """
    sheet, tempo_map = draft.cue_sheet, draft.score.tempo_map
    placed = place_hits(tempo_map, sheet.hit_points)
    found: list[CueBars] = []
    for span, end_beat in draft.spans:
        before = bars_before(sheet, tempo_map, span)
        conditions = condition(sheet, tempo_map, span, placed, before)
        first_bar = found[-1].end_bar if found else 0
        cue = CueBars(span, end_beat, conditions, first_bar, before)
        found.append(replace(cue, asked=_asked_of(cue, draft, chords)) if chords else cue)
    return found


def _asked_of(cue: CueBars, draft: Draft, chords: Sequence[Chord | None]) -> dict[int, Chord]:
    """The chords that are asked for of a cue's beats, in C major or A minor.

    One that rings at the cue's end goes on where nothing else is asked for.
    """
    key = draft.cue_sheet.key
    shift = tonic_of(not key_is_major(key)) - key_tonic(key)
    starts = np.asarray(draft.score.tempo_map.bar_starts)
    final = cue.span.final_beat - cue.span.first_beat
    found: dict[int, Chord] = {}
    for beat in range(cue.num_beats):
        bar = int(np.searchsorted(starts, cue.span.first_beat + beat, "right")) - 1
        half = HALVES * bar + int(cue.conditions.beat_in_bar[beat] >= 2)
        chord = chords[half] if half < len(chords) else None
        if chord is not None:
            found[beat] = chord.transposed(shift)
        elif beat > final and beat - 1 in found:
            found[beat] = found[beat - 1]
    return found


def bars_before(cue_sheet: CueSheet, tempo_map: TempoMap, span: CueSpan) -> int:
    """How many bars the model is told that stand before a cue.

    Only a piece's first bars are a beginning, where real melodies often wait; where they are all
    there is of a short piece, or the piece goes on from cue to cue, the music is under way.
    """
    starts = np.asarray(tempo_map.bar_starts)
    bars = int(((starts >= span.first_beat) & (starts < span.final_beat)).sum())
    is_first = tempo_map.to_seconds(span.first_beat) < cue_sheet.cues[0].end
    return 0 if is_first and bars >= INTRODUCED_BARS else UNDER_WAY_BARS
