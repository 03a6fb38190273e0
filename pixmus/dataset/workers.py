"""Jobs done in processes of their own, so that a file that kills or hangs one ends that job alone.

A worker lives on from job to job (starting one takes a second) and has the limits on memory of a
clip that a visitor of the page uploads; one that dies or overstays its time is replaced.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

from pixmus.page.decoding import FIRST_LIMIT_S, LIMIT_PER_SECOND, MEMORY_LIMIT

START_LIMIT_S = 120.0  # for a worker to import what it needs


@dataclass(frozen=True)
class Lost:
    """A job that came to nothing: why, as the end of "it could not be checked: ..."."""

    reason: str


def time_limit(seconds: float) -> float:
    """Seconds that a worker may take for so many seconds of media, as for an upload."""
    return FIRST_LIMIT_S + LIMIT_PER_SECOND * seconds


def work_apart(
    function: Callable[[Any], Any],
    jobs: Iterable[tuple[Any, float]],
    num_workers: int,
    memory: int = MEMORY_LIMIT,
) -> Iterator[tuple[Any, Any]]:
    """Yield (job, what `function` returned or Lost) as jobs end; each job comes with its limit, s.

    `function` and the jobs must be picklable. The workers end with the iterator.
    """
    waiting = iter(jobs)
    workers = [_Worker(function, memory) for _ in range(num_workers)]
    try:
        for worker in workers:
            worker.take(next(waiting, None))
        while busy := {worker.pipe: worker for worker in workers if worker.job is not None}:
            soonest = min(worker.deadline for worker in busy.values())
            ready = wait(list(busy), timeout=max(0.0, soonest - time.monotonic()))
            for pipe in ready:
                worker = busy[pipe]  # type: ignore[index]
                job = worker.job
                result = worker.result()
                if result is _STARTED:
                    continue
                worker.take(next(waiting, None))
                yield job, result
            for worker in busy.values():
                if worker.job is not None and time.monotonic() > worker.deadline:
                    job, limit = worker.job, worker.limit
                    worker.replace()
                    worker.take(next(waiting, None))
                    yield job, Lost(f"it took longer than {limit:.0f} s")
    finally:
        for worker in workers:
            worker.end()


_STARTED = object()


@dataclass
class _Worker:
    """One process and the job that it has."""

    function: Callable[[Any], Any]
    memory: int
    job: Any = None
    limit: float = 0.0
    deadline: float = 0.0
    is_started: bool = False
    pipe: Connection = field(init=False)
    process: Any = None

    def __post_init__(self) -> None:
        context = multiprocessing.get_context("spawn")  # forks inherit other threads' locks
        self.pipe, there = context.Pipe()
        self.process = context.Process(
            target=_serve, args=(there, self.function, self.memory), daemon=True
        )
        self.process.start()
        there.close()
        self.is_started = False

    def take(self, given: tuple[Any, float] | None) -> None:
        """Give it the next job, or none."""
        self.job, self.limit = given if given is not None else (None, 0.0)
        if given is None:
            return
        self.deadline = time.monotonic() + (self.limit if self.is_started else START_LIMIT_S)
        with suppress(BrokenPipeError):  # it died meanwhile: its result will say so
            self.pipe.send(self.job)

    def result(self) -> Any:
        """What it says: `_STARTED`, a result, or Lost where it died, and is replaced then."""
        try:
            kind, value = self.pipe.recv()
        except (EOFError, ConnectionError):
            self.process.join(5)
            code = self.process.exitcode
            self.replace()
            return Lost(f"the decoder stopped (exit code {code}); its file is damaged or too large")
        if kind == "started":
            self.is_started = True
            self.deadline = time.monotonic() + self.limit
            return _STARTED
        return Lost(value) if kind == "lost" else value

    def replace(self) -> None:
        self.end()
        self.__post_init__()

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.process.close()
        self.pipe.close()


def _serve(pipe: Connection, function: Callable[[Any], Any], memory: int) -> None:
    """Do jobs until the other end of the pipe is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks
    with suppress(ImportError):  # Unix alone has it
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    with suppress(EOFError, ConnectionError, KeyboardInterrupt):
        pipe.send(("started", None))
        while True:
            job = pipe.recv()
            try:
                answer = ("done", function(job))
            except MemoryError:
                answer = ("lost", "it takes more memory than it may")
            except Exception as error:
                answer = ("lost", f"{type(error).__name__}: {' '.join(str(error).split())}"[:300])
            pipe.send(answer)
