"""A hit point lights its own step and no other; curves are quantiles; positions count bars."""

from fractions import Fraction

import numpy as np
import pytest

from pixmus.compose.conditions import (
    COLUMNS,
    MOOD_COLUMNS,
    NUM_CONDITIONS,
    condition,
    hit_distances,
    without_mood,
    without_mood_and_timing,
)
from pixmus.cues.sheet import Cue, CueSheet, HitPoint
from pixmus.curves import CURVES
from pixmus.ensembles import ENSEMBLES
from pixmus.score.curves import (
    RAW_CURVES,
    CurveTables,
    beat_statistics,
    measure_bars,
    measure_curves,
)
from pixmus.score.key_finding import key_correlations
from pixmus.score.notes import Note, Score, encode_score
from pixmus.score.spans import cue_span, place_hits
from pixmus.score.tempo import TempoMap


def sheet(duration: float = 16.0, hits: tuple[HitPoint, ...] = ()) -> CueSheet:
    ramp = np.linspace(0, 1, round(duration * 4), dtype=np.float32)
    return CueSheet(
        duration=duration,
        frame_rate=Fraction(24),
        cuts=(),
        hit_points=hits,
        curves=dict.fromkeys(CURVES, ramp),
        cues=(Cue(0.0, duration, "all"),),
        key="A minor",
        tempo_bpm=120.0,
        tempo_fixed=False,
        style="pop",
        ensemble="piano",
        parts=ENSEMBLES["piano"].parts,
        inputs=("motion",),
    )


def even_tables() -> CurveTables:
    spans = {"density": 20, "velocity": 127, "voices": 10, "register": 100, "majorness": 1}
    return CurveTables({name: np.linspace(0, spans[name], 101) for name in RAW_CURVES})


def test_a_hit_point_lights_its_own_step_and_no_other() -> None:
    tempo_map = TempoMap.constant(120, 16.0)
    cue_sheet = sheet(hits=(HitPoint(3.25, 0.7),))  # beat 6.5: the third step of beat 6
    span = cue_span(tempo_map, cue_sheet.cues[0])
    placed = place_hits(tempo_map, cue_sheet.hit_points)
    array = condition(cue_sheet, tempo_map, span, placed).array
    assert array.shape[1] == NUM_CONDITIONS
    lit = np.argwhere(array[:, COLUMNS["hits"]] > 0)
    assert lit.tolist() == [[6, 2]]
    assert array[6, COLUMNS["hits"]][2] == pytest.approx(0.7)


def test_distances_to_hits() -> None:
    hits = np.zeros(32)
    hits[10] = 1.0  # step 2 of beat 2
    since, until = hit_distances(hits)
    assert until[:3].tolist() == [2.5, 1.5, 0.5]
    assert np.isinf(until[3:]).all() and np.isinf(since[:3]).all()
    assert since[3:].tolist() == [0.5, 1.5, 2.5, 3.5, 4.5]


def test_a_rising_curve_rises_from_bar_to_bar_and_is_held_within() -> None:
    tempo_map = TempoMap.constant(120, 16.0)
    cue_sheet = sheet()
    conditions = condition(cue_sheet, tempo_map, cue_span(tempo_map, cue_sheet.cues[0]), [])
    density = conditions.curves[:, 0].reshape(-1, 4)
    assert (density == density[:, :1]).all()
    assert (np.diff(density[:, 0]) > 0).all()
    assert conditions.bars_to_end[-1] == 0 and conditions.bars_since_start[0] == 0


def test_dropping_is_nested() -> None:
    tempo_map = TempoMap.constant(120, 16.0)
    cue_sheet = sheet(hits=(HitPoint(2.0, 1.0),))
    span = cue_span(tempo_map, cue_sheet.cues[0])
    full = condition(cue_sheet, tempo_map, span, place_hits(tempo_map, cue_sheet.hit_points)).array
    timing = without_mood(full)
    nothing = without_mood_and_timing(full)
    assert not timing[:, MOOD_COLUMNS].any() and (timing[:, COLUMNS["timing_known"]] == 1).all()
    assert not nothing[:, : COLUMNS["timing_known"].stop].any()
    assert (nothing[:, 12:] == full[:, 12:]).all()


def test_measured_values_of_a_known_bar() -> None:
    tempo_map = TempoMap.constant(120, 4.0)
    notes = tuple(Note(float(beat), 60, 1.0, 64) for beat in range(4))
    score = Score({"melody": notes, "drums": (Note(0.0, 36, 0.25, 127),)}, tempo_map)
    statistics = beat_statistics(encode_score(score)).sum(1)
    raw = measure_bars(statistics, tempo_map.bar_starts, np.array([2.0, 2.0]))
    assert raw["density"].tolist() == [2.0, 0.0]  # four onsets in two seconds; drums do not count
    assert raw["voices"][0] == 1.0
    assert raw["velocity"][0] == 64 and np.isnan(raw["velocity"][1])
    assert raw["register"][0] == 60
    curves = measure_curves(score, even_tables())
    assert curves["density"][0] == pytest.approx(0.1)
    assert curves["register"][0] == pytest.approx(0.6) and curves["register"][1] == 0.5


def test_a_scale_is_heard_in_its_key() -> None:
    major = np.zeros(12)
    major[[0, 2, 4, 5, 7, 9, 11]] = [3, 1, 2, 1, 2, 1, 1]
    assert key_correlations(major).argmax() == 0
    assert key_correlations(np.roll(major, 7)).argmax() == 7
    minor = np.zeros(12)
    minor[[9, 11, 0, 2, 4, 5, 7]] = [3, 1, 2, 1, 2, 1, 1]
    assert key_correlations(minor).argmax() == 12 + 9


def test_quantiles_at_the_edges_and_at_repeated_values() -> None:
    tables = CurveTables({"density": np.array([0.0, 1.0, 1.0, 1.0, 2.0])})
    quantiles = tables.quantile("density", np.array([-1.0, 0.0, 1.0, 2.0, 9.0]))
    assert quantiles.tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]
    back = CurveTables.from_json(tables.to_json())
    assert (back.tables["density"] == tables.tables["density"]).all()
