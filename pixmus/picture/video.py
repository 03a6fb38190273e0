"""A `Video`, its frames and its sound; and the finished clip written back.

Conventions: times are seconds from the first displayed frame, whatever clock the file itself keeps;
images are uint8 RGB (height, width, 3) as displayed (pixel aspect and rotation applied); a waveform
is float32 (2, samples). Frames that an edit list hides are never seen by the rest of PixMus.
"""

from __future__ import annotations

import errno
import heapq
import itertools
import math
import mmap
import os
import struct
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.buffer import Buffer
from av.container import InputContainer, OutputContainer
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from av.video.stream import VideoStream
from PIL import Image, ImageOps

from pixmus.choices import STILL_DURATION_S
from pixmus.errors import PixMusError
from pixmus.waveform import SAMPLE_RATE

MIN_DURATION = 0.5  # seconds
MAX_DURATION = 600.0  # seconds
DURATION_SLACK = 1.0  # seconds over MAX_DURATION that are still taken
STILL_FRAME_RATE = Fraction(24)  # frames a second of a clip made from one image
DECODING_THREADS = 2

# Containers that FFmpeg may open. Playlists and lists of files are left out on purpose: they would
# let a clip name other files to be read.
CONTAINERS = "mov,mp4,matroska,webm,avi,ogg,gif,mpegts,mpeg,flv,asf"
READABLE = "an mp4, mov, mkv, webm, avi, ogv or gif video, or a jpg, png or webp image"
MP4_BEGINNINGS = (b"ftyp", b"mdat", b"moov", b"wide", b"free")
OTHER_BEGINNINGS = (b"\x1aE\xdf\xa3", b"RIFF", b"OggS", b"GIF8")  # Matroska, AVI, Ogg, GIF
WRITABLE = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov"}

CODEC_NAMES = {"h264": "H.264", "mpeg4": "MPEG-4", "theora": "Theora", "webp": "WebP"}
COPIED_CODEC = "h264"
COPIED_PIXEL_FORMATS = ("yuv420p", "yuvj420p")  # 8-bit 4:2:0, limited and full range
UPRIGHT = (1, 0, 0, 1)  # the display matrix of a picture that is shown as stored
LARGEST_COPY = (2560, 1440)  # pixels, longer and shorter side; above it (4K) copies are not made
LARGEST_ENCODE = (1920, 1080)  # pixels, longer and shorter side
ENCODER_OPTIONS = {"preset": "veryfast", "crf": "18"}
AAC_BIT_RATE = 192_000  # bits a second
AAC_FRAME = 1024  # samples
MOVIE_TIMESCALE = "90000"  # ticks a second of the edit list's lengths; FFmpeg's own 1000 is coarse

AUDIO_GAP = 0.03  # seconds by which the clip's sound may drift from its timestamps unnoticed
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
class Frame:
    """One displayed frame, small."""

    time: float
    image: np.ndarray  # (height, width, 3) uint8 RGB


@dataclass(frozen=True)
class MuxReport:
    """Whether the picture was copied, and one sentence on what was done to it."""

    copied: bool
    note: str


@dataclass(frozen=True)
class _Packet:
    """Where one packet of the picture lies, in ticks of its stream; pts None where not stored."""

    pts: int | None
    dts: int | None
    duration: int
    is_shown: bool


@dataclass
class _Scan:
    """What one pass over a file's packets tells, with its first decoded frame."""

    time_base: Fraction
    packets: list[_Packet] = field(default_factory=list)  # in decoding order
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
    with _open(path) as container:
        stream = _picture_stream(container, path)
        length = (container.duration or 0) / av.time_base
        if length > max_duration + DURATION_SLACK:
            raise _too_long(path, length, max_duration)
        promised = _promised_end(container)
        num_indexed = len(stream.index_entries) if "mp4" in container.format.name else 0
        scan = _scan(container, stream)
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
            rotation=_rotation(_display_matrix(frame)),
            has_audio=any(s.codec_context is not None for s in container.streams.audio),
            codec=_codec_name(stream),
            pixel_format=frame.format.name,
            start_time=start,
            is_still=False,
        )


