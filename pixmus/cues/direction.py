"""`Direction`: what the person asked for of spotting."""

from __future__ import annotations

from dataclasses import dataclass, fields

from pixmus.choices import CHOICES


@dataclass(frozen=True)
class Direction:
    """What the person asked for; None leaves the choice to the rules of `spot`."""

    tempo_bpm: float | None = None
    key: str | None = None
    style: str | None = None
    ensemble: str | None = None
    parts: tuple[str, ...] | None = None
    valence: float | None = None
    energy: float | None = None
    music_from: float | None = None
    music_to: float | None = None

    def __post_init__(self) -> None:
        for choice in fields(self):
            value = CHOICES[choice.name].check(getattr(self, choice.name))
            object.__setattr__(self, choice.name, value)
