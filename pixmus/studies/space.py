"""Whether the repository runs as a Space: its files, requirements, start-up and one soundtrack.

`pixmus evaluate space` (`make space-check`) stages the Space as `pixmus publish-space` would upload
it and goes the way that a Space goes, each step in plain sight:

1. the front matter of the README, the files and their sizes;
2. `packages.txt`: apt-get finds every package (simulated; nothing is installed);
3. `requirements.txt`: pip resolves it for the Space's Python from wheels alone, with Gradio in the
   version of the front matter and the newest torch that a Space with a GPU takes;
4. a fresh virtual environment installs it (`--python`, `--torch`: which);
5. the app is started there in the staged folder, on two cores, as a Space starts it;
6. a clip of 30 s goes through its `/soundtrack`, twice.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
import psutil

from pixmus.doors.publish import SPACE_TORCH, front_matter, listing, stage_space
from pixmus.errors import PixMusError
from pixmus.picture.sound import read_audio
from pixmus.picture.video import probe
from pixmus.studies.machine import machine
from pixmus.studies.runner import Result, Run, Study

CORES = 2  # what the free hardware of a Space has
CLIP_S = 30.0
WIDTH, HEIGHT, FRAME_RATE = 1280, 720, 25
SHOT_S = 2.5
START_S = 300.0  # seconds within which the app must answer
SETTLE_S = 5.0  # seconds of quiet before idle memory is read
SHOWN_PACKAGES = ("torch", "gradio", "diffusers", "transformers", "numpy", "av", "pydantic")
MIB = 2**20


def make_clip(path: Path, duration: float = CLIP_S) -> None:
    """Write a clip of moving, grained colour fields, cut every `SHOT_S`, 720p H.264, no sound."""
    rng = np.random.default_rng(0)
    across = np.linspace(0, 2 * np.pi, WIDTH, dtype=np.float32)
    down = np.linspace(0, 2 * np.pi, HEIGHT, dtype=np.float32)[:, None]
    grain = rng.integers(-6, 7, (HEIGHT, WIDTH, 1), dtype=np.int16)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=FRAME_RATE, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        tint, speed = np.ones(3), 1.0
        for index in range(round(duration * FRAME_RATE)):
            if index % round(SHOT_S * FRAME_RATE) == 0:
                tint, speed = rng.uniform(0.2, 1.0, 3), float(rng.uniform(0.2, 2.0))
            phase = speed * index / FRAME_RATE
            field = 110 + 90 * np.sin(across + phase) * np.cos(down - phase)
            image = field[:, :, None] * tint + np.roll(grain, 7 * index, axis=1)
            frame = av.VideoFrame.from_ndarray(np.clip(image, 0, 255).astype(np.uint8), "rgb24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def check_packages(packages: Path) -> list[str]:
    """The apt packages that a Space would install; raise where apt-get does not find one."""
    names = packages.read_text().split()
    if shutil.which("apt-get") is None:
        raise PixMusError(f"{packages.name} can only be checked where apt-get is (Debian, Ubuntu).")
    found = subprocess.run(
        ["apt-get", "install", "--simulate", *names], capture_output=True, text=True
    )
    if found.returncode:
        told = " ".join(found.stderr.split()) or found.stdout[-300:]
        raise PixMusError(f"apt-get cannot install what {packages.name} names: {told}")
    return names


def space_requirements(folder: Path) -> list[str]:
    """What a Space of the staged folder hands to pip: its requirements, and Gradio's version."""
    facts = front_matter(folder / "README.md")
    # What a Space adds by itself to the requirements of a Gradio app.
    return ["-r", str(folder / "requirements.txt"), *_own(str(facts["sdk_version"]))]


def _own(gradio: str) -> list[str]:
    return [f"gradio[oauth,mcp]=={gradio}", "spaces", "uvicorn>=0.14.0", "websockets>=10.4"]


def resolve(folder: Path, python: str) -> dict[str, str]:
    """The versions that pip picks for the Space's Python, from wheels alone, nothing installed.

    Where `python`, whose pip is asked, is older than the Space's, pip passes over releases that
    need a newer one than itself runs on; only a Python of the Space's version tells all.
    """
    wanted = str(front_matter(folder / "README.md")["python_version"])
    with tempfile.TemporaryDirectory(prefix="pixmus-") as target:
        done = subprocess.run(
            [python, "-m", "pip", "install", "--dry-run", "--only-binary=:all:"]
            + ["--python-version", wanted, "--target", target, *space_requirements(folder)],
            capture_output=True,
            text=True,
        )
    if done.returncode:
        raise PixMusError(
            f"pip finds no versions for Python {wanted} that go together: {_last_line(done.stderr)}"
        )
    return read_resolution(done.stdout)


