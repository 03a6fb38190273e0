"""The picture of a finished clip copied packet by packet, every frame at its old time.

Conventions: packets' times are ticks of their stream, moved so that the first displayed is at 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from pixmus.picture.container import (
    carry_over,
    create_container,
    end_edit,
    interleave,
    last_timing,
    usual_length,
)
from pixmus.picture.scan import Scan, remembered, scan_packets
from pixmus.picture.stream import open_clip, packets_of, picture_stream
from pixmus.picture.video import Video

COPIED_CODEC = "h264"
COPIED_PIXEL_FORMATS = ("yuv420p", "yuvj420p")  # 8-bit 4:2:0, limited and full range
LARGEST_COPY = (2560, 1440)  # pixels, longer and shorter side; above it (4K) copies are not made


def is_copyable(video: Video) -> bool:
    longer, shorter = max(video.width, video.height), min(video.width, video.height)
    return (
        video.codec == COPIED_CODEC
        and video.pixel_format in COPIED_PIXEL_FORMATS
        and longer <= LARGEST_COPY[0]
        and shorter <= LARGEST_COPY[1]
    )


def copy_picture(video: Video, waveform: np.ndarray, path: Path, container_format: str) -> bool:
    """Write the clip with its packets untouched; False where their times cannot be kept."""
    wanted = remembered(video.path) or _scan(video.path)
    if not wanted.is_uniform:
        return False
    wanted.held_to = round(video.duration / wanted.time_base)
    if any(packet.pts is None for packet in wanted.packets):
        wanted = _in_display_order(wanted, video.path)
    timing = _copied_timing(wanted)
    if timing is None:
        return False
    try:
        with open_clip(video.path) as source, create_container(path, container_format) as out:
            stream = picture_stream(source, video.path)
            copy = out.add_stream_from_template(stream)
            copy.time_base = stream.time_base
            if stream.sample_aspect_ratio:
                copy.codec_context.sample_aspect_ratio = stream.sample_aspect_ratio
            carry_over(out, copy, video, 0.0, video.duration)
            packets = _copied_packets(source, video.path, stream, copy, timing)
            interleave(out, packets, waveform, video.duration)
    except (av.error.ArgumentError, av.error.InvalidDataError):
        return False  # times or packets that the mp4 writer does not take
    are_hidden = sum(packet.is_shown for packet in wanted.packets[: len(timing)]) < len(timing)
    if are_hidden or timing[-1][2] > 1.5 * usual_length(timing):
        end_edit(path, video.duration)  # packets kept for others' sake stay hidden
    return _same_times(wanted, _scan(path))


def _scan(path: Path) -> Scan:
    with open_clip(path) as container:
        return scan_packets(container, picture_stream(container, path))


def _in_display_order(scan: Scan, path: Path) -> Scan:
    """The scan with times of display, found by decoding once; unchanged where that fails."""
    order: list[int | None] = []  # for each displayed frame the number of its packet
    with open_clip(path) as container:
        stream = picture_stream(container, path)
        stream.thread_type = "AUTO"
        count = 0
        with suppress(av.FFmpegError):
            for packet in container.demux(stream):
                if packet.size:
                    packet.pts, count = count, count + 1  # a decoder hands it on to the frame
                order += [frame.pts for frame in packet.decode()]
    moments = sorted(packet.dts for packet in scan.packets if packet.dts is not None)
    if sorted(order, key=lambda number: -1 if number is None else number) != list(
        range(len(moments))
    ):
        return scan
    moment_of = dict(zip(order, moments, strict=True))
    packets = [replace(packet, pts=moment_of[number]) for number, packet in enumerate(scan.packets)]
    return replace(scan, packets=packets, first_frame=None)


def _copied_timing(scan: Scan) -> list[tuple[int, int, int]] | None:
    """(pts, dts, duration) of each packet to copy, moved so that the first displayed is at 0.

    Packets after the last displayed one are dropped: nothing needs them. Decoding times are kept
    where they are stored, else made from the order of display; None where times are missing.
    """
    if any(packet.pts is None for packet in scan.packets):
        return None
    shown = scan.shown()
    start, lengths = shown[0][0], dict(shown)
    last = max(i for i, packet in enumerate(scan.packets) if packet.is_shown)
    packets = scan.packets[: last + 1]
    pts = [packet.pts - start for packet in packets if packet.pts is not None]
    dts = [packet.dts - start for packet in packets if packet.dts is not None]
    is_ordered = len(dts) == len(pts) and all(a < b for a, b in zip(dts, dts[1:], strict=False))
    if not is_ordered or any(d > p for d, p in zip(dts, pts, strict=True)):
        ordered = sorted(pts)
        if len(set(ordered)) < len(ordered):
            return None  # several edits may show a packet twice
        delay = max(display - own for display, own in zip(ordered, pts, strict=True))
        dts = [moment - delay for moment in ordered]
    timing = [
        (own, decoding, lengths.get(own + start, packet.duration))
        for own, decoding, packet in zip(pts, dts, packets, strict=True)
    ]
    return [*timing[:-1], last_timing(timing, shown[-1][0] - start, shown[-1][1])]


def _copied_packets(
    source: InputContainer,
    path: Path,
    stream: VideoStream,
    copy: VideoStream,
    timing: list[tuple[int, int, int]],
) -> Iterator[av.Packet]:
    packets = (packet for packet in packets_of(source, path, stream) if packet.size)
    for packet, (pts, dts, duration) in zip(packets, timing, strict=False):
        packet.stream = copy
        packet.pts, packet.dts, packet.duration = pts, dts, duration
        yield packet


def _same_times(wanted: Scan, got: Scan) -> bool:
    """Whether two files show frames at the same times, to a millisecond."""
    reference, estimate = (
        np.array([(pts, pts + length) for pts, length in scan.shown()], float)
        * float(scan.time_base)
        for scan in (wanted, got)
    )
    if reference.shape != estimate.shape:
        return False
    ends = reference[-1, 1] - reference[0, 0] - (estimate[-1, 1] - estimate[0, 0])
    starts = reference[:, 0] - reference[0, 0] - (estimate[:, 0] - estimate[0, 0])
    return bool(abs(ends) < 2e-3 and np.abs(starts).max() < 1e-3)
