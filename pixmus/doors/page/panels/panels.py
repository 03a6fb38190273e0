"""The panels of the first tab, put where they stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixmus.doors.page.gradio_base import gr
from pixmus.doors.page.panels.again import AgainPanel
from pixmus.doors.page.panels.clip import ClipPanel
from pixmus.doors.page.panels.pictures import PicturesPanel
from pixmus.doors.page.panels.result import ResultPanel
from pixmus.doors.page.panels.sheet import SheetPanel
from pixmus.doors.page.shelf import Card
from pixmus.doors.page.showcase import Example
from pixmus.score.curves import CurveTables


@dataclass(frozen=True)
class Panels:
    """The panels, and what more than one of them shows."""

    clip: ClipPanel
    result: ResultPanel
    sheet: SheetPanel
    pictures: PicturesPanel
    again: AgainPanel

    @classmethod
    def build(cls, examples: Sequence[Example], limits: str) -> Panels:
        """The panels, new on the page that is being built."""
        with gr.Row(equal_height=False, elem_id="studio"):
            with gr.Column(scale=5, min_width=320):
                clip = ClipPanel(examples, limits)
            with gr.Column(scale=6, min_width=320):
                result = ResultPanel(examples)
        # Below here nothing folds: Gradio loses what is sent to widgets in a closed tab.
        with gr.Column(elem_id="sheet", elem_classes="pm-section"):
            sheet = SheetPanel()
        with gr.Column(elem_id="pictures", elem_classes="pm-section"):
            pictures = PicturesPanel()
        with gr.Column(elem_id="again", elem_classes="pm-section"):
            again = AgainPanel()
        return cls(clip, result, sheet, pictures, again)

    @property
    def outputs(self) -> list[Any]:
        """What a handler may show something on, but for the visitor's clip."""
        panels = (self.result, self.again, self.pictures, self.sheet)
        return [widget for panel in panels for widget in panel.outputs]

    def show(self, card: Card, tables: CurveTables) -> dict[Any, Any]:
        """What is shown of a card's take, but for its pictures."""
        return {**self.result.show(card, tables), **self.again.show(card.take)}

    def show_example(self, example: Example, along: Path | None) -> dict[Any, Any]:
        """An example beside whatever there is, and all that was asked for it."""
        return {**self.clip.show_example(example), **self.show_example_again(example, along)}

    def show_example_again(self, example: Example, along: Path | None) -> dict[Any, Any]:
        """An example whose card was chosen; `along` is the file of its timeline."""
        return {
            **self.result.show_example(example, along),
            **self.again.show_example(example),
            **self.pictures.show_example(example),
            **self.sheet.clear(),
        }
