"""What a visitor types into tables and fields of the page, and brings by a link or a take."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from described_picture import picture
from hypothesis import given
from hypothesis import strategies as st
from made_up import ANYTHING, SCALARS, TEXTS, right_or_one_sentence, tried

from pixmus.choices import CHOICES
from pixmus.compose.bars import bars_before, format_bars, parse_bars
from pixmus.cues.sheet import CueSheet
from pixmus.cues.spotting import spot
from pixmus.cues.wishes import read_wishes
from pixmus.doors.page.edits import cue_rows, edit, hit_rows
from pixmus.doors.page.links import query_of, read_query, read_take

NUM_BARS = 40


@tried
@given(st.sets(st.integers(1, NUM_BARS), min_size=1))
def test_bars_are_what_was_written(bars: set[int]) -> None:
    assert parse_bars(format_bars(sorted(bars)), NUM_BARS) == sorted(bars)


@tried
@given(text=TEXTS | st.text("0123456789-, ", max_size=12) | st.integers(1, 10**4).map("9".__mul__))
def test_words_that_may_be_no_bars(text: str) -> None:
    with right_or_one_sentence():
        before, others = bars_before(text)
        assert before >= 0
        if others is not None:
            assert set(parse_bars(others, NUM_BARS)) <= set(range(1, NUM_BARS + 1))


@tried
@given(
    text=TEXTS
    | st.lists(st.sampled_from(("no", "very", "not", "dark", "fast", "drums")), max_size=9).map(
        " ".join
    )
)
def test_any_wish(text: str) -> None:
    with right_or_one_sentence():
        read_wishes(text)


@cache
def sheet() -> CueSheet:
    return spot(picture(6.0, cuts=(2.0, 4.5)))


CELLS = SCALARS | st.floats(-1, 7) | st.sampled_from(("1,5", "0:02", "2", ""))


@tried
@given(
    hits=st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=3),
    cues=st.lists(st.lists(CELLS, min_size=5, max_size=5), max_size=3),
    keep=st.booleans(),
)
def test_rows_of_anything(hits: list[list[Any]], cues: list[list[Any]], keep: bool) -> None:
    shown = [list(row) for row in hit_rows(sheet())], [list(row) for row in cue_rows(sheet())]
    with right_or_one_sentence():
        edited = edit(sheet(), (shown[0] if keep else []) + hits, (shown[1] if keep else []) + cues)
        assert CueSheet.from_json(edited.to_json()).to_json() == edited.to_json()


@tried
@given(
    asked=st.dictionaries(st.sampled_from([each.spelt for each in CHOICES.values()]), CELLS | TEXTS)
)
def test_a_link_of_anything(asked: dict[str, Any]) -> None:
    with right_or_one_sentence():
        query = "&".join(f"{name}={value}" for name, value in asked.items())
        found = read_query(query)
        if found is not None and query_of(found):
            assert dict(read_query(query_of(found)) or {}) == dict(found)


@tried
@given(
    settings=st.dictionaries(st.sampled_from((*CHOICES, "direction", "keep")), ANYTHING) | ANYTHING
)
def test_a_take_of_anything(settings: Any, tmp_path: Path) -> None:
    path = tmp_path / "take.json"
    path.write_text(json.dumps({"settings": settings}))
    with right_or_one_sentence():
        read_take(path)
