"""Chords leave the melody its room, and rhythms go on from bar to bar."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from pixmus.compose.part_writing import (
    GIVING_WAY,
    HARMONY_PITCH,
    KICK_LIMB,
    drums_with_others,
    last_pitches,
    lie_higher,
    motif_to_repeat,
    reach_register,
    room_for_melody,
    stay_near,
    strokes_to_repeat,
)
from pixmus.compose.voice_conditions import NUM_VOICE_CONDITIONS
from pixmus.curves import CURVES, Curve
from pixmus.ensembles import PARTS, Part
from pixmus.model.voice_network import KNOWN, MASKED
from pixmus.score.voices import FIRST_PITCH, UNIT_LAYOUTS, encode_voices

MELODY, HARMONY, BASS = (PARTS.index(p) for p in (Part.MELODY, Part.HARMONY, Part.BASS))


def bars_of(*notes: tuple[int, int, int, int], num_bars: int = 3) -> tuple[torch.Tensor, ...]:
    """Bars of notes (part, step, steps, pitch), all known: tokens, states."""
    rows = np.array([(*note, 80) for note in notes])
    tokens = torch.from_numpy(encode_voices(rows, 4 * num_bars).astype(np.int64))
    return tokens, torch.full((4 * num_bars, len(PARTS)), KNOWN)


def test_chords_keep_out_of_the_melodys_way() -> None:
    tokens, states = bars_of((MELODY, 0, 4, 60), (MELODY, 4, 4, 72), num_bars=1)
    states[:] = MASKED
    states[0, MELODY] = KNOWN
    shown = tokens, states
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
    tokens, states = bars_of((MELODY, 0, 2, 65), (MELODY, 2, 6, 67), num_bars=1)
    struck = UNIT_LAYOUTS[Part.MELODY].value_of(67)
    last, way = last_pitches(tokens, states, Part.MELODY)
    assert last.tolist() == [-1, struck, struck, struck] and way.tolist() == [0, 1, 1, 1]
    states[1, MELODY] = MASKED
    last, way = last_pitches(tokens, states, Part.MELODY)
    assert last.tolist() == [-1, struck, -1, -1] and way.tolist() == [0, 1, 0, 0]


def test_strokes_of_both_bars_beside_are_likely_and_of_neither_are_not() -> None:
    tokens, states = bars_of(
        (BASS, 0, 2, 40), (BASS, 2, 2, 40), (BASS, 32, 2, 40), (BASS, 35, 1, 40)
    )
    states[4:8, BASS] = MASKED  # the middle bar is written
    added = strokes_to_repeat(tokens, states, Part.BASS, torch.tensor([4]), 0.6)
    assert torch.allclose(added, torch.tensor([[0.6, -0.6, 0.0, 0.0]]))
    states[8:, BASS] = MASKED  # what is not known says nothing
    added = strokes_to_repeat(tokens, states, Part.BASS, torch.tensor([4]), 0.6)
    assert torch.allclose(added, torch.tensor([[0.3, -0.3, 0.3, -0.3]]))


def test_the_bass_drum_meets_the_bass() -> None:
    tokens, states = bars_of((BASS, 0, 2, 40), (BASS, 3, 1, 40))
    beats = torch.tensor([0, 1])
    added = drums_with_others(tokens, states, beats, 2.0, 0.0).unflatten(1, (4, -1))
    assert added[0, :, KICK_LIMB].tolist() == [2.0, -2.0, -2.0, 2.0]
    assert not added[0, :, KICK_LIMB + 1 :].any() and not added[1].any()
    states[:, BASS] = MASKED
    assert not drums_with_others(tokens, states, beats, 2.0, 0.5).any()


def test_other_drums_meet_what_is_pitched() -> None:
    tokens, states = bars_of((BASS, 0, 2, 40), (MELODY, 2, 1, 64))
    added = drums_with_others(tokens, states, torch.tensor([0]), 0.0, 0.5).unflatten(1, (4, -1))
    assert (added[0, :, KICK_LIMB + 1 :] == torch.tensor([0.5, 0.0, 0.5, 0.0])[:, None]).all()


def test_a_motif_is_taken_up_two_bars_later_by_rhythm_and_ways() -> None:
    tokens, states = bars_of((MELODY, 0, 2, 60), (MELODY, 2, 1, 64), (MELODY, 3, 1, 62), num_bars=4)
    states[8:12, MELODY] = MASKED
    strokes, ways = motif_to_repeat(tokens, states, torch.tensor([8, 9]))
    assert strokes.tolist() == [[1, -1, 1, 1], [0, 0, 0, 0]]
    assert ways.tolist() == [[2, 2, 1, -1], [2, 2, 2, 2]]  # the first has nothing before it


def test_chords_stay_near_those_around_them() -> None:
    tokens, states = bars_of((HARMONY, 0, 16, 60), (HARMONY, 16, 16, 62))
    states[8:, HARMONY] = MASKED
    favour = stay_near(tokens, states, Part.HARMONY, torch.tensor([8]), 1.0)
    assert favour is not None and not favour[0, :FIRST_PITCH].any()
    pitches = favour[0, FIRST_PITCH:]
    at = 61 - UNIT_LAYOUTS[Part.HARMONY].lowest_pitch
    assert int(pitches.argmax()) == at
    assert pitches[at] - pitches[at + 12] == pytest.approx(1.0)
    states[:, HARMONY] = MASKED
    alone = stay_near(tokens, states, Part.HARMONY, torch.tensor([8]), 1.0)
    assert alone is not None and not alone.any()
    assert stay_near(tokens, states, Part.BASS, torch.tensor([8]), 1.0) is None


def test_chords_lie_higher_by_as_much_an_octave() -> None:
    favour = lie_higher(Part.HARMONY, 2, 0.7)
    assert favour is not None and favour.shape[0] == 2 and not favour[:, :FIRST_PITCH].any()
    pitches = favour[1, FIRST_PITCH:]
    at = HARMONY_PITCH - UNIT_LAYOUTS[Part.HARMONY].lowest_pitch
    assert pitches[at] == 0  # what is written most is struck as often as before
    assert pitches[at + 12].item() == pytest.approx(0.7)
    assert pitches[at - 12].item() == pytest.approx(-0.7)
    assert lie_higher(Part.BASS, 2, 0.7) is None and lie_higher(Part.HARMONY, 2, 0.0) is None
