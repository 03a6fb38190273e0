"""The picture of a finished clip encoded anew as H.264, where it cannot be copied.

Conventions: times are seconds from the first displayed frame; rotation, pixel aspect and colours
keep their meaning.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from av.video.stream import VideoStream
from PIL import Image

from pixmus.errors import PixMusError
from pixmus.picture.container import carry_over, create_container, end_edit, interleave, last_timing
from pixmus.picture.frames import displayed_frames
from pixmus.picture.plain import Plain
from pixmus.picture.still import still_image
from pixmus.picture.stream import open_clip, picture_stream, ticks
from pixmus.picture.video import (
    STILL_FRAME_RATE,
    TIMESTAMP_TOLERANCE,
    UPRIGHT,
    Video,
    display_matrix,
)

LARGEST_ENCODE = (1920, 1080)  # pixels, longer and shorter side
ENCODER_OPTIONS = {"preset": "veryfast", "crf": "18"}


@dataclass(frozen=True)
class Encoded:
    """What an encoded picture is like."""

    size: tuple[int, int]  # as displayed
    deeds: tuple[str, ...] = ()  # what else was done to it, in words


def encode_picture(
    video: Video,
    waveform: np.ndarray | None,
    path: Path,
    container_format: str,
    span: tuple[float, float] | None = None,
) -> Encoded:
    """Write the clip, or a span of it, with its picture encoded anew."""
    if video.is_still:
        assert waveform is not None
        return _encode_still(video, waveform, path, container_format)
    start, end = span or (0.0, video.duration)
    with open_clip(video.path) as source, create_container(path, container_format) as out:
        stream = picture_stream(source, video.path)
        shown = itertools.takewhile(
            lambda pair: pair[0] < end - TIMESTAMP_TOLERANCE,
            displayed_frames(source, stream, video),
        )
        matrices: list[tuple[int, int, int, int]] = []  # what filters do to frames may lose it
        wanted = _noting(
            matrices,
            ((time, frame) for time, frame in shown if time >= start - TIMESTAMP_TOLERANCE),
        )
        plain = Plain()
        frames = plain.frames(wanted)
        begin, first = next(frames, (0.0, None))
        if first is None:
            raise PixMusError(
                f"{video.path} shows no new frame from {start:g} to {end:g} s; choose another part."
            )
        width, height = _encoded_size(first.width, first.height)
        time_base = ticks(stream)
        encoder = _encoder(out, (width, height), video.frame_rate, time_base, first)
        aspect = Fraction(stream.sample_aspect_ratio or 1)
        if aspect != 1:
            encoder.codec_context.sample_aspect_ratio = aspect
        matrix = matrices[0]
        if matrix != UPRIGHT:
            encoder.set_display_matrix(_whole_matrix(*matrix))
        later = ((time - begin, frame) for time, frame in frames)
        carry_over(out, encoder, video, start, end)
        pictures = itertools.chain([(0.0, first)], later)
        packets = _encoded_packets(encoder, pictures, end - start, time_base)
        interleave(out, packets, waveform, end - start)
    end_edit(path, end - start)
    displayed = round(width * aspect)
    size = (height, displayed) if video.rotation % 180 else (displayed, height)
    return Encoded(size, tuple(plain.deeds))


def _noting(
    matrices: list[tuple[int, int, int, int]], shown: Iterator[tuple[float, VideoFrame]]
) -> Iterator[tuple[float, VideoFrame]]:
    """The same frames; the display matrix of the first is added to `matrices`."""
    for time, frame in shown:
        if not matrices:
            matrices.append(display_matrix(frame))
        yield time, frame


def _encode_still(video: Video, waveform: np.ndarray, path: Path, container_format: str) -> Encoded:
    """Write a clip that shows the image all the time."""
    image = still_image(video.path)
    size = _encoded_size(image.width, image.height)
    frame = VideoFrame.from_ndarray(
        np.asarray(image.resize(size, Image.Resampling.LANCZOS)), "rgb24"
    )
    time_base = 1 / STILL_FRAME_RATE
    count = max(1, round(video.duration * STILL_FRAME_RATE))
    frames = ((float(index * time_base), frame) for index in range(count))
    with create_container(path, container_format) as out:
        encoder = _encoder(out, size, STILL_FRAME_RATE, time_base, frame)
        packets = _encoded_packets(encoder, frames, video.duration, time_base)
        interleave(out, packets, waveform, video.duration)
    return Encoded(size)


def _encoded_size(width: int, height: int) -> tuple[int, int]:
    """The stored size fitted into `LARGEST_ENCODE`, both sides even as 4:2:0 needs."""
    scale = min(
        1.0,
        LARGEST_ENCODE[0] / max(width, height),
        LARGEST_ENCODE[1] / min(width, height),
    )
    return max(2, 2 * round(width * scale / 2)), max(2, 2 * round(height * scale / 2))


def _whole_matrix(a: int, b: int, c: int, d: int) -> tuple[int, ...]:
    """FFmpeg's display matrix without translation: 16.16 fixed point, the last entry 2.30."""
    return a, b, 0, c, d, 0, 0, 0, 1 << 30


