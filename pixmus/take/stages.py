"""`Stages`: the stages of a take on the clock, and told to the one that listens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

OnStage = Callable[[str, float | None], None]  # stage, share of it that is done


class Stages:
    """Measures the stages and tells the one that listens."""

    def __init__(self, on_stage: OnStage | None) -> None:
        self.on_stage = on_stage
        self.seconds: dict[str, float] = {}
        self.current = ""

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        self.current = name
        self.progress(None)
        begun = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - begun

    def progress(self, share: float | None) -> None:
        if self.on_stage is not None:
            self.on_stage(self.current, share)
