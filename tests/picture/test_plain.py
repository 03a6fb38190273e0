"""Interlaced, HDR and transparent pictures, as every screen shows them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.filter import Graph
from conftest import PaintVideo
from painted import QUIET_HEVC, silence
from PIL import Image

from pixmus.errors import PixMusError
from pixmus.picture.frames import read_frames
from pixmus.picture.tone import HLG, PQ, light, sdr
from pixmus.picture.video import probe
from pixmus.picture.write import mux, trim


def encode(
    path: Path, frames: Sequence[av.VideoFrame], codec: str, options: dict[str, str], hdr: int = 0
) -> Path:
    """The frames at 25 a second, tagged BT.2020 with a transfer where `hdr` names one."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=25, options=options)
        stream.width, stream.height = frames[0].width, frames[0].height
        stream.pix_fmt = frames[0].format.name
        if hdr:
            context = stream.codec_context
            context.colorspace, context.color_primaries, context.color_trc = 9, 9, hdr
        for index, frame in enumerate(frames):
            frame.pts, frame.time_base = index, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


# HDR


def test_the_curve_by_hand() -> None:
    """Reference white of HLG, 75 %, is 203 cd/m2; method A makes 0.687 of it."""
    assert light(np.full(3, 0.75), HLG) == pytest.approx(np.full(3, 0.203), abs=0.001)
    assert light(np.full(3, 0.58), PQ) == pytest.approx(np.full(3, 0.2015), abs=0.003)
    for transfer in (HLG, PQ):
        grey = sdr(np.repeat(np.linspace(0, 0.75, 60)[:, None], 3, axis=1), transfer)
        assert np.allclose(grey, grey[:, :1], atol=2e-3)  # grey stays grey
        assert (np.diff(grey[:, 1]) > -1e-9).all() and grey[0].max() == 0
    assert sdr(np.full(3, 0.75), HLG) == pytest.approx(np.full(3, 0.687), abs=0.003)
    assert sdr(np.ones(3), HLG) == pytest.approx(np.ones(3), abs=0.003)
    assert sdr(np.ones(3), PQ) == pytest.approx(np.ones(3), abs=0.003)
    red = sdr(np.array([0.6, 0.2, 0.2]), HLG)
    assert red[0] > 2 * red[1] and red[0] > 2 * red[2]


