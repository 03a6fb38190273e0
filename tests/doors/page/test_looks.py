"""Takes that are switched faster than they are shown: the last that was chosen is what is seen."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pixmus.doors.page import markup
from pixmus.doors.page.gradio_base import gr
from pixmus.doors.page.jobs import Job, Progress, Report
from pixmus.doors.page.looks import Looks
from pixmus.doors.page.showing import CANCELLED
from pixmus.doors.page.studio import Studio
from pixmus.doors.page.visits import Visit
from pixmus.doors.page.work import Works

SCRIPTS = ("player.js", "shelf.js", "along.js", "mixer.js", "begin.js")
# The player's scripts as Gradio runs them, and what they tell the server.
RUN = """([html, script]) => {
  const element = document.createElement('div');
  element.innerHTML = html;
  document.body.append(element);
  window.props = { value: '{}' };
  window.told = [];
  window.element = element;
  const parts = ['element', 'props', 'trigger', 'watch'];
  const back = '; return { refresh, choose, mixer, gains, isMixing, modeOf }';
  window.api = new Function(...parts, script + back)(
    element, props, (name, what) => told.push(what.number), () => {});
}"""


class Shelf:
    """Cards 1, 2, 3; `meanwhile` is done while one of them is being shown or drawn."""

    def __init__(self) -> None:
        self.meanwhile: dict[tuple[str, int], Any] = {}
        self.panels = SimpleNamespace(
            show=lambda card, _: self._seen("facts", card.number),
            pictures=SimpleNamespace(show=lambda take, _: self._seen("pictures", take.number)),
            sheet=SimpleNamespace(show=lambda *_: {}),
            result=SimpleNamespace(
                status="status",
                show_first=lambda *_: {},
                show_done=lambda *_: {},
                show_shelf=lambda *_: {},
            ),
            clip=SimpleNamespace(controls=SimpleNamespace(read=None)),
        )

    def _seen(self, what: str, number: int) -> dict[str, int]:
        self.meanwhile.pop((what, number), lambda: None)()
        return {what: number}

    def find(self, number: int) -> Any:
        sheet = SimpleNamespace(to_json=lambda: "{}")
        soundtrack = SimpleNamespace(cue_sheet=sheet)
        take = SimpleNamespace(number=number, soundtrack=soundtrack, source=None)
        return SimpleNamespace(number=number, take=take, name=f"Take {number}")

    def number_of(self, take: Any) -> int:
        return int(take.number)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def visit(tmp_path: Path, shelf: Shelf) -> Visit:
    found = Visit(tmp_path / "visit")
    found.shelf = shelf  # type: ignore[assignment]
    return found


@pytest.fixture
def looks(visit: Visit, shelf: Shelf) -> Looks:
    visits = SimpleNamespace(find=lambda _: visit)
    return Looks(SimpleNamespace(tables=None), visits, shelf.panels, [])  # type: ignore[arg-type]


def choose(looks: Looks, number: int) -> list[dict[Any, Any]]:
    request, event = SimpleNamespace(session_hash=""), SimpleNamespace(act="choose", number=number)
    *shown, last = looks.on_shelf(request, event)
    assert last == {"status": gr.skip()}  # what Gradio tells again when a handler ends
    return shown


@pytest.mark.parametrize(("slow", "expected"), [("facts", []), ("pictures", [{"facts": 1}])])
def test_what_is_slow_is_not_shown_over_what_was_chosen_after_it(
    looks: Looks, shelf: Shelf, slow: str, expected: list[dict[str, int]]
) -> None:
    later: list[dict[Any, Any]] = []
    shelf.meanwhile[slow, 1] = lambda: later.extend(choose(looks, 2))
    assert choose(looks, 1) == expected
    assert later == [{"facts": 2}, {"pictures": 2}]
    assert choose(looks, 1) == [{"facts": 1}, {"pictures": 1}]


@pytest.mark.parametrize("handlers", [Looks, Works])
def test_the_last_word_of_every_handler_that_shows_in_steps_changes_nothing(handlers: type) -> None:
    in_steps = {
        name: handler
        for name, handler in vars(handlers).items()
        if name.startswith("on_") and inspect.isgeneratorfunction(handler)
    }
    assert in_steps
    for name, handler in in_steps.items():
        assert inspect.unwrap(handler) is not handler, f"{name} wants @told_once"


def test_pictures_of_the_best_take_do_not_come_over_the_one_that_is_heard(
    looks: Looks, visit: Visit, shelf: Shelf
) -> None:
    visit.takes = [shelf.find(2).take]
    works = Works(SimpleNamespace(tables=None), None, shelf.panels)  # type: ignore[arg-type]
    done = works._show_all(visit, 3, 1.0)
    assert next(done) == {"facts": 2}
    assert choose(looks, 1) == [{"facts": 1}, {"pictures": 1}]
    assert list(done) == []
    before, after = (works._show_all(visit, 3, 1.0) for _ in range(2))  # a reload
    assert [next(after), next(before)] == [{"facts": 2}] * 2
    assert list(after) == [{"pictures": 2}], "a page that was left takes nothing from the next"


@pytest.mark.parametrize(
    ("num_made", "expected"),
    [(0, CANCELLED), (2, "Cancelled. What was made until then stays: 2 takes.")],
)
def test_that_work_was_cancelled_is_its_own_last_word(
    visit: Visit, shelf: Shelf, num_made: int, expected: str
) -> None:
    go_on, check = threading.Event(), visit.start()

    def work(report: Report) -> Iterator[Any]:
        yield from (shelf.find(number + 1).take for number in range(num_made))
        report(Progress("compose", 0.05, "inference step 1 of 20"))
        go_on.wait(30)
        report(Progress("render", 0.5))
        check()

    visits = SimpleNamespace(find=lambda _: visit)
    works = Works(SimpleNamespace(tables=None), visits, shelf.panels)  # type: ignore[arg-type]
    job = visit.job = Job(work)
    told = works._follow(visit, job)
    while "inference step 1 of 20" not in next(told).get("status", ""):
        pass
    request: Any = SimpleNamespace(session_hash="")
    assert works.on_cancel(request) == markup.idle(expected)
    go_on.set()
    said = [shown["status"] for shown in told if "status" in shown]
    assert said == [markup.idle(expected)], "nothing that was reported before lies over it"


def test_what_cannot_be_done_ends_nothing_and_is_said_beside_the_stages(
    visit: Visit, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = list[str]()
    monkeypatch.setattr(gr, "Warning", lambda told, title: said.append(told))
    go_on, check = threading.Event(), visit.start()

    def work(report: Report) -> Iterator[Any]:
        report(Progress("compose", 0.05, "inference step 1 of 20"))
        go_on.wait(30)
        check()
        yield shelf.find(1).take

    shelf.panels.clip.controls.read = lambda values: None
    studio: Any = SimpleNamespace(tables=None, to_redo=Studio.to_redo)
    visits: Any = SimpleNamespace(find=lambda _: visit)
    works, request = Works(studio, visits, shelf.panels), SimpleNamespace(session_hash="")  # type: ignore[arg-type]
    job = visit.job = Job(work)
    skipped = {"status": gr.skip()}
    asked: Any = (request, 1, "", [])
    assert list(works.on_redo(*asked)) == [skipped, skipped]
    assert said == ['Say which bars ("9-12") or tick which parts to compose anew.']
    go_on.set()
    assert [take.number for take in job.follow() if not isinstance(take, Progress)] == [1]
    assert list(works.on_redo(*asked)) == [{"status": markup.failed(said[0])}, skipped]


def test_a_take_chosen_just_as_the_others_are_done_is_what_the_server_is_told(browser: Any) -> None:
    tab = browser.new_page()
    script = "\n".join(map(markup.asset, SCRIPTS))
    tab.evaluate(RUN, [markup.asset("player.html"), script])
    arrive = """chosen => {
      const card = number => (
        { id: `t${number}`, number, at: number, name: `Take ${number}`, clip: 'c', src: '' });
      const cards = [1, 2, 3].map(card);
      props.value = JSON.stringify({ key: '', cards, chosen, latest: cards.map(card => card.id) });
      api.refresh();
    }"""
    tab.evaluate(arrive, "t1")
    tab.evaluate(
        "Object.defineProperty(element.querySelector('video'), 'paused', { value: false })"
    )
    tab.evaluate(arrive, "t2")  # the best; the first is heard
    assert tab.evaluate("told") == []
    tab.wait_for_timeout(700)
    assert tab.evaluate("told") == [1]
    tab.evaluate(arrive, "t2")
    tab.evaluate("api.choose('t3')")  # before that is told again
    tab.wait_for_timeout(700)
    told = tab.evaluate("told")
    tab.close()
    assert told == [1, 3, 3]


def test_an_answer_that_was_overtaken_changes_no_card(browser: Any) -> None:
    tab = browser.new_page()
    script = "\n".join(map(markup.asset, SCRIPTS))
    tab.evaluate(RUN, [markup.asset("player.html"), script])
    arrive = """([at, name]) => {
      const card = { id: 't1', number: 1, at: 1, name, clip: 'c', src: '' };
      props.value = JSON.stringify({ key: '', at, cards: [card], chosen: null, latest: [] });
      api.refresh();
      return element.querySelector('.pm-said strong').textContent;
    }"""
    heard = [tab.evaluate(arrive, [at, name]) for at, name in ((1, "a"), (3, "c"), (2, "b"))]
    tab.close()
    assert heard == ["a", "c", "c"]


@pytest.mark.parametrize(("is_alone", "at_first"), [(True, "music"), (False, "both")])
def test_what_is_switched_on_is_what_is_heard_also_where_the_music_was_made_alone(
    browser: Any, is_alone: bool, at_first: str
) -> None:
    tab = browser.new_page()
    script = "\n".join(map(markup.asset, SCRIPTS))
    tab.evaluate(RUN, [markup.asset("player.html"), script])
    heard = """([musicAlone, mode]) => {
      const card = { id: 't1', number: 1, at: 1, name: 'a', clip: 'c', src: '', musicAlone,
        sounds: { music: 'm', own: 'o', gain: 1, parts: { bass: 'b' } } };
      props.value = JSON.stringify({ key: '', at: 1, cards: [card], chosen: 't1', latest: [] });
      api.refresh();
      api.mixer.mode = mode;
      const { music, own } = api.gains(card);
      return [api.modeOf(card), api.isMixing(card), music, own];
    }"""
    found = {mode: tab.evaluate(heard, [is_alone, mode]) for mode in (None, "own", "music", "both")}
    tab.close()
    assert found == {
        None: [at_first, False, 1, 0 if is_alone else 1],  # the film itself plays
        "own": ["own", True, 0, 1],
        "music": ["music", not is_alone, 1, 0],
        "both": ["both", is_alone, 1, 1],
    }
