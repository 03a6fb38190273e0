"""The streams of a clip that is opened: which one is its picture, its packets and their frames.

Conventions: FFmpeg's own clocks; whatever FFmpeg raises becomes one sentence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from pixmus.errors import PixMusError
from pixmus.picture.animated import film_of, is_animated_webp
from pixmus.picture.clock import Restarts, move

# Containers that FFmpeg may open. Playlists and lists of files are left out on purpose: they would
# let a clip name other files to be read.
CONTAINERS = "mov,mp4,matroska,webm,avi,ogg,gif,apng,mpegts,mpeg,flv,asf"
READABLE = "an mp4, mov, mkv, webm, avi, ogv or gif video, or a jpg, png, webp or avif image"
MP4_BEGINNINGS = (b"ftyp", b"mdat", b"moov", b"wide", b"free")
OTHER_BEGINNINGS = (b"\x1aE\xdf\xa3", b"RIFF", b"OggS", b"GIF8", b"\x89PNG")


@contextmanager
def open_clip(path: Path) -> Iterator[InputContainer]:
    """Open a clip for reading; what FFmpeg cannot read becomes one sentence."""
    # An absolute name, since "take:2.mp4" alone would be read as a protocol.
    place = film_of(path) if is_animated_webp(path) else str(path.absolute())
    try:
        container = av.open(
            place,
            "r",
            metadata_errors="replace",
            options={"format_whitelist": CONTAINERS, "protocol_whitelist": "file"},
        )
    except (av.FFmpegError, ValueError) as error:
        with path.open("rb") as file:
            head = file.read(12)
        if head[4:8] in MP4_BEGINNINGS or head.startswith(OTHER_BEGINNINGS):
            reason = "is cut off or damaged and cannot be opened; copy or export it again."
        else:
            reason = f"is not a video or image that can be read; give {READABLE}."
        raise PixMusError(f"{path} {reason}") from error
    with container:
        yield container


def packets_of(
    container: InputContainer,
    path: Path,
    *streams: VideoStream | av.AudioStream,
    shifts: tuple[float, ...] = (),
) -> Iterator[av.Packet]:
    """Yield the packets of a clip; whatever FFmpeg raises while it reads becomes one sentence.

    Where the clip's clock starts anew, `shifts` of its scan let it run on. The errors of who takes
    the packets, such as a full disk's, do not pass through here.
    """
    for other in container.streams:
        if other.type not in ("video", "audio"):
            other.discard = av.stream.Discard.all
    restarts = Restarts(len(shifts) > 1)
    try:
        for packet in whole_packets(container, *streams):
            if len(shifts) > 1 and packet.size:
                move(packet, shifts[min(restarts.part_of(packet), len(shifts) - 1)])
            yield packet
    except av.FFmpegError as error:
        raise PixMusError(
            f"{path} is damaged and cannot be read to its end; copy or export it again."
        ) from error


def whole_packets(
    container: InputContainer, *streams: VideoStream | av.AudioStream
) -> Iterator[av.Packet]:
    """Yield the packets that hold something, and in the end the empty one of each stream.

    An empty packet tells a decoder that no more will come. Theora has some on the way that mean
    "the same picture again", which it stays anyway.
    """
    last: dict[int, av.Packet] = {}
    for packet in container.demux(*streams):
        if packet.size:
            yield packet
        else:
            last[packet.stream.index] = packet
    yield from last.values()


def frames_of(
    packet: av.Packet, stream: VideoStream | av.AudioStream
) -> Sequence[av.AudioFrame | VideoFrame]:
    """The frames of a packet; a damaged one has none.

    A decoder says so by errors of many kinds: data that is invalid, an argument, an end or a right
    that is missing. Only a lack of memory is something else.
    """
    try:
        return stream.decode(packet)
    except av.error.MemoryError as error:
        raise PixMusError(
            "The clip needs more memory to be decoded than there is; export it again, smaller."
        ) from error
    except av.FFmpegError:
        return ()


def picture_stream(container: InputContainer, path: Path) -> VideoStream:
    """The stream of moving pictures that players show: the first that is flagged as default.

    An album cover is none, and one frame is only taken where nothing moves.
    """
    cover = av.stream.Disposition.attached_pic
    streams = [s for s in container.streams.video if not s.disposition & cover]
    if not streams:
        raise PixMusError(f"{path} has sound but no picture; give {READABLE}.")
    streams = [s for s in streams if s.codec_context is not None]
    if not streams:
        raise PixMusError(
            f"{path} has a picture in a codec that cannot be decoded; "
            "export it again, for example as H.264 mp4."
        )
    default = av.stream.Disposition.default
    return min(streams, key=lambda s: (s.frames == 1, not s.disposition & default, s.index))


def is_streamed(container: InputContainer) -> bool:
    """Whether the file is a broadcast: packets may be lost in it and its clock may start anew."""
    return container.format.name in ("mpegts", "mpeg")


def ticks(stream: VideoStream) -> Fraction:
    """Seconds a tick of the stream's clock."""
    assert stream.time_base is not None, stream
    return stream.time_base


def has_display_times(container: InputContainer) -> bool:
    """AVI numbers its frames in decoding order only; what FFmpeg adds is a guess."""
    return container.format.name != "avi"


def codec_name(stream: VideoStream) -> str:
    return stream.codec_context.codec.canonical_name


def is_hidden(packet: av.Packet, stream: VideoStream) -> bool:
    """Whether a VP8 packet is a reference that is never shown (RFC 6386, 9.1, show_frame)."""
    return codec_name(stream) == "vp8" and not bytes(packet)[0] >> 4 & 1
