"""Phrases return to earlier ones that were wanted alike, and only to bars that are written."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from pixmus.compose.canvas import Canvas, looks_of, prepare
from pixmus.compose.cells import TO_MAKE
from pixmus.compose.form import FREE_BARS, LIKENESS, PHRASE_BARS, Echoes, blocks_of, plan_echoes
from pixmus.compose.windows import FIRST_WINDOW_BARS, window_bounds
from pixmus.cues.sheet import Cue, CueSheet, Section
from pixmus.curves import CURVES, num_curve_values
from pixmus.ensembles import ENSEMBLES
from pixmus.score.spans import cue_span
from pixmus.score.tempo import TempoMap


def plan(curves: np.ndarray, seed: int = 0) -> Echoes:
    return plan_echoes(np.random.default_rng(seed), curves)


@pytest.mark.parametrize("num_bars", [1, 7, 8, 9, 12, 30, 90])
def test_a_phrase_returns_to_one_at_least_two_before_it(num_bars: int) -> None:
    for seed in range(20):
        echoes = plan(np.full((num_bars, 4), 0.5), seed)
        bars = np.flatnonzero(echoes.sources >= 0)
        assert (bars - echoes.sources[bars] >= 2 * PHRASE_BARS).all()
        assert (echoes.sources[bars] % PHRASE_BARS == bars % PHRASE_BARS).all()
        assert (bars < num_bars - FREE_BARS).all()
        low, high = LIKENESS
        assert ((echoes.likeness[bars] >= low) & (echoes.likeness[bars] <= high)).all()
        assert not np.delete(echoes.likeness, bars).any()


def test_most_phrases_return_and_not_all() -> None:
    told = np.stack([plan(np.full((60, 4), 0.5), seed).sources[8:56:4] >= 0 for seed in range(30)])
    assert 0.6 < told.mean() < 0.9


def test_a_phrase_returns_to_what_was_wanted_alike() -> None:
    curves = np.full((32, 4), 0.1)
    curves[4:8] = curves[20:24] = 0.9
    curves[24:28] = 0.5  # like none
    found = {plan(curves, seed).sources[20] for seed in range(30)}
    assert found == {-1, 4}
    assert {plan(curves, seed).sources[24] for seed in range(30)} == {-1}


def test_a_phrase_returns_to_pictures_that_look_alike() -> None:
    curves, looks = np.full((24, 4), 0.5), np.repeat([1, 2, 1, 2, 3, 1], 4)
    found = {
        int(plan_echoes(np.random.default_rng(s), curves, looks).sources[20]) for s in range(40)
    }
    assert found == {-1, 0, 8}


def test_bars_know_what_is_seen_at_their_time() -> None:
    sections = (Section(0.0, 4.0, "B"), Section(4.0, 8.0, "A"), Section(8.0, 9.0, "B"))
    cue_sheet = replace(canvas_sheet(60.0), sections=sections)
    assert looks_of(cue_sheet, np.array([0.0, 3.9, 4.0, 8.5, 30.0])).tolist() == [2, 2, 1, 2, 0]


def test_a_block_moves_as_the_one_it_returns_to() -> None:
    echoes = Echoes.none(36)
    echoes.sources[16:20] = range(4, 8)
    echoes.sources[24:28] = range(16, 20)
    assert blocks_of(echoes, 8).tolist() == [0, 1, 0, 0, 4]
    assert blocks_of(Echoes.none(3), 8).tolist() == [0]


def canvas_sheet(duration: float) -> CueSheet:
    return CueSheet(
        duration=duration,
        frame_rate=Fraction(24),
        cuts=(),
        hit_points=(),
        curves={name: np.full(num_curve_values(duration), 0.5, np.float32) for name in CURVES},
        cues=(Cue(0.0, duration, "all"),),
        key="C major",
        tempo_bpm=120.0,
        tempo_fixed=False,
        style="pop",
        ensemble="piano",
        parts=ENSEMBLES["piano"].parts,
        inputs=("motion",),
    )


def canvas_of(duration: float = 60.0) -> Canvas:
    cue_sheet = canvas_sheet(duration)
    tempo_map = TempoMap.constant(120, duration)
    return prepare(cue_sheet, tempo_map, cue_span(tempo_map, cue_sheet.cues[0]), seed=3)


def test_only_bars_that_are_written_are_an_echo() -> None:
    canvas = canvas_of()
    assert (canvas.echoes.sources >= 0).any()
    assert not canvas.echo()[1].any()
    written = FIRST_WINDOW_BARS * 4
    canvas.states[:written] = np.where(canvas.states[:written] == TO_MAKE, 1, 2)
    canvas.cells[:written, 7] = 1
    cells, likeness = canvas.echo()
    sources = canvas.echoes.sources[np.arange(len(cells)) // 4]
    assert ((likeness > 0) == ((sources >= 0) & (sources < FIRST_WINDOW_BARS))).all()
    assert (cells[:, 7] == (likeness > 0)).all()


def test_what_a_window_echoes_is_written_before_it() -> None:
    """A phrase is made in one window; the bars that it echoes end where that window's own begin."""
    canvas = canvas_of(180.0)
    bounds = window_bounds(canvas.bar_starts, len(canvas.cells))
    made_in = np.zeros(len(canvas.bar_starts), int)
    for number, (first, end) in reversed([*enumerate(bounds)]):
        made_in[first // 4 : end // 4] = number
    bars = np.flatnonzero(canvas.echoes.sources >= 0)
    assert len(bars) > 20
    assert (made_in[canvas.echoes.sources[bars]] < made_in[bars]).all()
