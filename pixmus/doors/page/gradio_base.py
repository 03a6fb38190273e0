"""Gradio, loaded without the stubs that it would write for editors into its own package.

While its components are defined, Gradio 6 reads each one's source, renders a stub of its events and
writes it beside the source: 40 % of what importing it costs, nothing of which a page uses. Where a
class has no file it leaves that out, so its classes have none while they are defined; afterwards
everything is as before. Where Gradio is loaded already nothing is saved and nothing is changed.

All modules of the page take Gradio from here (a test holds it).
"""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def without_files() -> Iterator[None]:
    """While the block lasts, `inspect.getfile` finds none of a class of Gradio's."""
    plain = inspect.getfile

    def getfile(object: Any) -> str:
        if isinstance(object, type) and object.__module__.split(".")[0] == "gradio":
            raise OSError("no stub is wanted")
        return plain(object)

    inspect.getfile = getfile
    try:
        yield
    finally:
        inspect.getfile = plain


with contextlib.nullcontext() if "gradio" in sys.modules else without_files():
    import gradio as gr
    from gradio.data_classes import FileData, ValidationError  # type: ignore[attr-defined]
    from gradio.exceptions import InvalidPathError
    from gradio.routes import App
    from gradio.state_holder import StateHolder
    from gradio.utils import LRUCache

__all__ = [
    "App",
    "FileData",
    "InvalidPathError",
    "LRUCache",
    "StateHolder",
    "ValidationError",
    "gr",
]
