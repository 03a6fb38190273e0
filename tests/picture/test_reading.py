"""FFmpeg's errors of every class, wherever media is read, become the same sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from conftest import PaintVideo
from painted import H264, click_at
from PIL import Image

from pixmus.errors import PixMusError
from pixmus.picture import copying as copying_module
from pixmus.picture import frames as frames_module
from pixmus.picture import sound as sound_module
from pixmus.picture import video as video_module
from pixmus.picture.frames import read_frames
from pixmus.picture.sound import read_sound
from pixmus.picture.still import still_image
from pixmus.picture.stream import frames_of, packets_of, whole_packets
from pixmus.picture.video import probe
from pixmus.picture.write import mux

READING_ERRORS = (
    av.error.EOFError,
    av.error.PermissionError,
    av.error.ArgumentError,
    av.error.MemoryError,
    av.error.OSError,
    av.error.UnknownError,
    av.error.InvalidDataError,
)


class Failing:
    """A container whose reading fails behind its first packet."""

    def __init__(self, real: Any, error: type[Exception]) -> None:
        self._real, self._error = real, error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def demux(self, *streams: Any) -> Any:
        yield next(iter(self._real.demux(*streams)))
        raise self._error(1, "of FFmpeg")


@pytest.mark.parametrize("error", READING_ERRORS)
def test_whatever_ffmpeg_raises_while_it_reads_is_one_sentence(
    paint_clip: PaintVideo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """While the clip is probed, its frames and its sound are read, and it is copied."""
    clip = paint_clip(tmp_path / "a.mp4", [(1.0, 90)], sound=click_at(0.5, 1.0), **H264)
    known = probe(clip)
    opened = video_module.open_clip

    @contextmanager
    def failing(path: Path) -> Iterator[Any]:
        with opened(path) as container:
            yield Failing(container, error) if path == clip else container

    for module in (video_module, frames_module, sound_module, copying_module):
        monkeypatch.setattr(module, "open_clip", failing)
    for read in (
        lambda: probe(clip),
        lambda: list(read_frames(known)),
        lambda: read_sound(known),
        lambda: mux(known, np.zeros((2, 44100), np.float32), tmp_path / "out.mp4"),
    ):
        with pytest.raises(PixMusError, match="cut off|damaged and cannot be read") as raised:
            read()
        assert "written" not in str(raised.value)
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("error", READING_ERRORS)
def test_a_packet_that_cannot_be_decoded_has_no_frames(error: type[Exception]) -> None:
    def fail(_: object) -> None:
        raise error(1, "of FFmpeg")

    stream: Any = type("Stream", (), {"decode": staticmethod(fail)})
    if error is av.error.MemoryError:
        with pytest.raises(PixMusError, match="more memory"):
            frames_of(stream, stream)
    else:
        assert list(frames_of(stream, stream)) == []


def test_an_empty_packet_on_the_way_ends_nothing(paint_clip: PaintVideo, tmp_path: Path) -> None:
    """Theora has them for "the same picture again"; to a decoder one says that it is over."""
    clip = paint_clip(tmp_path / "a.mp4", [(1.0, 90)], **H264)

    class Repeating(Failing):
        def demux(self, *streams: Any) -> Any:
            for number, packet in enumerate(self._real.demux(*streams)):
                yield packet
                if number == 3:
                    empty = av.Packet()
                    empty.stream, empty.pts, empty.dts = packet.stream, packet.pts, packet.dts
                    yield empty

    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        repeating: Any = Repeating(container, ValueError)
        packets = list(whole_packets(repeating, stream))
        assert [packet.size > 0 for packet in packets] == [True] * 24 + [False]
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        repeating = Repeating(container, ValueError)
        frames = [f for p in packets_of(repeating, clip, stream) for f in frames_of(p, stream)]
        assert len(frames) == 24


def test_an_image_of_an_absurd_side_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "line.png"
    Image.new("L", (65_501, 1)).save(path)
    with pytest.raises(PixMusError, match="65501 by 1 pixels; give an image of at most 65500"):
        probe(path)
    Image.new("L", (6_000, 1)).save(path)
    assert probe(path).width == 6_000


def test_a_picture_of_a_large_camera_is_read_smaller(tmp_path: Path) -> None:
    """A JPEG of at least twice `DRAFT` on both sides is decoded at a half, in its own colours."""
    path = tmp_path / "large.jpg"
    Image.new("RGB", (7_680, 4_320), (200, 40, 40)).save(path, quality=30)
    image = still_image(path)
    assert image.size == (3_840, 2_160)
    assert np.allclose(image.resize((1, 1)).getpixel((0, 0)), (200, 40, 40), atol=4)
