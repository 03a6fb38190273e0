"""What the shelf and the buttons show of results that are there: choose, keep, rename, pack."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pixmus.doors.page import markup
from pixmus.doors.page.along import along_example
from pixmus.doors.page.gradio_base import gr
from pixmus.doors.page.links import read_take
from pixmus.doors.page.panels.panels import Panels
from pixmus.doors.page.showcase import Example
from pixmus.doors.page.showing import sentence
from pixmus.doors.page.studio import Studio
from pixmus.doors.page.takes import Take
from pixmus.doors.page.visits import Visit, Visits
from pixmus.doors.page.work import Shown, told_once


class Looks:
    """The handlers of the buttons that have nothing composed."""

    def __init__(
        self, studio: Studio, visits: Visits, panels: Panels, examples: Sequence[Example]
    ) -> None:
        self.studio, self.visits, self.panels, self.examples = studio, visits, panels, examples

    @told_once
    def on_shelf(self, request: gr.Request, event: gr.EventData) -> Shown:
        """A card of the shelf, or one of its buttons."""
        try:
            visit = self.visits.find(request.session_hash)
            if event.act == "example":
                is_seen = visit.look(f"e{event.index}")
                shown = self._example(int(event.index), self.panels.show_example_again)
                if is_seen():
                    yield shown
                return
            number = int(event.number)
            if event.act == "choose":
                yield from self._choose(visit, number)
                return
            if event.act == "ask":
                yield self.panels.clip.show_take(visit.take(number))
                return
            if event.act == "parts":
                visit.take(number).write_sounds()
            elif event.act == "hold":
                visit.shelf.hold(number, bool(event.held))
            elif event.act == "rename":
                visit.shelf.rename(number, str(event.name))
            elif event.act == "remove":
                visit.remove(number)
            yield self.panels.result.show_shelf(visit)
        except Exception as error:
            yield {self.panels.result.status: markup.failed(sentence(error))}

    def _choose(self, visit: Visit, number: int) -> Shown:
        """Another card: its facts, files and lines, its cue sheet, then its pictures."""
        card, is_seen = visit.shelf.find(number), visit.look(f"t{number}")
        sheet = card.take.soundtrack.cue_sheet
        shown = self.panels.show(card, self.studio.tables)
        if not is_seen():
            return
        is_other = visit.cue_sheet is None or visit.cue_sheet.to_json() != sheet.to_json()
        is_other = is_other or visit.spotted is not card.take.source
        if is_other and not (visit.job and visit.job.is_running):
            visit.cue_sheet, visit.spotted = sheet, card.take.source
            shown |= self.panels.sheet.show(visit, card.take)
        yield shown
        if is_seen():
            drawn = self.panels.pictures.show(card.take, self.studio.tables)
            if is_seen():
                yield drawn

    def packed(self, which: Callable[[Take], Path]) -> Callable[..., str]:
        """The handler that packs files of the chosen take."""

        def pack(request: gr.Request, number: int | None) -> str:
            try:
                return str(which(self.visits.find(request.session_hash).take(number)))
            except Exception as error:
                raise gr.Error(sentence(error), print_exception=False) from error

        return pack

    def on_keep_seed(self, request: gr.Request, number: int | None) -> int | None:
        """The seed of the chosen take."""
        try:
            return self.visits.find(request.session_hash).take(number).seed
        except Exception as error:
            raise gr.Error(sentence(error), print_exception=False) from error

    def on_example(
        self,
        request: gr.Request,
        clip: str | None,
        still: str | None,
        own: str | None,
        event: gr.EventData,
    ) -> dict[Any, Any]:
        """An example beside whatever the visitor has; a clip of their own can be had back."""
        self.visits.find(request.session_hash).look(f"e{event.index}")
        here = clip or still
        names = {example.clip.name for example in self.examples}
        if here and Path(here).name not in names:
            own = here
        return {
            **self.panels.clip.offer_own(own),
            **self._example(int(event.index), self.panels.show_example),
        }

    def _example(
        self, index: int, show: Callable[[Example, Path | None], dict[Any, Any]]
    ) -> dict[Any, Any]:
        """An example with its timeline."""
        example = self.examples[index]
        return show(example, along_example(example, self.visits.root / "examples"))

    def on_restore(self, path: str | None) -> dict[Any, Any]:
        """What a take.json was asked for, filled in."""
        status = self.panels.result.status
        try:
            commission = read_take(Path(path or ""))
        except Exception as error:
            return {status: markup.failed(sentence(error))}
        told = "Filled in from take.json. Add its clip, then press Make the soundtrack."
        return {**self.panels.clip.controls.show(commission), status: markup.idle(told)}

    def on_own(self, own: str | None) -> dict[Any, Any]:
        """The visitor's own clip, back in its place."""
        return self.panels.clip.show_own(own)
