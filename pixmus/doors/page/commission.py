"""`Commission`: what a visitor asks for, as the controls of the page or the API say it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pixmus.asked import Asked
from pixmus.choice import Step
from pixmus.choices import CHOICES
from pixmus.cues.direction import Direction
from pixmus.ensembles import ENSEMBLES, PARTS
from pixmus.errors import PixMusError

MOST_TAKES = int(CHOICES["num_takes"].highest(shared=True))


class Commission(Asked):
    """What a visitor asks for: every choice, by its name; `parts` are those that may play.

    Raises PixMusError with a sentence that names what cannot be.
    """

    def __init__(self, **asked: Any) -> None:
        super().__init__(asked, shared=True)
        start, end = self["start"], self["end"]
        if end is not None and end <= (start or 0.0):
            raise PixMusError(
                f"The part of the clip ends at {end:g} s, not after its start at "
                f"{start or 0.0:g} s; choose a later end."
            )
        self.direction()

    @classmethod
    def read(cls, typed: Mapping[str, Any]) -> Commission:
        """The commission of what was typed and chosen, some of it as text."""
        return cls(
            **{name: CHOICES[name].read(value, shared=True) for name, value in typed.items()}
        )

    def but(self, **changes: Any) -> Commission:
        """The same with some changes."""
        return Commission(**{**self, **changes})

    @property
    def is_trimmed(self) -> bool:
        """Whether only a part of the clip is meant."""
        return bool(self["start"]) or self["end"] is not None

    def direction(self) -> Direction:
        """What spotting is told.

        Which parts play can be said of a known ensemble only, so where parts are left out and the
        ensemble was not asked for, the clip is spotted twice: see `Studio.spot`.
        """
        return Direction(**{**self.of(Step.SPOT), "parts": self._playing()})

    def _playing(self) -> tuple[str, ...] | None:
        """The parts of the ensemble that may play, None for all or where it is not known."""
        ensemble = self["ensemble"]
        if ensemble is None or self.has_all_parts:
            return None
        parts = tuple(part for part in ENSEMBLES[ensemble].parts if part in self["parts"])
        if not parts:
            raise PixMusError(
                f'The ensemble "{ensemble}" has the parts '
                f"{', '.join(ENSEMBLES[ensemble].parts)}, "
                "and none of them may play; choose one of them."
            )
        return parts

    @property
    def has_all_parts(self) -> bool:
        """Whether no part was ruled out."""
        return self["parts"] is None or set(self["parts"]) >= set(PARTS)
