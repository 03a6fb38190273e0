"""Which button does what: the handlers tied to the widgets of the first tab."""

from __future__ import annotations

from typing import Any

import gradio as gr

from pixmus.choices import SEED
from pixmus.doors.page.looks import Looks
from pixmus.doors.page.panels.panels import Panels
from pixmus.doors.page.takes import Take
from pixmus.doors.page.work import Works

AT_ONCE = 2  # soundtracks made at the same time
QUEUE_SIZE = 12
WORKING: dict[str, Any] = {"concurrency_id": "studio", "concurrency_limit": AT_ONCE}
PRIVATE: dict[str, Any] = {"api_visibility": "private"}
QUICK: dict[str, Any] = {**PRIVATE, "queue": False, "show_progress": "hidden"}
SHOW_STATUS = """() => {
  const status = document.querySelector('#status');
  const box = status.getBoundingClientRect();
  const result = document.querySelector('#result');
  if (box.top < 0 || box.bottom > window.innerHeight) {
    (result.offsetParent ? result : status).scrollIntoView({ behavior: 'smooth', block: 'start' });
  }
}"""  # where a button stands far from what it sets going


def tie(page: gr.Blocks, panels: Panels, works: Works, looks: Looks) -> None:
    """Tie the handlers to the widgets of the page that is being built."""
    _tie_works(page, panels, works)
    result, take_number = panels.result, panels.result.take_number
    take_number.input(None, [take_number], None, js="(n) => { window.pixmusShowTake(n); }", **QUICK)
    take_number.input(
        looks.on_choose, [take_number], panels.outputs, show_progress="hidden", **PRIVATE
    )
    for button, target, which in (
        (result.pack_stems, result.stems_zip, Take.zip_stems),
        (result.pack_all, result.all_zip, Take.zip_all),
    ):
        packed = button.click(
            looks.packed(which), [take_number], [target], concurrency_limit=2, **PRIVATE
        )
        packed.success(None, None, None, js=_press(str(target.elem_id)), **PRIVATE)
    seed = panels.clip.controls.widgets[SEED.name]
    result.keep_seed.click(looks.on_keep_seed, [take_number], [seed], **QUICK)
    if panels.clip.gallery is not None:
        asked = panels.clip.controls.inputs
        shown = [panels.clip.clip, panels.clip.still, *asked, *panels.outputs]
        panels.clip.gallery.select(looks.on_example, None, shown, **PRIVATE)


def _tie_works(page: gr.Blocks, panels: Panels, works: Works) -> None:
    clip, sheet, again = panels.clip, panels.sheet, panels.again
    asked = clip.controls.inputs

    def ask() -> None:
        waiting = len(page._queue)  # Gradio's own refusal tells a visitor nothing to do
        if waiting >= QUEUE_SIZE:
            raise gr.Error(
                f"{waiting} soundtracks are being made or waited for just now. Everything you "
                "set stays here; please press the button again in a minute.",
                print_exception=False,
            )

    running = [
        button.click(ask, None, None, js=SHOW_STATUS, **QUICK).success(
            work,
            inputs,
            panels.outputs,
            show_progress="minimal",
            show_progress_on=[panels.result.status],
            trigger_mode="multiple",  # the later work stops the earlier
            **WORKING,
            **PRIVATE,
        )
        for button, work, inputs in (
            (clip.make, works.on_make, clip.inputs),
            (clip.spot, works.on_spot, clip.inputs),
            (sheet.recompose, works.on_recompose, [sheet.hits, sheet.cues, *asked]),
            (
                again.redo,
                works.on_redo,
                [panels.result.take_number, again.bars, again.parts, *asked],
            ),
        )
    ]
    clip.cancel.click(works.on_cancel, None, [panels.result.status], cancels=running, **QUICK)


def _press(element: str) -> str:
    """JavaScript that presses a button once its file is there."""
    return (
        f"() => {{ setTimeout(() => document.querySelector('#{element} a, "
        f"#{element}').click(), 150); }}"
    )
