"""How soon the page answers, in a real browser on this machine: `pixmus evaluate page`.

Seconds until the page is served after its start, until the first sound of a clip of 10 s can play
after the click (median of some clicks, and the first of them), until all of a take is shown. The
click comes once the page says that the clip is ready: it is watched as soon as it is brought.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pixmus.errors import PixMusError
from pixmus.files import REPOSITORY
from pixmus.studies.machine import machine
from pixmus.studies.page_pictures import take_pictures
from pixmus.studies.runner import Result, Run, Study
from pixmus.studies.space import make_clip

CLIP_S = 10.0
SHOWN = REPOSITORY / "examples" / "storm.mp4"  # in the pictures
FLAGS = ("--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required")
WANTED = {"served_s": 15.0, "sound_s": 4.0}
READY = "document.querySelector('#status').innerText.includes('Your clip is ready')"
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


def click_through(port: int, clip: Path, clicks: int, pictures: Path | None) -> dict[str, Any]:
    """Seconds to the first sound and to the whole take, of so many clicks in new windows.

    Then pictures of the page are kept in the folder `pictures`, if one is named.
    """
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise PixMusError("There is no Chromium; install it with: sudo apt-get install chromium")
    sounds: list[float] = []
    shown: list[float] = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=list(FLAGS))
        for _ in range(clicks):
            context = browser.new_context(viewport={"width": 1280, "height": 1080})
            page = context.new_page()
            page.goto(f"http://127.0.0.1:{port}/")
            page.wait_for_selector("#make")
            page.wait_for_timeout(1000)
            page.set_input_files("#clip input[type=file]", str(clip))
            page.wait_for_selector("#clip video")
            page.wait_for_function(READY, timeout=120_000)  # as a visitor reads it there
            begun = time.monotonic()
            page.click("#make")
            page.wait_for_function(PLAYING, polling=20, timeout=120_000)
            sounds.append(time.monotonic() - begun)
            page.wait_for_selector("#picture-cues img", state="attached", timeout=120_000)
            shown.append(time.monotonic() - begun)
            context.close()
        if pictures is not None:
            take_pictures(browser, f"http://127.0.0.1:{port}/", SHOWN, pictures)
        browser.close()
    return {
        "sound_s": [round(value, 2) for value in sounds],
        "shown_s": [round(value, 2) for value in shown],
    }


def measure(run: Run) -> Result:
    """Seconds of one start of the page and of so many clicks on its button."""
    asked = run.arguments
    with tempfile.TemporaryDirectory(prefix="pixmus-") as place:
        clip = asked.clip
        if clip is None:
            clip = Path(place) / "ten-seconds.mp4"
            make_clip(clip, CLIP_S)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = int(free.getsockname()[1])
        with served(port) as seconds_to_serve:
            clicked = click_through(port, clip, asked.clicks, asked.pictures)
    return {
        "machine": machine(),
        "clip_s": CLIP_S,
        "clicks": asked.clicks,
        "served_s": round(seconds_to_serve, 2),
        **clicked,
        "load_average": round(os.getloadavg()[0], 2),
        "wanted": WANTED,
    }


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the study may be told."""
    parser.add_argument("--clip", type=Path, help="else 10 s of moving colour fields, 720p")
    parser.add_argument("--clicks", type=int, default=5)
    parser.add_argument("--pictures", type=Path, help="folder for pictures of the page's states")


STUDY = Study("page", "How soon the page answers, in a real browser.", measure, arguments)
