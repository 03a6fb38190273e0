"""Markdown from what a study measured, by its Jinja2 template in `templates/`.

Templates hold the prose and the tables; they may use the result's keys and the filters below. A
name or key that is not there is an error, so a text cannot go out of date unnoticed. Rates are
shares of 1; an interval is a pair (low, high).
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from pixmus.errors import PixMusError

TEMPLATES = Path(__file__).parent / "templates"


def number(value: Any) -> float:
    """The value as a float; what is no number is an error."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PixMusError(f"the text formats {str(value)[:60]!r} as a number, which it is not.")
    return float(value)


def fixed(value: Any, digits: int = 2) -> str:
    """A number with so many decimals; anything else is an error."""
    return f"{number(value):.{digits}f}"


def known(value: Any, digits: int = 2) -> str:
    """`fixed`, or a dash where nothing could be measured (None)."""
    return "-" if value is None else fixed(value, digits)


def signed(value: Any, digits: int = 2) -> str:
    """`+0.12`."""
    return f"{number(value):+.{digits}f}"


def short(value: Any, digits: int = 6) -> str:
    """A number with at most so many digits that count, without zeros at its end."""
    return f"{number(value):.{digits}g}"


def percent(value: Any, digits: int = 0) -> str:
    """A share of 1 as per cent, after a space that does not break."""
    return f"{100 * number(value):.{digits}f}\u00a0%"


def interval(low_high: Any, digits: int = 2) -> str:
    """`0.80–0.90` from a pair."""
    return f"{fixed(low_high[0], digits)}–{fixed(low_high[1], digits)}"


def thousands(value: Any) -> str:
    """`11,529,474`."""
    return f"{round(number(value)):,}"


def millions(value: Any, digits: int = 1) -> str:
    """`11.5`, of a number of parameters."""
    return f"{number(value) / 1e6:.{digits}f}"


def figure(value: Any, low_high: Sequence[float] | None = None, digits: int = 2) -> str:
    """A number with its interval, as `0.90 (0.85-0.93)`."""
    text = fixed(value, digits)
    if low_high is not None:
        text += f" ({fixed(low_high[0], digits)}-{fixed(low_high[1], digits)})"
    return text


def environment() -> jinja2.Environment:
    """Jinja2 as all texts use it."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
        extensions=["jinja2.ext.do"],
    )
    made.filters.update(
        fixed=fixed,
        known=known,
        signed=signed,
        short=short,
        percent=percent,
        interval=interval,
        thousands=thousands,
        millions=millions,
        figure=figure,
        mean=statistics.fmean,
        median=statistics.median,
    )
    return made


def fill(text: str, name: str, values: Mapping[str, Any]) -> str:
    """The text of a template that is no file here, with everything filled in."""
    try:
        return environment().from_string(text).render(**values)
    except jinja2.TemplateError as error:
        raise PixMusError(f"{name} cannot be filled: {error}.") from error


def to_markdown(name: str, result: Mapping[str, Any]) -> str:
    """What a study measured, by the template NAME.md.j2; `result` is what NAME.json holds."""
    try:
        return environment().get_template(f"{name}.md.j2").render(**result, result=result)
    except jinja2.TemplateError as error:
        raise PixMusError(f"{name}.md cannot be written: {error}.") from error
