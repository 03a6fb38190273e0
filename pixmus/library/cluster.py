"""Clips of a library made on a Ray cluster, whose machines need no common path.

A clip goes with its task, or is fetched by the machine that makes it where a URL names it to all; a
soundtrack comes back as one packed file. A task whose machine or process died is done again
elsewhere. Only the process that asks writes folders, so nothing is there twice or by half. Every
machine needs PixMus and the same model.
"""

from __future__ import annotations

import io
import pickle
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from pixmus.dataset.cluster import join_cluster
from pixmus.dataset.pool import Lost
from pixmus.errors import PixMusError
from pixmus.files import new_folder
from pixmus.library.jobs import CLIP, CUTS, Job
from pixmus.library.many import Piece, make_one
from pixmus.library.places import is_read_everywhere

RETRIES = 3  # of a task whose process or machine is gone
LOCAL = "local"  # the address of a cluster that is started here


def make_on_cluster(
    pieces: Iterable[Piece], workers: int, address: str
) -> Iterator[tuple[Piece, Any]]:
    """Every piece with its row, its folder written, or with `Lost`, as they come.

    As many tasks run at a time as the cluster has processors, or `workers` on one that is started
    here; one more waits, so that no machine does. PixMusError where no cluster answers.
    """
    import ray

    started = not ray.is_initialized()
    if started:
        join_cluster(workers, None if address == LOCAL else address)
    try:
        make = ray.remote(num_cpus=1, max_retries=RETRIES)(_make)
        ahead = iter(pieces)
        running: dict[Any, Piece] = {}
        while True:
            processors = ray.cluster_resources().get("CPU", 1)  # type: ignore[no-untyped-call]
            while len(running) <= max(1, int(processors)):
                piece = next(ahead, None)
                if piece is None:
                    break
                running[make.remote(_sent(piece))] = piece
            if not running:
                return
            done, _ = ray.wait(list(running), num_returns=1)
            piece, result = running.pop(done[0]), _result(ray, done[0])
            if not isinstance(result, Lost):
                result, packed = result
                with new_folder(piece.out / piece.name, overwrite=True) as place:
                    _unpack(packed, place)
            yield piece, result
    finally:
        if started:
            ray.shutdown()


def _result(ray: Any, task: Any) -> Any:
    """What came of a task."""
    try:
        return pickle.loads(ray.get(task))
    except ray.exceptions.RayError as error:
        told = str(error).splitlines()[0][:200]
        return Lost(f"its process ended {RETRIES + 1} times ({told}); it is damaged or too large")


def _sent(piece: Piece) -> bytes:
    """A piece as it goes to a machine, with the files that only this one has."""
    job, files = piece.job, dict[str, bytes]()
    if not (job.url and is_read_everywhere(job.url)):
        files[CLIP] = job.clip.read_bytes()
    if job.cuts is not None and not (job.cuts_url and is_read_everywhere(job.cuts_url)):
        files[CUTS] = job.cuts.read_bytes()
    return pickle.dumps((piece, files))


def _make(sent: bytes) -> bytes:
    """What a task does: the row and the packed folder of a piece, or why there is none, pickled."""
    piece, files = pickle.loads(sent)
    try:
        from pixmus.model.folder import model_folder

        if model_folder(piece.model)[1] != piece.sha256:
            raise PixMusError("Another model is on this machine; install the same one everywhere.")
        with tempfile.TemporaryDirectory(prefix="pixmus-") as name:
            place = Path(name)
            here = replace(piece, job=_here(piece.job, files, place), out=place, staging=None)
            row = make_one(here)
            return pickle.dumps((row, _pack(place / piece.name)))
    except Exception as error:
        return pickle.dumps(Lost.by(error))


def _here(job: Job, files: dict[str, bytes], place: Path) -> Job:
    """A job whose files lie in a folder of this machine."""
    for kind, data in files.items():
        path = getattr(job, kind)
        (place / kind).mkdir()
        here = place / kind / path.name
        here.write_bytes(data)
        job = replace(job, **{kind: here})
    fetched = replace(
        job,
        url="" if CLIP in files else job.url,
        cuts_url="" if CUTS in files else job.cuts_url,
    )
    staged = fetched.staged(place / "fetched")
    return replace(staged, url=job.url, cuts_url=job.cuts_url)


def _pack(folder: Path) -> bytes:
    """A folder's files as one, for the way from machine to machine."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(folder, ".")
    return packed.getvalue()


def _unpack(packed: bytes, folder: Path) -> None:
    """`_pack` undone."""
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
