"""Checks of values from outside: ValueError with a sentence (no full stop) that names the value."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from pixmus.ensembles import PARTS

LARGEST_INT = 2**53  # beyond it an integer is no float any more, and may have no end
LARGEST_SHEET = 5_000_000  # characters
MOST_NUMBERS = 250_000  # the curves of nearly three hours
MOST_ROWS = 10_000  # hit points, cuts, cues or sections
DEEPEST = 20
LONGEST_NUMBER = 40  # characters
LONGEST_TEXT = 2000  # of a name or a reason
LONGEST_SAID = 60  # characters of a wrong value that are said back
# A text, a bracket or a number. Nothing is tried twice, so that finding all of them is linear.
JSON_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{\]}]|[-0-9][-+.0-9eE]*+', re.DOTALL)


def check_bounds(text: str, deepest: int = DEEPEST) -> None:
    """Refuse, before it is parsed, JSON that is larger or deeper than any cue sheet."""
    if len(text) > LARGEST_SHEET:
        raise ValueError(f"it is larger than {LARGEST_SHEET // 1_000_000} MB")
    depth = num_numbers = 0
    for found in JSON_TOKEN.finditer(text):
        first = text[found.start()]
        if first in "[{":
            depth += 1
            if depth > deepest:
                raise ValueError("it is nested too deeply to be read")
        elif first in "]}":
            depth -= 1
        elif first != '"':
            num_numbers += 1
            if num_numbers > MOST_NUMBERS:
                raise ValueError(f"it holds more than {MOST_NUMBERS:,} numbers")
            if found.end() - found.start() > LONGEST_NUMBER:
                raise ValueError(
                    f"a number in it has more than {LONGEST_NUMBER} digits, from "
                    f"{said(found.group()[:LONGEST_NUMBER])} on"
                )


def said(value: Any) -> str:
    """A wrong value as a sentence says it back: short, and nothing that cannot be printed."""
    if isinstance(value, list | dict | tuple):
        return f"a {'JSON object' if isinstance(value, dict) else 'list'}"
    text = repr(value[:LONGEST_SAID] if isinstance(value, str) else value)
    return text if len(text) <= 2 * LONGEST_SAID else text[:LONGEST_SAID] + "..."


def check_text(value: Any, what: str) -> None:
    if not isinstance(value, str):
        raise ValueError(f"{what} must be text")
    if len(value) > LONGEST_TEXT:
        raise ValueError(f"{what} has {len(value)} characters; {LONGEST_TEXT} are enough")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(
            f"{what} is {said(value)}, in which half of a character is missing; type it anew"
        ) from None


def refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is not a number that a cue sheet can hold")


def refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise ValueError(f"{quoted(name)} stands there twice; keep one of them")
            seen.add(name)
    return found


def quoted(name: str) -> str:
    """A name from outside as a sentence says it."""
    return '"' + said(name)[1:-1] + '"'


def check_names(
    value: Any, what: str, known: tuple[str, ...], optional: tuple[str, ...] = ()
) -> None:
    if not isinstance(value, dict):
        raise ValueError(f"{what} must be a JSON object with {', '.join(known)}")
    for name in value:
        if name not in known:
            raise ValueError(
                f"{what} has the unknown key {quoted(name)}; known are {', '.join(known)}"
            )
    for name in known:
        if name not in value and name not in optional:
            raise ValueError(f'{what} lacks the key "{name}"')


def check_list(value: Any, what: str, is_curve: bool = False) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{what} must be a list")
    if len(value) > MOST_ROWS and not is_curve:
        raise ValueError(f"{what} has {len(value)} entries; {MOST_ROWS:,} are the most")
    return value


def check_number(value: Any, what: str, low: float, high: float, *, above: bool = False) -> None:
    is_number = isinstance(value, int | float | np.integer | np.floating)
    if not is_number or isinstance(value, bool):
        raise ValueError(f"{what} is {said(value)}; it must be a number")
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
        raise ValueError(f"{what} is {said(value)}; choose one of {', '.join(known)}")


def check_parts(parts: tuple[str, ...], known: tuple[str, ...], whose: str) -> tuple[str, ...]:
    if not parts:
        raise ValueError(f"no part is chosen; the parts {whose} are {', '.join(known)}")
    for part in parts:
        check_choice(part, f"one of the parts {whose}", known)
    if len(set(parts)) < len(parts):
        raise ValueError("one of the parts is named twice")
    return tuple(part for part in PARTS if part in parts)
