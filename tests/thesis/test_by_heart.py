"""Pairs learned by heart: what is made for a picture is that picture's own sound."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_thesis import tiny_thesis

from pixmus.thesis.conditions import Conditions
from pixmus.thesis.mel import BANDS, RATE, log_mel
from pixmus.thesis.networks import TINY

FRAMES = 8  # of the segments that are learned by heart
DRAWS = 2  # of noise for each pair at each iteration


def short_mel(seed: int) -> torch.Tensor:
    """Three short segments of tones that come and go. (segments, frames, bands)"""
    random = np.random.default_rng(seed)
    time = np.arange(RATE * 2) / RATE
    tones = sum(np.sin(2 * np.pi * hz * time) for hz in random.uniform(200, 3000, 3))
    sound = 0.2 * tones * (np.sin(2 * np.pi * time * random.uniform(2, 6)) > 0)
    whole = log_mel(torch.from_numpy(sound.astype(np.float32)), 3 * FRAMES)
    return whole.reshape(3, FRAMES, BANDS)


def correlation(one: torch.Tensor, other: torch.Tensor) -> float:
    return float(np.corrcoef(one.flatten().numpy(), other.flatten().numpy())[0, 1])


def by_heart(parameters, loss, iterations, rate):
    optimiser = torch.optim.Adam(parameters, rate)
    for number in range(iterations):
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1.0, (number + 1) / 20) * (1.0 - number / iterations)
        optimiser.zero_grad()
        loss().backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()


@pytest.mark.slow  # 20 processor seconds
def test_pairs_learned_by_heart_are_played_for_their_pictures():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        pipe = tiny_thesis(replace(TINY, autoencoder=(8, 8, 16, 16), unet=(32,)))
        mels = torch.stack([short_mel(0), short_mel(1)])
        images = mels.flatten(0, 1)[:, None]

        def autoencoder_loss() -> torch.Tensor:
            latents = pipe.vae.encode(images).latent_dist.mode()
            made = pipe.vae.decode(latents + 0.1 * torch.randn_like(latents)).sample
            return ((made - images) ** 2).mean() + 0.01 * (latents**2).mean()

        by_heart(list(pipe.vae.parameters()), autoencoder_loss, 120, 1e-2)
        pipe.vae.register_to_config(
            scaling_factor=float(1 / pipe.vae.encode(images).latent_dist.mode().detach().std())
        )
        latents = pipe.encode_mel(mels)
        pictures = torch.eye(2).repeat_interleave(8, dim=1)
        told = Conditions(torch.zeros(2, 4, 16), pictures, torch.tensor([0.1, 0.6]))
        every = latents.repeat(DRAWS, 1, 1, 1, 1)
        each = Conditions(
            told.text.repeat(DRAWS, 1, 1), pictures.repeat(DRAWS, 1), told.motion.repeat(DRAWS)
        )
        pipe.unet.train()

        def denoiser_loss() -> torch.Tensor:
            noise, times = torch.randn_like(every), torch.randint(0, 1000, (2 * DRAWS,))
            wanted = pipe.scheduler.get_velocity(every, noise, times)
            noisy = pipe.scheduler.add_noise(every, noise, times)
            tokens = pipe.conditions(each.where((torch.rand(2 * DRAWS) > 0.1).float()))
            made = pipe.unet(noisy, times, encoder_hidden_states=tokens).sample
            return ((made - wanted) ** 2).mean()

        learned = [*pipe.unet.parameters(), *pipe.conditions.parameters()]
        by_heart(learned, denoiser_loss, 240, 7e-3)
        pipe.unet.eval()
    start = torch.randn(latents.shape, generator=torch.Generator().manual_seed(1))
    made = pipe(
        conditions=told, latents=start, num_inference_steps=12, guidance_scale=1.0,
        output_type="mel",
    )  # fmt: skip
    for mine in (0, 1):
        assert correlation(made[mine], mels[mine]) > 0.9
        assert correlation(made[mine], mels[mine]) > correlation(made[mine], mels[1 - mine]) + 0.1
