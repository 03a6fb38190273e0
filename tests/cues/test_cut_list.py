"""What becomes of a cut list: cuts, hit points with their strength, cues."""

import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pixmus.cues.cut_list import (
    OFFERED,
    STRENGTHS,
    STRONGEST,
    USUAL,
    CutList,
    Edit,
    Mark,
    colour_of,
    mark,
    strength_of,
    unseen_picture,
    with_edits,
    with_marks,
)
from pixmus.cues.direction import Direction
from pixmus.cues.spotting import spot
from pixmus.errors import PixMusError
from pixmus.picture.features import FEATURE_CURVES, Features
from pixmus.picture.transitions import Transition

RATE = Fraction(25)


def cuts(*times: float) -> tuple[Edit, ...]:
    return tuple(Edit(Fraction(time), Fraction(time)) for time in times)


def features(*times: float, duration: float = 40.0) -> Features:
    curves = {name: np.full(round(4 * duration), 0.2, np.float32) for name in FEATURE_CURVES}
    return Features(
        duration, RATE, tuple(Transition(time, time, time, "cut") for time in times), **curves
    )


def test_given_cuts_replace_those_seen_or_are_filled_in():
    given = CutList("a.edl", cuts(0, 10, 20), end=Fraction(40)).within(40.0, 0.04)
    assert with_edits(features(5.0, 10.1, 30.0), given).cuts == (10.0, 20.0)
    both = CutList("a.edl", cuts(0, 10, 20), with_seen=True).within(40.0, 0.04)
    assert with_edits(features(5.0, 10.1, 30.0), both).cuts == (5.0, 10.0, 20.0, 30.0)
    markers = CutList("a.edl", marks=(Mark(Fraction(3), "x"),)).within(40.0, 0.04)
    assert with_edits(features(5.0), markers).cuts == (5.0,)


def test_a_dissolve_is_met_in_its_middle():
    given = CutList("a.edl", (Edit(Fraction(10), Fraction(11), "dissolve"),)).within(40.0, 0.04)
    (found,) = with_edits(features(), given).transitions
    assert (found.time, found.start, found.end, found.kind) == (10.5, 10.0, 11.0, "dissolve")


@pytest.mark.parametrize(
    ("name", "colour", "strength"),
    [
        ("a", None, 0.6),
        ("a", "Red", 1.0),
        ("a!", "black", 1.0),
        ("!", None, 1.0),
        ("a", "GREEN", 0.6),
        ("a", "cream", 0.3),
        ("a", "no colour", 0.6),
        ("hit 0.42", "red", 0.42),
        ("hit 1.00", None, 1.0),
    ],
)
def test_colours_and_names_say_the_strength(name, colour, strength):
    assert strength_of(name, colour) == strength


def test_a_strength_comes_back_from_its_colour():
    for colour in OFFERED:
        assert STRENGTHS[colour_of(STRENGTHS[colour.lower()]).lower()] == STRENGTHS[colour.lower()]


def test_markers_become_hit_points_and_ranges_cues():
    marks = (
        mark(Fraction(0), "cue: calm"),
        mark(Fraction(10), "here", "red"),
        mark(Fraction(12), "short", "cyan", Fraction(1)),
        mark(Fraction(20), "chase", None, Fraction(15)),
        mark(Fraction(60), "outside"),
    )
    given = CutList("a.edl", marks=marks).within(40.0, 0.04)
    seen = features(10.0, 30.0)
    sheet = with_marks(spot(with_edits(seen, given)), given)
    hits = {hit.time: hit.strength for hit in sheet.hit_points}
    assert hits[10.0] == 1.0 and hits[12.0] == 0.5 and 30.0 in hits and len(hits) == 3
    assert [(cue.start, cue.end, cue.name) for cue in sheet.cues] == [
        (0.0, 20.0, "calm"),
        (20.0, 35.0, "chase"),
    ]
    assert "cut list" in sheet.inputs
    assert sheet.reasons["cut list"] == "4 markers of a.edl, 1 outside the clip left out"


def test_cues_stay_where_music_was_asked_for():
    given = CutList("a", marks=(mark(Fraction(0), "all", None, Fraction(40)),)).within(40.0, 0.04)
    sheet = with_marks(spot(features(), Direction(music_from=5.0, music_to=30.0)), given)
    assert [(cue.start, cue.end) for cue in sheet.cues] == [(5.0, 30.0)]


def test_a_list_of_another_clip_is_refused():
    with pytest.raises(PixMusError, match="--start"):
        CutList("a.edl", cuts(3600, 3700)).within(40.0, 0.04)


def test_many_marks_at_one_frame_are_one():
    marks = tuple(
        mark(Fraction(10) + Fraction(n, 1000), "x", c) for n, c in enumerate(["cyan", "red"])
    )
    sheet = with_marks(spot(features()), CutList("a", marks=marks).within(40.0, 0.04))
    assert [hit.strength for hit in sheet.hit_points] == [1.0]


def test_an_unseen_picture_is_typical_and_as_long_as_its_list():
    given = CutList("a.edl", cuts(0, 10, 20), end=Fraction(30))
    found = unseen_picture(given, RATE)
    assert found.duration == 30.0
    sheet = spot(with_edits(found, given.within(30.0, 0.04)))
    assert sheet.cuts == (10.0, 20.0)
    for curve in sheet.curves.values():
        assert 0.2 < curve.mean() < 0.8
    with pytest.raises(PixMusError, match="--end"):
        unseen_picture(CutList("a.edl", cuts(0, 10)), RATE)


def test_the_table_of_the_guide_is_what_is_done():
    guide = (Path(__file__).parents[2] / "docs" / "guide.md").read_text()
    rows = re.findall(r"^\| ([a-z`! ,]+?) \| ([\d.]+) \|$", guide, re.MULTILINE)
    told = {name.strip(): float(strength) for names, strength in rows for name in names.split(",")}
    assert told.pop("`!` in the name") == STRONGEST and told.pop("no colour") == USUAL
    assert told == {name: value for name, value in STRENGTHS.items() if name != "gray"}
