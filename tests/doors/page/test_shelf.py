"""The shelf: numbers that stay, who leaves it first, and what is said of a card."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pixmus.doors.page.shelf import (
    MOST_CARDS,
    MOST_HELD,
    Shelf,
    asked_for,
    change_between,
    told_gone,
)
from pixmus.errors import PixMusError


def settings(**changes: Any) -> dict[str, Any]:
    direction = {"key": None, "ensemble": None, "tempo_bpm": None, "parts": None}
    mine = {"text": "", "seed": 1, "guidance_scale": 2.0, "accents": True}
    for name, value in changes.items():
        (direction if name in direction else mine)[name] = value
    return {**mine, "direction": direction}


def take(folder: Path, seconds: float = 10.0, upload: str = "a.mp4", **changes: Any) -> Any:
    folder.mkdir(parents=True)
    made = SimpleNamespace(
        settings=settings(**changes), cue_sheet=SimpleNamespace(duration=seconds)
    )
    source = SimpleNamespace(upload=Path(upload))
    return cast(Any, SimpleNamespace(soundtrack=made, source=source, folder=folder))


def test_the_oldest_that_is_not_held_leaves_first_and_numbers_stay(tmp_path: Path) -> None:
    shelf = Shelf()
    takes = [take(tmp_path / str(i), seed=i) for i in range(MOST_CARDS + 2)]
    for one in takes[:MOST_CARDS]:
        assert shelf.add(one) == []
    shelf.hold(1, True)
    gone = shelf.add(takes[-2])
    assert [card.number for card in gone] == [2]
    assert told_gone(gone).startswith("Take 2 left the shelf") and told_gone([]) == ""
    shelf.add(takes[-1])
    assert [card.number for card in shelf.cards] == [1, *range(4, MOST_CARDS + 3)]
    assert takes[0].folder.exists() and not takes[1].folder.exists()
    shelf.rename(4, "  the\x07 calm   one  ")
    assert shelf.find(4).name == "the calm one"
    shelf.rename(4, "  ")
    assert shelf.find(4).name == "Take 4"
    shelf.remove(4)
    with pytest.raises(PixMusError, match="gone"):
        shelf.find(4)
    assert not takes[3].folder.exists()


def test_so_many_are_held_that_new_ones_find_a_place(tmp_path: Path) -> None:
    shelf = Shelf()
    for i in range(MOST_HELD + 1):
        shelf.add(take(tmp_path / str(i)))
    for number in range(1, MOST_HELD + 1):
        shelf.hold(number, True)
    with pytest.raises(PixMusError, match="let one of them go"):
        shelf.hold(MOST_HELD + 1, True)
    shelf.hold(1, False)
    shelf.hold(MOST_HELD + 1, True)


def test_long_films_leave_sooner(tmp_path: Path) -> None:
    shelf = Shelf()
    gone = [shelf.add(take(tmp_path / str(i), seconds=180.0)) for i in range(5)]
    assert [len(cards) for cards in gone] == [0, 0, 0, 0, 1]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "the same again"),
        ({"seed": 7}, "another seed"),
        ({"seed": 7, "ensemble": "strings"}, "strings instead of band"),
        ({"ensemble": None}, "ensemble left to PixMus"),
        ({"text": "calm", "key": "D major"}, "D major, “calm”"),
        ({"guidance_scale": 3.5}, "guidance scale 3.5 instead of 2"),
        ({"tempo_bpm": 96.0, "accents": False}, "96 bpm, without accents"),
    ],
)
def test_what_changed_is_said_in_words(changes: dict[str, Any], told: str) -> None:
    before = settings(ensemble="band")
    after = settings(**{"ensemble": "band", **changes})
    assert sorted(change_between(before, after).split(", ")) == sorted(told.split(", "))


def test_a_cue_sheet_has_what_was_found_which_nobody_asked_for() -> None:
    found = {**settings(), "direction": None, "key": "E minor", "ensemble": "band", "text": None}
    assert change_between(settings(), found) == "from your cue sheet"
    assert change_between(found, settings()) == "from the picture again"
    again = {**found, "accents": False}
    assert change_between(settings(), again) == "from your cue sheet, without accents"
    assert change_between(found, again) == "without accents"


def test_a_card_says_what_was_asked_for(tmp_path: Path) -> None:
    assert asked_for(settings()) == "the picture alone"
    assert (
        asked_for(settings(text="dark", key="E minor", tempo_bpm=90.0)) == "“dark”, 90 bpm, E minor"
    )
    assert asked_for({**settings(), "direction": None}) == "your cue sheet"
    shelf = Shelf()
    shelf.add(take(tmp_path / "1", ensemble="band"))
    shelf.add(take(tmp_path / "2", upload="b.mp4"))
    shelf.add(take(tmp_path / "3", ensemble="strings"))
    shelf.add(take(tmp_path / "4"), of="redo of bar 2 of Take 1")
    told = [card.change for card in shelf.cards]
    assert told == ["", "", "strings instead of band", "redo of bar 2 of Take 1"]