@pytest.mark.parametrize(("transfer", "signal"), [(HLG, 0.75), (PQ, 0.5)])
def test_hdr_is_brought_to_what_screens_show(tmp_path: Path, transfer: int, signal: float) -> None:
    ten_bits = np.full((64 * 3 // 2, 96), 512, np.uint16)
    ten_bits[:64] = round(64 + 876 * signal)
    frames = [av.VideoFrame.from_ndarray(ten_bits, "yuv420p10le") for _ in range(25)]
    path = encode(tmp_path / "hdr.mov", frames, "libx265", QUIET_HEVC, transfer)
    expected = 255 * sdr(np.full(3, signal), transfer)
    assert np.allclose(next(read_frames(probe(path))).image, expected, atol=5)
    report = mux(probe(path), silence(probe(path)), tmp_path / "out.mp4")
    assert report.note.endswith("H.264, brought from HDR to BT.709")
    assert np.allclose(next(read_frames(probe(tmp_path / "out.mp4"))).image, expected, atol=5)
    with av.open(str(tmp_path / "out.mp4")) as container:
        frame = next(container.decode(video=0))
        assert isinstance(frame, av.VideoFrame)
        assert (frame.colorspace, frame.color_primaries, frame.color_trc) == (1, 1, 1)


# Interlaced


def combs(path: Path) -> float:
    """How much neighbouring lines differ, beyond those of one field."""
    found = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            grey = frame.to_ndarray(format="gray").astype(float)
            found.append(np.abs(grey[1:-1] * 2 - grey[:-2] - grey[2:]).mean())
    return float(np.mean(found))


def test_interlaced_frames_are_deinterlaced(tmp_path: Path) -> None:
    """A bar moves 8 pixels from field to field, whose lines alternate in a frame."""
    graph = Graph()
    source = graph.add_buffer(width=320, height=240, format="yuv420p", time_base=Fraction(1, 25))
    field, sink = graph.add("setfield", mode="tff"), graph.add("buffersink")
    source.link_to(field)
    field.link_to(sink)
    graph.configure()
    frames = []
    for index in range(25):
        image = np.full((240, 320, 3), 40, np.uint8)
        for line in (0, 1):
            left = 20 + 8 * (2 * index + line) % 240
            image[40 + line : 200 : 2, left : left + 40] = 220
        frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(format="yuv420p")
        frame.pts, frame.time_base = index, Fraction(1, 25)
        graph.push(frame)
        woven = graph.pull()
        assert isinstance(woven, av.VideoFrame) and woven.interlaced_frame
        frames.append(woven)
    options = {"flags": "+ilme+ildct", "qscale": "2", "bf": "0"}
    path = encode(tmp_path / "a.mpg", frames, "mpeg2video", options)
    video = probe(path)
    report = mux(video, silence(video), tmp_path / "out.mp4")
    assert report.note.endswith("H.264, deinterlaced")
    assert combs(path) > 4 * combs(tmp_path / "out.mp4")
    times = [frame.time for frame in read_frames(probe(tmp_path / "out.mp4"))]
    assert np.allclose(times, np.arange(25) / 25, atol=1e-3)
    trim(video, 0.2, 0.8, tmp_path / "part.mp4")
    assert probe(tmp_path / "part.mp4").duration == pytest.approx(0.6, abs=1e-3)


def test_a_progressive_picture_is_left_alone(paint_video: PaintVideo, tmp_path: Path) -> None:
    video = probe(paint_video(((1, 90),)))
    assert mux(video, silence(video), tmp_path / "out.mp4").note.endswith("H.264")


# Transparency, deep grey, moving stills


def test_what_is_transparent_is_black(tmp_path: Path) -> None:
    image = np.full((48, 64, 4), 200, np.uint8)
    image[:, :32, 3], image[:, 32:, 3] = 255, 0  # 200 hides behind nothing
    frames = [av.VideoFrame.from_ndarray(image, "rgba") for _ in range(25)]
    frames = [frame.reformat(format="bgra") for frame in frames]
    path = encode(tmp_path / "a.mkv", frames, "ffv1", {})
    video = probe(path)
    report = mux(video, silence(video), tmp_path / "out.mp4")
    assert report.note.endswith("laid over black where it is transparent")
    for clip in (path, tmp_path / "out.mp4"):
        shown = next(read_frames(probe(clip))).image
        assert np.allclose(shown[:, :28], 200, atol=4) and shown[:, 36:].max() < 12


def test_sixteen_bits_of_grey(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 65535, 160).astype(np.uint16), (90, 1))
    Image.fromarray(ramp).save(tmp_path / "a.png")
    shown = next(read_frames(probe(tmp_path / "a.png"))).image
    assert np.allclose(shown[:, :, 1], np.linspace(0, 255, 160), atol=2)


def test_an_animated_png_is_a_clip(tmp_path: Path) -> None:
    images = [Image.new("RGB", (64, 48), (level, level, level)) for level in (40,) * 5 + (200,) * 5]
    images[0].save(
        tmp_path / "a.png", save_all=True, append_images=images[1:], duration=100, loop=0
    )
    video = probe(tmp_path / "a.png")
    assert not video.is_still and video.duration == pytest.approx(1.0, abs=0.11)
    levels = [frame.image.mean() for frame in read_frames(video)]
    assert levels[0] == pytest.approx(40, abs=3) and levels[-1] == pytest.approx(200, abs=3)
    mux(video, silence(video), tmp_path / "out.mp4")
    assert probe(tmp_path / "out.mp4").duration == pytest.approx(video.duration, abs=2e-3)


def test_images_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    image = Image.new("RGB", (64, 48), (200, 0, 0))
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    with pytest.raises(PixMusError, match="is a HEIC image"):
        probe(tmp_path / "a.heic")
    image.save(tmp_path / "a.avif")
    video = probe(tmp_path / "a.avif", still_duration=2.0)
    assert video.is_still and float(next(read_frames(video)).image[0, 0, 0]) == pytest.approx(
        200, abs=6
    )


def test_transparency_that_no_decoder_here_reads_is_said(
    paint_video: PaintVideo, tmp_path: Path
) -> None:
    path = paint_video(((1, 90),), "a.webm", codec="libvpx-vp9", options={"deadline": "realtime"})
    assert probe(path).notices == ()
    with av.open(str(path)) as source, av.open(str(tmp_path / "b.webm"), "w") as out:
        copy = out.add_stream_from_template(source.streams.video[0])
        copy.metadata["alpha_mode"] = "1"
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = copy
                out.mux(packet)
    assert "transparency cannot be read" in probe(tmp_path / "b.webm").notices[0]
