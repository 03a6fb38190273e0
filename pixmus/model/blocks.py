"""`Block`: what the voices' network is made of, a transformer's block with rotary positions.

It knows nothing of sampling and needs nothing but torch, so it trains where only torch is.

B = batch, T = places, D = width.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
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
        D = x.shape[-1]
        offset = self.modulation_offset
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = (modulation + offset).unbind(2)
        h = torch.addcmul(shift_a, F.layer_norm(x, (D,)), 1 + scale_a)
        x = torch.addcmul(x, gate_a, self.attention_out(self.attend(h, rotation)))
        h = torch.addcmul(shift_m, F.layer_norm(x, (D,)), 1 + scale_m)
        h = self.mlp_out(F.gelu(self.mlp_in(h), approximate="tanh"))
        return torch.addcmul(x, gate_m, h)

    def attend(self, h: Tensor, rotation: Tensor) -> Tensor:
        """Attention, (B, T, D) to the same, with queries and keys of one length each.

        Written out: for so short a sequence plain products are faster on CPU, backwards most of
        all, than the fused attention. Queries and keys go together, and their lengths are divided
        out of the products, of which there are fewer numbers.
        """
        B, T, D = h.shape
        qkv = self.to_qkv(h).view(B, T, 3, self.num_heads, -1)
        qk, v = qkv[:, :, :2], qkv[:, :, 2]  # (B, T, 2, heads, D / heads)
        shortness = 1 / torch.linalg.vector_norm(qk, dim=-1).clamp(min=1e-6)  # (B, T, 2, heads)
        qk = rotate(qk, rotation[..., None, :], torch.stack([self.q_scale, self.k_scale])[:, None])
        q, k = qk.permute(2, 0, 3, 1, 4).to(h.dtype)  # (B, heads, T, D / heads)
        of_q, of_k = shortness.permute(2, 0, 3, 1)  # (B, heads, T)
        products = (q @ k.transpose(2, 3)) * (self.head_scale * of_q)[..., None] * of_k[:, :, None]
        return (products.softmax(-1) @ v.transpose(1, 2)).transpose(1, 2).reshape(B, T, D)


def rotations(positions: Tensor, head_width: int) -> Tensor:
    """Cosine and sine of the rotary angles (Su et al. 2021), (2, B or 1, T, 1, head_width / 2)."""
    frequencies = 1000.0 ** -(torch.arange(0, head_width, 2, device=positions.device) / head_width)
    angles = positions[..., None].float() * frequencies
    return torch.stack([angles.cos(), angles.sin()])[..., None, :]


def rotate(x: Tensor, rotation: Tensor, scale: Tensor) -> Tensor:
    """`scale` times x, turned by `rotation`: the halves a, b of the last axis are its two legs."""
    cos, sin = rotation
    half = x.shape[-1] // 2
    # (a cos - b sin, b cos + a sin), with the scale multiplied into cosine and sine.
    along = torch.cat([cos, cos], dim=-1) * scale
    across = torch.cat([-sin, sin], dim=-1) * scale.roll(half, -1)
    return x * along + x.roll(half, -1) * across
