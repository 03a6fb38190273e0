"""Clips of every kind are known for what they are; what cannot be used is refused in a sentence.

The kinds that the shared clips lack are encoded here: MPEG-4, HEVC, VP9, AV1, GIF, AVI, ogv (with
VP8), rotation, pixel aspect, variable rate, start offsets, edit lists, 10 bits. Theora is not
tested: PyAV's wheel decodes it but has no encoder for it.
"""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from conftest import PaintVideo
from painted import (
    B_FRAMES,
    FAST_VPX,
    H264,
    QUIET_HEVC,
    SAMPLE_RATE,
    SHOTS,
    UNEVEN,
    click_at,
    cuts_of,
    silence,
    time_of_click,
    times_and_levels,
)
from PIL import Image

from pixmus.errors import PixMusError
from pixmus.picture.frames import read_frames
from pixmus.picture.sound import read_audio
from pixmus.picture.video import probe
from pixmus.picture.write import mux


@pytest.mark.parametrize(
    ("name", "how", "codec"),
    [
        ("a.mp4", {}, "mpeg4"),
        ("a.mov", H264, "h264"),
        ("a.mkv", H264, "h264"),
        ("a.avi", H264, "h264"),
        ("b.avi", {"options": {"bf": "2"}, "moving": True}, "mpeg4"),
        ("a.webm", {"codec": "libvpx", "options": FAST_VPX, "moving": True}, "vp8"),
        ("b.webm", {"codec": "libvpx-vp9", "options": FAST_VPX}, "vp9"),
        ("c.webm", {"codec": "libsvtav1", "options": {"preset": "11"}}, "av1"),
        ("b.mp4", {"codec": "libsvtav1", "options": {"preset": "11"}}, "av1"),
        ("b.mkv", {"codec": "libx265", "options": QUIET_HEVC, "moving": True}, "hevc"),
        ("a.ogv", {"codec": "libvpx", "options": FAST_VPX, "container_format": "ogg"}, "vp8"),
        ("c.mp4", {"codec": "libx264", "pixel_format": "yuv420p10le"}, "h264"),
    ],
)
def test_kinds(paint_video: PaintVideo, tmp_path: Path, name: str, how: dict, codec: str) -> None:
    path = paint_video(SHOTS, name, **how)
    video = probe(path)
    assert video.codec == codec
    assert video.duration == pytest.approx(3.0, abs=1e-6)
    assert video.frame_rate == 24
    assert (video.width, video.height) == (96, 64)
    assert not video.has_audio and not video.is_still and video.rotation == 0
    times, _ = times_and_levels(path)
    assert np.allclose(times, np.arange(72) / 24, atol=1e-3)
    assert cuts_of(path) == pytest.approx([1.0, 2.5], abs=1e-3)

    out = tmp_path / "scored.mp4"
    report = mux(video, click_at(2.0, 3.0), out)
    scored = probe(out)
    assert report.copied == (codec == "h264" and video.pixel_format == "yuv420p")
    assert scored.codec == "h264" and scored.pixel_format == "yuv420p"
    assert scored.duration == pytest.approx(3.0, abs=1e-3)
    assert np.allclose(times_and_levels(out)[0], times, atol=1e-3)
    assert cuts_of(out) == pytest.approx([1.0, 2.5], abs=1e-3)
    assert time_of_click(read_audio(scored)) == pytest.approx(2.0, abs=0.005)


@pytest.mark.parametrize(
    ("name", "rate"),
    [("a.mkv", Fraction(30000, 1001)), ("a.mkv", 25), ("a.mkv", 60), ("a.mp4", 30)],
)
def test_exact_rates(paint_video: PaintVideo, name: str, rate: Fraction) -> None:
    video = probe(paint_video(SHOTS, name, frame_rate=rate, **H264))
    assert video.frame_rate == rate
    assert video.duration == pytest.approx(round(3 * rate) / rate, abs=1e-6)


