"""PixMus beside what a user would pick instead, in one run on one machine.

    make compare          or: pixmus evaluate compare [--model DIR] [--out DIR] [--quick]

writes `compare.json` and `compare.md`. The others are built from the classes that diffusers and
transformers load them with, at their published sizes, with random weights: how long a network takes
does not depend on what its weights are. Each system runs in a process of its own. A network's
parameters are counted, and a count more than 3 % beside the published one is an error.

- *audioldm2-music* (Liu et al. 2023), the baseline of the PixMus thesis: 100 inference steps,
  guidance 3.5. Sizes from diffusers' script that converts its checkpoints.
- *Stable Audio Open 1.0* (Evans et al. 2024, arXiv 2407.14358): 100 inference steps, guidance 7, as
  its model card's example. Sizes from diffusers' classes, whose defaults they are.

Each stage is run once to warm up and then timed; a call is the sum of its stages, each as often as
a call needs it; a minute of music is as many calls as fill it. The schedulers' own arithmetic is
left out.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pixmus.errors import PixMusError
from pixmus.files import REPOSITORY

MINUTE_S = 60.0
NUM_THREADS = 2
REPEATS = 3
MEAN_SHOT_S = 2.5  # of the cue sheets that PixMus composes from; every cut is a hit point
TOLERANCE = 0.03  # of a parameter count beside the published one
RESULTS = REPOSITORY / "docs" / "results"

INFERENCE_STEPS = 100
PROMPT_TOKENS = 24  # T5 tokens of a prompt of some fifteen words
CARD = "model card of cvssp/audioldm2-music"
WEIGHTS = "size of the float32 file in cvssp/audioldm2"
PAPER = "arXiv 2407.14358"

# What a reader is told of each system, by row of the table; measured rows are added.
TOLD: dict[str, dict[str, str]] = {
    "PixMus": {
        "takes": "the clip, and words",
        "gives": "44.1 kHz stereo",
        "length": "as long as the clip",
        "editability": "MIDI, stems, cue sheet; bars or parts redone, the rest note for note",
        "licence of the weights": "Apache-2.0",
    },
    "audioldm2-music": {
        "takes": "words",
        "gives": "16 kHz mono",
        "length": "10.24 s, what it was trained on; longer on request",
        "editability": "none: one waveform, made anew as a whole",
        "licence of the weights": "CC BY-NC-SA 4.0",
    },
    "Stable Audio Open": {
        "takes": "words, or a waveform to start from",
        "gives": "44.1 kHz stereo",
        "length": "47.55 s at most",
        "editability": "one waveform, which another run can start from",
        "licence of the weights": "Stability AI Community (gated)",
    },
}
NOT_MEASURED = "not measured; no picture goes in"


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


def seconds_per_minute(
    stages: Mapping[str, Mapping[str, float]], seconds_per_call: float, clock: str = "seconds"
) -> float:
    """Seconds for a minute of music: every stage's seconds as often as it runs, in every call.

    `clock` is "seconds" or "processor_s", which counts those of every core.
    """
    call = sum(stage[clock] * stage["times"] for stage in stages.values())
    return call * MINUTE_S / seconds_per_call


# --------------------------------------------------------------------------- The other systems


def bfloat16_is_fast() -> bool:
    """Whether the processor multiplies bfloat16 numbers itself."""
    info = Path("/proc/cpuinfo")
    flags = info.read_text(encoding="utf-8") if info.is_file() else ""
    return "avx512_bf16" in flags or "amx_bf16" in flags


def denoiser_type() -> torch.dtype:
    """The number type of the denoisers: the faster one, all else being float32."""
    return torch.bfloat16 if bfloat16_is_fast() else torch.float32


def audioldm2(is_quick: bool = False) -> System:
    """audioldm2-music with random weights; tiny networks of the same classes where `is_quick`."""
    from diffusers import AudioLDM2ProjectionModel, AudioLDM2UNet2DConditionModel, AutoencoderKL
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

    mel_bands, frames, latent_channels, sampling_rate = 64, 1024, 8, 16000
    text, language, joint = 1024, 768, 512
    unet_widths, groups, vae_widths, vocoder_width = (128, 256, 384, 640), 32, (128, 256, 512), 1024
    t5: dict[str, Any] = {
        "d_ff": 2816, "d_kv": 64, "num_heads": 16, "num_layers": 24, "vocab_size": 32128
    }  # fmt: skip
    gpt2: dict[str, Any] = {}
    clap_audio: dict[str, Any] = {
        "patch_embeds_hidden_size": 128, "hidden_size": 1024, "depths": [2, 2, 12, 2]
    }  # fmt: skip
    clap_text: dict[str, Any] = {}
    clap_tokens = 512
    if is_quick:
        frames, text, language, joint = 64, 32, 24, 16
        unet_widths, groups, vae_widths, vocoder_width = (8, 8, 16, 16), 4, (8, 8, 16), 32
        t5 = {"d_ff": 32, "d_kv": 8, "num_heads": 4, "num_layers": 2, "vocab_size": 100}
        gpt2 = {"n_embd": 24, "n_layer": 2, "n_head": 2, "vocab_size": 100}
        clap_audio = {
            "patch_embeds_hidden_size": 16, "hidden_size": 32, "depths": [1, 1],
            "num_attention_heads": [2, 2], "num_mel_bins": 16, "spec_size": 64,
        }  # fmt: skip
        clap_text = {
            "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
            "intermediate_size": 16, "vocab_size": 100, "max_position_embeddings": 40,
        }  # fmt: skip
        clap_tokens = 32
    latent_frames, latent_bands = frames // 4, mel_bands // 4
    unet = AudioLDM2UNet2DConditionModel(
        sample_size=latent_frames,
        in_channels=latent_channels,
        out_channels=latent_channels,
        down_block_types=("DownBlock2D", *3 * ("CrossAttnDownBlock2D",)),
        up_block_types=(*3 * ("CrossAttnUpBlock2D",), "UpBlock2D"),
        block_out_channels=unet_widths,
        norm_num_groups=groups,
        layers_per_block=2,
        # Each block attends to itself, to what the language model wrote, to the text.
        cross_attention_dim=4 * [[None, language, text]],
        transformer_layers_per_block=1,
    ).to(denoiser_type())
    vae = AutoencoderKL(
        in_channels=1,
        out_channels=1,
        down_block_types=3 * ("DownEncoderBlock2D",),
        up_block_types=3 * ("UpDecoderBlock2D",),
        block_out_channels=vae_widths,
        norm_num_groups=groups,
        latent_channels=latent_channels,
        layers_per_block=2,
    )
    vocoder = SpeechT5HifiGan(
        SpeechT5HifiGanConfig(
            model_in_dim=mel_bands,
            sampling_rate=sampling_rate,
            upsample_initial_channel=vocoder_width,
            upsample_rates=[5, 4, 2, 2, 2],
            upsample_kernel_sizes=[16, 16, 8, 4, 4],
            resblock_kernel_sizes=[3, 7, 11],
            resblock_dilation_sizes=3 * [[1, 3, 5]],
            normalize_before=False,
        )
    )
    clap = ClapModel(
        ClapConfig(
            text_config={"projection_dim": joint, **clap_text},
            audio_config={"projection_dim": joint, **clap_audio},
            projection_dim=joint,
        )
    )
    t5_encoder = T5EncoderModel(T5Config(d_model=text, feed_forward_proj="gated-gelu", **t5))
    language_model = GPT2Model(GPT2Config(**gpt2))
    projection = AudioLDM2ProjectionModel(joint, text, language)
    networks = {
        "CLAP": Network(clap),
        "Flan-T5-large encoder": Network(t5_encoder, 1360 / 4, WEIGHTS),
        "projection": Network(projection, 4.74 / 4, WEIGHTS),
        "GPT-2": Network(language_model, 498 / 4, WEIGHTS),
        "U-Net": Network(unet, 350, CARD),
        "autoencoder": Network(vae),
        "HiFi-GAN": Network(vocoder),
    }
    # Two of everything: guidance runs with and without the words.
    clap_ids = torch.full((2, clap_tokens), 5)
    t5_ids = torch.full((2, PROMPT_TOKENS), 5)
    latents = torch.randn(2, latent_channels, latent_frames, latent_bands, dtype=unet.dtype)
    generated = torch.randn(2, 8, language, dtype=unet.dtype)
    words = torch.randn(2, PROMPT_TOKENS, text, dtype=unet.dtype)

    def encode() -> Tensor:
        joint_features = clap.get_text_features(clap_ids, attention_mask=torch.ones_like(clap_ids))
        joint_features = getattr(joint_features, "pooler_output", joint_features)
        text_features = t5_encoder(t5_ids)[0]
        embeddings: Tensor = projection(joint_features[:, None], text_features)[0]
        for _ in range(8):  # the language model goes on by eight vectors
            hidden = language_model(inputs_embeds=embeddings)[0]
            embeddings = torch.cat([embeddings, hidden[:, -1:]], dim=1)
        return embeddings

    def denoise() -> Tensor:
        predicted: Tensor = unet(
            latents, 500, encoder_hidden_states=generated, encoder_hidden_states_1=words
        )[0]
        return predicted

    mel = torch.randn(1, frames, mel_bands)
    return System(
        networks,
        {
            "text encoders": Stage(
                encode, 1, ("CLAP", "Flan-T5-large encoder", "projection", "GPT-2")
            ),
            "denoiser": Stage(denoise, INFERENCE_STEPS, ("U-Net",)),
            "decoder": Stage(
                lambda: vae.decode(latents[:1].to(vae.dtype)).sample, 1, ("autoencoder",)
            ),
            "vocoder": Stage(lambda: vocoder(mel), 1, ("HiFi-GAN",)),
        },
        seconds_per_call=frames * 160 / sampling_rate,
        published=1100,
        source=CARD,
    )


def stable_audio(is_quick: bool = False) -> System:
    """Stable Audio Open with random weights; tiny networks of the same classes for `is_quick`."""
    from diffusers import AutoencoderOobleck, StableAudioDiTModel, StableAudioProjectionModel
    from diffusers.models.embeddings import get_1d_rotary_pos_embed
    from transformers import T5Config, T5EncoderModel

    width, tokens = 768, 128
    transformer_size: dict[str, Any] = {}  # the defaults of these classes are its configuration
    autoencoder_size: dict[str, Any] = {}
    t5: dict[str, Any] = {"d_ff": 3072, "num_heads": 12, "num_layers": 12, "vocab_size": 32128}
    if is_quick:
        width, tokens = 16, 8
        transformer_size = {
            "sample_size": 16, "in_channels": 4, "out_channels": 4, "num_layers": 2,
            "attention_head_dim": 8, "num_attention_heads": 2, "num_key_value_attention_heads": 1,
            "cross_attention_dim": width, "cross_attention_input_dim": width,
            "global_states_input_dim": 2 * width,
        }  # fmt: skip
        autoencoder_size = {
            "encoder_hidden_size": 8, "downsampling_ratios": [4, 8], "channel_multiples": [1, 2],
            "decoder_channels": 8, "decoder_input_channels": 4,
        }  # fmt: skip
        t5 = {"d_ff": 16, "num_heads": 2, "num_layers": 1, "vocab_size": 100, "d_kv": 8}
    transformer = StableAudioDiTModel(**transformer_size).to(denoiser_type())
    with warnings.catch_warnings():  # diffusers uses torch's older weight_norm
        warnings.simplefilter("ignore", FutureWarning)
        autoencoder = AutoencoderOobleck(**autoencoder_size)
    t5_encoder = T5EncoderModel(T5Config(d_model=width, **t5))
    projection = StableAudioProjectionModel(width, width, 0, 512)
    config, dtype = transformer.config, transformer.dtype
    latents = torch.randn(2, config.in_channels, config.sample_size, dtype=dtype)
    words = torch.randn(2, tokens + 2, width, dtype=dtype)  # two more: where it starts and ends
    lengths = torch.randn(2, 1, 2 * width, dtype=dtype)
    rotary = get_1d_rotary_pos_embed(
        config.attention_head_dim // 2,
        config.sample_size + 1,
        use_real=True,
        repeat_interleave_real=False,
    )
    ids = torch.full((1, tokens), 5)
    limits = torch.tensor([0.0]), torch.tensor([47.0])

    def encode() -> Tensor:
        projected = projection(t5_encoder(ids)[0], *limits)
        return torch.cat(list(projected.to_tuple()), dim=1)

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

    hop = 1
    for ratio in autoencoder.config.downsampling_ratios:
        hop *= ratio
    return System(
        {
            "T5-base encoder": Network(t5_encoder, 109, PAPER),
            "projection": Network(projection),
            "transformer": Network(transformer, 1057, PAPER),
            "autoencoder": Network(autoencoder, 156, PAPER),
        },
        {
            "text encoders": Stage(encode, 1, ("T5-base encoder", "projection")),
            "denoiser": Stage(denoise, INFERENCE_STEPS, ("transformer",)),
            "decoder": Stage(
                lambda: autoencoder.decode(latents[:1].to(autoencoder.dtype)).sample,
                1,
                ("autoencoder",),
            ),
        },
        seconds_per_call=config.sample_size * hop / autoencoder.config.sampling_rate,
        published=1057 + 156 + 109,
        source=PAPER,
    )


OTHERS: dict[str, Callable[[bool], System]] = {
    "audioldm2-music": audioldm2,
    "Stable Audio Open": stable_audio,
}


# ----------------------------------------------------------------------------------- Measuring


def time_stage(stage: Stage, repeats: int = REPEATS) -> dict[str, Any]:
    """Mean seconds of one run after a warm-up, and how often a call runs it."""
    seconds = []
    with torch.inference_mode():
        made = stage.run()
        processor = time.process_time()
        for _ in range(repeats):
            began = time.perf_counter()
            made = stage.run()
            seconds.append(time.perf_counter() - began)
        processor = time.process_time() - processor
    if not bool(torch.isfinite(made).all()):
        raise PixMusError("a network with random weights gave numbers that are not finite.")
    return {
        "seconds": sum(seconds) / len(seconds),
        "processor_s": processor / len(seconds),
        "runs_s": seconds,
        "times": stage.times,
        "makes": list(made.shape),
    }


def measure_other(name: str, is_quick: bool = False) -> dict[str, Any]:
    """Sizes, seconds and peak memory of another system, in this process."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    diffusers_logging.set_verbosity_error()
    transformers_logging.set_verbosity_error()
    torch.manual_seed(0)
    system = OTHERS[name](is_quick)
    networks = {}
    for label, network in system.networks.items():
        published = None if is_quick else network.published
        networks[label] = {
            "millions": network.millions,
            "published": published,
            "difference": check_size(f"{name}'s {label}", network.millions, published),
            "source": network.source,
            "dtype": str(next(network.module.parameters()).dtype).removeprefix("torch."),
        }
        network.module.eval()
    published = None if is_quick else system.published
    difference = check_size(name, system.millions, published)
    stages = {}
    for label, stage in system.stages.items():
        print(f"{name}: {label}", file=sys.stderr, flush=True)
        stages[label] = {**time_stage(stage), "networks": list(stage.networks)}
    return {
        "millions": system.millions,
        "published": published,
        "difference": difference,
        "source": system.source,
        "networks": networks,
        "stages": stages,
        "seconds_per_call": system.seconds_per_call,
        "seconds_per_minute": seconds_per_minute(stages, system.seconds_per_call),
        "processor_s_per_minute": seconds_per_minute(
            stages, system.seconds_per_call, "processor_s"
        ),
        "download_mb": 4 * system.millions,  # float32
        "peak_mib": peak_memory(),
        "load_average": os.getloadavg()[0],
    }


