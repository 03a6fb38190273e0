"""`Media`: the files that a table's rows name, and a row's picture and music read from them.

A media folder is either what `pixmus dataset fetch` filled (`fetch.jsonl` says which name lies in
which of its `objects/`) or a plain folder in which files lie by name, at the top or as the name's
own path says.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from pathlib import Path

import av
import numpy as np

from pixmus.dataset.layouts import Segment
from pixmus.dataset.store import read_log
from pixmus.dataset.table import Row
from pixmus.errors import PixMusError
from pixmus.picture.video import Video, probe

AUDIO_SUFFIXES = (".wav", ".flac", ".mp3", ".m4a", ".ogg", ".opus", ".aac", ".mp4")


class Media:
    """A media folder."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise PixMusError(f"{self.folder} is no folder; give the one that holds the media.")

    def find(self, name: str) -> Path | None:
        """The file of that name, or None where there is none; names never lead out of the folder.

        A name without a suffix (a segment's reference, say) is found with any of
        `AUDIO_SUFFIXES`.
        """
        if name in self._fetched:
            return self._fetched[name]
        if not name or Path(name).is_absolute() or ".." in Path(name).parts:
            return None
        names = [name] if Path(name).suffix else [name + suffix for suffix in AUDIO_SUFFIXES]
        for candidate in (self.folder / n for full in names for n in (full, Path(full).name)):
            with suppress(OSError):  # a name too long for a file, such as a long URL
                if candidate.is_file():
                    return candidate
        return None

    @cached_property
    def _fetched(self) -> dict[str, Path]:
        return {
            name: self.folder / entry.file
            for name, entry in read_log(self.folder).items()
            if entry.status == "done" and (self.folder / entry.file).is_file()
        }


def probe_picture(row: Row, media: Media) -> Video:
    """The clip or still that a row names, however long; a still lasts as long as its row.

    Whether a clip reaches to the row's end is for `check_length`.
    """
    path = media.find(row.picture)
    if path is None:
        raise PixMusError(f"the picture {row.picture or '(none named)'} is missing")
    return probe(path, still_duration=row.duration, max_duration=math.inf, length="picture")


def check_length(row: Row, video: Video) -> None:
    """Refuse a clip that ends more than half a second before its row does."""
    if row.kind == "video" and video.duration < row.end - 0.5:
        raise PixMusError(
            f"{row.picture} lasts {video.duration:.1f} s, but its row ends at {row.end:g} s"
        )


ReadSound = Callable[[Path, int, float, float], np.ndarray]  # as `read_sound`


def row_music(
    row: Row, media: Media, sample_rate: int, read: ReadSound | None = None
) -> np.ndarray:
    """A row's music, mono float32, (round(duration * sample_rate),): the audio file's span, or
    the segments one after another where there is no such file. `read` stands for `read_sound`."""
    read = read or read_sound
    length = round(row.duration * sample_rate)
    path = media.find(row.audio)
    if path is not None:
        waveform = read(path, sample_rate, row.audio_start, row.audio_start + row.duration)
    else:
        found = [(segment, media.find(segment.reference)) for segment in row.segments]
        lost = [segment.reference for segment, place in found if place is None]
        if not found or lost:
            name = row.audio or ", ".join(lost) or "(none named)"
            raise PixMusError(f"the music {name} is missing")
        waveform = np.concatenate(
            [_of_segment(segment, place, sample_rate) for segment, place in found if place]
        )
    if len(waveform) < length - sample_rate // 2:
        raise PixMusError(
            f"the music of row {row.id} lasts {len(waveform) / sample_rate:.1f} of "
            f"{row.duration:.1f} s"
        )
    return np.pad(waveform, (0, max(0, length - len(waveform))))[:length]


def _of_segment(segment: Segment, path: Path, sample_rate: int) -> np.ndarray:
    length = segment.end - segment.start
    waveform = read_sound(path, sample_rate, 0.0, length)
    return np.pad(waveform, (0, max(0, round(length * sample_rate) - len(waveform))))


def read_sound(path: Path, sample_rate: int, start: float, end: float) -> np.ndarray:
    """The sound of any file from `start` to `end` seconds, mono float32, shorter where it ends."""
    chunks: list[np.ndarray] = []
    total, wanted = 0, round(end * sample_rate)
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise PixMusError(f"{path.name} has no sound")
            resampler = av.AudioResampler("flt", "mono", sample_rate)
            for frame in container.decode(container.streams.audio[0]):
                frame.pts = None
                for part in resampler.resample(frame):
                    chunks.append(part.to_ndarray()[0])
                    total += len(chunks[-1])
                if total >= wanted:
                    break
            else:
                chunks += [part.to_ndarray()[0] for part in resampler.resample(None)]
    except (av.FFmpegError, OSError) as error:
        raise PixMusError(f"{path.name} cannot be decoded ({error})") from error
    waveform = np.concatenate(chunks) if chunks else np.zeros(0, np.float32)
    return waveform[round(start * sample_rate) : wanted].astype(np.float32)
