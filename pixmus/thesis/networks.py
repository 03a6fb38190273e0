"""The networks of the thesis' system, with random weights, at its size or at another.

Each is of the class that diffusers or transformers loads a trained one with, so real weights of
the frozen ones (AudioLDM's autoencoder and vocoder, Flan-T5-large, CLIP ViT-B/32) fit in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from pixmus.diffusers_base import diffusers_class
from pixmus.thesis.conditions import ConditionNetwork
from pixmus.thesis.mel import BANDS, RATE

THESIS_MILLIONS = 405.0  # parameters of the thesis' denoiser
LATENT_CHANNELS = 8


@dataclass(frozen=True)
class Sizes:
    """Widths; the defaults are the thesis' system, whose denoiser they bring to its 405 million."""

    unet: tuple[int, ...] = (128, 320, 640, 768)
    layers: int = 2
    groups: int = 32
    head: int = 32
    width: int = 1024  # of the tokens that the denoiser attends to
    text: int = 1024
    picture: int = 512
    autoencoder: tuple[int, ...] = (128, 256, 512)
    autoencoder_layers: int = 2
    vocoder: int = 1024
    t5: Mapping[str, Any] = field(
        default_factory=lambda: {
            "d_ff": 2816, "d_kv": 64, "num_heads": 16, "num_layers": 24, "vocab_size": 32128
        }
    )  # fmt: skip
    clip: Mapping[str, Any] = field(
        default_factory=lambda: {
            "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12,
            "num_attention_heads": 12, "image_size": 224, "patch_size": 32,
        }
    )  # fmt: skip


TINY = Sizes(
    unet=(8, 16), layers=1, groups=4, head=8, width=16, text=16, picture=16,
    autoencoder=(4, 4, 8), autoencoder_layers=1, vocoder=32,
    t5={"d_ff": 16, "d_kv": 8, "num_heads": 2, "num_layers": 1, "vocab_size": 64},
    clip={
        "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1,
        "num_attention_heads": 2, "image_size": 32, "patch_size": 16,
    },
)  # fmt: skip


def unet(sizes: Sizes) -> Any:
    """The denoiser: 2-D convolutions within a segment, 1-D ones and attention across the three."""
    deeper = len(sizes.unet) - 1
    return diffusers_class("UNet3DConditionModel")(
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        down_block_types=(*deeper * ("CrossAttnDownBlock3D",), "DownBlock3D"),
        up_block_types=("UpBlock3D", *deeper * ("CrossAttnUpBlock3D",)),
        block_out_channels=sizes.unet,
        layers_per_block=sizes.layers,
        norm_num_groups=sizes.groups,
        cross_attention_dim=sizes.width,
        attention_head_dim=sizes.head,
    )


def autoencoder(sizes: Sizes) -> Any:
    """AudioLDM's: a mel (1, 1024, 64) to latents (8, 256, 16) and back."""
    levels = len(sizes.autoencoder)
    return diffusers_class("AutoencoderKL")(
        in_channels=1,
        out_channels=1,
        down_block_types=levels * ("DownEncoderBlock2D",),
        up_block_types=levels * ("UpDecoderBlock2D",),
        block_out_channels=sizes.autoencoder,
        layers_per_block=sizes.autoencoder_layers,
        norm_num_groups=min(sizes.groups, sizes.autoencoder[0]),
        latent_channels=LATENT_CHANNELS,
        scaling_factor=0.9227,
    )


def vocoder(sizes: Sizes) -> Any:
    """AudioLDM's HiFi-GAN: a mel frame becomes 160 samples."""
    from transformers import SpeechT5HifiGan, SpeechT5HifiGanConfig

    return SpeechT5HifiGan(
        SpeechT5HifiGanConfig(
            model_in_dim=BANDS,
            sampling_rate=RATE,
            upsample_initial_channel=sizes.vocoder,
            upsample_rates=[5, 4, 2, 2, 2],
            upsample_kernel_sizes=[16, 16, 8, 4, 4],
            resblock_kernel_sizes=[3, 7, 11],
            resblock_dilation_sizes=3 * [[1, 3, 5]],
            normalize_before=False,
        )
    )


def noise_scheduler() -> Any:
    """DDIM's steps for v-prediction, the last of training without any signal, spaced from it."""
    return diffusers_class("DDIMScheduler")(
        num_train_timesteps=1000,
        beta_start=0.0015,
        beta_end=0.0195,
        beta_schedule="scaled_linear",
        clip_sample=False,
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
    )


def components(sizes: Sizes, tokenizer: Any) -> dict[str, Any]:
    """All parts of a `ThesisPipeline`, untrained."""
    from transformers import (
        CLIPVisionConfig,
        CLIPVisionModelWithProjection,
        T5Config,
        T5EncoderModel,
    )

    parts: dict[str, Any] = {
        "vae": autoencoder(sizes),
        "unet": unet(sizes),
        "conditions": ConditionNetwork(sizes.text, sizes.picture, sizes.width),
        "scheduler": noise_scheduler(),
        "text_encoder": T5EncoderModel(
            T5Config(d_model=sizes.text, feed_forward_proj="gated-gelu", **sizes.t5)
        ),
        "tokenizer": tokenizer,
        "image_encoder": CLIPVisionModelWithProjection(
            CLIPVisionConfig(projection_dim=sizes.picture, **sizes.clip)
        ),
        "vocoder": vocoder(sizes),
    }
    for part in parts.values():
        if isinstance(part, torch.nn.Module):
            part.eval()
    return parts
