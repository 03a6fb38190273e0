"""How long a clip is, by the times at which its frames are displayed and its sound ends."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from conftest import PaintVideo
from painted import B_FRAMES, H264, SAMPLE_RATE, SHOTS, click_at, time_of_click, times_and_levels

from pixmus.errors import PixMusError
from pixmus.picture.footage import watch
from pixmus.picture.scan import Packet, Scan
from pixmus.picture.sound import read_audio
from pixmus.picture.video import probe
from pixmus.picture.write import mux

HOLE = [*(index / 25 for index in range(25)), *(11 + index / 25 for index in range(25))]  # 12 s


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "libx264", B_FRAMES),
        ("a.mp4", "libx264", {"bf": "0"}),
        ("a.mkv", "libx264", B_FRAMES),
        ("a.mov", "mpeg4", {"bf": "2"}),
        ("a.webm", "libvpx-vp9", {"deadline": "realtime", "cpu-used": "8"}),
    ],
)
def test_a_picture_that_stands_still_for_ten_seconds(
    paint_video: PaintVideo, tmp_path: Path, name: str, codec: str, options: dict[str, str]
) -> None:
    """Packets of mp4 carry the distance of decoding times, here one of 10 s at another place."""
    path = paint_video(
        [(12.0, 90)],
        name,
        codec=codec,
        options=options,
        times=HOLE,
        time_base=Fraction(1, 16000),
        frame_rate=25,
        moving=True,
    )
    video = probe(path)
    assert video.duration == pytest.approx(12.0, abs=0.002)
    assert video.frame_rate == 25
    assert np.allclose(times_and_levels(path)[0], HOLE, atol=1e-3)
    once = mux(video, click_at(11.5, 12.0), tmp_path / "out.mp4")
    assert once.copied == (codec == "libx264")
    again = probe(tmp_path / "out.mp4")
    assert again.duration == pytest.approx(12.0, abs=0.002)
    assert time_of_click(read_audio(again)) == pytest.approx(11.5, abs=0.005)
    mux(again, click_at(11.5, 12.0), tmp_path / "twice.mp4")
    assert probe(tmp_path / "twice.mp4").duration == pytest.approx(12.0, abs=0.002)


def test_lengths_of_packets_that_contradict_their_times(paint_video: PaintVideo) -> None:
    """Every packet of this Matroska file says 512 ms; its frames are 40 ms apart."""
    path = paint_video(SHOTS, "a.mkv", frame_rate=25)
    assert probe(path).duration == pytest.approx(3.0, abs=1e-6)
    packets = [Packet(40 * index, 40 * index, 512, True) for index in range(100)]
    scan = Scan(Fraction(1, 1000), "matroska,webm", packets=packets)
    assert scan.shown()[-1] == (3960, 40)
    honest = [Packet(40 * index, 40 * index, 40, True) for index in range(99)]
    honest.append(Packet(3960, 3960, 2000, True))  # a last picture that stays for 2 s
    assert Scan(Fraction(1, 1000), "matroska,webm", packets=honest).shown()[-1] == (3960, 2000)


def test_frames_that_an_avi_drops_at_its_end(paint_video: PaintVideo) -> None:
    """Its header counts frames that hold nothing: the one before them stays."""
    path = paint_video(SHOTS, "a.avi", frame_rate=25, moving=True)
    data = bytearray(path.read_bytes())
    header = data.index(b"strh") + 8
    assert int.from_bytes(data[header + 32 : header + 36], "little") == 75
    data[header + 32 : header + 36] = (77).to_bytes(4, "little")
    path.write_bytes(data)
    assert probe(path).duration == pytest.approx(3.08)


def test_sound_that_outlasts_the_picture(paint_video: PaintVideo, tmp_path: Path) -> None:
    sound = click_at(4.5, 5.0)
    path = paint_video(SHOTS, sound=sound, **H264)
    video = probe(path)
    assert video.duration == pytest.approx(5.0, abs=0.06)  # AAC comes in blocks of 23 ms
    assert "The sound goes on after the picture (5.0 and 3.0 s)" in video.notices[0]
    assert time_of_click(read_audio(video)) == pytest.approx(4.5, abs=0.005)
    assert mux(video, click_at(4.8, video.duration), tmp_path / "out.mp4").copied
    scored = probe(tmp_path / "out.mp4")
    assert scored.duration == pytest.approx(video.duration, abs=0.002)
    assert time_of_click(read_audio(scored)) == pytest.approx(4.8, abs=0.005)
    footage = watch(path)
    assert footage.features.duration == video.duration and footage.notices == video.notices

    cut = probe(path, length="picture")
    assert cut.duration == 3.0 and "is cut where the picture ends" in cut.notices[0]
    assert np.abs(read_audio(cut)).max() < 0.01
    little = paint_video(SHOTS, "little.mp4", sound=np.zeros((2, 148176), np.float32), **H264)
    assert probe(little).duration == 3.0 and probe(little).notices == ()
    assert probe(little, length="sound").duration == pytest.approx(3.36, abs=0.06)


def test_one_picture_under_a_long_sound(paint_video: PaintVideo, tmp_path: Path) -> None:
    sound = click_at(6.0, 8.0)
    video = probe(paint_video(((1 / 24, 90),), sound=sound, codec="libx264"))
    assert video.duration == pytest.approx(8.0, abs=0.06)
    features = watch(video.path).features
    assert features.duration == video.duration
    mux(video, click_at(6.0, video.duration), tmp_path / "out.mp4")
    assert probe(tmp_path / "out.mp4").duration == pytest.approx(video.duration, abs=0.002)


def test_a_sound_too_long_to_hold_is_cut(paint_video: PaintVideo) -> None:
    sound = np.zeros((2, 5 * SAMPLE_RATE), np.float32)
    path = paint_video(SHOTS, sound=sound, **H264)
    assert probe(path, max_duration=4.5).duration == 3.0


def test_a_frame_an_hour_is_too_long_and_no_error(paint_video: PaintVideo) -> None:
    path = paint_video([(9000.0, 90)], "a.mkv", times=[0.0, 8000.0], time_base=Fraction(1, 1000))
    with pytest.raises(PixMusError, match="is too long"):
        probe(path)
    assert probe(path, max_duration=math.inf).frame_rate > 0


def test_a_last_frame_that_is_shorter_than_others_where_the_rate_varies() -> None:
    """Decoded as 0, 3, 1, 2; the stream says where the last displayed ends."""
    packets = [
        Packet(pts, dts, 400, True) for pts, dts in ((0, -400), (1200, 0), (300, 300), (900, 800))
    ]
    scan = Scan(Fraction(1, 1000), "mov,mp4", stream_end=1250, packets=packets)
    assert scan.shown() == [(0, 300), (300, 600), (900, 300), (1200, 50)]
