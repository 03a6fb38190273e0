"""A `Descriptor`: one number that says what a window of music is like, and what it is in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pixmus.check.window import PartNotes, Window
from pixmus.ensembles import Part


@dataclass(frozen=True)
class Descriptor:
    """What is measured: its name, its definition and how."""

    name: str
    definition: str
    measure: Callable[[Window], float]


class Descriptors:
    """Descriptors in the order in which they are defined: functions decorated with it.

    The function's name is the descriptor's (of `range_` it is "range"), its docstring the
    definition. It takes a `Window`; of `Descriptors(*parts)` it takes the `PartNotes` of one part
    after the other, the name begins with the part's, and {part} in the docstring is the part.
    """

    def __init__(self, *parts: Part) -> None:
        self.parts = parts
        self.measures: list[tuple[str, str, Callable[[Any], float]]] = []

    def __call__(self, measure: Callable[[Any], float]) -> Callable[[Any], float]:
        """Add a descriptor; what decorates a function."""
        self.add(measure.__name__.rstrip("_"), measure.__doc__ or "", measure)
        return measure

    def add(self, name: str, definition: str, measure: Callable[[Any], float]) -> None:
        """Add one whose name or definition is made."""
        self.measures.append((name, " ".join(definition.split()), measure))

    def __iter__(self) -> Iterator[Descriptor]:
        if not self.parts:
            for name, definition, measure in self.measures:
                yield Descriptor(name, definition, measure)
        for part in self.parts:
            for name, definition, measure in self.measures:
                told = definition.replace("{part}", part)
                yield Descriptor(f"{part}_{name}", told, _of_part(part, measure))


def _of_part(part: Part, measure: Callable[[PartNotes], float]) -> Callable[[Window], float]:
    return lambda window: measure(window.of(part))
