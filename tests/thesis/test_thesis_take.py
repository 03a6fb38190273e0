"""A take of the thesis' engine: its choice, its sound, its files, and what is said."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tiny_thesis import saved_thesis

from pixmus.doors.page.commission import Commission
from pixmus.doors.page.studio import Studio
from pixmus.doors.page.visits import Visits
from pixmus.errors import PixMusError
from pixmus.renderers import THESIS_VARIABLE, page_engines
from pixmus.take.pipeline import PixMusPipeline
from pixmus.thesis.pipeline import ThesisPipeline
from pixmus.waveform import SAMPLE_RATE


@pytest.fixture(scope="module")
def thesis(tmp_path_factory):
    return saved_thesis(tmp_path_factory.mktemp("thesis") / "model")


@pytest.fixture
def configured(thesis, monkeypatch):
    monkeypatch.setenv(THESIS_VARIABLE, str(thesis))
    return thesis


def test_a_take_of_sound_without_notes(configured, tiny_model, paint_video, tmp_path, no_pictures):
    pipe = PixMusPipeline.from_pretrained(tiny_model)
    given = {"engine": "thesis", "num_inference_steps": 2, "guidance_scale": 3.5, "seed": 1}
    heard = []
    take = pipe(
        paint_video([(2.0, 40), (2.0, 200)]), text="calm", **given,
        callback_on_step_end=lambda *told: heard.append(told[1]),
    )  # fmt: skip
    assert heard == [0, 1]
    assert take.music.shape == (2, 4 * SAMPLE_RATE) and np.isfinite(take.music).all()
    assert take.music.any() and not any(take.score.parts.values()) and not take.stems
    take.save(tmp_path / "take")
    told = json.loads((tmp_path / "take" / "take.json").read_text())
    assert told["settings"]["engine"] == "thesis"
    assert "no notes, no stems" in told["settings"]["notices"][-1]
    assert any(name.startswith("thesis/unet/") for name in told["sha256"])


def test_the_page_makes_one_where_a_model_is_configured(
    configured, tiny_model, paint_video, tmp_path
):
    assert page_engines() == ("pixmus", "thesis")
    studio = Studio(PixMusPipeline.from_pretrained(tiny_model), longest_s=60.0)
    visit, check = Visits(tmp_path, 60.0, 4).begin(None, beside=True)
    asked = Commission(engine="thesis", num_inference_steps=2, seed=1)
    clip = paint_video([(2.0, 40), (2.0, 200)])
    (take,) = studio.soundtracks(visit, clip, asked, lambda _: None, check)
    assert take.clip.is_file() and "--engine thesis" in take.shell_line
    visit.finish(check)


def test_what_cannot_be_is_one_sentence(thesis, tiny_model, paint_video, monkeypatch):
    monkeypatch.delenv(THESIS_VARIABLE, raising=False)
    assert page_engines() == ("pixmus",)
    pipe = PixMusPipeline.from_pretrained(tiny_model)
    clip = paint_video([(2.0, 40), (2.0, 200)])
    with pytest.raises(
        PixMusError, match=f"no model; name its folder or Hub id with {THESIS_VARIABLE}"
    ):
        pipe(clip, engine="thesis")
    monkeypatch.setenv(THESIS_VARIABLE, str(thesis))
    with pytest.raises(PixMusError, match="makes 30 s at most and the clip lasts 33 s"):
        pipe(paint_video([(33.0, 40)], frame_rate=2), engine="thesis")


def test_samples_that_are_no_numbers_are_refused(
    thesis, tiny_model, paint_video, monkeypatch, tmp_path
):
    broken = ThesisPipeline.from_pretrained(thesis)
    next(broken.vocoder.parameters()).data.fill_(float("nan"))
    broken.save_pretrained(tmp_path / "model")
    monkeypatch.setenv(THESIS_VARIABLE, str(tmp_path / "model"))
    pipe = PixMusPipeline.from_pretrained(tiny_model)
    with pytest.raises(PixMusError, match="makes samples that are no numbers"):
        pipe(paint_video([(2.0, 40)]), engine="thesis", num_inference_steps=1, seed=1)
