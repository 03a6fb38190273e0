"""A page among many visitors at once: what it holds, how long they wait, whether all is gone after.

Short visits, some at once, to a real page on this machine: soundtracks, cue sheets, cancels,
reloads, floods, damaged files and wrong values, drawn by number. What some seeds make of some clips
when nobody else is there is made first: it has to be the same, note for note, in the crowd.
"""

from __future__ import annotations

import math
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from pixmus.doors.page.room import bytes_in
from pixmus.doors.page.showing import SURPRISE
from pixmus.errors import PixMusError
from pixmus.files import REPOSITORY
from pixmus.score.midi import read_midi
from pixmus.studies.field_clips import Clip, click
from pixmus.studies.fuzz import damaged, wrong_value
from pixmus.studies.machine import machine
from pixmus.studies.page_visitor import PageVisitor, Told
from pixmus.studies.runner import Result

AT_ONCE = 6
KEEP_MINUTES = 2.0  # of the page that is tried
SETTLED = 50  # visits after which memory should grow no more
GROWTH = 1.10
STEPS = 4
PING_S = 10.0
SEEDS = (3, 4)
# What a visitor does, and how often of a hundred times.
KINDS = {
    "soundtrack": 26,
    "cue sheet, then score": 9,
    "cancel": 13,
    "reload": 12,
    "flood": 12,
    "damaged file": 16,
    "wrong value": 12,
}
NEVER_SAID = ("/tmp", "Errno", "Traceback", "/root", "/home", SURPRISE)
UNWANTED = "was not foreseen"  # in the log


@dataclass
class Ground:
    """The page that is tried, the clips that are brought, and what was found."""

    url: str
    clips: list[Path]
    folder: Path
    process: int
    config: dict[str, Any] = field(default_factory=dict)  # of the page
    until: float = math.inf  # on the monotonic clock, after which nobody comes any more
    solo: dict[str, Any] = field(default_factory=dict)  # notes by clip and seed
    counts: Counter[str] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)  # seconds to a soundtrack
    memory: list[float] = field(default_factory=list)  # MiB after each visit
    pings: list[float] = field(default_factory=list)  # seconds until the page itself answered
    faults: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def paint_clips(folder: Path) -> list[Path]:
    """Short clips of several kinds: copied, encoded anew, with sound and without."""
    x264 = {"preset": "veryfast", "bf": "2"}
    vpx = {"deadline": "realtime", "cpu-used": "8"}
    found = {
        "copied.mp4": Clip(options=x264, sounds=(click(0.5, 3.0),), sound_codec="aac"),
        "anew.webm": Clip("libvpx", options=vpx),
        "old.avi": Clip("mpeg4", sounds=(click(1.5, 3.0),)),
    }
    return [clip.paint(folder / name) for name, clip in found.items()]


# ---------------------------------------------------------------------------- What visitors do


def soundtrack(ground: Ground, visitor: PageVisitor, random: np.random.Generator) -> str:
    clip = ground.clips[int(random.integers(len(ground.clips)))]
    seed = SEEDS[int(random.integers(len(SEEDS)))]
    begun = time.monotonic()
    notes = notes_of(visitor, clip, seed)
    with ground.lock:
        ground.waits.append(time.monotonic() - begun)
    key = f"{clip.name} {seed}"
    if ground.solo.setdefault(key, notes) != notes:
        raise AssertionError(f"{key}: other notes than alone")
    return "as alone"


def notes_of(visitor: PageVisitor, clip: Path, seed: int) -> dict[str, Any]:
    """The notes of a soundtrack that the API makes."""
    chosen = {"clip": visitor.upload(clip), "seed": seed, "num_inference_steps": STEPS}
    _, midi, *_ = visitor.call("soundtrack", chosen)
    with tempfile.NamedTemporaryFile(suffix=".mid") as file:
        file.write(visitor.fetch(midi))
        file.flush()
        return {part: list(notes) for part, notes in read_midi(Path(file.name)).parts.items()}


def sheet_then_score(ground: Ground, visitor: PageVisitor, random: np.random.Generator) -> str:
    clip = ground.clips[int(random.integers(len(ground.clips)))]
    sheet, _ = visitor.call("spot", {"clip": visitor.upload(clip)})
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "cues.json"
        path.write_bytes(visitor.fetch(sheet))
        chosen = {"cue_sheet": visitor.upload(path), "seed": 5, "num_inference_steps": STEPS}
        midi, _, _ = visitor.call("compose", chosen)
    return "made" if visitor.fetch(midi).startswith(b"MThd") else "no MIDI"


def cancel(ground: Ground, visitor: PageVisitor, random: np.random.Generator) -> str:
    event = visitor.join("on_make", begin(ground, visitor, random))
    time.sleep(float(random.uniform(0, 4)))
    visitor.cancel(event)
    return "cancelled"


