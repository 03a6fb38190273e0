"""Clashes are found where they are heard, and chords leave the melody its room."""

from __future__ import annotations

import math

import numpy as np
import torch

from pixmus.compose.part_writing import (
    GIVING_WAY,
    clashing_units,
    last_pitches,
    reach_register,
    room_for_melody,
)
from pixmus.compose.voice_conditions import CHORD_COLUMNS, NUM_VOICE_CONDITIONS, chord_vectors
from pixmus.curves import CURVES, Curve
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


def test_the_register_that_is_asked_for_makes_its_pitches_likelier() -> None:
    conditions = torch.zeros(2, NUM_VOICE_CONDITIONS)
    conditions[:, CURVES.index(Curve.REGISTER)] = torch.tensor([1.0, -0.5])
    favour = reach_register(conditions, Part.MELODY, 0.7)
    assert favour is not None and not favour[:, :FIRST_PITCH].any()
    pitches = favour[:, FIRST_PITCH:]
    assert torch.allclose(pitches[:, 12] - pitches[:, 0], torch.tensor([0.7, -0.35]))
    assert pitches.mean(1).abs().max() < 1e-5
    assert reach_register(conditions, Part.DRUMS, 0.7) is None


def test_the_last_pitch_is_known_as_far_back_as_all_beats_are() -> None:
    tokens, _ = over_c_major((MELODY, 0, 2, 65), (MELODY, 2, 6, 67))
    tokens = torch.from_numpy(np.concatenate([tokens, 0 * tokens])).long()
    states = torch.full((4, len(PARTS)), KNOWN)
    struck = UNIT_LAYOUTS[Part.MELODY].value_of(67)
    assert last_pitches(tokens, states, Part.MELODY).tolist() == [-1, struck, struck, struck]
    states[1, MELODY] = MASKED
    assert last_pitches(tokens, states, Part.MELODY).tolist() == [-1, struck, -1, -1]
