"""What parts owe each other when voices are written: no clash with the chord, room for the melody.

The network hears the other parts of a beat too little by itself (experiments 73 and 113 to 115).
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from pixmus.compose.voice_conditions import CHORD_COLUMNS
from pixmus.curves import CURVES, Curve
from pixmus.ensembles import PARTS, Part
from pixmus.model.voice_network import KNOWN
from pixmus.score.grid import STEPS_PER_BEAT
from pixmus.score.voices import FIRST_PITCH, UNIT_LAYOUTS, decode_voices

REGISTER = CURVES.index(Curve.REGISTER)  # its column of the conditions, -1..1
MELODY = PARTS.index(Part.MELODY)
GIVE_WAY = (Part.COUNTER, Part.HARMONY, Part.PAD)
NEAR, GIVING_WAY = 2, 3.0  # semitones; how much less likely


def clashing_units(tokens: np.ndarray, conditions: np.ndarray) -> np.ndarray:
    """Units whose note is foreign to a beat's chord and a semitone from another, bool (T, P).

    Octaves aside; on beats alone, where a clash is heard most. What the chord itself holds, as a
    major seventh, may clash, and so may what sounds over a chord that is not told.
    """
    tones = conditions[:, CHORD_COLUMNS][:, :12] > 0
    found = np.zeros((len(tokens), len(PARTS)), bool)
    rows = decode_voices(tokens)
    rows = rows[rows[:, 0] != PARTS.index(Part.DRUMS)]
    for beat in np.flatnonzero(tones.any(1)):
        step = beat * STEPS_PER_BEAT
        sounding = rows[(rows[:, 1] <= step) & (rows[:, 1] + rows[:, 2] > step)]
        classes = sounding[:, 3] % 12
        apart = (classes[:, None] - classes[None]) % 12
        clashes = np.isin(apart, (1, 11)).any(1) & ~tones[beat, classes]
        found[sounding[clashes, 1] // STEPS_PER_BEAT, sounding[clashes, 0]] = True
    return found


def last_pitches(tokens: Tensor, states: Tensor, part: str) -> Tensor:
    """The value that a part of one voice struck last before each beat, int64 (T,); -1: not known.

    Known as far back as all of the part's beats are.
    """
    voices = tokens[:, UNIT_LAYOUTS[part].voices]
    known = states[:, PARTS.index(part)] == KNOWN
    last = torch.full((len(tokens),), -1)
    for beat in range(1, len(tokens)):
        if known[beat - 1]:
            struck = voices[beat - 1][voices[beat - 1] >= FIRST_PITCH]
            last[beat] = struck[-1] if len(struck) else last[beat - 1]
    return last


def reach_register(conditions: Tensor, part: str, strength: float) -> Tensor | None:
    """What is added to the log probabilities of a part's voices, (M, values), in some beats.

    `conditions` (M, conditions) are those beats'. An octave higher is e to the `strength` times as
    likely where the highest register is asked for, as much less likely where the lowest: by the
    network alone register is followed half as well as by guidance of every value.
    """
    if part == Part.DRUMS or strength == 0:
        return None
    layout = UNIT_LAYOUTS[part]
    octaves = (torch.arange(layout.num_pitches) - (layout.num_pitches - 1) / 2) / 12
    favour = torch.zeros(len(conditions), layout.num_voice_values)
    favour[:, FIRST_PITCH:] = strength * conditions[:, REGISTER, None] * octaves
    return favour


def room_for_melody(tokens: Tensor, states: Tensor, part: str) -> Tensor | None:
    """What is added to the log probabilities of a part's voices, (M, values), in some beats.

    `tokens` (M, NUM_TOKENS) and `states` (M, P) are those beats'. Pitches within `NEAR` semitones
    of one that the melody strikes in the beat, where it is known, are `GIVING_WAY` times less
    likely: written by the network alone, chords and counterpoint lie in the melody's way half as
    often again as real ones. None for a part that does not give way.
    """
    if part not in GIVE_WAY:
        return None
    layout, melody = UNIT_LAYOUTS[part], UNIT_LAYOUTS[Part.MELODY]
    value = tokens[:, melody.voices]
    told = (states[:, MELODY] == KNOWN)[:, None] & (value >= FIRST_PITCH)
    struck = value - FIRST_PITCH + melody.lowest_pitch
    pitches = torch.arange(layout.num_pitches) + layout.lowest_pitch
    near = ((pitches - struck[..., None]).abs() <= NEAR) & told[..., None]
    favour = torch.zeros(len(tokens), layout.num_voice_values)
    favour[:, FIRST_PITCH:] = -math.log(GIVING_WAY) * near.any(1)
    return favour
