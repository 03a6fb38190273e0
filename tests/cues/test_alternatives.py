"""Takes differ on purpose, within what was asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pixmus.cues.alternatives import THIRDS, direction_of_take
from pixmus.cues.direction import Direction
from pixmus.cues.sheet import CueSheet
from pixmus.cues.wishes import NO_WISHES, read_wishes
from pixmus.ensembles import (
    ENSEMBLES,
    PIANO,
    PIANO_AND_STRINGS,
    STRING_QUINTET,
    STRINGS,
    STRINGS_AND_CHOIR,
    Ensemble,
    Style,
    add_ensemble,
    remove_ensemble,
)
from pixmus.keys import key_is_major, key_tonic
from tests.short_music import cue_sheet


@pytest.fixture
def first() -> CueSheet:
    return replace(cue_sheet(), key="A minor", ensemble=STRINGS.name)


def directions(
    first: CueSheet, direction: Direction | None = None, words: str = "", takes: int = 6
) -> list[Direction]:
    direction = direction or Direction()
    return [direction_of_take(n, first, direction, read_wishes(words)) for n in range(1, takes + 1)]


def test_the_first_take_is_what_was_asked_for(first: CueSheet) -> None:
    asked = Direction(tempo_bpm=96.0)
    assert direction_of_take(1, first, asked, NO_WISHES) == asked


def test_takes_differ_in_players_then_in_key_then_in_both(first: CueSheet) -> None:
    _, second, third, fourth, *others = directions(first)
    assert second == Direction(ensemble=STRINGS_AND_CHOIR.name)
    assert third == Direction(key="F# minor")
    assert fourth == Direction(ensemble=PIANO_AND_STRINGS.name, key="Db minor")
    assert len({second, third, fourth, *others}) == 5


def test_every_key_is_a_third_away_in_the_same_mode(first: CueSheet) -> None:
    for key in ("Eb major", "B minor"):
        for found in directions(replace(first, key=key)):
            if found.key is not None:
                away = (key_tonic(found.key) - key_tonic(key) + 6) % 12 - 6
                assert away in THIRDS
                assert key_is_major(found.key) == key_is_major(key)


def test_what_was_asked_for_stays(first: CueSheet) -> None:
    for asked in (Direction(ensemble=STRINGS.name), Direction(style=Style.QUARTET)):
        found = directions(first, asked)
        assert {f.ensemble for f in found} == {asked.ensemble}
        assert [f.key for f in found[1:3]] == ["F# minor", "Db minor"]
    assert {f.ensemble for f in directions(first, words="a string quartet")} == {None}
    found = directions(first, Direction(key="A minor"))
    assert {f.key for f in found} == {"A minor"}
    others = [STRINGS_AND_CHOIR.name, PIANO_AND_STRINGS.name, STRING_QUINTET.name]
    assert [f.ensemble for f in found[1:5]] == [*others, others[0]]
    asked = Direction(key="A minor", ensemble=STRINGS.name)
    assert set(directions(first, asked)) == {asked}


def test_nobody_plays_who_was_ruled_out(first: CueSheet) -> None:
    played = {f.ensemble for f in directions(first, words="no piano", takes=12)}
    assert not any(name and "piano" in name for name in played)


def test_every_ensemble_has_others_that_exist() -> None:
    for ensemble in ENSEMBLES.values():
        assert len(set(ensemble.instead) & set(ENSEMBLES) - {ensemble.name}) >= 2


def test_a_new_ensemble_is_replaced_by_those_of_its_style(first: CueSheet) -> None:
    new = Ensemble("two pianos", PIANO.parts, PIANO.style)
    add_ensemble(new)
    try:
        found = direction_of_take(2, replace(first, ensemble=new.name), Direction(), NO_WISHES)
        assert found.ensemble == PIANO.name
    finally:
        remove_ensemble(new.name)
