"""`Crew`: processes that measure rows, so that no file ends a run.

What measures is loaded in those processes alone (PyTorch and librosa, through `conditioning` and
`music`: 3 s and 400 MB): once on a machine, because all of them are forked from one that has it.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import pickle
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from pixmus.dataset.media import Media
from pixmus.dataset.table import Row

STALL_S = 120.0  # s without a frame or a row after which a process counts as hung
BEAT_S = 1.0  # s between two signs of life
LOADED_ONCE = ("pixmus.dataset.measure", "librosa.feature", "librosa.onset")
THREAD_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Failure:
    """A row that could not be measured, and why."""

    id: str
    reason: str


def group_rows(rows: Iterable[Row]) -> list[list[Row]]:
    """Rows by the picture they show, in the order in which pictures first appear."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        # Stills are opened in no time; each is a group of its own.
        name = row.picture if row.kind == "video" else row.id
        groups.setdefault((row.kind, name), []).append(row)
    return list(groups.values())


class Crew:
    """Processes that measure groups of rows. One that dies or hangs is replaced, and costs only the
    row at fault: what its group had left is measured row by row."""

    def __init__(self, media: Media, workers: int = 1, stall_s: float = STALL_S) -> None:
        methods = multiprocessing.get_all_start_methods()
        # Forked from a clean process: starts in no time, and no lock of a thread is inherited.
        method = "forkserver" if "forkserver" in methods else "spawn"
        self._context = multiprocessing.get_context(method)
        if method == "forkserver":
            self._context.set_forkserver_preload(list(LOADED_ONCE))
        self._media = media
        self._stall_s = stall_s
        self._size = max(1, workers)
        self._workers: list[_Worker] = []

    def run(self, groups: Iterable[Sequence[Row]]) -> Iterator[bytes]:
        """The outcome of every row of every group, pickled, in the order in which they come."""
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
                yield from worker.hear()
                trouble = worker.trouble(self._stall_s)
                if trouble is None:
                    continue
                self._workers.remove(worker)
                worker.end()
                left = worker.rows
                if len(left) == 1:
                    yield pickle.dumps(Failure(left[0].id, trouble))
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
        with _environment():
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
        self._is_ready = False
        self._heard = time.monotonic()

    def give(self, rows: Sequence[Row]) -> None:
        self.rows = list(rows)
        self._heard = time.monotonic()
        with suppress(OSError):  # it died: `trouble` will say so
            self.connection.send(list(rows))

    def hear(self) -> list[bytes]:
        """The outcomes that it has sent since last time."""
        said: list[bytes] = []
        with suppress(EOFError, OSError):
            while self.connection.poll():
                message = self.connection.recv()
                self._is_ready = True
                self._heard = time.monotonic()
                if message is not None:
                    name, outcome = message
                    self.rows = [row for row in self.rows if row.id != name]
                    said.append(outcome)
        return said

    def trouble(self, stall_s: float) -> str | None:
        """What is wrong with it, if anything."""
        if not self.rows:
            return None
        if not self.process.is_alive():
            if not self._is_ready:  # no file is to blame
                raise RuntimeError(f"a process did not start (code {self.process.exitcode})")
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

    from pixmus.dataset.measure import measure_rows

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the crew's own process says when to end
    last = time.monotonic()

    def beat() -> None:
        nonlocal last
        if time.monotonic() - last > BEAT_S:
            last = time.monotonic()
            connection.send(None)

    with suppress(EOFError, OSError), threadpool_limits(1):
        connection.send(None)  # it is ready
        while True:
            for outcome in measure_rows(connection.recv(), media, beat):
                connection.send((outcome.id, pickle.dumps(outcome)))


@contextmanager
def _environment() -> Iterator[None]:
    """What processes started here find: our own import path, and libraries that use one thread:
    the crew has the cores, and sums over several threads differ in their last bit."""
    main = sys.modules["__main__"]
    # Else every process runs the program's own file once more, to find what it never asks for.
    hidden = {name: vars(main).pop(name, None) for name in ("__spec__", "__file__")}
    main.__spec__ = None
    ours = dict.fromkeys(THREAD_LIMITS, "1")
    ours["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        yield
    finally:
        vars(main).update({name: value for name, value in hidden.items() if value is not None})
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value
