"""The memory that a large model needs beside what is free, and what is said of too little."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from pixmus.errors import PixMusError

MARGIN = 1.2  # of the weights: what sampling needs besides, at least
MEMINFO = Path("/proc/meminfo")
CGROUP_LIMIT, CGROUP_USE = (
    Path("/sys/fs/cgroup") / name for name in ("memory.max", "memory.current")
)


def num_weights(folder: Path) -> int:
    """How many numbers the safetensors files below a model's folder hold, by their headers."""
    total = 0
    for path in folder.glob("*/*.safetensors"):
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(length))
        total += sum(
            math.prod(entry["shape"]) for key, entry in header.items() if key != "__metadata__"
        )
    return total


def free_memory() -> int | None:
    """Bytes that this process may still take; None where the machine does not say."""
    found = []
    if MEMINFO.is_file():
        lines = dict(line.split(":", 1) for line in MEMINFO.read_text().splitlines() if ":" in line)
        if "MemAvailable" in lines:
            found.append(1024 * int(lines["MemAvailable"].split()[0]))
    if CGROUP_LIMIT.is_file() and (limit := CGROUP_LIMIT.read_text().strip()) != "max":
        found.append(int(limit) - int(CGROUP_USE.read_text()))
    return min(found) if found else None


def check_memory(folder: Path, dtype: torch.dtype, on_gpu: bool) -> None:
    """PixMusError where a model's weights will not fit into what is free."""
    try:
        needed = MARGIN * num_weights(folder) * dtype.itemsize
    except (OSError, ValueError, KeyError, TypeError, struct.error):
        return  # loading says what is wrong with the files
    free = torch.cuda.mem_get_info()[0] if on_gpu else free_memory()
    if free is not None and needed > free:
        raise PixMusError(
            f"The model in {folder.name} needs about {needed / 1e9:.1f} GB of memory and "
            f"{free / 1e9:.1f} GB are free; choose a smaller one or a machine with more."
        )


@contextmanager
def memory_told(folder: Path) -> Iterator[None]:
    """Memory that gives out is told in one sentence."""
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError, RuntimeError) as error:
        is_memory = isinstance(error, MemoryError | torch.OutOfMemoryError)
        if not is_memory and "allocate memory" not in str(error):
            raise
        raise PixMusError(
            f"Memory was not enough for the model in {folder.name}; choose a smaller model, or a "
            "machine with more."
        ) from error
