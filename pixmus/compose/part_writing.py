"""What parts owe each other when voices are written: room for the melody, rhythms that go on.

The network hears the other parts of a beat too little by itself (experiments 73 and 113 to 115).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pixmus.curves import CURVES, Curve
from pixmus.ensembles import PARTS, PITCHED, Part
from pixmus.model.voice_network import KNOWN
from pixmus.score.grid import BEATS_PER_BAR, STEPS_PER_BEAT
from pixmus.score.voices import FIRST_PITCH, LIMBS, UNIT_LAYOUTS, Gate

REGISTER = CURVES.index(Curve.REGISTER)  # its column of the conditions, -1..1
MELODY = PARTS.index(Part.MELODY)
NEIGHBOURHOOD = 8  # beats
HARMONY_PITCH = 57  # the mean of what the network alone writes
MOTIF_BARS = (-2, -4, 2, 4)
KICK_LIMB = 0  # of `LIMBS`
GIVE_WAY = (Part.COUNTER, Part.HARMONY, Part.PAD)
NEAR, GIVING_WAY = 2, 3.0  # semitones; how much less likely


def last_pitches(tokens: Tensor, states: Tensor, part: str) -> tuple[Tensor, Tensor]:
    """What a part of one voice struck last before each beat, and which way it went; int64 (T,).

    The value, -1: not known, and the sign of the last interval that is no repetition, 0: not
    known. Known as far back as all of the part's beats are.
    """
    voices = tokens[:, UNIT_LAYOUTS[part].voices]
    known = states[:, PARTS.index(part)] == KNOWN
    last, way = [-1] * len(tokens), [0] * len(tokens)
    for beat in range(1, len(tokens)):
        if not known[beat - 1]:
            continue
        last[beat], way[beat] = last[beat - 1], way[beat - 1]
        for value in voices[beat - 1].tolist():
            if value >= FIRST_PITCH:
                if last[beat] >= FIRST_PITCH and value != last[beat]:
                    way[beat] = 1 if value > last[beat] else -1
                last[beat] = value
    return torch.tensor(last), torch.tensor(way)


def strokes_to_repeat(
    tokens: Tensor, states: Tensor, part: str, beats: Tensor, steady: float
) -> Tensor:
    """What is added to the log probabilities of striking, (M, strokes of a beat), in some beats.

    Strokes are a part's steps, of drums each limb's. One is e to the `steady` times as likely where
    both bars beside have it and are known, as much less likely where neither has: rhythms of the
    network alone change from bar to bar half as often again as real ones.
    """
    struck = _strokes(tokens, part)
    known = (states[:, PARTS.index(part)] == KNOWN) & struck.any(1)
    beside = 0.5 * steady * known[:, None] * (2.0 * struck - 1)
    added = torch.zeros(struck.shape)
    added[BEATS_PER_BAR:] += beside[:-BEATS_PER_BAR]
    added[:-BEATS_PER_BAR] += beside[BEATS_PER_BAR:]
    return added[beats]


def motif_to_repeat(tokens: Tensor, states: Tensor, beats: Tensor) -> tuple[Tensor, Tensor]:
    """Examples for the melody of some beats: strokes and ways, (M, steps of a beat).

    The example of a beat is the first of those `MOTIF_BARS` away that is known and in which
    something is struck. Strokes are 1 where it strikes, -1 where it does not, 0 without an example;
    ways the sign of the interval from the note before, 2: not known.
    """
    voices = tokens[:, UNIT_LAYOUTS[Part.MELODY].voices]
    known = states[:, MELODY] == KNOWN
    struck = voices >= FIRST_PITCH
    ways = torch.full(voices.shape, 2)
    last = -1
    for beat, (row, told) in enumerate(zip(voices.tolist(), known.tolist(), strict=True)):
        if not told:
            last = -1
            continue
        for step, value in enumerate(row):
            if value >= FIRST_PITCH:
                if last >= FIRST_PITCH:
                    ways[beat, step] = (value > last) - (value < last)
                last = value
    offers = known & struck.any(1)
    strokes, wanted = (
        torch.zeros(len(beats), STEPS_PER_BEAT),
        torch.full((len(beats), STEPS_PER_BEAT), 2),
    )
    left = torch.ones(len(beats), dtype=torch.bool)
    for bars in MOTIF_BARS:
        there = beats + bars * BEATS_PER_BAR
        inside = (there >= 0) & (there < len(tokens))
        there = there.clamp(0, len(tokens) - 1)
        found = left & inside & offers[there]
        strokes[found] = 2.0 * struck[there[found]] - 1
        wanted[found] = ways[there[found]]
        left &= ~found
    return strokes, wanted


def drums_with_others(
    tokens: Tensor, states: Tensor, beats: Tensor, kick: float, rest: float
) -> Tensor:
    """The same of the drums, (M, limbs of a beat's steps), for them to meet the other parts.

    The bass drum is e to the `kick` times as likely where the bass strikes and as much less likely
    where it does not; the others are e to the `rest` times as likely where a pitch is struck. In
    real music they are struck together more often than the network alone writes them.
    """
    added = torch.zeros(len(tokens), STEPS_PER_BEAT, len(LIMBS))
    pitched = torch.zeros(len(tokens), STEPS_PER_BEAT, dtype=torch.bool)
    for part in PITCHED:
        known = (states[:, PARTS.index(part)] == KNOWN)[:, None]
        struck = _strokes(tokens, part) & known
        pitched |= struck
        if part == Part.BASS:
            added[..., KICK_LIMB] = kick * struck.any(1, keepdim=True) * (2.0 * struck - 1)
    others = [limb for limb in range(len(LIMBS)) if limb != KICK_LIMB]
    added[..., others] += rest * pitched[..., None]
    return added.flatten(1)[beats]


def _strokes(tokens: Tensor, part: str) -> Tensor:
    """Where a part strikes, bool (T, strokes of a beat): its steps, or each limb's of the drums."""
    layout = UNIT_LAYOUTS[part]
    if layout.has_gates:
        return tokens[:, layout.gates] == Gate.STROKE
    return tokens[:, layout.voices] >= (1 if part == Part.DRUMS else FIRST_PITCH)


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


def stay_near(
    tokens: Tensor, states: Tensor, part: str, beats: Tensor, strength: float
) -> Tensor | None:
    """What is added to the log probabilities of the harmony's voices, (M, values), in some beats.

    A pitch an octave from the mean of what the part strikes within `NEIGHBOURHOOD` beats, where
    that is known, is e to the `strength` times less likely: by the network alone chords range over
    half an octave more than real ones.
    """
    if part != Part.HARMONY or strength == 0:
        return None
    layout = UNIT_LAYOUTS[part]
    voices = tokens[:, layout.voices]
    struck = (voices >= FIRST_PITCH) & (states[:, PARTS.index(part)] == KNOWN)[:, None]
    counts = struck.sum(1).float()
    sums = ((voices - FIRST_PITCH) * struck).sum(1).float()
    apart = (beats[:, None] - torch.arange(len(tokens))).abs() <= NEIGHBOURHOOD
    total = (apart * counts).sum(1)
    centre = (apart * sums).sum(1) / total.clamp(min=1)
    away = (torch.arange(layout.num_pitches) - centre[:, None]).abs() / 12
    favour = torch.zeros(len(beats), layout.num_voice_values)
    favour[:, FIRST_PITCH:] = -strength * away * (total > 0)[:, None]
    return favour


def lie_higher(part: str, num_beats: int, strength: float) -> Tensor | None:
    """What is added to the log probabilities of the harmony's voices, (M, values), in M beats.

    A pitch an octave above `HARMONY_PITCH` is e to the `strength` times as likely, one below it as
    much less: by the network alone chords lie three semitones below real ones, and thick there.
    """
    if part != Part.HARMONY or strength == 0:
        return None
    layout = UNIT_LAYOUTS[part]
    pitches = torch.arange(layout.num_pitches) + layout.lowest_pitch
    favour = torch.zeros(num_beats, layout.num_voice_values)
    favour[:, FIRST_PITCH:] = strength * (pitches - HARMONY_PITCH) / 12
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
