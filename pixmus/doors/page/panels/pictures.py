"""The pictures of a take, all on the same seconds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pixmus.doors.page.gradio_base import gr
from pixmus.doors.page.showcase import Example
from pixmus.doors.page.takes import Take
from pixmus.score.curves import CurveTables

PICTURE_NAMES = {
    "spectrogram": "Mel spectrogram of the music, cuts marked",
    "own-spectrogram": "Mel spectrogram of the clip's own sound",
    "pianoroll": "Piano-roll by part, with bar lines, cuts and hit points",
    "agreement": "What the cue sheet wanted, and what the music does",
    "cues": "The cue sheet that was composed from",
}


class PicturesPanel:
    """What the music looks like."""

    def __init__(self) -> None:
        gr.Markdown("## See it")
        self.seen = gr.Markdown("", elem_classes="pm-prose")
        self.pictures = {
            name: gr.Image(
                show_label=False,
                visible=False,
                interactive=False,
                buttons=["download", "fullscreen"],
                alt_text=label,
                elem_id=f"picture-{name}",
            )
            for name, label in PICTURE_NAMES.items()
        }

    @property
    def outputs(self) -> list[Any]:
        """What the methods below may show something on."""
        return [self.seen, *self.pictures.values()]

    def show(self, take: Take, tables: CurveTables) -> dict[Any, Any]:
        """The pictures of a take, drawn where they are not yet."""
        told = f"{take.cuts_met()}. Seconds run from left to right in every picture."
        return {self.seen: told, **self._shown(take.draw(tables))}

    def show_example(self, example: Example) -> dict[Any, Any]:
        """The pictures of an example."""
        return {self.seen: example.intent, **self._shown(example.pictures())}

    def _shown(self, drawn: Mapping[str, Path]) -> dict[Any, Any]:
        return {
            image: gr.update(value=str(drawn[name]), visible=True)
            if name in drawn
            else gr.update(visible=False)
            for name, image in self.pictures.items()
        }
