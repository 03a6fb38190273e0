"""Scores of which only bars or parts are composed anew, as the command line names them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer

from pixmus.cues.sheet import CueSheet
from pixmus.errors import PixMusError
from pixmus.files import new_file


def redone(
    cue_sheet: CueSheet | None,
    keep: Path | None,
    redo_bars: str | None,
    redo_parts: str | None,
    report: Path | None = None,
    force: bool = False,
) -> dict[str, Any]:
    """What the pipeline is told of a kept score, checked; what it cannot follow is printed."""
    if keep is None or cue_sheet is None:
        for value, name in (
            (redo_bars, "--redo-bars"),
            (redo_parts, "--redo-parts"),
            (report, "--report"),
        ):
            if value is not None:
                raise PixMusError(f"{name} needs a score that is kept; name it with --keep MIDI.")
        return {}
    from pixmus.compose.draft import keep_score

    kept = keep_score(cue_sheet, keep, redo_bars, redo_parts)
    for line in kept.notices():
        typer.echo(line, err=True)
    if report is not None:
        with new_file(report, force) as place:
            place.write_text(json.dumps(kept.facts, indent=2) + "\n")
    return {"keep": keep, "redo_bars": redo_bars, "redo_parts": redo_parts}
