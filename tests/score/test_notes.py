"""Notes -> piano-roll -> notes is the identity on the grid; the MIDI file carries the tempo map."""

import numpy as np
import pytest

from pixmus.ensembles import DRUM_PITCHES, PARTS
from pixmus.score.notes import (
    NUM_CELLS,
    PART_LAYOUTS,
    Note,
    Score,
    decode_notes,
    encode_notes,
    encode_score,
    fold_pitch,
)
from pixmus.score.tempo import TempoMap


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


@pytest.mark.parametrize("part", PARTS)
def test_notes_to_piano_roll_and_back_is_the_identity(part: str) -> None:
    notes = random_notes(part, seed=PARTS.index(part))
    assert notes
    assert decode_notes(part, encode_notes(part, notes, 16)) == notes


def test_a_note_struck_again_stays_two_notes() -> None:
    notes = [Note(0.0, 60, 1.0, 80), Note(1.0, 60, 1.0, 80)]
    assert decode_notes("melody", encode_notes("melody", notes, 2)) == notes


def test_layouts_fill_a_row_without_overlap() -> None:
    stops = [(layout.cells.start, layout.cells.stop) for layout in PART_LAYOUTS.values()]
    assert stops[0][0] == 0 and stops[-1][1] == NUM_CELLS
    assert all(a[1] == b[0] for a, b in zip(stops, stops[1:], strict=False))


def test_pitches_outside_a_range_move_by_octaves() -> None:
    assert fold_pitch("bass", 72) == 48
    assert fold_pitch("melody", 36) == 48
    assert fold_pitch("melody", 60) == 60
    assert fold_pitch("bass", 60) == 48


def test_encode_score_covers_every_part() -> None:
    parts = {part: tuple(random_notes(part, 3)) for part in PARTS}
    cells = encode_score(Score(parts, TempoMap.constant(120, 8.0)))
    assert cells.shape == (16, NUM_CELLS)
    for part, notes in parts.items():
        assert decode_notes(part, cells[:, PART_LAYOUTS[part].cells]) == list(notes)
