"""The cue sheet as a timeline and as tables, to be edited and composed from."""

from __future__ import annotations

from typing import Any

from pixmus.doors.page import markup
from pixmus.doors.page.edits import CUE_HEADERS, HIT_HEADERS, cue_rows, hit_rows
from pixmus.doors.page.gradio_base import gr
from pixmus.doors.page.takes import Take
from pixmus.doors.page.timeline import hits_json, read_hits
from pixmus.doors.page.visits import Visit

TIMELINE = (
    '<div class="pm-timeline"></div><div class="pm-tools">'
    '<button type="button" class="pm-add">Add a hit point</button>'
    '<button type="button" class="pm-remove" disabled>Remove it</button>'
    '<span class="pm-chosen-line" role="status"></span></div>'
)


class SheetPanel:
    """What the music shall do, in the hands of the visitor."""

    def __init__(self) -> None:
        gr.Markdown("## Edit the cues, then compose")
        gr.Markdown(
            "The cue sheet says what the music should do. Drag a hit point (sideways for its "
            "time, up and down for its strength), double-click to add one, or edit the tables; "
            "then compose from it. The clip is not watched again. Where there is no cue, there "
            "is silence.",
            elem_classes="pm-prose",
        )
        self.timeline = gr.HTML(
            "[]",
            html_template=TIMELINE,
            js_on_load=markup.asset("timeline.js"),
            scene="",
            elem_id="timeline",
        )
        with gr.Row():
            self.hits = gr.Dataframe(
                headers=list(HIT_HEADERS),
                datatype=["number", "number"],
                type="array",
                interactive=True,
                label="Hit points: moments that the music marks",
                max_height=280,
                elem_id="hits",
            )
            self.cues = gr.Dataframe(
                headers=list(CUE_HEADERS),
                datatype=["number", "number", "str", "number", "number"],
                type="array",
                interactive=True,
                label="Cues: spans of music with one mood (0 to 1)",
                max_height=280,
                elem_id="cues",
            )
        self.recompose = gr.Button(
            "Compose from this cue sheet", variant="primary", elem_id="recompose"
        )
        self.reasons = gr.HTML("", elem_id="reasons")
        quick: dict[str, Any] = {
            "api_visibility": "private",
            "queue": False,
            "show_progress": "hidden",
        }
        self.timeline.input(read_hits, [self.timeline], [self.hits], **quick)
        self.hits.input(hits_json, [self.hits], [self.timeline], **quick)

    @property
    def outputs(self) -> list[Any]:
        """What the methods below may show something on."""
        return [self.timeline, self.hits, self.cues, self.reasons]

    def show(self, visit: Visit, take: Take | None = None) -> dict[Any, Any]:
        """The cue sheet of a visit, with the tempo of a take."""
        sheet, spotted = visit.cue_sheet, visit.spotted
        if sheet is None or spotted is None:
            return {}
        footage = spotted.footage
        tempo_map = take.soundtrack.tempo_map if take else None
        rows = hit_rows(sheet)
        return {
            self.timeline: gr.update(
                value=hits_json(rows), scene=markup.scene(sheet, footage, tempo_map)
            ),
            self.hits: rows,
            self.cues: cue_rows(sheet),
            self.reasons: markup.reasons(sheet),
        }

    def clear(self) -> dict[Any, Any]:
        """No cue sheet."""
        return {
            self.timeline: gr.update(value="[]", scene=""),
            self.hits: [],
            self.cues: [],
            self.reasons: "",
        }
