"""`AudioModel`: an audio diffusion model of diffusers that starts from a sound in place of noise.

Each adds noise to what a stem is in its latent space and takes it away again (Meng et al. 2022,
"SDEdit"): little noise leaves notes and timing where they are. The models come from a folder or a
Hub id; a loaded one is kept, and each call samples with a scheduler of its own.

Conventions: sounds are float32 (2, samples) at the model's `sample_rate`; strength is 0..1, the
share of the way to plain noise (of Stable Audio Open the way is `SIGMAS`).
"""

from __future__ import annotations

import importlib.util
import math
import threading
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from pixmus.diffusers_base import diffusers_class, diffusers_logging
from pixmus.errors import PixMusError
from pixmus.files import file_sha256
from pixmus.hub import Kind, local_folder
from pixmus.renderers import REPLAYERS, REPLAYING_VARIABLE, replayer_of
from pixmus.sound.model_memory import check_memory, memory_told
from pixmus.waveform import Waveform

OnStep = Callable[[int], None]  # the inference step that is done, from 0; raising ends the call
AUDIO_MODEL = Kind(
    name="audio diffusion model",
    index="model_index.json",
    files=("*.json", "*.txt", "*.model", "*.jinja", "*.md"),
    weights=("*/*.safetensors",),  # what lies at the top is the same weights for other programs
    example="the folder of one that diffusers saved, or an id as in docs/renderers.md",
)
SIGMAS = (0.5, 5.0)  # of Stable Audio Open at strength 0 and 1; its own 500 leaves nothing over


@dataclass(frozen=True)
class Told:
    """What a model is told beside the sound."""

    prompt: str
    strength: float
    seed: int
    bpm: int
    key: str


class AudioModel(ABC):
    """One loaded pipeline; subclasses say how their pipeline is called."""

    pipeline: ClassVar[str]  # in diffusers
    most_s: ClassVar[float]  # seconds of music in one call, where the model does not say less
    renderer: ClassVar[str]

    def __init__(self, pipe: Any, folder: Path) -> None:
        self.pipe = pipe
        self.folder = folder

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return int(self.pipe.vae.config.sampling_rate)

    @property
    def longest_s(self) -> float:
        """Seconds of music in one call."""
        return self.most_s

    @property
    @abstractmethod
    def num_steps(self) -> int:
        """Inference steps of one call."""

    def replay(self, sound: Waveform, told: Told, on_step: OnStep) -> Waveform:
        """The sound played again, within a few samples as long."""
        waveform = torch.from_numpy(np.ascontiguousarray(sound))[None]
        generator = torch.Generator().manual_seed(told.seed)
        with torch.inference_mode(), memory_told(self.folder):
            made = self._call(self._own_pipe(told), waveform, told, generator, on_step)
        return made[0].float().cpu().numpy()

    def _own_pipe(self, told: Told) -> Any:
        """The same networks with a scheduler that no other call has."""
        kept = self.pipe.components
        scheduler = kept["scheduler"]
        changes = self._scheduler_changes(told)
        own = type(scheduler).from_config(scheduler.config, **changes)
        pipe = type(self.pipe)(**{**kept, "scheduler": own})
        pipe.set_progress_bar_config(disable=True)
        return pipe

    def _scheduler_changes(self, told: Told) -> dict[str, Any]:
        return {}

    @abstractmethod
    def _call(
        self,
        pipe: Any,
        waveform: Tensor,
        told: Told,
        generator: torch.Generator,
        on_step: OnStep,
    ) -> Tensor:
        """What the pipeline makes of a waveform (1, 2, samples): (1, 2, samples)."""


