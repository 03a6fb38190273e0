"""The network as a diffusers model: its config beside its weights, `from_pretrained` and back."""

from __future__ import annotations

from typing import Any

from pixmus.diffusers_base import ConfigMixin, ModelMixin, register_to_config
from pixmus.model.network import ScoreNetwork


class ScoreDenoiser(ScoreNetwork, ModelMixin, ConfigMixin):
    """`ScoreNetwork` with a config and the loading and saving of diffusers."""

    config: Any

    @register_to_config
    def __init__(
        self,
        roll_cells: tuple[int, ...],
        velocity_cells: int,
        num_conditions: int,
        num_part_states: int = 3,
        width: int = 256,
        num_layers: int = 8,
        num_heads: int = 4,
        lane_width: int = 0,
        voices: tuple[int, ...] = (),
    ) -> None:
        super().__init__(
            roll_cells,
            velocity_cells,
            num_conditions,
            num_part_states=num_part_states,
            width=width,
            num_layers=num_layers,
            num_heads=num_heads,
            lane_width=lane_width,
            voices=voices,
        )