def reload(ground: Ground, visitor: PageVisitor, random: np.random.Generator) -> str:
    visitor.join("on_make", begin(ground, visitor, random))
    time.sleep(float(random.uniform(0, 3)))
    return "left"


def begin(ground: Ground, visitor: PageVisitor, random: np.random.Generator) -> dict[str, Any]:
    """What the page sends for a soundtrack that takes a while."""
    file = visitor.upload(ground.clips[int(random.integers(len(ground.clips)))])
    return {"clip": {**file}, "steps": 50, "num-takes": 4, "seed": "7"}


def flood(ground: Ground, visitor: PageVisitor, random: np.random.Generator) -> str:
    """Many requests with invented sessions, too large ones, and routes that are closed."""
    spot = visitor.functions["on_spot"]
    empty = [visitor._value(number, {}) for number in spot["inputs"]]
    for _ in range(20):
        body = {"data": empty, "fn_index": spot["id"], "session_hash": random.bytes(5).hex()}
        seen(visitor.http.post("/gradio_api/queue/join", json=body), (200, 503))
    large = {"data": ["x" * (3 << 20)], "fn_index": spot["id"], "session_hash": "a"}
    seen(visitor.http.post("/gradio_api/queue/join", json=large), (413,))
    seen(visitor.http.post("/gradio_api/process_recording", content=b"#EXTM3U"), (404,))
    seen(visitor.http.post("/gradio_api/queue/join", content=b"[" * 10_000), (400, 422))
    seen(visitor.http.get("/gradio_api/file=/etc/passwd"), (403,))
    return "stood"


def seen(answer: httpx.Response, wanted: tuple[int, ...]) -> None:
    if answer.status_code not in wanted:
        raise AssertionError(f"{answer.url.path[:60]} answered {answer.status_code}")


def damaged_file(ground: Ground, visitor: PageVisitor, random: np.random.Generator) -> str:
    base = ground.clips[int(random.integers(len(ground.clips)))]
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / f"harmed{base.suffix}"
        path.write_bytes(damaged(base.read_bytes(), random))
        chosen = {"clip": visitor.upload(path), "num_inference_steps": STEPS}
        visitor.call("soundtrack", chosen)
    return "read"


def wrong(ground: Ground, visitor: PageVisitor, random: np.random.Generator) -> str:
    names = [str(visitor.components[n].get("label")) for n in visitor.functions["spot"]["inputs"]]
    chosen = {name: wrong_value(random) for name in names[1:] if random.random() < 0.3}
    chosen["clip"] = visitor.upload(ground.clips[0])
    if random.random() < 0.2:
        chosen["clip"] = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}
    visitor.call("spot", chosen)
    return "read"


DO: dict[str, Callable[[Ground, PageVisitor, np.random.Generator], str]] = {
    "soundtrack": soundtrack,
    "cue sheet, then score": sheet_then_score,
    "cancel": cancel,
    "reload": reload,
    "flood": flood,
    "damaged file": damaged_file,
    "wrong value": wrong,
}
REFUSED = ("damaged file", "wrong value")  # where a sentence is a right answer


def visit(ground: Ground, number: int) -> None:
    """One visit from its first request to its end; what went wrong is kept."""
    if time.monotonic() > ground.until:
        return
    random = np.random.default_rng(number)
    weights = np.array(list(KINDS.values()), float)
    kind = str(random.choice(list(KINDS), p=weights / weights.sum()))
    found = ""
    try:
        visitor = PageVisitor(ground.url, ground.config)
        try:
            found = DO[kind](ground, visitor, random)
        finally:
            visitor.leave()
    except Told as told:
        sentence = str(told)
        is_sentence = sentence.endswith(".") and not any(w in sentence for w in NEVER_SAID)
        is_busy = "press the button again" in sentence or "Queue is full" in sentence
        found = "one sentence" if kind in REFUSED else "told to come again" if is_busy else ""
        if not is_sentence or not found:
            found = f"fault: {sentence[:300]}"
    except Exception as error:
        found = f"fault: {type(error).__name__}: {str(error)[:300]}"
    with ground.lock:
        if found.startswith("fault"):
            ground.faults.append(f"{number} ({kind}): {found}")
            found = "fault"
        ground.counts[f"{kind}: {found}"] += 1
        ground.memory.append(resident(ground.process))


# ----------------------------------------------------------------------------- What is measured


