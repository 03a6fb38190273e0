"""What was asked for as a link, and back from a link or a take.json: never a clip, only choices."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

from pixmus.choice import Choice, Step
from pixmus.choices import CHOICES
from pixmus.doors.page.commission import Commission
from pixmus.doors.page.panels.controls import asked_in
from pixmus.errors import PixMusError

LARGEST = 1 << 20  # bytes of a take.json
ON, OFF = "yes", "no"


def query_of(asked: Mapping[str, Any]) -> str:
    """The choices that differ from what they are where nobody chooses, as a link's query."""
    pairs = []
    for choice in _shared():
        value = asked.get(choice.name)
        if value is None or value == choice.default:
            continue
        if choice.kind is bool:
            pairs.append((choice.spelt, ON if value else OFF))
        else:
            pairs.append((choice.spelt, choice.shell_value(value)))
    return urlencode(pairs)


def read_query(query: str) -> Commission | None:
    """What a link asks for; None where it asks for nothing. Raises PixMusError."""
    given = dict(parse_qsl(query.lstrip("?")))
    typed: dict[str, Any] = {}
    for choice in _shared():
        if choice.spelt in given:
            text = given[choice.spelt]
            typed[choice.name] = text == ON if choice.kind is bool else text
    return Commission.read(typed) if typed else None


def read_take(path: Path) -> Commission:
    """What was asked for the take that a take.json tells of; PixMusError where it is none."""
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError
        settings = json.loads(path.read_text(encoding="utf-8"))["settings"]
        if not isinstance(settings, dict):
            raise ValueError
        asked = asked_in(settings)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise PixMusError(
            f"{path.name} is no take.json; take it out of a zip with everything of a take."
        ) from None
    return Commission(**{choice.name: asked.get(choice.name) for choice in _shared()})


def _shared() -> list[Choice]:
    """Every choice that says something without the clip that it was made for."""
    return [
        choice
        for choice in CHOICES.values()
        if choice.step not in (Step.TRIM, Step.TAKES) and not choice.is_local
    ]
