from __future__ import annotations

import numpy as np
import pytest

from pixmus.ensembles import PARTS, Part
from pixmus.score.voices import (
    ACCENTS,
    CHORD_VOICES,
    FIRST_PITCH,
    HOLD,
    LEVEL_WIDTH,
    NUM_TOKENS,
    REST,
    UNIT_LAYOUTS,
    Gate,
    decode_voices,
    encode_voices,
)


def rows(part: str, *notes: tuple[int, int, int, int]) -> np.ndarray:
    return np.array([(PARTS.index(part), *note) for note in notes], np.int16)


def test_a_line_is_rests_holds_and_pitches() -> None:
    notes = rows(Part.MELODY, (1, 2, 60, 0), (3, 1, 62, 0), (6, 2, 64, 0))
    layout = UNIT_LAYOUTS[Part.MELODY]
    voice = encode_voices(notes, 2)[:, layout.voices].ravel()
    c, d, e = (FIRST_PITCH + pitch - 48 for pitch in (60, 62, 64))
    assert voice.tolist() == [REST, c, HOLD, d, REST, REST, e, HOLD]


def test_chords_that_start_and_end_together_are_one_stroke() -> None:
    notes = rows(Part.HARMONY, *[(0, 4, pitch, 80) for pitch in (60, 64, 67)])
    tokens = encode_voices(notes, 2)
    gates = tokens[:, UNIT_LAYOUTS[Part.HARMONY].gates].ravel()
    assert gates.tolist() == [Gate.STROKE, *[Gate.HOLD] * 3, *[Gate.REST] * 4]


def test_a_voice_that_goes_on_keeps_its_place() -> None:
    notes = rows(Part.PAD, (0, 8, 48, 0), (0, 4, 64, 0), (4, 4, 65, 0))
    layout = UNIT_LAYOUTS[Part.PAD]
    tokens = encode_voices(notes, 2)
    voices = tokens[:, layout.voices].reshape(8, CHORD_VOICES)
    assert tokens[1, layout.gates][0] == Gate.CHANGE
    assert voices[4, 0] == HOLD and voices[4, 1] == FIRST_PITCH + 65 - layout.lowest_pitch


def random_notes(rng: np.random.Generator, num_steps: int) -> np.ndarray:
    found = []
    for index, part in enumerate(PARTS):
        layout = UNIT_LAYOUTS[part]
        step = 0
        while step < num_steps - 1:
            step += int(rng.integers(0, 4))
            length = int(min(rng.integers(1, 5), num_steps - step))
            if length < 1:
                break
            count = int(rng.integers(1, CHORD_VOICES + 1)) if layout.has_gates else 1
            for row in rng.choice(24, count, replace=False):
                pitch = layout.lowest_pitch + 6 + int(row)
                if part == Part.DRUMS:
                    pitch, length = int(rng.choice([36, 38, 42, 51, 45])), 1
                found.append((index, step, length, pitch, 0))
            step += length
    return np.array(sorted(found), np.int16)


@pytest.mark.parametrize("seed", range(5))
def test_notes_come_back_as_they_were(seed: int) -> None:
    notes = random_notes(np.random.default_rng(seed), 64)
    tokens = encode_voices(notes, 16)
    assert tokens.shape == (16, NUM_TOKENS)
    assert decode_voices(tokens).tolist() == notes[np.lexsort(notes[:, [3, 1, 0]].T)].tolist()


def test_overlapping_notes_of_a_chord_part_come_back() -> None:
    notes = rows(
        Part.HARMONY, (0, 6, 48, 0), (1, 3, 60, 0), (2, 8, 55, 0), (3, 1, 72, 0), (6, 2, 50, 0)
    )
    assert decode_voices(encode_voices(notes, 4)).tolist() == notes.tolist()


def test_of_too_many_notes_the_outer_ones_stay() -> None:
    notes = rows(Part.HARMONY, *[(0, 2, 50 + 2 * i, 0) for i in range(CHORD_VOICES + 2)])
    back = decode_voices(encode_voices(notes, 1))[:, 3]
    assert len(back) == CHORD_VOICES and {50, 52 + 2 * CHORD_VOICES} <= set(back.tolist())


def test_a_pitch_outside_the_range_is_moved_by_octaves() -> None:
    notes = rows(Part.MELODY, (0, 1, 40, 0), (1, 1, 100, 0))
    assert decode_voices(encode_voices(notes, 1))[:, 3].tolist() == [52, 88]


def test_velocities_come_back_within_a_class() -> None:
    notes = rows(Part.MELODY, *[(4 * i, 4, 60 + i, 70 + 6 * (i % 3)) for i in range(8)])
    back = decode_voices(encode_voices(notes, 8))
    off = np.abs(back[:, 4] - notes[:, 4])
    assert off.max() <= LEVEL_WIDTH / 2 + np.diff(ACCENTS).max() / 2
    assert encode_voices(notes, 8)[:4, 0].std() == 0  # one level a bar


def test_a_hold_without_a_note_is_silence() -> None:
    tokens = np.zeros((1, NUM_TOKENS), np.uint8)
    tokens[:, UNIT_LAYOUTS[Part.MELODY].voices] = HOLD
    assert len(decode_voices(tokens)) == 0
