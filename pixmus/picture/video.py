"""A `Video`: what is known of a clip, from one pass over its packets.

Conventions: times are seconds from the first displayed frame, whatever clock the file itself keeps;
widths and heights are as displayed (pixel aspect and rotation applied). Frames that an edit list
hides are never seen by the rest of PixMus.
"""

from __future__ import annotations

import os
import struct
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.buffer import Buffer
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image, ImageOps

from pixmus.choices import STILL_DURATION_S
from pixmus.errors import PixMusError

MIN_DURATION = 0.5  # seconds
MAX_DURATION = 600.0  # seconds
DURATION_SLACK = 1.0  # seconds over MAX_DURATION that are still taken
STILL_FRAME_RATE = Fraction(24)  # frames a second of a clip made from one image

# Containers that FFmpeg may open. Playlists and lists of files are left out on purpose: they would
# let a clip name other files to be read.
CONTAINERS = "mov,mp4,matroska,webm,avi,ogg,gif,mpegts,mpeg,flv,asf"
READABLE = "an mp4, mov, mkv, webm, avi, ogv or gif video, or a jpg, png or webp image"
MP4_BEGINNINGS = (b"ftyp", b"mdat", b"moov", b"wide", b"free")
OTHER_BEGINNINGS = (b"\x1aE\xdf\xa3", b"RIFF", b"OggS", b"GIF8")  # Matroska, AVI, Ogg, GIF
UPRIGHT = (1, 0, 0, 1)  # the display matrix of a picture that is shown as stored
MISSING_END = 0.25  # seconds of a promised length that may be missing before a file counts as cut
TIMESTAMP_TOLERANCE = 0.00101  # seconds; Matroska and WebM round to milliseconds
# Frame rates worth naming exactly when the timestamps are too coarse to tell.
STANDARD_RATES = tuple(
    Fraction(rate)
    for rate in ("24000/1001", "24", "25", "30000/1001", "30", "48", "50", "60000/1001", "60")
)


@dataclass(frozen=True)
class Video:
    """What is known of a clip, or of a still image that stands for one."""

    path: Path
    duration: float  # from the first displayed frame to the end of the last
    frame_rate: Fraction  # the exact rate, or the average where the rate varies
    width: int  # as displayed
    height: int
    rotation: int  # degrees clockwise by which the stored picture is turned for display
    has_audio: bool
    codec: str
    pixel_format: str
    start_time: float  # the first displayed frame on the file's own clock
    is_still: bool


@dataclass(frozen=True)
class Packet:
    """Where one packet of the picture lies, in ticks of its stream; pts None where not stored."""

    pts: int | None
    dts: int | None
    duration: int
    is_shown: bool


@dataclass
class Scan:
    """What one pass over a file's packets tells, with its first decoded frame."""

    time_base: Fraction
    packets: list[Packet] = field(default_factory=list)  # in decoding order
    first_frame: VideoFrame | None = None
    end: float = 0.0  # of whatever stream reaches furthest, on the file's clock
    is_damaged: bool = False

    def shown(self) -> list[tuple[int, int]]:
        """Displayed frames in order as (pts, duration) in ticks; durations of 0 are filled in."""
        pairs = sorted(
            (packet.pts if packet.pts is not None else packet.dts or 0, packet.duration)
            for packet in self.packets
            if packet.is_shown
        )
        has_times = all(packet.pts is not None for packet in self.packets)
        if has_times and self.first_frame is not None and self.first_frame.pts is not None:
            # What comes before the first frame that decodes is never displayed.
            pairs = [pair for pair in pairs if pair[0] >= self.first_frame.pts]
        usual = int(np.median(np.diff([pts for pts, _ in pairs]))) if len(pairs) > 1 else 0
        return [(pts, duration or usual) for pts, duration in pairs]


