"""What a visitor asks for: what is left to PixMus, what cannot be."""

import pytest

from pixmus.cues.direction import Direction
from pixmus.doors.page.commission import Commission
from pixmus.ensembles import PARTS
from pixmus.errors import PixMusError


def test_an_empty_commission_leaves_everything_to_spotting() -> None:
    assert Commission().direction() == Direction()
    assert not Commission().is_trimmed


def test_parts_left_out_are_left_out_of_the_ensemble() -> None:
    asked = Commission(ensemble="band", parts=("melody", "bass", "pad"))
    assert asked.direction().parts == ("melody", "bass")


def test_parts_left_out_of_an_ensemble_that_spotting_chose() -> None:
    asked = Commission(parts=tuple(part for part in PARTS if part != "drums"))
    assert asked.direction().parts is None
    told = asked.but(ensemble="band", style="game").direction()
    assert (told.ensemble, told.style) == ("band", "game")
    assert told.parts == ("melody", "harmony", "bass")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"num_takes": 5}, "from 1 to 4"),
        ({"num_inference_steps": 0}, "number of inference steps is 0; give .* from 1 to 100"),
        ({"num_inference_steps": 101}, "from 1 to 100"),
        ({"seed": -1}, "seed is -1"),
        ({"text": "x" * 301}, "301 characters"),
        ({"valence": 1.5}, "valence of the mood is 1.5"),
        ({"parts": ()}, "choose at least one"),
        ({"start": -1.0}, "start of the part is -1"),
        ({"start": 5.0, "end": 5.0}, "choose a later end"),
        ({"tempo_bpm": 20.0}, "tempo"),
        ({"key": "H major"}, "H major"),
        ({"ensemble": "strings", "parts": ("drums",)}, "none of them may play"),
    ],
)
def test_what_cannot_be_is_one_sentence(asked: dict, told: str) -> None:
    with pytest.raises(PixMusError, match=told) as raised:
        Commission(**asked)
    assert str(raised.value).endswith(".") and "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("typed", "name", "read"),
    [
        ("", "tempo_bpm", None),
        (None, "tempo_bpm", None),
        (" 96,5 ", "tempo_bpm", 96.5),
        ("7", "seed", 7),
        ("7.0", "seed", 7),
    ],
)
def test_a_field_holds_a_number_or_nothing(
    typed: str | None, name: str, read: float | None
) -> None:
    assert Commission.read({name: typed})[name] == read


@pytest.mark.parametrize(
    ("typed", "name"),
    [("fast", "tempo_bpm"), ("1.5", "seed"), ("nan", "tempo_bpm"), ("inf", "seed"), ("-", "seed")],
)
def test_what_is_no_number_names_its_field(typed: str, name: str) -> None:
    with pytest.raises(PixMusError, match="The (tempo|seed) is .*or leave it open"):
        Commission.read({name: typed})


@pytest.mark.parametrize("asked", [{"start": 1.0}, {"end": 3.0}, {"start": 0.0, "end": 3.0}])
def test_a_part_of_the_clip_is_trimmed(asked: dict) -> None:
    assert Commission(**asked).is_trimmed
