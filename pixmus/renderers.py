"""The renderers that there are, by name; `pixmus.sound.renderer` says what one promises.

A renderer is added here and nowhere else (`add_renderer` does it while a program runs): Python, the
command line and the API take it by its name. The first one is the default, unless the variable
`PIXMUS_RENDERER` names another.

Those of `REPLAYERS` have the default's stems played again by an audio diffusion model that a person
names, and are off until then (docs/renderers.md).
"""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pixmus.errors import PixMusError

RENDERER_VARIABLE = "PIXMUS_RENDERER"
REPLAYING_VARIABLE = "PIXMUS_RENDERER_MODEL"  # a folder or Hub id of an audio diffusion model
SYNTH = "synth"  # another name for the default
THESIS_VARIABLE = "PIXMUS_THESIS_MODEL"  # a folder or Hub id of the thesis' system
THESIS = "thesis"
ENGINES = ("pixmus", THESIS)  # what makes music: notes that are played, or sound at once

# Name -> what makes it, or where that is ("module:function"), so that nothing is loaded before it
# plays.
_RENDERERS: dict[str, Callable[..., Any] | str] = {
    "soundfont": "pixmus.sound.soundfont:soundfont_renderer",
    "stable-audio-3": "pixmus.sound.replaying:stable_audio_3",
    "ace-step": "pixmus.sound.replaying:ace_step",
    "stable-audio-open": "pixmus.sound.replaying:stable_audio_open",
}
RENDERERS: Mapping[str, Callable[..., Any] | str] = MappingProxyType(_RENDERERS)
# Name -> the pipelines of diffusers whose weights it plays with, as `model_index.json` calls them.
REPLAYERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "stable-audio-3": (
            "StableAudio3Pipeline",
            "StableAudio3AudioToAudioPipeline",
            "StableAudio3InpaintPipeline",
        ),
        "ace-step": ("AceStepPipeline",),
        "stable-audio-open": ("StableAudioPipeline",),
    }
)


def add_renderer(name: str, factory: Callable[..., Any] | str) -> None:
    """Offer a renderer everywhere from now on; raises `PixMusError` where the name is taken."""
    if name in _RENDERERS:
        raise PixMusError(f'There is a renderer "{name}" already; choose another name.')
    _RENDERERS[name] = factory


def remove_renderer(name: str) -> None:
    """Offer a renderer no longer."""
    del _RENDERERS[name]


def spell_renderer(name: str) -> str:
    """The renderer that a name means; ValueError with a sentence where there is none."""
    found = next(iter(RENDERERS)) if name == SYNTH else name
    if found not in RENDERERS:
        raise ValueError(f"the renderer is {name!r}; choose one of {', '.join(RENDERERS)}")
    return found


def configured_model() -> str:
    """The model that `PIXMUS_RENDERER_MODEL` names; "" for none."""
    return os.environ.get(REPLAYING_VARIABLE, "")


def page_renderers() -> tuple[str, ...]:
    """The renderers that work on this machine as it is configured.

    Of a model whose index is not here yet the family is unknown, so all are offered.
    """
    model = configured_model()
    family = replayer_of(model) if model else None
    offered = [family] if family else list(REPLAYERS) if model else []
    return tuple(name for name in RENDERERS if name not in REPLAYERS or name in offered)


def page_engines() -> tuple[str, ...]:
    """The engines that work on this machine as it is configured."""
    return ENGINES if os.environ.get(THESIS_VARIABLE) else ENGINES[:1]


def replayer_of(folder: str | Path) -> str | None:
    """The renderer that plays with the model of a folder; None where the folder does not say."""
    try:
        index = json.loads((Path(folder) / "model_index.json").read_text(encoding="utf-8"))
        kind = index.get("_class_name")
    except (OSError, ValueError, AttributeError):
        return None
    return next((name for name, kinds in REPLAYERS.items() if kind in kinds), None)


def make_renderer(
    name: str | None = None,
    model: str | Path | None = None,
    strength: float | None = None,
    prompt: str = "",
) -> Any:
    """The renderer of a name, else the default.

    `model`, `strength` and `prompt` are for one of `REPLAYERS`; a model's folder without a name
    says which. Raises `PixMusError` where there is none of that name or what it needs is missing.
    """
    if name is None and model:
        name = replayer_of(model)
        if name is None:
            raise PixMusError(
                f"Which renderer plays with {model} cannot be told from here; name it too, one of "
                f"{', '.join(REPLAYERS)}."
            )
    name = name or os.environ.get(RENDERER_VARIABLE) or next(iter(RENDERERS))
    try:
        name = spell_renderer(name)
    except ValueError as error:
        raise PixMusError(
            f'There is no renderer "{name}"; choose one of {", ".join(RENDERERS)}.'
        ) from error
    factory = RENDERERS[name]
    if isinstance(factory, str):
        module, _, function = factory.partition(":")
        factory = getattr(importlib.import_module(module), function)
    if name not in REPLAYERS:
        return factory()
    return factory(model or configured_model(), strength, prompt)
