"""Clips decoded and written in a process of their own: see `sandbox`.

A file that hangs, crashes or swells the decoder becomes one sentence for the visitor; the page
goes on.
"""

from __future__ import annotations

import logging
import math
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from pixmus.choices import LENGTHS, Length
from pixmus.errors import PixMusError
from pixmus.picture.footage import Footage, watch
from pixmus.picture.video import Video, probe
from pixmus.picture.write import MuxReport, mux, trim
from pixmus.sandbox import Died, Limits, OnWait, TellLength, TookTooLong, run_apart

LIMITS = Limits(most_seconds=600.0)  # of the processor: others wait meanwhile
MOST_PIXELS = 50e9  # of all frames: three minutes of 4K at 30 frames a second
TELL_EVERY_S = 0.2
FEW_PIXELS = 10e9  # that any clip may show, and
PIXELS_PER_BYTE = 20_000  # more for each byte of its file: what unpacks to more was made to


def watch_apart(
    clip: Path,
    *,
    still_duration: float,
    length: Length | None = None,
    tracks: str = "",
    longest: float = math.inf,
    on_wait: OnWait | None = None,
    on_share: Callable[[float, float], None] | None = None,
) -> Footage:
    """`footage.watch` in a process of its own; a clip over `longest` seconds is refused unwatched.

    `on_share` hears how many seconds were watched, and of how many. Raises PixMusError as `watch`
    does, and where the limits on time or memory were reached.
    """
    with tempfile.TemporaryDirectory(prefix="pixmus-watched-") as folder:
        told = Path(folder) / "seconds"

        def wait() -> None:
            if on_wait is not None:
                on_wait()
            if on_share is not None and told.exists():
                with suppress(ValueError):  # it is being written
                    done, total = map(float, told.read_text().split())
                    on_share(done, total)

        footage: Footage = _run(clip, wait, _watch, still_duration, length, tracks, longest, told)
    return footage


def trim_apart(
    clip: Path,
    start: float,
    end: float,
    out_path: Path,
    *,
    length: Length | None = None,
    tracks: str = "",
    on_wait: OnWait | None = None,
) -> tuple[str, ...]:
    """`write.trim` in a process of its own; returns its sentences."""
    notices: tuple[str, ...] = _run(clip, on_wait, _trim, start, end, out_path, length, tracks)
    return notices


def mux_apart(
    video: Video, waveform: np.ndarray, out_path: Path, *, on_wait: OnWait | None = None
) -> MuxReport:
    """`write.mux` in a process of its own."""
    report: MuxReport = _run(video.path, on_wait, _mux, video, waveform, out_path)
    return report


def _watch(
    tell_length: TellLength,
    clip: Path,
    still_duration: float,
    length: Length | None,
    tracks: str,
    longest: float,
    told: Path,
) -> Footage:
    video = probe(clip, still_duration=still_duration, length=length, tracks=tracks)
    if length is None and video.duration > longest + 0.5:  # perhaps for its sound alone
        length = LENGTHS[0]
        video = probe(clip, still_duration=still_duration, length=length, tracks=tracks)
    tell_length(video.duration)
    if video.duration > longest + 0.5:
        raise PixMusError(
            f"{video.path} lasts {video.duration:.0f} s; give a clip of at most {longest:.0f} s "
            "here, or choose a part of it by From and To."
        )
    check_size(video)
    last = 0.0

    def on_frame(seconds: float) -> None:
        nonlocal last
        if time.monotonic() - last > TELL_EVERY_S:
            last = time.monotonic()
            told.write_text(f"{seconds} {video.duration}")

    return watch(clip, still_duration, length=length, tracks=tracks, on_frame=on_frame)


def check_size(video: Video) -> None:
    """PixMusError where all the frames of a clip are too many pixels for a page that others use."""
    if video.is_still:
        return
    pixels = video.width * video.height * video.duration * float(video.frame_rate)
    most = min(MOST_PIXELS, FEW_PIXELS + PIXELS_PER_BYTE * video.path.stat().st_size)
    if pixels > most:
        raise PixMusError(
            f"{video.path} shows {video.duration * float(video.frame_rate):.0f} frames of "
            f"{video.width}x{video.height}, which is more than this page decodes; export it "
            "again, for example as H.264 mp4 of at most 1080p."
        )


def _trim(
    tell_length: TellLength,
    clip: Path,
    start: float,
    end: float,
    out_path: Path,
    length: Length | None,
    tracks: str,
) -> tuple[str, ...]:
    video = probe(clip, length=length, tracks=tracks)
    tell_length(min(end, video.duration))
    check_size(video)
    return trim(video, start, end, out_path)


def _mux(
    tell_length: TellLength, clip: Path, video: Video, waveform: np.ndarray, out_path: Path
) -> MuxReport:
    tell_length(video.duration)
    return mux(video, waveform, out_path)


def _run(clip: Path, on_wait: OnWait | None, work: Any, *arguments: Any) -> Any:
    """`work` with the clip; what ends its process becomes one sentence."""
    try:
        return run_apart(work, clip, *arguments, limits=LIMITS, on_wait=on_wait)
    except TookTooLong as end:
        raise PixMusError(
            f"{clip} could not be decoded within {end.seconds:.0f} s; give a shorter clip or "
            "export it again, for example as H.264 mp4."
        ) from None
    except Died as end:  # logged for whoever keeps the page; a visitor can do nothing with it
        logging.getLogger(__name__).warning("decoding %s ended with %s", clip.name, end)
        raise PixMusError(
            f"{clip} made the decoder stop (out of memory, or a damaged file); export it again, "
            "for example as H.264 mp4 of at most 1080p."
        ) from None
