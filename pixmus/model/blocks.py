"""`Block`: what the voices' network is made of, a transformer's block with rotary positions.

It knows nothing of sampling and needs nothing but torch, so it trains where only torch is.

B = batch, T = places, D = width.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class BlockTold:
    """What a block's input is modulated and turned by."""

    modulation: Tensor  # (B, T, 6, D): its own, to the scales 1 is added
    along: Tensor  # (1 or B, T, 2, 1, D / heads): of queries and keys, see `turning`
    across: Tensor

    def of(self, batch: slice) -> BlockTold:
        """What some of a batch are told who all have the same places."""
        return BlockTold(self.modulation[batch], self.along, self.across)


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

    def tell(self, modulation: Tensor, rotation: Tensor) -> BlockTold:
        """What stays the same of `modulation` (B, T, 6, D) and `rotation` however often it runs."""
        scales = torch.tensor([0.0, 1, 0, 0, 1, 0], device=modulation.device)[:, None]
        own = modulation + self.modulation_offset + scales.to(modulation.dtype)
        length = torch.stack([self.q_scale, self.k_scale])[:, None]
        return BlockTold(own, *turning(rotation[..., None, :], length))

    def forward(self, x: Tensor, told: BlockTold, places: Tensor | None = None) -> Tensor:
        """(B, T, D) to the same, or to (B, len(places), D): of some places alone."""
        D = x.shape[-1]
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = told.modulation.unbind(2)
        h = torch.addcmul(shift_a, F.layer_norm(x, (D,)), scale_a)
        if places is not None:
            x = x[:, places]
            gate_a, shift_m, scale_m, gate_m = told.modulation[:, places, 2:].unbind(2)
        x = torch.addcmul(x, gate_a, self.attention_out(self.attend(h, told, places)))
        h = torch.addcmul(shift_m, F.layer_norm(x, (D,)), scale_m)
        h = self.mlp_out(F.gelu(self.mlp_in(h), approximate="tanh"))
        return torch.addcmul(x, gate_m, h)

    def attend(self, h: Tensor, told: BlockTold, places: Tensor | None = None) -> Tensor:
        """Attention, (B, T, D) to the same or some places, queries and keys of one length each.

        Written out: for so short a sequence plain products are faster on CPU, backwards most of
        all, than the fused attention. Queries and keys go together, and their lengths are divided
        out of the products, of which there are fewer numbers.
        """
        B, T, D = h.shape
        qkv = self.to_qkv(h).view(B, T, 3, self.num_heads, -1)
        qk, v = qkv[:, :, :2], qkv[:, :, 2]  # (B, T, 2, heads, D / heads)
        shortness = 1 / torch.linalg.vector_norm(qk, dim=-1).clamp(min=1e-6)  # (B, T, 2, heads)
        q, k = rotate(qk, told.along, told.across).permute(2, 0, 3, 1, 4).to(h.dtype)
        of_q, of_k = shortness.permute(2, 0, 3, 1)  # (B, heads, T); q and k (..., D / heads)
        if places is not None:
            q, of_q = q[:, :, places], of_q[:, :, places]
        products = (q @ k.transpose(2, 3)) * (self.head_scale * of_q)[..., None] * of_k[:, :, None]
        return (products.softmax(-1) @ v.transpose(1, 2)).transpose(1, 2).reshape(B, -1, D)


def rotations(positions: Tensor, head_width: int) -> Tensor:
    """Cosine and sine of the rotary angles (Su et al. 2021), (2, B or 1, T, 1, head_width / 2)."""
    frequencies = 1000.0 ** -(torch.arange(0, head_width, 2, device=positions.device) / head_width)
    angles = positions[..., None].float() * frequencies
    return torch.stack([angles.cos(), angles.sin()])[..., None, :]


def turning(rotation: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """What `rotate` multiplies by to turn by `rotation` and to scale by `scale`."""
    cos, sin = rotation
    half = cos.shape[-1]
    # (a cos - b sin, b cos + a sin), with the scale multiplied into cosine and sine.
    along = torch.cat([cos, cos], dim=-1) * scale
    return along, torch.cat([-sin, sin], dim=-1) * scale.roll(half, -1)


def rotate(x: Tensor, along: Tensor, across: Tensor) -> Tensor:
    """x turned (see `turning`): the halves a, b of the last axis are its two legs."""
    return x * along + x.roll(x.shape[-1] // 2, -1) * across
