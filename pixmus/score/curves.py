"""The curves that a score has, measured bar by bar: density, energy, valence and register.

`measure_bars` is the only definition of the curves on the music's side: training, composing and
the studies all measure with it. `CurveTables` turns what it measures into quantiles (0..1, 0.5 = a
typical bar) over the bars of training music.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pixmus.curves import Curve
from pixmus.ensembles import PARTS, Part
from pixmus.score.grid import STEPS_PER_BEAT
from pixmus.score.key_finding import key_correlations
from pixmus.score.notes import NUM_CELLS, PART_LAYOUTS, Score, encode_score
from pixmus.score.tempo import TempoMap

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
        """ValueError where a table is no rising row of finite numbers."""
        tables = {name: np.array(table, float) for name, table in json.loads(text).items()}
        for name, table in tables.items():
            if table.ndim != 1 or len(table) < 2 or not np.isfinite(table).all():
                raise ValueError(f"the table of {name} is no row of numbers")
            if (np.diff(table) < 0).any():
                raise ValueError(f"the table of {name} falls")
        return cls(tables)

    @classmethod
    def load(cls, path: Path) -> CurveTables:
        """ValueError also where a raw curve has no table."""
        found = cls.from_json(path.read_text())
        if not found.tables.keys() >= set(RAW_CURVES):
            raise ValueError("a curve has no table")
        return found


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
