"""A `FilmPlan`: the plan of a whole film, and where its bars lie in the score.

Bars in which no music plays are none of its own: it goes from cue to cue.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from pixmus.chords import NO_CHORD, Chord
from pixmus.ensembles import PARTS
from pixmus.keys import key_tonic
from pixmus.score.plan import HALVES, UNKNOWN_DYNAMIC, Plan
from pixmus.score.tempo import TempoMap

HALF_BAR_BEATS = 2


class ChordSpan(NamedTuple):
    """A stretch of one chord, as heard; beats."""

    start: float
    end: float
    chord: Chord


@dataclass(frozen=True)
class FilmPlan:
    """A plan whose bar i begins on the score's beat `beats[i]`; cues begin in `cue_starts`."""

    plan: Plan
    beats: tuple[int, ...]
    cue_starts: tuple[int, ...]
    key: str  # of the score; the plan is in C major or A minor

    @property
    def chords(self) -> list[Chord | None]:
        """The chords of its half bars as they are heard."""
        shift = key_tonic(self.key) - self.plan.tonic
        return [chord.transposed(shift) if chord else None for chord in self.plan.chords]

    def half_bar_spans(self, num_beats: float) -> list[ChordSpan]:
        """The half bars that have a chord, in order, to the end of a score of so many beats.

        Of a 2/4 bar only the first half is played.
        """
        ends = [*self.beats[1:], num_beats]
        spans = []
        for place, chord in enumerate(self.chords):
            bar, half = divmod(place, HALVES)
            start = float(self.beats[bar] + HALF_BAR_BEATS * half)
            end = min(start + HALF_BAR_BEATS, float(ends[bar]))
            if chord is not None and start < end:
                spans.append(ChordSpan(start, end, chord))
        return spans

    def chord_spans(self, num_beats: float) -> list[ChordSpan]:
        """The stretches of one chord, as `half_bar_spans` has them."""
        spans: list[ChordSpan] = []
        for start, end, chord in self.half_bar_spans(num_beats):
            if spans and spans[-1].chord == chord and spans[-1].end == start:
                start = spans.pop().start
            spans.append(ChordSpan(start, end, chord))
        return spans

    def to_dict(self, tempo_map: TempoMap) -> dict[str, Any]:
        """The plan for JSON: bars with chords, parts and dynamics, and phrases with cadences."""
        names = [chord.name(self.key) if chord else NO_CHORD for chord in self.chords]
        plays = self.plan.plays[::HALVES] | self.plan.plays[1::HALVES]
        cadences = [str(cadence) for cadence in self.plan.cadences]
        bars = [
            {
                "time": round(tempo_map.to_seconds(beat), 3),
                "chords": names[HALVES * bar : HALVES * (bar + 1)],
                "plays": [part for part, is_on in zip(PARTS, plays[bar], strict=True) if is_on],
                "dynamics": None if level == UNKNOWN_DYNAMIC else int(level),
            }
            for bar, (beat, level) in enumerate(zip(self.beats, self.plan.dynamics, strict=True))
        ]
        phrases = [
            {
                "first_bar": phrase.first_bar,
                "bars": phrase.num_bars,
                "letter": phrase.letter,
                "returns_to": phrase.source if phrase.source >= 0 else None,
                "likeness": round(phrase.likeness, 3),
                "cadence": next(
                    (
                        cadence
                        for cadence in cadences[HALVES * phrase.first_bar : HALVES * phrase.end_bar]
                        if cadence != "none"
                    ),
                    "none",
                ),
            }
            for phrase in self.plan.phrases
        ]
        cues = list(self.cue_starts)
        return {"key": self.key, "cues": cues, "bars": bars, "phrases": phrases}