class StableAudio3(AudioModel):
    """`StableAudio3AudioToAudioPipeline`: `init_noise_level` is the strength."""

    pipeline = "StableAudio3AudioToAudioPipeline"
    renderer = "stable-audio-3"
    most_s = 120.0  # what the makers say of the small model

    @property
    def longest_s(self) -> float:
        """What the duration's embedding reaches, or two minutes."""
        return min(self.most_s, float(self.pipe.duration_embedder.config.max_val))

    @property
    def num_steps(self) -> int:
        """As the pipeline chooses them: 8 of a distilled model, else 100."""
        return 8 if self.pipe.scheduler.config.stochastic_sampling else 100

    def _call(
        self,
        pipe: Any,
        waveform: Tensor,
        told: Told,
        generator: torch.Generator,
        on_step: OnStep,
    ) -> Tensor:
        made: Tensor = pipe(
            told.prompt,
            duration=(waveform.shape[-1] + 0.5) / self.sample_rate,
            audio=waveform,
            init_noise_level=told.strength,
            num_inference_steps=self.num_steps,
            generator=generator,
            callback_on_step_end=_hearing(on_step),
        ).audios
        return made


class AceStep(AudioModel):
    """`AceStepPipeline`: begins at the strength's noise level, from the stem's own 25 Hz latents.

    Its tasks are not used: `cover` passes the sound through 5 Hz codes, in which 40 ms are lost,
    `lego` and `complete` add another track to the sound in place of playing it.
    """

    pipeline = "AceStepPipeline"
    renderer = "ace-step"
    most_s = 120.0  # it can do more, for more memory
    shift: ClassVar[float] = 3.0  # of the steps towards high noise, the pipeline's default

    @property
    def num_steps(self) -> int:
        """The pipeline's 8 for distilled weights; else 50."""
        return 8 if self.pipe.is_turbo else 50

    def _call(
        self,
        pipe: Any,
        waveform: Tensor,
        told: Told,
        generator: torch.Generator,
        on_step: OnStep,
    ) -> Tensor:
        vae = pipe.vae
        hop = math.prod(vae.config.downsampling_ratios)
        padded = torch.nn.functional.pad(waveform, (0, -waveform.shape[-1] % hop))
        padded = padded.to(device=vae.device, dtype=vae.dtype)
        clean = vae.encode(padded).latent_dist.mode().transpose(1, 2).float().cpu()
        noise = torch.randn(clean.shape, generator=generator)
        falling = torch.linspace(1.0, 0.0, self.num_steps + 1)[:-1]
        falling = self.shift * falling / (1.0 + (self.shift - 1.0) * falling)
        length = clean.shape[1]
        made: Tensor = pipe(
            told.prompt,
            lyrics="[Instrumental]",
            audio_duration=(length - 0.5) / pipe.latents_per_second,
            latents=(1.0 - told.strength) * clean + told.strength * noise,
            timesteps=(told.strength * falling).tolist(),
            bpm=told.bpm,
            keyscale=told.key,
            generator=generator,
            callback_on_step_end=_hearing(on_step),
        ).audios
        return made


class StableAudioOpen(AudioModel):
    """`StableAudioPipeline` with little noise.

    It adds the sound's latents to noise of the scheduler's largest sigma, 500 as it comes: beside
    that the sound, of deviation 1, is nothing. The scheduler is made anew with a sigma of `SIGMAS`.
    """

    pipeline = "StableAudioPipeline"
    renderer = "stable-audio-open"
    most_s = 1e9  # the model says

    @property
    def longest_s(self) -> float:
        """The one length of its latents."""
        return float(self.pipe.transformer.config.sample_size * self._hop / self.sample_rate)

    @property
    def num_steps(self) -> int:
        """The pipeline's default."""
        return 100

    @property
    def _hop(self) -> int:
        return math.prod(self.pipe.vae.config.downsampling_ratios)

    def _scheduler_changes(self, told: Told) -> dict[str, Any]:
        low, high = SIGMAS
        return {"sigma_max": low * (high / low) ** told.strength}

    def _call(
        self,
        pipe: Any,
        waveform: Tensor,
        told: Told,
        generator: torch.Generator,
        on_step: OnStep,
    ) -> Tensor:
        vae, length = pipe.vae, waveform.shape[-1]
        whole = pipe.transformer.config.sample_size * self._hop
        padded = torch.nn.functional.pad(waveform, (0, whole - length))
        # Its noise is told of the last sigma as a float32, which is rounded beyond the last.
        warnings.filterwarnings("ignore", "Should have t[ab]", UserWarning)
        made: Tensor = pipe(
            told.prompt,
            audio_end_in_s=min((length + 0.5) / self.sample_rate, self.longest_s),
            num_inference_steps=self.num_steps,
            initial_audio_waveforms=padded.to(device=vae.device, dtype=vae.dtype),
            initial_audio_sampling_rate=self.sample_rate,
            generator=generator,
            callback=lambda step, *_: on_step(step),
        ).audios
        return made


