"""A `Video`: what is known of a clip, from one pass over its packets.

Conventions: times are seconds from the first displayed frame, whatever clock the file itself keeps;
widths and heights are as displayed (pixel aspect and rotation applied). Frames that an edit list
hides are never seen by the rest of PixMus.
"""

from __future__ import annotations

import math
import os
import struct
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.buffer import Buffer
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from pixmus.choices import STILL_DURATION_S, Length
from pixmus.errors import PixMusError
from pixmus.files import named
from pixmus.picture.animated import WEBP, is_animated_webp
from pixmus.picture.scan import Scan, remember, scan_packets
from pixmus.picture.still import is_image, still_image
from pixmus.picture.stream import READABLE, codec_name, open_clip, picture_stream, ticks
from pixmus.picture.timecode import WRITTEN
from pixmus.picture.track import Track, choose_track

MIN_DURATION = 0.5  # seconds
MAX_DURATION = 600.0  # seconds
DURATION_SLACK = 1.0  # seconds over MAX_DURATION that are still taken
LONGER_SOUND = 0.5  # seconds that a clip's sound may be cut without a word
STILL_FRAME_RATE = Fraction(24)  # frames a second of a clip made from one image

UPRIGHT = (1, 0, 0, 1)  # the display matrix of a picture that is shown as stored
MISSING_END = 0.25  # seconds of a promised length that may be missing before a file counts as cut
TIMESTAMP_TOLERANCE = 0.00101  # seconds; Matroska and WebM round to milliseconds
MOST_CHAPTERS, LONGEST_TITLE = 255, 80  # an mp4 file's own limits, in characters well within
UNREAD_ALPHA = "The clip's transparency cannot be read: what it hides is shown."
MOST_WHOLE = 0.8  # share of frames that the next one follows at once, where others are missing
# Frame rates worth naming exactly when the timestamps are too coarse to tell.
STANDARD_RATES = tuple(
    Fraction(rate)
    for rate in ("24000/1001", "24", "25", "30000/1001", "30", "48", "50", "60000/1001", "60")
)


@dataclass(frozen=True)
class Chapter:
    """A named part of a clip."""

    start: float
    end: float
    title: str


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
    track: Track | None = None  # the sound track that is its own sound
    shifts: tuple[float, ...] = (0.0,)  # of the parts of a clock that starts anew, see `clock`
    notices: tuple[str, ...] = ()  # what a person should know of the clip, in sentences
    timecode: str | None = None  # of the first displayed frame, as the file says it
    chapters: tuple[Chapter, ...] = ()


def probe(
    path: str | Path,
    still_duration: float = STILL_DURATION_S,
    max_duration: float = MAX_DURATION,
    length: Length | None = None,
    tracks: str = "",
) -> Video:
    """Return what is known of the clip or still image; anything unusable fails here.

    A clip is as long as its picture (`length` "picture"). By itself, where its sound goes on for
    more than `LONGER_SOUND` seconds, and with "sound" wherever it does, the last frame stays to
    the sound's end. `tracks` says which of its sound tracks are its own sound, see `choose_track`.
    """
    path = Path(path)
    _check_readable(path)
    if is_image(path):
        return _probe_still(path, still_duration)
    with open_clip(path) as container:
        stream = picture_stream(container, path)
        long = _picture_seconds(container, stream)
        if long > max_duration + DURATION_SLACK:
            raise _too_long(path, long, max_duration)
        promised = _promised_end(container)
        scan = scan_packets(container, stream)
        remember(path, scan)
        _check_whole(path, scan, promised, stream)
        frame, shown = scan.first_frame, scan.shown()
        if frame is None or not shown:
            raise PixMusError(
                f"{path} has no frame that can be decoded ({codec_name(stream)}); "
                "export it again, for example as H.264 mp4."
            )
        if len(shown) == 1 and container.format.name == "gif":
            return _probe_still(path, still_duration)
        start = float(shown[0][0] * scan.time_base)
        frame_rate = _frame_rate(shown, scan.time_base, stream)
        picture = _duration(shown, scan.time_base, frame_rate)
        track = choose_track(container, path, tracks)
        ends = [scan.ends.get(index, start) for index in (track.indices if track else ())]
        sound = max(ends, default=start) - start
        duration = _held(picture, sound, max_duration, length)
        _check_duration(path, duration, max_duration)
        width, height = _displayed_size(frame, stream)
        return Video(
            path=path,
            duration=duration,
            frame_rate=frame_rate,
            width=width,
            height=height,
            rotation=_rotation(display_matrix(frame)),
            has_audio=track is not None,
            codec=WEBP if is_animated_webp(path) else codec_name(stream),
            pixel_format=frame.format.name,
            start_time=start,
            is_still=False,
            track=track,
            shifts=scan.shifts,
            notices=(
                *_notices(scan, picture, sound, duration),
                *(track.notices if track else ()),
                *((UNREAD_ALPHA,) if _hides_something(stream) else ()),
                *_left_out(container),
            ),
            timecode=_timecode(container, stream),
            chapters=_chapters(container, start, duration),
        )


def _picture_seconds(container: InputContainer, stream: VideoStream) -> float:
    """How long the header says that the picture is, or the longest stream where it does not."""
    whole = (container.duration or 0) / av.time_base
    own = float((stream.duration or 0) * ticks(stream))
    return min(whole, own) if own > 0 and "mp4" in container.format.name else whole


