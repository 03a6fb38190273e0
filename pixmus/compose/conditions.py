"""What steers the denoiser: curves, hit points, positions and textures as arrays on the grid.

Conventions: arrays run over beats; a curve has one value a bar, held for all its beats, and is a
quantile over training bars (0..1, 0.5 = a typical bar). Hit points fall on steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pixmus.compose.texture import NUM_COLUMNS, texture_columns
from pixmus.cues.sheet import CueSheet
from pixmus.curves import CURVE_RATE_HZ, CURVES
from pixmus.ensembles import STYLES
from pixmus.keys import key_is_major
from pixmus.score.notes import STEPS_PER_BEAT
from pixmus.score.tempo import CueSpan, PlacedHit, TempoMap


@dataclass(frozen=True)
class BeatConditions:
    """What the denoiser knows of every beat of a piece besides its notes; see `as_array`."""

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
        num_beats = len(self.curves)
        since, until = hit_distances(self.hits)
        columns = np.zeros((num_beats, NUM_CONDITIONS), np.float32)
        columns[:, CURVE_COLUMNS] = 2 * self.curves - 1
        columns[:, MOOD_KNOWN] = 1
        columns[:, HIT_COLUMNS] = self.hits.reshape(num_beats, STEPS_PER_BEAT)
        columns[:, 9] = 1 - np.minimum(until, HIT_HORIZON) / HIT_HORIZON
        columns[:, 10] = 1 - np.minimum(since, HIT_HORIZON) / HIT_HORIZON
        columns[:, TIMING_KNOWN] = 1
        columns[:, TEMPO_COLUMN] = np.log2(self.tempo_bpm / 100)
        columns[np.arange(num_beats), 13 + np.minimum(self.beat_in_bar, 3)] = 1
        columns[:, SHORT_BAR_COLUMN] = self.bar_length != 4
        columns[:, 18] = np.minimum(self.bars_since_start, POSITION_HORIZON) / POSITION_HORIZON
        columns[:, 19] = np.minimum(self.bars_to_end, POSITION_HORIZON) / POSITION_HORIZON
        columns[:, 20] = self.bars_since_start < 1
        columns[:, 21] = self.bars_to_end < 1
        columns[:, MODE_COLUMN] = 1 if self.minor else -1
        columns[:, MODE_COLUMN + 1 + self.style] = 1
        return columns


HIT_HORIZON = 16  # beats: a hit further away is not felt
POSITION_HORIZON = 8  # bars
CURVE_COLUMNS, MOOD_KNOWN = slice(0, 4), 4
HIT_COLUMNS, TIMING_KNOWN = slice(5, 9), 11
MOOD_COLUMNS, TIMING_COLUMNS = slice(0, 5), slice(5, 12)
TEMPO_COLUMN, SHORT_BAR_COLUMN = 12, 17
POSITION_COLUMNS, MODE_COLUMN = slice(18, 22), 22  # 1 major, -1 minor; styles follow
_AFTER_STYLES = MODE_COLUMN + 1 + len(STYLES)
TEXTURE_COLUMNS = slice(_AFTER_STYLES, _AFTER_STYLES + NUM_COLUMNS)
ECHO_COLUMN = TEXTURE_COLUMNS.stop  # likeness 0..1 to the bars that are echoed, 0 = none
NUM_CONDITIONS = ECHO_COLUMN + 1


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


def add_textures(
    array: np.ndarray, textures: np.ndarray, blocks: np.ndarray, beat_in_bar: np.ndarray
) -> np.ndarray:
    """Conditions that also tell textures (blocks, parts, values); `blocks` (beats,) says which."""
    told = array.copy()
    told[:, TEXTURE_COLUMNS] = texture_columns(textures, blocks, beat_in_bar)
    return told


def condition(
    cue_sheet: CueSheet, tempo_map: TempoMap, span: CueSpan, placed: Sequence[PlacedHit]
) -> BeatConditions:
    """The conditions of one cue's beats, from its first beat to the bar of its last chord.

    Curves are averaged over each bar; hits are the placed ones.
    """
    starts = np.asarray(tempo_map.bar_starts)
    lengths = np.asarray(tempo_map.bar_lengths)
    bar_of_beat = np.searchsorted(starts, np.arange(tempo_map.num_beats), "right") - 1
    last_bar = bar_of_beat[min(span.final_beat, tempo_map.num_beats - 1)]
    beats = np.arange(
        span.first_beat, min(starts[last_bar] + lengths[last_bar], tempo_map.num_beats)
    )
    bars = bar_of_beat[beats]

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
        bars_since_start=bars - bars[0],
        bars_to_end=bars[-1] - bars,
        minor=not key_is_major(cue_sheet.key),
        style=STYLES.index(cue_sheet.style),
    )
