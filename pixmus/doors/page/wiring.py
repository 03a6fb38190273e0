"""Which button does what: the handlers tied to the widgets of the first tab."""

from __future__ import annotations

from typing import Any

from pixmus.choices import SEED
from pixmus.doors.page.gradio_base import gr
from pixmus.doors.page.looks import Looks
from pixmus.doors.page.panels.panels import Panels
from pixmus.doors.page.takes import Take
from pixmus.doors.page.work import Works

FOLLOWERS = 16  # who waits does so in the studio's line, whose places outlast a reload
WORKING: dict[str, Any] = {"concurrency_id": "studio", "concurrency_limit": FOLLOWERS}
PRIVATE: dict[str, Any] = {"api_visibility": "private"}
QUICK: dict[str, Any] = {**PRIVATE, "queue": False, "show_progress": "hidden"}
SHOW_STATUS = """() => {
  const status = document.querySelector('#status');
  const box = status.getBoundingClientRect();
  if (box.top < 0 || box.bottom > window.innerHeight) {
    status.scrollIntoView({ behavior: 'smooth', block: 'start' });
  }
}"""  # where a button stands far from what it sets going
SHOW_RESULT = """() => {
  const result = document.querySelector('#result');
  if (result.getBoundingClientRect().bottom > window.innerHeight) {
    result.scrollIntoView({ behavior: 'smooth', block: 'start' });
  }
}"""  # on a phone the player stands below the examples


def tie(page: gr.Blocks, panels: Panels, works: Works, looks: Looks) -> None:
    """Tie the handlers to the widgets of the page that is being built."""
    _tie_works(panels, works)
    result, clip = panels.result, panels.clip
    asked = clip.inputs
    everything = [*asked, *panels.outputs]
    result.player.select(
        looks.on_shelf, None, everything, show_progress="hidden", trigger_mode="multiple", **PRIVATE
    )
    page.load(
        works.on_return,
        [result.key, result.link],
        everything,
        js="() => { try { return [sessionStorage.getItem('pixmus-visit') || '', location.search]; }"
        " catch { return ['', location.search]; } }",
        show_progress="hidden",
        concurrency_limit=FOLLOWERS,
        **PRIVATE,
    )
    for button, target, which in (
        (result.pack_stems, result.stems_zip, Take.zip_stems),
        (result.pack_all, result.all_zip, Take.zip_all),
    ):
        packed = button.click(
            looks.packed(which), [result.number], [target], concurrency_limit=2, **PRIVATE
        )
        packed.success(None, None, None, js=_press(str(target.elem_id)), **PRIVATE)
    seed = clip.controls.widgets[SEED.name]
    result.keep_seed.click(looks.on_keep_seed, [result.number], [seed], **QUICK)
    for brought in clip.brought:
        brought.input(
            works.on_bring,
            [brought, *clip.controls.inputs],
            [result.status],
            show_progress="hidden",
            trigger_mode="multiple",
            concurrency_limit=FOLLOWERS,
            **PRIVATE,
        )
    clip.restore.upload(
        looks.on_restore, [clip.restore], [*clip.controls.inputs, result.status], **QUICK
    )
    clip.back_to_own.click(
        looks.on_own, [clip.own], [clip.clip, clip.still, clip.cuts, clip.back_to_own], **QUICK
    )
    if clip.gallery is not None:
        clip.gallery.select(
            looks.on_example,
            [clip.clip, clip.still, clip.own],
            [clip.own, clip.back_to_own, *everything],
            js=None,
            **PRIVATE,
        ).then(None, None, None, js=SHOW_RESULT, **PRIVATE)


def _tie_works(panels: Panels, works: Works) -> None:
    clip, sheet, again = panels.clip, panels.sheet, panels.again
    asked = clip.controls.inputs
    for button, work, inputs in (
        (clip.make, works.on_make, clip.inputs),
        (clip.spot, works.on_spot, clip.inputs),
        (sheet.recompose, works.on_recompose, [sheet.hits, sheet.cues, *asked]),
        (again.redo, works.on_redo, [panels.result.number, again.bars, again.parts, *asked]),
    ):
        button.click(None, None, None, js=SHOW_STATUS, **QUICK)
        button.click(
            work,
            inputs,
            panels.outputs,
            show_progress="hidden",
            trigger_mode="multiple",  # the later work stops the earlier
            **WORKING,
            **PRIVATE,
        )
    # Nothing is told to Gradio's `cancels`: the work says itself that it was stopped, as its last
    # word, and in its own stream, where nothing said before can arrive after it.
    clip.cancel.click(works.on_cancel, None, [panels.result.status], **QUICK)


def _press(element: str) -> str:
    """JavaScript that presses a button once its file is there."""
    return (
        f"() => {{ setTimeout(() => document.querySelector('#{element} a, "
        f"#{element}').click(), 150); }}"
    )
