"""A model with networks of one layer, untrained, that composes like a real one in little time."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch

from pixmus.compose.planning import NUM_PLAN_CONDITIONS
from pixmus.compose.unmasking import UnmaskingScheduler
from pixmus.compose.voice_conditions import NUM_VOICE_CONDITIONS
from pixmus.compose.writing import Writers
from pixmus.model.plan_network import PlanDenoiser
from pixmus.model.voice_network import VoiceNetwork
from pixmus.score.curves import RAW_CURVES, CurveTables
from pixmus.score.plan_tokens import FIELD_SIZES
from pixmus.take.pipeline import PixMusPipeline


def tiny_writers(width: int = 32) -> Writers:
    """A plan and voices of one layer; their heads, untrained, say something all the same."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        sizes = {"width": width, "num_layers": 1, "num_heads": 2}
        planner = PlanDenoiser(FIELD_SIZES, NUM_PLAN_CONDITIONS, **sizes)
        voices = VoiceNetwork(NUM_VOICE_CONDITIONS, unit_width=16, **sizes)
        torch.nn.init.normal_(planner.head.weight, std=0.3)
        for unit in voices.units:
            for head in unit.heads.values():
                torch.nn.init.normal_(head.weight, std=0.3)
    return Writers(planner.eval(), voices.eval(), UnmaskingScheduler(by_confidence=False))


def pipeline_of(writers: Writers, **components: Any) -> PixMusPipeline:
    """A pipeline of copies of the networks, with curve tables of even quantiles."""
    pipe = PixMusPipeline(
        copy.deepcopy(writers.planner),
        copy.deepcopy(writers.voices),
        writers.scheduler,
        **components,
    )
    pipe.curve_tables = CurveTables({name: np.linspace(0, 1, 5) for name in RAW_CURVES})
    return pipe