MODELS = {model.renderer: model for model in (StableAudio3, AceStep, StableAudioOpen)}


def _hearing(on_step: OnStep) -> Callable[[Any, int, Any, dict[str, Any]], dict[str, Any]]:
    def heard(_pipe: Any, step: int, _time: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        on_step(step)
        return tensors

    return heard


# -------------------------------------------------------------------------------- Where it lies


def find_model(renderer: str, name: str | Path) -> Path:
    """The folder of a model that a renderer can play with; `PixMusError` says why not."""
    if not name:
        raise PixMusError(
            f"{renderer} plays with a model that is not chosen; name its folder or Hub id with "
            f"--renderer-model or {REPLAYING_VARIABLE} (docs/renderers.md lists some)."
        )
    folder = local_folder(name, AUDIO_MODEL, cache_first=True)
    found = replayer_of(folder)
    if found is None:
        raise PixMusError(
            f"{name} is no model that plays stems again: its {AUDIO_MODEL.index} names none of "
            f"{', '.join(kind for kinds in REPLAYERS.values() for kind in kinds)}."
        )
    if found != renderer:
        raise PixMusError(f"{name} is a model for {found}, not for {renderer}; choose {found}.")
    return folder


_LOADING = threading.Lock()


def load_model(renderer: str, name: str | Path) -> AudioModel:
    """The model of a folder or a Hub id, loaded once and kept."""
    folder = find_model(renderer, name)
    with _LOADING:
        return _loaded(renderer, folder)


@lru_cache(1)
def _loaded(renderer: str, folder: Path) -> AudioModel:
    kind = MODELS[renderer]
    if renderer == StableAudioOpen.renderer and importlib.util.find_spec("torchsde") is None:
        raise PixMusError(
            "Stable Audio Open's scheduler needs the package torchsde; install it with: pip "
            "install torchsde"
        )
    has_gpu = torch.cuda.is_available()
    dtype = torch.float16 if has_gpu else torch.float32
    check_memory(folder, dtype, on_gpu=has_gpu)
    with loading_told(folder), memory_told(folder), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # diffusers uses torch's older weight_norm
        diffusers_logging.disable_progress_bar()
        pipe = diffusers_class(kind.pipeline).from_pretrained(
            str(folder), dtype=dtype, local_files_only=True, use_safetensors=True
        )
        pipe = pipe.to("cuda" if has_gpu else "cpu")
    pipe.set_progress_bar_config(disable=True)
    return kind(pipe, folder)


@contextmanager
def loading_told(folder: Path) -> Iterator[None]:
    """Whatever is wrong in a folder from outside becomes one sentence; its cause stays with it."""
    try:
        yield
    except (PixMusError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        raise PixMusError(
            f"The audio model in {folder} cannot be loaded ({type(error).__name__}): it is "
            "incomplete, or made for another version of diffusers; get it again."
        ) from error


@lru_cache(4)
def weights_sha256(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of weights, by its place in the folder."""
    return {
        str(path.relative_to(folder)): file_sha256(path)
        for path in sorted(folder.glob("*/*.safetensors"))
    }