def _held(picture: float, sound: float, longest: float, length: Length | None) -> float:
    """How long the clip is whose picture and sound end at these seconds."""
    spare = {"picture": math.inf, "sound": TIMESTAMP_TOLERANCE}.get(length or "", LONGER_SOUND)
    return sound if picture + spare < sound <= longest else picture


def _notices(scan: Scan, picture: float, sound: float, duration: float) -> tuple[str, ...]:
    found = []
    if duration > picture:
        found.append(
            f"The sound goes on after the picture ({sound:.1f} and {picture:.1f} s): the last "
            "frame stays to its end."
        )
    elif sound > picture + LONGER_SOUND:
        found.append(
            f"The sound goes on after the picture ({sound:.1f} and {picture:.1f} s) and is cut "
            "where the picture ends."
        )
    if scan.num_corrupt:
        places = "one place" if scan.num_corrupt == 1 else f"{scan.num_corrupt} places"
        found.append(
            f"The clip is damaged in {places}: some of it was lost on the way, and the picture "
            "may stand still or show blocks there."
        )
    if len(scan.shifts) > 1:
        found.append(
            f"The clip's clock starts anew ({len(scan.shifts)} parts); they are taken one after "
            "another."
        )
    return tuple(found)


def _hides_something(stream: VideoStream) -> bool:
    """Whether VP8 or VP9 has its transparency beside the picture, where FFmpeg does not look."""
    tags = {name.lower(): value for name, value in stream.metadata.items()}
    return tags.get("alpha_mode") == "1"


def _left_out(container: InputContainer) -> tuple[str, ...]:
    """The sentence of subtitles, which the scored clip does not have."""
    count = len(container.streams.subtitles)
    if "mp4" in container.format.name and container.chapters():
        count -= 1  # a track of their names
    if count < 1:
        return ()
    tracks = "a subtitle track" if count == 1 else f"{count} subtitle tracks"
    return (f"The clip has {tracks}, which the scored clip leaves out.",)


def _timecode(container: InputContainer, stream: VideoStream) -> str | None:
    for metadata in (stream.metadata, container.metadata, *(s.metadata for s in container.streams)):
        found = WRITTEN.fullmatch(metadata.get("timecode", ""))
        if found:
            return found[0]
    return None


def _chapters(container: InputContainer, start: float, duration: float) -> tuple[Chapter, ...]:
    """The chapters that lie within the clip, in its own seconds."""
    found = []
    for chapter in container.chapters()[:MOST_CHAPTERS]:
        tick = chapter["time_base"] or Fraction(1, av.time_base)
        begin = max(float(chapter["start"] * tick) - start, 0.0)
        end = min(float(chapter["end"] * tick) - start, duration)
        if begin < end:
            title = chapter["metadata"].get("title", "")[:LONGEST_TITLE]
            found.append(Chapter(begin, end, title))
    return tuple(found)


def _check_whole(path: Path, scan: Scan, promised: float, stream: VideoStream) -> None:
    """PixMusError where the file ends before the end that its header or index promises."""
    num_indexed = len(stream.index_entries) if "mp4" in scan.format else 0
    is_cut = scan.is_damaged or len(scan.packets) + 1 < num_indexed
    if is_cut or promised - scan.end > MISSING_END + 0.02 * promised:
        of = f" of {promised:.1f}" if promised else ""
        raise PixMusError(
            f"{path} is cut off: its data ends after {scan.end:.1f}{of} s; copy or export it again."
        )


# Opening and scanning


def _check_readable(path: Path) -> None:
    if not os.path.exists(named(path)):
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


def _promised_end(container: InputContainer) -> float:
    """Where the file's header says that its longest stream ends, on the file's clock."""
    duration = (container.duration or 0) / av.time_base
    is_measured = container.format.name in ("ogg", "gif", "mpegts", "mpeg")  # from the data itself
    return 0.0 if is_measured else duration + min(0.0, (container.start_time or 0) / av.time_base)


def _frame_rate(shown: list[tuple[int, int]], time_base: Fraction, stream: VideoStream) -> Fraction:
    """The rate that explains every timestamp, one that does so but for missing frames, or else the
    average rate."""
    times = (np.array([pts for pts, _ in shown]) - shown[0][0]) * float(time_base)
    tolerance = max(float(time_base), TIMESTAMP_TOLERANCE)
    named = (stream.guessed_rate, stream.average_rate, stream.base_rate, *STANDARD_RATES)
    rates = [Fraction(rate) for rate in named if rate]
    for rate in rates:
        if np.abs(times - np.arange(len(times)) / float(rate)).max() <= tolerance:
            return rate
    for rate in rates:
        places = np.rint(times * float(rate))
        is_on_grid = np.abs(times - places / float(rate)).max() <= tolerance
        if is_on_grid and np.mean(np.diff(places) == 1) >= MOST_WHOLE:
            return rate
    length = (shown[-1][0] + shown[-1][1] - shown[0][0]) * time_base
    # A frame an hour would be no rate at all in so small numbers.
    return max((len(shown) / length).limit_denominator(1001), Fraction(1, 1001))


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