def read_frames(video: Video, max_width: int = 160) -> Iterator[Frame]:
    """Yield every displayed frame once, in order, its longer side at most `max_width` pixels."""
    scale = min(1.0, max_width / max(video.width, video.height))
    width, height = (max(2, round(side * scale)) for side in (video.width, video.height))
    if video.is_still:
        image = np.asarray(_still_image(video.path).resize((width, height), Image.Resampling.BOX))
        for index in range(max(1, round(video.duration * STILL_FRAME_RATE))):
            yield Frame(float(index / STILL_FRAME_RATE), image)
        return
    if video.rotation % 180:
        width, height = height, width
    reformatter = VideoReformatter()
    turn: Callable[[np.ndarray], np.ndarray] | None = None
    with _open(video.path) as container:
        stream = _picture_stream(container, video.path)
        for time, frame in _displayed_frames(container, stream, video):
            if turn is None:
                turn = _turn(_display_matrix(frame))
            # Area averaging costs 5 % of decoding and spares the curves the flicker of aliasing.
            small = reformatter.reformat(
                frame, width, height, "rgb24", interpolation=Interpolation.AREA, threads=1
            )
            yield Frame(time, turn(small.to_ndarray()))


def read_audio(video: Video, sample_rate: int = SAMPLE_RATE) -> np.ndarray | None:
    """Return the clip's own sound, cut and padded to the picture, or None where it has none."""
    if not video.has_audio:
        return None
    waveform = np.zeros((2, round(video.duration * sample_rate)), np.float32)
    with _open(video.path) as container:
        stream = next(s for s in container.streams.audio if s.codec_context is not None)
        resampler, kind = av.AudioResampler("fltp", "stereo", sample_rate), None
        position, expected = 0, -math.inf  # samples written, and seconds that they reach
        for frame in _decoded_sound(container, stream):
            time = expected
            if frame.pts is not None and frame.time_base is not None:
                time = float(frame.pts * frame.time_base) - video.start_time
            time = max(time, -video.start_time)
            this_kind = (frame.format.name, frame.layout.name, frame.sample_rate)
            if this_kind != kind or abs(time - expected) > AUDIO_GAP:
                if kind is not None:
                    _place(waveform, resampler.resample(None), position)
                # FFmpeg would lower a mono sound by 3 dB on its way to two channels.
                layout = "mono" if frame.layout.nb_channels == 1 else "stereo"
                resampler, kind = av.AudioResampler("fltp", layout, sample_rate), this_kind
                position, expected = round(time * sample_rate), time
            expected += frame.samples / frame.sample_rate
            frame.pts = None
            position = _place(waveform, resampler.resample(frame), position)
        if kind is not None:
            _place(waveform, resampler.resample(None), position)
    return waveform


def mux(
    video: Video, waveform: np.ndarray, out_path: str | Path, *, overwrite: bool = False
) -> MuxReport:
    """Write the clip with `waveform` as its only sound, and return what happened to the picture.

    8-bit 4:2:0 H.264 up to `LARGEST_COPY` is copied packet by packet; everything else is encoded
    with the rotation, pixel aspect and timestamps that it had. The sound is cut or padded with
    silence to the picture's length. Nothing appears at `out_path` until the file is complete.
    """
    assert waveform.ndim == 2 and waveform.shape[0] == 2, f"{waveform.shape=}"
    out_path = Path(out_path)
    _check_writable(video.path, out_path, overwrite)
    with _appearing(out_path, overwrite) as partial:
        return _write(video, waveform, partial, WRITABLE[out_path.suffix.lower()])


def trim(
    video: Video, start: float, end: float, out_path: str | Path, *, overwrite: bool = False
) -> None:
    """Write the part of a clip from `start` to `end` (seconds) as a clip of its own, H.264 mp4.

    Its first frame is the first one displayed at or after `start`; its sound comes along.
    """
    if video.is_still:
        raise PixMusError(f"{video.path} is a still image and has no parts; choose its length.")
    if not (0 <= start < end and end - start >= MIN_DURATION and start < video.duration):
        raise PixMusError(
            f"{video.path} cannot be trimmed to {start:g} to {end:g} s; choose a part of its "
            f"{video.duration:.2f} s that lasts at least {MIN_DURATION} s."
        )
    out_path = Path(out_path)
    _check_writable(video.path, out_path, overwrite)
    end = min(end, video.duration)
    sound = read_audio(video)
    if sound is not None:
        sound = sound[:, round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)]
    with _appearing(out_path, overwrite) as partial:
        _encode(video, sound, partial, WRITABLE[out_path.suffix.lower()], (start, end))


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
def _open(path: Path) -> Iterator[InputContainer]:
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


