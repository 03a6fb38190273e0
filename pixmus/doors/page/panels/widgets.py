"""The widget of one choice: its kind, what it is called and what stands beside it."""

from __future__ import annotations

from typing import Any

from pixmus.choice import Choice
from pixmus.doors.page.gradio_base import gr

AUTO = "auto"


def control(choice: Choice) -> Any:
    """The widget that sets a choice."""
    about: dict[str, Any] = {
        "label": label_of(choice),
        "info": info_of(choice),
        "elem_id": element_of(choice),
    }
    if choice.kind is bool:
        return gr.Checkbox(choice.default, **about)
    if choice.options is not None:
        options = list((choice.shown or choice.options)())
        if choice.kind is tuple:
            return gr.CheckboxGroup(options, value=options, **about)
        names = [(choice.labels.get(name, name), name) for name in (AUTO, *options)]
        return gr.Dropdown(names, value=AUTO, **about)
    if choice.slide is not None and choice.default is not None:
        return slider(choice, choice.default)
    # A gr.Number that is left empty becomes 0.
    return gr.Textbox(placeholder=AUTO, **about)


def label_of(choice: Choice) -> str:
    """What its control is called, with the unit."""
    label = choice.label or choice.noun.capitalize()
    return f"{label} ({choice.unit})" if choice.unit else label


def info_of(choice: Choice) -> str:
    """What stands beside its control: what it is, and what is done where nobody chooses."""
    return f"{choice.help}{f'; else {choice.otherwise}' if choice.otherwise else ''}."


def element_of(choice: Choice) -> str:
    """The id of its control; "takes" is where those that were made are listed."""
    return "num-takes" if choice.spelt == "takes" else choice.spelt


def slider(choice: Choice, value: float) -> Any:
    """A slider over what the choice offers of its range."""
    assert choice.slide is not None
    low, high, step = choice.slide
    return gr.Slider(
        low,
        high,
        value,
        step=step,
        label=label_of(choice),
        info=info_of(choice),
        elem_id=element_of(choice),
    )
