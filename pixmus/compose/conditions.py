"""What steers the denoiser: curves, hit points, positions and part states as arrays on the grid.

`measure_bars` is the only definition of the curves on the music's side: training, composing and
evaluation all measure with it.

Conventions: arrays run over beats; a curve has one value a bar, held for all its beats, and is a
quantile over training bars (0..1, 0.5 = a typical bar). Hit points fall on steps.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pixmus.compose.texture import NUM_COLUMNS, texture_columns
from pixmus.cues.sheet import CueSheet
from pixmus.curves import CURVE_RATE_HZ, CURVES, Curve
from pixmus.ensembles import PARTS, STYLES, Part
from pixmus.keys import key_is_major
from pixmus.score.notes import NUM_CELLS, PART_LAYOUTS, STEPS_PER_BEAT, Score, encode_score
from pixmus.score.tempo import CueSpan, PlacedHit, TempoMap

# Part states: what the denoiser is told of a part at a beat.
TO_MAKE, GIVEN, OFF = 0, 1, 2

# Velocities as the denoiser sees them.
VELOCITY_CENTRE, VELOCITY_SCALE = 72.0, 32.0


def to_x0(cells: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Cells uint8 (..., NUM_CELLS) as the denoiser sees them, in `dtype`.

    Roll cells are -1 or 1; velocities are centred and scaled, 0 where there is no onset.
    """
    x0 = cells.to(dtype).mul_(2).sub_(1)
    for layout in PART_LAYOUTS.values():
        x0[..., layout.velocities] = scale_velocity(cells[..., layout.velocities]).to(dtype)
    return x0


def scale_velocity(velocity: Tensor) -> Tensor:
    """Velocities uint8 as the denoiser sees them, float32; 0 stays 0."""
    scaled = (velocity.float() - VELOCITY_CENTRE) / VELOCITY_SCALE
    return torch.where(velocity > 0, scaled, 0.0)


# Krumhansl & Kessler (1982) probe-tone profiles, major and minor, tonic first.
MAJOR_PROFILE = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
MINOR_PROFILE = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])

# Per beat and part: onsets, struck steps, their summed velocity, sounding cells, pitch-weighted
# sounding cells, then 12 pitch classes of sounding cells.
NUM_STATISTICS = 5 + 12

RAW_CURVES = (Curve.DENSITY, "velocity", "voices", Curve.REGISTER, "majorness")
# Mode is by far the largest cue of happy against sad in Eerola, Friberg & Bresin (2013), tempo and
# register follow.
VALENCE_WEIGHTS = {"majorness": 0.6, Curve.DENSITY: 0.25, Curve.REGISTER: 0.15}


def beat_statistics(cells: np.ndarray) -> np.ndarray:
    """Sums from which the curves are made, float32 (beats, parts, NUM_STATISTICS).

    `cells` is uint8 (beats, NUM_CELLS). Drums count for nothing.
    """
    assert cells.ndim == 2 and cells.shape[1] == NUM_CELLS, f"{cells.shape=}"
    statistics = np.zeros((len(cells), len(PARTS), NUM_STATISTICS), np.float32)
    for index, part in enumerate(PARTS):
        if part == Part.DRUMS:
            continue
        layout = PART_LAYOUTS[part]
        pitches = layout.lowest_pitch + np.arange(layout.num_pitches)
        sounding = (
            cells[:, layout.sounding]
            .reshape(len(cells), STEPS_PER_BEAT, layout.num_pitches)
            .sum(1, dtype=np.float32)
        )  # (beats, pitches)
        velocity = cells[:, layout.velocities]
        statistics[:, index, 0] = cells[:, layout.onsets].sum(1)
        statistics[:, index, 1] = (velocity > 0).sum(1)
        statistics[:, index, 2] = velocity.sum(1, dtype=np.float32)
        statistics[:, index, 3] = sounding.sum(1)
        statistics[:, index, 4] = sounding @ pitches.astype(np.float32)
        classes = np.zeros((layout.num_pitches, 12), np.float32)
        classes[np.arange(layout.num_pitches), pitches % 12] = 1
        statistics[:, index, 5:] = sounding @ classes
    return statistics


@cache
def _key_profiles() -> np.ndarray:
    """The profiles of the 24 keys, majors then minors, mean 0 and norm 1. (24, 12)"""
    profiles = np.stack(
        [
            np.roll(profile, tonic)
            for profile in (MAJOR_PROFILE, MINOR_PROFILE)
            for tonic in range(12)
        ]
    )
    profiles = profiles - profiles.mean(1, keepdims=True)
    return profiles / np.linalg.norm(profiles, axis=1, keepdims=True)


def key_correlations(pitch_classes: np.ndarray) -> np.ndarray:
    """Correlation of pitch-class weights (..., 12) with the 24 keys (..., 24): majors, minors.

    Krumhansl & Schmuckler's key-finding (Krumhansl 1990, chapter 4).
    """
    centred = pitch_classes - pitch_classes.mean(-1, keepdims=True)
    norm = np.linalg.norm(centred, axis=-1, keepdims=True)
    return (centred / np.maximum(norm, 1e-9)) @ _key_profiles().T


