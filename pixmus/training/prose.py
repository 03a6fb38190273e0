"""Texts made of templates in Jinja2's language, which lie beside the code that fills them."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def fill(template: Path, **values: Any) -> str:
    """The text of a template file with its names filled in; a name that lacks a value is an error.

    Lines that hold nothing but a statement of the template leave no line in the text. The filters
    `cell` and `commas` are the functions below.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters |= {"cell": cell, "commas": commas}
    return environment.from_string(template.read_text(encoding="utf-8")).render(**values)


def cell(text: str) -> str:
    """Text that stays in its cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|")


def commas(number: float) -> str:
    """A whole number with its thousands apart."""
    return f"{number:,.0f}"
