"""The page in another browser: Debian's Firefox, from first sight through a take to a reload."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from firefox import FIREFOX, Firefox
from running_page import Page, free_port

pytestmark = pytest.mark.filterwarnings("default")

FILM = "#result video:not([hidden])"
VIDEO = f"document.querySelector('{FILM}')"
HEARD = "[...document.querySelectorAll('#result *')].find(e => e.pmHeard)"
GUTTER = 76  # pixels of the timeline: the names of the rows
# How far the playhead stands from the film, in the frame that the screen shows, seconds.
PLAYHEAD_OFF = f"""new Promise(done => requestAnimationFrame(() => {{
  const box = document.querySelector('.pm-along-view').getBoundingClientRect();
  const x = document.querySelector('.pm-playhead').getBoundingClientRect().x - box.x + 1;
  done((x - {GUTTER}) / (box.width - {GUTTER}) * 8 - {VIDEO}.currentTime);
}}))"""
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
    firefox.evaluate(f"{VIDEO}.loop = true, {VIDEO}.play()?.catch(() => null) && null")
    firefox.wait_for(PLAYS.format(FILM))
    assert firefox.evaluate(SOUND.format(FILM))
    firefox.wait_for("document.querySelector('.pm-chip button')")  # and the timeline is there
    the_timeline_follows_and_parts_are_heard_alone(firefox)
    firefox.evaluate(f"{VIDEO}.pause()")
    firefox.call("WebDriver:Refresh")  # and nothing is lost
    firefox.wait_for("document.querySelector('[aria-label=\"Show Take 1\"]')")
    firefox.wait_for(f"{VIDEO}?.src.includes('eight-scored')")
    firefox.wait_for("document.querySelector('#clip video')?.src.includes('eight')")


def the_timeline_follows_and_parts_are_heard_alone(firefox: Firefox) -> None:
    assert abs(firefox.evaluate(PLAYHEAD_OFF)) < 0.05
    width = firefox.evaluate("document.querySelector('.pm-along-view').clientWidth")
    firefox.evaluate(f"{VIDEO}.pause()")
    firefox.click(".pm-along-view")  # in its middle
    there = (width / 2 - GUTTER) / (width - GUTTER) * 8
    firefox.wait_for(f"Math.abs({VIDEO}.currentTime - {there}) < 0.05")
    firefox.evaluate(f"{VIDEO}.play()?.catch(() => null) && null")
    parts = firefox.evaluate(
        "[...document.querySelectorAll('[aria-label^=\"Solo \"]')]"
        ".map(e => e.getAttribute('aria-label').slice(5))"
    )
    firefox.click(f"[aria-label='Solo {parts[0]}']")
    firefox.wait_for(f"{HEARD}?.pmHeard() != null")
    gains = firefox.evaluate(f"{HEARD}.pmGains()")
    assert {name for name, gain in gains.items() if gain > 0} == {parts[0], "own"}
    assert firefox.evaluate(f"{VIDEO}.muted")
    firefox.wait_for(f"Math.abs({HEARD}.pmHeard() - {VIDEO}.currentTime) < 0.05", 60)
    firefox.click(f"[aria-label='Solo {parts[0]}']")
    firefox.click(f"[aria-label='Mute {parts[1]}']")
    firefox.wait_for(
        f"{HEARD}.pmGains()['{parts[1]}'] < 0.05 && {HEARD}.pmGains()['{parts[0]}'] > 0.05"
    )
