"""What the buttons show of takes that are there: another one, its files, its seed, an example."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from pixmus.doors.page import markup
from pixmus.doors.page.panels.panels import Panels
from pixmus.doors.page.showcase import Example
from pixmus.doors.page.showing import sentence
from pixmus.doors.page.studio import Studio
from pixmus.doors.page.takes import Take
from pixmus.doors.page.visits import Visits
from pixmus.doors.page.work import Shown


class Looks:
    """The handlers of the buttons that have nothing composed."""

    def __init__(
        self, studio: Studio, visits: Visits, panels: Panels, examples: Sequence[Example]
    ) -> None:
        self.studio, self.visits, self.panels, self.examples = studio, visits, panels, examples

    def on_choose(self, request: gr.Request, number: int | None) -> Shown:
        """Another take."""
        try:
            take = self.visits.find(request.session_hash).take(number or 1)
            yield self.panels.show(take, self.studio.tables)
            yield self.panels.pictures.show(take, self.studio.tables)
        except Exception as error:
            yield {self.panels.result.status: markup.failed(sentence(error))}

    def packed(self, which: Callable[[Take], Path]) -> Callable[..., str]:
        """The handler that packs files of the chosen take."""

        def pack(request: gr.Request, number: int | None) -> str:
            try:
                return str(which(self.visits.find(request.session_hash).take(number or 1)))
            except Exception as error:
                raise gr.Error(sentence(error), print_exception=False) from error

        return pack

    def on_keep_seed(self, request: gr.Request, number: int | None) -> int | None:
        """The seed of the chosen take."""
        takes = self.visits.find(request.session_hash).takes
        return takes[(number or 1) - 1].seed if takes else None

    def on_example(self, request: gr.Request, event: gr.EventData) -> dict[Any, Any]:
        """An example, in the place of whatever the visitor had."""
        visit = self.visits.find(request.session_hash)
        visit.stop()
        visit.replace_takes([])
        visit.cue_sheet = None
        return self.panels.show_example(self.examples[int(event.index)])
