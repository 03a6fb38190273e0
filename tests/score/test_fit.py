"""The fit of a tempo map: every bound on random cut lists, answers known beforehand."""

from __future__ import annotations

import time
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from pixmus.cues.sheet import Cue, CueSheet, HitPoint
from pixmus.score.fit import MAX_FROM_WISH, MAX_FROM_WISH_FOR_TWO, fit_tempo_map
from pixmus.score.lattice import MAX_BEND
from pixmus.score.relaxation import MAX_CHANGE, MAX_CHANGE_BEFORE_HIT, MAX_CHANGE_WITH_DRUMS
from pixmus.score.spans import EIGHTHS, PLACED_TOLERANCE_S, cue_span, place_hits
from pixmus.score.tempo import TempoMap
from pixmus.score.wants import STRONG_HIT
from pixmus.studies.placement import draw_cue_sheet


def cue_sheet(
    hits: list[tuple[float, float]],
    duration: float = 20.0,
    tempo_bpm: float = 120.0,
    cues: tuple[Cue, ...] | None = None,
    tempo_fixed: bool = False,
    parts: tuple[str, ...] = ("melody", "harmony", "bass"),
) -> CueSheet:
    sheet = draw_cue_sheet(np.random.default_rng(0), 4.0, duration, tempo_bpm)
    return replace(
        sheet,
        cuts=tuple(time for time, _ in hits),
        hit_points=tuple(HitPoint(time, strength) for time, strength in hits),
        cues=cues if cues is not None else (Cue(0.0, duration, "all"),),
        tempo_fixed=tempo_fixed,
        parts=parts,
    )


def assert_bounds(tempo_map: TempoMap, sheet: CueSheet) -> None:
    tempo = tempo_map.local_tempo_bpm
    # A base tempo exists that all local tempi lie near, and that lies near the wish.
    low, high = tempo.max() / (1 + MAX_BEND), tempo.min() / (1 - MAX_BEND)
    reach = 0.0 if sheet.tempo_fixed else MAX_FROM_WISH_FOR_TWO
    assert low <= high + 1e-9
    assert low <= sheet.tempo_bpm * (1 + reach) + 1e-6
    assert high >= sheet.tempo_bpm * (1 - reach) - 1e-6

    has_drums = "drums" in sheet.parts
    limit = np.full(len(tempo) - 1, MAX_CHANGE_WITH_DRUMS if has_drums else MAX_CHANGE)
    for hit in place_hits(tempo_map, sheet.hit_points):
        if hit.strength >= STRONG_HIT and hit.beat % 1 == 0 and hit.beat >= 2:
            limit[int(hit.beat) - 2] = MAX_CHANGE_BEFORE_HIT
    assert np.all(np.abs(tempo[1:] / tempo[:-1] - 1) <= limit + 1e-9)

    lengths = tempo_map.bar_lengths
    short = [bar for bar, length in enumerate(lengths) if length != 4]
    assert all(lengths[bar] == 2 for bar in short)
    assert all(after - before >= 8 for before, after in zip(short, short[1:], strict=False))
    strong = [hit for hit in place_hits(tempo_map, sheet.hit_points) if hit.strength >= STRONG_HIT]
    for bar in short:
        assert tempo_map.bar_starts[bar] + 2 in {hit.beat for hit in strong}

    assert 0 <= tempo_map.beat_times[0] <= 0.5
    assert tempo_map.beat_times[-1] >= sheet.duration - 1e-9
    bar_start = tempo_map.beat_times[tempo_map.bar_starts[-1]]
    assert bar_start < sheet.duration + 60.0 / tempo.min()


def test_hits_are_placed_within_the_tolerance_and_no_further() -> None:
    tempo_map = TempoMap.constant(120.0, 8.0)
    times = [1.0, 1.25, 1.5 + 0.0149, 2.0 - 0.0149, 2.5 + 0.0151, 2.625, 2.6875, 20.0]
    hits = [HitPoint(time, 0.5) for time in times]
    assert [hit.beat for hit in place_hits(tempo_map, hits)] == [2.0, 2.5, 3.0, 4.0, 5.25]
    assert [hit.beat for hit in place_hits(tempo_map, hits, EIGHTHS)] == [2.0, 2.5, 3.0, 4.0]
    # At 375 beats a minute both grids are within reach of a time between them: the eighth has it.
    (hit,) = place_hits(TempoMap.constant(375.0, 8.0), [HitPoint(0.16 + 0.015, 0.5)], 16)
    assert hit.beat == 1.0


