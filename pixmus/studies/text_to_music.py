"""Two text-to-music systems at their published sizes, with random weights.

How long a network takes does not depend on what its weights are, so each is built from the classes
that diffusers and transformers load it with. A network's parameters are counted, and a count more
than 3 % beside the published one is an error.

- *audioldm2-music* (Liu et al. 2023), the baseline of the PixMus thesis: 100 inference steps,
  guidance 3.5. Sizes from diffusers' script that converts its checkpoints.
- *Stable Audio Open 1.0* (Evans et al. 2024, arXiv 2407.14358): 100 inference steps, guidance 7, as
  its model card's example. Sizes from diffusers' classes, whose defaults they are.

The schedulers' own arithmetic is left out.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pixmus.errors import PixMusError

TOLERANCE = 0.03  # of a parameter count beside the published one
INFERENCE_STEPS = 100
PROMPT_TOKENS = 24  # T5 tokens of a prompt of some fifteen words
CARD = "model card of cvssp/audioldm2-music"
WEIGHTS = "size of the float32 file in cvssp/audioldm2"
PAPER = "arXiv 2407.14358"


@dataclass(frozen=True)
class Network:
    """A network, and its published size in millions of parameters with where that stands."""

    module: nn.Module
    published: float | None = None
    source: str = ""

    @property
    def millions(self) -> float:
        """Millions of parameters."""
        return sum(parameter.numel() for parameter in self.module.parameters()) / 1e6


@dataclass(frozen=True)
class Stage:
    """Something that a call does `times` times; `run` returns what it makes."""

    run: Callable[[], Tensor]
    times: int
    networks: tuple[str, ...]


@dataclass(frozen=True)
class System:
    """A text-to-music system: networks, the stages of a call, seconds of music in one call."""

    networks: Mapping[str, Network]
    stages: Mapping[str, Stage]
    seconds_per_call: float
    published: float | None = None  # millions of parameters, all networks together
    source: str = ""

    @property
    def millions(self) -> float:
        """Millions of parameters, all networks together."""
        return sum(network.millions for network in self.networks.values())


def check_size(name: str, millions: float, published: float | None) -> float | None:
    """How far a size is from the published one, as a share; more than `TOLERANCE` is an error."""
    if published is None:
        return None
    difference = millions / published - 1.0
    if abs(difference) > TOLERANCE:
        raise PixMusError(
            f"{name} was built with {millions:.1f} million parameters, published are "
            f"{published:g}: its configuration here is not the published one; mend it."
        )
    return difference


def bfloat16_is_fast() -> bool:
    """Whether the processor multiplies bfloat16 numbers itself."""
    info = Path("/proc/cpuinfo")
    flags = info.read_text(encoding="utf-8") if info.is_file() else ""
    return "avx512_bf16" in flags or "amx_bf16" in flags


def denoiser_type() -> torch.dtype:
    """The number type of the denoisers: the faster one, all else being float32."""
    return torch.bfloat16 if bfloat16_is_fast() else torch.float32


# ------------------------------------------------------------------------------ audioldm2-music


@dataclass(frozen=True)
class AudioLDM2Sizes:
    """The widths of audioldm2-music's networks; the defaults are its own."""

    mel_bands: int = 64
    frames: int = 1024
    latent_channels: int = 8
    sampling_rate: int = 16000
    text: int = 1024
    language: int = 768
    joint: int = 512
    unet_widths: tuple[int, ...] = (128, 256, 384, 640)
    groups: int = 32
    vae_widths: tuple[int, ...] = (128, 256, 512)
    vocoder_width: int = 1024
    t5: Mapping[str, Any] = field(
        default_factory=lambda: {
            "d_ff": 2816, "d_kv": 64, "num_heads": 16, "num_layers": 24, "vocab_size": 32128
        }
    )  # fmt: skip
    gpt2: Mapping[str, Any] = field(default_factory=dict)
    clap_audio: Mapping[str, Any] = field(
        default_factory=lambda: {
            "patch_embeds_hidden_size": 128, "hidden_size": 1024, "depths": [2, 2, 12, 2]
        }
    )  # fmt: skip
    clap_text: Mapping[str, Any] = field(default_factory=dict)
    clap_tokens: int = 512


