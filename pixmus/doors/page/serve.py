"""The page put together and served: `pixmus page`, and `app.py` on a Space."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Sequence
from pathlib import Path

from starlette.middleware import Middleware

from pixmus.doors.page import decoding, markup
from pixmus.doors.page.along import along_example
from pixmus.doors.page.blocks import PageBlocks
from pixmus.doors.page.endpoints import Endpoints
from pixmus.doors.page.gate import Gate
from pixmus.doors.page.gradio_base import gr
from pixmus.doors.page.looks import Looks
from pixmus.doors.page.panels.api import build_api
from pixmus.doors.page.panels.experiments import build_experiments
from pixmus.doors.page.panels.panels import Panels
from pixmus.doors.page.presence import Presence
from pixmus.doors.page.room import Room
from pixmus.doors.page.showcase import EXAMPLES, RESULTS, Example, find_examples
from pixmus.doors.page.studio import Studio
from pixmus.doors.page.unread import MOST_STATES, Unread
from pixmus.doors.page.visits import Visits
from pixmus.doors.page.wiring import FOLLOWERS, WORKING, tie
from pixmus.doors.page.work import Works
from pixmus.model.folder import MODEL_FOLDER, model_folder
from pixmus.sandbox import keep_spare
from pixmus.take.pipeline import PixMusPipeline

LONGEST_S = 180.0  # seconds of a clip, and
LARGEST_MB = 200  # megabytes of an upload: two cores serve several visitors
MOST_VISITS = 16  # with footage and takes, whose sound rests on disk

THEME = gr.themes.Soft(
    primary_hue="rose",
    secondary_hue="slate",
    neutral_hue="slate",
    font=["ui-sans-serif", "system-ui", "sans-serif"],
    font_mono=["ui-monospace", "monospace"],
).set(
    block_title_background_fill="none",
    block_title_text_color="*body_text_color",
    block_title_padding="0",
    block_label_background_fill="*background_fill_primary",
    block_label_text_color="*body_text_color",
    block_label_background_fill_dark="*background_fill_primary",
    block_label_text_color_dark="*body_text_color",
    block_title_background_fill_dark="none",
    block_title_text_color_dark="*body_text_color",
    # Grey and red that are read on white (4.5 to 1, as WCAG 2.2 asks of small text).
    body_text_color_subdued="*neutral_600",
    color_accent="*primary_700",
    button_primary_background_fill="*primary_700",
    button_primary_background_fill_hover="*primary_800",
    button_primary_background_fill_dark="*primary_700",
    button_primary_background_fill_hover_dark="*primary_800",
    slider_color="*primary_700",
    block_border_width="1px",
    # Fields and buttons have an edge on white too.
    input_border_width="1px",
    input_border_color="*neutral_300",
    input_border_color_dark="*border_color_primary",
    input_shadow="none",
    checkbox_border_color="*neutral_500",
    checkbox_label_border_width="1px",
    checkbox_label_border_color="*neutral_300",
    checkbox_label_border_color_dark="*border_color_primary",
    checkbox_label_shadow="none",
    button_border_width="1px",
    button_secondary_border_color="*neutral_300",
    button_secondary_border_color_dark="*border_color_primary",
    button_secondary_shadow="none",
    block_shadow="none",
)


def build_page(
    studio: Studio, visits: Visits, examples: Sequence[Example], model: Path
) -> PageBlocks:
    """The page as Gradio Blocks, ready to be launched; `model` is the model's folder."""
    page = PageBlocks(title="PixMus: music composed for your clip", analytics_enabled=False)
    page.uploads, page.largest = visits.uploads, LARGEST_MB * 10**6
    page.is_there = visits.is_there
    with page:
        gr.HTML(
            '<div class="pm-title"><h1>PixMus</h1><p>Music composed for your clip by a diffusion '
            "model that follows the picture: cuts land on beats, and all of it stays "
            "editable.</p></div>"
        )
        with gr.Tabs():
            with gr.Tab("Soundtrack", id="soundtrack"):
                panels = Panels.build(
                    examples,
                    f"Clips up to {studio.longest_s:.0f} s and {LARGEST_MB} MB. What you upload or "
                    f"make here is removed after {visits.keep_s / 60:.0f} minutes and never leaves "
                    "this machine.",
                )
                works = Works(studio, visits, panels)
                tie(page, panels, works, Looks(studio, visits, panels, examples))
            with gr.Tab("Examples and experiments", id="experiments"):
                build_experiments(examples, model)
        build_api(Endpoints(studio, visits), WORKING)
        page.unload(lambda: None)  # has every tab open the heart that `Presence` listens to
    return page


def serve(
    root: Path,
    uploads: Path,
    model: str | None,
    port: int | None,
    examples: Path | None,
    keep_minutes: float,
) -> None:
    """Serve the page as `start` says; `root` holds all that visitors bring and take."""
    examples = examples or EXAMPLES
    folder, _ = model_folder(model)
    pipe = PixMusPipeline.from_pretrained(folder)
    studio = Studio(pipe, LONGEST_S, model=None if folder == MODEL_FOLDER else model)
    visits = Visits(root / "visits", keep_minutes * 60, MOST_VISITS, uploads, Room(root))
    visits.sweep_for_ever()
    shown = find_examples(examples)

    def prepare() -> None:
        studio.warm_up()
        keep_spare(decoding.__name__)  # each clip is watched and written in a process of its own
        for example in shown:  # so that a click shows its timeline at once
            along_example(example, visits.root / "examples")

    threading.Thread(target=prepare, name="warm-up", daemon=True).start()
    page = build_page(studio, visits, shown, folder)
    # Nobody is there, as far as can be told, who does not ask through the queue.
    page.queue(max_size=4 * FOLLOWERS, default_concurrency_limit=4, api_open=False)
    unread = page._queue.pending_messages_per_session = Unread(visits.is_there)

    def forget(session: str) -> None:
        unread.pop(session, None)
        page._queue.pending_event_ids_session.pop(session, None)

    gate = Middleware(Gate, largest_upload=LARGEST_MB * 10**6, check_upload=visits.check_upload)
    page.launch(
        server_port=port,
        theme=THEME,
        css=markup.asset("page.css"),
        head=markup.asset("head.html"),
        favicon_path=markup.ASSETS / "icon.svg",
        max_file_size=f"{LARGEST_MB}mb",
        allowed_paths=[
            *map(str, (root / "visits", examples, RESULTS, *markup.PAPERS.values())),
        ],
        state_session_capacity=MOST_STATES,
        run_history=False,
        show_error=True,  # each is one sentence: see showing.py
        footer_links=["api"],
        app_kwargs={"middleware": [gate, Middleware(Presence, visits=visits, forget=forget)]},
        ssr_mode=False,
        mcp_server=importlib.util.find_spec("mcp") is not None,
    )
