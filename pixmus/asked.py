"""`Asked`: what a person asked for, a checked value of every choice of some steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pixmus.choice import Step
from pixmus.choices import CHOICES, choices_of


class Asked(Mapping[str, Any]):
    """What a person asked for: a checked value of every choice of some steps."""

    def __init__(
        self,
        asked: Mapping[str, Any],
        steps: Sequence[Step] = tuple(Step),
        shared: bool = False,
    ) -> None:
        """TypeError where a choice is not known, PixMusError where a value cannot be."""
        choices = choices_of(*steps)
        unknown = asked.keys() - {choice.name for choice in choices}
        if unknown:
            raise TypeError(f"there is no choice {sorted(unknown)[0]!r} here")
        self.shared = shared
        self.values_by_name = {
            choice.name: choice.check(asked.get(choice.name), shared) for choice in choices
        }

    def __getitem__(self, name: str) -> Any:
        return self.values_by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return len(self.values_by_name)

    def of(self, *steps: Step) -> dict[str, Any]:
        """The values of the choices of these steps."""
        return {name: value for name, value in self.items() if CHOICES[name].step in steps}
