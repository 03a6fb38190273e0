"""The page begun: where its files lie is settled before Gradio loads, which reads that once."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from pixmus.doors.page.memory import keep_little_memory
from pixmus.doors.page.visits import KEEP_MINUTES, own_root


def start(
    model: str | None = None,
    port: int | None = None,
    examples: Path | None = None,
    keep_minutes: float = KEEP_MINUTES,
) -> None:
    """Serve the page until the program ends; None: the shipped model, a free port, our examples."""
    keep_little_memory()
    root = own_root()
    uploads, temporary = root / "uploads", root / "temporary"
    for folder in (uploads, temporary):
        folder.mkdir(mode=0o700)
    os.environ["GRADIO_TEMP_DIR"] = str(uploads)
    # What any part of the program, or a process of its own, leaves behind goes with the rest.
    os.environ["TMPDIR"] = tempfile.tempdir = str(temporary)
    from pixmus.doors.page.serve import serve

    serve(root, uploads, model, port, examples, keep_minutes)
