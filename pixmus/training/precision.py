"""In which numbers the network runs while it learns: bfloat16 or float32, whichever is faster.

On processors with AMX or AVX512-BF16 and on GPUs bfloat16 is several times as fast; on others it
is up to ten times as slow. The weights that learn are float32 in any case.
"""

from __future__ import annotations

import copy
import time
from dataclasses import fields

import torch

from pixmus.model.network import ScoreNetwork
from pixmus.training.loss import denoising_loss
from pixmus.training.windows import Batch

DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}
TIMED_S = 0.4  # of iterations with each, after one that is not counted
TIMED_WINDOWS = 4  # of the batch: how one compares to the other shows on a few


def name_of(dtype: torch.dtype) -> str:
    """The name of one of `DTYPES`."""
    return next(name for name, value in DTYPES.items() if value == dtype)


def seconds_an_iteration(network: ScoreNetwork, batch: Batch, dtype: torch.dtype) -> float:
    """How long a copy of the network in `dtype` takes for loss and gradients of a few windows."""
    few = first_windows(batch, TIMED_WINDOWS)
    runner = copy.deepcopy(network).to(dtype)
    device = few.cells.device
    generator = torch.Generator(device).manual_seed(0)
    noise = torch.randn(few.cells.shape, generator=generator, device=device)
    sigma = torch.linspace(0.1, 0.9, len(few.cells), device=device)

    def iterate() -> None:
        loss, _ = denoising_loss(runner, few, sigma, noise)
        loss.backward()  # type: ignore[no-untyped-call]
        loss.item()  # on a GPU, wait for it

    iterate()
    begun, count = time.perf_counter(), 0
    while count == 0 or time.perf_counter() - begun < TIMED_S:
        iterate()
        count += 1
    return (time.perf_counter() - begun) / count


def faster_dtype(network: ScoreNetwork, batch: Batch) -> tuple[torch.dtype, dict[str, float]]:
    """The dtype in which the network runs fastest on the batch's device, and both times, seconds.

    It takes about a second, and no random number that anything else draws.
    """
    seconds = {name: seconds_an_iteration(network, batch, dtype) for name, dtype in DTYPES.items()}
    return DTYPES[min(seconds, key=lambda name: seconds[name])], seconds


def first_windows(batch: Batch, count: int) -> Batch:
    """The first windows of a batch."""
    values = {field.name: getattr(batch, field.name) for field in fields(batch)}
    return Batch(**{n: v if n == "positions" else v[:count] for n, v in values.items()})