def _encoder(
    out: OutputContainer,
    size: tuple[int, int],
    frame_rate: Fraction,
    time_base: Fraction,
    first: VideoFrame,
) -> VideoStream:
    """An H.264 stream with the colours' meaning taken from the first frame."""
    stream = out.add_stream("libx264", rate=frame_rate, options=dict(ENCODER_OPTIONS))
    context = stream.codec_context
    (context.width, context.height), context.pix_fmt = size, "yuv420p"
    context.thread_type = "FRAME"  # PyAV's own choice, slices, makes x264 slower and worse
    context.time_base = time_base
    context.color_range = ColorRange.MPEG
    if first.format.is_rgb:
        context.colorspace = Colorspace.ITU709
        context.color_primaries = context.color_trc = 1  # BT.709 (ITU-T H.273)
    else:
        context.colorspace = first.colorspace
        context.color_primaries = first.color_primaries
        context.color_trc = first.color_trc
    return stream


def _encoded_packets(
    stream: VideoStream,
    frames: Iterator[tuple[float, VideoFrame]],
    duration: float,
    time_base: Fraction,
) -> Iterator[av.Packet]:
    """Yield the packets of (time, frame), each shown until the next, the last until `duration`."""
    reformatter = VideoReformatter()
    context = stream.codec_context
    ends: dict[int, int] = {}  # when each frame ends, in ticks
    previous = 0
    for time, frame in frames:
        picture = reformatter.reformat(
            frame,
            context.width,
            context.height,
            "yuv420p",
            dst_colorspace=Colorspace.ITU709 if frame.format.is_rgb else None,
            dst_color_range=ColorRange.MPEG,
        )
        pts = round(time / time_base)
        ends[previous], previous = pts, pts
        picture.pts, picture.time_base = pts, time_base
        picture.pict_type = PictureType.NONE  # else the source's kinds of frame are repeated
        yield from _timed(stream.encode(picture), ends)
    end = ends[previous] = max(previous + 1, round(duration / time_base))
    rest = _timed(stream.encode(None), ends)
    for packet, is_last in zip(rest, [*[False] * (len(rest) - 1), True], strict=True):
        if is_last and packet.pts is not None and packet.dts is not None and packet.pts != previous:
            timing = [(packet.pts, packet.dts, packet.duration or 0)]
            packet.duration = last_timing(timing, previous, end - previous)[2]
        yield packet


def _timed(packets: list[av.Packet], ends: dict[int, int]) -> list[av.Packet]:
    for packet in packets:
        if packet.pts is not None and packet.pts in ends:
            packet.duration = ends.pop(packet.pts) - packet.pts
    return packets
