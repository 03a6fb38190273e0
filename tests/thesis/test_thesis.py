"""The thesis' system: its shapes and size, what it is told, how it samples, where it lies."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch
from tiny_thesis import COARSE, saved_thesis, tiny_thesis

from pixmus.errors import PixMusError
from pixmus.picture.video import probe
from pixmus.sound import model_memory
from pixmus.thesis import mel
from pixmus.thesis.conditions import TOKENS, Conditions, rgb_difference
from pixmus.thesis.networks import THESIS_MILLIONS, Sizes, autoencoder, noise_scheduler, unet
from pixmus.thesis.pipeline import ThesisPipeline


@pytest.fixture(scope="module")
def pipe() -> ThesisPipeline:
    return tiny_thesis()


def noise(pipe, seed=0, clips=1):
    return torch.randn((clips, *pipe.latent_shape), generator=torch.Generator().manual_seed(seed))


# -------------------------------------------------------------------------------------- The mel


def test_the_filters_are_librosas():
    librosa = pytest.importorskip("librosa")
    expected = librosa.filters.mel(sr=16000, n_fft=1024, n_mels=64, fmin=0.0, fmax=8000.0)
    np.testing.assert_allclose(mel.slaney_filters().numpy(), expected, atol=1e-8)


def test_half_a_minute_is_three_segments_that_overlap():
    time = torch.arange(30 * mel.RATE) / mel.RATE
    sound = torch.sin(2 * torch.pi * 1000 * time) * 0.3
    mels = mel.segments_of(sound)
    assert mels.shape == (3, 1024, 64)
    whole = mel.log_mel(sound, 3024)
    np.testing.assert_allclose(mel.joined(mels).numpy(), whole.numpy(), atol=1e-5)
    loudest = mels[1, 500].argmax()
    hz = torch.linspace(0, 8000, 513)[mel.slaney_filters()[loudest].argmax()]
    assert float(hz) == pytest.approx(1000, abs=60)
    assert float(mels[2, 1010:].max()) == pytest.approx(np.log(mel.SILENCE))  # beyond 30 s
    assert mel.segments_of(sound[: 5 * mel.RATE]).shape == (3, 1024, 64)


# ------------------------------------------------------------------------------------- The size


def test_it_is_as_large_as_the_thesis():
    with torch.device("meta"):
        denoiser, coder = unet(Sizes()), autoencoder(Sizes())
        millions = sum(p.numel() for p in denoiser.parameters()) / 1e6
        latents = coder.encode(torch.zeros(1, 1, 1024, 64)).latent_dist.mode()
    assert millions == pytest.approx(THESIS_MILLIONS, rel=0.03)
    assert latents.shape == (1, 8, 256, 16)
    with torch.device("meta"):
        tokens = torch.zeros(1, TOKENS + 2, 1024)
        made = denoiser(torch.zeros(1, 8, 3, 256, 16), 5, encoder_hidden_states=tokens).sample
    assert made.shape == (1, 8, 3, 256, 16)


def test_the_last_step_of_training_holds_no_signal_and_sampling_begins_there():
    scheduler = noise_scheduler()
    assert float(scheduler.alphas_cumprod[-1]) < 1e-7
    scheduler.set_timesteps(10)
    assert scheduler.timesteps[0] == 999
    assert scheduler.config.prediction_type == "v_prediction"


# ----------------------------------------------------------------------------------- What it makes


def test_it_makes_half_a_minute_alike_for_the_same_seed(pipe):
    heard = []
    made = pipe(
        "calm music", num_inference_steps=2, latents=noise(pipe),
        callback_on_step_end=lambda *told: heard.append(told[1]),
    )  # fmt: skip
    assert made.shape == (1, 30 * 16000) and heard == [0, 1] and bool(torch.isfinite(made).all())
    assert torch.equal(made, pipe("calm music", num_inference_steps=2, latents=noise(pipe)))
    assert not torch.equal(made, pipe("calm", num_inference_steps=2, latents=noise(pipe, 1)))
    usual = inspect.signature(ThesisPipeline.__call__).parameters
    assert usual["num_inference_steps"].default == 100 and usual["guidance_scale"].default == 3.5


def test_guidance_is_the_published_sum(pipe):
    told = Conditions(torch.randn(1, 4, 16), torch.randn(1, 16), torch.tensor([0.3]))
    first = noise(pipe)
    once = {"conditions": told, "num_inference_steps": 1, "latents": first, "output_type": "latent"}
    with_them, without, both = (
        pipe(**{**once, "conditions": c}, guidance_scale=g)
        for c, g in ((told, 1.0), (told.without(), 1.0), (told, 3.5))
    )
    torch.testing.assert_close(both, without + 3.5 * (with_them - without), atol=1e-4, rtol=1e-4)
    assert not torch.allclose(with_them, without, atol=1e-5)


def test_pictures_words_and_movement_all_count(pipe, paint_video):
    still = probe(paint_video([(3.0, 40)], name="still.mp4"))
    moving = probe(paint_video([(1.0, 0), (1.0, 255), (1.0, 0)], name="moving.mp4"))
    calm, lively = pipe.told("calm", still), pipe.told("calm", moving)
    assert calm.text.shape == (1, TOKENS, 16) and not calm.text[0, 5:].any()
    assert float(calm.motion) < 0.02 and float(lively.motion) > 0.8
    assert not torch.allclose(calm.picture, lively.picture)
    assert not torch.equal(calm.text, pipe.told("warm film", still).text)
    black, white = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 255, np.uint8)
    assert rgb_difference([black, white, white]) == pytest.approx(0.5)
    assert rgb_difference([black]) == 0.0


# ------------------------------------------------------------------------------ Where it comes from


def test_it_is_saved_and_loaded_from_a_folder_and_the_hub(pipe, hub, tmp_path):
    folder = saved_thesis(tmp_path / "thesis")
    hub.add("thesis/tiny", folder)
    made = pipe("music", num_inference_steps=1, latents=noise(pipe), output_type="latent")
    for name in (folder, "thesis/tiny"):
        again = ThesisPipeline.from_pretrained(name)
        found = again("music", num_inference_steps=1, latents=noise(pipe), output_type="latent")
        torch.testing.assert_close(found, made)
    again.save_pretrained(str(tmp_path / "again"))
    assert ThesisPipeline.from_pretrained(tmp_path / "again").latent_shape == (8, 3, 64, 4)
    assert COARSE.autoencoder == tuple(again.vae.config.block_out_channels)


def test_what_is_missing_is_one_sentence(hub, tmp_path, monkeypatch):
    folder = saved_thesis(tmp_path / "thesis")
    hub.add("thesis/gated", folder, is_gated=True)
    with pytest.raises(PixMusError, match="thesis/gated is gated; accept its terms"):
        ThesisPipeline.from_pretrained("thesis/gated")
    with pytest.raises(PixMusError, match="neither a folder here nor a Hub id"):
        ThesisPipeline.from_pretrained(tmp_path / "none")
    monkeypatch.setattr(model_memory, "free_memory", lambda: 1000)
    with pytest.raises(PixMusError, match="GB of memory"):
        ThesisPipeline.from_pretrained(folder)
