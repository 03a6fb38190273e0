"""The last chord of a cue: a rule, which the model is given and leads to."""

from __future__ import annotations

from collections.abc import Sequence

from pixmus.compose.conditions import BeatConditions
from pixmus.curves import CURVES, Curve
from pixmus.ensembles import CRASH, KICK, Part
from pixmus.keys import key_is_major, key_tonic
from pixmus.score.grid import STEPS_PER_BEAT
from pixmus.score.notes import Note

MAJOR_TRIAD, MINOR_TRIAD = (0, 4, 7), (0, 3, 7)
HALF_STEP = 0.5 / STEPS_PER_BEAT  # beats: legato overlaps by so much, and no note is shorter


def last_chord(
    parts: Sequence[str], minor: bool, onset: float, duration: float, register: float, energy: float
) -> dict[str, list[Note]]:
    """The tonic chord on which a cue ends, in C major or A minor, as notes of each part.

    A rule, not the model: the chord is given to the model, which leads to it. `register` and
    `energy` (0..1) choose the melody's octave and the velocity.
    """
    tonic = 57 if minor else 60
    triad = MINOR_TRIAD if minor else MAJOR_TRIAD
    velocity = round(56 + 32 * energy)
    high = tonic + (12 if register > 0.35 else 0) + (12 if register > 0.85 else 0)
    pitches: dict[str, list[int]] = {
        Part.MELODY: [high],
        Part.COUNTER: [high - 12 + triad[1]],
        Part.HARMONY: [tonic + tone for tone in triad] + [tonic - 12 + triad[2]],
        Part.BASS: [tonic - 24],
        Part.PAD: [tonic + tone for tone in triad],
        Part.DRUMS: [CRASH, KICK] if energy > 0.3 else [KICK],
    }
    return {
        part: [Note(onset, pitch, duration, velocity) for pitch in pitches[part]] for part in parts
    }


def chord_for(
    conditions: BeatConditions, parts: Sequence[str], final: int, num_beats: int
) -> dict[str, list[Note]]:
    curves = dict(zip(CURVES, conditions.curves[final], strict=True))
    length = num_beats - final
    return last_chord(
        parts,
        conditions.minor,
        final,
        length,
        float(curves[Curve.REGISTER]),
        float(curves[Curve.ENERGY]),
    )


def agrees(key: str, beat: int, stay: dict[str, list[Note]]) -> bool:
    """Whether the kept notes that sound at a beat belong to the key's tonic chord."""
    triad = MAJOR_TRIAD if key_is_major(key) else MINOR_TRIAD
    chord = {(key_tonic(key) + tone) % 12 for tone in triad}
    return all(
        note.pitch % 12 in chord
        for part, notes in stay.items()
        if part != Part.DRUMS
        for note in notes
        if note.onset - HALF_STEP <= beat < note.onset + note.duration - HALF_STEP
    )
