"""What steers the writing: curves, hit points and positions as arrays on the grid.

Conventions: arrays run over beats; a curve has one value a bar, held for all its beats, and is a
quantile over training bars (0..1, 0.5 = a typical bar). Hit points fall on steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pixmus.cues.sheet import CueSheet
from pixmus.curves import CURVE_RATE_HZ, CURVES, Curve
from pixmus.ensembles import STYLES
from pixmus.keys import key_is_major
from pixmus.score.grid import BEATS_PER_BAR, STEPS_PER_BEAT
from pixmus.score.spans import CueSpan, PlacedHit
from pixmus.score.tempo import TempoMap

MOOD, TIMING = "mood", "timing"  # what guidance leads to, and training now and then leaves out
# What the networks are told of a beat, in order: how many columns, and with what they are left out.
# One more is one line here, and one in `BeatConditions.array` that fills it.
_TABLE: dict[str, tuple[int, str]] = {
    "curves": (len(CURVES), MOOD),  # -1..1
    "mood_known": (1, MOOD),
    "hits": (STEPS_PER_BEAT, TIMING),  # strength 0..1 on each step
    "next_hit": (1, TIMING),  # how near, 0..1; 1 is here
    "last_hit": (1, TIMING),
    "timing_known": (1, TIMING),
    "tempo": (1, ""),  # octaves above 100 bpm
    "beat_in_bar": (4, ""),  # which one, 1 of 4
    "short_bar": (1, ""),
    "bars_since_start": (1, ""),  # over `POSITION_HORIZON`, at most 1
    "bars_to_end": (1, ""),
    "first_bar": (1, ""),
    "last_bar": (1, ""),
    "mode": (1, ""),  # 1 minor, -1 major
    "style": (len(STYLES), ""),  # which one, 1 of all
}


def _slices() -> dict[str, slice]:
    ends = np.cumsum([width for width, _ in _TABLE.values()]).tolist()
    return {
        name: slice(end - width, end)
        for (name, (width, _)), end in zip(_TABLE.items(), ends, strict=True)
    }


def _left_out_with(group: str) -> np.ndarray:
    return np.concatenate(
        [np.r_[COLUMNS[name]] for name, (_, left_out) in _TABLE.items() if left_out == group]
    )


COLUMNS = _slices()
NUM_CONDITIONS = sum(width for width, _ in _TABLE.values())
MOOD_COLUMNS, TIMING_COLUMNS = _left_out_with(MOOD), _left_out_with(TIMING)
MODE_COLUMN = COLUMNS["mode"].start  # an index, so that it is read as one value a beat
HIT_HORIZON = 16  # beats: a hit further away is not felt
POSITION_HORIZON = 8  # bars
STILLEST = 0.06  # density that a calm picture asks for at least: below it bars are all but empty


@dataclass(frozen=True)
class BeatConditions:
    """What is wanted of every beat of a piece besides its notes; see `array`."""

    curves: np.ndarray  # (beats, 4), 0..1
    hits: np.ndarray  # (steps,), strength 0..1, 0 = none
    tempo_bpm: np.ndarray  # (beats,)
    beat_in_bar: np.ndarray  # (beats,), int
    bar_length: np.ndarray  # (beats,), int
    bars_since_start: np.ndarray  # (beats,)
    bars_to_end: np.ndarray  # (beats,)
    minor: bool
    style: int

    @cached_property
    def array(self) -> np.ndarray:
        """All conditions, float32 (beats, NUM_CONDITIONS), curves and hits known."""
        beats = np.arange(len(self.curves))
        since, until = hit_distances(self.hits)
        columns = np.zeros((len(beats), NUM_CONDITIONS), np.float32)
        told = {name: columns[:, span] for name, span in COLUMNS.items()}  # views
        told["curves"][:] = 2 * self.curves - 1
        told["mood_known"][:] = 1
        told["hits"][:] = self.hits.reshape(len(beats), STEPS_PER_BEAT)
        told["next_hit"][:, 0] = 1 - np.minimum(until, HIT_HORIZON) / HIT_HORIZON
        told["last_hit"][:, 0] = 1 - np.minimum(since, HIT_HORIZON) / HIT_HORIZON
        told["timing_known"][:] = 1
        told["tempo"][:, 0] = np.log2(self.tempo_bpm / 100)
        told["beat_in_bar"][beats, np.minimum(self.beat_in_bar, 3)] = 1
        told["short_bar"][:, 0] = self.bar_length != BEATS_PER_BAR
        told["bars_since_start"][:, 0] = (
            np.minimum(self.bars_since_start, POSITION_HORIZON) / POSITION_HORIZON
        )
        told["bars_to_end"][:, 0] = (
            np.minimum(self.bars_to_end, POSITION_HORIZON) / POSITION_HORIZON
        )
        told["first_bar"][:, 0] = self.bars_since_start < 1
        told["last_bar"][:, 0] = self.bars_to_end < 1
        told["mode"][:] = 1 if self.minor else -1
        told["style"][:, self.style] = 1
        return columns


def hit_distances(hits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Beats since the last and until the next hit, per beat, counted from the beat's first step."""
    steps = np.flatnonzero(hits > 0)
    firsts = np.arange(0, len(hits), STEPS_PER_BEAT)
    far = np.full(len(firsts), np.inf)
    if not len(steps):
        return far, far
    after = np.searchsorted(steps, firsts, "left")
    until = np.where(after < len(steps), steps[np.minimum(after, len(steps) - 1)] - firsts, np.inf)
    before = np.searchsorted(steps, firsts, "right") - 1
    since = np.where(before >= 0, firsts - steps[np.maximum(before, 0)], np.inf)
    return since / STEPS_PER_BEAT, until / STEPS_PER_BEAT


