"""Choices as a link and back; from a take.json; never a clip."""

import json
from pathlib import Path
from typing import Any

import pytest

from pixmus.doors.page.commission import Commission
from pixmus.doors.page.links import query_of, read_query, read_take
from pixmus.errors import PixMusError


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"text": "dark & slow, 50 %", "seed": 7, "key": "A minor", "tempo_bpm": 96.5},
        {"accents": False, "guidance_scale": 3.25, "ensemble": "strings", "valence": 0.1},
        {"parts": ("melody", "bass"), "num_inference_steps": 9, "original_audio": "drop"},
    ],
)
def test_a_link_asks_for_the_same_again(asked: dict[str, Any]) -> None:
    commission = Commission(**asked)
    read = read_query("?" + query_of(commission))
    assert (read or Commission()) == commission
    assert (read is None) == (not asked)


def test_a_link_names_no_clip_and_what_cannot_be_is_one_sentence() -> None:
    assert query_of(Commission(start=1.0, end=2.0)) == ""
    assert read_query("?__theme=dark&utm=1") is None
    with pytest.raises(PixMusError, match="tempo is 9999"):
        read_query("tempo=9999")


def test_a_take_json_is_read(tmp_path: Path) -> None:
    path = tmp_path / "take.json"
    settings = {"text": "dark", "seed": 3, "direction": {"key": "E minor", "ensemble": None}}
    path.write_text(json.dumps({"settings": settings}))
    read = read_take(path)
    assert (read.text, read.seed, read.key) == ("dark", 3, "E minor")
    for other in ("[]", "{", '{"settings": 4}', '{"settings": {"seed": "x"}}'):
        path.write_text(other)
        with pytest.raises(PixMusError):
            read_take(path)
