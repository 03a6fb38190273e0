"""Finished clips are as long as the picture, keep its times, and appear whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import av
import numpy as np
import pytest
from conftest import PaintVideo
from painted import (
    CLIPS,
    H264,
    SAMPLE_RATE,
    SHOTS,
    click_at,
    silence,
    time_of_click,
    times_and_levels,
)

from pixmus.errors import PixMusError
from pixmus.picture.sound import read_audio
from pixmus.picture.video import probe
from pixmus.picture.write import mux


@pytest.mark.parametrize("length", [0.0, 2.99, 7.0])
def test_sound_is_as_long_as_the_picture(
    paint_video: PaintVideo, tmp_path: Path, length: float
) -> None:
    video = probe(paint_video(SHOTS, **H264))
    out = tmp_path / "scored.mp4"
    mux(video, np.full((2, round(length * SAMPLE_RATE)), 0.1, np.float32), out)
    with av.open(str(out)) as container:
        for stream in container.streams:
            assert float(stream.duration * stream.time_base) == pytest.approx(3.0, abs=1e-3)
        decoded = sum(frame.samples for frame in container.decode(audio=0))
    assert 3 * SAMPLE_RATE <= decoded < 3 * SAMPLE_RATE + 2 * 1024
    assert probe(out).duration == pytest.approx(3.0, abs=1e-6)


def test_what_is_panned_stays_where_it_is(paint_video: PaintVideo, tmp_path: Path) -> None:
    """With intensity stereo 26 dB were left of this sound, without it 35."""
    video = probe(paint_video(SHOTS, **H264))
    time = np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE
    one, other = (
        sum(
            np.sin(2 * np.pi * pitch * time + phase) / number
            for number, (pitch, phase) in enumerate(
                zip(draw.uniform(200, 10_000, 12), draw.uniform(0, 6, 12), strict=True), start=1
            )
        )
        for draw in (np.random.default_rng(1), np.random.default_rng(2))
    )
    sound = np.stack([one + 0.3 * other, 0.3 * one + other]) * 0.1 * np.exp(-8 * (time % 0.5))
    mux(video, sound.astype(np.float32), tmp_path / "scored.mp4")
    heard = read_audio(probe(tmp_path / "scored.mp4"))
    assert heard is not None
    error = np.square(heard - sound).sum() / np.square(sound).sum()
    assert -10 * np.log10(error) > 32


def test_large_pictures_become_1080p(paint_video: PaintVideo, tmp_path: Path) -> None:
    out = tmp_path / "scored.mp4"
    shots, fast = ((0.5, 90),), {"preset": "ultrafast"}
    for name, size, codec, options in (
        ("4k.mp4", (3840, 2160), "libx264", fast),
        ("tall.mp4", (2160, 3840), "mpeg4", {}),
    ):
        path = paint_video(shots, name, size=size, codec=codec, options=options, frame_rate=4)
        report = mux(probe(path), click_at(0.2, 0.5), out, overwrite=True)
        scored = probe(out)
        assert sorted((scored.width, scored.height)) == [1080, 1920]
        assert (scored.width > scored.height) == (size[0] > size[1])
        assert not report.copied and "3840" in report.note and "H.264" in report.note


# What cannot be written


def test_refuses_to_write(paint_video: PaintVideo, tmp_path: Path) -> None:
    path = paint_video(SHOTS, **H264)
    video, out = probe(path), tmp_path / "scored.mp4"
    out.write_text("precious")
    with pytest.raises(PixMusError, match="there already"):
        mux(video, silence(video), out)
    assert out.read_text() == "precious"
    mux(video, silence(video), out, overwrite=True)
    assert probe(out).duration == pytest.approx(3.0)
    with pytest.raises(PixMusError, match="is the clip itself"):
        mux(video, silence(video), path, overwrite=True)
    with pytest.raises(PixMusError, match="there is no folder"):
        mux(video, silence(video), tmp_path / "nowhere" / "out.mp4")
    with pytest.raises(PixMusError, match="ends in .mp4"):
        mux(video, silence(video), tmp_path / "out.avi")
    assert sorted(p.name for p in tmp_path.iterdir()) == [path.name, out.name]


def test_unwritable_folder(paint_video: PaintVideo, tmp_path: Path) -> None:
    video = probe(paint_video(SHOTS))
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    top = Path(tempfile.gettempdir())
    for parent in [tmp_path, *tmp_path.parents]:
        if parent != top and parent.is_relative_to(top):  # somebody else must be able to look in
            parent.chmod(0o755)
    is_root = os.geteuid() == 0  # who may write everywhere, so becomes somebody else
    if is_root:
        os.seteuid(65534)
    try:
        with pytest.raises(PixMusError, match="may not be written"):
            mux(video, silence(video), folder / "out.mp4")
    finally:
        if is_root:
            os.seteuid(0)


ATTEMPT = """
import resource, signal, sys
from pathlib import Path
import numpy as np
import pixmus.picture.container
from pixmus.errors import PixMusError
from pixmus.picture.video import probe
from pixmus.picture.write import mux
video = probe(sys.argv[1])
noise = np.random.default_rng(0).uniform(-1, 1, (2, int(video.duration * 44100)))
if sys.argv[3] == "full":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
else:
    # A job in the background of a shell begins with Ctrl-C ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    encode = pixmus.picture.container.encode_sound
    def interrupted(*arguments):
        for number, packet in enumerate(encode(*arguments)):
            if number == 20:
                print(len([*Path(sys.argv[2]).parent.iterdir()]), "files")
                signal.raise_signal(signal.SIGINT)
            yield packet
    pixmus.picture.container.encode_sound = interrupted
try:
    mux(video, noise.astype("float32"), sys.argv[2], overwrite=True)
except PixMusError as error:
    print(error)
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize(
    ("what", "said"),
    [("full", "grew too large"), ("interrupt", "2 files\ninterrupted")],
)
def test_leaves_nothing_behind(
    paint_video: PaintVideo, tmp_path: Path, what: str, said: str
) -> None:
    """A file size limit stands for the full disk: the write fails in the same place."""
    path = paint_video(((300, 40),), frame_rate=2)
    out = tmp_path / "scored.mp4"
    done = subprocess.run(
        [sys.executable, "-c", ATTEMPT, str(path), str(out), what],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert said in done.stdout, done.stdout + done.stderr
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


# Real clips


@pytest.mark.skipif(not CLIPS.is_dir(), reason="the shared clips are not here")
@pytest.mark.parametrize(
    ("name", "copied"),
    [
        ("editly-assets__lofoten.mp4", True),  # an edit list that hides the last frame
        ("sample-videos__bird.mkv", True),  # starts at 0.033 s, no decoding times
        ("videocomposer__motion_transfer.mp4", True),  # variable rate
        ("shared-assets__friday.mp4", True),  # B-frames and sound
        ("learning-area__rabbit.mp4", True),  # tracks that are neither picture nor sound
    ],
)
def test_real_clips(tmp_path: Path, name: str, copied: bool) -> None:
    path, out = CLIPS / name, tmp_path / "scored.mp4"
    video = probe(path)
    times, levels = times_and_levels(path)
    assert mux(video, click_at(1.0, video.duration), out).copied == copied
    scored_times, scored_levels = times_and_levels(out)
    assert times[0] == 0.0 and np.all(np.diff(times) > 0) and times[-1] < video.duration
    assert np.allclose(times, scored_times, atol=1e-3)
    assert np.allclose(levels, scored_levels)
    assert probe(out).duration == pytest.approx(video.duration, abs=2e-3)
    assert time_of_click(read_audio(probe(out))) == pytest.approx(1.0, abs=0.005)
