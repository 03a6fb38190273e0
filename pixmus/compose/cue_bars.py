"""`CueBars`: the bars of every cue, one cue after the other, and what is asked of their beats.

A plan and the voices that follow it count these bars: those in which no music plays are left out,
and a bar in which one cue ends and the next enters counts twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pixmus.compose.conditions import BeatConditions, condition
from pixmus.compose.draft import Draft
from pixmus.cues.sheet import CueSheet
from pixmus.score.plan import HALVES
from pixmus.score.spans import CueSpan, place_hits
from pixmus.score.tempo import TempoMap

INTRODUCED_BARS = 24  # a first cue of so many bars has an introduction,
UNDER_WAY_BARS = 4  # which is over after so many


@dataclass(frozen=True)
class CueBars:
    """One cue's beats and bars, and its first bar among those of all cues."""

    span: CueSpan
    end_beat: float  # the cue has ended
    conditions: BeatConditions
    first_bar: int
    bars_before: int  # that it is told to have gone before it

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


def bars_of_cues(draft: Draft) -> list[CueBars]:
    """The bars of the draft's cues, in order."""
    sheet, tempo_map = draft.cue_sheet, draft.score.tempo_map
    placed = place_hits(tempo_map, sheet.hit_points)
    found: list[CueBars] = []
    for span, end_beat in draft.spans:
        before = bars_before(sheet, tempo_map, span)
        conditions = condition(sheet, tempo_map, span, placed, before)
        first_bar = found[-1].end_bar if found else 0
        found.append(CueBars(span, end_beat, conditions, first_bar, before))
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
