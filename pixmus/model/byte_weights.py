"""Weights as bytes: of a network that ships, every large matrix as int8 with one scale a row.

Half of float16's size. The scale of a row is its largest value over 127, so a weight is off by at
most 1/254 of that; small tensors stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

SCALE = ".scale"  # of a matrix: float32 (rows, 1)
FEWEST_WEIGHTS = 4096  # a smaller matrix stays as it is
FILES = "diffusion_pytorch_model{suffix}.safetensors"


def to_bytes(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights with their large matrices as int8, and the scales of those."""
    stored: dict[str, Tensor] = {}
    for name, value in weights.items():
        if value.ndim != 2 or value.numel() < FEWEST_WEIGHTS or not value.is_floating_point():
            stored[name] = value.contiguous()
            continue
        whole = value.float()
        scale = (whole.abs().amax(1, keepdim=True) / 127).clamp(min=1e-12)
        stored[name] = (whole / scale).round().to(torch.int8)
        stored[name + SCALE] = scale
    return stored


def from_bytes(stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """`to_bytes` undone, as float32."""
    return {
        name: value.float() * stored[name + SCALE] if name + SCALE in stored else value.float()
        for name, value in stored.items()
        if not name.endswith(SCALE)
    }


def read_weights(folder: Path) -> dict[str, Tensor]:
    """All tensors in the safetensors files of a network's folder, as they are stored."""
    from safetensors.torch import load_file  # training does without, where it begins anew

    stored: dict[str, Tensor] = {}
    for path in sorted(folder.glob("*.safetensors")):
        stored |= load_file(path)
    return stored


def store_as_bytes(folder: Path, max_shard_size: str) -> None:
    """Write the weights in a network's folder anew, as bytes."""
    from huggingface_hub import save_torch_state_dict

    stored = to_bytes(read_weights(folder))
    for path in [*folder.glob("*.safetensors"), *folder.glob("*.safetensors.index.json")]:
        path.unlink()
    save_torch_state_dict(stored, folder, filename_pattern=FILES, max_shard_size=max_shard_size)