TINY_AUDIOLDM2 = AudioLDM2Sizes(
    frames=64, text=32, language=24, joint=16,
    unet_widths=(8, 8, 16, 16), groups=4, vae_widths=(8, 8, 16), vocoder_width=32,
    t5={"d_ff": 32, "d_kv": 8, "num_heads": 4, "num_layers": 2, "vocab_size": 100},
    gpt2={"n_embd": 24, "n_layer": 2, "n_head": 2, "vocab_size": 100},
    clap_audio={
        "patch_embeds_hidden_size": 16, "hidden_size": 32, "depths": [1, 1],
        "num_attention_heads": [2, 2], "num_mel_bins": 16, "spec_size": 64,
    },
    clap_text={
        "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 16, "vocab_size": 100, "max_position_embeddings": 40,
    },
    clap_tokens=32,
)  # fmt: skip


@dataclass(frozen=True)
class AudioLDM2:
    """The networks of audioldm2-music."""

    sizes: AudioLDM2Sizes
    unet: Any
    vae: Any
    vocoder: Any
    clap: Any
    t5: Any
    language_model: Any
    projection: Any

    @property
    def latent_shape(self) -> tuple[int, int, int, int]:
        """Two of everything: guidance runs with and without the words."""
        sizes = self.sizes
        return 2, sizes.latent_channels, sizes.frames // 4, sizes.mel_bands // 4

    def encode(self) -> Tensor:
        """What the words become: the language model goes on by eight vectors."""
        ids = torch.full((2, self.sizes.clap_tokens), 5)
        features = self.clap.get_text_features(ids, attention_mask=torch.ones_like(ids))
        features = getattr(features, "pooler_output", features)
        text_features = self.t5(torch.full((2, PROMPT_TOKENS), 5))[0]
        embeddings: Tensor = self.projection(features[:, None], text_features)[0]
        for _ in range(8):
            hidden = self.language_model(inputs_embeds=embeddings)[0]
            embeddings = torch.cat([embeddings, hidden[:, -1:]], dim=1)
        return embeddings


def audioldm2_networks(sizes: AudioLDM2Sizes) -> AudioLDM2:
    """The networks with random weights."""
    from diffusers import AudioLDM2ProjectionModel, AutoencoderKL
    from transformers import (
        ClapConfig,
        ClapModel,
        GPT2Config,
        GPT2Model,
        SpeechT5HifiGan,
        SpeechT5HifiGanConfig,
        T5Config,
        T5EncoderModel,
    )

    vae = AutoencoderKL(
        in_channels=1,
        out_channels=1,
        down_block_types=3 * ("DownEncoderBlock2D",),
        up_block_types=3 * ("UpDecoderBlock2D",),
        block_out_channels=sizes.vae_widths,
        norm_num_groups=sizes.groups,
        latent_channels=sizes.latent_channels,
        layers_per_block=2,
    )
    vocoder = SpeechT5HifiGan(
        SpeechT5HifiGanConfig(
            model_in_dim=sizes.mel_bands,
            sampling_rate=sizes.sampling_rate,
            upsample_initial_channel=sizes.vocoder_width,
            upsample_rates=[5, 4, 2, 2, 2],
            upsample_kernel_sizes=[16, 16, 8, 4, 4],
            resblock_kernel_sizes=[3, 7, 11],
            resblock_dilation_sizes=3 * [[1, 3, 5]],
            normalize_before=False,
        )
    )
    clap = ClapModel(
        ClapConfig(
            text_config={"projection_dim": sizes.joint, **sizes.clap_text},
            audio_config={"projection_dim": sizes.joint, **sizes.clap_audio},
            projection_dim=sizes.joint,
        )
    )
    return AudioLDM2(
        sizes,
        audioldm2_unet(sizes),
        vae,
        vocoder,
        clap,
        T5EncoderModel(T5Config(d_model=sizes.text, feed_forward_proj="gated-gelu", **sizes.t5)),
        GPT2Model(GPT2Config(**sizes.gpt2)),
        AudioLDM2ProjectionModel(sizes.joint, sizes.text, sizes.language),
    )


