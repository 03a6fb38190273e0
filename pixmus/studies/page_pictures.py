"""The pictures of the page in `docs/pictures/page`: `pixmus evaluate page --pictures FOLDER`.

Each is what a visitor sees of the page that runs, from its top, on a screen of 1280 x 900 (two
takes compared: a taller one, which shows the film and the cards below it), or of a phone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

DESK, TALL, PHONE = (1280, 900), (1280, 1250), (390, 844)  # pixels
QUALITY = 72
SETTLE_MS = 2500
STATUS = "document.querySelector('#status').innerText.includes('{}')"
TOP = "window.scrollTo(0, 0)"


def take_pictures(browser: Any, url: str, clip: Path, folder: Path) -> list[str]:
    """Walk the page with a clip and keep what is seen as JPEG; the names of the files."""
    folder.mkdir(parents=True, exist_ok=True)
    names: list[str] = []

    def keep(tab: Any, name: str) -> None:
        tab.wait_for_timeout(SETTLE_MS)
        tab.screenshot(path=str(folder / f"{name}.jpg"), type="jpeg", quality=QUALITY)
        names.append(name)

    tab = _open(browser, url, DESK)
    keep(tab, "first-sight")
    _bring(tab, clip)
    tab.click("#make")
    tab.wait_for_selector(".pm-stages .pm-now:has-text('Composing')")
    tab.screenshot(path=str(folder / "working.jpg"), type="jpeg", quality=QUALITY)
    names.append("working")
    _wait_for_take(tab)
    _show_middle(tab)
    keep(tab, "result")
    tab.click("#make")
    tab.wait_for_function("document.querySelectorAll('.pm-row').length == 2", timeout=240_000)
    _wait_for_take(tab)
    tab.click("[aria-label='Compare with Take 1']")
    _show_middle(tab)
    tab.set_viewport_size({"width": TALL[0], "height": TALL[1]})
    keep(tab, "compare")
    tab.context.close()

    for name, size, scheme in (("dark", DESK, "dark"), ("phone", PHONE, "light")):
        tab = _open(browser, url, size, scheme)
        if name == "dark":
            tab.click("#films .pm-open")
            tab.wait_for_selector(".pm-along:not([hidden])")
            _show_middle(tab)
        keep(tab, name)
        tab.context.close()
    return names


def _open(browser: Any, url: str, size: tuple[int, int], scheme: str = "light") -> Any:
    """A tab of its own with the page."""
    screen = {"width": size[0], "height": size[1]}
    tab = browser.new_context(viewport=screen, color_scheme=scheme).new_page()
    tab.set_default_timeout(240_000)
    tab.goto(url)
    tab.wait_for_selector("#make")
    return tab


def _bring(tab: Any, clip: Path) -> None:
    tab.wait_for_timeout(1000)
    tab.set_input_files("#clip input[type=file]", str(clip))
    tab.wait_for_function(STATUS.format("Your clip is ready"))


def _wait_for_take(tab: Any) -> None:
    tab.wait_for_function(STATUS.format("Done in"))
    tab.wait_for_selector(".pm-chip button")


def _show_middle(tab: Any) -> None:
    """The film stands in its middle, seen from the top of the page."""
    film = "document.querySelector('#result video:not([hidden])')"
    tab.wait_for_function(f"{film} && {film}.duration > 0")
    tab.evaluate(f"{film}.pause(); {film}.currentTime = 0.55 * {film}.duration; {TOP}")
