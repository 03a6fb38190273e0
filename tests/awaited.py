"""`awaited`: what a coroutine returns, wherever the test runs.

A browser that an earlier test opened keeps its event loop running in the tests' own thread, where
`asyncio.run` refuses to start another: so the loop gets a thread for itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def awaited(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in a thread of its own; its errors are raised here."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()
