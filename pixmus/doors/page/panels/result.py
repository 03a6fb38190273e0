"""The right side: the player with the shelf, the stages, facts and files."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pixmus.doors.page import cards, markup
from pixmus.doors.page.films import films
from pixmus.doors.page.gradio_base import gr
from pixmus.doors.page.shelf import Card
from pixmus.doors.page.showcase import Example
from pixmus.doors.page.takes import Take
from pixmus.doors.page.visits import Visit
from pixmus.score.curves import CurveTables

IDLE = "Upload a clip or choose an example, then press Make the soundtrack."
SCRIPTS = ("player.js", "shelf.js", "along.js", "mixer.js", "begin.js")  # one after another
QUICK_FILES = (("video", "Video"), ("wav", "WAV"), ("midi", "MIDI"), ("cues", "Cue sheet"))


class ResultPanel:
    """What was made, to hear, to compare and to take away."""

    def __init__(self, examples: Sequence[Example]) -> None:
        self.examples = list(examples)
        # Above the rest, where it is seen whatever is made.
        self.status = gr.HTML(
            markup.idle(IDLE), js_on_load=markup.asset("status.js"), elem_id="status"
        )
        # They stand in the place of the player until there is a result: see page.css.
        gr.HTML(films(examples), js_on_load=markup.asset("films.js"), elem_id="films")
        self.player = gr.HTML(
            "{}",
            html_template=markup.asset("player.html"),
            js_on_load="".join(map(markup.asset, SCRIPTS)),
            apply_default_css=False,  # it is made for prose, and dresses every button
            elem_id="result",
        )
        self.number = gr.State(None)  # of the chosen card; None: an example or nothing
        self.key = gr.Textbox(visible=False)  # of the visit, which the browser brings back
        self.link = gr.Textbox(visible=False)  # the query of the page's address
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
            self.number,
            self.status,
            self.facts,
            self.downloads,
            *self._of_takes_alone,
            *self.files.values(),
        ]

    @property
    def _of_takes_alone(self) -> list[Any]:
        """Buttons that an example has no use for."""
        return [self.pack_stems, self.pack_all, self.keep_seed]

    def show_shelf(self, visit: Visit, chosen: int | None = None) -> dict[Any, Any]:
        """The cards of a visit; `chosen` is the one to be seen, None: the one that is seen now."""
        return {self.player: cards.shelf_json(visit, chosen)}

    def show_first(self, visit: Visit, take: Take, seconds: float) -> dict[Any, Any]:
        """The first take of some, as soon as it can be heard."""
        return {
            **self.show_shelf(visit, visit.shelf.number_of(take)),
            self.status: markup.going(f"First sound after {seconds:.1f} s."),
        }

    def show(self, card: Card, tables: CurveTables) -> dict[Any, Any]:
        """The facts and files of a card's take."""
        take = card.take
        quick = take.quick_files()
        return {
            self.number: card.number,
            self.facts: markup.take_facts(take, tables).html(),
            self.downloads: gr.update(visible=True),
            **{button: gr.update(visible=True) for button in self._of_takes_alone},
            self.files["video"]: str(take.clip),
            **{
                self.files[name]: gr.update(value=str(path), visible=True)
                for name, path in quick.items()
            },
        }

    def show_done(self, visit: Visit, card: Card, num_made: int, seconds: float) -> dict[Any, Any]:
        """All takes of a piece of work; the best of them is to be seen."""
        return {
            **self.show_shelf(visit, card.number),
            self.status: markup.idle(self.told_done(card, num_made, f" in {seconds:.1f} s")),
        }

    @staticmethod
    def told_done(card: Card, num_made: int, seconds: str = "") -> str:
        """That takes are made, `card` the best of them."""
        made = "Done" if num_made == 1 else f"{num_made} takes made"
        best = "" if num_made == 1 else f" {card.name} ranks best; all are equally loud."
        return f"{made}{seconds}.{best}"

    def show_example(self, example: Example, along: Path | None) -> dict[Any, Any]:
        """The finished result of an example, which the browser puts beside the cards it has."""
        told = (
            f"{example.title}, finished. Make the soundtrack makes exactly this again; another "
            "seed or other words make something else."
        )
        files = {"video": example.scored, "midi": example.outputs / "score.mid"}
        files["cues"] = example.outputs / "cues.json"
        index = next(i for i, other in enumerate(self.examples) if other.name == example.name)
        return {
            self.player: cards.example_json(example, index, time.time(), along),
            self.number: None,
            self.status: markup.idle(told),
            self.facts: markup.example_facts(example).html(),
            self.downloads: gr.update(visible=True),
            **{button: gr.update(visible=False) for button in self._of_takes_alone},
            **{
                button: gr.update(value=str(files[name]), visible=True)
                if name in files and files[name].is_file()
                else gr.update(visible=False)
                for name, button in self.files.items()
            },
        }
