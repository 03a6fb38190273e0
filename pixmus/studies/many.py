"""A library of short clips made by processes and by a Ray cluster that loses a machine half-way."""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av

from pixmus.asked import Asked
from pixmus.choices import INFERENCE_STEPS
from pixmus.dataset.cluster import prepare_ray
from pixmus.dataset.sheets import read_rows
from pixmus.errors import PixMusError
from pixmus.library.cluster import make_on_cluster
from pixmus.library.jobs import find_jobs, job_choices
from pixmus.library.many import RESULTS, Tally, make_many
from pixmus.studies.machine import machine
from pixmus.studies.runner import VIDEOS, Result, Run, Study

NUM_CLIPS = 200
MOST_OF_A_VIDEO = 15  # clips, one after another
CLIP_S, WIDTH, RATE = 2.0, 160, 12  # seconds, pixels, frames a second
STEPS = 2
WAYS = ("one", "two", "cluster")


def measure(run: Run) -> Result:
    """Clips an hour and processor seconds a clip in every way, and what became of every clip."""
    wanted = run.arguments
    result: Result = {
        "command": run.command,
        "machine": machine(),
        "clips": wanted.clips,
        "seconds": CLIP_S,
        "width": WIDTH,
        "frame_rate": RATE,
        "steps": STEPS,
    }
    with tempfile.TemporaryDirectory(prefix="pixmus-") as name:
        place = Path(name)
        cut = make_clips(wanted.videos, place / "clips", wanted.clips)
        run.tell(f"{cut} clips are cut")

        def row(way: str, count: int, make: Callable[[Any, Path], Tally]) -> Result:
            return _row(way, count, make, place / way.replace(" ", "-"), place / "clips", run)

        return run.sections(
            result,
            {
                "two": lambda: row(
                    "2 processes", wanted.clips, lambda jobs, out: make_many(jobs, out, workers=2)
                ),
                "one": lambda: row(
                    "1 process", wanted.alone, lambda jobs, out: make_many(jobs, out, workers=1)
                ),
                "cluster": lambda: row(
                    "Ray, 2 nodes, one killed", wanted.cluster, _on_two_nodes(place)
                ),
            },
        )


def make_clips(videos: Path, folder: Path, count: int) -> int:
    """Write so many clips of `CLIP_S` seconds, in turn from all videos of a folder; their number.

    Pictures of `WIDTH` pixels, `RATE` frames a second, no sound.
    """
    folder.mkdir(parents=True)
    sources = [path for path in videos.glob("*") if path.suffix in (".mp4", ".webm")]
    sources.sort(key=lambda path: (path.stat().st_size, path.name))  # small ones are cut soonest
    if not sources:
        raise PixMusError(f"There is no video in {videos}; say with --videos where they lie.")
    found: list[list[Path]] = []
    for source in sources:
        if sum(map(len, found)) >= count:
            break
        found.append(_cut(source, folder))
    ranked = [
        path for turn in range(MOST_OF_A_VIDEO) for cut in found for path in cut[turn : turn + 1]
    ]
    for path in ranked[count:]:
        path.unlink()
    return min(count, len(ranked))


def _cut(source: Path, folder: Path) -> list[Path]:
    """The clips of one video."""
    written: list[Path] = []
    frames: list[av.VideoFrame] = []
    length = round(CLIP_S * RATE)
    with av.open(str(source), metadata_errors="ignore") as container:
        due = 0.0
        for frame in container.decode(container.streams.video[0]):
            if frame.time is None or frame.time < due:
                continue
            due += 1 / RATE
            height = 2 * round(WIDTH * frame.height / frame.width / 2)
            frames.append(frame.reformat(WIDTH, height, "yuv420p"))
            if len(frames) == length:
                written.append(folder / f"{source.stem[:30]}-{len(written)}.mp4")
                _write(frames, written[-1])
                frames = []
            if len(written) == MOST_OF_A_VIDEO:
                break
    return written


def _write(frames: Sequence[av.VideoFrame], path: Path) -> None:
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = frames[0].width, frames[0].height, "yuv420p"
        for index, frame in enumerate(frames):
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def _row(
    way: str,
    count: int,
    make: Callable[[Any, Path], Tally],
    out: Path,
    clips: Path,
    run: Run,
) -> Result:
    """One way of making the first `count` clips."""
    asked = Asked({INFERENCE_STEPS.name: STEPS}, job_choices())
    jobs = list(find_jobs(str(clips), asked))[:count]
    begun = time.monotonic()
    tally = make(jobs, out)
    seconds = time.monotonic() - begun
    columns = read_rows(out / RESULTS)
    told = [float(value) for value in columns["processor_seconds"] if value]
    sizes = [int(value) for value in columns["bytes"] if value]
    run.tell(f"{way}: {tally.made} of {count} clips in {seconds:.0f} s")
    return {
        "way": way,
        "clips": count,
        "made": tally.made,
        "failed": tally.failed,
        "folders": len(set(columns["folder"])),
        "processes": len({value for value in columns["process"] if value}),
        "seconds": round(seconds, 1),
        "clips_an_hour": round(3600 * tally.made / seconds),
        "processor_seconds": round(sum(told) / max(1, len(told)), 2),
        "bytes": round(sum(sizes) / max(1, len(sizes))),
    }


def _on_two_nodes(place: Path) -> Callable[[Any, Path], Tally]:
    """Two machines as Ray knows them, each with a folder of its own; one is killed half-way."""

    def make(jobs: Sequence[Any], out: Path) -> Tally:
        prepare_ray()
        from ray.cluster_utils import Cluster

        for name in ("first", "second"):
            (place / name).mkdir()
        path = os.pathsep.join(filter(None, [str(Path.cwd()), os.environ.get("PYTHONPATH")]))
        settings: list[dict[str, Any]] = [
            {"num_cpus": 1, "object_store_memory": 100 << 20, "include_dashboard": False,
             "env_vars": {"TMPDIR": str(place / name), "PYTHONPATH": path}}
            for name in ("first", "second")
        ]  # fmt: skip
        cluster = Cluster(initialize_head=True, head_node_args=settings[0])
        second = cluster.add_node(**settings[1])
        lost = threading.Event()
        num_made = 0

        def tell(_: str) -> None:
            nonlocal num_made
            num_made += 1
            if num_made >= len(jobs) // 2 and not lost.is_set():
                lost.set()
                cluster.remove_node(second, allow_graceful=False)

        try:
            return make_many(
                jobs, out, by=partial(make_on_cluster, address=cluster.address), tell=tell
            )
        finally:
            cluster.shutdown()  # type: ignore[no-untyped-call]

    return make


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--videos", type=Path, metavar="DIR", default=VIDEOS)
    parser.add_argument("--clips", type=int, metavar="N", default=NUM_CLIPS)
    parser.add_argument("--alone", type=int, metavar="N", default=20, help="clips of 1 process")
    parser.add_argument("--cluster", type=int, metavar="N", default=20, help="clips of the cluster")


STUDY = Study(
    "many", "A library of clips by processes and by a cluster that loses a machine.", measure,
    arguments,
    passes=lambda result: all(
        row["made"] == row["clips"] == row["folders"]
        for row in map(result.get, WAYS)
        if row is not None
    ),
)  # fmt: skip
