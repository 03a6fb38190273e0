"""How rows of pictures with music are sorted: by what they show, and by what they are for."""

from __future__ import annotations

KINDS = ("video", "still")
SPLITS = ("training", "validation", "test")
TRAINING = SPLITS[0]
HELD_OUT = SPLITS[1:]
