"""PixMus composes a soundtrack for a video with a diffusion model that follows the picture.

    from pixmus import PixMusPipeline

    PixMusPipeline.from_pretrained()("clip.mp4").save("take")

Each public name is loaded when it is first asked for: importing `pixmus` does no work.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixmus.cues.direction import Direction as Direction
    from pixmus.cues.sheet import Cue as Cue
    from pixmus.cues.sheet import CueSheet as CueSheet
    from pixmus.cues.sheet import HitPoint as HitPoint
    from pixmus.errors import PixMusError as PixMusError
    from pixmus.picture.footage import Footage as Footage
    from pixmus.picture.footage import watch as watch
    from pixmus.score.midi import read_midi as read_midi
    from pixmus.score.midi import write_midi as write_midi
    from pixmus.score.notes import Note as Note
    from pixmus.score.notes import Score as Score
    from pixmus.score.tempo import TempoMap as TempoMap
    from pixmus.take.pipeline import PixMusPipeline as PixMusPipeline
    from pixmus.take.soundtrack import Soundtrack as Soundtrack

# How OpenMP's threads wait is read once, when torch loads it: threads that spin for the next piece
# of work take the processor from those that have some, so they sleep. Who has said how they are to
# wait is followed.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ["OMP_WAIT_POLICY"] = "passive"
    os.environ.setdefault("GOMP_SPINCOUNT", "0")

_PUBLIC = {  # by the module that they are in
    "pixmus.cues.direction": ("Direction",),
    "pixmus.cues.sheet": ("Cue", "CueSheet", "HitPoint"),
    "pixmus.errors": ("PixMusError",),
    "pixmus.picture.footage": ("Footage", "watch"),
    "pixmus.score.midi": ("read_midi", "write_midi"),
    "pixmus.score.notes": ("Note", "Score"),
    "pixmus.score.tempo": ("TempoMap",),
    "pixmus.take.pipeline": ("PixMusPipeline",),
    "pixmus.take.soundtrack": ("Soundtrack",),
}
_HOMES = {name: module for module, names in _PUBLIC.items() for name in names}
__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    """A public name, loaded now."""
    if name not in _HOMES:
        raise AttributeError(f"module 'pixmus' has no attribute {name!r}")
    found = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
