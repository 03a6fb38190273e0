"""How voices are drawn: `Guidance` by what is asked, `Sampling` as a model's scheduler has it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from pixmus.choices import DEFAULT_GUIDANCE_SCALE, NUM_INFERENCE_STEPS
from pixmus.compose.unmasking import BLOCK_BARS, UnmaskingScheduler
from pixmus.compose.voice_conditions import without_timing, without_wishes
from pixmus.ensembles import PARTS, Part, Style

MELODY, DRUMS = PARTS.index(Part.MELODY), PARTS.index(Part.DRUMS)
GUIDED_SHARE = 0.6


@dataclass(frozen=True)
class Guidance:
    """Classifier-free guidance of curves, hit points and plan; never of dynamics. 1 is none.

    `timing` is that of the hit points alone, None: as the others. Only the first `share` of a
    block's steps is guided: what they settle leads the others.
    """

    scale: float = DEFAULT_GUIDANCE_SCALE
    timing: float | None = None
    share: float = GUIDED_SHARE

    def at(self, step: int, num_steps: int) -> Guidance:
        """The guidance of a step."""
        return self if step < self.share * num_steps else self.off

    @property
    def off(self) -> Guidance:
        """No guidance."""
        return replace(self, scale=1.0, timing=None)

    def variants(self, conditions: np.ndarray) -> Tensor:
        """Conditions of each prediction, (variants, T, conditions)."""
        asked = [conditions]
        if len(self.weights[0]) > 1:
            asked.append(without_wishes(conditions))
        if len(self.weights[0]) > 2:
            asked.append(without_timing(conditions))
        return torch.from_numpy(np.stack(asked)).float()

    @property
    def weights(self) -> tuple[Tensor, Tensor]:
        """Weights of the variants' log probabilities: of notes, and of dynamics.

        From the prediction without wishes by `scale` to that with all but hit points, and from
        there by `timing` to that with all (as Brooks et al. 2023 lead to two conditions).
        """
        timing = self.scale if self.timing is None else self.timing
        if self.scale == timing == 1:
            notes = [1.0]
        elif self.scale == timing:
            notes = [self.scale, 1 - self.scale]
        else:
            notes = [timing, 1 - self.scale, self.scale - timing]
        return torch.tensor(notes), torch.tensor([1.0, *[0.0] * (len(notes) - 1)])


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn."""

    num_steps: int = NUM_INFERENCE_STEPS
    temperature: float = 1.0
    temperatures: Mapping[str, float] = field(default_factory=dict)  # of parts of their own
    top: float = 0.98  # the nucleus: values beyond it are never drawn
    has_dynamics: bool = True
    dynamics_temperature: float | None = None  # of levels and accents; None: as the notes
    register_strength: float = 0.0  # see `reach_register`
    intervals: Mapping[str, Tensor] = field(default_factory=dict)  # of parts of one voice
    going_on: Mapping[str, float] = field(default_factory=dict)  # of these parts, too
    steady: Mapping[str, float] = field(default_factory=dict)  # see `strokes_to_repeat`
    kick_with_bass: float = 0.0  # see `drums_with_others`
    drums_with_pitched: float = 0.0  # see `drums_with_others`
    motif: tuple[float, float] = (0.0, 0.0)  # see `motif_to_repeat`
    harmony_near: float = 0.0  # see `stay_near`
    harmony_higher: float = 0.0  # see `lie_higher`
    livelier: Mapping[str, float] = field(default_factory=dict)  # added to strokes of parts
    thinner: float = 0.0  # of the harmony: see `Leaning.thinner`
    drums_repeat: float = 0.0  # see `carry_drums_on`
    drums_share: float = 0.15  # of the steps, in which the drums are written after all others
    melody_share: float = 0.0  # of the steps, in which the melody is written before the other parts

    @classmethod
    def of(
        cls, scheduler: UnmaskingScheduler, num_steps: int, style: Style = Style.POP
    ) -> Sampling:
        """As a model's scheduler has it, in a style."""
        how = scheduler.config
        return cls(
            num_steps=num_steps,
            temperature=how.temperature,
            temperatures=how.temperatures,
            top=how.top,
            has_dynamics=style.has_dynamics,
            dynamics_temperature=how.dynamics_temperature,
            register_strength=how.register_strength,
            intervals={
                Part.MELODY: torch.tensor(how.melody_intervals),
                Part.BASS: torch.tensor(how.bass_intervals),
            },
            going_on=how.going_on,
            steady=how.steady,
            kick_with_bass=how.kick_with_bass,
            drums_with_pitched=how.drums_with_pitched,
            motif=tuple(how.motif),
            harmony_near=how.harmony_near,
            harmony_higher=how.harmony_higher.get(style, 0.0),
            livelier=how.livelier,
            thinner=how.thinner.get(style, 0.0),
            drums_repeat=how.drums_repeat,
            drums_share=how.drums_share,
            melody_share=how.melody_share,
        )

    def in_block(self, num_bars: int) -> Sampling:
        """The same in a block of so many bars: smaller ones take fewer steps, not below half."""
        share = min(1.0, max(0.5, num_bars / BLOCK_BARS))
        return replace(self, num_steps=max(1, math.ceil(share * self.num_steps)))

    @property
    def stages(self) -> tuple[tuple[tuple[int, ...], int], ...]:
        """Which parts are written one after another, and in how many steps each."""
        if self.melody_share <= 0 or self.num_steps < 2:
            return ((tuple(range(len(PARTS))), self.num_steps),)
        first = min(max(1, round(self.melody_share * self.num_steps)), self.num_steps - 1)
        left = self.num_steps - first
        last = min(round(self.drums_share * self.num_steps), left - 1)
        if last < 1:
            others = tuple(part for part in range(len(PARTS)) if part != MELODY)
            return (((MELODY,), first), (others, left))
        others = tuple(part for part in range(len(PARTS)) if part not in (MELODY, DRUMS))
        return (((MELODY,), first), (others, left - last), ((DRUMS,), last))
