"""Cadences: what leads to a cue's last chord, and over a cue's border into the next cue.

A rule, for the model does not know that an end comes until it is there: in the last half bar what
the model wrote keeps its rhythm and its places, and its pitches move to the nearest tones of the
chord that leads home. Conventions: positions are beats, pitches are as heard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pixmus.chords import Chord, Quality
from pixmus.cues.sheet import CueSheet
from pixmus.ensembles import ONE_VOICE_PARTS, PITCHED, Part, Style
from pixmus.keys import key_is_major, key_tonic
from pixmus.score.notes import Note
from pixmus.score.plan import Approach
from pixmus.score.spans import CueSpan

CADENCE_BEATS = 2.0
PASSING_BEATS = 0.5  # a line's note off the beat and no longer may lie between the chord's tones
SHORTEST = 0.25  # beats: what is cut off shorter is not heard
SHORT_BEATS = 4  # a cue with no more of them before its last chord,
FEWEST_STROKES = 3  # and fewer strokes there, gets a figure that rises
RISE = (-7, -5, -3, -1)  # semitones below the goal, in major as in melodic minor
CHORD_PARTS = (Part.BASS, Part.HARMONY, Part.PAD)

# What stands before a last tonic, by style in major and in minor, as `ending_shares` of
# `pixmus.training.plans` counts it over pieces that end on their tonic (none of the test split).
# Freedoom's music loops and seldom ends (29 endings, of which 2 have a dominant): games end as the
# other styles do on average.
ENDING_SHARES: dict[str, tuple[dict[Approach, float], dict[Approach, float]]] = {
    style: tuple(dict(zip(Approach, shares, strict=True)) for shares in modes)  # type: ignore[misc]
    for style, modes in {
        Style.POP: ((0.63, 0.23, 0.05, 0.09), (0.24, 0.10, 0.53, 0.13)),
        Style.SONG: ((0.65, 0.22, 0.02, 0.11), (0.44, 0.22, 0.05, 0.29)),
        Style.QUARTET: ((0.49, 0.27, 0.08, 0.16), (0.59, 0.27, 0.00, 0.14)),
        Style.GAME: ((0.59, 0.24, 0.05, 0.12), (0.42, 0.20, 0.19, 0.19)),
    }.items()
}
# The chord that stands for each approach, in semitones above the tonic: in major, in minor.
_APPROACH_CHORDS = {
    Approach.DOMINANT: ((7, Quality.MAJOR), (7, Quality.MAJOR)),
    Approach.SUBDOMINANT: ((5, Quality.MAJOR), (5, Quality.MINOR)),
    Approach.SUBTONIC: ((10, Quality.MAJOR), (10, Quality.MAJOR)),
}


def draw_approach(rng: np.random.Generator, minor: bool, style: str) -> Chord:
    """A chord to stand before the last one, in C: the tonic is 0. By what real endings have."""
    shares = ENDING_SHARES[style][int(minor)]
    kinds = list(_APPROACH_CHORDS)
    weights = np.array([shares[kind] for kind in kinds])
    kind = kinds[int(rng.choice(len(kinds), p=weights / weights.sum()))]
    above, quality = _APPROACH_CHORDS[kind][int(minor)]
    return Chord(above, quality)


def lead_on(
    parts: dict[str, list[Note]], span: CueSpan, cue_sheet: CueSheet, rng: np.random.Generator
) -> dict[str, list[Note]]:
    """A cue's notes, which lead to its last chord, or on to the next cue by the dominant."""
    minor = not key_is_major(cue_sheet.key)
    chord = draw_approach(rng, minor, cue_sheet.style)
    if span.leads_on:
        chord = Chord(7)
    chord = chord.transposed(key_tonic(cue_sheet.key))
    led = cadence(parts, span.final_beat, span.first_beat, chord)
    return led if span.leads_on else pickup(led, span.final_beat, span.first_beat)


def pickup(parts: dict[str, list[Note]], final: float, first: float) -> dict[str, list[Note]]:
    """The parts of a very short cue with a figure up to the last chord, where hardly a note is.

    Eighths that rise by the scale to the highest note of the leading part's last chord.
    """
    before = [
        note
        for part, notes in parts.items()
        if part != Part.DRUMS
        for note in notes
        if note.onset < final
    ]
    if final - first > SHORT_BEATS or len({note.onset for note in before}) >= FEWEST_STROKES:
        return parts
    leading = next(
        (part for part in PITCHED if any(note.onset >= final for note in parts.get(part, ()))), None
    )
    if leading is None:
        return parts
    last = min(note.onset for note in parts[leading] if note.onset >= final)
    goal = max((n for n in parts[leading] if n.onset == last), key=lambda note: note.pitch)
    steps = RISE[-int(2 * (final - first)) :] if final > first else ()
    start = final - 0.5 * len(steps)
    figure = [
        Note(start + 0.5 * index, goal.pitch + step, 0.5, max(1, goal.velocity - 6 * (4 - index)))
        for index, step in enumerate(steps)
    ]
    kept = [
        replace(note, duration=min(note.duration, start - note.onset))
        for note in parts[leading]
        if note.onset < start
    ]
    after = [note for note in parts[leading] if note.onset >= final]
    return {**parts, leading: sorted([*kept, *figure, *after])}


