"""The thesis' system learns from shards, and goes on after it was stopped as if it never was."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import socket
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch
from accelerate.state import AcceleratorState
from tiny_thesis import saved_thesis, tiny_thesis

from pixmus.dataset.latents import half_minute, write_latents
from pixmus.dataset.split import Assignment
from pixmus.dataset.table import Row
from pixmus.errors import PixMusError
from pixmus.thesis.mel import RATE
from pixmus.thesis.networks import TINY
from pixmus.thesis.pipeline import ThesisPipeline
from pixmus.training.latents import read_latents
from pixmus.training.progress import LOG, read_log
from pixmus.training.train_thesis import Learning, Settings, begin, train

# ------------------------------------------------------------------------------------- From shards


@pytest.fixture(scope="module")
def thesis(tmp_path_factory):
    return saved_thesis(tmp_path_factory.mktemp("thesis") / "model")


@pytest.fixture(scope="module")
def media(tmp_path_factory, paint_clip):
    from PIL import Image

    folder = tmp_path_factory.mktemp("media")
    paint_clip(folder / "a.mp4", [(2, 40), (2, 200)])
    Image.new("RGB", (32, 32), (200, 30, 30)).save(folder / "c.png")
    time = np.arange(35 * RATE) / RATE
    soundfile.write(folder / "a.wav", 0.3 * np.sin(2 * np.pi * 500 * time), RATE)
    return folder


def row(number, kind="video", end=3.0):
    picture = "a.mp4" if kind == "video" else "c.png"
    return Row(number, f"row{number}", kind, picture, "a.wav", 0.0, end, 0.0, end,
               caption=f"calm film {number}")  # fmt: skip


ROWS = [row(0), row(1, "still", 30.0), row(2), row(3, "still", 30.0)]


@pytest.fixture(scope="module")
def shards(thesis, media, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    split = {r.id: Assignment("validation" if r.number == 3 else "training", "g") for r in ROWS}
    there, failed = write_latents(ROWS[:2], media, folder, thesis, split=split)
    assert (there, failed) == (2, [])
    there, failed = write_latents(ROWS, media, folder, thesis, split=split)  # only what is missing
    assert (there, failed) == (4, [])
    return folder


def test_rows_are_half_a_minute(shards):
    assert half_minute(replace(ROWS[0], end=70.0, audio_end=70.0)).duration == 30.0
    rows, held_out = read_latents(shards, held_out=False), read_latents(shards, held_out=True)
    assert (rows.ids, held_out.ids) == (("row0", "row1", "row2"), ("row3",))
    batch = rows.batch([0, 1])
    assert batch.latents.shape == (2, 8, 3, 64, 4)
    assert batch.conditions.text.shape[2] == 16 and batch.conditions.picture.shape == (2, 16)
    assert float(batch.conditions.motion[0]) > 0.05 and float(batch.conditions.motion[1]) == 0.0
    assert not torch.equal(batch.latents[0], batch.latents[1])  # 3 s of tone, then silence


def test_what_does_not_fit_is_one_sentence(shards, thesis, media, tmp_path):
    with pytest.raises(PixMusError, match="holds no latents; make them with"):
        read_latents(tmp_path)
    other = tiny_thesis(seed=1)
    other.save_pretrained(str(tmp_path / "other"))
    with pytest.raises(PixMusError, match="holds latents of another model"):
        write_latents(ROWS, media, shards, tmp_path / "other")
    missing = replace(ROWS[0], id="lost", picture="none.mp4")
    there, failed = write_latents([missing], media, tmp_path / "new", thesis)
    assert there == 0 and "lost: the picture none.mp4 is missing" in failed[0]


def test_a_stopped_run_goes_on_as_if_never_stopped(shards, thesis, tmp_path):
    settings = Settings(batch=1, rate=1e-3, seed=5, warmup=2)
    how = {"report_each": 1}
    train(shards, thesis, tmp_path / "whole", settings, iterations=2, **how)
    train(shards, thesis, tmp_path / "parts", settings, iterations=1, **how)
    train(shards, thesis, tmp_path / "parts", settings, iterations=2, **how)
    whole, parts = (
        torch.load(tmp_path / name / "state.pt", weights_only=True) for name in ("whole", "parts")
    )
    for kind in ("network", "average"):
        for name, value in whole[kind].items():
            assert torch.equal(value, parts[kind][name]), name
    logs = [read_log(tmp_path / name / LOG) for name in ("whole", "parts")]
    for name in ("iteration", "training_loss", "validation_loss"):
        np.testing.assert_array_equal(logs[0][name], logs[1][name])
    before = ThesisPipeline.from_pretrained(thesis).unet.state_dict()
    after = ThesisPipeline.from_pretrained(tmp_path / "whole" / "model").unet.state_dict()
    assert any(not torch.equal(before[name], after[name]) for name in before)
    for name, value in after.items():
        torch.testing.assert_close(value, whole["average"][f"unet.{name}"])
    with pytest.raises(PixMusError, match="other settings or other latents"):
        train(shards, thesis, tmp_path / "parts", replace(settings, seed=6), iterations=3)


def one_of_two(number, port, shards, thesis, out, settings):
    """A process of a run of two: what `accelerate launch` sets, without its start."""
    os.environ.update(
        RANK=str(number), LOCAL_RANK=str(number), WORLD_SIZE="2", ACCELERATE_USE_CPU="true",
        MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), OMP_NUM_THREADS="1",
    )  # fmt: skip
    torch.set_num_threads(1)
    AcceleratorState._reset_state(True)
    train(shards, thesis, out, settings, iterations=1, minutes=5.0)
    assert torch.distributed.get_world_size() == 2
    torch.distributed.destroy_process_group()


def test_two_processes_learn_what_one_learns_from_both_their_batches(shards, thesis, tmp_path):
    settings = Settings(batch=1, rate=1e-3, seed=5, warmup=2)
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    forked = multiprocessing.get_context("fork")
    both = [
        forked.Process(
            target=one_of_two, args=(number, port, shards, thesis, tmp_path, settings), daemon=True
        )
        for number in (0, 1)
    ]
    for process in both:
        process.start()
    for process in both:
        process.join(120)
    assert [process.exitcode for process in both] == [0, 0]
    assert list(read_log(tmp_path / LOG)["iteration"]) == [1]  # written by one of them
    learning = Learning(
        ThesisPipeline.from_pretrained(thesis), read_latents(shards, held_out=False), settings
    )
    before = {n: v.clone() for n, v in learning.network.state_dict().items()}
    learning.optimiser.param_groups[0]["lr"] = settings.rate / settings.warmup
    for process in (0, 1):
        (0.5 * learning.drawn_loss(process)).backward()
    torch.nn.utils.clip_grad_norm_(learning.network.parameters(), 1.0)
    learning.optimiser.step()
    made = torch.load(tmp_path / "state.pt", weights_only=True)["network"]
    after = learning.network.state_dict()
    moved = sum(float((after[n] - v).abs().sum()) for n, v in before.items())
    apart = sum(float((after[n] - v).abs().sum()) for n, v in made.items())
    assert moved > 1.0 and apart < 0.01 * moved  # AdamW's first step is nearly a gradient's sign


def test_a_model_begins_with_frozen_networks_of_others(thesis, tmp_path):
    for name, parts in (("audioldm", ("vae", "vocoder")), ("text", ("text_encoder", "tokenizer"))):
        for part in parts:
            place = tmp_path / name / part if name == "audioldm" else tmp_path / name
            shutil.copytree(thesis / part, place, dirs_exist_ok=True)
    made = begin(
        tmp_path / "model", str(tmp_path / "audioldm"), str(tmp_path / "text"),
        str(thesis / "image_encoder"), TINY,
    )  # fmt: skip
    pipe = ThesisPipeline.from_pretrained(made)
    assert pipe.latent_shape == (8, 3, 64, 4)
    with pytest.raises(PixMusError, match="frozen networks cannot be had"):
        begin(tmp_path / "more", str(tmp_path / "none"), "a", "b", TINY)
