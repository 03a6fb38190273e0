"""A window written by plan and voices: its parts alone, the same every time, by its wishes."""

from __future__ import annotations

import numpy as np

from pixmus.compose.conditions import BeatConditions
from pixmus.compose.writing import Writers
from pixmus.curves import CURVES, Curve
from pixmus.ensembles import PARTS, STYLES, Part, Style
from pixmus.score.grid import BEATS_PER_BAR, STEPS_PER_BEAT
from pixmus.score.notes import CELL_PARTS, PART_LAYOUTS
from pixmus.training.window_writing import write_window

OFFERED = (Part.MELODY, Part.HARMONY)
BEATS = 8 * BEATS_PER_BAR


def wishes(energy: float) -> np.ndarray:
    curves = np.full((BEATS, len(CURVES)), 0.5)
    curves[:, CURVES.index(Curve.ENERGY)] = energy
    beats = np.arange(BEATS)
    return BeatConditions(
        curves=curves,
        hits=np.zeros(BEATS * STEPS_PER_BEAT),
        tempo_bpm=np.full(BEATS, 120.0),
        beat_in_bar=beats % BEATS_PER_BAR,
        bar_length=np.full(BEATS, BEATS_PER_BAR),
        bars_since_start=8 + beats // BEATS_PER_BAR,
        bars_to_end=16 - beats // BEATS_PER_BAR,
        minor=False,
        style=STYLES.index(Style.POP),
    ).array


def write(writers: Writers, seed: int, energy: float = 0.5) -> np.ndarray:
    return write_window(
        writers,
        wishes(energy),
        OFFERED,
        Style.POP,
        seed=seed,
        guidance_scale=2.0,
        num_inference_steps=4,
    )


def test_a_window_has_its_parts_and_its_seed(writers: Writers) -> None:
    cells = write(writers, 1)
    assert np.array_equal(cells, write(writers, 1))
    assert not np.array_equal(cells, write(writers, 2))
    others = ~np.isin(CELL_PARTS, [PARTS.index(part) for part in OFFERED])
    assert not cells[:, others].any()


def test_energy_is_heard_in_its_velocities(writers: Writers) -> None:
    def loudness(energy: float) -> float:
        velocities = write(writers, 1, energy)[:, PART_LAYOUTS[Part.MELODY].velocities]
        return float(velocities[velocities > 0].mean())

    assert loudness(0.9) - loudness(0.1) > 20
