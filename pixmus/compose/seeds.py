"""Seeds: of every window that is written a number of its own, so that none changes another."""

from __future__ import annotations

import hashlib


def window_seed(seed: int, cue: int, window: int) -> int:
    """A generator seed for one window: other windows and cues do not change it."""
    digest = hashlib.sha256(f"{seed}/{cue}/{window}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
