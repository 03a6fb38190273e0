"""Rows measured, in this process or in processes of their own.

Rows that share a picture are measured together: the picture is probed and decoded once, and its
sound too, because a row in the middle of a source is reached only through all frames before it.
What comes out is the same, to the bit, as measuring each row alone.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pixmus.dataset.media import Media, check_length, probe_picture, read_sound, row_music
from pixmus.dataset.music import MUSIC_RATE, MusicCurves, measure_music
from pixmus.dataset.shards import Measured, code_version
from pixmus.dataset.table import Row
from pixmus.errors import PixMusError
from pixmus.features import FeatureExtractor
from pixmus.video import Frame, Video, read_frames

STALL_S = 120.0  # s without a frame or a row after which a worker counts as hung
BEAT_S = 1.0  # s between two signs of life
LONGEST_KEPT_SOUND_S = 1800.0  # 160 MB; longer sounds are decoded for each row anew
LOADED_ONCE = ("librosa.feature", "librosa.onset")  # by all processes of a machine together
THREAD_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Failure:
    """A row that could not be measured, and why."""

    id: str
    reason: str


Outcome = Measured | Failure


def group_rows(rows: Iterable[Row]) -> list[list[Row]]:
    """Rows by the picture they show, in the order in which pictures first appear."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        # Stills are opened in no time; each is a group of its own.
        name = row.picture if row.kind == "video" else row.id
        groups.setdefault((row.kind, name), []).append(row)
    return list(groups.values())


def measure_rows(
    rows: Sequence[Row], media: Media, beat: Callable[[], object] = lambda: None
) -> Iterator[Outcome]:
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
            yield Failure(row.id, _reason(error))
        beat()
    if heard:
        yield from _watch(heard, media, clock, beat)


def _watch(
    heard: Sequence[tuple[Row, MusicCurves]],
    media: Media,
    clock: _Clock,
    beat: Callable[[], object],
) -> Iterator[Outcome]:
    """The pictures of rows whose music is known, in one pass over their frames."""
    clock.share(len(heard))
    waiting: list[_Watching] = []
    try:
        video = probe_picture(heard[0][0], media)
    except Exception as error:
        yield from (Failure(row.id, _reason(error)) for row, _ in heard)
        return
    if video.is_still and len(heard) > 1:  # a still lasts as long as its row, each row another
        for entry in heard:
            yield from _watch([entry], media, clock, beat)
        return
    for row, music in heard:
        try:
            check_length(row, video)
        except PixMusError as error:
            yield Failure(row.id, str(error))
        else:
            waiting.append(_Watching(row, music, video))
    try:
        for frame in read_frames(video):
            beat()
            for watching in [one for one in waiting if frame.time >= one.end]:
                waiting.remove(watching)
                yield watching.finish(clock)
            if not waiting:
                return
            for watching in waiting:
                watching.see(frame)
    except Exception as error:
        yield from (Failure(one.row.id, _reason(error)) for one in waiting)
        return
    yield from (watching.finish(clock) for watching in waiting)


class _Watching:
    """A row while its frames come."""

    def __init__(self, row: Row, music: MusicCurves, video: Video) -> None:
        self.row = row
        self._music = music
        self._start = 0.0 if video.is_still else row.start
        self.end = self._start + row.duration  # as `media.row_frames` has both
        self._extractor = FeatureExtractor(row.duration, video.frame_rate)

    def see(self, frame: Frame) -> None:
        if frame.time >= self._start:
            self._extractor.add(Frame(frame.time - self._start, frame.image))

    def finish(self, clock: _Clock) -> Outcome:
        try:
            features = self._extractor.result()
        except Exception as error:
            return Failure(self.row.id, _reason(error))
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
        return self._last - before

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


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, PixMusError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


# ------------------------------------------------------------------------- processes of their own


