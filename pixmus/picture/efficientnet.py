"""`EfficientNetLite0`: a small image network; what its layers say of a picture, and what it names.

EfficientNet-Lite0 (Tan & Le 2019, "EfficientNet", arXiv 1905.11946, Table 1, width and depth 1;
the Lite variant of tensorflow/tpu has ReLU6 in place of swish and no squeeze-and-excitation).
Batch normalisation is folded into the convolutions before it, which changes nothing when a network
no longer learns. Conventions: pictures are uint8 RGB (VIEW_SIZE, VIEW_SIZE, 3), a whole frame
squeezed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

NUM_CLASSES = 1000  # of ImageNet (ILSVRC 2012)
STEM, HEAD = 32, 1280  # channels
STAGES = (  # repeats, kernel, stride of the first, expansion, channels
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
MIDDLE = 13  # the block whose means and spreads are given too
POOLED = HEAD + 2 * STAGES[5][4]  # numbers that `pooled` gives of a picture
TRUNK_WEIGHTS, CLASSIFIER_WEIGHTS = "trunk.safetensors", "classifier.safetensors"
BATCH = 1  # pictures at a time: of more, what is between two layers leaves the processor's cache


class Convolution(nn.Conv2d):
    """A convolution that pads as TensorFlow's SAME does: the odd pixel at the right and below."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1):
        super().__init__(inputs, outputs, kernel, stride, groups=groups)
        self.lack = max(kernel - stride, 0)  # where the stride divides the size, as it does here

    def forward(self, x: Tensor) -> Tensor:
        before, after = self.lack // 2, self.lack - self.lack // 2
        return super().forward(F.pad(x, (before, after, before, after)) if self.lack else x)


class Block(nn.Module):
    """Expand, filter each channel for itself, project (MBConv); added to its input where it can."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.expand = Convolution(inputs, wide, 1) if expansion > 1 else None
        self.filter = Convolution(wide, wide, kernel, stride, groups=wide)
        self.project = Convolution(wide, outputs, 1)
        self.is_added = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.expand is None else F.relu6(self.expand(x))
        y = self.project(F.relu6(self.filter(y)))
        return x + y if self.is_added else y


class EfficientNetLite0(nn.Module):
    """The network; `pooled` describes pictures, `named` says what ImageNet would call them."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Convolution(3, STEM, 3, 2)
        blocks, inputs = [], STEM
        for repeats, kernel, stride, expansion, outputs in STAGES:
            for number in range(repeats):
                step = stride if number == 0 else 1
                blocks.append(Block(inputs, outputs, kernel, step, expansion))
                inputs = outputs
        self.blocks = nn.ModuleList(blocks)
        self.head = Convolution(inputs, HEAD, 1)
        self.classifier = nn.Linear(HEAD, NUM_CLASSES)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, POOLED) layers and (B, NUM_CLASSES) log odds of (B, 3, VIEW_SIZE, VIEW_SIZE)."""
        x = F.relu6(self.stem(x))
        middle = x
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number == MIDDLE:
                middle = x
        head = F.relu6(self.head(x)).mean((2, 3))
        pooled = torch.cat([head.sqrt(), middle.mean((2, 3)), middle.std((2, 3))], dim=1)
        return pooled, self.classifier(head)

    @torch.inference_mode()
    def look(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of uint8 (n, VIEW_SIZE, VIEW_SIZE, 3): float32 (n, POOLED), the square root of the last
        layer's means, then block 13's means and spreads; and (n, NUM_CLASSES) probabilities."""
        found = []
        for start in range(0, len(images), BATCH):
            batch = torch.from_numpy(images[start : start + BATCH]).permute(0, 3, 1, 2)
            # the Lite networks' own normalisation (efficientnet_lite_builder.py of tensorflow/tpu)
            pooled, log_odds = self((batch.float() - 127.0) / 128.0)
            found.append((pooled.numpy(), log_odds.softmax(dim=1).numpy()))
        if not found:
            return np.zeros((0, POOLED), np.float32), np.zeros((0, NUM_CLASSES), np.float32)
        looks, classes = (np.concatenate(part) for part in zip(*found, strict=True))
        return looks, classes

    @staticmethod
    def load(folder: Path) -> EfficientNetLite0:
        """The network of a folder, float16 on disk, float32 here."""
        from safetensors.torch import load_file

        weights = load_file(folder / TRUNK_WEIGHTS) | load_file(folder / CLASSIFIER_WEIGHTS)
        network = EfficientNetLite0()
        network.load_state_dict({name: value.float() for name, value in weights.items()})
        return network.eval().requires_grad_(False)

    def save(self, folder: Path) -> None:
        """Write the weights as float16 in two files."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        weights = {name: value.half() for name, value in self.state_dict().items()}
        is_last = {name: name.startswith("classifier.") for name in weights}
        for file, last in ((TRUNK_WEIGHTS, False), (CLASSIFIER_WEIGHTS, True)):
            some = {name: value for name, value in weights.items() if is_last[name] == last}
            save_file(some, folder / file)