def resident(process: int) -> float:
    """MiB of memory that a process holds."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return float("nan")


def ping(ground: Ground, is_over: threading.Event) -> None:
    """Ask for the page itself every now and then, as one who just came."""
    while not is_over.wait(PING_S):
        begun = time.monotonic()
        try:
            httpx.get(ground.url, timeout=120).raise_for_status()
        except httpx.HTTPError as error:
            ground.faults.append(f"the page itself: {type(error).__name__}: {error}")
        ground.pings.append(time.monotonic() - begun)


@contextmanager
def page(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A page of this checkout whose temporary files lie in `folder`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    with open(folder / "page.log", "wb") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "app.py", "--port", str(port)),
                *("--keep-minutes", str(KEEP_MINUTES), "--examples", str(folder / "none")),
            ],
            cwd=REPOSITORY,
            stdout=log,
            stderr=log,
            env={**os.environ, "TMPDIR": str(folder / "temporary")},
        )
    url = f"http://127.0.0.1:{port}/"
    try:
        begun = time.monotonic()
        while True:
            if process.poll() is not None or time.monotonic() - begun > 300:
                raise PixMusError(f"The page did not start: {(folder / 'page.log').read_text()}")
            try:
                urllib.request.urlopen(url, timeout=5).read()
                break
            except OSError:
                time.sleep(0.2)
        yield url, process
    finally:
        process.kill()
        process.wait()


def soak(num_visits: int, minutes: float | None, tell: Callable[[str], None]) -> Result:
    """So many visits, or those that come within so many minutes, and what came of them."""
    with tempfile.TemporaryDirectory(prefix="pixmus-soak-") as place:
        folder = Path(place)
        for name in ("temporary", "clips"):
            (folder / name).mkdir()
        with page(folder) as (url, process):
            ground = Ground(url, paint_clips(folder / "clips"), folder, process.pid)
            for clip in ground.clips:
                for seed in SEEDS:
                    visitor = PageVisitor(url, ground.config)
                    ground.config = visitor.config
                    ground.solo[f"{clip.name} {seed}"] = notes_of(visitor, clip, seed)
                    visitor.leave()
            begun = time.monotonic()
            ground.until = begun + 60 * minutes if minutes else math.inf
            is_over = threading.Event()
            pinger = threading.Thread(target=ping, args=(ground, is_over))
            pinger.start()
            with ThreadPoolExecutor(AT_ONCE) as crowd:
                for number, _ in enumerate(
                    crowd.map(lambda n: visit(ground, n), range(num_visits)), start=1
                ):
                    if number % 20 == 0:
                        tell(f"{number} visits, {ground.memory[-1]:.0f} MiB")
            is_over.set()
            pinger.join()
            seconds = time.monotonic() - begun
            gone_s, left = wait_until_gone(folder / "temporary")
            ended_s, there = end(process, folder / "temporary")
        log = (folder / "page.log").read_text(errors="replace")
    return {
        **summary(ground, seconds),
        "gone_s": round(gone_s),
        "left_bytes": left,
        "ended_s": round(ended_s, 1),
        "left_after_end": there,
        "unforeseen": log.count(UNWANTED) + log.count("Traceback"),
        "log": [without_folders(line)[:300] for line in log.splitlines() if "Error" in line][-20:],
        "machine": machine(),
    }


def without_folders(line: str) -> str:
    """A line of the log with only the names of files: where they lie is this machine's affair."""
    return re.sub(r"(?<![\w.:/])/(?:[^\s/:'\"]+/)+", "", line)


def wait_until_gone(folder: Path) -> tuple[float, int]:
    """Seconds until no file is left, and the bytes that are left after all."""
    begun = time.monotonic()
    while bytes_in(folder) and time.monotonic() - begun < 60 * (KEEP_MINUTES + 3):
        time.sleep(1)
    return time.monotonic() - begun, bytes_in(folder)


def end(process: subprocess.Popen[bytes], folder: Path) -> tuple[float, int]:
    """Seconds until the page has ended once it is told to, and how many things it leaves."""
    begun = time.monotonic()
    process.terminate()
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        return 60.0, len(list(folder.rglob("*")))
    return time.monotonic() - begun, len(list(folder.rglob("*")))


def summary(ground: Ground, seconds: float) -> Result:
    """The figures of a run."""
    settled = ground.memory[SETTLED : 2 * SETTLED] or ground.memory
    last = ground.memory[-SETTLED:]
    identical = ground.counts["soundtrack: as alone"]
    return {
        "visits": sum(ground.counts.values()),
        "at_once": AT_ONCE,
        "settled": SETTLED,
        "keep_minutes": KEEP_MINUTES,
        "seconds": round(seconds),
        "counts": dict(sorted(ground.counts.items())),
        "faults": ground.faults,
        "as_alone": identical,
        "worst_wait_s": round(max(ground.waits, default=0.0), 1),
        "median_wait_s": round(statistics.median(ground.waits or [0.0]), 1),
        "worst_page_s": round(max(ground.pings, default=0.0), 2),
        "memory_settled_mib": round(statistics.median(settled)),
        "memory_last_mib": round(statistics.median(last)),
        "memory_growth": round(statistics.median(last) / statistics.median(settled), 3),
    }


def is_clean(result: Result) -> bool:
    """Whether nothing went wrong, nothing grew and nothing was left."""
    return (
        not result["faults"]
        and not result["unforeseen"]
        and result["memory_growth"] <= GROWTH
        and not result["left_bytes"]
        and not result["left_after_end"]
        and result["ended_s"] <= 5
    )
