"""Whether a loaded model is one of this version, and whole."""

from __future__ import annotations

import math
from typing import Any

import torch

from pixmus.compose.conditions import NUM_CONDITIONS
from pixmus.compose.planning import NUM_PLAN_CONDITIONS
from pixmus.compose.voice_conditions import NUM_VOICE_CONDITIONS
from pixmus.compose.voice_writing import UnmaskingScheduler
from pixmus.ensembles import PARTS
from pixmus.score.grid import STEPS_PER_BEAT
from pixmus.score.notes import PART_LAYOUTS
from pixmus.score.plan_tokens import FIELD_SIZES


def check_numbers(pipe: Any) -> None:
    """ValueError where a number of the model is none: its music would be silent or an error."""
    for name, value in pipe.decoding.log_odds.items():
        if name not in PARTS or not math.isfinite(value):
            raise ValueError("decoding")
    for network in (pipe.denoiser, pipe.encoder, pipe.plan_denoiser, pipe.voice_network):
        for parameter in () if network is None else network.parameters():
            if not torch.isfinite(parameter).all():
                raise ValueError("weights")


def speaks_this_grid(pipe: Any) -> bool:
    """Whether the networks read music and conditions as this version writes them."""
    if pipe.denoiser is None:
        planner, voices = pipe.plan_denoiser, pipe.voice_network
        return (
            planner is not None
            and voices is not None
            and isinstance(pipe.scheduler, UnmaskingScheduler)
            and tuple(planner.config.field_sizes) == FIELD_SIZES
            and planner.config.num_conditions == NUM_PLAN_CONDITIONS
            and voices.config.num_conditions == NUM_VOICE_CONDITIONS
        )
    roll_cells = [layout.num_roll_cells for layout in PART_LAYOUTS.values()]
    config = pipe.denoiser.config
    return (
        list(config.roll_cells) == roll_cells
        and config.velocity_cells == STEPS_PER_BEAT
        and config.num_conditions == NUM_CONDITIONS
    )