def read_resolution(output: str) -> dict[str, str]:
    """Package names and versions from the line that ends `pip install --dry-run`."""
    lines = [line for line in output.splitlines() if line.startswith("Would install ")]
    if not lines:
        raise PixMusError("pip did not say what it would install; look at its output.")
    pairs = [entry.rpartition("-") for entry in lines[-1].removeprefix("Would install ").split()]
    return {name.lower().replace("_", "-"): version for name, _, version in pairs}


def make_environment(place: Path, folder: Path, python: str, torch: str | None) -> Path:
    """A fresh virtual environment with what a Space would install; returns its Python.

    `torch` is a version that is installed first, in place of what the Space's range would give.
    """
    _run([python, "-m", "venv", str(place)], f"{python} makes no virtual environment")
    fresh = place / "bin" / "python"
    pip = [str(fresh), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    requirements = space_requirements(folder)
    if torch is not None:
        _run([*pip, f"torch=={torch}"], f"torch {torch} cannot be installed for {python}")
        lines = (folder / "requirements.txt").read_text().splitlines()
        others = place / "requirements-but-torch.txt"
        others.write_text("\n".join(line for line in lines if line != SPACE_TORCH) + "\n")
        requirements[1] = str(others)
    _run([*pip, *requirements], "the requirements cannot be installed")
    return fresh


@contextmanager
def started(python: Path, folder: Path) -> Iterator[tuple[str, psutil.Process, float]]:
    """The app of a staged Space, running: its address, process and seconds to its first answer."""
    facts = front_matter(folder / "README.md")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home, scratch = folder.parent / "home", folder.parent / "scratch"
    home.mkdir(exist_ok=True)
    scratch.mkdir(exist_ok=True)
    environment = {
        "PATH": f"{python.parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "TMPDIR": str(scratch),
        "SYSTEM": "spaces",
        "SPACE_ID": "user/pixmus",
        "GRADIO_SERVER_NAME": "0.0.0.0",
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_ANALYTICS_ENABLED": "False",
        "OMP_NUM_THREADS": str(CORES),
        "PYTHONUNBUFFERED": "1",
    }
    cores = sorted(os.sched_getaffinity(0))[:CORES]
    log = folder.parent / "app.log"
    address = f"http://127.0.0.1:{port}/"
    begun = time.perf_counter()
    with log.open("w") as out:
        process = subprocess.Popen(
            [str(python), str(facts["app_file"])],
            cwd=folder,
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        os.sched_setaffinity(process.pid, cores)
        while not _answers(address + "config"):
            if process.poll() is not None:
                raise PixMusError(
                    f"the app ended before it answered: {_last_line(log.read_text())}"
                )
            if time.perf_counter() - begun > START_S:
                raise PixMusError(f"the app did not answer within {START_S:.0f} s.")
            time.sleep(0.1)
        yield address, psutil.Process(process.pid), time.perf_counter() - begun
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


ASK = """
import json, sys, time
from gradio_client import Client, handle_file
address, clip, times = sys.argv[1], sys.argv[2], int(sys.argv[3])
client = Client(address, verbose=False)
names = list(client.view_api(return_format="dict")["named_endpoints"])
print(json.dumps({"endpoints": names}), flush=True)
for _ in range(times if "/soundtrack" in names else 0):
    begun = time.perf_counter()
    made = client.predict(handle_file(clip), api_name="/soundtrack")
    first = made[0] if isinstance(made, (list, tuple)) else made
    path = first.get("video", first) if isinstance(first, dict) else first
    path = path.get("path", path) if isinstance(path, dict) else path
    print(json.dumps({"seconds": time.perf_counter() - begun, "path": path}), flush=True)
"""


def ask_for_soundtracks(python: Path, address: str, clip: Path, times: int) -> list[float]:
    """Seconds that the running app's `/soundtrack` takes, each time; what it gives is checked."""
    with tempfile.TemporaryDirectory(prefix="pixmus-") as place:
        done = subprocess.run(
            [str(python), "-c", ASK, address, str(clip), str(times)],
            env={**os.environ, "TMPDIR": place},  # where the client puts what it is given
            capture_output=True,
            text=True,
        )
        told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        if done.returncode or not told:
            raise PixMusError(f"the app made no soundtrack: {_last_line(done.stderr)}")
        if len(told) == 1:
            names = ", ".join(told[0]["endpoints"]) or "none"
            raise PixMusError(f"the app has no endpoint /soundtrack; its endpoints are: {names}.")
        for take in told[1:]:
            check_scored(Path(take["path"]), clip)
        return [float(take["seconds"]) for take in told[1:]]


def check_scored(scored: Path, clip: Path) -> None:
    """Raise unless a scored clip is as long as its clip and can be heard."""
    made, asked = probe(scored), probe(clip)
    if abs(made.duration - asked.duration) > 2 / asked.frame_rate:
        raise PixMusError(
            f"the scored clip lasts {made.duration:.2f} s, but {clip.name} {asked.duration:.2f} s."
        )
    sound = read_audio(made)
    if sound is None or np.abs(sound).max() < 0.01:
        raise PixMusError(f"the scored clip {scored.name} is silent.")


def resident_mib(process: psutil.Process, what: str = "rss") -> float:
    """Resident memory of a process and its children, MiB."""
    family = [process, *process.children(recursive=True)]
    return sum(getattr(member.memory_info(), what) for member in family) / MIB


def check_space(
    place: Path, python: str, torch: str | None, clip: Path | None, times: int
) -> dict[str, Any]:
    """Go all the steps in the empty folder `place`; what was found and measured."""
    folder = place / "space"
    folder.mkdir()
    _tell("staging the Space")
    stage_space(folder)
    facts = front_matter(folder / "README.md")
    result: dict[str, Any] = {
        "files": " ".join(listing(folder)[-1].split()),
        "python": str(facts["python_version"]),
        "gradio": str(facts["sdk_version"]),
    }
    _tell("packages.txt: simulating apt-get")
    result["packages"] = check_packages(folder / "packages.txt")
    _tell(f"requirements.txt: resolving for Python {facts['python_version']}")
    resolved = resolve(folder, python)
    result["resolved"] = {name: resolved[name] for name in SHOWN_PACKAGES}
    _tell("a fresh virtual environment")
    begun = time.perf_counter()
    fresh = make_environment(place / "environment", folder, python, torch)
    result["install_s"] = time.perf_counter() - begun
    result["ran_with"] = _versions(fresh)
    if clip is None:
        clip = place / "clip.mp4"
        make_clip(clip)
    result["clip"] = {"name": clip.name, "seconds": float(probe(clip).duration)}
    _tell("starting the app")
    with started(fresh, folder) as (address, process, seconds):
        result["start_s"] = seconds
        time.sleep(SETTLE_S)
        result["idle_mib"] = resident_mib(process)
        _tell("a soundtrack through it")
        result["take_s"] = ask_for_soundtracks(fresh, address, clip, times)
        result["after_mib"] = resident_mib(process)
        result["load"] = os.getloadavg()[0]
    return result


def _versions(python: Path) -> dict[str, str]:
    ask = (
        "import json, platform; from importlib.metadata import version; "
        f"print(json.dumps({{'Python': platform.python_version(), "
        f"**{{name: version(name) for name in {SHOWN_PACKAGES!r}}}}}))"
    )
    done = subprocess.run([str(python), "-c", ask], check=True, capture_output=True, text=True)
    versions: dict[str, str] = json.loads(done.stdout)
    return versions


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _run(command: Sequence[str], otherwise: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise PixMusError(f"{otherwise}: {_last_line(done.stderr or done.stdout)}")


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"ERROR|\w*(Error|Exception)\b", line)]
    return " ".join((errors or lines or ["it said nothing"])[-1].split())


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def measure(run: Run) -> Result:
    """What was found and measured on the way that a Space goes."""
    asked = run.arguments
    with tempfile.TemporaryDirectory(prefix="pixmus-") as place:
        result = check_space(Path(place), asked.python, asked.torch, asked.clip, asked.times)
    return {**result, "cores": CORES, "machine": machine()}


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the study may be told."""
    parser.add_argument("--python", default=sys.executable, help="Python of the fresh environment")
    parser.add_argument(
        "--torch", help="version of torch to install there; else what the Space's range gives"
    )
    parser.add_argument("--clip", type=Path, help="the clip; else one of 30 s is made")
    parser.add_argument("--times", type=int, default=2, help="how often it is scored")


STUDY = Study("space", "Whether the repository runs as a Space.", measure, arguments)