def measure_pixmus(model: str | None = None, is_quick: bool = False) -> dict[str, Any]:
    """Seconds of composing and rendering a minute of music, and peak memory, in this process."""
    import numpy as np

    from pixmus.model.folder import model_folder
    from pixmus.sound.mix import mix
    from pixmus.sound.renderer import render
    from pixmus.sound.soundfont import soundfont_renderer
    from pixmus.studies.placement import WISH_BPM, draw_cue_sheet
    from pixmus.take.pipeline import PixMusPipeline

    folder, sha256 = model_folder(model)
    pipe = PixMusPipeline.from_pretrained(folder)
    duration, steps = (8.0, 2) if is_quick else (MINUTE_S, 20)
    names = ("compose", "render", "mix")
    runs = []  # (seconds, processor seconds) of each stage
    for seed in range(1 + REPEATS):
        rng = np.random.default_rng([5, seed])
        sheet = draw_cue_sheet(rng, MEAN_SHOT_S, duration, round(float(rng.uniform(*WISH_BPM))))
        times = [_clocks()]
        score = pipe.compose(sheet, seed=seed, num_inference_steps=steps)
        times.append(_clocks())
        stems = render(score, hits=(), cue_sheet=sheet, seed=seed)
        times.append(_clocks())
        music = mix(stems, sheet, duration)
        times.append(_clocks())
        if seed:  # the first one warms up
            runs.append(np.diff(times, axis=0))
    spent = np.mean(runs, axis=0)  # (stages, 2)
    stages: dict[str, dict[str, Any]] = {
        name: {
            "seconds": float(spent[i, 0]),
            "processor_s": float(spent[i, 1]),
            "runs_s": [float(run[i, 0]) for run in runs],
            "times": 1,
        }
        for i, name in enumerate(names)
    }
    renderer = soundfont_renderer()
    return {
        "millions": sum(p.numel() for p in pipe.denoiser.parameters()) / 1e6,
        "model": sha256,
        "renderer": str(renderer),
        "inference_steps": steps,
        "stages": stages,
        "makes": list(music.shape),
        "seconds_per_call": duration,
        "seconds_per_minute": seconds_per_minute(stages, duration),
        "processor_s_per_minute": seconds_per_minute(stages, duration, "processor_s"),
        "download_mb": 1e-6 * sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()),
        "font_mb": 1e-6 * renderer.font.stat().st_size,
        "peak_mib": peak_memory(),
        "load_average": os.getloadavg()[0],
    }


