"""The network: from a noisy piano-roll and its conditions to the clean piano-roll (x0).

A transformer over beats. One token is one beat, the sum of the parts' own projections; adaptive
layer norm carries the noise level and the beat's conditions; rotary positions let it take any
length. It knows nothing of sampling.

B = batch, T = tokens (beats), D = width, C = cells a beat.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn


class Block(nn.Module):
    """Attention and MLP, each modulated by (shift, scale, gate); Peebles & Xie (2023), adaLN.

    The modulation is shared by all blocks but for a learned offset each, as in PixArt-alpha
    (Chen et al. 2023), which keeps per-beat modulation cheap.
    """

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        # Unit queries and keys times the root of the head's width: root-mean-square normalisation.
        self.head_scale = math.sqrt(width // num_heads)
        self.modulation_offset = nn.Parameter(torch.zeros(6, width))
        self.to_qkv = nn.Linear(width, 3 * width, bias=False)
        self.q_scale = nn.Parameter(torch.ones(width // num_heads))
        self.k_scale = nn.Parameter(torch.ones(width // num_heads))
        self.attention_out = nn.Linear(width, width, bias=False)
        self.mlp_in = nn.Linear(width, 4 * width)
        self.mlp_out = nn.Linear(4 * width, width)

    def forward(self, x: Tensor, modulation: Tensor, rotation: Tensor) -> Tensor:
        B, T, D = x.shape
        offset = self.modulation_offset
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = (modulation + offset).unbind(2)
        h = F.layer_norm(x, (D,)) * (1 + scale_a) + shift_a
        q, k, v = self.to_qkv(h).view(B, T, 3, self.num_heads, -1).unbind(2)
        q, k = (
            rotate(F.normalize(q, dim=-1) * self.q_scale * self.head_scale, rotation),
            rotate(F.normalize(k, dim=-1) * self.k_scale * self.head_scale, rotation),
        )
        # (B, T, heads, D / heads) -> (B, heads, T, D / heads). Written out: for so short a sequence
        # plain products are faster on CPU, backwards most of all, than the fused attention.
        q, k, v = (t.transpose(1, 2).to(x.dtype) for t in (q, k, v))
        weights = ((q @ k.transpose(2, 3)) / self.head_scale).softmax(-1)
        h = weights @ v
        x = x + gate_a * self.attention_out(h.transpose(1, 2).reshape(B, T, D))
        h = F.layer_norm(x, (D,)) * (1 + scale_m) + shift_m
        return x + gate_m * self.mlp_out(F.gelu(self.mlp_in(h), approximate="tanh"))


def rotations(positions: Tensor, head_width: int) -> Tensor:
    """Cosine and sine of the rotary angles (Su et al. 2021), (2, B or 1, T, 1, head_width / 2)."""
    frequencies = 1000.0 ** -(torch.arange(0, head_width, 2, device=positions.device) / head_width)
    angles = positions[..., None].float() * frequencies
    return torch.stack([angles.cos(), angles.sin()])[..., None, :]


def rotate(x: Tensor, rotation: Tensor) -> Tensor:
    cos, sin = rotation
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


def embed_sigma(sigma: Tensor, width: int) -> Tensor:
    """Sinusoidal embedding of noise levels 0..1, (..., width)."""
    frequencies = torch.exp(
        torch.linspace(0.0, math.log(1000.0), width // 2, device=sigma.device)
    )
    angles = sigma[..., None].float() * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


class ScoreDenoiser(ModelMixin, ConfigMixin):
    """Predicts the clean piano-roll of every part that is to be made.

    `part_cells` is the number of cells a beat of each part, in the order of the piano-roll.
    """

    @register_to_config
    def __init__(
        self,
        part_cells: tuple[int, ...],
        num_conditions: int,
        num_part_states: int = 3,
        width: int = 256,
        num_layers: int = 8,
        num_heads: int = 4,
        representation: int = 1,
    ) -> None:
        super().__init__()
        self.part_in = nn.ModuleList(nn.Linear(cells, width, bias=False) for cells in part_cells)
        self.part_out = nn.ModuleList(nn.Linear(width, cells) for cells in part_cells)
        self.state_embedding = nn.Parameter(
            0.02 * torch.randn(len(part_cells), num_part_states, width)
        )
        self.theme_embedding = nn.Parameter(torch.zeros(width))
        self.condition_in = nn.Sequential(
            nn.Linear(num_conditions, width), nn.SiLU(), nn.Linear(width, width)
        )
        self.sigma_in = nn.Sequential(nn.Linear(128, width), nn.SiLU(), nn.Linear(width, width))
        self.modulation = nn.Linear(width, 6 * width)
        self.blocks = nn.ModuleList(Block(width, num_heads) for _ in range(num_layers))
        self.final_modulation = nn.Linear(width, 2 * width)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)
        nn.init.zeros_(self.final_modulation.weight)
        nn.init.zeros_(self.final_modulation.bias)
        for projection in self.part_out:
            nn.init.zeros_(projection.weight)
            nn.init.zeros_(projection.bias)

    def forward(
        self,
        x: Tensor,  # (B, T, C): noisy cells of parts to make, clean cells of given ones, 0 = off
        sigma: Tensor,  # (B,): noise level, 1 = noise, 0 = data
        conditions: Tensor,  # (B, T, num_conditions)
        part_states: Tensor,  # (B, T, parts), int
        positions: Tensor,  # (T,) or (B, T): beats; theme tokens stand before the window
        is_theme: Tensor,  # (T,) or (B, T), bool
    ) -> Tensor:
        """The predicted clean cells x0, (B, T, C)."""
        states = F.one_hot(part_states, self.config.num_part_states).to(x.dtype)
        h = torch.einsum("btps,psd->btd", states, self.state_embedding)
        for projection, cells in zip(
            self.part_in, x.split(list(self.config.part_cells), dim=-1), strict=True
        ):
            h = h + projection(cells)
        h = h + is_theme[..., None].to(x.dtype) * self.theme_embedding
        condition = self.condition_in(conditions)
        condition = condition + self.sigma_in(embed_sigma(sigma, 128).to(x.dtype))[:, None]
        condition = F.silu(condition)
        h = h + condition
        modulation = self.modulation(condition).unflatten(-1, (6, -1))
        if positions.dim() == 1:
            positions = positions[None]
        rotation = rotations(positions, self.config.width // self.config.num_heads)
        for block in self.blocks:
            h = block(h, modulation, rotation)
        shift, scale = self.final_modulation(condition).chunk(2, dim=-1)
        h = F.layer_norm(h, h.shape[-1:]) * (1 + scale) + shift
        return torch.cat([projection(h) for projection in self.part_out], dim=-1)
