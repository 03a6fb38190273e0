"""A page that runs as a visitor's machine starts it, and a visitor in a real browser."""

from __future__ import annotations

import fnmatch
import functools
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from pixmus.score.midi import read_midi
from pixmus.score.notes import Note

REPOSITORY = Path(__file__).parents[1]


def free_port() -> int:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return int(place.getsockname()[1])


class Page:
    """A running page and its address."""

    def __init__(self, folder: Path, *options: str, examples: Path | None = None) -> None:
        self.examples = examples or REPOSITORY / "examples"
        options += ("--examples", str(examples)) if examples else ()
        self.log = folder / "page.log"
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/"
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        begun = time.monotonic()
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "app.py", "--port", str(port), *options],
                cwd=REPOSITORY,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "TMPDIR": str(self.temporary)},
            )
        while True:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() - begun < 240, self.log.read_text()
            try:
                urllib.request.urlopen(self.url, timeout=5).read()
                break
            except OSError:
                time.sleep(0.1)

    def files(self, name: str = "*") -> list[Path]:
        """What the page has written, by name; folders may be removed while they are looked at."""
        return [
            Path(folder, file)
            for folder, _, files in os.walk(self.temporary)
            for file in fnmatch.filter(files, name)
        ]

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(20)


class Visitor:
    """A tab of the browser, which remembers what went wrong on it.

    The page knows a visitor by the tab. All share what the browser keeps of the page's own files,
    so that they are fetched, unpacked and compiled once.
    """

    def __init__(
        self, browser: Any, url: str, width: int = 1280, height: int = 800, scheme: str = "light",
        link: str = "",
    ) -> None:  # fmt: skip
        self.tab = browser.new_page()
        self.tab.emulate_media(color_scheme=scheme)
        self.tab.set_viewport_size({"width": width, "height": height})
        self.trouble: list[str] = []
        self.tab.on("pageerror", lambda error: self.trouble.append(f"page error: {error}"))
        self.tab.on("console", self._hear)
        self.tab.on("request", self._watch)
        self.tab.on("response", self._read)
        self.tab.set_default_timeout(120_000)  # ms; a busy machine is no error
        # Asked ten times a second: what is asked at each frame has each frame drawn.
        self.tab.wait_for_function = functools.partial(self.tab.wait_for_function, polling=100)
        self.tab.goto(url + link)
        self.tab.wait_for_selector("#make")
        self.tab.wait_for_timeout(500)

    def _hear(self, message: Any) -> None:
        if message.type == "error":
            self.trouble.append(f"console: {message.text}")

    def _read(self, response: Any) -> None:
        if response.status >= 400:
            self.trouble.append(f"{response.status}: {response.url}")

    def _watch(self, request: Any) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            self.trouble.append(f"another host was asked: {request.url}")

    def reload(self) -> None:
        """Loads the page again; what Gradio tells of the connections that this cuts is no trouble.

        Nothing may have gone wrong on the tab before.
        """
        assert self.trouble == []
        self.tab.reload()
        self.tab.wait_for_selector("#make")
        self.tab.wait_for_timeout(500)
        self.trouble.clear()

    def leave(self) -> None:
        """Closes the tab; nothing may have gone wrong on it before."""
        seen = [*self.trouble]  # closing cuts connections, of which Gradio tells too
        self.tab.close()
        assert seen == []

    def upload(self, clip: Path) -> None:
        self.tab.set_input_files("#clip input[type=file]", str(clip))
        self.tab.wait_for_selector("#clip video", state="attached")

    def sampling(self, **values: int) -> None:
        """Opens the sampling choices and sets steps, seed or num-takes."""
        if not self.tab.locator("#seed").count():
            self.tab.get_by_text("Sampling: seed, takes, timing").click()
            self.tab.wait_for_selector("#seed")
        for name, value in values.items():
            box = f"#{name.replace('_', '-')}"
            field = (
                f"{box} textarea, {box} input" if name == "seed" else f"{box} input[type=number]"
            )
            self.tab.locator(field).first.fill(str(value))
            self.tab.keyboard.press("Tab")

    def is_make_in_sight(self) -> bool:
        """Whether the whole button stands on the screen without scrolling."""
        box, screen = self.tab.locator("#make").bounding_box(), self.tab.viewport_size
        return bool(box and box["y"] + box["height"] <= screen["height"])

    def status(self) -> str:
        return str(self.tab.inner_text("#status"))

    def wait_for_status(self, text: str, seconds: float = 150) -> None:
        begun = time.monotonic()
        while text not in (status := self.status()):
            if time.monotonic() - begun > seconds:  # well below what a whole test may take
                raise AssertionError(f"{text!r} did not come: {status!r}, {self.cards()}")
            self.tab.wait_for_timeout(100)

    def make(self, done: str = "Done in") -> None:
        self.tab.click("#make")
        self.tab.wait_for_timeout(200)
        self.wait_for_status(done)

    def score(self) -> dict[str, list[Note]]:
        """The notes of the MIDI file that is offered."""
        with self.tab.expect_download() as download:
            self.tab.click("#get-midi")
        parts = read_midi(Path(download.value.path())).parts
        return {part: list(notes) for part, notes in parts.items()}

    def source(self) -> str:
        return str(self.tab.get_attribute("#result video:not([hidden])", "src"))

    def names(self) -> list[str]:
        """The names on the cards of the shelf, the newest first."""
        said = "[...document.querySelectorAll('.pm-said strong')].map(n => n.firstChild.data)"
        return list(self.tab.evaluate(said))

    def cards(self) -> list[str]:
        """What the cards of the shelf say, the newest first."""
        said = "[...document.querySelectorAll('#result .pm-said')].map(card => card.innerText)"
        return list(self.tab.evaluate(said))

    def facts(self) -> dict[str, str]:
        return dict(
            self.tab.evaluate(
                "[...document.querySelectorAll('#facts dl > div')].map(row => "
                "[row.children[0].textContent, row.children[1].textContent])"
            )
        )