def test_without_hit_points_the_tempo_is_constant() -> None:
    for fixed in (False, True):
        tempo_map = fit_tempo_map(cue_sheet([], 30.0, 97.0, tempo_fixed=fixed))
        assert np.ptp(tempo_map.local_tempo_bpm) < 1e-9 and tempo_map.beat_times[0] == 0
        assert abs(tempo_map.local_tempo_bpm[0] / 97.0 - 1) <= (1e-12 if fixed else 0.05 + 1e-12)


def test_hits_already_on_the_grid_leave_the_tempo_alone() -> None:
    hits = [(2.0, 0.9), (5.0, 0.5), (8.0, 1.0), (12.25, 0.5), (16.0, 1.0)]
    tempo_map = fit_tempo_map(cue_sheet(hits))
    assert np.allclose(tempo_map.local_tempo_bpm, 120.0, atol=0.5)
    placed = place_hits(tempo_map, [HitPoint(*hit) for hit in hits])
    assert [hit.beat for hit in placed] == [4.0, 10.0, 16.0, 24.5, 32.0]
    assert set(tempo_map.bar_lengths) == {4}


def test_a_short_bar_stands_before_a_strong_hit() -> None:
    # Strong hits 10 beats apart at a fixed tempo: only a 2/4 bar makes the second a downbeat.
    hits = [(4.0, 1.0), (9.0, 1.0)]
    tempo_map = fit_tempo_map(cue_sheet(hits, 20.0, tempo_fixed=True))
    assert {8, 18} <= set(tempo_map.bar_starts)
    assert tempo_map.bar_lengths.count(2) == 1
    assert tempo_map.bar_lengths[tempo_map.bar_starts.index(18) - 1] == 2
    # The same hits without strength move no bar line.
    weak = fit_tempo_map(cue_sheet([(4.0, 0.5), (9.0, 0.5)], 20.0, tempo_fixed=True))
    assert set(weak.bar_lengths) == {4}


def test_placed_hits_are_met_exactly_where_there_is_room() -> None:
    hits = [(3.1, 0.9), (7.7, 0.6), (11.3, 1.0), (16.9, 0.7)]
    tempo_map = fit_tempo_map(cue_sheet(hits))
    for time_s, _ in hits:
        beat = round(2 * tempo_map.to_beats(time_s)) / 2
        assert abs(tempo_map.to_seconds(beat) - time_s) < 0.002


def test_hits_where_no_music_plays_are_left_alone() -> None:
    cues = (Cue(0.0, 8.0, "a"), Cue(14.0, 30.0, "b"))
    quiet = [(9.3, 1.0), (10.1, 1.0), (12.77, 1.0)]
    assert fit_tempo_map(cue_sheet(quiet, 30.0, cues=cues)) == fit_tempo_map(
        cue_sheet([], 30.0, cues=cues)
    )


def test_a_late_cue_enters_on_a_downbeat() -> None:
    cues = (Cue(5.3, 30.0, "late"),)
    for hits in ([], [(9.1, 0.9), (20.2, 0.9)]):
        tempo_map = fit_tempo_map(cue_sheet(hits, 30.0, cues=cues))
        first = cue_span(tempo_map, cues[0]).first_beat
        assert first in tempo_map.bar_starts
        assert 5.3 - PLACED_TOLERANCE_S <= tempo_map.to_seconds(first) <= 5.8


