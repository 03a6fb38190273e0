"""Whether a loaded model is one of this version, and whole."""

from __future__ import annotations

from typing import Any

import torch

from pixmus.compose.planning import NUM_PLAN_CONDITIONS
from pixmus.compose.voice_conditions import NUM_VOICE_CONDITIONS
from pixmus.score.plan_tokens import FIELD_SIZES


def check_numbers(pipe: Any) -> None:
    """ValueError where a number of the model is none: its music would be silent or an error."""
    for network in (pipe.encoder, pipe.plan_denoiser, pipe.voice_network):
        for parameter in () if network is None else network.parameters():
            if not torch.isfinite(parameter).all():
                raise ValueError("weights")


def speaks_this_grid(pipe: Any) -> bool:
    """Whether the networks read music and conditions as this version writes them."""
    planner, voices = pipe.plan_denoiser, pipe.voice_network
    return (
        tuple(planner.config.field_sizes) == FIELD_SIZES
        and planner.config.num_conditions == NUM_PLAN_CONDITIONS
        and voices.config.num_conditions == NUM_VOICE_CONDITIONS
    )
