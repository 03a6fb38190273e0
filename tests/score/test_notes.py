"""Notes -> piano-roll -> notes is the identity on the grid; the MIDI file carries the tempo map."""

import pytest
from random_music import random_notes

from pixmus.ensembles import PARTS
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