def test_gif(paint_video: PaintVideo, tmp_path: Path) -> None:
    path = paint_video(
        SHOTS, "a.gif", codec="gif", pixel_format="bgr8", frame_rate=10, size=(97, 63)
    )
    video = probe(path)
    assert (video.duration, video.frame_rate, video.width, video.height) == (3.0, 10, 97, 63)
    assert cuts_of(path) == pytest.approx([1.0, 2.5])
    out = tmp_path / "scored.mp4"
    mux(video, silence(video), out)
    assert cuts_of(out) == pytest.approx([1.0, 2.5])
    assert abs(probe(out).width - 97) <= 1


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.webm", "libvpx-vp9")])
def test_variable_rate(paint_video: PaintVideo, tmp_path: Path, name: str, codec: str) -> None:
    options = B_FRAMES if codec == "libx264" else FAST_VPX
    path = paint_video(
        SHOTS, name, codec=codec, options=options, times=UNEVEN, time_base=Fraction(1, 1000)
    )
    video = probe(path)
    assert np.allclose(times_and_levels(path)[0], UNEVEN, atol=1e-3)
    out = tmp_path / "scored.mp4"
    mux(video, click_at(1.2, video.duration), out)
    assert np.allclose(times_and_levels(out)[0], UNEVEN, atol=1e-3)
    assert probe(out).duration == pytest.approx(video.duration, abs=1e-3)
    assert time_of_click(read_audio(probe(out))) == pytest.approx(1.2, abs=0.005)


@pytest.mark.parametrize(
    ("rotation", "codec"), [(90, "libx264"), (180, "mpeg4"), (270, "libx264"), (90, "mpeg4")]
)
def test_rotation(paint_video: PaintVideo, tmp_path: Path, rotation: int, codec: str) -> None:
    path = paint_video(((1, 20),), codec=codec, rotation=rotation, moving=True)
    video = probe(path)
    assert video.rotation == rotation
    assert (video.width, video.height) == ((96, 64) if rotation == 180 else (64, 96))
    image = next(read_frames(video)).image
    assert image.shape == (video.height, video.width, 3)
    # The square is stored at the left edge: clockwise turns take it to the top, right, bottom.
    edges = {90: image[:16], 180: image[:, -16:], 270: image[-16:]}
    assert edges[rotation].mean() > 1.5 * image.mean()
    out = tmp_path / "scored.mp4"
    mux(video, silence(video), out)
    turned = next(read_frames(probe(out))).image
    assert np.abs(turned.astype(int) - image).mean() < 4
    assert probe(out).rotation == rotation


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.mkv", "mpeg4")])
def test_pixel_aspect(paint_video: PaintVideo, tmp_path: Path, name: str, codec: str) -> None:
    video = probe(paint_video(SHOTS, name, codec=codec, sample_aspect=Fraction(4, 3)))
    assert (video.width, video.height) == (128, 64)
    out = tmp_path / "scored.mp4"
    mux(video, silence(video), out)
    assert (probe(out).width, probe(out).height) == (128, 64)


def test_small_frames(paint_video: PaintVideo) -> None:
    video = probe(paint_video(((0.5, 90),), size=(640, 360)))
    assert next(read_frames(video)).image.shape == (90, 160, 3)
    tall = probe(paint_video(((0.5, 90),), "tall.mp4", size=(360, 640)))
    assert next(read_frames(tall)).image.shape == (160, 90, 3)
    assert next(read_frames(tall, max_width=64)).image.shape == (64, 36, 3)


