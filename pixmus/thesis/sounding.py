"""`thesis_sound`: the sound that the thesis' system makes for a clip, at our rate and length."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pixmus.errors import PixMusError
from pixmus.picture.video import Video
from pixmus.renderers import THESIS, THESIS_VARIABLE
from pixmus.sound.model_memory import memory_told
from pixmus.sound.replay_models import weights_sha256
from pixmus.sound.replay_pieces import fitted
from pixmus.sound.replaying import resampled
from pixmus.thesis.mel import CLIP_S, RATE
from pixmus.thesis.pipeline import ThesisPipeline
from pixmus.waveform import SAMPLE_RATE, Waveform

OnStep = Callable[[int, int, Tensor], None]  # inference step, number of them, latents
_LOADING = threading.Lock()


def thesis_model() -> str:
    """The model that `PIXMUS_THESIS_MODEL` names; PixMusError where none is."""
    name = os.environ.get(THESIS_VARIABLE)
    if not name:
        raise PixMusError(
            f"The engine {THESIS} has no model; name its folder or Hub id with {THESIS_VARIABLE} "
            "(docs/renderers.md)."
        )
    return name


@lru_cache(1)
def _loaded(name: str) -> ThesisPipeline:
    pipe = ThesisPipeline.from_pretrained(name)
    return pipe.to("cuda") if torch.cuda.is_available() else pipe


def thesis_hashes() -> dict[str, str]:
    """SHA-256 of the weights of the model that `PIXMUS_THESIS_MODEL` names."""
    with _LOADING:
        folder = Path(_loaded(thesis_model()).config._name_or_path)
    return {f"{THESIS}/{place}": sha256 for place, sha256 in weights_sha256(folder).items()}


def thesis_sound(
    video: Video, text: str, steps: int, guidance: float, seed: int, on_step: OnStep
) -> Waveform:
    """The sound for a clip of at most half a minute: both channels alike, as long as the clip."""
    if video.duration > CLIP_S + 0.5:
        raise PixMusError(
            f"The engine {THESIS} makes {CLIP_S:.0f} s at most and the clip lasts "
            f"{video.duration:.0f} s; choose a part of it, or the other engine."
        )
    name = thesis_model()
    with _LOADING:
        pipe = _loaded(name)

    def heard(_pipe: Any, step: int, _time: Any, tensors: dict[str, Tensor]) -> None:
        on_step(step, steps, tensors["latents"])

    with memory_told(Path(name)):
        made = pipe(
            text,
            video,
            num_inference_steps=steps,
            guidance_scale=guidance,
            generator=torch.Generator().manual_seed(seed),
            callback_on_step_end=heard,
        )
    if not torch.isfinite(made).all():  # one such sample would silence all that is mixed with it
        raise PixMusError(
            f"The model {name} makes samples that are no numbers, so its weights are damaged; "
            "fetch it again, or choose the other engine."
        )
    mono = np.repeat(made.numpy(), 2, axis=0).astype(np.float32)
    return fitted(resampled(mono, RATE, SAMPLE_RATE), round(video.duration * SAMPLE_RATE))