def test_the_last_chord_stands_before_the_end_of_its_cue() -> None:
    tempo_map = TempoMap.constant(120.0, 20.0)
    span = cue_span(tempo_map, Cue(0.0, 20.0, "all"))
    assert span.first_beat == 0 and span.final_beat == 36  # 18 s, a downbeat
    span = cue_span(tempo_map, Cue(3.9, 11.0, "inner"))
    assert span.first_beat == 8 and span.final_beat == 16  # 8 s, also a downbeat
    slow = TempoMap.constant(48.0, 20.0)  # bars of 5 s: downbeats at 15 and 20 s
    assert cue_span(slow, Cue(0.0, 20.0, "all")).final_beat == 14  # 17.5 s, the third beat
    for duration in (0.3, 1.0, 2.0, 3.9):
        short = cue_span(TempoMap.constant(100.0, duration), Cue(0.0, duration, "gesture"))
        assert short.first_beat == 0 <= short.final_beat
        assert short.final_beat * 0.6 < duration


def test_a_last_chord_hides_no_cut_and_meets_one_where_it_can() -> None:
    tempo_map, cue = TempoMap.constant(120.0, 20.0), Cue(0.0, 20.0, "all")
    assert cue_span(tempo_map, cue, [HitPoint(19.0, 0.9)]).final_beat == 36  # it is struck again
    # 0.5 s behind the downbeat a cut would be hidden: the third beat before it leaves it room.
    assert cue_span(tempo_map, cue, [HitPoint(18.5, 0.9)]).final_beat == 34
    assert cue_span(tempo_map, cue, [HitPoint(17.0, 0.9)]).final_beat == 34  # the cut's own beat
    assert cue_span(tempo_map, cue, [HitPoint(3.0, 0.9)]) == cue_span(tempo_map, cue)


@pytest.mark.parametrize("seed", range(100))
def test_bounds_hold_on_random_cut_lists(seed: int) -> None:
    rng = np.random.default_rng(seed)
    duration = float(rng.uniform(4, 24))
    sheet = draw_cue_sheet(rng, float(rng.uniform(0.8, 5)), duration, float(rng.uniform(55, 160)))
    if seed % 2:
        sheet = replace(sheet, parts=("melody", "harmony", "bass", "drums"), ensemble="band")
    if seed % 5 == 0:
        sheet = replace(sheet, tempo_fixed=True)
    tempo_map = fit_tempo_map(sheet)
    assert_bounds(tempo_map, sheet)
    assert fit_tempo_map(sheet) == tempo_map
    low, high = sheet.tempo_bpm * (1 - MAX_FROM_WISH), sheet.tempo_bpm * (1 + MAX_FROM_WISH)
    tempo = tempo_map.local_tempo_bpm
    if tempo.max() / (1 + MAX_BEND) > high + 1e-6 or tempo.min() / (1 - MAX_BEND) < low - 1e-6:
        # Far from the wish only for two strong hit points: so many must be there at least.
        assert sum(hit.strength >= STRONG_HIT for hit in sheet.hit_points) >= 2


@pytest.mark.parametrize("duration", [0.3, 0.5, 1.0, 2.0, 3.5])
@pytest.mark.parametrize("tempo_bpm", [40.0, 110.0, 240.0])
def test_very_short_clips_get_a_map(duration: float, tempo_bpm: float) -> None:
    rng = np.random.default_rng(int(duration * 10))
    for num_hits in (0, 1, 3):
        times = np.sort(rng.uniform(0, duration, num_hits))
        sheet = cue_sheet([(float(t), 0.9) for t in times], duration, tempo_bpm)
        assert_bounds(fit_tempo_map(sheet), sheet)


@pytest.mark.parametrize(("mean_shot", "least"), [(1.5, 0.75), (2.5, 0.9), (4.0, 0.96)])
def test_most_hit_points_are_placed(mean_shot: float, least: float) -> None:
    num_placed = num_hits = 0
    for seed in range(4):
        sheet = draw_cue_sheet(np.random.default_rng(seed), mean_shot, 40.0, 110.0)
        num_placed += len(place_hits(fit_tempo_map(sheet), sheet.hit_points))
        num_hits += len(sheet.hit_points)
    assert num_placed / num_hits >= least


def test_a_minute_and_ten_minutes_are_quick() -> None:
    for duration, limit in ((60.0, 1.0), (600.0, 6.0)):  # many times the usual
        sheet = draw_cue_sheet(np.random.default_rng(1), 2.5, duration, 120.0)
        began = time.process_time()
        fit_tempo_map(sheet)
        assert time.process_time() - began < limit
    assert sheet.frame_rate == Fraction(25)