# Still images


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_still(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"still.{suffix}"
    Image.new("RGB", (401, 301), (200, 40, 40)).save(path)
    video = probe(path, still_duration=2.0)
    assert video.is_still and not video.has_audio and video.duration == 2.0
    assert (video.width, video.height) == (401, 301)
    frames = list(read_frames(video))
    assert len(frames) == 48 and frames[1].time == pytest.approx(1 / 24)
    assert frames[0].image.shape == (120, 160, 3)
    assert np.allclose(frames[-1].image.mean((0, 1)), (200, 40, 40), atol=3)
    assert read_audio(video) is None
    out = tmp_path / "scored.mp4"
    report = mux(video, click_at(1.5, 2.0), out)
    scored = probe(out)
    assert not report.copied
    assert scored.codec == "h264" and scored.duration == pytest.approx(2.0, abs=1e-3)
    image = next(read_frames(scored)).image
    assert np.allclose(image.mean((0, 1)), (200, 40, 40), atol=6)
    assert time_of_click(read_audio(scored)) == pytest.approx(1.5, abs=0.005)


def test_still_is_upright_and_opaque(tmp_path: Path) -> None:
    path = tmp_path / "phone.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise for display
    Image.new("RGB", (400, 300), "white").save(path, exif=exif)
    assert (probe(path).width, probe(path).height) == (300, 400)
    clear = tmp_path / "clear.png"
    Image.new("RGBA", (40, 30), (255, 255, 255, 0)).save(clear)
    assert next(read_frames(probe(clear))).image.max() == 0
    gif = tmp_path / "one.gif"
    Image.new("RGB", (40, 30), "white").save(gif)
    assert probe(gif).is_still


# What cannot be used


def refused(path: Path, words: str) -> None:
    with pytest.raises(PixMusError, match=words) as caught:
        probe(path)
    sentence = str(caught.value)
    assert str(path) in sentence and "\n" not in sentence and sentence.endswith(".")


def test_unusable_files(tmp_path: Path) -> None:
    refused(tmp_path / "none.mp4", "does not exist")
    refused(tmp_path, "is not a file")
    empty = tmp_path / "empty.mp4"
    empty.touch()
    refused(empty, "is empty")
    text = tmp_path / "text.mp4"
    text.write_text("This is not a video.\n" * 100)
    refused(text, "not a video or image")
    playlist = tmp_path / "list.mp4"
    playlist.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n/etc/passwd\n")
    refused(playlist, "not a video or image")
    image = tmp_path / "cut.jpg"
    Image.effect_noise((200, 200), 50).save(image)
    image.write_bytes(image.read_bytes()[:2000])
    refused(image, "cut off or damaged")


def test_sound_alone(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("aac", rate=SAMPLE_RATE, layout="stereo")
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 44100), np.float32), "fltp", "stereo")
        frame.sample_rate = SAMPLE_RATE
        out.mux([*stream.encode(frame), *stream.encode(None)])
    refused(path, "no picture")


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("a.mp4", {**H264}),
        ("a.mkv", {**H264}),
        ("a.webm", {"codec": "libvpx", "options": FAST_VPX, "moving": True}),
        ("a.avi", {"moving": True}),
        ("b.avi", {"moving": True, "size": (480, 320)}),
    ],
)
def test_truncated(paint_video: PaintVideo, name: str, how: dict) -> None:
    path = paint_video(SHOTS, name, **how)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    refused(path, "cut off")


def test_truncated_scored_clip(paint_video: PaintVideo, tmp_path: Path) -> None:
    out = tmp_path / "scored.mp4"  # its index stands first
    mux(probe(paint_video(SHOTS, **H264)), click_at(1, 3), out)
    out.write_bytes(out.read_bytes()[: out.stat().st_size * 2 // 3])
    refused(out, "cut off")


def test_too_short_and_too_long(paint_video: PaintVideo, tmp_path: Path) -> None:
    refused(paint_video(((1 / 24, 40),), "one.mp4"), "too short")
    assert probe(paint_video(((0.5, 40),), "half.mp4")).duration == 0.5
    long = {"frame_rate": 1, "size": (32, 32)}
    refused(paint_video(((660, 40),), "long.mp4", **long), "too long .11.0 minutes.")
    assert probe(tmp_path / "long.mp4", max_duration=math.inf).duration == 660.0
    assert probe(paint_video(((600, 40),), "ten.mp4", **long)).duration == 600.0
    still = tmp_path / "still.png"
    Image.new("RGB", (40, 30)).save(still)
    with pytest.raises(PixMusError, match="too long"):
        probe(still, still_duration=700)


def test_unknown_codec(paint_video: PaintVideo) -> None:
    path = paint_video(SHOTS, "a.mkv")
    data = path.read_bytes()
    assert data.count(b"V_MPEG4/ISO/ASP") == 1
    path.write_bytes(data.replace(b"V_MPEG4/ISO/ASP", b"V_MYSTERY/CODEC"))
    refused(path, "cannot be decoded")


def test_odd_names(tmp_path: Path, paint_video: PaintVideo, monkeypatch) -> None:  # noqa: ANN001
    path = paint_video(((0.5, 40),), "take: 2 %d é.mp4")
    monkeypatch.chdir(tmp_path)
    video = probe(path.name)
    mux(video, silence(video), "out: 1.mp4")
    assert probe("out: 1.mp4").duration == 0.5
