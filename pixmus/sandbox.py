"""Work on files of strangers in a process of its own, with limits on time and memory.

A file that hangs, crashes or swells what reads it ends that process alone, and the process ends
with the one that started it. It runs as the same user: this guards against broken files, and is no
wall against code that would take the process over. `run_apart` starts one process for one piece of
work (the page does); a program that has much to do keeps its processes (`dataset.pool`) and limits
them by the same functions.

Run as `python -m pixmus.sandbox FOLDER BYTES MODULE...` it loads the modules, waits for a line on
its standard input, and does the work in `FOLDER/work.pickle`. `keep_spare` has such a process stand
by, so that nobody waits for what is imported.
"""

from __future__ import annotations

import ctypes
import importlib
import math
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixmus.errors import DiskError, PixMusError
from pixmus.files import DISK_TAKES_NO_MORE

MEMORY_LIMIT = 3 << 30  # bytes of address space; 4K HEVC takes 1.0 GiB to watch and encode anew
FIRST_LIMIT_S = 30.0  # of the processor, until the length of the file is known, and then
LIMIT_PER_SECOND = 6.0  # more for each second of it
PATIENCE = 4.0  # seconds on the clock for each of the processor's: others work beside it
DISK_IS_IN_TROUBLE = 74  # exit code of a process that cannot write its outcome (EX_IOERR)
DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of Linux's prctl
POLL_S = 0.02
LONGEST_WORDS = 2000  # characters kept of what a process said before it died
THREAD_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

OnWait = Callable[[], None]  # called while the process works; what it raises ends the process
TellLength = Callable[[float], object]  # called by the work once it knows how long its file is


@dataclass(frozen=True)
class Limits:
    """What a process may take: bytes beyond those it has at its start, and processor seconds."""

    memory: int = MEMORY_LIMIT
    first_seconds: float = FIRST_LIMIT_S
    per_second: float = LIMIT_PER_SECOND
    most_seconds: float = math.inf  # however long the file is

    def seconds(self, length: float = 0.0) -> float:
        """Of the processor, for a file of `length` seconds."""
        return min(self.first_seconds + self.per_second * length, self.most_seconds)


class TookTooLong(Exception):
    """The work was ended after so many `seconds` of the processor, or `PATIENCE` times as many."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"ended after {seconds:.0f} s")
        self.seconds = seconds


class Died(Exception):
    """The process ended without a result: its exit code, and what it said last on stderr."""

    def __init__(self, exit_code: int, said: str) -> None:
        super().__init__(f"exit code {exit_code}: {said}")


def run_apart(
    work: Callable[..., Any],
    *arguments: Any,
    limits: Limits = Limits(),  # noqa: B008
    on_wait: OnWait | None = None,
) -> Any:
    """`work(tell_length, *arguments)` in a process of its own; all of it must be picklable.

    Raises what `work` raises of PixMusError (of a disk in trouble too), `TookTooLong` and `Died`.
    """
    with _process(limits.memory) as (process, folder):
        (folder / "work.pickle").write_bytes(pickle.dumps((work, arguments, limits, os.getpid())))
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # it is gone, which its end says
            process.stdin.write(b"begin\n")
            process.stdin.flush()
        limit = _wait(process, folder / "length", limits, on_wait)
        return _outcome(process.returncode, folder, limit)


@dataclass(frozen=True)
class Spare:
    """A process that has loaded what work needs and waits for it, with its folder."""

    process: subprocess.Popen[bytes]
    place: tempfile.TemporaryDirectory[str]
    memory: int

    @classmethod
    def start(cls, memory: int, *modules: str) -> Spare:
        """Start one, which loads modules before it waits; it ends with this process."""
        place = tempfile.TemporaryDirectory(prefix="pixmus-apart-")
        with open(Path(place.name) / "said", "w+b") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "pixmus.sandbox", place.name, str(memory), *modules],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=said,
                env={**os.environ, "PYTHONPATH": import_path()},
            )
        return cls(process, place, memory)

    def end(self) -> None:
        """End it if it has not ended, and remove its folder."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.process.stdin is not None:
            with suppress(BrokenPipeError):
                self.process.stdin.close()
        self.place.cleanup()


