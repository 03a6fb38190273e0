"""The other sounds: a real clip through every renderer, and what the thesis' system costs.

    pixmus evaluate renderers [CLIP]

All models have random weights: the renderers' are tiny, and show that the way works and stays exact
in length; the thesis' are of its size, and how long they take does not depend on what they are.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pixmus.check.onsets import flux_peaks, hit_rate, strong_onsets
from pixmus.renderers import REPLAYERS, SYNTH, spell_renderer
from pixmus.studies.compare import (
    NUM_THREADS,
    measure_pixmus,
    seconds_per_minute,
    time_stage,
)
from pixmus.studies.machine import machine, peak_memory
from pixmus.studies.random_renderers import save_tiny, tiny_tokenizer, wake
from pixmus.studies.runner import VIDEOS, Result, Run, Study, torch_threads
from pixmus.studies.text_to_music import Network, Stage, System, check_size, denoiser_type
from pixmus.waveform import SAMPLE_RATE

CLIP = VIDEOS / "shared-assets__tears-of-steel-battle-clip-medium.webm"  # 70 s with cuts
MINUTE_S = 60.0
THESIS_CLIPS = 3
REPEATS = 1  # of every stage, after one that is not counted
QUICK_S = 8.0
SEED = 1
STRENGTH = 0.3  # of the renderers; more of a random model loses more hit points
TOLERANCE_S = 0.040  # in which a strong onset meets a hit point, as everywhere


# ------------------------------------------------------------------------ A minute of a real clip


def through_renderers(clip: Path, is_quick: bool = False) -> list[dict[str, Any]]:
    """A minute of a clip by the synth, and again by every renderer with a tiny random model.

    A row for each; all play the same notes.
    """
    from pixmus.picture.footage import watch
    from pixmus.picture.video import probe
    from pixmus.picture.write import trim
    from pixmus.renderers import make_renderer
    from pixmus.sound.mix import mix
    from pixmus.sound.renderer import render
    from pixmus.take.pipeline import PixMusPipeline

    pipe = PixMusPipeline.from_pretrained()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        minute = place / "minute.mp4"
        wanted_s = QUICK_S if is_quick else MINUTE_S
        trim(probe(clip), 0.0, min(wanted_s, probe(clip).duration), minute)
        take = pipe(watch(minute), seed=SEED, original_audio="drop")
        sheet = take.cue_sheet
        rows = []
        for name in (SYNTH, *REPLAYERS):
            playing = (
                make_renderer(name, save_tiny(name, place / name), STRENGTH)
                if name in REPLAYERS
                else make_renderer(spell_renderer(name))
            )
            began = time.process_time()
            stems = render(take.score, renderer=playing, cue_sheet=sheet, seed=SEED)
            processor_s = time.process_time() - began
            music = mix(stems, sheet, sheet.duration)
            onsets = strong_onsets(*flux_peaks(music))
            rows.append(
                {
                    "renderer": name,
                    "seconds": sheet.duration,
                    "samples": music.shape[1],
                    "wanted_samples": round(take.video.duration * SAMPLE_RATE),
                    "stem_samples": sorted({stems[part].shape[1] for part in stems}),
                    "hit_points": len(sheet.hit_points),
                    "met": hit_rate([h.time for h in sheet.hit_points], onsets, TOLERANCE_S),
                    "replayed": dict(stems.replayed),
                    "notices": list(stems.notices),
                    "processor_s": processor_s,
                }
            )
    return rows


# ------------------------------------------------------------------------ What the thesis' costs


def thesis_system(is_quick: bool = False) -> System:
    """The thesis' system at its size, with random weights; tiny networks where `is_quick`."""
    from pixmus.thesis.mel import BANDS, SEGMENT_FRAMES, SEGMENT_STEP, SEGMENTS
    from pixmus.thesis.networks import THESIS_MILLIONS, TINY, Sizes, components

    parts = components(TINY if is_quick else Sizes(), tiny_tokenizer(64))
    unet = parts["unet"].to(denoiser_type())
    shrunk = 2 ** (len(parts["vae"].config.block_out_channels) - 1)
    shape = SEGMENTS, SEGMENT_FRAMES // shrunk, BANDS // shrunk
    latents = torch.randn(2, 8, *shape, dtype=unet.dtype)  # with and without the conditions
    tokens = torch.randn(2, 79, unet.config.cross_attention_dim, dtype=unet.dtype)
    frames = SEGMENT_STEP * (SEGMENTS - 1) + SEGMENT_FRAMES
    mel = torch.randn(frames, BANDS)
    ids = torch.full((1, 77), 5)
    size = parts["image_encoder"].config.image_size
    pictures = torch.randn(30, 3, size, size)

    def encode() -> Tensor:
        parts["image_encoder"](pixel_values=pictures)
        states: Tensor = parts["text_encoder"](ids)[0]
        return states

    def decode() -> Tensor:
        made: Tensor = parts["vae"].decode(torch.randn(1, 8, *shape[1:])).sample
        return made

    def denoise() -> Tensor:
        predicted: Tensor = unet(latents, 500, encoder_hidden_states=tokens).sample
        return predicted

    return System(
        {
            "U-Net": Network(unet, THESIS_MILLIONS, "thesis"),
            "autoencoder": Network(parts["vae"]),
            "HiFi-GAN": Network(parts["vocoder"]),
            "Flan-T5-large encoder": Network(parts["text_encoder"]),
            "CLIP ViT-B/32": Network(parts["image_encoder"]),
        },
        {
            "encoders": Stage(encode, 1, ("Flan-T5-large encoder", "CLIP ViT-B/32")),
            "denoiser": Stage(denoise, 100, ("U-Net",)),
            "decoder": Stage(decode, SEGMENTS, ("autoencoder",)),
            "vocoder": Stage(lambda: parts["vocoder"](mel), 1, ("HiFi-GAN",)),
        },
        seconds_per_call=30.0,
    )