class Crew:
    """Processes that measure groups of rows. One that dies or hangs is replaced, and costs only the
    row at fault: what its group had left is measured row by row."""

    def __init__(self, media: Media, workers: int = 1, stall_s: float = STALL_S) -> None:
        methods = multiprocessing.get_all_start_methods()
        # Forked from a clean process: starts in no time, and no lock of a thread is inherited.
        method = "forkserver" if "forkserver" in methods else "spawn"
        self._context = multiprocessing.get_context(method)
        if method == "forkserver":
            self._context.set_forkserver_preload([__name__, *LOADED_ONCE])
        self._media = media
        self._stall_s = stall_s
        self._size = max(1, workers)
        self._workers: list[_Worker] = []

    def run(self, groups: Iterable[Sequence[Row]]) -> Iterator[Outcome]:
        """The outcome of every row of every group, in the order in which they come."""
        ahead = iter(groups)
        again: deque[Sequence[Row]] = deque()
        while True:
            idle = [worker for worker in self._workers if not worker.rows]
            missing = self._size - len(self._workers)
            while idle or missing:
                group = again.popleft() if again else next(ahead, None)
                if group is None:
                    break
                if idle:
                    worker = idle.pop()
                else:
                    worker, missing = self._start(), missing - 1
                worker.give(group)
            busy = [worker for worker in self._workers if worker.rows]
            if not busy:
                return
            multiprocessing.connection.wait(
                [w.connection for w in busy] + [w.process.sentinel for w in busy], timeout=BEAT_S
            )
            for worker in busy:
                for outcome in worker.hear():
                    yield outcome
                trouble = worker.trouble(self._stall_s)
                if trouble is None:
                    continue
                self._workers.remove(worker)
                worker.end()
                left = worker.rows
                if len(left) == 1:
                    yield Failure(left[0].id, trouble)
                else:
                    again += [[row] for row in left]

    def stop(self) -> None:
        """End every process."""
        for worker in self._workers:
            worker.end()
        self._workers = []

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self) -> _Worker:
        with _one_thread_each():
            worker = _Worker(self._context, self._media)
        self._workers.append(worker)
        return worker


class _Worker:
    """One process, and what it has been given."""

    def __init__(self, context: Any, media: Media) -> None:
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, media), daemon=True)
        self.process.start()
        theirs.close()
        self.rows: list[Row] = []  # whose outcome is not known yet
        self._heard = time.monotonic()

    def give(self, rows: Sequence[Row]) -> None:
        self.rows = list(rows)
        self._heard = time.monotonic()
        with suppress(OSError):  # it died: `trouble` will say so
            self.connection.send(list(rows))

    def hear(self) -> list[Outcome]:
        """What it has said since last time."""
        said: list[Outcome] = []
        with suppress(EOFError, OSError):
            while self.connection.poll():
                outcome = self.connection.recv()
                self._heard = time.monotonic()
                if outcome is not None:
                    self.rows = [row for row in self.rows if row.id != outcome.id]
                    said.append(outcome)
        return said

    def trouble(self, stall_s: float) -> str | None:
        """What is wrong with it, if anything."""
        if not self.rows:
            return None
        if not self.process.is_alive():
            return f"the process that decoded it ended with code {self.process.exitcode}"
        if time.monotonic() - self._heard > stall_s:
            return f"it could not be decoded: nothing came for {stall_s:g} s"
        return None

    def end(self) -> None:
        self.connection.close()
        self.process.kill()
        self.process.join()


def _work(connection: Any, media: Media) -> None:
    """What a process of the crew does until its connection is closed."""
    import signal

    from threadpoolctl import threadpool_limits

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the crew's own process says when to end
    last = time.monotonic()

    def beat() -> None:
        nonlocal last
        if time.monotonic() - last > BEAT_S:
            last = time.monotonic()
            connection.send(None)

    with suppress(EOFError, OSError), threadpool_limits(1):
        while True:
            for outcome in measure_rows(connection.recv(), media, beat):
                connection.send(outcome)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Libraries loaded by processes started here use one thread: the crew has the cores."""
    before = {name: os.environ.get(name) for name in THREAD_LIMITS}
    os.environ.update(dict.fromkeys(THREAD_LIMITS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value
