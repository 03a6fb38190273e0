"""The training loss: log loss of roll cells and squared error of velocities, at drawn noise levels.

B = batch, T = tokens (beats), C = cells a beat, P = parts. Everything is done part by part: whether
a cell counts depends on its part and beat alone, so what is one number a beat and part stays so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pixmus.compose.cells import GIVEN, TO_MAKE, echo_x0, scale_velocity, to_x0
from pixmus.compose.conditions import ECHO_COLUMN
from pixmus.ensembles import PARTS, Part
from pixmus.model.network import ScoreNetwork
from pixmus.score.grid import STEPS_PER_BEAT
from pixmus.score.notes import CELL_PARTS, IS_VELOCITY, PART_LAYOUTS
from pixmus.training.encoded import EncodedPiece
from pixmus.training.windows import Batch

# Mean and width of the logit of sigma; a mean above 0 trains more at high noise, where a sparse
# piano-roll is decided.
SIGMA_LOGIT_MEAN, SIGMA_LOGIT_STD = 0.9, 1.2
VELOCITY_WEIGHT = 0.2
DRUM_WEIGHT = 3.0  # drums have a tenth of the cells of a pitched part
# Cells of every part: its rolls, then its velocities.
_ROLLS_AND_VELOCITIES = [
    size
    for layout in PART_LAYOUTS.values()
    for size in (layout.num_roll_cells, layout.num_cells - layout.num_roll_cells)
]


def draw_sigma(generator: torch.Generator, size: int) -> Tensor:
    """Stratified logit-normal levels (size,) on the generator's device (Esser et al. 2024)."""
    device = generator.device
    uniform = torch.arange(size, device=device)
    uniform = (uniform + torch.rand(size, generator=generator, device=device)) / size
    normal = math.sqrt(2) * torch.erfinv((2 * uniform - 1).clamp(-0.9999, 0.9999))
    order = torch.randperm(size, generator=generator, device=device)
    return torch.sigmoid(SIGMA_LOGIT_MEAN + SIGMA_LOGIT_STD * normal)[order]


def add_noise(batch: Batch, sigma: Tensor, noise: Tensor) -> Tensor:
    """The network's input (B, T, C) in the noise's dtype: (1 - sigma) x0 + sigma noise.

    That where a part is to be made; clean where it is given, 0 where it is off.
    """
    made, level = batch.states == TO_MAKE, sigma[:, None, None]
    of_x0 = torch.where(made, 1 - level, (batch.states == GIVEN).float()).to(noise.dtype)
    of_noise = (made * level).to(noise.dtype)  # (B, T, P)
    x = to_x0(batch.cells, noise.dtype)
    for index, layout in enumerate(PART_LAYOUTS.values()):
        part = x[..., layout.cells]
        part.mul_(of_x0[..., index, None])
        part.addcmul_(of_noise[..., index, None], noise[..., layout.cells])
    return x


