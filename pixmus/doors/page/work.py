"""What the buttons set going: each is told step by step, and ends where another is begun."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from pixmus.doors.page import markup
from pixmus.doors.page.edits import edit
from pixmus.doors.page.panels.clip import chosen_clip
from pixmus.doors.page.panels.panels import Panels
from pixmus.doors.page.showing import CANCELLED, sentence
from pixmus.doors.page.studio import Progress, Report, Studio, reported
from pixmus.doors.page.takes import Take
from pixmus.doors.page.visits import Stopped, Visit, Visits
from pixmus.errors import PixMusError

Shown = Iterator[dict[Any, Any]]  # widget -> what it shows from now on


class Works:
    """The handlers of the buttons that have the studio do something.

    Their names begin with `on_`, for Gradio keeps the names of functions for the API.
    """

    def __init__(self, studio: Studio, visits: Visits, panels: Panels) -> None:
        self.studio, self.visits, self.panels = studio, visits, panels
        self.read = panels.clip.controls.read
        self.status = panels.result.status

    def on_make(
        self, request: gr.Request, clip_path: str | None, still_path: str | None, *values: Any
    ) -> Shown:
        """Make the soundtrack."""
        try:
            path, commission = chosen_clip(clip_path, still_path), self.read(values)
            visit = self.visits.of(request.session_hash)
        except Exception as error:
            yield {self.status: markup.failed(sentence(error))}
            return
        yield from self._run(
            visit, lambda report: self.studio.soundtracks(visit, path, commission, report)
        )

    def on_spot(
        self, request: gr.Request, clip_path: str | None, still_path: str | None, *values: Any
    ) -> Shown:
        """Cues first."""
        begun = time.monotonic()
        visit = self.visits.find(request.session_hash)
        try:
            path, commission = chosen_clip(clip_path, still_path), self.read(values)
            visit = self.visits.of(request.session_hash)

            def work(report: Report) -> Iterator[bool]:
                self.studio.spot(visit, path, commission, report)
                yield True

            for event in reported(work):
                if isinstance(event, Progress):
                    yield {self.status: markup.stages(event, time.monotonic() - begun)}
            told = markup.idle("Spotted. Change the cue sheet below, then compose from it.")
            yield {self.status: told, **self.panels.sheet.show(visit)}
        except Stopped:
            if visit.is_idle:
                yield {self.status: markup.idle(CANCELLED)}
        except Exception as error:
            yield {self.status: markup.failed(sentence(error))}

    def on_recompose(
        self, request: gr.Request, hits: list[list[Any]], cues: list[list[Any]], *values: Any
    ) -> Shown:
        """Compose from this cue sheet."""
        visit = self.visits.find(request.session_hash)
        try:
            if visit.cue_sheet is None:
                raise PixMusError("There is no cue sheet yet; spot the clip first.")
            sheet, commission = edit(visit.cue_sheet, hits, cues), self.read(values)
        except Exception as error:
            yield {self.status: markup.failed(sentence(error))}
            return
        yield from self._run(
            visit, lambda report: self.studio.recompose(visit, sheet, commission, report)
        )

    def on_redo(
        self, request: gr.Request, number: int | None, bars: str, parts: list[str], *values: Any
    ) -> Shown:
        """Redo only these."""
        visit = self.visits.find(request.session_hash)
        try:
            commission = self.read(values)
        except Exception as error:
            yield {self.status: markup.failed(sentence(error))}
            return
        yield from self._run(
            visit,
            lambda report: self.studio.redo(visit, number or 1, bars, parts, commission, report),
        )

    def on_cancel(self, request: gr.Request) -> str:
        """Cancel."""
        self.visits.find(request.session_hash).stop()
        return markup.idle(CANCELLED)

    def _run(self, visit: Visit, work: Callable[[Report], Iterator[Take]]) -> Shown:
        """Runs a piece of work and shows its stages, then its takes, then their pictures."""
        begun, made = time.monotonic(), list[Take]()
        try:
            for event in reported(work):
                if isinstance(event, Progress):
                    yield {self.status: markup.stages(event, time.monotonic() - begun)}
                    continue
                made.append(event)
                if len(made) == 1:
                    yield self.panels.result.show_first(event, time.monotonic() - begun)
                    yield self.panels.show(event, self.studio.tables)
            yield from self._show_all(visit, len(made), time.monotonic() - begun)
        except Stopped:
            if visit.is_idle:  # else another piece of work took its place and tells its own
                yield {self.status: markup.idle(CANCELLED)}
        except Exception as error:
            if not made or made[0] in visit.takes:  # else the takes went while they were drawn
                yield {self.status: markup.failed(sentence(error))}

    def _show_all(self, visit: Visit, num_made: int, seconds: float) -> Shown:
        takes = list(visit.takes)
        yield {
            **self.panels.result.show_takes(takes, num_made, seconds),
            **self.panels.show(takes[0], self.studio.tables),
            **self.panels.sheet.show(visit, takes[0]),
        }
        if len(takes) > 1:  # player.js chooses the take that is being heard, if there is one
            yield {self.panels.result.player: markup.player(takes)}
        yield self.panels.pictures.show(takes[0], self.studio.tables)
