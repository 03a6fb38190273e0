"""The cue sheet as rows, and back: what was not touched stays exactly as it was."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from pixmus.cues.sheet import Cue, CueSheet, HitPoint
from pixmus.curves import CURVES, num_curve_values
from pixmus.doors.page.edits import cue_rows, edit, hit_rows
from pixmus.doors.page.timeline import hits_json, read_hits
from pixmus.errors import PixMusError

DURATION = 12.0


@pytest.fixture
def sheet() -> CueSheet:
    ramp = np.linspace(0.2, 0.6, num_curve_values(DURATION), dtype=np.float32)
    return CueSheet(
        duration=DURATION,
        frame_rate=Fraction(24),
        cuts=(4.0,),
        hit_points=(HitPoint(4.0001, 0.912),),
        curves={name: ramp.copy() for name in CURVES},
        cues=(Cue(0.0, 6.0004, "easy"), Cue(6.0004, DURATION, "driving")),
        key="C major",
        tempo_bpm=100.0,
        tempo_fixed=False,
        style="pop",
        ensemble="piano",
        parts=("melody", "harmony", "bass"),
        inputs=("cuts",),
    )


def test_rows_that_nobody_touched_change_no_curve_and_no_cue(sheet: CueSheet) -> None:
    made = edit(sheet, hit_rows(sheet), cue_rows(sheet))
    assert made.cues == sheet.cues
    for name in CURVES:
        np.testing.assert_array_equal(made.curves[name], sheet.curves[name])
    assert made.hit_points == sheet.hit_points


@pytest.mark.parametrize("duration", [7.9996, 8.00049, 1.0004])
def test_rows_that_rounding_moves_beyond_the_end_or_together_are_taken_back(
    sheet: CueSheet, duration: float
) -> None:
    odd = replace(
        sheet,
        duration=duration,
        cuts=(),
        curves={name: np.full(num_curve_values(duration), 0.5, np.float32) for name in CURVES},
        hit_points=tuple(HitPoint(duration - late, 0.5) for late in (0.0006, 0.0002, 0.0)),
        cues=(Cue(0.0, duration - 0.0004, "all"), Cue(duration - 0.0004, duration, "blink")),
    )
    made = edit(odd, hit_rows(odd), cue_rows(odd))
    assert made.cues == odd.cues and made.hit_points == odd.hit_points


def test_hit_points_are_moved_added_removed_and_put_in_order(sheet: CueSheet) -> None:
    made = edit(sheet, [["7.5", 1], [None, None], [2, 0.3], ["", ""]], cue_rows(sheet))
    assert made.hit_points == (HitPoint(2.0, 0.3), HitPoint(7.5, 1.0))
    assert edit(sheet, [], cue_rows(sheet)).hit_points == ()


def test_a_changed_mood_moves_the_curves_of_its_cue_alone(sheet: CueSheet) -> None:
    rows = [list(row) for row in cue_rows(sheet)]
    rows[1][4] = 0.9
    made = edit(sheet, hit_rows(sheet), rows)
    first, second = slice(0, 24), slice(24, 48)
    np.testing.assert_array_equal(made.curves["energy"][first], sheet.curves["energy"][first])
    assert made.curves["energy"][second].mean() == pytest.approx(0.9, abs=0.01)
    assert made.curves["density"][second].mean() > sheet.curves["density"][second].mean() + 0.2
    np.testing.assert_array_equal(made.curves["valence"], sheet.curves["valence"])


def test_a_cue_taken_away_leaves_silence(sheet: CueSheet) -> None:
    made = edit(sheet, hit_rows(sheet), cue_rows(sheet)[1:])
    assert [(cue.start, cue.end) for cue in made.cues] == [(6.0004, DURATION)]


def test_a_mean_shown_with_two_digits_is_no_change(sheet: CueSheet) -> None:
    odd = replace(sheet, curves={name: np.full(48, 0.33333, np.float32) for name in CURVES})
    made = edit(odd, [], cue_rows(odd))
    assert float(made.curves["energy"][0]) == pytest.approx(0.33333)


@pytest.mark.parametrize(
    ("hits", "cues", "told"),
    [
        ([[13, 0.5]], None, "Hit point 1: the time is 13"),
        ([[3, 1.5]], None, "Hit point 1: the strength is 1.5"),
        ([["soon", 0.5]], None, "'soon', which is no number"),
        ([], [[0, 5, "a", 0.5, 0.5], [4, 9, "b", 0.5, 0.5]], "overlap at 4 s"),
        ([], [[5, 5, "a", 0.5, 0.5]], "choose a later end"),
        ([], [[0, 5, "a", 2, 0.5]], "Cue 1: the valence is 2"),
        ([], [], "there would be no music"),
    ],
)
def test_a_row_that_cannot_be_is_named(
    sheet: CueSheet, hits: list, cues: list | None, told: str
) -> None:
    with pytest.raises(PixMusError, match=told):
        edit(sheet, hits, cue_rows(sheet) if cues is None else cues)


def test_table_and_timeline_say_the_same() -> None:
    assert read_hits(hits_json([(4.0, 0.5), (2.0, 1.0)])) == [[2.0, 1.0], [4.0, 0.5]]
    assert read_hits(hits_json([["", None], [1, "0.25"], [None, 0.5]])) == [[1.0, 0.25]]
    assert read_hits("") == []
