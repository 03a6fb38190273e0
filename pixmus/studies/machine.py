"""What seconds and memory depend on beside the code: the machine, and what a process has held."""

from __future__ import annotations

import os
import platform
import resource
from pathlib import Path
from typing import Any


def machine() -> dict[str, Any]:
    """What the numbers depend on beside the code."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        lines = info.read_text(encoding="utf-8").splitlines()
        named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        model = named[0] if named else model
    return {"processor": model, "cores": len(os.sched_getaffinity(0))}


def peak_memory() -> float:
    """The most memory (MiB) that this process has held at once.

    From /proc where there is one: `getrusage` counts what the parent held before this program ran.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
