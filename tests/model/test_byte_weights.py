"""Weights as bytes come back as near as their scale lets them, in fewer bytes."""

from __future__ import annotations

from pathlib import Path

import torch

from pixmus.compose.voice_conditions import NUM_VOICE_CONDITIONS
from pixmus.model.byte_weights import from_bytes, read_weights, store_as_bytes, to_bytes
from pixmus.model.voice_network import VoiceNetwork


def test_a_weight_is_off_by_half_a_step_at_most() -> None:
    torch.manual_seed(0)
    matrix = torch.randn(64, 128) * torch.logspace(-3, 1, 64)[:, None]
    weights = {"matrix": matrix, "small": torch.randn(4, 4), "bias": torch.randn(64)}
    stored = to_bytes(weights)
    assert stored["matrix"].dtype == torch.int8
    back = from_bytes(stored)
    assert set(back) == set(weights)
    step = matrix.abs().amax(1, keepdim=True) / 127
    assert ((back["matrix"] - matrix).abs() <= 0.5001 * step).all()
    assert torch.equal(back["small"], weights["small"])
    assert torch.equal(back["bias"], weights["bias"])


def test_a_row_of_zeros_stays_one() -> None:
    back = from_bytes(to_bytes({"matrix": torch.zeros(64, 64)}))
    assert not back["matrix"].any()


def test_a_network_is_read_from_bytes(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = VoiceNetwork(NUM_VOICE_CONDITIONS, width=64, num_layers=2, num_heads=2)
    network.save_pretrained(tmp_path)
    whole = sum(path.stat().st_size for path in tmp_path.glob("*.safetensors"))
    store_as_bytes(tmp_path, "1MB")
    files = list(tmp_path.glob("*.safetensors"))
    assert len(files) > 1 and all(path.stat().st_size < 1.2e6 for path in files)
    assert sum(path.stat().st_size for path in files) < 0.35 * whole
    back = VoiceNetwork.from_pretrained(tmp_path)
    assert back.config.width == 64 and not back.training
    told = from_bytes(to_bytes(dict(network.state_dict())))
    for name, value in back.state_dict().items():
        assert torch.equal(value, told[name]), name
    assert set(read_weights(tmp_path)) > set(network.state_dict())