class _Keeper:
    """Has a spare process stand by, and another as soon as that one's work has ended.

    All are started by one thread that never ends: Linux ends a process with the thread that
    started it, not with its program.
    """

    def __init__(self, module: str, memory: int) -> None:
        self.module, self.memory = module, memory
        self._spare: Spare | None = None
        self._lock = threading.Lock()
        self._wanted = threading.Event()
        threading.Thread(target=self._keep, name="spare processes", daemon=True).start()
        self.refill()

    def refill(self) -> None:
        """Have one stand by where none does."""
        self._wanted.set()

    def take(self, memory: int) -> Spare | None:
        """The one that stands by; None where there is none or it is not as wanted."""
        with self._lock:
            found = self._spare
            if found is None or found.memory != memory:
                return None
            self._spare = None
        if found.process.poll() is None:
            return found
        found.end()
        return None

    def _keep(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            if self._spare is None:
                with suppress(OSError):  # no room for it now: work starts its own, and says so
                    started = Spare.start(self.memory, self.module)
                    with self._lock:
                        self._spare = started


_keeper: _Keeper | None = None


def keep_spare(module: str, memory: int = MEMORY_LIMIT) -> None:
    """From now on have a process stand by that has loaded `module`, for work with that limit."""
    global _keeper
    if _keeper is None:
        _keeper = _Keeper(module, memory)


@contextmanager
def _process(memory: int) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A process that waits for work in its folder; it is ended, and the folder goes."""
    found = (_keeper.take(memory) if _keeper else None) or Spare.start(memory)
    try:
        yield found.process, Path(found.place.name)
    finally:
        found.end()
        if _keeper is not None:
            _keeper.refill()


def _outcome(exit_code: int, folder: Path, limit: float) -> Any:
    """What the process left in its folder, or what its end says."""
    if exit_code == -signal.SIGXCPU:
        raise TookTooLong(limit)
    if exit_code == DISK_IS_IN_TROUBLE:
        raise DiskError("The result could not be written (the disk is full or read-only).")
    try:
        outcome = pickle.loads((folder / "outcome.pickle").read_bytes())
    except (OSError, EOFError, pickle.UnpicklingError):
        words = (folder / "said").read_text(errors="replace").strip()[-LONGEST_WORDS:]
        raise Died(exit_code, words) from None
    if isinstance(outcome, PixMusError):
        raise outcome
    return outcome


def import_path() -> str:
    """What a process of ours is told to find modules in: the places where this one does."""
    return os.pathsep.join(filter(None, sys.path))


def limit_memory(num_bytes: int) -> None:
    """Let this process take so many bytes of addresses more than it has."""
    with suppress(ImportError, OSError):  # other systems than Linux have no such limit, or file
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + num_bytes
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        if hard != resource.RLIM_INFINITY:
            limit = min(limit, hard)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def limit_processor(seconds: float) -> None:
    """Let this process take so many seconds of the processor in all, after which it is ended."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        whole = hard if math.isinf(seconds) else max(1, math.ceil(seconds))
        if hard != resource.RLIM_INFINITY:
            whole = min(whole, hard)
        resource.setrlimit(resource.RLIMIT_CPU, (whole, hard))
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def end_with(parent: int) -> None:
    """Have this process ended as soon as the process `parent`, which started it, is gone."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # gone before that
            os._exit(1)


def _wait(
    process: subprocess.Popen[bytes], told: Path, limits: Limits, on_wait: OnWait | None
) -> float:
    """Wait for the process; returns the processor seconds that it may take.

    The file `told` holds the length of its file once that is known.
    """
    begun, limit, is_known = time.monotonic(), limits.seconds(), False
    while process.poll() is None:
        if on_wait is not None:
            on_wait()
        if not is_known and told.exists():
            is_known = True
            limit = limits.seconds(float(told.read_text()))
        if time.monotonic() - begun > PATIENCE * limit:
            raise TookTooLong(limit)
        time.sleep(POLL_S)
    return limit


def main() -> None:
    """Do the work in the folder that the command line names, and leave its outcome there."""
    folder = Path(sys.argv[1])
    limit_memory(int(sys.argv[2]))
    for module in sys.argv[3:]:
        importlib.import_module(module)
    if not sys.stdin.readline():  # who started it has gone
        return
    work, arguments, limits, parent = pickle.loads((folder / "work.pickle").read_bytes())
    end_with(parent)
    limit_processor(limits.seconds())

    def tell_length(length: float) -> None:
        limit_processor(limits.seconds(length))
        _write(folder / "length", length)

    try:
        try:
            outcome = work(tell_length, *arguments)
        except PixMusError as error:
            outcome = error
        _write(folder / "outcome.pickle", pickle.dumps(outcome, pickle.HIGHEST_PROTOCOL))
    except OSError as error:
        if error.errno not in DISK_TAKES_NO_MORE:  # a right may be missing to read, too
            raise
        sys.exit(DISK_IS_IN_TROUBLE)


def _write(path: Path, content: bytes | float) -> None:
    """Write a file that is whole as soon as it is there."""
    partial = path.with_suffix(".part")
    partial.write_bytes(content if isinstance(content, bytes) else str(content).encode())
    partial.rename(path)


if __name__ == "__main__":
    main()
