"""`Commission`: what a visitor asks for, as the controls of the page say it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pixmus.choices import DEFAULT_GUIDANCE_SCALE, NUM_INFERENCE_STEPS, Mode
from pixmus.cues.direction import Direction
from pixmus.ensembles import ENSEMBLES, PARTS
from pixmus.errors import PixMusError

MOST_TAKES = 4
MOST_STEPS = 50
LONGEST_TEXT = 300  # characters
LARGEST_SEED = 2**32 - 1


def read_number(text: str | float | None, name: str, whole: bool = False) -> float | int | None:
    """The number that a visitor typed into the field `name`, None where it was left empty."""
    typed = "" if text is None else str(text).strip().replace(",", ".")
    if not typed:
        return None
    try:
        number = float(typed)
        if not math.isfinite(number) or (whole and number != int(number)):
            raise ValueError
    except ValueError:
        kind = "whole number" if whole else "number"
        raise PixMusError(
            f"{name} is {typed[:40]!r}; give a {kind}, or leave the field empty."
        ) from None
    return int(typed.split(".")[0]) if whole else number


@dataclass(frozen=True)
class Commission:
    """What a visitor asks for; None (and "" for the text) leaves the choice to PixMus.

    Times are seconds of the uploaded clip; `parts` are those that may play. Raises PixMusError
    with a sentence that names what cannot be.
    """

    text: str = ""
    tempo_bpm: float | None = None
    key: str | None = None
    style: str | None = None
    ensemble: str | None = None
    parts: tuple[str, ...] = PARTS
    valence: float | None = None
    energy: float | None = None
    num_inference_steps: int = NUM_INFERENCE_STEPS
    guidance_scale: float = DEFAULT_GUIDANCE_SCALE
    seed: int | None = None
    num_takes: int = 1
    start: float | None = None
    end: float | None = None
    still_duration: float = 20.0
    original_audio: Mode | None = None
    original_level_db: float = 0.0

    def __post_init__(self) -> None:
        if not 1 <= self.num_takes <= MOST_TAKES:
            raise PixMusError(f"There can be 1 to {MOST_TAKES} takes, not {self.num_takes}.")
        if not 1 <= self.num_inference_steps <= MOST_STEPS:
            raise PixMusError(
                f"There can be 1 to {MOST_STEPS} inference steps, not {self.num_inference_steps}."
            )
        if self.seed is not None and not 0 <= self.seed <= LARGEST_SEED:
            raise PixMusError(f"The seed is {self.seed}; give a whole number from 0 on.")
        if len(self.text) > LONGEST_TEXT:
            raise PixMusError(
                f"What you want to hear has {len(self.text)} characters; say it in {LONGEST_TEXT}."
            )
        if (self.valence is None) != (self.energy is None):
            raise PixMusError("A mood is valence and energy together; give both or neither.")
        if not self.parts:
            raise PixMusError("No part may play; tick at least one part.")
        if self.start is not None and self.start < 0:
            raise PixMusError(f"The part of the clip starts at {self.start:g} s; start at 0 or on.")
        if self.end is not None and self.end <= (self.start or 0.0):
            raise PixMusError(
                f"The part of the clip ends at {self.end:g} s, not after its start at "
                f"{self.start or 0.0:g} s; choose a later end."
            )
        self.direction()

    @property
    def is_trimmed(self) -> bool:
        """Whether only a part of the clip is meant."""
        return bool(self.start) or self.end is not None

    def direction(self, ensemble: str | None = None, style: str | None = None) -> Direction:
        """What spotting is told; `ensemble` and `style` are those that spotting chose before.

        Which parts play can be said of a known ensemble only, so where parts are left out and the
        ensemble was not asked for, the clip is spotted twice: see `Studio.spot`.
        """
        ensemble = self.ensemble or ensemble
        parts = None
        if ensemble is not None and not self.has_all_parts:
            parts = tuple(part for part in ENSEMBLES[ensemble].parts if part in self.parts)
            if not parts:
                raise PixMusError(
                    f'The ensemble "{ensemble}" has the parts '
                    f"{', '.join(ENSEMBLES[ensemble].parts)}, "
                    "and none of them may play; tick one of them."
                )
        return Direction(
            tempo_bpm=self.tempo_bpm,
            key=self.key,
            style=self.style or (style if parts else None),
            ensemble=ensemble,
            parts=parts,
            valence=self.valence,
            energy=self.energy,
        )

    @property
    def has_all_parts(self) -> bool:
        """Whether no part was ruled out."""
        return set(self.parts) >= set(PARTS)
