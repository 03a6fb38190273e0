"""`Conditions`: what the thesis' system is told of a clip, and the network that brings it to width.

The words become T5's tokens, the frames of a clip, one a second, the mean of their CLIP vectors,
and its movement one number: the mean difference of red, green and blue from one of these frames to
the next. All stand side by side as the tokens that the denoiser attends to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pixmus.diffusers_base import ConfigMixin, ModelMixin, register_to_config
from pixmus.picture.backbone import Backbone, one_a_second
from pixmus.picture.video import Video

TOKENS = 77  # of a text; longer ones are cut
LARGEST_DIFFERENCE = 255.0


@dataclass(frozen=True)
class Conditions:
    """Of some clips: T5's tokens (clips, tokens, width), 0 where there is no word; CLIP's mean
    vectors (clips, width); RGB differences (clips,), 0..1."""

    text: Tensor
    picture: Tensor
    motion: Tensor

    def without(self) -> Conditions:
        """Nothing told, for guidance and for training without."""
        return Conditions(*(torch.zeros_like(t) for t in (self.text, self.picture, self.motion)))

    def where(self, kept: Tensor) -> Conditions:
        """Those of the clips for which `kept` (clips,) is true; of others nothing told."""
        return Conditions(
            self.text * kept[:, None, None], self.picture * kept[:, None], self.motion * kept
        )

    def to(self, like: Tensor) -> Conditions:
        """On the device and in the numbers of a tensor."""
        return Conditions(self.text.to(like), self.picture.to(like), self.motion.to(like))


class ConditionNetwork(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Conditions as tokens (clips, tokens + 2, width) that the denoiser attends to."""

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(self, text_width: int = 1024, picture_width: int = 512, width: int = 1024) -> None:
        super().__init__()
        self.text = nn.Linear(text_width, width)
        self.picture = nn.Linear(picture_width, width)
        self.motion = nn.Linear(1, width)

    def forward(self, conditions: Conditions) -> Tensor:
        """The tokens."""
        tokens: Tensor = torch.cat(
            [
                self.text(conditions.text),
                self.picture(conditions.picture)[:, None],
                self.motion(conditions.motion[:, None])[:, None],
            ],
            dim=1,
        )
        return tokens


def text_states(tokenizer: Any, encoder: Any, texts: Sequence[str]) -> Tensor:
    """T5's states of texts (texts, `TOKENS`, width), 0 where there is no word."""
    words = tokenizer(
        list(texts),
        padding="max_length",
        max_length=TOKENS,
        truncation=True,
        return_tensors="pt",
    )
    ids, mask = words.input_ids.to(encoder.device), words.attention_mask.to(encoder.device)
    with torch.no_grad():
        states: Tensor = encoder(ids, attention_mask=mask)[0]
    told: Tensor = states.float() * mask[..., None]
    return told


def picture_vector(backbone: Backbone, video: Video) -> tuple[np.ndarray, float]:
    """CLIP's mean vector of the frames of a clip, one a second, and their mean RGB difference."""
    vector = backbone.embed(video).mean(0)
    return vector, rgb_difference(list(one_a_second(video)))


def rgb_difference(frames: Sequence[np.ndarray]) -> float:
    """The mean difference of colours from frame to frame, as a share of the largest; of one 0."""
    pairs = zip(frames, frames[1:], strict=False)
    differences = [np.abs(b.astype(np.float32) - a).mean() for a, b in pairs]
    return float(np.mean(differences)) / LARGEST_DIFFERENCE if differences else 0.0