def _picture_stream(container: InputContainer, path: Path) -> VideoStream:
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


def _scan(container: InputContainer, stream: VideoStream) -> _Scan:
    """Read every packet once, decoding only up to the first frame."""
    scan = _Scan(_ticks(stream))
    try:
        for packet in container.demux():
            if packet.pts is not None:
                end = (packet.pts + (packet.duration or 0)) * packet.time_base
                scan.end = max(scan.end, float(end))
            if packet.stream_index != stream.index:
                continue
            if packet.size:
                scan.is_damaged |= packet.is_corrupt
                is_shown = not packet.is_discard and not _is_hidden(packet, stream)
                pts = packet.pts if _has_display_times(container) else None
                scan.packets.append(_Packet(pts, packet.dts, packet.duration or 0, is_shown))
            if scan.first_frame is None:
                with suppress(av.error.InvalidDataError):
                    scan.first_frame = next(iter(stream.decode(packet)), None)
    except av.error.InvalidDataError:
        scan.is_damaged = True
    return scan


def _ticks(stream: VideoStream) -> Fraction:
    """Seconds a tick of the stream's clock."""
    assert stream.time_base is not None, stream
    return stream.time_base


def _has_display_times(container: InputContainer) -> bool:
    """AVI numbers its frames in decoding order only; what FFmpeg adds is a guess."""
    return container.format.name != "avi"


def _codec_name(stream: VideoStream) -> str:
    return stream.codec_context.codec.canonical_name


def _is_hidden(packet: av.Packet, stream: VideoStream) -> bool:
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


# Frames as they are displayed


def _displayed_frames(
    container: InputContainer, stream: VideoStream, video: Video
) -> Iterator[tuple[float, VideoFrame]]:
    """Yield (time, decoded frame) for every displayed frame; damaged packets are left out."""
    stream.thread_type = "AUTO"
    stream.codec_context.thread_count = DECODING_THREADS
    ordered: list[float] = []  # times of packets as they come; AVI's frames take them in turn
    count, previous = 0, -1.0
    for packet in container.demux(stream):
        if packet.size and packet.dts is not None and not _is_hidden(packet, stream):
            ordered.append(float(packet.dts * _ticks(stream)) - video.start_time)
        with suppress(av.error.InvalidDataError):
            for frame in packet.decode():
                if frame.pts is not None and _has_display_times(container):
                    time = float(frame.pts * _ticks(stream)) - video.start_time
                elif count < len(ordered):
                    time = ordered[count]
                else:
                    time = previous + float(1 / video.frame_rate)
                count += 1
                if time > previous:
                    previous = time
                    yield time, frame


def _display_matrix(frame: VideoFrame) -> tuple[int, int, int, int]:
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


def _turn(matrix: tuple[int, int, int, int]) -> Callable[[np.ndarray], np.ndarray]:
    """A function that turns and mirrors an image by whole quarter turns, as a player would."""
    a, b, c, d = matrix
    is_sideways = abs(b) > abs(a)
    flip_x, flip_y = (c < 0, b < 0) if is_sideways else (a < 0, d < 0)

    def turn(image: np.ndarray) -> np.ndarray:
        if is_sideways:
            image = image.swapaxes(0, 1)
        return np.ascontiguousarray(image[:: -1 if flip_y else 1, :: -1 if flip_x else 1])

    return turn


def _displayed_size(frame: VideoFrame, stream: VideoStream) -> tuple[int, int]:
    width = max(1, round(frame.width * (stream.sample_aspect_ratio or 1)))
    is_sideways = _rotation(_display_matrix(frame)) % 180 == 90
    return (frame.height, width) if is_sideways else (width, frame.height)


# Still images


