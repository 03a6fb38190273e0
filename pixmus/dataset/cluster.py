"""Groups of rows measured on a Ray cluster, by Ray Data.

Each task measures a few rows in a process of its own (`Pool`), so that a file that kills a
decoder costs one row and no task. Only this process writes shards: a task that Ray runs again
because its machine died brings the same rows again, and they are not added twice. Every machine
needs PixMus, of the same version, and the media under the same path.
"""

from __future__ import annotations

import logging
import os
import pickle
import re
import socket
import sys
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from pixmus.dataset.measure import STALL_S, Outcome, measuring_pool
from pixmus.dataset.media import Media
from pixmus.dataset.pool import Pool
from pixmus.dataset.table import Row
from pixmus.errors import PixMusError

ROWS_PER_TASK = 16  # what a task that dies takes with it; more where one source has more
TASKS_PER_WORKER = 4  # at least, so that small tables are spread too
START_S = "180"  # that a node may take to start; Ray's own 30 are too few on a busy machine
OBJECT_STORE_BYTES = 100 << 20  # results are 10 kB a row; Ray would take a third of the memory


def measure_on_cluster(
    groups: Sequence[Sequence[Row]],
    media: Media,
    workers: int,
    address: str | None = None,
) -> Iterator[tuple[Row, Outcome]]:
    """The outcome of every row; a row may come twice.

    `workers` tasks run at a time, on the cluster at `address` or on one that is started here and
    ended afterwards.

    Raises PixMusError where no cluster answers.
    """
    prepare_ray()
    import ray
    import ray.data

    started = not ray.is_initialized()
    if started:
        join_cluster(workers, address)
    try:
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        tasks = _tasks(groups, workers)
        results = ray.data.from_items(
            [{"task": pickle.dumps((media, task))} for task in tasks],
            override_num_blocks=len(tasks),
        ).map_batches(
            _measure,
            batch_size=1,
            compute=ray.data.TaskPoolStrategy(size=min(workers, len(tasks))),
            num_cpus=1,
        )
        for result in results.iter_rows():
            yield pickle.loads(result["outcome"])
    finally:
        if started:
            ray.shutdown()


def count_processors(address: str) -> int:
    """Processors of the cluster at `address`, which stays joined."""
    import ray

    if not ray.is_initialized():
        join_cluster(1, address)
    return max(1, int(ray.cluster_resources().get("CPU", 1)))  # type: ignore[no-untyped-call]


def prepare_ray() -> None:
    """No reports to Ray's makers, no log of what goes well, time to start; read at its import."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_DATA_LOG_LEVEL", "ERROR")
    os.environ.setdefault("RAY_raylet_start_wait_time_s", START_S)


def join_cluster(workers: int, address: str | None) -> None:
    """Join the cluster at an address, or start one here with so many processors.

    Raises PixMusError where none answers.
    """
    prepare_ray()
    _check_answers(address)
    import ray

    logging.getLogger("ray").setLevel(logging.ERROR)
    paths = os.pathsep.join(filter(None, sys.path))
    settings: dict[str, Any] = {
        "log_to_driver": False,
        "logging_level": logging.ERROR,
        "runtime_env": {"env_vars": {"PYTHONPATH": paths}},
    }
    if address is None:
        settings |= {
            "num_cpus": workers,
            "object_store_memory": OBJECT_STORE_BYTES,
            "include_dashboard": False,
        }
    try:
        ray.init(address=address or "local", **settings)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise _no_cluster(address or "this machine", error) from error


def _check_answers(address: str | None) -> None:
    """Ray itself would try for two minutes."""
    place = re.fullmatch(r"(?:ray://)?(.+):(\d+)", address or "")
    if address is None or place is None:  # "auto", or a name that Ray may know
        return
    try:
        socket.create_connection((place[1], int(place[2])), timeout=5).close()
    except (OSError, OverflowError) as error:
        raise _no_cluster(address, error) from error


def _no_cluster(address: str, error: Exception) -> PixMusError:
    return PixMusError(
        f"no Ray cluster answers at {address} ({error}); start one with `ray start`, or leave "
        "its address out."
    )


def _tasks(groups: Sequence[Sequence[Row]], workers: int) -> list[list[Sequence[Row]]]:
    """Groups put together until a task has about `ROWS_PER_TASK` rows."""
    num_rows = sum(map(len, groups))
    rows_per_task = max(1, min(ROWS_PER_TASK, num_rows // (TASKS_PER_WORKER * workers)))
    tasks: list[list[Sequence[Row]]] = []
    count = rows_per_task
    for group in groups:
        if count + len(group) > rows_per_task:
            tasks.append([])
            count = 0
        tasks[-1].append(group)
        count += len(group)
    return tasks


def _measure(batch: dict[str, Any]) -> dict[str, Any]:
    """What a task does: the outcomes of its rows, pickled."""
    outcomes: list[bytes] = []
    for task in batch["task"]:
        media, groups = pickle.loads(task)
        found = _pool(media.folder).run((group, STALL_S) for group in groups)
        outcomes += map(pickle.dumps, found)
    return {"outcome": np.array(outcomes, dtype=object)}


@lru_cache(maxsize=1)
def _pool(folder: Any) -> Pool:
    """One process, kept from task to task of this worker."""
    return measuring_pool(Media(folder))