def without_mood(array: np.ndarray) -> np.ndarray:
    """Conditions with the curves unknown."""
    dropped = array.copy()
    dropped[..., MOOD_COLUMNS] = 0
    return dropped


def without_mood_and_timing(array: np.ndarray) -> np.ndarray:
    """Conditions with curves and hit points unknown."""
    dropped = without_mood(array)
    dropped[..., TIMING_COLUMNS] = 0
    return dropped


def in_other_mode(array: np.ndarray) -> np.ndarray:
    """Conditions with major for minor and minor for major."""
    turned = array.copy()
    turned[..., MODE_COLUMN] *= -1
    return turned


def beats_of(tempo_map: TempoMap, span: CueSpan) -> np.ndarray:
    """The beats of one cue, from its first to the end of the bar of its last chord.

    Of one that leads on: to where the next cue enters.
    """
    if span.leads_on:
        return np.arange(span.first_beat, span.final_beat)
    starts, lengths = np.asarray(tempo_map.bar_starts), np.asarray(tempo_map.bar_lengths)
    final = min(span.final_beat, tempo_map.num_beats - 1)
    last_bar = np.searchsorted(starts, final, "right") - 1
    return np.arange(
        span.first_beat, min(starts[last_bar] + lengths[last_bar], tempo_map.num_beats)
    )


def condition(
    cue_sheet: CueSheet,
    tempo_map: TempoMap,
    span: CueSpan,
    placed: Sequence[PlacedHit],
    bars_before: int = 0,
) -> BeatConditions:
    """The conditions of one cue's beats (see `beats_of`).

    Curves are averaged over each bar; hits are the placed ones. `bars_before` are the bars that
    went before: only the first cue begins a piece, and one that leads on does not end it.
    """
    starts = np.asarray(tempo_map.bar_starts)
    lengths = np.asarray(tempo_map.bar_lengths)
    beats = beats_of(tempo_map, span)
    bars = np.searchsorted(starts, beats, "right") - 1

    grid = (np.arange(len(cue_sheet.curves[CURVES[0]])) + 0.5) / CURVE_RATE_HZ
    curves = np.zeros((len(beats), len(CURVES)))
    for row, bar in enumerate(bars):
        begin = tempo_map.to_seconds(starts[bar])
        end = tempo_map.to_seconds(starts[bar] + lengths[bar])
        inside = (grid >= begin) & (grid < end)
        for column, name in enumerate(CURVES):
            values = cue_sheet.curves[name]
            middle = np.interp((begin + end) / 2, grid, values)
            curves[row, column] = values[inside].mean() if inside.any() else middle

    density = CURVES.index(Curve.DENSITY)
    curves[:, density] = np.maximum(curves[:, density], STILLEST)

    hits = np.zeros(len(beats) * STEPS_PER_BEAT)
    for hit in placed:
        step = round((hit.beat - span.first_beat) * STEPS_PER_BEAT)
        if 0 <= step < len(hits):
            hits[step] = max(hits[step], hit.strength, 1e-3)
    return BeatConditions(
        curves=curves,
        hits=hits,
        tempo_bpm=np.asarray(tempo_map.local_tempo_bpm)[beats],
        beat_in_bar=beats - starts[bars],
        bar_length=lengths[bars],
        bars_since_start=bars - bars[0] + bars_before,
        bars_to_end=bars[-1] - bars + (POSITION_HORIZON if span.leads_on else 0),
        minor=not key_is_major(cue_sheet.key),
        style=STYLES.index(cue_sheet.style),
    )
