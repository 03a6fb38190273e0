"""Training batches without end: drawn in the loop itself, or ahead of it by other processes.

Drawn in the loop, batches follow from the state of one random generator, so that a run can be gone
on with exactly. Drawn by workers they follow from that state and the number of workers: the same
run again gives the same batches, but one that is resumed draws new ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any, Generic, TypeVar, cast

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

AHEAD = 4  # batches that each worker holds ready

B = TypeVar("B", bound=Any)


def to_device(batch: B, device: torch.device) -> B:
    """The batch, a dataclass of tensors, on a device; from pinned memory the copy does not wait."""
    moved = (getattr(batch, f.name).to(device, non_blocking=True) for f in fields(batch))
    return cast(B, type(batch)(*moved))


class _Drawn(IterableDataset[tuple[Tensor, ...]], Generic[B]):
    """What each worker draws, as tuples of tensors: those a data loader can pin."""

    def __init__(self, draw: Callable[[np.random.Generator], B], seed: int) -> None:
        super().__init__()
        self.draw, self.seed = draw, seed

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        worker = get_worker_info()
        assert worker is not None
        torch.set_num_threads(1)
        rng = np.random.default_rng([self.seed, worker.id])
        while True:
            batch = self.draw(rng)
            yield tuple(getattr(batch, f.name) for f in fields(batch))


def draw_batches(
    kind: type[B],
    draw: Callable[[np.random.Generator], B],
    rng: np.random.Generator,
    device: torch.device,
    workers: int = 0,
) -> Iterator[B]:
    """Batches of a `kind`, dataclasses of tensors, on `device` without end.

    `workers` processes draw them, 0: the loop itself. Workers take their seed from `rng`; their
    batches come in turns, so their order is fixed.
    """
    if workers == 0:
        while True:
            yield to_device(draw(rng), device)
    drawn = DataLoader(
        _Drawn(draw, int(rng.integers(2**31))),
        batch_size=None,
        num_workers=workers,
        prefetch_factor=AHEAD,
        pin_memory=device.type == "cuda",
    )
    for tensors in drawn:
        yield to_device(kind(*tensors), device)
