"""Clips decoded and written in a process of their own: see `sandbox`.

A file that hangs, crashes or swells the decoder becomes one sentence for the visitor; the page
goes on.
"""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

import numpy as np

from pixmus.choices import Length
from pixmus.errors import PixMusError
from pixmus.picture.footage import Footage, watch
from pixmus.picture.video import Video, probe
from pixmus.picture.write import mux, trim
from pixmus.sandbox import Died, Limits, OnWait, TellLength, TookTooLong, run_apart

LIMITS = Limits()


def watch_apart(
    clip: Path,
    *,
    still_duration: float,
    length: Length | None = None,
    longest: float = math.inf,
    on_wait: OnWait | None = None,
) -> Footage:
    """`footage.watch` in a process of its own; a clip over `longest` seconds is refused unwatched.

    Raises PixMusError as `watch` does, and where the limits on time or memory were reached.
    """
    footage: Footage = _run(clip, on_wait, _watch, still_duration, length, longest)
    return footage


def trim_apart(
    clip: Path,
    start: float,
    end: float,
    out_path: Path,
    *,
    length: Length | None = None,
    on_wait: OnWait | None = None,
) -> tuple[str, ...]:
    """`write.trim` in a process of its own; returns its sentences."""
    notices: tuple[str, ...] = _run(clip, on_wait, _trim, start, end, out_path, length)
    return notices


def mux_apart(
    video: Video, waveform: np.ndarray, out_path: Path, *, on_wait: OnWait | None = None
) -> None:
    """`write.mux` in a process of its own."""
    _run(video.path, on_wait, _mux, video, waveform, out_path)


def _watch(
    tell_length: TellLength,
    clip: Path,
    still_duration: float,
    length: Length | None,
    longest: float,
) -> Footage:
    video = probe(clip, still_duration=still_duration, length=length)
    tell_length(video.duration)
    if video.duration > longest + 0.5:
        raise PixMusError(
            f"{video.path} lasts {video.duration:.0f} s; give a clip of at most {longest:.0f} s "
            "here, or a part of it."
        )
    return watch(clip, still_duration, length=length)


def _trim(
    tell_length: TellLength,
    clip: Path,
    start: float,
    end: float,
    out_path: Path,
    length: Length | None,
) -> tuple[str, ...]:
    video = probe(clip, length=length)
    tell_length(min(end, video.duration))
    return trim(video, start, end, out_path)


def _mux(
    tell_length: TellLength, clip: Path, video: Video, waveform: np.ndarray, out_path: Path
) -> None:
    tell_length(video.duration)
    mux(video, waveform, out_path)


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
