"""What the buttons set going: each is told step by step, and ends where another is begun."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pixmus.doors.page import markup
from pixmus.doors.page.edits import edit
from pixmus.doors.page.gradio_base import gr
from pixmus.doors.page.jobs import Job, Progress, Report
from pixmus.doors.page.links import read_query
from pixmus.doors.page.panels.clip import chosen_clip
from pixmus.doors.page.panels.panels import Panels
from pixmus.doors.page.panels.result import IDLE
from pixmus.doors.page.said import ready
from pixmus.doors.page.shelf import Card
from pixmus.doors.page.showing import cancelled, ended_early, sentence
from pixmus.doors.page.studio import Studio
from pixmus.doors.page.takes import Take
from pixmus.doors.page.visits import Check, Stopped, Visit, Visits
from pixmus.errors import PixMusError

BROUGHT = "Press Make the soundtrack."
NOTHING = "Nothing is being made."
LINKED = "The link filled in every choice. Upload a clip, then press Make the soundtrack."
EXPIRED = (
    "What you made here before was removed: results are kept for a while only. Everything else "
    "works as before."
)
Shown = Iterator[dict[Any, Any]]  # widget -> what it shows from now on


def told_once(handler: Callable[..., Shown]) -> Callable[..., Shown]:
    """A handler of a class with `panels` whose last word changes nothing.

    When a handler ends, Gradio tells its last word a second time. That may be long after the first
    time, and would lie over whatever was opened meanwhile.
    """

    @functools.wraps(handler)
    def told(self: Any, *args: Any, **kwargs: Any) -> Shown:
        yield from handler(self, *args, **kwargs)
        yield {self.panels.result.status: gr.skip()}

    return told


class Works:
    """The handlers of the buttons that have the studio do something.

    Their names begin with `on_`, for Gradio keeps the names of functions for the API.
    """

    def __init__(self, studio: Studio, visits: Visits, panels: Panels) -> None:
        self.studio, self.visits, self.panels = studio, visits, panels
        self.read = panels.clip.controls.read
        self.status = panels.result.status

    @told_once
    def on_bring(self, request: gr.Request, path: str | None, *values: Any) -> Shown:
        """A clip or a picture was brought: it is watched, and what is wrong with it is said."""
        status = self.status
        if path is None:
            yield {status: markup.idle(IDLE)}
            return
        try:
            visit, commission = self.visits.of(request.session_hash), self.read(values)
        except Exception:  # the button says it, should it still be so
            yield {status: markup.idle(BROUGHT)}
            return

        def is_at_work() -> bool:
            return visit.job is not None and visit.job.is_running

        if is_at_work():
            return
        job = self.studio.watcher.begin(visit, Path(path), commission)
        try:
            for event in job.follow():
                if is_at_work():  # which tells its own
                    return
                if isinstance(event, Progress):
                    yield {status: markup.watching(event, job.seconds)}
                else:
                    seconds = self.studio.estimate(event.footage.video.duration, commission)
                    yield {status: markup.idle(ready(event, seconds))}
        except Stopped:
            return
        except Exception as error:
            if not is_at_work():
                yield {status: markup.failed(sentence(error))}

    @told_once
    def on_make(
        self,
        request: gr.Request,
        clip_path: str | None,
        still_path: str | None,
        cuts_path: str | None,
        *values: Any,
    ) -> Shown:
        """Make the soundtrack."""
        try:
            path, commission = chosen_clip(clip_path, still_path), self.read(values)
            cuts = Path(cuts_path) if cuts_path else None
            visit, check = self.visits.begin(request.session_hash)
        except Exception as error:
            yield self._refused(request, error)
            return
        yield from self._run(
            visit,
            check,
            lambda report: self.studio.soundtracks(visit, path, commission, report, check, cuts),
        )

    @told_once
    def on_spot(
        self,
        request: gr.Request,
        clip_path: str | None,
        still_path: str | None,
        cuts_path: str | None,
        *values: Any,
    ) -> Shown:
        """Cues first."""
        try:
            path, commission = chosen_clip(clip_path, still_path), self.read(values)
            cuts = Path(cuts_path) if cuts_path else None
            visit, check = self.visits.begin(request.session_hash)
        except Exception as error:
            yield self._refused(request, error)
            return

        def work(report: Report) -> Iterator[Take]:
            self.studio.spot(visit, path, commission, report, check, cuts)
            yield from ()

        yield from self._run(visit, check, work)

    @told_once
    def on_recompose(
        self, request: gr.Request, hits: list[list[Any]], cues: list[list[Any]], *values: Any
    ) -> Shown:
        """Compose from this cue sheet."""
        visit = self.visits.find(request.session_hash)
        try:
            if visit.cue_sheet is None:
                raise PixMusError("There is no cue sheet yet; press Cues first.")
            sheet, commission = edit(visit.cue_sheet, hits, cues), self.read(values)
        except Exception as error:
            yield self._refused(request, error)
            return
        check = visit.start()
        yield from self._run(
            visit,
            check,
            lambda report: self.studio.recompose(visit, sheet, commission, report, check),
        )

    @told_once
    def on_redo(
        self, request: gr.Request, number: int | None, bars: str, parts: list[str], *values: Any
    ) -> Shown:
        """Redo only these."""
        visit = self.visits.find(request.session_hash)
        try:
            commission = self.read(values)
            self.studio.to_redo(visit, number, bars, parts)  # before it ends other work
        except Exception as error:
            yield self._refused(request, error)
            return
        check = visit.start()
        yield from self._run(
            visit,
            check,
            lambda report: self.studio.redo(visit, number, bars, parts, commission, report, check),
        )

    def on_cancel(self, request: gr.Request) -> str:
        """Cancel."""
        visit = self.visits.find(request.session_hash)
        job = visit.job
        told = NOTHING if job is None or not job.is_running else cancelled(len(job.results))
        visit.stop()
        return markup.idle(told)

    @told_once
    def on_return(self, request: gr.Request, key: str | None, query: str | None) -> Shown:
        """The page was loaded: what its address asks for is filled in; where it was loaded anew,
        all is shown again, and what goes on is followed.
        """
        visit = self.visits.come_back(key, request.session_hash)
        if visit is None:
            try:
                linked = read_query(query or "")
            except PixMusError as error:
                yield {self.status: markup.failed(sentence(error))}
                return
            if linked is not None:
                shown = self.panels.clip.controls.show(linked)
                yield {**shown, self.status: markup.idle(LINKED)}
                return
            yield {self.status: markup.idle(EXPIRED)} if key else {self.status: gr.skip()}
            return
        shown = {}
        if visit.asked is not None and visit.asked[0].exists():
            shown |= self.panels.clip.show_asked(*visit.asked, visit.cuts)
        if visit.takes or visit.shelf.cards:
            number = visit.shelf.number_of(visit.takes[0]) if visit.takes else None
            card = visit.shelf.find(number or visit.shelf.cards[-1].number)
            is_seen = visit.look(f"t{card.number}")
            shown |= self.panels.show(card, self.studio.tables)
            shown |= self.panels.result.show_shelf(visit, card.number)
            if visit.takes:  # they may have been made while the page loaded
                shown[self.status] = self._told_of_takes(visit, card)
        yield {**shown, **self.panels.sheet.show(visit)}
        if visit.job is not None and visit.job.is_running:
            yield from self._follow(visit, visit.job)
        elif visit.shelf.cards:
            yield from self._draw(card.take, is_seen)

    def _run(self, visit: Visit, check: Check, work: Callable[[Report], Iterator[Take]]) -> Shown:
        """Sets a piece of work going that the visit has begun, and follows it."""

        def whole(report: Report) -> Iterator[Take]:
            try:
                yield from work(report)
            finally:
                visit.finish(check)

        job = visit.job = Job(whole)
        begun = markup.going("Your soundtrack is begun.")
        yield {**self.panels.result.show_shelf(visit), self.status: begun}
        yield from self._follow(visit, job)

    def _follow(self, visit: Visit, job: Job[Take]) -> Shown:
        """Shows the stages of a piece of work, then its takes, then their pictures."""
        made = list[Take]()
        try:
            for event in job.follow():
                if isinstance(event, Progress):
                    # what was reported before it was stopped must not lie over "Cancelled"
                    if not visit.is_idle and visit.job is job:
                        yield {self.status: markup.stages(event, job.seconds)}
                    continue
                made.append(event)
                if len(made) == 1:
                    card = self._card(visit, event)
                    is_seen = visit.look(f"t{card.number}")
                    yield self.panels.result.show_first(visit, event, job.seconds)
                    shown = self.panels.show(card, self.studio.tables)
                    if is_seen():
                        yield shown
                else:
                    yield self.panels.result.show_shelf(visit)
            if made and visit.takes:
                yield from self._show_all(visit, len(made), job.seconds)
            elif made:  # and all of them were removed meanwhile
                yield {self.status: markup.idle(IDLE), **self.panels.result.show_shelf(visit)}
            else:
                told = markup.idle("Spotted. Change the cue sheet below, then compose from it.")
                yield {self.status: told, **self.panels.sheet.show(visit)}
        except Stopped:
            if visit.is_idle:  # else another piece of work took its place and tells its own
                told = markup.idle(cancelled(len(made)))
                yield {self.status: told, **self.panels.result.show_shelf(visit)}
        except Exception as error:
            if not made or made[0] in visit.takes:  # else the takes went while they were drawn
                yield {self.status: markup.failed(sentence(error))}

    def _refused(self, request: gr.Request, error: Exception) -> dict[Any, Any]:
        """What is wrong with what was asked; beside the stages of what goes on, where it does."""
        visit = self.visits.find(request.session_hash)
        told = sentence(error)
        if visit.job is not None and visit.job.is_running:
            gr.Warning(told, title="Not begun")
            return {self.status: gr.skip()}
        return {self.status: markup.failed(told)}

    def _told_of_takes(self, visit: Visit, card: Card) -> str:
        """What became of the work whose takes are there."""
        if visit.job is not None and visit.job.is_running:
            return markup.going("Your soundtrack is being made.")
        if visit.is_ranked:
            return markup.idle(self.panels.result.told_done(card, len(visit.takes)))
        return markup.idle(ended_early(len(visit.takes), visit.is_idle))

    @staticmethod
    def _card(visit: Visit, take: Take) -> Card:
        return visit.shelf.find(visit.shelf.number_of(take))

    def _show_all(self, visit: Visit, num_made: int, seconds: float) -> Shown:
        take = visit.takes[0]
        card = self._card(visit, take)
        is_seen = visit.look(f"t{card.number}")
        yield {
            **self.panels.result.show_done(visit, card, num_made, seconds),
            **self.panels.show(card, self.studio.tables),
            **self.panels.sheet.show(visit, take),
        }
        yield from self._draw(take, is_seen)

    def _draw(self, take: Take, is_seen: Callable[[], bool]) -> Shown:
        """The pictures of a take, unless something else is looked at by then."""
        if is_seen():
            drawn = self.panels.pictures.show(take, self.studio.tables)
            if is_seen():
                yield drawn