def audioldm2_unet(sizes: AudioLDM2Sizes) -> Any:
    """The denoiser; each block attends to itself, to the language model's vectors, to the text."""
    from diffusers import AudioLDM2UNet2DConditionModel

    return AudioLDM2UNet2DConditionModel(
        sample_size=sizes.frames // 4,
        in_channels=sizes.latent_channels,
        out_channels=sizes.latent_channels,
        down_block_types=("DownBlock2D", *3 * ("CrossAttnDownBlock2D",)),
        up_block_types=(*3 * ("CrossAttnUpBlock2D",), "UpBlock2D"),
        block_out_channels=sizes.unet_widths,
        norm_num_groups=sizes.groups,
        layers_per_block=2,
        cross_attention_dim=4 * [[None, sizes.language, sizes.text]],
        transformer_layers_per_block=1,
    ).to(denoiser_type())


def audioldm2(is_quick: bool = False) -> System:
    """audioldm2-music with random weights; tiny networks of the same classes where `is_quick`."""
    sizes = TINY_AUDIOLDM2 if is_quick else AudioLDM2Sizes()
    made = audioldm2_networks(sizes)
    dtype = made.unet.dtype
    latents = torch.randn(*made.latent_shape, dtype=dtype)
    generated = torch.randn(2, 8, sizes.language, dtype=dtype)
    words = torch.randn(2, PROMPT_TOKENS, sizes.text, dtype=dtype)
    mel = torch.randn(1, sizes.frames, sizes.mel_bands)

    def denoise() -> Tensor:
        predicted: Tensor = made.unet(
            latents, 500, encoder_hidden_states=generated, encoder_hidden_states_1=words
        )[0]
        return predicted

    encoders = ("CLAP", "Flan-T5-large encoder", "projection", "GPT-2")
    return System(
        {
            "CLAP": Network(made.clap),
            "Flan-T5-large encoder": Network(made.t5, 1360 / 4, WEIGHTS),
            "projection": Network(made.projection, 4.74 / 4, WEIGHTS),
            "GPT-2": Network(made.language_model, 498 / 4, WEIGHTS),
            "U-Net": Network(made.unet, 350, CARD),
            "autoencoder": Network(made.vae),
            "HiFi-GAN": Network(made.vocoder),
        },
        {
            "text encoders": Stage(made.encode, 1, encoders),
            "denoiser": Stage(denoise, INFERENCE_STEPS, ("U-Net",)),
            "decoder": Stage(
                lambda: made.vae.decode(latents[:1].to(made.vae.dtype)).sample, 1, ("autoencoder",)
            ),
            "vocoder": Stage(lambda: made.vocoder(mel), 1, ("HiFi-GAN",)),
        },
        seconds_per_call=sizes.frames * 160 / sizes.sampling_rate,
        published=1100,
        source=CARD,
    )


# ---------------------------------------------------------------------------- Stable Audio Open


@dataclass(frozen=True)
class StableAudioSizes:
    """The sizes of Stable Audio Open's networks; the defaults of diffusers' classes are its own."""

    width: int = 768
    tokens: int = 128
    transformer: Mapping[str, Any] = field(default_factory=dict)
    autoencoder: Mapping[str, Any] = field(default_factory=dict)
    t5: Mapping[str, Any] = field(
        default_factory=lambda: {
            "d_ff": 3072, "num_heads": 12, "num_layers": 12, "vocab_size": 32128
        }
    )  # fmt: skip


