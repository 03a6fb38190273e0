"""Large frames are read roughly: blocks that are not smoothed and every second line are enough."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from painted import scenery

from pixmus.picture import frames
from pixmus.picture.features import extract_features
from pixmus.picture.frames import read_frames
from pixmus.picture.video import probe

RATE = 24
SHOTS = (20, 17, 23)  # frames
HARSH = {  # much is squeezed away, and every frame is told from the one before
    "libx264": {"preset": "superfast", "crf": "38", "x264-params": "scenecut=0:keyint=250"},
    "libx265": {
        "preset": "superfast",
        "crf": "38",
        "x265-params": "log-level=none:scenecut=0:keyint=250",
    },
}


@pytest.fixture(scope="module", params=list(HARSH))
def full_hd(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three moving shots at 1080p, squeezed hard, with one key frame: what is left out while
    decoding is carried on to the end."""
    path = tmp_path_factory.mktemp("large") / f"{request.param}.mp4"
    grain = np.random.default_rng(0).normal(0, 6, (1080, 1920, 1))
    with av.open(str(path), "w") as out:
        stream = out.add_stream(request.param, rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        stream.options = HARSH[request.param]
        for seed, length in enumerate(SHOTS):
            for small in scenery(seed + 1, length):
                large = small.repeat(12, axis=0).repeat(12, axis=1)
                large = np.clip(large + np.roll(grain, seed, 0), 0, 255).astype(np.uint8)
                out.mux(stream.encode(av.VideoFrame.from_ndarray(large, "rgb24")))
        out.mux(stream.encode(None))
    return path


def test_rough_reading_sees_what_exact_reading_sees(
    full_hd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = probe(full_hd)
    rough = list(read_frames(video))
    monkeypatch.setattr(frames, "LEAST_LINES", 1000)
    whole = list(read_frames(video))
    monkeypatch.setattr(frames, "BLOCK", 1000)
    exact = list(read_frames(video))
    assert not np.array_equal(rough[-1].image, whole[-1].image), "it must make a difference"
    is_smoothed = np.array_equal(whole[-1].image, exact[-1].image)
    assert is_smoothed == (video.codec != "h264"), "blocks of H.264 alone stay as they are"
    assert [frame.time for frame in rough] == [frame.time for frame in exact]
    one, other = (np.stack([f.image for f in each]).astype(float) for each in (rough, exact))
    assert np.abs(one - other).mean() < 4
    assert np.abs((one - other).mean(axis=(1, 2))).max() < 2, "no colour drifts away"


def test_cuts_of_rough_frames_are_exact(full_hd: Path) -> None:
    video = probe(full_hd)
    found = extract_features(read_frames(video), video.duration, video.frame_rate)
    truth = np.cumsum(SHOTS[:-1]) / RATE
    assert found.cuts == pytest.approx(tuple(truth), abs=1e-6)


def test_small_frames_are_read_as_they_are(paint_video) -> None:
    video = probe(paint_video([(1, 40)], codec="libx264"))
    thinned = frames._Thinning(90)
    with av.open(str(video.path)) as container:
        frame = next(container.decode(video=0))
    assert thinned.frame(frame) is frame


def test_every_line_that_is_left_is_a_line_of_the_frame() -> None:
    lines = np.arange(1080, dtype=np.uint8)[:, None].repeat(64, axis=1)
    planes = np.concatenate([lines, np.full((540, 64), 128, np.uint8)])
    frame = av.VideoFrame.from_ndarray(planes, "yuv420p")
    frame.pts, frame.time_base = 0, Fraction(1, RATE)
    thin = frames._Thinning(90).frame(frame)
    assert (thin.width, thin.height) == (64, 540)
    assert np.array_equal(thin.to_ndarray()[:540, 0], lines[::2, 0])