def _clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def peak_memory() -> float:
    """The most memory (MiB) that this process has held at once.

    From /proc where there is one: `getrusage` counts what the parent held before this program ran.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure_here(name: str, model: str | None, is_quick: bool = False) -> dict[str, Any]:
    """A system measured in this process."""
    return measure_pixmus(model, is_quick) if name == "PixMus" else measure_other(name, is_quick)


def measure_apart(name: str, model: str | None, is_quick: bool = False) -> dict[str, Any]:
    """A system measured in a process of its own, with `NUM_THREADS` threads."""
    command = [sys.executable, "-m", "pixmus.studies.compare", "--worker", name]
    command += (["--model", model] if model else []) + (["--quick"] if is_quick else [])
    environment = {**os.environ, "OMP_NUM_THREADS": str(NUM_THREADS)}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def read_sync(path: Path) -> str:
    """What `sync.json` says of cuts that PixMus' music meets, beside music that knows no cut."""
    if not path.is_file():
        return "not measured"
    row = json.loads(path.read_text(encoding="utf-8"))["rows"]["all"]
    met, shifted = row["40"]["music"], row["40"]["shifted"]
    return (
        f"{met['rate']:.2f} of {row['cuts']} cuts met within 40 ms "
        f"({met['low']:.2f} to {met['high']:.2f}); against shifted cuts {shifted['rate']:.2f}"
    )