def probe(
    path: str | Path, still_duration: float = STILL_DURATION_S, max_duration: float = MAX_DURATION
) -> Video:
    """Return what is known of the clip or still image; anything unusable fails here."""
    path = Path(path)
    _check_readable(path)
    if _is_image(path):
        return _probe_still(path, still_duration)
    with open_clip(path) as container:
        stream = picture_stream(container, path)
        length = (container.duration or 0) / av.time_base
        if length > max_duration + DURATION_SLACK:
            raise _too_long(path, length, max_duration)
        promised = _promised_end(container)
        num_indexed = len(stream.index_entries) if "mp4" in container.format.name else 0
        scan = scan_packets(container, stream)
        frame = scan.first_frame
        shown = scan.shown()
        seen = len(scan.packets)
        is_cut = scan.is_damaged or seen + 1 < num_indexed
        if is_cut or promised - scan.end > MISSING_END + 0.02 * promised:
            raise PixMusError(
                f"{path} is cut off: its data ends after {scan.end:.1f} of {promised:.1f} s; "
                "copy or export it again."
            )
        if frame is None or not shown:
            raise PixMusError(
                f"{path} has no frame that can be decoded ({_codec_name(stream)}); "
                "export it again, for example as H.264 mp4."
            )
        if len(shown) == 1 and container.format.name == "gif":
            return _probe_still(path, still_duration)
        start = float(shown[0][0] * scan.time_base)
        frame_rate = _frame_rate(shown, scan.time_base, stream)
        duration = _duration(shown, scan.time_base, frame_rate)
        _check_duration(path, duration, max_duration)
        width, height = _displayed_size(frame, stream)
        return Video(
            path=path,
            duration=duration,
            frame_rate=frame_rate,
            width=width,
            height=height,
            rotation=_rotation(display_matrix(frame)),
            has_audio=any(s.codec_context is not None for s in container.streams.audio),
            codec=_codec_name(stream),
            pixel_format=frame.format.name,
            start_time=start,
            is_still=False,
        )


# Opening and scanning


def _check_readable(path: Path) -> None:
    if not os.path.exists(path):
        raise PixMusError(f"{path} does not exist; check the name and the folder.")
    if not os.path.isfile(path):
        raise PixMusError(f"{path} is not a file; give {READABLE}.")
    if not os.access(path, os.R_OK):
        raise PixMusError(f"{path} may not be read; change its permissions.")
    if path.stat().st_size == 0:
        raise PixMusError(f"{path} is empty (0 bytes); copy or export it again.")


def _check_duration(path: Path, duration: float, longest: float = MAX_DURATION) -> None:
    if duration > longest + DURATION_SLACK:
        raise _too_long(path, duration, longest)
    if duration < MIN_DURATION - 1e-3:
        raise PixMusError(
            f"{path} is too short ({duration:.2f} s); give a clip of at least {MIN_DURATION} s."
        )


def _too_long(path: Path, duration: float, longest: float) -> PixMusError:
    return PixMusError(
        f"{path} is too long ({duration / 60:.1f} minutes); "
        f"give a clip of at most {longest / 60:.0f} minutes."
    )


@contextmanager
def open_clip(path: Path) -> Iterator[InputContainer]:
    """Open a clip for reading; what FFmpeg cannot read becomes one sentence."""
    try:
        # An absolute name, since "take:2.mp4" alone would be read as a protocol.
        container = av.open(
            str(path.absolute()),
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
    container: InputContainer, path: Path, *streams: VideoStream | av.AudioStream
) -> Iterator[av.Packet]:
    """Yield the packets of a clip; whatever FFmpeg raises while it reads becomes one sentence.

    The errors of who takes the packets, such as a full disk's, do not pass through here.
    """
    try:
        yield from container.demux(*streams)
    except av.FFmpegError as error:
        raise PixMusError(
            f"{path} is damaged and cannot be read to its end; copy or export it again."
        ) from error


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
    """The first stream of moving pictures (an album cover is none)."""
    cover = av.stream.Disposition.attached_pic
    streams = [s for s in container.streams.video if not s.disposition & cover]
    if not streams:
        raise PixMusError(f"{path} has sound but no picture; give {READABLE}.")
    stream = next((s for s in streams if s.codec_context is not None), None)
    if stream is None:
        raise PixMusError(
            f"{path} has a picture in a codec that cannot be decoded; "
            "export it again, for example as H.264 mp4."
        )
    for other in container.streams:
        if other.type not in ("video", "audio"):
            other.discard = av.stream.Discard.all
    return stream


def _promised_end(container: InputContainer) -> float:
    """Where the file's header says that its longest stream ends, on the file's clock."""
    duration = (container.duration or 0) / av.time_base
    is_measured = container.format.name in ("ogg", "gif", "mpegts", "mpeg")  # from the data itself
    return 0.0 if is_measured else duration + min(0.0, (container.start_time or 0) / av.time_base)


def scan_packets(container: InputContainer, stream: VideoStream) -> Scan:
    """Read every packet once, decoding only up to the first frame."""
    scan = Scan(ticks(stream))
    try:
        for packet in container.demux():
            if packet.pts is not None:
                end = (packet.pts + (packet.duration or 0)) * packet.time_base
                scan.end = max(scan.end, float(end))
            if packet.stream_index != stream.index:
                continue
            if packet.size:
                scan.is_damaged |= packet.is_corrupt
                is_shown = not packet.is_discard and not is_hidden(packet, stream)
                pts = packet.pts if has_display_times(container) else None
                scan.packets.append(Packet(pts, packet.dts, packet.duration or 0, is_shown))
            if scan.first_frame is None:
                scan.first_frame = cast(VideoFrame, next(iter(frames_of(packet, stream)), None))
    except av.FFmpegError:
        scan.is_damaged = True
    return scan


