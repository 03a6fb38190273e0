"""The finished clip, and parts of clips: files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from pixmus.errors import DiskError, PixMusError
from pixmus.files import DISK_TROUBLE, check_new_file, new_file
from pixmus.picture.copying import copy_picture, is_copyable
from pixmus.picture.encoding import encode_picture
from pixmus.picture.sound import read_sound
from pixmus.picture.video import MIN_DURATION, Video
from pixmus.waveform import SAMPLE_RATE

WRITABLE = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov"}

CODEC_NAMES = {"h264": "H.264", "mpeg4": "MPEG-4", "theora": "Theora", "webp": "WebP"}


@dataclass(frozen=True)
class MuxReport:
    """Whether the picture was copied, and one sentence on what was done to it."""

    copied: bool
    note: str
    deeds: tuple[str, ...] = ()  # what else was done to it than to encode it, in words

    @property
    def notices(self) -> tuple[str, ...]:
        """What a person should know of it, in sentences."""
        return (f"The picture was {', '.join(self.deeds)}.",) if self.deeds else ()


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
    with _new_clip(out_path, overwrite) as partial:
        return _write(video, waveform, partial, WRITABLE[out_path.suffix.lower()])


def trim(
    video: Video, start: float, end: float, out_path: str | Path, *, overwrite: bool = False
) -> tuple[str, ...]:
    """Write the part of a clip from `start` to `end` (seconds) as a clip of its own, H.264 mp4.

    Its first frame is the first one displayed at or after `start`; its sound comes along. Returns
    what a person should know of that sound, in sentences: the new clip no longer shows it.
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
    found = read_sound(video, span=(start, end))
    sound = found.waveform
    if sound is not None:
        sound = sound[:, round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)]
    with _new_clip(out_path, overwrite) as partial:
        encode_picture(video, sound, partial, WRITABLE[out_path.suffix.lower()], (start, end))
    return video.notices + found.notices


def _check_writable(source: Path, out_path: Path, overwrite: bool) -> None:
    if out_path.suffix.lower() not in WRITABLE:
        raise PixMusError(
            f"{out_path} cannot be written: give the soundtrack's clip a name that ends in .mp4."
        )
    if os.path.isfile(out_path) and out_path.samefile(source):
        raise PixMusError(f"{out_path} is the clip itself; choose another name.")
    check_new_file(out_path, overwrite)


@contextmanager
def _new_clip(out_path: Path, overwrite: bool) -> Iterator[Path]:
    """`new_file` for FFmpeg, whose errors are told in one sentence too."""
    with new_file(out_path, overwrite) as place:
        try:
            yield place
        except (OSError, av.FFmpegError) as error:
            told = DISK_TROUBLE.get(error.errno or 0)
            reason = told or f"{error.strerror or error}; choose another folder or clip"
            kind = DiskError if told else PixMusError
            raise kind(f"{out_path} could not be written ({reason}).") from error


def _write(video: Video, waveform: np.ndarray, path: Path, container_format: str) -> MuxReport:
    """Write picture and sound to `path`, the picture copied where that keeps every frame's time."""
    if is_copyable(video) and copy_picture(video, waveform, path, container_format):
        return MuxReport(True, "the picture was copied untouched")
    found = encode_picture(video, waveform, path, container_format)
    kind = CODEC_NAMES.get(video.codec, video.codec.upper())
    return MuxReport(
        False,
        f"the picture was encoded from {video.width}x{video.height} {kind} "
        f"to {found.size[0]}x{found.size[1]} H.264{''.join(f', {deed}' for deed in found.deeds)}",
        found.deeds,
    )
