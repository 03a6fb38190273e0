"""How soon the page answers: `pixmus evaluate page`, in a real browser on this machine.

Seconds until the page is served after its start, until the first sound of a clip of 10 s can play
after the click (median of some clicks, and the first of them), until all of a take is shown. Writes
`docs/results/page.md` and `page.json`, and with `--screenshot` a picture of the page after a run.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pixmus.errors import PixMusError
from pixmus.files import REPOSITORY
from pixmus.studies.bench import machine
from pixmus.studies.space import make_clip

CLIP_S = 10.0
FLAGS = ("--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required")
WANTED_SERVED_S, WANTED_SOUND_S = 15.0, 5.0
# From the press of the button to a video that has sound decoded and its position moving.
PLAYING = """() => {
  const video = document.querySelector('#result video');
  if (!video) return false;
  if (video.paused) video.play();
  return video.currentTime > 0 && video.webkitAudioDecodedByteCount > 0;
}"""


@contextmanager
def served(port: int) -> Iterator[float]:
    """The page on a port, with the seconds that it took until it answered."""
    begun = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "app.py", "--port", str(port)],
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "GRADIO_ANALYTICS_ENABLED": "False"},
    )
    try:
        while True:
            if process.poll() is not None or time.monotonic() - begun > 120:
                raise PixMusError("The page did not start; run `python app.py` and read why.")
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).read()
                break
            except OSError:
                time.sleep(0.05)
        yield time.monotonic() - begun
    finally:
        process.terminate()
        process.wait(30)


def measure(clip: Path, clicks: int, screenshot: Path | None) -> dict[str, Any]:
    """Seconds of one start of the page and of so many clicks on its button."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise PixMusError("There is no Chromium; install it with: sudo apt-get install chromium")
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        port = int(place.getsockname()[1])
    sounds: list[float] = []
    shown: list[float] = []
    with served(port) as seconds_to_serve, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=list(FLAGS))
        for _ in range(clicks):
            context = browser.new_context(viewport={"width": 1280, "height": 1080})
            page = context.new_page()
            page.goto(f"http://127.0.0.1:{port}/")
            page.wait_for_selector("#make")
            page.wait_for_timeout(1000)
            page.set_input_files("#clip input[type=file]", str(clip))
            page.wait_for_selector("#clip video")
            page.wait_for_timeout(1000)
            begun = time.monotonic()
            page.click("#make")
            page.wait_for_function(PLAYING, polling=20, timeout=120_000)
            sounds.append(time.monotonic() - begun)
            page.wait_for_selector("#picture-cues img", state="attached", timeout=120_000)
            shown.append(time.monotonic() - begun)
            if screenshot is not None and len(sounds) == clicks:
                page.wait_for_timeout(3000)
                page.evaluate("document.querySelector('#result video').pause()")
                page.wait_for_timeout(500)
                page.screenshot(path=str(screenshot))
            context.close()
        browser.close()
    return {
        "machine": machine(),
        "clip_s": CLIP_S,
        "clicks": clicks,
        "served_s": round(seconds_to_serve, 2),
        "sound_s": [round(value, 2) for value in sounds],
        "shown_s": [round(value, 2) for value in shown],
        "load_average": round(os.getloadavg()[0], 2),
    }


def to_markdown(found: dict[str, Any]) -> str:
    """The table."""
    sound, shown = statistics.median(found["sound_s"]), statistics.median(found["shown_s"])
    rows = [
        ("the page is served after its start", f"{found['served_s']:.1f}", f"{WANTED_SERVED_S:g}"),
        (
            f"first sound of a {found['clip_s']:g} s clip after the click, "
            f"median of {found['clicks']}",
            f"{sound:.1f}",
            f"{WANTED_SOUND_S:g}",
        ),
        ("the same, the first click after the start", f"{found['sound_s'][0]:.1f}", ""),
        ("all of the take is shown, pictures too, median", f"{shown:.1f}", ""),
    ]
    lines = "\n".join(f"| {name} | {value} | {wanted} |" for name, value, wanted in rows)
    return (
        "# How soon does the page answer?\n\n"
        f"Made by `pixmus evaluate page` on {found['machine']['cores']} cores of "
        f"{found['machine']['processor']}, Chromium on the same machine, "
        f"load average {found['load_average']} at the end.\n\n"
        f"| seconds | measured | wanted |\n|---|---|---|\n{lines}\n"
    )


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clip", type=Path, help="else 10 s of moving colour fields, 720p")
    parser.add_argument("--clicks", type=int, default=5)
    parser.add_argument("--screenshot", type=Path, help="PNG of the page after the last click")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "results")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="pixmus-") as place:
        clip = arguments.clip
        if clip is None:
            clip = Path(place) / "ten-seconds.mp4"
            make_clip(clip, CLIP_S)
        found = measure(clip, arguments.clicks, arguments.screenshot)
    (arguments.out / "page.json").write_text(json.dumps(found, indent=2) + "\n")
    (arguments.out / "page.md").write_text(to_markdown(found))
    print(to_markdown(found))


if __name__ == "__main__":
    main()
