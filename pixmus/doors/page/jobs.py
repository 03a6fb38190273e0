"""`Line` and `Job`: work that waits for its turn, goes on in a thread of its own, and can be
followed from anywhere: by the tab that asked for it, and by the one that is opened after a reload.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from pixmus.errors import PixMusError

WAITING = "wait"  # the stage of those who are not at work yet
TELL_S = 0.25  # between reports within a stage: each costs server and browser tens of ms
AWAKE_S = 0.2  # how often who waits looks whether it shall end

Result = TypeVar("Result")


@dataclass(frozen=True)
class Progress:
    """What is being done: a stage, the share of it that is done, and one detail."""

    stage: str
    share: float | None = None
    detail: str = ""


Report = Callable[[Progress], None]


class Owner(Protocol):
    """Whom a piece of work is for."""

    @property
    def makes_room(self) -> bool:
        """Whether nobody waits for it any more, so that others go first."""

    def stop(self) -> None:
        """End it at its next step."""


@dataclass(eq=False)
class Ticket:
    """A place in the line."""

    owner: Owner | None = None
    is_at_work: bool = False

    @property
    def makes_room(self) -> bool:
        """Whether others go first."""
        return self.owner is not None and self.owner.makes_room

    def stop(self) -> None:
        """Have the work end that it was taken for."""
        if self.owner is not None:
            self.owner.stop()


class Line:
    """Who is at work and who waits, in the order in which they came.

    Those who are there go before those who left, and where somebody who is there has to wait, work
    of who left ends.
    """

    def __init__(self, at_once: int, most_waiting: int) -> None:
        self.at_once, self.most_waiting = at_once, most_waiting
        self._tickets: list[Ticket] = []
        self._change = threading.Condition()

    @contextmanager
    def turn(
        self, check: Callable[[], None], report: Report, owner: Owner | None = None
    ) -> Iterator[None]:
        """Wait for a place and hold it; PixMusError where too many wait already.

        `check` is asked while waiting and may raise; `report` hears of the place.
        """
        ticket = Ticket(owner)
        with self._change:
            self._join(ticket)
        try:
            told = 0
            while (ahead := self._ahead(ticket)) > 0:
                check()
                if ahead != told:
                    told = ahead
                    report(Progress(WAITING, None, _place(ahead)))
                with self._change:
                    self._change.wait(AWAKE_S)
            yield
        finally:
            with self._change:
                self._tickets.remove(ticket)
                self._change.notify_all()

    def _join(self, ticket: Ticket) -> None:
        """Take a place at the end, if need be that of one who waits and left."""
        waiting = [other for other in self._tickets if not other.is_at_work]
        left = [other for other in waiting if other.makes_room]
        free = self.at_once + self.most_waiting - (len(self._tickets) - len(left))
        if free <= 0:
            here = len(waiting) - len(left)
            raise PixMusError(
                f"{self.at_once} soundtracks are being made and {here} wait, which is as "
                "long as the line gets. Everything you set stays here; please press the "
                "button again in a minute."
            )
        for other in left[: max(len(left) - free + 1, 0)]:
            other.stop()
        self._tickets.append(ticket)

    def _ahead(self, ticket: Ticket) -> int:
        """How many must end before this ticket has its turn, which it has where none must."""
        with self._change:
            working = [other for other in self._tickets if other.is_at_work]
            waiting = [other for other in self._tickets if not other.is_at_work]
            waiting.sort(key=lambda other: other.makes_room)  # and by when they came
            ahead = len(working) + waiting.index(ticket) - self.at_once + 1
            if ahead <= 0:
                ticket.is_at_work = True
            elif not ticket.makes_room:
                for other in [other for other in working if other.makes_room][:ahead]:
                    other.stop()
            return max(ahead, 0)


def _place(ahead: int) -> str:
    before = "one soundtrack has" if ahead == 1 else f"{ahead} soundtracks have"
    return f"You are number {ahead} in the line: {before} to finish before yours begins."


class Job(Generic[Result]):
    """Work in a thread of its own; what it yields and reports is kept for all who follow.

    Whoever stops following does not stop it: stop the visit that it belongs to.
    """

    def __init__(self, work: Callable[[Report], Iterator[Result]]) -> None:
        self.begun = time.monotonic()
        self.ended: float | None = None
        self.results: list[Result] = []
        self.latest: Progress | None = None
        self._number = 0  # of the report that is the latest
        self._error: BaseException | None = None
        self._change = threading.Condition()
        threading.Thread(target=self._run, args=(work,), name="studio", daemon=True).start()

    @property
    def is_running(self) -> bool:
        """Whether it goes on."""
        return self.ended is None

    @property
    def seconds(self) -> float:
        """How long it has been going on, or went on until it ended."""
        return (self.ended or time.monotonic()) - self.begun

    def follow(self, every_s: float = TELL_S) -> Iterator[Progress | Result]:
        """What it yields from its beginning, and from now on what it reports, until it ends.

        Reports within a stage come at most every `every_s` seconds. Its error is raised at the end.
        """
        seen, given, told, stage = -1, 0, 0.0, ""
        while True:
            with self._change:
                while self._number == seen and given == len(self.results) and self.is_running:
                    self._change.wait()
                progress, number = self.latest, self._number
                results = self.results[given:]
                is_over, error = not self.is_running, self._error
            if number != seen and progress is not None:
                seen = number
                if progress.stage != stage or time.monotonic() - told >= every_s:
                    stage, told = progress.stage, time.monotonic()
                    yield progress
            seen = number
            given += len(results)
            yield from results
            if is_over:
                if error is not None:
                    raise error
                return

    def _run(self, work: Callable[[Report], Iterator[Result]]) -> None:
        error: BaseException | None = None
        try:
            for result in work(self._report):
                with self._change:
                    self.results.append(result)
                    self._change.notify_all()
        except BaseException as raised:  # handed to whoever listens
            error = raised
        with self._change:
            self._error, self.ended = error, time.monotonic()
            self._change.notify_all()

    def _report(self, progress: Progress) -> None:
        with self._change:
            self.latest, self._number = progress, self._number + 1
            self._change.notify_all()


def reported(
    work: Callable[[Report], Iterator[Result]], every_s: float = TELL_S
) -> Iterator[Progress | Result]:
    """What `work` yields, and between it what it reports; see `Job`."""
    yield from Job(work).follow(every_s)
