"""Cue sheets with any value anywhere are loaded or refused; what is loaded is saved the same."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from described_picture import picture
from hypothesis import given
from hypothesis import strategies as st
from made_up import ANYTHING, TEXTS, right_or_one_sentence, tried

from pixmus.chords import ALL_QUALITIES
from pixmus.cues.sheet import CueSheet
from pixmus.cues.spotting import spot
from pixmus.ensembles import ENSEMBLES, STYLES
from pixmus.keys import KEYS, TONICS

Way = tuple[Any, ...]  # names and places that lead to a value


@cache
def whole() -> str:
    """A cue sheet with something in every list."""
    raw = json.loads(spot(picture(6.0, cuts=(2.0, 4.5))).to_json())
    raw["chords"] = [
        {"start": 0, "root": "A", "quality": "m", "bass": "C", "given": True},
        {"start": 2.5, "root": "N.C."},
    ]
    raw["reasons"] = {"key": "it is dark"}
    return json.dumps(raw)


def ways(value: Any, way: Way = ()) -> list[Way]:
    """All places in a value; of long lists the first few."""
    names = value if isinstance(value, dict) else range(min(2, len(value)))
    within = [
        found
        for name in names
        for found in (
            ways(value[name], (*way, name))
            if isinstance(value[name], dict | list)
            else [(*way, name)]
        )
    ]
    return [way, *within] if way else within


WAYS = st.deferred(lambda: st.sampled_from(ways(json.loads(whole()))))
CHANGES = st.lists(st.tuples(WAYS, ANYTHING | st.just(...)), min_size=1, max_size=3)


def change(raw: Any, way: Way, value: Any) -> None:
    """Put a value at a place, or take away what is there; a place that is gone stays so."""
    *before, last = way
    try:
        for name in before:
            raw = raw[name]
        if value is ...:
            del raw[last]
        else:
            raw[last] = value
    except (LookupError, TypeError):
        pass


def load(data: bytes, folder: Path) -> None:
    """A sheet that is loaded is the same when it was saved and loaded once more."""
    path = folder / "cues.json"
    path.write_bytes(data)
    with right_or_one_sentence():
        sheet = CueSheet.load(path)
        sheet.save(path)
        again = CueSheet.load(path)
        assert again.to_json() == sheet.to_json()
        for name, value in vars(sheet).items():
            if name != "curves":
                assert getattr(again, name) == value, name
        for name, curve in sheet.curves.items():
            assert np.abs(again.curves[name] - curve).max(initial=0) <= 0.00005 + 1e-7


def coded(raw: Any) -> bytes:
    return json.dumps(raw).encode()


@tried
@given(changes=CHANGES)
def test_a_sheet_with_anything_anywhere(changes: list[tuple[Way, Any]], tmp_path: Path) -> None:
    raw = json.loads(whole())
    for way, value in changes:
        change(raw, way, value)
    load(coded(raw), tmp_path)


@tried
@given(value=ANYTHING)
def test_json_that_may_be_no_sheet(value: Any, tmp_path: Path) -> None:
    load(coded(value), tmp_path)


@tried
@given(data=st.binary(max_size=200) | TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_a_file_that_may_be_no_json(data: bytes, tmp_path: Path) -> None:
    load(data, tmp_path)


def spans(name: str, names: st.SearchStrategy[str]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Rows from start to end, in order, that do not overlap."""
    bounds = st.lists(st.floats(0, 6), unique=True, max_size=8).map(sorted)
    return st.builds(
        lambda times, words: [
            {"start": start, "end": end, name: words}
            for start, end in zip(times[::2], times[1::2], strict=False)
        ],
        bounds,
        names,
    )


TIMES = st.lists(st.floats(0, 6), unique=True, max_size=6).map(sorted)
WORDS = st.text(max_size=40)  # whole characters
NEARLY = {
    "key": st.sampled_from(KEYS),
    "tempo_bpm": st.floats(40, 240) | st.integers(40, 240),
    "tempo_fixed": st.booleans(),
    "style": st.sampled_from(tuple(map(str, STYLES))),
    "frame_rate": st.sampled_from(("25", "30000/1001", "12.5", 24, 29.97, "1/7")),
    "cuts": TIMES,
    "hit_points": TIMES.flatmap(
        lambda times: st.builds(
            lambda strength: [{"time": time, "strength": strength} for time in times],
            st.floats(0, 1),
        )
    ),
    "cues": spans("name", WORDS),
    "sections": spans("theme", st.text(min_size=1, max_size=40)),
    "reasons": st.dictionaries(WORDS, WORDS, max_size=3),
    "chords": st.tuples(
        TIMES,
        st.sampled_from(("start", "beat")),
        st.sampled_from((*TONICS, "N.C.")),
        st.sampled_from(tuple(map(str, ALL_QUALITIES))),
        st.booleans(),
    ).map(
        lambda said: [
            {said[1]: time, "root": said[2], "given": said[4]}
            | ({} if said[2] == "N.C." else {"quality": said[3], "bass": "C"})
            for time in said[0]
        ]
    ),
}  # fmt: skip


@tried
@given(values=st.fixed_dictionaries({}, optional=NEARLY), ensemble=st.sampled_from(list(ENSEMBLES)))
def test_a_right_sheet_is_loaded_and_stays_as_it_is(
    values: dict[str, Any], ensemble: str, tmp_path: Path
) -> None:
    raw = json.loads(whole()) | values
    raw |= {"ensemble": ensemble, "parts": list(map(str, ENSEMBLES[ensemble].parts))}
    CueSheet.from_json(json.dumps(raw))  # it is not refused
    load(coded(raw), tmp_path)