class _SumLogLoss(torch.autograd.Function):
    """Log loss of log odds (B, T, cells) against cells that are 0 or 1, summed over cells.

    softplus(z) where the cell is 0, softplus(-z) where it is 1; the gradient, sigmoid(z) - cell, is
    made in the same pass, while the numbers are at hand.
    """

    @staticmethod
    def forward(ctx: Any, log_odds: Tensor, cells: Tensor) -> Tensor:
        sign = cells.to(log_odds.dtype).mul_(-2).add_(1)
        wrong = log_odds * sign
        ctx.save_for_backward(sign.mul_(torch.sigmoid(wrong)))
        return F.softplus(wrong).sum(-1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (slope,) = ctx.saved_tensors
        return slope * gradients[0][..., None], None


def sum_log_loss(log_odds: Tensor, cells: Tensor) -> Tensor:
    """Log loss summed over the last axis: log odds float (B, T, n), `cells` 0 or 1."""
    summed: Tensor = _SumLogLoss.apply(log_odds, cells)  # type: ignore[no-untyped-call]
    return summed


def denoising_loss(
    network: ScoreNetwork, batch: Batch, sigma: Tensor, noise: Tensor, recall: bool = False
) -> tuple[Tensor, Tensor]:
    """Log loss of roll cells and squared error of velocities: the whole, and per window (B,).

    The log loss is least at the posterior mean, as the squared error of x0 is, but its gradient
    does not vanish for the few cells that sound. Counted where a part is to be made; velocity
    cells only where there is an onset, and not in corpora without velocities. `noise` is (B, T, C)
    in any dtype. With `recall` the network hears a first prediction of its own, without gradient.
    """
    dtype = network.state_embedding.dtype
    x = add_noise(batch, sigma, noise.to(dtype))
    echo = echo_x0(batch.echo, batch.conditions[..., ECHO_COLUMN], batch.states).to(dtype)
    inputs = (x, sigma, batch.conditions.to(dtype), batch.states, batch.positions, echo)
    chains = network.ask_chains(x, sigma, inputs[2], batch.states)
    previous = None
    if recall:
        with torch.no_grad():
            previous = network.predict_log_odds(*inputs, chains=chains)
            previous = torch.where(network.is_roll, 2 * previous.sigmoid() - 1, previous).to(dtype)
            for index, layout in enumerate(PART_LAYOUTS.values()):
                known = (batch.states[..., index] != TO_MAKE)[..., None]
                cells = previous[..., layout.cells]
                cells.copy_(torch.where(known, x[..., layout.cells], cells))
    predicted = network.predict_log_odds(*inputs, previous, chains)
    made = (batch.states == TO_MAKE).float()  # (B, T, P)
    # Split once: the gradient of a split is one concatenation, that of every slice a whole array.
    predictions = predicted.split(_ROLLS_AND_VELOCITIES, dim=-1)  # type: ignore[no-untyped-call]
    error = weight = torch.zeros(len(x), device=x.device)
    for index, (part, layout) in enumerate(PART_LAYOUTS.items()):
        rolls, values = predictions[2 * index : 2 * index + 2]
        cell_weight = made[..., index] * (DRUM_WEIGHT if part == Part.DRUMS else 1.0)
        roll_cells = slice(layout.cells.start, layout.velocities.start)
        log_loss = sum_log_loss(rolls, batch.cells[..., roll_cells])  # (B, T)
        velocity = batch.cells[..., layout.velocities]
        struck = (velocity > 0) & batch.has_velocity[:, None, None]
        velocity_weight = VELOCITY_WEIGHT * struck * made[..., index, None]
        off = values - scale_velocity(velocity)
        error = error + (log_loss * cell_weight).sum(1)
        error = error + (off.square() * velocity_weight).sum((1, 2))
        weight = weight + layout.num_roll_cells * cell_weight.sum(1) + velocity_weight.sum((1, 2))
    # In thousandths: most roll cells are certain.
    per_window = 1000 * error / weight.clamp(min=1)
    whole = 1000 * error.sum() / weight.sum().clamp(min=1)
    return whole + stroke_loss(network, batch, inputs[2]), per_window


def stroke_loss(network: ScoreNetwork, batch: Batch, conditions: Tensor) -> Tensor:
    """Log loss of whether each part that is made is struck at a step, by the conditions alone.

    It teaches the prior of the chains, which no other loss reaches.
    """
    if not network.has_chains:
        return conditions.new_zeros(())
    struck = torch.stack(
        [
            batch.cells[..., layout.onsets]
            .unflatten(-1, (STEPS_PER_BEAT, -1))  # type: ignore[no-untyped-call]
            .amax(-1)
            for layout in PART_LAYOUTS.values()
            if layout.has_sounding
        ],
        dim=2,
    )  # (B, T, lasting parts, steps)
    made = (batch.states == TO_MAKE)[..., network.lasting, None].expand(struck.shape)
    log_odds = network.stroke_log_odds(conditions)
    return F.binary_cross_entropy_with_logits(log_odds, struck.float(), weight=made.float())


def cell_log_odds(pieces: Sequence[EncodedPiece]) -> Tensor:
    """How often each roll cell sounds in the data where its part plays, as log odds (C,)."""
    sounding = sum(piece.cells.astype(bool).sum(0, dtype=np.float64) for piece in pieces)
    beats = np.zeros(len(PARTS))
    for piece in pieces:
        beats[list(piece.present)] += len(piece.cells)
    share = (sounding + 0.1) / (np.maximum(beats, 1)[CELL_PARTS] + 20)
    return torch.from_numpy(np.where(IS_VELOCITY, 0.0, np.log(share / (1 - share)))).float()
