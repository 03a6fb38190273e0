"""Rows measured: a picture's `Features` and its music's `MusicCurves`.

Rows that share a picture are measured together: the picture is probed and decoded once, and its
sound too, because a row in the middle of a source is reached only through all frames before it.
What comes out is the same, to the bit, as measuring each row alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from pixmus.dataset.media import Media, check_length, probe_picture, read_sound, row_music
from pixmus.dataset.pool import Lost, Pool
from pixmus.dataset.shards import Measured
from pixmus.dataset.table import Row
from pixmus.errors import PixMusError
from pixmus.picture.features import FeatureExtractor
from pixmus.picture.frames import Frame, read_frames
from pixmus.picture.video import Video
from pixmus.training.music import MUSIC_RATE, MusicCurves, measure_music
from pixmus.training.pairs import code_version

LONGEST_KEPT_SOUND_S = 1800.0  # 160 MB; longer sounds are decoded for each row anew
STALL_S = 120.0  # s without a frame or a row after which a process counts as hung
# Imported once on a machine (3 s and 400 MB), because processes are forked from one that has them.
LOADED_ONCE = ("pixmus.dataset.measure", "librosa.feature", "librosa.onset")
Outcome = Measured | Lost


def group_rows(rows: Iterable[Row]) -> list[list[Row]]:
    """Rows by the picture they show, in the order in which pictures first appear."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        # Stills are opened in no time; each is a group of its own.
        name = row.picture if row.kind == "video" else row.id
        groups.setdefault((row.kind, name), []).append(row)
    return list(groups.values())


def measuring_pool(media: Media, workers: int = 1) -> Pool:
    """Processes whose jobs are groups of rows, as `measure_rows` takes them."""
    return Pool(partial(measure_rows, media=media), workers, preload=LOADED_ONCE)


def measure_rows(
    rows: Sequence[Row], beat: Callable[[], object], media: Media
) -> Iterator[tuple[Row, Outcome]]:
    """Every row of one group, each as soon as it is known; `beat` is called now and then.

    Music comes first: it is quick, and where it is missing no picture need be decoded.
    """
    clock = _Clock()
    sound = _Sound(rows, media)
    heard: list[tuple[Row, MusicCurves]] = []
    for row in rows:
        try:
            waveform = row_music(row, media, MUSIC_RATE, sound)
            heard.append((row, measure_music(waveform, MUSIC_RATE)))
        except Exception as error:  # whatever a file does, the other rows go on
            yield row, Lost.by(error)
        beat()
    if heard:
        yield from _watch(heard, media, clock, beat)


def _watch(
    heard: Sequence[tuple[Row, MusicCurves]],
    media: Media,
    clock: _Clock,
    beat: Callable[[], object],
) -> Iterator[tuple[Row, Outcome]]:
    """The pictures of rows whose music is known, in one pass over their frames."""
    clock.share(len(heard))
    waiting: list[_Watching] = []
    try:
        video = probe_picture(heard[0][0], media)
    except Exception as error:
        yield from ((row, Lost.by(error)) for row, _ in heard)
        return
    if video.is_still and len(heard) > 1:  # a still lasts as long as its row, each row another
        for entry in heard:
            yield from _watch([entry], media, clock, beat)
        return
    for row, music in heard:
        try:
            check_length(row, video)
        except PixMusError as error:
            yield row, Lost.by(error)
        else:
            waiting.append(_Watching(row, music, video))
    try:
        for frame in read_frames(video):
            beat()
            for watching in [one for one in waiting if frame.time >= one.end]:
                waiting.remove(watching)
                yield watching.row, watching.finish(clock)
            if not waiting:
                return
            for watching in waiting:
                watching.see(frame)
    except Exception as error:
        yield from ((one.row, Lost.by(error)) for one in waiting)
        return
    yield from ((watching.row, watching.finish(clock)) for watching in waiting)


class _Watching:
    """A row while its frames come."""

    def __init__(self, row: Row, music: MusicCurves, video: Video) -> None:
        self.row = row
        self._music = music
        self._start = 0.0 if video.is_still else row.start
        self.end = self._start + row.duration  # both as a row's own frames would have them
        self._extractor = FeatureExtractor(row.duration, video.frame_rate)

    def see(self, frame: Frame) -> None:
        if frame.time >= self._start:
            self._extractor.add(Frame(frame.time - self._start, frame.image))

    def finish(self, clock: _Clock) -> Outcome:
        try:
            features = self._extractor.result()
        except Exception as error:
            return Lost.by(error)
        seconds, processor_seconds = clock.lap()
        return Measured(
            self.row.id, features, self._music, seconds, processor_seconds, code_version()
        )


class _Clock:
    """Seconds and processor seconds of this process, a share of the common work in each lap."""

    def __init__(self) -> None:
        self._last = self._now()
        self._share = np.zeros(2)

    def share(self, rows: int) -> None:
        """What was done so far was done for so many rows."""
        self._share = self._lap() / rows + self._share

    def lap(self) -> tuple[float, float]:
        seconds, processor_seconds = self._lap() + self._share
        return float(seconds), float(processor_seconds)

    def _lap(self) -> np.ndarray:
        before, self._last = self._last, self._now()
        lap: np.ndarray = self._last - before
        return lap

    @staticmethod
    def _now() -> np.ndarray:
        return np.array([time.perf_counter(), time.process_time()])


class _Sound:
    """`media.read_sound`, one decoding for all rows of a group that hear the same file."""

    def __init__(self, rows: Sequence[Row], media: Media) -> None:
        self._ends: dict[Path | None, float] = {}
        self._times: dict[Path | None, int] = {}
        for row in rows:
            path = media.find(row.audio)
            end = row.audio_start + row.duration
            self._ends[path] = max(self._ends.get(path, 0.0), end)
            self._times[path] = self._times.get(path, 0) + 1
        self._path: Path | None = None
        self._waveform = np.zeros(0, np.float32)

    def __call__(self, path: Path, sample_rate: int, start: float, end: float) -> np.ndarray:
        if self._times.get(path, 1) == 1 or self._ends[path] > LONGEST_KEPT_SOUND_S:
            return read_sound(path, sample_rate, start, end)
        if path != self._path:
            self._waveform = read_sound(path, sample_rate, 0.0, self._ends[path])
            self._path = path
        return self._waveform[round(start * sample_rate) : round(end * sample_rate)]