def cadence(
    parts: dict[str, list[Note]], final: float, first: float, chord: Chord
) -> dict[str, list[Note]]:
    """The parts with the last `CADENCE_BEATS` before `final` on a chord as it is heard.

    Half of that where the music has hardly begun at `first`. Drums stay. What sounds into it
    and is no tone of the chord is struck again; where bass and chords rest the bass has the root.
    """
    start = max(final - CADENCE_BEATS, min(final - 1, first + 1))
    if start < first or start >= final:
        return parts
    led = {
        part: list(notes) if part == Part.DRUMS else _on_chord(part, notes, start, final, chord)
        for part, notes in parts.items()
    }
    sounding = [
        note
        for part in CHORD_PARTS
        for note in led.get(part, ())
        if note.onset < final and note.onset + note.duration > start + SHORTEST
    ]
    there = [note for notes in parts.values() for note in notes if note.onset < final]
    if not sounding and there and led.get(Part.BASS) is not None:
        velocity = max(there, key=lambda note: note.onset).velocity
        after = [note.pitch for note in led[Part.BASS] if note.onset >= final] or [
            Part.BASS.lowest_pitch + 12
        ]
        root = _nearest(after[0], [chord.root], Part.BASS)
        led[Part.BASS].append(Note(start, root, final - start, velocity))
    return {part: sorted(notes) for part, notes in led.items()}


def _on_chord(
    part: str, notes: Sequence[Note], start: float, final: float, chord: Chord
) -> list[Note]:
    """One part's notes with those from `start` to `final` on the chord."""
    tones = [chord.root] if part == Part.BASS else list(chord.pitch_classes)
    moved: list[Note] = []
    taken: dict[float, set[int]] = {}
    for note in sorted(notes):
        end = note.onset + note.duration
        opens = note.onset <= start and part == Part.BASS  # the bass opens with the root
        stays = tones if opens else chord.pitch_classes
        if end <= start or note.onset >= final or note.pitch % 12 in stays:
            moved.append(note)
            continue
        if note.onset < start:
            if start - note.onset >= SHORTEST:
                moved.append(replace(note, duration=start - note.onset))
            note = replace(note, onset=start, duration=end - start)
        elif part in (Part.MELODY, Part.COUNTER) and _passes(note, chord):
            moved.append(note)
            continue
        used = taken.setdefault(note.onset, set())
        pitch = _nearest(note.pitch, tones, part, used)
        if pitch not in used:
            used.add(pitch)
            moved.append(replace(note, pitch=pitch))
    return _apart(part, moved)


def _passes(note: Note, chord: Chord) -> bool:
    """Whether a note of a line may stay between the chord's tones; beside its third it may not."""
    third = (chord.root + chord.quality.tones[1]) % 12
    is_short = note.onset % 1 > 0 and note.duration <= PASSING_BEATS
    return is_short and (note.pitch - third) % 12 not in (1, 11)


def _nearest(pitch: int, tones: Sequence[int], part: str, used: set[int] | None = None) -> int:
    """The nearest pitch of these classes in the part's range, one not used where there is one."""
    lowest = Part(part).lowest_pitch
    near = [
        other
        for other in range(pitch - 12, pitch + 13)
        if other % 12 in tones and lowest <= other < lowest + Part(part).num_pitches
    ]
    free = [other for other in near if other not in (used or ())] or near
    return min(free, key=lambda other: (abs(other - pitch), other), default=pitch)


def _apart(part: str, notes: Sequence[Note]) -> list[Note]:
    """Notes none of which sounds over the start of the next of its pitch, or of its one voice."""
    following: dict[int, Note] = {}
    kept: list[Note] = []
    for note in sorted(notes, reverse=True):
        voice = 0 if part in ONE_VOICE_PARTS else note.pitch
        after = following.get(voice)
        if after is not None and after.onset <= note.onset:
            continue  # two at once: the higher, which came first here, stays
        if after is not None:
            over = note.onset + note.duration - after.onset
            # In one voice legato overlaps a little, and may; one pitch never sounds twice.
            if over > (0 if after.pitch == note.pitch else SHORTEST):
                note = replace(note, duration=note.duration - over)
        following[voice] = note
        kept.append(note)
    return sorted(kept)
