"""Checks of values from outside: ValueError with a sentence (no full stop) that names the value."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pixmus.ensembles import PARTS

LARGEST_INT = 2**53  # beyond it an integer is no float any more, and may have no end


def refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is not a number that a cue sheet can hold")


def refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f'"{name}" stands there twice; keep one of them')
    return dict(pairs)


def check_names(value: Any, what: str, known: tuple[str, ...]) -> None:
    if not isinstance(value, dict):
        raise ValueError(f"{what} must be a JSON object with {', '.join(known)}")
    for name in value:
        if name not in known:
            raise ValueError(f'{what} has the unknown key "{name}"; known are {", ".join(known)}')
    for name in known:
        if name not in value:
            raise ValueError(f'{what} lacks the key "{name}"')


def check_list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{what} must be a list")
    return value


def check_number(value: Any, what: str, low: float, high: float, *, above: bool = False) -> None:
    is_number = isinstance(value, int | float | np.integer | np.floating)
    if not is_number or isinstance(value, bool):
        raise ValueError(f"{what} is {value!r}; it must be a number")
    if isinstance(value, int) and abs(value) > LARGEST_INT:
        raise ValueError(f"{what} is far too large a number")
    if not (low <= value <= high) or (above and value == low) or math.isinf(value):
        limits = f"{'above' if above else 'at least'} {low:g}"
        if high < math.inf:
            limits = f"within {low:g} and {high:g}"
        raise ValueError(f"{what} is {value:g}; it must be {limits}")


def check_times(times: tuple[float, ...], what: str, duration: float) -> None:
    before = -1.0
    for time in times:
        check_number(time, f"a time in {what}", 0.0, duration)
        if time <= before:
            raise ValueError(f"{what} are not in order of time at {time:g} s")
        before = time


def check_choice(value: Any, what: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f"{what} is {value!r}; choose one of {', '.join(known)}")


def check_parts(parts: tuple[str, ...], known: tuple[str, ...], whose: str) -> tuple[str, ...]:
    if not parts:
        raise ValueError(f"no part is chosen; the parts {whose} are {', '.join(known)}")
    for part in parts:
        check_choice(part, f"one of the parts {whose}", known)
    if len(set(parts)) < len(parts):
        raise ValueError("one of the parts is named twice")
    return tuple(part for part in PARTS if part in parts)
