"""Clips decoded in a process of their own, with limits on time and memory.

A file that hangs, crashes or swells the decoder ends that process and becomes one sentence for the
visitor; the page goes on. The process runs as the same user as the page: this guards against
broken files, and is no wall against code that would take the decoder over.

Run as `python -m pixmus.doors.page.decoding FOLDER BYTES`, it does the job in
`FOLDER/job.pickle` with at most so much memory.
"""

from __future__ import annotations

import functools
import logging
import math
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from pixmus.errors import PixMusError
from pixmus.picture.footage import Footage, watch
from pixmus.picture.video import Video, mux, probe, trim

MEMORY_LIMIT = 3 << 30  # bytes of address space; 4K HEVC takes 1.0 GiB to watch and encode anew
FIRST_LIMIT_S = 30.0  # wall-clock, until the length of the clip is known, and then
LIMIT_PER_SECOND = 6.0  # more for each second of it
POLL_S = 0.02

OnWait = Callable[[], None]  # called while the process works; what it raises ends the process


def watch_apart(
    clip: Path,
    *,
    still_duration: float = 30.0,
    longest: float = math.inf,
    on_wait: OnWait | None = None,
) -> Footage:
    """`footage.watch` in a process of its own; a clip over `longest` seconds is refused unwatched.

    Raises PixMusError as `watch` does, and where the limits on time or memory were reached.
    """
    job = {"task": "watch", "clip": clip, "still_duration": still_duration, "longest": longest}
    return _run(job, clip, on_wait)


def trim_apart(
    clip: Path, start: float, end: float, out_path: Path, *, on_wait: OnWait | None = None
) -> None:
    """`video.trim` in a process of its own."""
    job = {"task": "trim", "clip": clip, "start": start, "end": end, "out": out_path}
    _run(job, clip, on_wait)


def mux_apart(
    video: Video, waveform: np.ndarray, out_path: Path, *, on_wait: OnWait | None = None
) -> None:
    """`video.mux` in a process of its own."""
    job = {"task": "mux", "video": video, "waveform": waveform, "out": out_path}
    _run(job, video.path, on_wait)


def do(job: dict[str, Any], tell_length: Callable[[float], object]) -> Any:
    """The job itself, done in this process; `tell_length` hears how long the clip is, seconds."""
    if job["task"] == "watch":
        video = probe(job["clip"], still_duration=job["still_duration"])
        tell_length(video.duration)
        if video.duration > job["longest"] + 0.5:
            raise PixMusError(
                f"{video.path} lasts {video.duration:.0f} s; give a clip of at most "
                f"{job['longest']:.0f} s here, or a part of it."
            )
        return watch(job["clip"], job["still_duration"])
    if job["task"] == "trim":
        video = probe(job["clip"])
        tell_length(min(job["end"], video.duration))
        return trim(video, job["start"], job["end"], job["out"])
    tell_length(job["video"].duration)
    return mux(job["video"], job["waveform"], job["out"])


def _run(job: dict[str, Any], clip: Path, on_wait: OnWait | None) -> Any:
    limit, length = FIRST_LIMIT_S, None
    with (
        tempfile.TemporaryDirectory(prefix="pixmus-decoding-") as place,
        open(Path(place) / "said", "w+b") as said,
    ):
        folder = Path(place)
        (folder / "job.pickle").write_bytes(pickle.dumps(job, pickle.HIGHEST_PROTOCOL))
        begun = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "pixmus.doors.page.decoding", str(folder), str(MEMORY_LIMIT)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        try:
            while process.poll() is None:
                if on_wait is not None:
                    on_wait()
                if length is None and (folder / "length").exists():
                    length = float((folder / "length").read_text())
                    limit += LIMIT_PER_SECOND * length
                if time.monotonic() - begun > limit:
                    raise PixMusError(
                        f"{clip} could not be decoded within {limit:.0f} s; give a shorter clip "
                        "or export it again, for example as H.264 mp4."
                    )
                time.sleep(POLL_S)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
        try:
            outcome = pickle.loads((folder / "outcome.pickle").read_bytes())
        except (OSError, EOFError, pickle.UnpicklingError):
            # For whoever keeps the page; a visitor can do nothing with it.
            logging.getLogger(__name__).warning(
                "decoding %s ended with exit code %s: %s",
                clip.name,
                process.returncode,
                (folder / "said").read_text(errors="replace").strip()[-2000:],
            )
            raise PixMusError(
                f"{clip} made the decoder stop (out of memory, or a damaged file); export it "
                "again, for example as H.264 mp4 of at most 1080p."
            ) from None
        if isinstance(outcome, PixMusError):
            raise outcome
        return outcome


def main() -> None:
    folder = Path(sys.argv[1])
    with suppress(ImportError):  # Unix alone has it
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]), int(sys.argv[2])))
    job = pickle.loads((folder / "job.pickle").read_bytes())
    try:
        outcome = do(job, functools.partial(_write, folder / "length"))
    except PixMusError as error:
        outcome = error
    _write(folder / "outcome.pickle", pickle.dumps(outcome, pickle.HIGHEST_PROTOCOL))


def _write(path: Path, content: bytes | float) -> None:
    """Write a file that is whole as soon as it is there."""
    partial = path.with_suffix(".part")
    partial.write_bytes(content if isinstance(content, bytes) else str(content).encode())
    partial.rename(path)


if __name__ == "__main__":
    main()