def _is_image(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(12)
    return head.startswith((b"\xff\xd8\xff", b"\x89PNG")) or (head[:4], head[8:]) == (
        b"RIFF",
        b"WEBP",
    )


def _still_image(path: Path) -> Image.Image:
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
    image = _still_image(path)
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


# The clip's own sound


def _decoded_sound(container: InputContainer, stream: av.AudioStream) -> Iterator[av.AudioFrame]:
    for packet in container.demux(stream):
        with suppress(av.error.InvalidDataError):  # a damaged packet leaves silence
            yield from stream.decode(packet)


def _place(waveform: np.ndarray, frames: list[av.AudioFrame], position: int) -> int:
    """Write resampled frames at `position` (samples; may lie outside) and return their end."""
    for frame in frames:
        block = frame.to_ndarray()
        start, end = max(0, position), min(waveform.shape[1], position + block.shape[1])
        if start < end:
            waveform[:, start:end] = block[:, start - position : end - position]
        position += block.shape[1]
    return position


# Writing


def _check_writable(source: Path, out_path: Path, overwrite: bool) -> None:
    if out_path.suffix.lower() not in WRITABLE:
        raise PixMusError(
            f"{out_path} cannot be written: give the soundtrack's clip a name that ends in .mp4."
        )
    if not os.path.isdir(out_path.parent):
        raise PixMusError(f"{out_path.parent} is not a folder; create it or choose another.")
    if os.path.isdir(out_path):
        raise PixMusError(f"{out_path} is a folder; choose a file name.")
    if os.path.exists(out_path):
        if out_path.samefile(source):
            raise PixMusError(f"{out_path} is the clip itself; choose another name.")
        if not overwrite:
            raise _already_there(out_path)


def _already_there(out_path: Path) -> PixMusError:
    return PixMusError(f"{out_path} is already there; choose another name or pass --force.")


@contextmanager
def _appearing(out_path: Path, overwrite: bool) -> Iterator[Path]:
    """A name to write to that becomes `out_path` when all went well, and vanishes otherwise."""
    partial = out_path.with_name(f".{out_path.name}.{os.getpid()}.part")
    try:
        with _explained(out_path):
            partial.touch(exist_ok=False)
            yield partial
            if out_path.exists() and not overwrite:
                raise _already_there(out_path)
            os.replace(partial, out_path)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


@contextmanager
def _explained(out_path: Path) -> Iterator[None]:
    """Turn what the system says about a write into one sentence."""
    try:
        yield
    except (OSError, av.FFmpegError) as error:
        number = error.errno
        if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            reason = "the disk is full; free some space or choose another folder"
        elif number in (errno.EACCES, errno.EPERM, errno.EROFS):
            reason = "its folder may not be written to; choose another folder"
        else:
            reason = f"{error.strerror or error}; choose another folder or clip"
        raise PixMusError(f"{out_path} cannot be written: {reason}.") from error


def _write(video: Video, waveform: np.ndarray, path: Path, container_format: str) -> MuxReport:
    """Write picture and sound to `path`, the picture copied where that keeps every frame's time."""
    if _is_copyable(video) and _copy(video, waveform, path, container_format):
        return MuxReport(True, "the picture was copied untouched")
    size = _encode(video, waveform, path, container_format)
    kind = CODEC_NAMES.get(video.codec, video.codec.upper())
    return MuxReport(
        False,
        f"the picture was encoded from {video.width}x{video.height} {kind} "
        f"to {size[0]}x{size[1]} H.264",
    )


def _is_copyable(video: Video) -> bool:
    longer, shorter = max(video.width, video.height), min(video.width, video.height)
    return (
        video.codec == COPIED_CODEC
        and video.pixel_format in COPIED_PIXEL_FORMATS
        and longer <= LARGEST_COPY[0]
        and shorter <= LARGEST_COPY[1]
    )


@contextmanager
def _create(path: Path, container_format: str) -> Iterator[OutputContainer]:
    container = av.open(
        str(path.absolute()),
        "w",
        format=container_format,
        container_options={"movflags": "+faststart", "movie_timescale": MOVIE_TIMESCALE},
    )
    try:
        yield container
    except BaseException:
        with suppress(Exception):
            container.close()
        raise
    container.close()


def _mux(
    out: OutputContainer,
    picture: Iterator[av.Packet],
    waveform: np.ndarray | None,
    duration: float,
) -> None:
    """Write the picture's packets and the encoded sound, if any, in order of time."""
    if waveform is None:
        for packet in picture:
            out.mux(packet)
        return
    # The fast coder takes 0.4 of the time for 0.7 dB at this bit rate.
    sound = out.add_stream(
        "aac",
        rate=SAMPLE_RATE,
        layout="stereo",
        bit_rate=AAC_BIT_RATE,
        options={"aac_coder": "fast"},
    )
    num_samples = round(duration * SAMPLE_RATE)
    for packet in heapq.merge(picture, _encode_sound(sound, waveform, num_samples), key=_moment):
        out.mux(packet)


def _moment(packet: av.Packet) -> float:
    assert packet.dts is not None and packet.time_base is not None, packet
    return float(packet.dts * packet.time_base)


def _encode_sound(
    stream: av.AudioStream, waveform: np.ndarray, num_samples: int
) -> Iterator[av.Packet]:
    """Yield AAC packets; the first starts 1024 samples before 0, and the edit list says so."""
    for start in range(0, num_samples, AAC_FRAME):
        block = np.zeros((2, min(AAC_FRAME, num_samples - start)), np.float32)
        given = waveform[:, start : start + block.shape[1]]
        block[:, : given.shape[1]] = given
        frame = av.AudioFrame.from_ndarray(block, "fltp", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, start, Fraction(1, SAMPLE_RATE)
        yield from stream.encode(frame)
    yield from stream.encode(None)


# Copying the picture


def _copy(video: Video, waveform: np.ndarray, path: Path, container_format: str) -> bool:
    """Write the clip with its packets untouched; False where their times cannot be kept."""
    with _open(video.path) as source:
        wanted = _scan(source, _picture_stream(source, video.path))
    if any(packet.pts is None for packet in wanted.packets):
        wanted = _in_display_order(wanted, video.path)
    timing = _copied_timing(wanted)
    if timing is None:
        return False
    try:
        with _open(video.path) as source, _create(path, container_format) as out:
            stream = _picture_stream(source, video.path)
            copy = out.add_stream_from_template(stream)
            copy.time_base = stream.time_base
            if stream.sample_aspect_ratio:
                copy.codec_context.sample_aspect_ratio = stream.sample_aspect_ratio
            _mux(out, _copied_packets(source, stream, copy, timing), waveform, video.duration)
    except (av.error.ArgumentError, av.error.InvalidDataError):
        return False  # times or packets that the mp4 writer does not take
    if sum(packet.is_shown for packet in wanted.packets[: len(timing)]) < len(timing):
        _end_edit(path, video.duration)
    with _open(path) as written:
        got = _scan(written, _picture_stream(written, path))
    return _same_times(wanted, got)


def _in_display_order(scan: _Scan, path: Path) -> _Scan:
    """The scan with times of display, found by decoding once; unchanged where that fails."""
    order: list[int | None] = []  # for each displayed frame the number of its packet
    with _open(path) as container:
        stream = _picture_stream(container, path)
        stream.thread_type = "AUTO"
        count = 0
        with suppress(av.error.InvalidDataError):
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


def _copied_timing(scan: _Scan) -> list[tuple[int, int, int]] | None:
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
    return [
        (own, decoding, lengths.get(own + start, packet.duration))
        for own, decoding, packet in zip(pts, dts, packets, strict=True)
    ]


def _copied_packets(
    source: InputContainer,
    stream: VideoStream,
    copy: VideoStream,
    timing: list[tuple[int, int, int]],
) -> Iterator[av.Packet]:
    packets = (packet for packet in source.demux(stream) if packet.size)
    for packet, (pts, dts, duration) in zip(packets, timing, strict=False):
        packet.stream = copy
        packet.pts, packet.dts, packet.duration = pts, dts, duration
        yield packet


def _end_edit(path: Path, duration: float) -> None:
    """Let the picture's edit list end at `duration`: packets kept for others' sake stay hidden."""
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as data:
        moov = next(span for kind, *span in _boxes(data, 0, len(data)) if kind == b"moov")
        for kind, *trak in _boxes(data, *moov):
            if kind != b"trak" or data.find(b"vide", *_box(data, trak, b"mdia", b"hdlr")) < 0:
                continue
            edits, _ = _box(data, trak, b"edts", b"elst")
            if edits and data[edits] == 0:  # version 0: 32-bit lengths (ISO 14496-12, 8.6.6)
                struct.pack_into(">I", data, edits + 8, round(duration * int(MOVIE_TIMESCALE)))


def _box(data: mmap.mmap, span: list[int], *kinds: bytes) -> list[int]:
    """Where the content of the first box along the path `kinds` starts and ends."""
    for wanted in kinds:
        span = next((found for kind, *found in _boxes(data, *span) if kind == wanted), [0, 0])
    return span


def _boxes(data: mmap.mmap, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield (kind, start of content, end) of the boxes of an mp4 file (ISO 14496-12, 4.2)."""
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, start)
        content = start + 8
        if size == 1:
            size, content = struct.unpack_from(">Q", data, content)[0], start + 16
        size = size if size >= 8 else end - start
        yield kind, content, start + size
        start += size


def _same_times(wanted: _Scan, got: _Scan) -> bool:
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


# Encoding the picture


def _encode(
    video: Video,
    waveform: np.ndarray | None,
    path: Path,
    container_format: str,
    span: tuple[float, float] | None = None,
) -> tuple[int, int]:
    """Write the clip, or a span of it, with its picture encoded anew; return the displayed size."""
    if video.is_still:
        assert waveform is not None
        return _encode_still(video, waveform, path, container_format)
    start, end = span or (0.0, video.duration)
    with _open(video.path) as source, _create(path, container_format) as out:
        stream = _picture_stream(source, video.path)
        shown = itertools.takewhile(
            lambda pair: pair[0] < end - TIMESTAMP_TOLERANCE,
            _displayed_frames(source, stream, video),
        )
        frames = ((time, frame) for time, frame in shown if time >= start - TIMESTAMP_TOLERANCE)
        begin, first = next(frames, (0.0, None))
        if first is None:
            raise PixMusError(
                f"{video.path} shows no new frame from {start:g} to {end:g} s; choose another part."
            )
        width, height = _encoded_size(first.width, first.height)
        time_base = _ticks(stream)
        encoder = _encoder(out, (width, height), video.frame_rate, time_base, first)
        aspect = Fraction(stream.sample_aspect_ratio or 1)
        if aspect != 1:
            encoder.codec_context.sample_aspect_ratio = aspect
        matrix = _display_matrix(first)
        if matrix != UPRIGHT:
            encoder.set_display_matrix(_whole_matrix(*matrix))
        later = ((time - begin, frame) for time, frame in frames)
        pictures = itertools.chain([(0.0, first)], later)
        packets = _encoded_packets(encoder, pictures, end - start, time_base)
        _mux(out, packets, waveform, end - start)
    displayed = round(width * aspect)
    return (height, displayed) if video.rotation % 180 else (displayed, height)


def _encode_still(
    video: Video, waveform: np.ndarray, path: Path, container_format: str
) -> tuple[int, int]:
    """Write a clip that shows the image all the time, and return its size."""
    image = _still_image(video.path)
    size = _encoded_size(image.width, image.height)
    frame = VideoFrame.from_ndarray(
        np.asarray(image.resize(size, Image.Resampling.LANCZOS)), "rgb24"
    )
    time_base = 1 / STILL_FRAME_RATE
    count = max(1, round(video.duration * STILL_FRAME_RATE))
    frames = ((float(index * time_base), frame) for index in range(count))
    with _create(path, container_format) as out:
        encoder = _encoder(out, size, STILL_FRAME_RATE, time_base, frame)
        packets = _encoded_packets(encoder, frames, video.duration, time_base)
        _mux(out, packets, waveform, video.duration)
    return size


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
    ends[previous] = max(previous + 1, round(duration / time_base))
    yield from _timed(stream.encode(None), ends)


def _timed(packets: list[av.Packet], ends: dict[int, int]) -> Iterator[av.Packet]:
    for packet in packets:
        if packet.pts is not None and packet.pts in ends:
            packet.duration = ends.pop(packet.pts) - packet.pts
        yield packet
