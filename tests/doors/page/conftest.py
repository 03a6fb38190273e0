"""One page for all tests of it, and clips whose cuts are known."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from running_page import Page, Visitor

from pixmus.cues.direction import Direction
from pixmus.take.pipeline import PixMusPipeline

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--autoplay-policy=no-user-gesture-required",
]
# What turns and glides while something is made costs a processor that draws without a graphics
# card more than the making: no frame is drawn for it.
STILL = """
document.addEventListener('DOMContentLoaded', () => {
  const style = document.createElement('style');
  style.textContent = '*, ::before, ::after {'
    + ' animation: none !important; transition: none !important }';
  document.head.append(style);
});
"""


@pytest.fixture(scope="session")
def clips(
    tmp_path_factory: pytest.TempPathFactory, paint_clip: Callable[..., Path]
) -> dict[str, Path]:
    """Clips of known cuts: one as phones make them, with sound, and a few that must be refused."""
    folder = tmp_path_factory.mktemp("clips")
    sound = 0.2 * np.sin(np.arange(8 * 44100) / 12)[None].astype(np.float32)
    shots = [(3.0, (30, 60, 120)), (2.0, (220, 120, 40)), (3.0, (60, 160, 90))]
    how: dict[str, Any] = {"codec": "libx264", "size": (320, 180), "moving": True}
    words = folder / "words.mp4"
    words.write_text("These are words, and no video at all.\n" * 100)
    return {
        "eight": paint_clip(folder / "eight.mp4", shots, sound=sound, **how),
        "ten": paint_clip(folder / "ten.mp4", [(4.0, 200), (3.0, (90, 20, 20)), (3.0, 240)], **how),
        "long": paint_clip(folder / "long.mp4", [(182.0, 90)], frame_rate=2),
        "words": words,
    }


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory, clips: dict[str, Path]) -> Iterator[Page]:
    """The page with one example of its own."""
    examples = tmp_path_factory.mktemp("examples")
    shutil.copyfile(clips["eight"], examples / "squares.mp4")
    credit = {
        "work": "Squares",
        "by": "A Painter | squares.org",
        "licence": "CC BY 4.0",
        "terms": "https://creativecommons.org/licenses/by/4.0/",
        "changed": "shortened",
    }
    facts = {"title": "Three squares", "intent": "A square crosses three colours.",
             "credit": credit, "poster": 4.0}  # fmt: skip
    (examples / "squares.json").write_text(json.dumps(facts))
    (examples / "outputs").mkdir()
    pipe = PixMusPipeline.from_pretrained()
    asked = Direction(key="E minor", tempo_bpm=96.0, ensemble="strings", valence=0.4, energy=0.7)
    pipe(
        examples / "squares.mp4", seed=21, num_inference_steps=6, guidance_scale=1.5, text="dark",
        direction=asked,
    ).save(examples / "outputs" / "squares")  # fmt: skip
    found = Page(tmp_path_factory.mktemp("page"), examples=examples)
    yield found
    found.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium; without it what needs a browser is skipped."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium; install it with: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        found = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = found.new_context(accept_downloads=True, reduced_motion="reduce")
        context.add_init_script(STILL)
        yield context
        found.close()


@pytest.fixture
def visit(browser: Any, page: Page) -> Iterator[Callable[..., Visitor]]:
    """`visit()` opens the page; at the end none of the visitors may have seen anything amiss."""
    visitors: list[Visitor] = []

    def open_page(**how: Any) -> Visitor:
        visitors.append(Visitor(browser, page.url, **how))
        return visitors[-1]

    yield open_page
    seen = [line for visitor in visitors for line in visitor.trouble]
    for visitor in visitors:
        visitor.tab.close()  # this cuts connections, of which Gradio tells: no trouble of theirs
    assert seen == []


@pytest.fixture(scope="session")
def scored(browser: Any, page: Page, clips: dict[str, Path]) -> Iterator[Visitor]:
    """A visitor to whose clip a soundtrack was made, for tests that change nothing of it."""
    visitor = Visitor(browser, page.url)
    visitor.upload(clips["eight"])
    visitor.sampling(seed=5)
    visitor.make()
    yield visitor
    visitor.leave()
