"""In which numbers a network learns: bfloat16 or float32, whichever is faster.

On processors with AMX or AVX512-BF16 and on GPUs products in bfloat16 are several times as fast; on
others they are up to ten times as slow. Weights and sums are float32 in any case.
"""

from __future__ import annotations

import copy
import time
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import nn

from pixmus.training.lessons import Lesson

DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}
TIMED_S = 0.4  # of iterations with each, after one that is not counted


def name_of(dtype: torch.dtype) -> str:
    """The name of one of `DTYPES`."""
    return next(name for name, value in DTYPES.items() if value == dtype)


def computed_in(dtype: torch.dtype, device: torch.device) -> AbstractContextManager[Any]:
    """Products in numbers of that kind, as a context."""
    return torch.autocast(device.type, torch.bfloat16, enabled=dtype == torch.bfloat16)


def seconds_an_iteration(
    lesson: Lesson, network: nn.Module, batch: Any, dtype: torch.dtype
) -> float:
    """How long a copy of the network takes for loss and gradients of a batch."""
    runner = copy.deepcopy(network).eval()  # nothing is dropped, so nothing drawn

    def iterate() -> None:
        with computed_in(dtype, batch.tokens.device):
            loss, _ = lesson.loss(runner, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        loss.item()  # on a GPU, wait for it

    iterate()
    begun, count = time.perf_counter(), 0
    while count == 0 or time.perf_counter() - begun < TIMED_S:
        iterate()
        count += 1
    return (time.perf_counter() - begun) / count


def faster_dtype(
    lesson: Lesson, network: nn.Module, batch: Any
) -> tuple[torch.dtype, dict[str, float]]:
    """The dtype in which the network learns fastest on the batch's device, and both times, seconds.

    It takes about a second, and no random number that anything else draws.
    """
    seconds = {
        name: seconds_an_iteration(lesson, network, batch, dtype) for name, dtype in DTYPES.items()
    }
    return DTYPES[min(seconds, key=lambda name: seconds[name])], seconds
