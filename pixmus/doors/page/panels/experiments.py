"""The second tab: the examples side by side, rights, the tables of the project, the model card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pixmus.doors.page import markup
from pixmus.doors.page.gradio_base import gr
from pixmus.doors.page.panels.pictures import PICTURE_NAMES
from pixmus.doors.page.showcase import Example, find_results, model_card
from pixmus.model.folder import MODEL_FOLDER
from pixmus.sound.soundfont import soundfont_renderer

NUM_COLUMNS = 2


def build_experiments(examples: Sequence[Example], model: Path) -> None:
    """Everything that is shown without running anything; `model` is the model's folder."""
    gr.HTML(markup.links())
    for first in range(0, len(examples), NUM_COLUMNS):
        with gr.Row():
            for example in examples[first : first + NUM_COLUMNS]:
                with gr.Column(min_width=320):
                    _build_example(example)
    gr.Markdown("## Rights")
    gr.Markdown(
        markup.rights(soundfont_renderer().font.name, is_shipped=model == MODEL_FOLDER),
        elem_classes="pm-prose",
    )
    gr.Markdown("## Experiments")
    for table in find_results():
        with gr.Accordion(table.title, open=False):
            for path in table.pictures:
                gr.HTML(markup.figure(path, table.title))
            gr.Markdown(table.markdown, elem_classes="pm-table")
    with gr.Accordion("Model card", open=False):
        gr.Markdown(model_card(model), elem_classes="pm-table")


def _build_example(example: Example) -> None:
    gr.Markdown(f"### {example.title}\n{example.intent}")
    gr.HTML(markup.example_player(example) + markup.credit_line(example.credit, True))
    drawn = example.pictures()
    for name in ("spectrogram", "pianoroll"):
        if name in drawn:
            gr.HTML(markup.figure(drawn[name], f"{example.title}: {PICTURE_NAMES[name]}"))
