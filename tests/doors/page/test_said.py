"""What is said of a take in a visitor's words."""

import numpy as np
import pytest

from pixmus.curves import Curve
from pixmus.doors.page.said import WORDS, _about, _cuts, _level, _turn, clock
from pixmus.doors.page.takes import CutsMet

BARS = np.arange(8) * 2.0


def curves(**changed: list[float]) -> dict[str, np.ndarray]:
    flat = {str(name): np.full(8, 0.5) for name in WORDS}
    return {**flat, **{name: np.array(values) for name, values in changed.items()}}


def test_where_the_picture_turns_is_said_and_whether_the_music_does_too() -> None:
    falls, rises = [0.8] * 4 + [0.2] * 4, [0.2] * 4 + [0.8] * 4
    wanted = curves(**{Curve.ENERGY: falls})
    assert _turn(BARS, wanted, wanted) == "It grows calmer at 0:08, as the picture does."
    against = _turn(BARS, wanted, curves(**{Curve.ENERGY: rises}))
    assert against == "The picture grows calmer at 0:08; the music does not."
    bright = curves(**{Curve.VALENCE: rises})
    assert _turn(BARS, bright, bright).startswith("It grows brighter at 0:08")
    assert _turn(BARS, curves(), curves()) == "" and _turn(BARS[:1], wanted, wanted) == ""


@pytest.mark.parametrize(
    ("offsets", "told"),
    [
        ((), ""),
        ((0.01,), "The cut falls on a note."),
        ((0.01, -0.02), "All 2 cuts fall on a note."),
        ((0.01, 0.3, 0.5), "1 of 3 cuts fall on a note."),
    ],
)
def test_cuts_are_counted_in_words(offsets: tuple[float, ...], told: str) -> None:
    assert _cuts(CutsMet(tuple(range(len(offsets))), offsets)) == told


def test_what_came_out_otherwise_is_said() -> None:
    near = {str(name): (0.5, 0.6) for name in WORDS}
    assert _level(near) == ""
    off = {**near, str(Curve.ENERGY): (0.9, 0.4), str(Curve.VALENCE): (0.2, 0.6)}
    assert _level(off) == "On the whole it came out calmer and brighter than the picture asks."
    assert [clock(t) for t in (0.4, 12.6, 75.0)] == ["0:00", "0:13", "1:15"]


@pytest.mark.parametrize(
    ("seconds", "told"), [(1.2, "5 s"), (33.0, "35 s"), (89.0, "90 s"), (100.0, "2 minutes")]
)
def test_how_long_it_takes_is_said_roughly(seconds: float, told: str) -> None:
    assert _about(seconds) == f"it takes about {told}"
