"""Audio diffusion models with random weights, of the classes that diffusers loads real ones with.

The tiny ones show that the way through a renderer works, and say nothing of how one sounds.
"""

from __future__ import annotations

import json
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

WIDTH = 16  # of the text embeddings of all
WORDS = ("<pad>", "</s>", "<unk>", "music", "film", "calm", "warm")


def tiny_tokenizer(tokens: int = 8) -> Any:
    """Words are tokens, and those that it does not know are one."""
    from transformers import PreTrainedTokenizerFast

    words = {word: number for number, word in enumerate(WORDS)}
    told: dict[str, Any] = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [],
        "normalizer": None, "pre_tokenizer": {"type": "Whitespace"}, "post_processor": None,
        "decoder": None, "model": {"type": "WordLevel", "vocab": words, "unk_token": "<unk>"},
    }  # fmt: skip
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(told, file)
        file.flush()
        kind: Any = PreTrainedTokenizerFast
        return kind(
            tokenizer_file=file.name, unk_token="<unk>", pad_token="<pad>", eos_token="</s>",
            model_max_length=tokens,
        )  # fmt: skip


def _oobleck(sampling_rate: int, latents: int) -> Any:
    from diffusers import AutoencoderOobleck

    return AutoencoderOobleck(
        encoder_hidden_size=2 * latents, downsampling_ratios=[32, 60], channel_multiples=[1, 1],
        decoder_channels=2, decoder_input_channels=latents, sampling_rate=sampling_rate,
    )  # fmt: skip


def _t5(width: int = WIDTH) -> Any:
    from transformers import T5Config, T5EncoderModel

    return T5EncoderModel(
        T5Config(d_model=width, d_ff=16, d_kv=8, num_heads=2, num_layers=1, vocab_size=len(WORDS))
    )


def tiny_stable_audio_open(longest_s: float = 20.0) -> Any:
    """`StableAudioPipeline` whose latents are `longest_s` long."""
    from diffusers import (
        CosineDPMSolverMultistepScheduler,
        StableAudioDiTModel,
        StableAudioPipeline,
        StableAudioProjectionModel,
    )

    vae = _oobleck(44100, 2)
    transformer = StableAudioDiTModel(
        sample_size=int(longest_s * 44100 / 1920), in_channels=2, out_channels=2, num_layers=1,
        attention_head_dim=8, num_attention_heads=2, num_key_value_attention_heads=1,
        cross_attention_dim=WIDTH, cross_attention_input_dim=WIDTH,
        global_states_input_dim=2 * WIDTH,
    )  # fmt: skip
    return StableAudioPipeline(
        vae=vae, text_encoder=_t5(), tokenizer=tiny_tokenizer(), transformer=transformer,
        projection_model=StableAudioProjectionModel(WIDTH, WIDTH, 0, 512),
        scheduler=CosineDPMSolverMultistepScheduler(sigma_min=0.3, sigma_max=500.0),
    )  # fmt: skip


def tiny_stable_audio_3(longest_s: float = 20.0) -> Any:
    """`StableAudio3AudioToAudioPipeline` whose durations end at `longest_s`."""
    from diffusers import (
        AutoencoderSAME,
        FlowMatchEulerDiscreteScheduler,
        StableAudio3AudioToAudioPipeline,
        StableAudio3DiTModel,
    )
    from diffusers.pipelines.stable_audio_3 import StableAudio3DurationEmbedder
    from transformers import T5GemmaConfig, T5GemmaEncoderModel
    from transformers.models.t5gemma.configuration_t5gemma import T5GemmaModuleConfig

    text = T5GemmaModuleConfig(
        vocab_size=len(WORDS), hidden_size=WIDTH, intermediate_size=16, num_hidden_layers=1,
        num_attention_heads=2, num_key_value_heads=1, head_dim=8, max_position_embeddings=64,
        sliding_window=64, layer_types=["full_attention"],
    ).to_dict()  # fmt: skip
    return StableAudio3AudioToAudioPipeline(
        vae=AutoencoderSAME(
            patch_size=512, encoder_channels=8, encoder_c_mults=(2,), encoder_strides=(2,),
            encoder_transformer_depths=(1,), latent_dim=8, use_differential_attention=False,
            dim_heads=8, ff_mult=1,
        ),
        text_encoder=T5GemmaEncoderModel(
            T5GemmaConfig(encoder=text, decoder=text, is_encoder_decoder=False)
        ),
        tokenizer=tiny_tokenizer(),
        duration_embedder=StableAudio3DurationEmbedder(WIDTH, 16, max_val=longest_s),
        transformer=StableAudio3DiTModel(
            io_channels=8, embed_dim=16, depth=1, num_heads=2, cond_token_dim=WIDTH,
            global_cond_dim=WIDTH, local_add_cond_dim=5, timestep_features_dim=16, ff_mult=1,
            num_memory_tokens=2, use_differential_attention=False,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(
            num_train_timesteps=1, shift=1.0, stochastic_sampling=True
        ),
    )  # fmt: skip


def tiny_ace_step(longest_s: float = 20.0) -> Any:
    """`AceStepPipeline`, as short of breath as any; `longest_s` has no say."""
    from diffusers import (
        AceStepPipeline,
        AceStepTransformer1DModel,
        FlowMatchEulerDiscreteScheduler,
    )
    from diffusers.pipelines.ace_step import AceStepConditionEncoder
    from transformers import Qwen3Config, Qwen3Model

    heads = {
        "hidden_size": WIDTH, "intermediate_size": 16, "num_attention_heads": 2,
        "num_key_value_heads": 1, "head_dim": 8, "sliding_window": 16,
    }  # fmt: skip
    return AceStepPipeline(
        vae=_oobleck(48000, 2),
        text_encoder=Qwen3Model(
            Qwen3Config(
                hidden_size=WIDTH, intermediate_size=16, num_hidden_layers=1,
                num_attention_heads=2, num_key_value_heads=1, head_dim=8, vocab_size=len(WORDS),
                max_position_embeddings=64,
            )
        ),
        tokenizer=tiny_tokenizer(64),
        transformer=AceStepTransformer1DModel(
            num_hidden_layers=1, in_channels=6, audio_acoustic_hidden_dim=2, is_turbo=True,
            **heads,
        ),
        condition_encoder=AceStepConditionEncoder(
            text_hidden_dim=WIDTH, timbre_hidden_dim=2, num_lyric_encoder_hidden_layers=1,
            num_timbre_encoder_hidden_layers=1, **heads,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(num_train_timesteps=1, shift=1.0),
    )  # fmt: skip


TINY: dict[str, Callable[[float], Any]] = {
    "stable-audio-3": tiny_stable_audio_3,
    "ace-step": tiny_ace_step,
    "stable-audio-open": tiny_stable_audio_open,
}


def wake(module: Any) -> None:
    """Give weights that begin at zero, and so hide what comes before them, others."""
    if isinstance(module, torch.nn.Module):
        for weights in module.parameters():
            if weights.ndim > 1 and not weights.any():
                torch.nn.init.normal_(weights, std=0.1)


def save_tiny(renderer: str, folder: Path, longest_s: float = 20.0, seed: int = 0) -> Path:
    """Write a tiny random model of a renderer to a folder, as diffusers saves real ones."""
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # diffusers uses torch's older weight_norm
        torch.manual_seed(seed)
        pipe = TINY[renderer](longest_s)
        for module in pipe.components.values():
            wake(module)
        pipe.save_pretrained(str(folder))
    return folder