def measure_bars(
    statistics: np.ndarray, bar_starts: Sequence[int] | np.ndarray, bar_seconds: np.ndarray
) -> dict[str, np.ndarray]:
    """Raw value of each of `RAW_CURVES` per bar; NaN where a bar has nothing to measure.

    `statistics` is (beats, NUM_STATISTICS), summed over the parts that count; `bar_seconds` the
    length of each bar. Density: onsets a second. Velocity: mean over struck steps. Voices: mean
    number of sounding notes. Register: duration-weighted mean pitch. Majorness: best major minus
    best minor key correlation over the bar and two bars to either side.
    """
    sums = np.add.reduceat(statistics, np.asarray(bar_starts), axis=0)  # (bars, statistics)
    beats = np.diff(np.append(np.asarray(bar_starts), len(statistics)))
    with np.errstate(divide="ignore", invalid="ignore"):
        velocity = np.where(sums[:, 1] > 0, sums[:, 2] / sums[:, 1], np.nan)
        register = np.where(sums[:, 3] > 0, sums[:, 4] / sums[:, 3], np.nan)
    padded = np.pad(sums[:, 5:], ((2, 2), (0, 0)))
    around = np.sum([padded[shift : shift + len(sums)] for shift in range(5)], axis=0)
    correlations = key_correlations(around)
    majorness = correlations[:, :12].max(1) - correlations[:, 12:].max(1)
    majorness = np.where(around.sum(1) > 0, majorness, np.nan)
    return {
        Curve.DENSITY: sums[:, 0] / bar_seconds,
        "velocity": velocity,
        "voices": sums[:, 3] / (beats * STEPS_PER_BEAT),
        Curve.REGISTER: register,
        "majorness": majorness,
    }


@dataclass(frozen=True)
class CurveTables:
    """Quantiles of every measured quantity over training bars, stored beside the weights.

    `tables[name]` is an increasing array; entry i of n is the quantile i / (n - 1).
    """

    tables: dict[str, np.ndarray]

    def quantile(self, name: str, values: np.ndarray) -> np.ndarray:
        """Where values stand among training bars, 0..1; a value that repeats takes its middle."""
        table = self.tables[name]
        low = np.searchsorted(table, values, "left")
        high = np.searchsorted(table, values, "right")
        exact = (low + high - 1) / 2
        inside = np.interp(values, table, np.arange(len(table)))
        return np.clip(np.where(high > low + 1, exact, inside) / (len(table) - 1), 0, 1)

    def curves(
        self, raw: dict[str, np.ndarray], has_velocity: bool = True
    ) -> dict[str, np.ndarray]:
        """The four curves per bar from `measure_bars`; an unmeasurable bar takes 0.5.

        Energy is the mean quantile of velocity and voices (voices alone without velocities).
        Valence is the sum weighted by `VALENCE_WEIGHTS`. Both are then ranked among training bars
        again, so that 0.5 is a typical bar.
        """
        ranks = {
            name: np.where(np.isnan(raw[name]), 0.5, self.quantile(name, np.nan_to_num(raw[name])))
            for name in RAW_CURVES
        }
        energy = ranks["voices"]
        if has_velocity:
            energy = (ranks["voices"] + ranks["velocity"]) / 2
        valence = np.sum([weight * ranks[name] for name, weight in VALENCE_WEIGHTS.items()], axis=0)
        if Curve.ENERGY in self.tables:
            energy = self.quantile(Curve.ENERGY if has_velocity else "voices_alone", energy)
            valence = self.quantile(Curve.VALENCE, valence)
        return {
            Curve.DENSITY: ranks[Curve.DENSITY],
            Curve.ENERGY: energy,
            Curve.VALENCE: valence,
            Curve.REGISTER: ranks[Curve.REGISTER],
        }

    def to_json(self) -> str:
        rounded = {name: [round(float(v), 4) for v in table] for name, table in self.tables.items()}
        return json.dumps(rounded)

    @classmethod
    def from_json(cls, text: str) -> CurveTables:
        return cls({name: np.array(table) for name, table in json.loads(text).items()})

    @classmethod
    def load(cls, path: Path) -> CurveTables:
        return cls.from_json(path.read_text())


def bar_seconds(tempo_map: TempoMap) -> np.ndarray:
    """Length of every bar in seconds."""
    starts = np.asarray(tempo_map.bar_starts)
    times = tempo_map.beat_times
    return times[starts + np.asarray(tempo_map.bar_lengths)] - times[starts]


def measure_curves(score: Score, tables: CurveTables) -> dict[str, np.ndarray]:
    """The four curves that a score turned out to have, one value a bar."""
    statistics = beat_statistics(encode_score(score)).sum(1)
    tempo_map = score.tempo_map
    return tables.curves(measure_bars(statistics, tempo_map.bar_starts, bar_seconds(tempo_map)))


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


def echo_x0(cells: Tensor, likeness: Tensor, part_states: Tensor) -> Tensor:
    """Echoed cells uint8 (..., T, NUM_CELLS) as the denoiser sees them: 0 where there are none.

    `likeness` (..., T) is 0 where nothing is echoed; a part that is off echoes nothing.
    """
    heard = (likeness > 0)[..., None] & (part_states != OFF)  # (..., T, parts)
    x0 = to_x0(cells)
    for index, layout in enumerate(PART_LAYOUTS.values()):
        x0[..., layout.cells] *= heard[..., index, None]
    return x0


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
