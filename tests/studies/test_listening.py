"""The listening test: pairs that say nothing of their systems, and a tally of known answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pixmus.errors import PixMusError
from pixmus.studies.listening import pairs_of, prepare, read_answers, tally, wilson


def systems(folder: Path) -> dict[str, Path]:
    found = {name: folder / name for name in ("north", "south")}
    for name, place in found.items():
        place.mkdir()
        for clip in ("street", "dawn", "toy"):
            (place / f"{clip}.mp4").write_text(f"{name} {clip}")
    (found["north"] / "alone.mp4").write_text("nothing stands beside it")
    return found


def test_pairs_are_clips_of_one_name_and_the_page_does_not_say_whose_they_are(
    tmp_path: Path,
) -> None:
    found = systems(tmp_path)
    assert [clip for clip, _ in pairs_of(found)] == ["dawn", "street", "toy"]
    key = prepare(found, tmp_path / "test", seed=3)
    page = tmp_path / "test" / "page"
    text = (page / "index.html").read_text()
    assert "north" not in text and "south" not in text and "street" not in text
    assert {path.name for path in page.glob("*.mp4")} == {
        f"{n}{s}.mp4" for n in "123" for s in "AB"
    }
    for number, pair in key.items():
        for side in "AB":
            assert (page / f"{number}{side}.mp4").read_text() == f"{pair[side]} {pair['clip']}"
    assert not list(page.glob("key*"))
    sides = {prepare(found, tmp_path / f"test{seed}", seed)["1"]["A"] for seed in range(8)}
    assert sides == {"north", "south"}  # no system always stands on one side


def test_a_page_that_listeners_may_have_is_not_made_over(tmp_path: Path) -> None:
    found = systems(tmp_path)
    prepare(found, tmp_path / "test", seed=3)
    key = (tmp_path / "test" / "key.json").read_text()
    with pytest.raises(PixMusError, match="holds a page and its key already"):
        prepare(found, tmp_path / "test", seed=4)
    assert (tmp_path / "test" / "key.json").read_text() == key


def test_answers_are_tallied_by_system_whatever_side_it_stood_on(tmp_path: Path) -> None:
    key = {
        "1": {"clip": "city", "A": "north", "B": "south"},
        "2": {"clip": "dawn", "A": "south", "B": "north"},
    }
    path = tmp_path / "anna.json"
    said = {"1": {"fits": "A", "music": "B"}, "2": {"fits": "B", "music": "same"}}
    path.write_text(json.dumps({"pairs": said}))
    found = tally(key, [read_answers(path, key)] * 2)
    assert (found["fits"][0]["system"], found["fits"][0]["preferred"]) == ("north", 1.0)
    assert (found["music"][0]["answers"], found["music"][0]["preferred"]) == (4, 0.25)
    path.write_text(json.dumps({"pairs": {"3": {"fits": "A"}}}))
    with pytest.raises(PixMusError, match="holds no answers to this page"):
        read_answers(path, key)


def test_wilsons_interval_is_that_of_the_textbook() -> None:
    low, high = wilson(8, 10)  # Wilson 1927: 8 of 10
    assert (low, high) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))


def test_folders_without_a_pair_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(PixMusError, match="No two of the folders hold a scored clip"):
        prepare({"a": tmp_path / "empty", "b": tmp_path / "empty"}, tmp_path / "test", 1)
