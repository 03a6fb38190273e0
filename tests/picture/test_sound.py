"""The clip's own sound comes along, counted from the first displayed frame."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import PaintVideo
from painted import FINE, H264, SAMPLE_RATE, SHOTS, click_at, time_of_click

from pixmus.picture.sound import read_audio
from pixmus.picture.video import probe


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
