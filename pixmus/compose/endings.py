"""The last chord of a cue: a rule, which the model is given and leads to.

It is the tonic, where no other is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pixmus.chords import Chord, Quality
from pixmus.compose.conditions import BeatConditions
from pixmus.curves import CURVES, Curve
from pixmus.ensembles import CRASH, KICK, Part
from pixmus.keys import key_is_major, transposition
from pixmus.score.grid import STEPS_PER_BEAT
from pixmus.score.notes import Note
from pixmus.score.plan import tonic_of

LOWEST_ROOT = 55  # of a last chord in C major or A minor: C stands at 60, A at 57
HALF_STEP = 0.5 / STEPS_PER_BEAT  # beats: legato overlaps by so much, and no note is shorter


def last_chord(
    parts: Sequence[str],
    chord: Chord,
    onset: float,
    duration: float,
    register: float,
    energy: float,
) -> dict[str, list[Note]]:
    """A chord on which a cue ends, in C major or A minor, as notes of each part; beats.

    A rule, not the model: the chord is given to the model, which leads to it. `register` and
    `energy` (0..1) choose the melody's octave and the velocity.
    """
    root, bass = (LOWEST_ROOT + (tone - LOWEST_ROOT) % 12 for tone in (chord.root, chord.bass))
    tones = chord.quality.tones
    velocity = round(56 + 32 * energy)
    high = root + (12 if register > 0.35 else 0) + (12 if register > 0.85 else 0)
    pitches: dict[str, list[int]] = {
        Part.MELODY: [high],
        Part.COUNTER: [high - 12 + tones[1]],
        Part.HARMONY: [root + tone for tone in tones] + [root - 12 + tones[2]],
        Part.BASS: [bass - 24],
        Part.PAD: [root + tone for tone in tones],
        Part.DRUMS: [CRASH, KICK] if energy > 0.3 else [KICK],
    }
    return {
        part: [Note(onset, pitch, duration, velocity) for pitch in pitches[part]] for part in parts
    }


def tonic_chord(minor: bool) -> Chord:
    """The tonic of C major or A minor."""
    return Chord(tonic_of(minor), Quality.MINOR if minor else Quality.MAJOR)


def chords_for(
    conditions: BeatConditions, parts: Sequence[str], chords: Mapping[int, Chord], num_beats: int
) -> dict[str, list[Note]]:
    """The notes of each part for last chords by the beat on which each is struck, in order.

    The beats are a cue's, `num_beats` of them; the conditions of the first say how all sound.
    """
    starts = list(chords)
    curves = dict(zip(CURVES, conditions.curves[starts[0]], strict=True))
    register, energy = float(curves[Curve.REGISTER]), float(curves[Curve.ENERGY])
    found: dict[str, list[Note]] = {part: [] for part in parts}
    for start, end in zip(starts, [*starts[1:], num_beats], strict=True):
        struck = last_chord(parts, chords[start], start, end - start, register, energy)
        for part, notes in struck.items():
            found[part] += notes
    return found


def agrees(key: str, beat: int, stay: dict[str, list[Note]], chord: Chord | None = None) -> bool:
    """Whether the kept notes that sound at a beat belong to the key's tonic chord.

    Or to a `chord` in C major or A minor, which is asked for in its place.
    """
    heard = (chord or tonic_chord(not key_is_major(key))).transposed(transposition(key))
    tones = {*heard.pitch_classes, heard.bass}
    return all(
        note.pitch % 12 in tones
        for part, notes in stay.items()
        if part != Part.DRUMS
        for note in notes
        if note.onset - HALF_STEP <= beat < note.onset + note.duration - HALF_STEP
    )
