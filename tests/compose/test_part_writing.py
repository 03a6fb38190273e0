"""Clashes are found where they are heard, and chords leave the melody its room."""

from __future__ import annotations

import math

import numpy as np
import torch

from pixmus.compose.part_writing import GIVING_WAY, clashing_units, room_for_melody
from pixmus.compose.voice_conditions import CHORD_COLUMNS, NUM_VOICE_CONDITIONS, chord_vectors
from pixmus.ensembles import PARTS, Part
from pixmus.model.voice_network import KNOWN, MASKED
from pixmus.score.voices import FIRST_PITCH, UNIT_LAYOUTS, encode_voices

MELODY, HARMONY = PARTS.index(Part.MELODY), PARTS.index(Part.HARMONY)


def over_c_major(*notes: tuple[int, int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Two beats of notes (part, step, steps, pitch), and conditions that tell of C major."""
    rows = np.array([(*note, 80) for note in notes])
    conditions = np.zeros((2, NUM_VOICE_CONDITIONS), np.float32)
    width = CHORD_COLUMNS.stop - CHORD_COLUMNS.start
    told = chord_vectors(np.array([[0, 0, 0], [0, 0, 0]]))
    conditions[:, CHORD_COLUMNS.start : CHORD_COLUMNS.start + width // 2] = told
    return encode_voices(rows, 2), conditions


def test_the_note_that_is_foreign_to_the_chord_clashes() -> None:
    tokens, conditions = over_c_major((MELODY, 0, 8, 65), (HARMONY, 0, 4, 52), (HARMONY, 4, 4, 48))
    found = clashing_units(tokens, conditions)
    assert np.argwhere(found).tolist() == [[0, MELODY]]  # F over E, not E under F
    tokens, conditions = over_c_major((MELODY, 0, 8, 65), (HARMONY, 4, 4, 52))
    # struck on the first beat, it clashes on the second: it is the first that is written again
    assert np.argwhere(clashing_units(tokens, conditions)).tolist() == [[0, MELODY]]


def test_between_beats_and_over_untold_chords_nothing_clashes() -> None:
    tokens, conditions = over_c_major((MELODY, 2, 1, 65), (HARMONY, 0, 4, 52))
    assert not clashing_units(tokens, conditions).any()
    tokens, conditions = over_c_major((MELODY, 0, 4, 65), (HARMONY, 0, 4, 52))
    assert not clashing_units(tokens, 0 * conditions).any()


def test_chords_keep_out_of_the_melodys_way() -> None:
    tokens, _ = over_c_major((MELODY, 0, 4, 60), (MELODY, 4, 4, 72))
    states = np.full((2, len(PARTS)), MASKED)
    states[0, MELODY] = KNOWN
    shown = torch.from_numpy(tokens.astype(np.int64)), torch.from_numpy(states)
    favour = room_for_melody(*shown, Part.HARMONY)
    assert favour is not None
    row = FIRST_PITCH + 60 - UNIT_LAYOUTS[Part.HARMONY].lowest_pitch
    less = math.log(GIVING_WAY)
    assert torch.allclose(
        favour[0, row - 3 : row + 4], -less * torch.tensor([0, 1, 1, 1, 1, 1, 0.0])
    )
    assert not favour[1].any() and not favour[:, :FIRST_PITCH].any()
    assert (
        room_for_melody(*shown, Part.BASS) is None and room_for_melody(*shown, Part.MELODY) is None
    )
