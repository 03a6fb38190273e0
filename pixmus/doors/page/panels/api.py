"""Widgets that nobody sees, for the three functions that programs call."""

from __future__ import annotations

from typing import Any

from pixmus.choice import Choice
from pixmus.doors.page.endpoints import Endpoints, choices_by_function
from pixmus.doors.page.gradio_base import gr


def build_api(endpoints: Endpoints, working: dict[str, Any]) -> None:
    """The functions /soundtrack, /spot and /compose; `working` says how they share the machine."""
    with gr.Row(visible=False):
        clip = gr.File(label="clip", type="filepath")
        cuts = gr.File(label="cuts", type="filepath")
        sheet_in = gr.File(label="cue_sheet", type="filepath")
        video, bundle = gr.File(label="scored video"), gr.File(label="everything (zip)")
        midi, sheet, wav = (gr.File(label=name) for name in ("score", "cue sheet", "music"))
        told, number = gr.JSON(label="facts"), gr.Number(label="seed used")
        outputs: dict[str, list[Any]] = {
            "soundtrack": [video, midi, sheet, bundle, told],
            "spot": [sheet, told],
            "compose": [midi, wav, number],
        }
        for name, choices in choices_by_function().items():
            chosen = map(_widget, choices)
            gr.Button().click(
                endpoints.function(name),
                [sheet_in, *chosen] if name == "compose" else [clip, *chosen, cuts],
                outputs[name],
                api_name=name,
                **working,
            )


def _widget(choice: Choice) -> Any:
    """A widget that says what a choice takes and hands on what comes, which the choice checks.

    Gradio's own checks would say what is wrong in the words of its code, or not at all.
    """
    widget = _shown(choice)
    widget.preprocess = lambda payload: payload
    return widget


def _shown(choice: Choice) -> Any:
    if choice.kind is bool:
        return gr.Checkbox(choice.default, label=choice.name)
    if choice.kind is tuple:
        assert choice.options is not None
        return gr.CheckboxGroup(list(choice.options()), label=choice.name, value=[])
    if choice.options is not None:
        return gr.Dropdown(list(choice.options()), label=choice.name, value=None)
    if choice.kind is str:
        return gr.Textbox(label=choice.name, value=choice.default)
    precision = 0 if choice.kind is int else None
    return gr.Number(label=choice.name, value=choice.default, precision=precision)
