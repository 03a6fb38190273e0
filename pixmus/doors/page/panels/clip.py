"""The left side: the clip or picture, the words, the buttons, the examples and the choices."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pixmus.choices import END, START, TEXT
from pixmus.cues.wishes import vocabulary
from pixmus.doors.page import markup
from pixmus.doors.page.gradio_base import gr
from pixmus.doors.page.panels.controls import Controls, asked_in
from pixmus.doors.page.showcase import STILL_ENDINGS, Example
from pixmus.doors.page.takes import Take
from pixmus.errors import PixMusError

CLIP_HEIGHT, CUTS_HEIGHT = 230, 150  # pixels


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
        self.own = gr.State(None)  # a clip of the visitor's that an example took the place of
        self.back_to_own = gr.Button(
            "Back to your own clip", size="sm", visible=False, elem_id="back-to-own"
        )
        text = gr.Textbox(
            label=TEXT.label,
            placeholder=TEXT.example,
            info="Mood, tempo, players, style. Unknown words are told back to you.",
            max_length=int(TEXT.highest(shared=True)),
            elem_id=TEXT.spelt,
        )
        gr.HTML(
            json.dumps(sorted(vocabulary())),
            html_template='<div class="pm-words" aria-label="Words that are understood"></div>',
            js_on_load=markup.asset("words.js"),
            apply_default_css=False,
            elem_id="words",
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
        with gr.Accordion("Cuts and markers of your editor", open=False):
            self.cuts = gr.File(
                label="EDL, OTIO, Final Cut XML, CSV or MIDI",
                type="filepath",
                file_types=[".edl", ".otio", ".xml", ".csv", ".mid", ".txt"],
                height=CUTS_HEIGHT,
                elem_id="cuts",
            )
        self.restore = gr.UploadButton(
            "Fill in from a take.json", file_types=[".json"], size="sm", elem_id="restore"
        )
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
    def brought(self) -> list[Any]:
        """What a visitor brings a clip or a picture by."""
        return [self.clip, self.still]

    @property
    def inputs(self) -> list[Any]:
        """The clip, the still, the editor's cut list, and what the controls say."""
        return [self.clip, self.still, self.cuts, *self.controls.inputs]

    def show_example(self, example: Example) -> dict[Any, Any]:
        """The clip of an example in the place of a visitor's own, and what was asked for it."""
        return {**self._show(example.clip), **self.controls.show(asked_in(example.settings()))}

    def show_take(self, take: Take) -> dict[Any, Any]:
        """The clip of a take and what was asked for it, so that Make makes it again."""
        _, start, end, *_ = (*take.source.key, None, None, None)
        asked = {**asked_in(take.soundtrack.settings), START.name: start, END.name: end}
        return {**self._show(take.source.upload, take.cuts), **self.controls.show(asked)}

    def show_asked(
        self, path: Path, asked: Mapping[str, Any], cuts: Path | None = None
    ) -> dict[Any, Any]:
        """A clip, what was asked for it, and the editor's cut list beside it."""
        return {**self._show(path, cuts), **self.controls.show(asked)}

    def offer_own(self, own: str | None) -> dict[Any, Any]:
        """Remember a clip of the visitor's own, and offer it where there is one."""
        return {self.own: own, self.back_to_own: gr.update(visible=own is not None)}

    def show_own(self, own: str | None) -> dict[Any, Any]:
        """The visitor's own clip, back in its place."""
        shown = self._show(Path(own)) if own and Path(own).exists() else {}
        return {**shown, self.back_to_own: gr.update(visible=False)}

    def _show(self, path: Path, cuts: Path | None = None) -> dict[Any, Any]:
        is_still = path.suffix.lower() in STILL_ENDINGS
        return {
            self.cuts: str(cuts) if cuts is not None and cuts.is_file() else None,
            self.clip: None if is_still else str(path),
            self.still: str(path) if is_still else None,
        }


def chosen_clip(clip: str | None, still: str | None) -> Path:
    """The file that a visitor brought; PixMusError where there is none."""
    path = clip or still
    if not path:
        raise PixMusError("There is no clip yet; upload one or choose an example.")
    return Path(path)
