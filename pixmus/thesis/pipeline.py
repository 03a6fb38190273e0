"""`ThesisPipeline`: half a minute of sound from words and pictures, as the PixMus thesis made it.

Latent diffusion (Rombach et al. 2022) over the mel spectrograms of three segments at once, with
classifier-free guidance. Loads and saves the diffusers way, from a folder or a Hub id.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pixmus.diffusers_base import DiffusionPipeline, diffusers_logging
from pixmus.hub import Kind, local_folder
from pixmus.picture.backbone import CHANNEL_MEAN, CHANNEL_STD, Backbone
from pixmus.picture.video import Video
from pixmus.sound.model_memory import check_memory, memory_told
from pixmus.sound.replay_models import loading_told
from pixmus.thesis.conditions import Conditions, picture_vector, text_states
from pixmus.thesis.mel import BANDS, CLIP_S, RATE, SEGMENT_FRAMES, SEGMENTS, joined

THESIS_MODEL = Kind(
    name="model of the thesis' system",
    index="model_index.json",
    files=("*.json", "*.txt", "*.model"),
    weights=("*/*.safetensors",),
    example="a folder that `pixmus train thesis` wrote",
)
NUM_INFERENCE_STEPS, GUIDANCE_SCALE = 100, 3.5
OnStepEnd = Callable[[Any, int, Any, dict[str, Tensor]], Any]


class ThesisPipeline(DiffusionPipeline):  # type: ignore[misc]
    """Sound for pictures and words: `ThesisPipeline.from_pretrained(folder)("calm", video)`."""

    model_cpu_offload_seq = "text_encoder->image_encoder->conditions->unet->vae->vocoder"

    def __init__(
        self,
        vae: Any,
        unet: Any,
        conditions: Any,
        scheduler: Any,
        text_encoder: Any,
        tokenizer: Any,
        image_encoder: Any,
        vocoder: Any,
    ) -> None:
        super().__init__()
        self.register_modules(
            vae=vae,
            unet=unet,
            conditions=conditions,
            scheduler=scheduler,
            text_encoder=text_encoder,
            tokenizer=tokenizer,
            image_encoder=image_encoder,
            vocoder=vocoder,
        )

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | Path,
        *,
        revision: str | None = None,
        token: str | bool | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
        **kwargs: Any,
    ) -> ThesisPipeline:
        """The pipeline of a folder or a Hub id; `PixMusError` says why it cannot be had."""
        folder = local_folder(
            pretrained_model_name_or_path,
            THESIS_MODEL,
            revision=revision,
            token=token,
            cache_dir=cache_dir,
            local_files_only=local_files_only,
        )
        dtype = kwargs.get("dtype", torch.float32)
        check_memory(folder, dtype, on_gpu=False)
        diffusers_logging.disable_progress_bar()
        with loading_told(folder), memory_told(folder):
            made: ThesisPipeline = super().from_pretrained(
                str(folder),
                **{"dtype": dtype, "local_files_only": True, "use_safetensors": True, **kwargs},
            )
        return made

    @property
    def latent_shape(self) -> tuple[int, int, int, int]:
        """Of one clip: (channels, segments, frames, bands)."""
        shrunk = 2 ** (len(self.vae.config.block_out_channels) - 1)
        channels = int(self.vae.config.latent_channels)
        return channels, SEGMENTS, SEGMENT_FRAMES // shrunk, BANDS // shrunk

    def backbone(self) -> Backbone:
        """What sees the frames."""
        return Backbone(self.image_encoder, CHANNEL_MEAN, CHANNEL_STD)

    def told(self, text: str, video: Video | None) -> Conditions:
        """The conditions of words and the first half minute of a clip or a still."""
        states = text_states(self.tokenizer, self.text_encoder, [text])
        if video is None:
            width = int(self.image_encoder.config.projection_dim)
            return Conditions(states, torch.zeros(1, width), torch.zeros(1))
        vector, motion = picture_vector(self.backbone(), video)
        return Conditions(states, torch.from_numpy(vector)[None], torch.tensor([motion]))

    def encode_mel(self, mels: Tensor) -> Tensor:
        """Latents of segments (clips, segments, frames, bands): (clips, *latent_shape)."""
        clips = len(mels)
        flat = mels.flatten(0, 1)[:, None].to(self.vae.device, self.vae.dtype)
        with torch.no_grad():
            latents = self.vae.encode(flat).latent_dist.mode() * self.vae.config.scaling_factor
        stacked: Tensor = latents.reshape(clips, SEGMENTS, *latents.shape[1:]).transpose(1, 2)
        return stacked

    def decode_latents(self, latents: Tensor) -> Tensor:
        """Mels (clips, segments, frames, bands) of latents."""
        flat = latents.transpose(1, 2).flatten(0, 1) / self.vae.config.scaling_factor
        with torch.no_grad():
            mels = [self.vae.decode(one[None].to(self.vae.dtype)).sample for one in flat]
        made = torch.cat(mels)[:, 0]
        return made.reshape(len(latents), SEGMENTS, *made.shape[1:])

    @torch.no_grad()
    def __call__(
        self,
        text: str = "",
        video: Video | None = None,
        *,
        conditions: Conditions | None = None,
        num_inference_steps: int = NUM_INFERENCE_STEPS,
        guidance_scale: float = GUIDANCE_SCALE,
        generator: torch.Generator | None = None,
        latents: Tensor | None = None,
        callback_on_step_end: OnStepEnd | None = None,
        output_type: str = "waveform",
    ) -> Tensor:
        """Half a minute of sound: waveforms (clips, samples) at 16 kHz.

        `conditions` are given in place of text and video; `output_type` may be "mel", (clips,
        segments, frames, bands), or "latent". `latents` is the noise to begin with.
        """
        conditions = self.told(text, video) if conditions is None else conditions
        clips = len(conditions.text)
        if latents is None:
            latents = torch.randn((clips, *self.latent_shape), generator=generator)
        latents = latents.to(self.unet.device, self.unet.dtype)
        told = conditions.to(latents)
        tokens = self.conditions(told)
        if is_guided := guidance_scale != 1.0:
            tokens = torch.cat([self.conditions(told.without()), tokens])
        scheduler = type(self.scheduler).from_config(self.scheduler.config)
        scheduler.set_timesteps(num_inference_steps, device=latents.device)
        for step, time in enumerate(scheduler.timesteps):
            twice = torch.cat([latents, latents]) if is_guided else latents
            predicted = self.unet(twice, time, encoder_hidden_states=tokens).sample
            if is_guided:
                without, with_them = predicted.chunk(2)
                predicted = without + guidance_scale * (with_them - without)
            latents = scheduler.step(predicted, time, latents, generator=generator).prev_sample
            if callback_on_step_end is not None:
                callback_on_step_end(self, step, time, {"latents": latents})
        if output_type == "latent":
            return latents
        mels = self.decode_latents(latents).float()
        return mels if output_type == "mel" else self.sound_of(mels)

    def sound_of(self, mels: Tensor) -> Tensor:
        """The waveforms of mels (clips, segments, frames, bands), 30 s at 16 kHz."""
        with torch.no_grad():
            made = [self.vocoder(joined(mel).to(self.vocoder.dtype)) for mel in mels]
        return torch.stack(made).float().cpu()[:, : round(CLIP_S * RATE)]