def cost(is_quick: bool = False) -> dict[str, Any]:
    """Both systems' cost of a minute of music, on this machine with the same threads."""
    torch.manual_seed(0)
    with torch_threads(NUM_THREADS):
        ours = measure_pixmus(None, is_quick, REPEATS)
        system = thesis_system(is_quick)
        networks = {}
        for name, network in system.networks.items():
            network.module.eval()
            published = None if is_quick else network.published
            networks[name] = {
                "millions": network.millions,
                "dtype": str(next(network.module.parameters()).dtype).removeprefix("torch."),
                "difference": check_size(f"the thesis' {name}", network.millions, published),
            }
        stages = {name: time_stage(stage, REPEATS) for name, stage in system.stages.items()}
        seconds = system.seconds_per_call
        thesis = {
            "millions": system.millions,
            "networks": networks,
            "stages": stages,
            "seconds_per_minute": seconds_per_minute(stages, seconds),
            "processor_s_per_minute": seconds_per_minute(stages, seconds, "processor_s"),
            "peak_mib": peak_memory(),
            "load_average": os.getloadavg()[0],
        }
    return {"PixMus": ours, "thesis": thesis, "gpu": torch.cuda.is_available()}


# ------------------------------------------------------------------------ The thesis' own metrics


def spectral(folder: Path) -> dict[str, Any]:
    """Chroma, centroid and contrast of what a tiny untrained system makes for clips with music."""
    from pixmus.picture.sound import read_audio
    from pixmus.picture.video import probe
    from pixmus.studies.thesis_metrics import WITH_MUSIC, compare
    from pixmus.thesis.mel import RATE
    from pixmus.thesis.networks import TINY, components
    from pixmus.thesis.pipeline import ThesisPipeline

    with torch.random.fork_rng():
        torch.manual_seed(0)
        pipe = ThesisPipeline(**components(TINY, tiny_tokenizer(64)))
        for module in pipe.components.values():
            wake(module)
    true, made = [], []
    for name in WITH_MUSIC[:THESIS_CLIPS]:
        video = probe(folder / name)
        sound = read_audio(video, RATE)
        assert sound is not None, f"{name} has music"
        true.append(np.asarray(sound.mean(0))[: 30 * RATE])
        noise = torch.Generator().manual_seed(1)
        made.append(pipe("", video, num_inference_steps=4, generator=noise)[0].numpy())
    return {"n": len(true), "rows": compare(true, made)["rows"]}


def measure(run: Run) -> Result:
    """All three, or those of `--only`."""
    asked = run.arguments
    result: Result = {"command": run.command, "machine": machine(), "clip": asked.clip.name}
    return run.sections(
        result,
        {
            "renderers": lambda: through_renderers(asked.clip, asked.quick),
            "cost": lambda: cost(asked.quick),
            "spectral": lambda: spectral(asked.clip.parent),
        },
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the study may be told."""
    parser.add_argument("clip", type=Path, nargs="?", default=CLIP, help="a clip of a minute")


STUDY = Study(
    "renderers",
    "A clip through every renderer, and what the thesis' system costs.",
    measure,
    arguments,
    has_quick=True,
)