def ticks(stream: VideoStream) -> Fraction:
    """Seconds a tick of the stream's clock."""
    assert stream.time_base is not None, stream
    return stream.time_base


def has_display_times(container: InputContainer) -> bool:
    """AVI numbers its frames in decoding order only; what FFmpeg adds is a guess."""
    return container.format.name != "avi"


def _codec_name(stream: VideoStream) -> str:
    return stream.codec_context.codec.canonical_name


def is_hidden(packet: av.Packet, stream: VideoStream) -> bool:
    """Whether a VP8 packet is a reference that is never shown (RFC 6386, 9.1, show_frame)."""
    return _codec_name(stream) == "vp8" and not bytes(packet)[0] >> 4 & 1


def _frame_rate(shown: list[tuple[int, int]], time_base: Fraction, stream: VideoStream) -> Fraction:
    """The rate that explains every timestamp, or else the average rate."""
    times = (np.array([pts for pts, _ in shown]) - shown[0][0]) * float(time_base)
    tolerance = max(float(time_base), TIMESTAMP_TOLERANCE)
    for rate in (stream.guessed_rate, stream.average_rate, stream.base_rate, *STANDARD_RATES):
        if rate and np.abs(times - np.arange(len(times)) / float(rate)).max() <= tolerance:
            return Fraction(rate)
    length = (shown[-1][0] + shown[-1][1] - shown[0][0]) * time_base
    return (len(shown) / length).limit_denominator(1001)


def _duration(shown: list[tuple[int, int]], time_base: Fraction, frame_rate: Fraction) -> float:
    """Seconds from the first displayed frame to the end of the last.

    Matroska rounds each time to a millisecond; a constant rate tells the exact length.
    """
    end = (max(pts + length for pts, length in shown) - shown[0][0]) * time_base
    exact = len(shown) / frame_rate
    return float(exact if abs(end - exact) <= 2 * TIMESTAMP_TOLERANCE else end)


def display_matrix(frame: VideoFrame) -> tuple[int, int, int, int]:
    """The turning part (a, b, c, d) of FFmpeg's display matrix: (x, y) to (ax + cy, bx + dy)."""
    data = cast(Buffer | None, frame.side_data.get("DISPLAYMATRIX"))
    if data is not None:
        a, b, _, c, d, *_ = struct.unpack("=9i", bytes(data))
        return a, b, c, d
    return UPRIGHT


def _rotation(matrix: tuple[int, int, int, int]) -> int:
    a, b, c, d = matrix
    if abs(b) > abs(a):
        return 90 if b > 0 else 270
    return 180 if a < 0 and d < 0 else 0


def _displayed_size(frame: VideoFrame, stream: VideoStream) -> tuple[int, int]:
    width = max(1, round(frame.width * (stream.sample_aspect_ratio or 1)))
    is_sideways = _rotation(display_matrix(frame)) % 180 == 90
    return (frame.height, width) if is_sideways else (width, frame.height)


# Still images


def _is_image(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(12)
    return head.startswith((b"\xff\xd8\xff", b"\x89PNG")) or (head[:4], head[8:]) == (
        b"RIFF",
        b"WEBP",
    )


def still_image(path: Path) -> Image.Image:
    """The image upright and in RGB, transparent parts black."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as file:
                image = ImageOps.exif_transpose(file)
                if image.has_transparency_data:
                    image = image.convert("RGBA")
                    black = Image.new("RGBA", image.size, "black")
                    return Image.alpha_composite(black, image).convert("RGB")
                return image.convert("RGB")
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise PixMusError(f"{path} has too many pixels; give a smaller image.") from error
    except (OSError, ValueError, SyntaxError) as error:
        raise PixMusError(
            f"{path} is cut off or damaged and cannot be read as an image; copy or export it again."
        ) from error


def _probe_still(path: Path, duration: float) -> Video:
    _check_duration(path, duration)
    image = still_image(path)
    with Image.open(path) as file:
        codec = (file.format or "image").lower()
    return Video(
        path=path,
        duration=float(duration),
        frame_rate=STILL_FRAME_RATE,
        width=image.width,
        height=image.height,
        rotation=0,
        has_audio=False,
        codec=codec,
        pixel_format="rgb24",
        start_time=0.0,
        is_still=True,
    )
