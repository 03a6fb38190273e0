"""The page in another browser: Debian's Firefox, from first sight to a soundtrack that plays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from firefox import FIREFOX, Firefox
from running_page import Page, free_port

pytestmark = pytest.mark.filterwarnings("default")

SOUND = "document.querySelector('{}').mozHasAudio"
PLAYS = "document.querySelector('{}').currentTime > 0.3"


@pytest.fixture
def firefox(tmp_path: Path) -> Iterator[Firefox]:
    """Firefox; without it what needs one is skipped."""
    if FIREFOX is None:
        pytest.skip("there is no Firefox; install it with: apt-get install firefox-esr")
    folder = tmp_path / "profile"
    folder.mkdir()
    found = Firefox(folder, free_port())
    yield found
    found.close()


def test_firefox_plays_a_finished_film_and_makes_a_soundtrack(
    firefox: Firefox, page: Page, clips: dict[str, Path]
) -> None:
    firefox.goto(page.url)
    firefox.wait_for("document.querySelector('#make') && document.querySelector('#films video')")
    assert firefox.evaluate("getComputedStyle(document.querySelector('#cancel')).display") == "none"
    firefox.click("#films .pm-play")
    firefox.wait_for(PLAYS.format("#films video"))
    assert firefox.evaluate(SOUND.format("#films video"))
    firefox.evaluate("document.querySelector('#films video').pause()")
    firefox.give("#clip input[type=file]", clips["eight"])
    firefox.wait_for("document.querySelector('#status').innerText.includes('Your clip is ready')")
    firefox.click("#make")
    firefox.wait_for("document.querySelector('#status').innerText.includes('Done in')")
    film = "#result video:not([hidden])"
    firefox.evaluate(f"document.querySelector('{film}').play()?.catch(() => null) && null")
    firefox.wait_for(PLAYS.format(film))
    assert firefox.evaluate(SOUND.format(film))
    firefox.wait_for("document.querySelector('.pm-chip button')")  # and the timeline is there
