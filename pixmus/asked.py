"""`Asked`: what a person asked for, a checked value of every choice of some steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pixmus.choice import Choice, Step


class Asked(Mapping[str, Any]):
    """What a person asked for: a checked value of each of some choices."""

    def __init__(
        self, asked: Mapping[str, Any], choices: Sequence[Choice], shared: bool = False
    ) -> None:
        """TypeError where a choice is not among them, PixMusError where a value cannot be."""
        unknown = asked.keys() - {choice.name for choice in choices}
        if unknown:
            raise TypeError(f"there is no choice {sorted(unknown)[0]!r} here")
        self._choices = {choice.name: choice for choice in choices}
        self._values = {
            choice.name: choice.check(asked.get(choice.name), shared) for choice in choices
        }

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __getattr__(self, name: str) -> Any:
        """The value of a choice: `asked.seed` is `asked["seed"]`."""
        if name.startswith("_") or name not in self._values:
            raise AttributeError(name)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def of(self, *steps: Step) -> dict[str, Any]:
        """The values of the choices of these steps."""
        return {name: value for name, value in self.items() if self._choices[name].step in steps}
