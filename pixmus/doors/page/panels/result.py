"""The right side: the player, the stages, the takes to choose from, facts and files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from pixmus.doors.page import markup
from pixmus.doors.page.films import films
from pixmus.doors.page.showcase import Example
from pixmus.doors.page.takes import Take
from pixmus.score.curves import CurveTables

IDLE = "Upload a clip or choose an example, then press Make the soundtrack."
QUICK_FILES = (("video", "Video"), ("wav", "WAV"), ("midi", "MIDI"), ("cues", "Cue sheet"))


class ResultPanel:
    """What was made, to hear, to compare and to take away."""

    def __init__(self, examples: Sequence[Example]) -> None:
        # They stand in the place of the player until there is a result: see page.css.
        gr.HTML(films(examples), js_on_load=markup.asset("films.js"), elem_id="films")
        self.player = gr.HTML(
            markup.player([]),
            js_on_load=markup.asset("player.js"),
            elem_id="result",
        )
        self.status = gr.HTML(markup.idle(IDLE), elem_id="status")
        self.take_number = gr.Radio(
            [],
            label="Takes",
            info="The best first, or the newest after a redo; all equally loud, switch freely.",
            visible=False,
            elem_id="takes",
        )
        self.facts = gr.HTML("", elem_id="facts")
        with gr.Row(visible=False) as self.downloads:
            self.files = {
                name: gr.DownloadButton(label, size="sm", min_width=96, elem_id=f"get-{name}")
                for name, label in QUICK_FILES
            }
            self.pack_stems = gr.Button(
                "Stems (zip)", size="sm", min_width=96, elem_id="pack-stems"
            )
            self.pack_all = gr.Button(
                "Everything (zip)", size="sm", min_width=120, elem_id="pack-all"
            )
            self.keep_seed = gr.Button(
                "Keep this seed", size="sm", min_width=96, elem_id="keep-seed"
            )
        self.stems_zip = gr.DownloadButton(visible="hidden", elem_id="get-stems")
        self.all_zip = gr.DownloadButton(visible="hidden", elem_id="get-all")

    @property
    def outputs(self) -> list[Any]:
        """What the methods below may show something on."""
        return [
            self.player,
            self.status,
            self.take_number,
            self.facts,
            self.downloads,
            *self.files.values(),
        ]

    def show_first(self, take: Take, seconds: float) -> dict[Any, Any]:
        """The first take of some, as soon as it can be heard."""
        return {
            self.player: markup.player([take]),
            self.status: markup.idle(f"First sound after {seconds:.1f} s."),
            self.take_number: gr.update(visible=False),
        }

    def show(self, take: Take, tables: CurveTables) -> dict[Any, Any]:
        """The facts and files of a take."""
        quick = take.quick_files()
        return {
            self.facts: markup.take_facts(take, take.levels(tables)).html(),
            self.downloads: gr.update(visible=True),
            self.files["video"]: str(take.clip),
            **{self.files[name]: str(path) for name, path in quick.items()},
        }

    def show_takes(self, takes: Sequence[Take], num_made: int, seconds: float) -> dict[Any, Any]:
        """All takes to choose from, the first of them chosen."""
        labels = markup.take_names(takes)
        choices = list(zip(labels, range(1, len(labels) + 1), strict=True))
        made = "Done" if num_made == 1 else f"{num_made} takes made"
        return {
            self.status: markup.idle(f"{made} in {seconds:.1f} s."),
            self.take_number: gr.update(choices=choices, value=1, visible=len(takes) > 1),
        }

    def show_example(self, example: Example) -> dict[Any, Any]:
        """The finished result of an example."""
        told = (
            f"{example.title}: finished. Make makes exactly this again; choose another seed or "
            "other words to hear something else."
        )
        return {
            self.player: markup.example_player(example),
            self.status: markup.idle(told),
            self.take_number: gr.update(visible=False),
            self.facts: markup.example_facts(example).html(),
            self.downloads: gr.update(visible=False),
        }
