"""The memory of the page's process: how the C library keeps what is freed, and gives it back.

Soundtracks are made by threads that come and go. glibc gives each a pool of its own, up to eight a
core, and keeps what is freed in it: after a few dozen visitors more than half of the process is
memory that nobody uses. Other C libraries have none of this, and nothing is done there.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress

M_ARENA_MAX = -8  # mallopt's number for it in glibc's malloc.h
POOLS = 2  # as many as soundtracks are made at a time


def keep_little_memory() -> None:
    """Have few pools; before threads begin."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, POOLS)


def give_memory_back() -> None:
    """Give the system back what is free in the pools; takes some milliseconds."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