TINY_STABLE_AUDIO = StableAudioSizes(
    width=16,
    tokens=8,
    transformer={
        "sample_size": 16, "in_channels": 4, "out_channels": 4, "num_layers": 2,
        "attention_head_dim": 8, "num_attention_heads": 2, "num_key_value_attention_heads": 1,
        "cross_attention_dim": 16, "cross_attention_input_dim": 16, "global_states_input_dim": 32,
    },
    autoencoder={
        "encoder_hidden_size": 8, "downsampling_ratios": [4, 8], "channel_multiples": [1, 2],
        "decoder_channels": 8, "decoder_input_channels": 4,
    },
    t5={"d_ff": 16, "num_heads": 2, "num_layers": 1, "vocab_size": 100, "d_kv": 8},
)  # fmt: skip


def stable_audio_denoiser(sizes: StableAudioSizes, transformer: Any) -> Callable[[], Tensor]:
    """One step of the transformer, with and without the words."""
    from diffusers.models.embeddings import get_1d_rotary_pos_embed

    config, dtype = transformer.config, transformer.dtype
    latents = torch.randn(2, config.in_channels, config.sample_size, dtype=dtype)
    # two more tokens: where it starts and ends
    words = torch.randn(2, sizes.tokens + 2, sizes.width, dtype=dtype)
    lengths = torch.randn(2, 1, 2 * sizes.width, dtype=dtype)
    rotary = get_1d_rotary_pos_embed(
        config.attention_head_dim // 2,
        config.sample_size + 1,
        use_real=True,
        repeat_interleave_real=False,
    )

    def denoise() -> Tensor:
        predicted: Tensor = transformer(
            latents,
            torch.full((2,), 0.5, dtype=dtype),
            encoder_hidden_states=words,
            global_hidden_states=lengths,
            rotary_embedding=rotary,
            return_dict=False,
        )[0]
        return predicted

    return denoise


def stable_audio(is_quick: bool = False) -> System:
    """Stable Audio Open with random weights; tiny networks of the same classes for `is_quick`."""
    from diffusers import AutoencoderOobleck, StableAudioDiTModel, StableAudioProjectionModel
    from transformers import T5Config, T5EncoderModel

    sizes = TINY_STABLE_AUDIO if is_quick else StableAudioSizes()
    transformer = StableAudioDiTModel(**sizes.transformer).to(denoiser_type())
    with warnings.catch_warnings():  # diffusers uses torch's older weight_norm
        warnings.simplefilter("ignore", FutureWarning)
        autoencoder = AutoencoderOobleck(**sizes.autoencoder)
    t5 = T5EncoderModel(T5Config(d_model=sizes.width, **sizes.t5))
    projection = StableAudioProjectionModel(sizes.width, sizes.width, 0, 512)
    config = transformer.config
    latents = torch.randn(1, config.in_channels, config.sample_size, dtype=autoencoder.dtype)
    ids = torch.full((1, sizes.tokens), 5)
    limits = torch.tensor([0.0]), torch.tensor([47.0])

    def encode() -> Tensor:
        return torch.cat(list(projection(t5(ids)[0], *limits).to_tuple()), dim=1)

    samples = config.sample_size * math.prod(autoencoder.config.downsampling_ratios)
    return System(
        {
            "T5-base encoder": Network(t5, 109, PAPER),
            "projection": Network(projection),
            "transformer": Network(transformer, 1057, PAPER),
            "autoencoder": Network(autoencoder, 156, PAPER),
        },
        {
            "text encoders": Stage(encode, 1, ("T5-base encoder", "projection")),
            "denoiser": Stage(
                stable_audio_denoiser(sizes, transformer), INFERENCE_STEPS, ("transformer",)
            ),
            "decoder": Stage(lambda: autoencoder.decode(latents).sample, 1, ("autoencoder",)),
        },
        seconds_per_call=samples / autoencoder.config.sampling_rate,
        published=1057 + 156 + 109,
        source=PAPER,
    )


OTHERS: dict[str, Callable[[bool], System]] = {
    "audioldm2-music": audioldm2,
    "Stable Audio Open": stable_audio,
}
