"""The folded choices: a control for each choice of the list, and what the controls say together."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from pixmus.choice import Choice, Step
from pixmus.choices import CHOICES, GUIDANCE, INFERENCE_STEPS, SEED, TEXT, choices_of
from pixmus.doors.page.commission import Commission
from pixmus.doors.page.gradio_base import gr
from pixmus.doors.page.panels.widgets import AUTO, control, slider

SECTIONS = (  # what is chosen in each, and how many controls stand in a row
    ("Music: tempo, key, mood, players", (Step.SPOT,), 2),
    ("Sampling: seed, takes, timing", (Step.COMPOSE, Step.TAKES), 2),
    ("Clip: part, length, its own sound", (Step.TRIM, Step.WATCH, Step.MIX), 2),
)


ALWAYS_SEEN = (GUIDANCE, INFERENCE_STEPS)


class Controls:
    """The controls by the name of the choice that each sets; they stand where this is made."""

    def __init__(self) -> None:
        self.widgets: dict[str, Any] = {}
        self.is_mood_set: Any = None
        with gr.Row():  # never folded: they say how the model works
            for choice in ALWAYS_SEEN:
                self.widgets[choice.name] = control(choice)
        for title, steps, per_row in SECTIONS:
            with gr.Accordion(title, open=False):
                shown = (c for step in steps for c in choices_of(step) if c.is_shown)
                choices = [c for c in shown if c not in ALWAYS_SEEN]
                self._build_section(choices, per_row)
                if Step.COMPOSE in steps:
                    self.dice = gr.Button("Roll a seed", size="sm", elem_id="dice")
        self.dice.click(
            lambda: str(random.randrange(2**31)),
            None,
            [self.widgets[SEED.name]],
            api_visibility="private",
            queue=False,
            show_progress="hidden",
        )

    @property
    def inputs(self) -> list[Any]:
        """The widgets whose values `read` takes."""
        return [self.is_mood_set, *self.widgets.values()]

    def add_text(self, box: Any) -> None:
        """Have the box of words, which stands elsewhere, among the controls."""
        self.widgets[TEXT.name] = box

    def read(self, values: Sequence[Any]) -> Commission:
        """What the controls say; "auto" and empty leave the choice to PixMus."""
        is_mood_set, *others = values
        typed = dict(zip(self.widgets, others, strict=True))
        for name, value in typed.items():
            if value == AUTO or (_is_mood(CHOICES[name]) and not is_mood_set):
                typed[name] = None
        return Commission.read(typed)

    def show(self, asked: Mapping[str, Any]) -> dict[Any, Any]:
        """What was asked for, by the names of the choices: read again, it asks for the same."""
        asked = {name: asked.get(name) for name in CHOICES}
        moods = [name for name, choice in CHOICES.items() if _is_mood(choice)]
        return {
            self.is_mood_set: any(asked[name] is not None for name in moods),
            **{widget: _typed(CHOICES[name], asked[name]) for name, widget in self.widgets.items()},
        }

    def _build_section(self, choices: Sequence[Choice], per_row: int) -> None:
        plain = [c for c in choices if not _is_mood(c)]
        moods = [c for c in choices if _is_mood(c)]
        while plain:
            if plain[0].kind is tuple:  # as wide as its options want
                choice = plain.pop(0)
                self.widgets[choice.name] = control(choice)
                continue
            with gr.Row():
                for _ in range(per_row):
                    if plain and plain[0].kind is not tuple:
                        choice = plain.pop(0)
                        self.widgets[choice.name] = control(choice)
        if moods:
            self._build_moods(moods)

    def _build_moods(self, choices: Sequence[Choice]) -> None:
        """Sliders that say something only where the visitor wants it."""
        self.is_mood_set = gr.Checkbox(
            False, label="Set the mood myself", info="Else it follows the picture."
        )
        with gr.Row(visible=False) as row:
            for choice in choices:
                self.widgets[choice.name] = slider(choice, sum(choice.slide or ()) / 2)
        self.is_mood_set.change(
            lambda on: gr.update(visible=on),
            [self.is_mood_set],
            [row],
            queue=False,
            api_visibility="private",
        )


def asked_in(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What was asked for a take of these settings, by the names of the choices."""
    direction = settings.get("direction") or {}
    return {
        name: (direction if choice.step == Step.SPOT else settings).get(name)
        for name, choice in CHOICES.items()
    }


def _is_mood(choice: Choice) -> bool:
    """Whether it has a slider that says nothing until the visitor wants it to."""
    return choice.step == Step.SPOT and choice.slide is not None


def _typed(choice: Choice, value: Any) -> Any:
    """What a control shows of a value; of None what it shows where nobody chose."""
    if choice.kind is tuple:
        assert choice.options is not None
        return list(choice.options() if value is None else value)
    if value is None:
        if choice.options is not None:
            return AUTO
        if _is_mood(choice):
            return sum(choice.slide or ()) / 2
        return "" if choice.default is None else choice.default
    has_slider = choice.slide is not None and (choice.default is not None or _is_mood(choice))
    return value if choice.kind in (str, bool) or has_slider else f"{value:.15g}"