# ----------------------------------------------------------------------------------- The tables


def main_table(result: dict[str, Any]) -> list[str]:
    """The table with a column for each system, as lines of Markdown."""
    systems = result["systems"]
    names = list(systems)
    rows: dict[str, list[str]] = {
        "**seconds for a minute of music**": [
            f"**{systems[name]['seconds_per_minute']:.1f}**" for name in names
        ],
        "processor seconds, all cores": [
            f"{systems[name]['processor_s_per_minute']:.1f}" for name in names
        ],
        "peak memory, MiB": [f"{systems[name]['peak_mib']:.0f}" for name in names],
        "parameters, million": [f"{systems[name]['millions']:.1f}" for name in names],
        "published": [_size(systems[name].get("published")) for name in names],
        "download, MB": [_download(systems[name]) for name in names],
        "sync": [result["sync"] if name == "PixMus" else NOT_MEASURED for name in names],
    }
    for row in TOLD["PixMus"]:
        rows[row] = [TOLD[name][row] for name in names]
    lines = ["| | " + " | ".join(names) + " |", "|---" * (1 + len(names)) + "|"]
    return lines + [f"| {row} | " + " | ".join(cells) + " |" for row, cells in rows.items()]


def _size(published: float | None) -> str:
    return "-" if published is None else f"{published:.0f}"


