"""Sampling: from noise, what is given and the conditions to the predicted cells of one window.

The calibrated log odds and the rules that turn cells into notes are `Decoding`; how far the
conditions are followed is `Guidance`. Nothing is kept between calls.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from pixmus.choices import DEFAULT_GUIDANCE_SCALE
from pixmus.compose.cells import OFF, TO_MAKE, VELOCITY_CENTRE, VELOCITY_SCALE, echo_x0, to_x0
from pixmus.compose.conditions import (
    ECHO_COLUMN,
    in_other_mode,
    without_mood,
    without_mood_and_timing,
)
from pixmus.diffusers_base import FlowMatchEulerDiscreteScheduler, SchedulerMixin
from pixmus.ensembles import ONE_VOICE_PARTS, PARTS
from pixmus.model.denoiser import ScoreDenoiser
from pixmus.score.grid import STEPS_PER_BEAT
from pixmus.score.notes import CELL_PARTS, IS_VELOCITY, PART_LAYOUTS

_IS_VELOCITY = torch.from_numpy(IS_VELOCITY)
_CELL_PARTS = torch.from_numpy(CELL_PARTS)

OnStep = Callable[[int, int, Tensor], None]  # window's inference step, all of them, cells


@dataclass(frozen=True)
class Decoding:
    """How predicted cells become notes; every rule can be switched off.

    `log_odds` are added to every prediction of a part's roll cells while sampling, calibrated once
    so that the part's density at guidance 1 is the data's. (A threshold on the finished cells would
    do nothing: they end at -1 or 1.)
    """

    log_odds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PARTS, 0.0))
    one_voice: tuple[str, ...] = ONE_VOICE_PARTS

    def shift(self, x0: Tensor) -> Tensor:
        """Predicted cells (tokens, NUM_CELLS) with `log_odds` added to their roll cells."""
        offsets = torch.tensor([self.log_odds.get(part, 0.0) for part in PARTS])[_CELL_PARTS]
        certain = x0.clamp(-1, 1)
        sounding, silent = (1 + certain) * offsets.exp(), 1 - certain
        shifted = 2 * sounding / (sounding + silent).clamp(min=1e-6) - 1
        return torch.where(_IS_VELOCITY, x0, shifted)

    def cells(self, x0: np.ndarray) -> np.ndarray:
        """Piano-roll uint8 (beats, NUM_CELLS) of predicted values float (beats, NUM_CELLS)."""
        cells = np.zeros(x0.shape, np.uint8)
        for part, layout in PART_LAYOUTS.items():
            shape = (len(x0) * STEPS_PER_BEAT, layout.num_pitches)
            values = x0[:, layout.onsets].reshape(shape)
            onset = values > 0
            if part in self.one_voice:
                onset &= values >= values.max(1, keepdims=True)
            cells[:, layout.onsets] = onset.reshape(len(x0), -1)
            if layout.has_sounding:
                sounding = (x0[:, layout.sounding].reshape(shape) > 0) | onset
                cells[:, layout.sounding] = sounding.reshape(len(x0), -1)
            velocity = VELOCITY_CENTRE + VELOCITY_SCALE * x0[:, layout.velocities].reshape(-1)
            velocity = np.clip(np.round(velocity), 1, 127) * onset.any(1)
            cells[:, layout.velocities] = velocity.reshape(len(x0), -1)
        return cells


@dataclass(frozen=True)
class Guidance:
    """Classifier-free guidance (Ho & Salimans 2022): of the mood (curves) and the timing (hits).

    1 is none. `timing_scale` None takes `scale`. What is led away from has neither, and the other
    mode: so the mode is heard as asked, without another prediction. Velocities are not guided.
    """

    scale: float = DEFAULT_GUIDANCE_SCALE
    timing_scale: float | None = None

    @property
    def weights(self) -> dict[str, float]:
        """Weight of the prediction with all conditions, without mood, and without mood and timing.

        x0 = none + timing_scale (timing - none) + scale (full - timing); what weighs nothing is
        left out.
        """
        timing_scale = self.scale if self.timing_scale is None else self.timing_scale
        weights = {
            "full": self.scale,
            "timing": timing_scale - self.scale,
            "none": 1 - timing_scale,
        }
        return {name: weight for name, weight in weights.items() if weight != 0}

    def variants(self, conditions: np.ndarray) -> Tensor:
        """The conditions of each prediction, (variants, tokens, conditions): dropped nested."""
        drop = {
            "full": lambda array: array,
            "timing": without_mood,
            "none": lambda array: in_other_mode(without_mood_and_timing(array)),
        }
        return torch.from_numpy(np.stack([drop[name](conditions) for name in self.weights]))

    def combine(self, predicted: Tensor) -> Tensor:
        """The guided clean cells (tokens, cells) of the predictions (variants, tokens, cells)."""
        share = torch.tensor(list(self.weights.values()))
        x0 = (share[:, None, None] * predicted).sum(0)
        if "full" not in self.weights:
            return x0
        # Led beyond their mean, dynamics jump from bar to bar: they are never guided.
        told = predicted[list(self.weights).index("full")]
        return torch.where(_IS_VELOCITY, told, x0)


def settle(x0: Tensor) -> Tensor:
    """Predicted cells within their range; velocity cells fade where the part has no onset.

    In training a velocity cell is 0 without an onset and no loss says what to predict there.
    """
    settled = x0.clamp(-1, 1)
    for layout in PART_LAYOUTS.values():
        onsets = settled[..., layout.onsets].unflatten(-1, (STEPS_PER_BEAT, -1))
        struck = (onsets.amax(-1) + 1) / 2  # (..., steps)
        velocity = x0[..., layout.velocities].clamp(
            (1 - VELOCITY_CENTRE) / VELOCITY_SCALE, (127 - VELOCITY_CENTRE) / VELOCITY_SCALE
        )
        settled[..., layout.velocities] = velocity * struck
    return settled


@torch.inference_mode()
def sample(
    denoiser: ScoreDenoiser,
    scheduler: SchedulerMixin,
    cells: np.ndarray,
    states: np.ndarray,
    conditions: np.ndarray,
    *,
    generator: torch.Generator,
    guidance: Guidance,
    num_inference_steps: int,
    echo: np.ndarray | None = None,
    decoding: Decoding | None = None,
    on_step: Callable[[int, Tensor], None] | None = None,
) -> np.ndarray:
    """Predicted cells, float32 (beats, NUM_CELLS): what is given stays, what is off is 0.

    `cells` uint8 and `states` describe the beats; `echo`, cells like them, holds what is echoed
    where the conditions name a likeness. The scheduler is a diffusers flow-matching one, fresh
    from its config.
    """
    part_states = torch.from_numpy(states.astype(np.int64))
    cell_states = part_states[:, _CELL_PARTS]
    known = torch.where(cell_states == OFF, 0.0, to_x0(torch.from_numpy(cells)))
    to_make = cell_states == TO_MAKE
    noise = torch.randn(known.shape, generator=generator)
    x = torch.where(to_make, noise, known)
    asked = guidance.variants(conditions)
    num = len(asked)
    echoed: Tensor | None = None
    if echo is not None and conditions[:, ECHO_COLUMN].any():
        likeness = torch.from_numpy(conditions[:, ECHO_COLUMN])
        echoed = echo_x0(torch.from_numpy(echo), likeness, part_states)[None]
    fixed = (asked, part_states.expand(num, -1, -1), torch.arange(len(cells)), echoed)
    previous: Tensor | None = None
    scheduler.set_timesteps(num_inference_steps)
    for step, timestep in enumerate(scheduler.timesteps):
        sigma = float(scheduler.sigmas[step])
        noisy = x.expand(num, -1, -1)
        predicted = denoiser(noisy, torch.full((num,), sigma), *fixed, previous)
        previous = torch.where(to_make, predicted, known)
        x0 = guidance.combine(predicted)
        x0 = settle(decoding.shift(x0) if decoding else x0)
        flow = (x - x0) / sigma
        stepped = scheduler.step(flow, timestep, x, return_dict=False)[0]
        x = torch.where(to_make, stepped, known)
        if on_step is not None:
            on_step(step, x)
    return x.numpy()


def fresh_scheduler(scheduler: SchedulerMixin) -> SchedulerMixin:
    """A scheduler with the same config and no state, so that calls cannot disturb each other."""
    return type(scheduler).from_config(scheduler.config)


def default_scheduler() -> FlowMatchEulerDiscreteScheduler:
    """Euler steps along the flow, spread towards high noise by `shift` (Esser et al. 2024)."""
    return FlowMatchEulerDiscreteScheduler(shift=3.0)
