"""Two threads for networks that are small: one thread of torch each, and few places to wait.

Torch's own threads wait for one another at every layer: where one of two cores is busy that stalls.
Whoever computes two things at once here waits once for both, and to the bit as with one thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

import torch


@contextmanager
def second_thread() -> Iterator[Executor | None]:
    """A second thread, None where torch is to use one; meanwhile torch has one thread in each."""
    threads = torch.get_num_threads()
    if threads == 1:
        yield None
        return
    torch.set_num_threads(1)  # of this thread, and of those that begin later
    try:
        with ThreadPoolExecutor(
            1, "pixmus-beside", initializer=torch.set_num_threads, initargs=(1,)
        ) as beside:
            yield beside
    finally:
        torch.set_num_threads(threads)