def _download(system: Mapping[str, Any]) -> str:
    text = f"{system['download_mb']:,.0f}"
    return f"{text}, and a SoundFont of {system['font_mb']:.0f}" if "font_mb" in system else text


def to_markdown(result: dict[str, Any]) -> str:
    """The tables of `compare.md`."""
    where, systems = result["machine"], result["systems"]
    pixmus = systems["PixMus"]
    lines = [
        "# PixMus beside what a user would pick instead",
        "",
        f"Made by `{result['command']}` on {where['cores']} cores of {where['processor']}, "
        f"{result['threads']} threads, every system in a process of its own.",
        "",
        "The other two are built from the classes of diffusers and transformers at their published "
        "sizes with **random weights**: speed and memory do not depend on the weights, and nothing "
        "is said here about how they sound. Sync: the share of cuts with a strong onset within "
        "40 ms, see sync.md; music that knows nothing of the cuts meets what shifted cuts meet.",
        "",
        *main_table(result),
        "",
        f"PixMus: {pixmus['inference_steps']} inference steps, {pixmus['renderer']}, model "
        f"{pixmus['model'][:12]}; composing, rendering and mixing {pixmus['seconds_per_call']:g} s "
        "from a cue sheet. Watching the clip comes on top (bench.md); the others watch nothing. "
        f"The others: {result['inference_steps']} inference steps with guidance, so two passes a "
        "step. A minute is "
        + ", ".join(
            f"{MINUTE_S / systems[name]['seconds_per_call']:.2f} calls of "
            f"{systems[name]['seconds_per_call']:.2f} s ({name})"
            for name in systems
            if name != "PixMus"
        )
        + ". Download: the model folder as it is; for the others four bytes a parameter, as their "
        "float32 weights are published. Python packages are needed by all three and not counted.",
        "",
        "Seconds of each stage, mean of "
        f"{REPEATS} runs after a warm-up, and what it adds to a minute of music:",
        "",
        "| system | stage | number type | once, s | times a call | s a minute |",
        "|---|---|---|---|---|---|",
    ]
    for name, system in systems.items():
        for label, stage in system["stages"].items():
            types = {system["networks"][n]["dtype"] for n in stage.get("networks", ())}
            share = stage["seconds"] * stage["times"] * MINUTE_S / system["seconds_per_call"]
            lines.append(
                f"| {name} | {label} | {', '.join(sorted(types)) or 'float32'} "
                f"| {stage['seconds']:.3f} | {stage['times']} | {share:.1f} |"
            )
    lines += [
        "",
        f"Parameters beside what is published; more than {100 * TOLERANCE:.0f} % apart is an "
        "error.",
        "",
        "| system | network | million | published | apart | source |",
        "|---|---|---|---|---|---|",
    ]
    for name, system in systems.items():
        for label, network in [*system.get("networks", {}).items(), ("**together**", system)]:
            published, source = network.get("published"), network.get("source")
            if published is None:
                told = "| - | - | no figure found |" if name != "PixMus" else "| - | - | - |"
            else:
                told = f"| {published:.4g} | {100 * network['difference']:+.1f} % | {source} |"
            lines.append(f"| {name} | {label} | {network['millions']:.1f} {told}")
    loads = ", ".join(f"{system['load_average']:.1f}" for system in systems.values())
    lines += [
        "",
        f"Load average at the end of each: {loads}; more than the {result['threads']} threads of "
        "the measurement says that something else ran, which lengthens the seconds but hardly the "
        "processor seconds.",
    ]
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> None:
    """Measure all three, and write `compare.json` and `compare.md`."""
    parser = argparse.ArgumentParser(
        prog="pixmus evaluate compare", description="PixMus beside two text-to-music systems."
    )
    parser.add_argument("--model", help="model folder; else the one that came along")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--quick", action="store_true", help="tiny networks: does it run at all")
    parser.add_argument("--worker", choices=["PixMus", *OTHERS], help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.worker:
        torch.set_num_threads(NUM_THREADS)
        print(json.dumps(measure_here(arguments.worker, arguments.model, arguments.quick)))
        return
    from pixmus.studies.bench import machine

    systems = {
        # Tiny networks measure nothing, so they need no process of their own.
        name: measure_here(name, arguments.model, True)
        if arguments.quick
        else measure_apart(name, arguments.model)
        for name in ("PixMus", *OTHERS)
    }
    result = {
        "command": "make compare" + (" ARGS=--quick" if arguments.quick else ""),
        "machine": machine(),
        "threads": NUM_THREADS,
        "inference_steps": INFERENCE_STEPS,
        "sync": read_sync(RESULTS / "sync.json"),
        "systems": systems,
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, indent=1) + "\n"
    (arguments.out / "compare.json").write_text(text, encoding="utf-8")
    (arguments.out / "compare.md").write_text(to_markdown(result), encoding="utf-8")
    print(to_markdown(result))


if __name__ == "__main__":
    main()
