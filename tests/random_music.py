"""Random notes on the grid, as a part may play them."""

import numpy as np

from pixmus.ensembles import DRUM_PITCHES
from pixmus.score.notes import PART_LAYOUTS, Note


def random_notes(part: str, seed: int, num_beats: int = 16) -> list[Note]:
    """Notes on the grid whose pitches do not overlap themselves."""
    rng = np.random.default_rng(seed)
    layout = PART_LAYOUTS[part]
    notes = []
    for step in range(num_beats * 4):
        velocity = int(rng.integers(1, 128))
        for row in rng.choice(layout.num_pitches, rng.integers(0, 3), replace=False):
            pitch = DRUM_PITCHES[row] if part == "drums" else layout.lowest_pitch + int(row)
            length = 1 if part == "drums" else int(rng.integers(1, 4))
            if any(n.pitch == pitch and n.onset + n.duration > step / 4 for n in notes):
                continue
            notes.append(Note(step / 4, pitch, min(length, num_beats * 4 - step) / 4, velocity))
    return sorted(notes)
