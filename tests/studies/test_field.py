"""Clips from the field hold what is promised of them, and the study says where one does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pixmus.studies.field import CONDITIONS, Condition, measure_one, worst


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda condition: condition.what)
def test_a_condition(condition: Condition, tmp_path: Path) -> None:
    row = measure_one(condition, tmp_path)
    assert row["holds"], row["measured"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"duration": 3.2},
        {"cuts": (1.0, 2.1)},
        {"cuts": (1.0,)},
        {"click": 1.0},
        {"copied": False},
        {"said": "never said"},
        {"duration": None},
    ],
)
def test_what_does_not_hold_is_told(wrong: dict[str, object], tmp_path: Path) -> None:
    assert not measure_one(replace(CONDITIONS[0], **wrong), tmp_path)["holds"]  # type: ignore[arg-type]


def test_worst() -> None:
    assert worst([1.0, 2.0], [1.0, 2.5]) == 0.5
    assert worst([], []) == 0.0
    assert worst([1.0], []) == float("inf")
