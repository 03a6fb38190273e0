"""The clip's own sound comes along, counted from the first displayed frame."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import PaintVideo
from painted import FINE, H264, SAMPLE_RATE, SHOTS, click_at, time_of_click

from pixmus.picture.footage import watch
from pixmus.picture.sound import read_audio, read_sound
from pixmus.picture.video import probe
from pixmus.sound.mix import blend


@pytest.mark.parametrize(
    ("name", "sound_codec"),
    [("a.mp4", "aac"), ("a.mkv", "libmp3lame"), ("b.mkv", "libopus"), ("a.avi", "pcm_s16le")],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_own_sound(paint_video: PaintVideo, name: str, sound_codec: str, channels: int) -> None:
    sound = click_at(1.25, 3.0)[:channels]
    video = probe(paint_video(SHOTS, name, sound=sound, sound_codec=sound_codec))
    waveform = read_audio(video)
    assert video.has_audio and waveform is not None
    assert waveform.shape == (2, 3 * SAMPLE_RATE) and waveform.dtype == np.float32
    assert time_of_click(waveform) == pytest.approx(1.25, abs=0.002)
    assert 0.6 < np.abs(waveform).max() < 1.2  # a mono sound is as loud as it was
    assert np.allclose(waveform[0], waveform[1], atol=1e-3)


def test_own_sound_counts_from_the_first_frame(paint_video: PaintVideo) -> None:
    sound = click_at(1.25, 3.0)
    late = probe(paint_video(SHOTS, time_base=FINE, start=1.4, sound=sound, **H264))
    assert late.start_time == pytest.approx(1.4, abs=1e-3)
    assert time_of_click(read_audio(late)) == pytest.approx(1.25, abs=0.002)


def test_no_sound(paint_video: PaintVideo) -> None:
    assert read_audio(probe(paint_video(SHOTS))) is None


@pytest.mark.parametrize("sound_codec", ["pcm_f32le", "pcm_f64le"])
def test_samples_that_are_no_numbers_are_silent_and_told(
    paint_video: PaintVideo, sound_codec: str
) -> None:
    sound = click_at(1.25, 3.0)
    sound[:, 44100:44110] = np.nan
    sound[:, 88200] = np.inf
    sound[0, 90000] = 1e30
    video = probe(paint_video(SHOTS, "a.mov", sound=sound, sound_codec=sound_codec))
    found = read_sound(video)
    assert found.waveform is not None and np.isfinite(found.waveform).all()
    assert found.num_bad == 23 and "23 samples" in found.notices[0]
    assert time_of_click(found.waveform) == pytest.approx(1.25, abs=0.002)
    assert np.abs(found.waveform).max() == pytest.approx(0.9, abs=0.01)
    footage = watch(video.path)
    assert footage.notices == found.notices
    music = np.random.default_rng(0).normal(0, 0.1, found.waveform.shape).astype(np.float32)
    assert np.isfinite(blend(music, found.waveform, "duck")).all()


def test_sound_that_is_whole_needs_no_notice(paint_video: PaintVideo) -> None:
    sound = 1.5 * click_at(1.25, 3.0)  # beyond full scale, as float formats allow
    found = read_sound(probe(paint_video(SHOTS, "a.mov", sound=sound, sound_codec="pcm_f32le")))
    assert found.waveform is not None and found.notices == ()
    assert np.abs(found.waveform).max() == pytest.approx(1.35, abs=0.01)
