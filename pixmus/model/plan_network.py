"""The network that writes plans: from tokens some of which are masked to what those may be.

A transformer over bars. One position is the sum of the embeddings of the fields of its half bars,
masked or not, and of its conditions; for every field it answers with log odds over that field's
values. In a masked diffusion (Austin et al. 2021; Sahoo et al. 2024) that is all there is to learn:
how many tokens are masked is to be seen, so no noise level is told.

Plans repeat themselves after one, two, four and eight bars, so every position is shown its
neighbours at those distances before the first block: what would be found by attention is there from
the first iteration on.

B = batch, T = half bars, S = bars, F = fields, D = width.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixmus.diffusers_base import ConfigMixin, ModelMixin, register_to_config


class PlanBlock(nn.Module):
    """Attention with rotary positions, then an MLP, each on the normed sum so far."""

    def __init__(self, width: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.attention_norm, self.mlp_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.to_qkv = nn.Linear(width, 3 * width, bias=False)
        self.attention_out = nn.Linear(width, width, bias=False)
        self.mlp_in, self.mlp_out = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, rotation: Tensor) -> Tensor:
        B, T, D = x.shape
        qkv = self.to_qkv(self.attention_norm(x)).view(B, T, 3, self.num_heads, -1)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # (B, heads, T, D / heads)
        products = _rotate(q, rotation) @ _rotate(k, rotation).transpose(2, 3)
        weights = (products / math.sqrt(q.shape[-1])).softmax(-1)
        heard = (weights @ v).transpose(1, 2).reshape(B, T, D)
        x = x + self.dropout(self.attention_out(heard))
        h = F.gelu(self.mlp_in(self.mlp_norm(x)), approximate="tanh")
        return x + self.dropout(self.mlp_out(h))


def _rotations(length: int, head_width: int, device: torch.device) -> Tensor:
    """Cosine and sine of the rotary angles (Su et al. 2021), (2, T, head_width / 2)."""
    frequencies = 1000.0 ** -(torch.arange(0, head_width, 2, device=device) / head_width)
    angles = torch.arange(length, device=device)[:, None] * frequencies
    return torch.stack([angles.cos(), angles.sin()])


def _rotate(x: Tensor, rotation: Tensor) -> Tensor:
    """(..., T, head_width) turned, the halves of the last axis its two legs."""
    cos, sin = rotation
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


HALVES = 2  # half bars a position
NEIGHBOURS = (-8, -4, -2, -1, 1, 2, 4, 8)  # bars


def _shifted(x: Tensor, bars: int) -> Tensor:
    """(B, S, D) of so many bars later, zeros where there are none."""
    length = x.shape[1]
    bars = max(-length, min(bars, length))
    return F.pad(x[:, max(bars, 0) : length + min(bars, 0)], (0, 0, max(-bars, 0), max(bars, 0)))


class PlanDenoiser(ModelMixin, ConfigMixin):
    """What masked tokens of a plan may be, given the others and the conditions."""

    config: Any

    @register_to_config
    def __init__(
        self,
        field_sizes: tuple[int, ...],
        num_conditions: int,
        width: int = 128,
        num_layers: int = 6,
        num_heads: int = 4,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.field_sizes = tuple(field_sizes)
        sizes = [size + 1 for size in self.field_sizes] * HALVES
        self.starts: Tensor  # (HALVES, F): where each field's embeddings begin
        starts = torch.tensor([sum(sizes[:i]) for i in range(len(sizes))]).view(HALVES, -1)
        self.register_buffer("starts", starts, persistent=False)
        self.embed = nn.Embedding(sum(sizes), width)
        nn.init.normal_(self.embed.weight, std=1 / math.sqrt(len(sizes)))
        self.embed_conditions = nn.Sequential(
            nn.Linear(HALVES * num_conditions, width), nn.SiLU(), nn.Linear(width, width)
        )
        self.embed_neighbours = nn.Linear(len(NEIGHBOURS) * width, width, bias=False)
        self.blocks = nn.ModuleList(
            [PlanBlock(width, num_heads, dropout) for _ in range(num_layers)]
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, HALVES * sum(field_sizes))
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, tokens: Tensor, conditions: Tensor) -> list[Tensor]:
        """Log odds of every field, F tensors (B, T, size of the field).

        `tokens` is int (B, T, F), a field's size where it is masked; `conditions` is float
        (B, T, num_conditions); T is even.
        """
        assert tokens.shape[-1] == len(self.field_sizes), f"{tokens.shape=}"
        B, T, _ = tokens.shape
        pairs = tokens.view(B, T // HALVES, HALVES, -1) + self.starts
        x = self.embed(pairs.flatten(2)).sum(2)  # (B, S, D)
        neighbours = torch.cat([_shifted(x, bars) for bars in NEIGHBOURS], -1)
        x = x + self.embed_neighbours(neighbours)
        x = x + self.embed_conditions(conditions.reshape(B, T // HALVES, -1))
        rotation = _rotations(x.shape[1], x.shape[-1] // self.config["num_heads"], x.device)
        for block in self.blocks:
            x = block(x, rotation)
        return list(self.head(self.norm(x)).view(B, T, -1).split(self.field_sizes, -1))
