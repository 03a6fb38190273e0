"""Work in turn, followed by more than one, and stopped while it waits."""

import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from pixmus.doors.page.jobs import Job, Line, Progress, Report
from pixmus.doors.page.visits import Stopped
from pixmus.errors import PixMusError


def never() -> None:
    """Nobody stops it."""


def test_those_who_come_later_wait_in_order_and_hear_their_place() -> None:
    line, order = Line(at_once=1, most_waiting=2), list[str]()
    places: dict[str, list[str]] = {"one": [], "two": [], "three": []}
    go = threading.Event()

    def work(name: str) -> None:
        with line.turn(never, lambda event: places[name].append(event.detail)):
            order.append(name)
            go.wait(10)

    threads = [threading.Thread(target=work, args=(name,)) for name in places]
    for thread in threads:
        thread.start()
        time.sleep(0.05)
    with (
        pytest.raises(PixMusError, match="1 soundtracks are being made and 2 wait"),
        line.turn(never, lambda _: None),
    ):
        raise AssertionError("there was no place")
    go.set()
    for thread in threads:
        thread.join()
    assert order == ["one", "two", "three"] and not places["one"]
    assert places["two"] == [
        "You are number 1 in the line: one soundtrack has to finish before yours begins."
    ]
    assert [told[:17] for told in places["three"]][0] == "You are number 2 "


def test_who_is_stopped_while_waiting_leaves_the_line() -> None:
    line = Line(at_once=1, most_waiting=5)

    def stop() -> None:
        raise Stopped

    with (
        line.turn(never, lambda _: None),
        pytest.raises(Stopped),
        line.turn(stop, lambda _: None),
    ):
        pass
    with line.turn(never, lambda _: None):
        pass  # and nobody stands in it any more


class Visitor:
    """Who may have left."""

    def __init__(self, makes_room: bool = False) -> None:
        self.makes_room = makes_room
        self.is_stopped = threading.Event()

    def stop(self) -> None:
        self.is_stopped.set()

    def check(self) -> None:
        if self.is_stopped.is_set():
            raise Stopped


def stand(line: Line, visitor: Visitor, order: list[Visitor]) -> threading.Thread:
    """Has a visitor wait and then work until stopped."""

    def work() -> None:
        with suppress(Stopped), line.turn(visitor.check, lambda _: None, visitor):
            order.append(visitor)
            visitor.is_stopped.wait(10)

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.05)
    return thread


def test_who_left_is_overtaken_and_work_of_theirs_ends_only_where_somebody_waits() -> None:
    line, order = Line(at_once=1, most_waiting=5), list[Visitor]()
    working, gone, here = Visitor(), Visitor(), Visitor()
    threads = [stand(line, working, order)]
    working.makes_room = gone.makes_room = True
    threads.append(stand(line, gone, order))
    time.sleep(0.5)
    assert not working.is_stopped.is_set()  # for nobody who is there has to wait for it
    threads.append(stand(line, here, order))
    assert working.is_stopped.wait(5)
    time.sleep(0.5)
    assert order == [working, here] and not here.is_stopped.is_set()
    here.stop()
    time.sleep(0.5)
    assert order == [working, here, gone] and not gone.is_stopped.is_set()
    gone.stop()
    for thread in threads:
        thread.join(5)


def test_a_line_full_of_those_who_left_has_a_place_for_who_is_there() -> None:
    line, order = Line(at_once=1, most_waiting=2), list[Visitor]()
    visitors = [Visitor() for _ in range(3)]
    threads = [stand(line, visitor, order) for visitor in visitors]
    with pytest.raises(PixMusError, match="2 wait"), line.turn(never, lambda _: None, Visitor()):
        raise AssertionError("there was no place")
    visitors[1].makes_room = visitors[2].makes_room = True
    here = Visitor()
    threads.append(stand(line, here, order))
    assert visitors[1].is_stopped.wait(5) and not visitors[2].is_stopped.is_set()
    visitors[0].stop()
    time.sleep(0.5)
    assert order == [visitors[0], here]
    for visitor in (visitors[2], here):
        visitor.stop()
    for thread in threads:
        thread.join(5)


def test_work_goes_on_when_nobody_follows_and_is_told_whole_to_who_comes_later() -> None:
    go = threading.Event()

    def work(report: Report) -> Iterator[int]:
        report(Progress("spot"))
        yield 1
        go.wait(10)
        report(Progress("mix", 0.5))
        yield 2

    job = Job(work)
    first = job.follow(every_s=0)
    seen = {next(first), next(first)}
    del first  # the tab is loaded anew
    assert seen == {Progress("spot"), 1} and job.is_running
    go.set()
    assert [event for event in job.follow(every_s=0) if isinstance(event, int)] == [1, 2]
    assert not job.is_running and 0 <= job.seconds < 10
    assert [event for event in job.follow(every_s=0) if isinstance(event, int)] == [1, 2]


def test_an_error_reaches_all_who_follow() -> None:
    def work(_: Report) -> Iterator[int]:
        yield 1
        raise PixMusError("no")

    job = Job(work)
    for _ in range(2):
        with pytest.raises(PixMusError, match="no"):
            list(job.follow())
