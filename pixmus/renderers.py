"""The renderers that there are, by name; `pixmus.sound.renderer` says what one promises.

A renderer is added here and nowhere else (`add_renderer` does it while a program runs): Python, the
command line and the API take it by its name. The first one is the default, unless the variable
`PIXMUS_RENDERER` names another.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from pixmus.errors import PixMusError

RENDERER_VARIABLE = "PIXMUS_RENDERER"

# Name -> what makes it, or where that is ("module:function"), so that nothing is loaded before it
# plays.
_RENDERERS: dict[str, Callable[[], Any] | str] = {
    "soundfont": "pixmus.sound.soundfont:soundfont_renderer"
}
RENDERERS: Mapping[str, Callable[[], Any] | str] = MappingProxyType(_RENDERERS)


def add_renderer(name: str, factory: Callable[[], Any] | str) -> None:
    """Offer a renderer everywhere from now on; raises `PixMusError` where the name is taken."""
    if name in _RENDERERS:
        raise PixMusError(f'There is a renderer "{name}" already; choose another name.')
    _RENDERERS[name] = factory


def remove_renderer(name: str) -> None:
    """Offer a renderer no longer."""
    del _RENDERERS[name]


def make_renderer(name: str | None = None) -> Any:
    """The renderer of a name, else the default.

    Raises `PixMusError` where there is none of that name or what it needs is not installed.
    """
    name = name or os.environ.get(RENDERER_VARIABLE) or next(iter(RENDERERS))
    if name not in RENDERERS:
        raise PixMusError(f'There is no renderer "{name}"; choose one of {", ".join(RENDERERS)}.')
    factory = RENDERERS[name]
    if isinstance(factory, str):
        module, _, function = factory.partition(":")
        factory = getattr(importlib.import_module(module), function)
    return factory()
