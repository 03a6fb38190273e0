"""The diffusers model is the plain network under the same names, and reads back what it wrote."""

import inspect
from pathlib import Path

import torch

from pixmus.model.denoiser import ScoreDenoiser
from pixmus.model.folder import MODEL_FOLDER
from pixmus.model.network import ScoreNetwork

SIZES = {
    "roll_cells": (4, 8),
    "velocity_cells": 2,
    "num_conditions": 5,
    "width": 32,
    "lane_width": 8,
}


def test_its_weights_are_the_plain_networks() -> None:
    torch.manual_seed(0)
    network = ScoreNetwork(**SIZES, num_layers=2, num_heads=2)
    denoiser = ScoreDenoiser(**SIZES, num_layers=2, num_heads=2)
    denoiser.load_state_dict(network.state_dict())
    assert list(denoiser.state_dict()) == list(network.state_dict())


def test_it_reads_back_what_it_wrote(tmp_path: Path) -> None:
    denoiser = ScoreDenoiser(**SIZES, num_layers=2, num_heads=2)
    denoiser.save_pretrained(tmp_path)
    back = ScoreDenoiser.from_pretrained(tmp_path)
    assert back.config.width == 32 and back.config.lane_width == 8
    for name, value in denoiser.state_dict().items():
        assert torch.equal(back.state_dict()[name], value), name


def test_the_shipped_weights_fit_the_plain_network() -> None:
    shipped = ScoreDenoiser.from_pretrained(MODEL_FOLDER, subfolder="denoiser")
    known = inspect.signature(ScoreNetwork).parameters
    sizes = {name: value for name, value in shipped.config.items() if name in known}
    ScoreNetwork(**sizes).load_state_dict(shipped.state_dict())
