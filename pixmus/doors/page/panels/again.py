"""Bars or parts of a take made anew, and the lines that make all of it again."""

from __future__ import annotations

from typing import Any

from pixmus.doors.page.gradio_base import gr
from pixmus.doors.page.showcase import Example
from pixmus.doors.page.takes import Take
from pixmus.ensembles import PARTS


class AgainPanel:
    """What a visitor may do with a take afterwards."""

    def __init__(self) -> None:
        with gr.Column(elem_id="redo-part"):  # which an example has not: see page.css
            gr.Markdown("## Redo a part of it")
            gr.Markdown(
                "Bars or parts of the chosen take are composed anew with another seed; every "
                "other note stays exactly as it is. Bar numbers stand above the piano-roll.",
                elem_classes="pm-prose",
            )
            with gr.Row():
                self.bars = gr.Textbox(
                    label="Bars",
                    placeholder="9-12",
                    info='Such as "3", "9-12,17-20", or "13-" to the end; empty for all.',
                    elem_id="redo-bars",
                )
                self.parts = gr.CheckboxGroup(
                    list(PARTS),
                    label="Parts",
                    info="None ticked means all of them.",
                    elem_id="redo-parts",
                )
            self.redo = gr.Button("Redo only these", elem_id="redo")
        gr.Markdown("## Make it again")
        gr.Markdown(
            "These lines make exactly this take again, note for note. Where they name "
            "`cues.json` or `kept.mid`, those files are in the zip of everything.",
            elem_classes="pm-prose",
        )
        self.shell = _code("Shell", "shell", 1)
        self.python = _code("Python", "python", 3)

    @property
    def outputs(self) -> list[Any]:
        """What the methods below may show something on."""
        return [self.shell, self.python]

    def show(self, take: Take) -> dict[Any, Any]:
        """The lines of a take."""
        return {self.shell: take.shell_line, self.python: take.python_lines}

    def show_example(self, example: Example) -> dict[Any, Any]:
        """The lines of an example."""
        return dict(zip(self.outputs, example.lines(), strict=True))


def _code(name: str, language: Any, lines: int) -> Any:
    return gr.Code(
        label=name,
        language=language,
        lines=lines,
        interactive=False,
        wrap_lines=True,
        elem_id=language,
    )
