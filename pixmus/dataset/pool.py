"""`Pool`: jobs done in processes of their own, so that no file ends a run.

A job is a few items, such as the rows of one picture. A process that dies or gives no sign of life
is replaced and costs only the item at fault: what its job had left is done item by item.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from pixmus.errors import PixMusError
from pixmus.sandbox import MEMORY_LIMIT, THREAD_LIMITS, import_path, limit_memory

START_LIMIT_S = 120.0  # for a process to import what it needs
BEAT_S = 1.0  # s between two signs of life

# What processes do: given a job's items and a function to call now and then, as a sign of life, it
# yields each of those items with its result, in any order.
Work = Callable[[Sequence[Any], Callable[[], object]], Iterable[tuple[Any, Any]]]


@dataclass(frozen=True)
class Lost:
    """An item that came to nothing, and why."""

    reason: str

    @classmethod
    def by(cls, error: Exception) -> Lost:
        """The item whose work raised `error`."""
        text = " ".join(str(error).split())[:300]
        if isinstance(error, MemoryError):
            return cls("it takes more memory than it may")
        if isinstance(error, PixMusError):
            return cls(text)
        return cls(f"{type(error).__name__}: {text}" if text else type(error).__name__)


class Pool:
    """`size` processes that do `work`, which must be picklable, as items and results must be.

    They start when first needed and live on from job to job. `preload` names modules that are
    imported once for all processes, where the system can fork them. Each process may take `memory`
    bytes of addresses beyond those that it began with (on Linux).
    """

    def __init__(
        self,
        work: Work,
        size: int = 1,
        *,
        preload: Sequence[str] = (),
        memory: int = MEMORY_LIMIT,
    ) -> None:
        methods = multiprocessing.get_all_start_methods()
        # Forked from a clean process: starts in no time, and no lock of a thread is inherited.
        method = "forkserver" if "forkserver" in methods else "spawn"
        self._context = multiprocessing.get_context(method)
        if method == "forkserver":
            self._context.set_forkserver_preload(list(preload))
        self._work = work
        self._memory = memory
        self._size = max(1, size)
        self._workers: list[_Worker] = []

    def run(self, jobs: Iterable[tuple[Sequence[Any], float]]) -> Iterator[tuple[Any, Any]]:
        """Yield (item, result or `Lost`) for every item of every job, in the order they come.

        Each job comes with the seconds after which a process without a sign of life (a beat, or a
        result) counts as hung. Raises PixMusError where processes do not even start.
        """
        ahead = iter(jobs)
        again: deque[tuple[Sequence[Any], float]] = deque()
        try:
            while True:
                self._hand_out(ahead, again)
                busy = [worker for worker in self._workers if worker.left]
                if not busy:
                    return
                wait(
                    [w.connection for w in busy] + [w.process.sentinel for w in busy],
                    timeout=BEAT_S,
                )
                for worker in busy:
                    is_alive = worker.process.is_alive()  # before what it said last is read
                    results = worker.hear()
                    trouble = worker.trouble(is_alive)
                    if trouble is not None:
                        self._end(worker)
                        left = list(worker.left.values())
                        if len(left) == 1:
                            results.append((left[0], Lost(trouble)))
                        else:
                            again += [([item], worker.limit) for item in left]
                    yield from results
        finally:
            for worker in [worker for worker in self._workers if worker.left]:
                self._end(worker)  # nobody waits for its results any more

    def stop(self) -> None:
        """End every process."""
        while self._workers:
            self._end(self._workers[-1])

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _hand_out(
        self,
        ahead: Iterator[tuple[Sequence[Any], float]],
        again: deque[tuple[Sequence[Any], float]],
    ) -> None:
        """Give a job to every process that has none, as long as there are jobs."""
        idle = [worker for worker in self._workers if not worker.left]
        while idle or len(self._workers) < self._size:
            job = again.popleft() if again else next(ahead, None)
            if job is None:
                return
            (idle.pop() if idle else self._start()).give(*job)

    def _start(self) -> _Worker:
        with _environment():
            worker = _Worker(self._context, self._work, self._memory)
        self._workers.append(worker)
        return worker

    def _end(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.end()


class _Worker:
    """One process, and the job that it has been given."""

    def __init__(self, context: Any, work: Work, memory: int) -> None:
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, work, memory), daemon=True)
        self.process.start()
        theirs.close()
        self.left: dict[int, Any] = {}  # items without a result yet, by their place in the job
        self.limit = 0.0
        self._is_ready = False
        self._heard = time.monotonic()

    def give(self, items: Sequence[Any], limit: float) -> None:
        self.left, self.limit = dict(enumerate(items)), limit
        self._heard = time.monotonic()
        with suppress(OSError):  # it died: `trouble` will say so
            self.connection.send(list(items))

    def hear(self) -> list[tuple[Any, Any]]:
        """The items and results that it has sent since last time."""
        said: list[tuple[Any, Any]] = []
        with suppress(EOFError, OSError):
            while self.connection.poll():
                message = self.connection.recv()
                self._is_ready = True
                self._heard = time.monotonic()
                if message is not None:
                    place, result = message
                    said.append((self.left.pop(place), result))
        return said

    def trouble(self, is_alive: bool) -> str | None:
        """What is wrong with it, if anything that matters to its job."""
        if not self.left:
            return None
        silence = time.monotonic() - self._heard
        if not self._is_ready and (not is_alive or silence > START_LIMIT_S):  # no file is to blame
            raise PixMusError(
                f"a process that was to read media did not start (exit code "
                f"{self.process.exitcode}); what it wrote above says why."
            )
        if not is_alive:
            return (
                f"the process that read it ended with exit code {self.process.exitcode}; its file "
                "is damaged or too large"
            )
        if self._is_ready and silence > self.limit:
            return f"nothing came of it for {self.limit:g} s"
        return None

    def end(self) -> None:
        self.connection.close()
        self.process.kill()
        self.process.join()


def _serve(connection: Connection, work: Work, memory: int) -> None:
    """What a process does until the other end of its connection is closed."""
    from threadpoolctl import threadpool_limits

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks
    limit_memory(memory)
    last = time.monotonic()

    def beat() -> None:
        nonlocal last
        if time.monotonic() - last > BEAT_S:
            last = time.monotonic()
            connection.send(None)

    with suppress(EOFError, OSError), threadpool_limits(1):
        connection.send(None)  # it is ready
        while True:
            items = connection.recv()
            left = {id(item): place for place, item in enumerate(items)}
            lost = Lost("nothing was made of it")
            try:
                for item, result in work(items, beat):
                    connection.send((left[id(item)], result))
                    del left[id(item)]
            except Exception as error:
                lost = Lost.by(error)
            for place in left.values():
                connection.send((place, lost))


@contextmanager
def _environment() -> Iterator[None]:
    """What processes started here find: our own import path, and libraries that use one thread:
    the pool has the cores, and sums over several threads differ in their last bit."""
    main = sys.modules["__main__"]
    # Else every process runs the program's own file once more, to find what it never asks for.
    hidden = {name: vars(main).pop(name, None) for name in ("__spec__", "__file__")}
    main.__spec__ = None
    ours = dict.fromkeys(THREAD_LIMITS, "1")
    ours["PYTHONPATH"] = import_path()
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
