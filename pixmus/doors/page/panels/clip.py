"""The left side: the clip or picture, the words, the buttons, the examples and the choices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from pixmus.choices import TEXT
from pixmus.doors.page import markup
from pixmus.doors.page.panels.controls import Controls
from pixmus.doors.page.showcase import Example
from pixmus.errors import PixMusError

CLIP_HEIGHT = 230  # pixels


class ClipPanel:
    """What a visitor brings and asks for."""

    def __init__(self, examples: Sequence[Example], limits: str) -> None:
        """`limits` is one sentence on what may be uploaded and how long it is kept."""
        with gr.Tabs():
            with gr.Tab("Clip"):
                self.clip = gr.Video(
                    label="Your clip",
                    sources=["upload", "webcam"],
                    height=CLIP_HEIGHT,
                    elem_id="clip",
                )
            with gr.Tab("Still image"):
                self.still = gr.Image(
                    label="Your picture",
                    sources=["upload"],
                    type="filepath",
                    image_mode=None,
                    height=CLIP_HEIGHT,
                    elem_id="still",
                )
        text = gr.Textbox(
            label=TEXT.label,
            placeholder=TEXT.example,
            info="Mood, tempo, ensemble, style; a word not understood is said back.",
            max_length=int(TEXT.highest(shared=True)),
            elem_id=TEXT.spelt,
        )
        with gr.Row():
            self.make = gr.Button("Make the soundtrack", variant="primary", scale=3, elem_id="make")
            self.spot = gr.Button("Cues first", scale=1, min_width=126, elem_id="spot")
            self.cancel = gr.Button(
                "Cancel", variant="stop", scale=1, min_width=90, elem_id="cancel"
            )
        self.gallery: Any = None
        if examples:
            self.gallery = gr.HTML(
                markup.gallery(examples),
                js_on_load=markup.asset("gallery.js"),
                elem_id="examples",
            )
        self.controls = Controls()
        self.controls.add_text(text)
        gr.HTML(f'<p class="pm-checked">{limits}</p>')
        # One of the two: what is brought takes the other's place.
        quick: dict[str, Any] = {
            "api_visibility": "private",
            "queue": False,
            "show_progress": "hidden",
        }
        self.clip.input(lambda: None, None, [self.still], **quick)
        self.still.input(lambda: None, None, [self.clip], **quick)

    @property
    def inputs(self) -> list[Any]:
        """The clip, the still, and what the controls say."""
        return [self.clip, self.still, *self.controls.inputs]

    def show_example(self, example: Example) -> dict[Any, Any]:
        """The clip of an example in the place of a visitor's own, and what was asked for it."""
        path = str(example.clip)
        return {
            self.clip: None if example.is_still else path,
            self.still: path if example.is_still else None,
            **self.controls.show(example.settings()),
        }


def chosen_clip(clip: str | None, still: str | None) -> Path:
    """The file that a visitor brought; PixMusError where there is none."""
    path = clip or still
    if not path:
        raise PixMusError("There is no clip yet; upload one or choose an example.")
    return Path(path)
