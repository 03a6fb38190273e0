"""Piano-roll cells as the denoiser sees them, and the states of a part at a beat."""

from __future__ import annotations

import torch
from torch import Tensor

from pixmus.score.notes import PART_LAYOUTS

# Part states: what the denoiser is told of a part at a beat.
TO_MAKE, GIVEN, OFF = 0, 1, 2

# Velocities as the denoiser sees them.
VELOCITY_CENTRE, VELOCITY_SCALE = 72.0, 32.0


def to_x0(cells: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Cells uint8 (..., NUM_CELLS) as the denoiser sees them, in `dtype`.

    Roll cells are -1 or 1; velocities are centred and scaled, 0 where there is no onset.
    """
    x0 = cells.to(dtype).mul_(2).sub_(1)
    for layout in PART_LAYOUTS.values():
        x0[..., layout.velocities] = scale_velocity(cells[..., layout.velocities]).to(dtype)
    return x0


def scale_velocity(velocity: Tensor) -> Tensor:
    """Velocities uint8 as the denoiser sees them, float32; 0 stays 0."""
    scaled = (velocity.float() - VELOCITY_CENTRE) / VELOCITY_SCALE
    return torch.where(velocity > 0, scaled, 0.0)


def echo_x0(cells: Tensor, likeness: Tensor, part_states: Tensor) -> Tensor:
    """Echoed cells uint8 (..., T, NUM_CELLS) as the denoiser sees them: 0 where there are none.

    `likeness` (..., T) is 0 where nothing is echoed; a part that is off echoes nothing.
    """
    heard = (likeness > 0)[..., None] & (part_states != OFF)  # (..., T, parts)
    x0 = to_x0(cells)
    for index, layout in enumerate(PART_LAYOUTS.values()):
        x0[..., layout.cells] *= heard[..., index, None]
    return x0
