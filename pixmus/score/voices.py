"""Voices: the notes of every part as small integers on the grid, and back.

A *unit* is one part in one beat, a run of tokens in the order in which they are written:

- `level`: how loud the part is in this bar, 1 (soft) to `NUM_LEVELS`; 0 where it strikes nothing or
  the corpus knows no velocities. All units of a bar have the same.
- `gates` (parts with chords): per step whether the part rests, holds all that sounds, strikes anew
  while nothing goes on, or changes in part (`Gate`).
- `voices`: per step and voice `REST`, `HOLD`, or `FIRST_PITCH` + the pitch's row in the part's
  range. Melody, counter and bass have one voice, harmony and pad `CHORD_VOICES`, struck from low to
  high; a voice that goes on keeps its place. The drums' voices are limbs: 0, or 1 + which of the
  limb's drums is struck.
- `accents`: per step 0 where nothing is struck, else 1 + the index of the accent in `ACCENTS`,
  velocity against the bar's level.

Notes are rows of int: part, onset step, duration in steps, pitch, velocity (0: not known).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

import numpy as np

from pixmus.ensembles import (
    CLOSED_HAT,
    CRASH,
    DRUM_PITCHES,
    KICK,
    ONE_VOICE_PARTS,
    OPEN_HAT,
    PARTS,
    RIDE,
    SNARE,
    Part,
)
from pixmus.score.grid import BEATS_PER_BAR, STEPS_PER_BEAT

REST, HOLD, FIRST_PITCH = 0, 1, 2
CHORD_VOICES = 6
BASS_PITCHES = 60  # from its lowest: a cello goes far above the range that a bass part is given
# Drums by who strikes them: feet, left hand, right hand.
LIMBS: tuple[tuple[int, ...], ...] = (
    (KICK,),
    (SNARE,),
    (CLOSED_HAT, OPEN_HAT),
    (RIDE, CRASH),
    (45, 48, 50),
)

NUM_LEVELS, SOFTEST, LEVEL_WIDTH = 16, 20, 7  # velocities of the levels: 20, 27, ... 125
ACCENTS = (-14, -6, 0, 6, 14)
UNKNOWN_VELOCITY = 80  # of notes without a level


class Gate(IntEnum):
    """What a part with chords does on a step."""

    REST = 0  # nothing sounds
    HOLD = 1  # all goes on as it is
    STROKE = 2  # notes start, and nothing goes on from before
    CHANGE = 3  # something goes on, something starts or ends


@dataclass(frozen=True)
class UnitLayout:
    """Where the tokens of one part lie in a row of tokens, and how many values each has."""

    part: str
    start: int

    @cached_property
    def num_voices(self) -> int:
        if self.part == Part.DRUMS:
            return len(LIMBS)
        return 1 if self.part in ONE_VOICE_PARTS else CHORD_VOICES

    @cached_property
    def has_gates(self) -> bool:
        return self.num_voices > 1 and self.part != Part.DRUMS

    @cached_property
    def num_pitches(self) -> int:
        """Rows of the part's range; of drums, the most that one limb has."""
        if self.part == Part.DRUMS:
            return max(len(limb) for limb in LIMBS)
        return BASS_PITCHES if self.part == Part.BASS else Part(self.part).num_pitches

    @cached_property
    def lowest_pitch(self) -> int:
        return Part(self.part).lowest_pitch

    def value_of(self, pitch: int) -> int:
        """The value of a struck pitch, moved by octaves into the range."""
        row = pitch - self.lowest_pitch
        if row < 0:
            row %= 12
        elif row >= self.num_pitches:
            row = self.num_pitches - 12 + (row - self.num_pitches) % 12
        return FIRST_PITCH + row

    @cached_property
    def gates(self) -> slice:
        return slice(self.start + 1, self.start + 1 + STEPS_PER_BEAT * self.has_gates)

    @cached_property
    def voices(self) -> slice:
        first = self.gates.stop
        return slice(first, first + STEPS_PER_BEAT * self.num_voices)

    @cached_property
    def accents(self) -> slice:
        return slice(self.voices.stop, self.voices.stop + STEPS_PER_BEAT)

    @cached_property
    def tokens(self) -> slice:
        return slice(self.start, self.accents.stop)

    @cached_property
    def num_tokens(self) -> int:
        return self.tokens.stop - self.tokens.start

    @cached_property
    def num_voice_values(self) -> int:
        return self.num_pitches + (1 if self.part == Part.DRUMS else FIRST_PITCH)

    @cached_property
    def num_values(self) -> tuple[int, ...]:
        """How many values each token of the unit has."""
        return (
            NUM_LEVELS + 1,
            *[len(Gate)] * (STEPS_PER_BEAT * self.has_gates),
            *[self.num_voice_values] * (STEPS_PER_BEAT * self.num_voices),
            *[len(ACCENTS) + 1] * STEPS_PER_BEAT,
        )


def _lay_out() -> dict[str, UnitLayout]:
    layouts: dict[str, UnitLayout] = {}
    start = 0
    for part in PARTS:
        layouts[part] = UnitLayout(part, start)
        start = layouts[part].tokens.stop
    return layouts


UNIT_LAYOUTS = _lay_out()
NUM_TOKENS = sum(layout.num_tokens for layout in UNIT_LAYOUTS.values())
_LIMB_OF = {pitch: (i, 1 + limb.index(pitch)) for i, limb in enumerate(LIMBS) for pitch in limb}
assert sorted(_LIMB_OF) == sorted(DRUM_PITCHES)


def encode_voices(
    notes: np.ndarray, num_beats: int, bar_of_beat: np.ndarray | None = None
) -> np.ndarray:
    """Tokens uint8 (num_beats, NUM_TOKENS) of note rows (notes, 5).

    `bar_of_beat` (num_beats,) numbers the bars, by which dynamics are levelled; 4/4 without it.
    Notes outside the beats are left out, those that last beyond them cut.
    """
    if bar_of_beat is None:
        bar_of_beat = np.arange(num_beats) // BEATS_PER_BAR
    tokens = np.zeros((num_beats, NUM_TOKENS), np.uint8)
    num_steps = num_beats * STEPS_PER_BEAT
    for index, part in enumerate(PARTS):
        layout = UNIT_LAYOUTS[part]
        rows = notes[(notes[:, 0] == index) & (notes[:, 1] >= 0) & (notes[:, 1] < num_steps)]
        if not len(rows):
            continue
        rows = rows[np.lexsort((rows[:, 3], rows[:, 1]))].astype(int)
        if part == Part.DRUMS:
            voices = _encode_limbs(rows, num_steps)
        elif layout.has_gates:
            gates, voices = _encode_chords(layout, rows, num_steps)
            tokens[:, layout.gates] = gates.reshape(num_beats, -1)
        else:
            voices = _encode_line(layout, rows, num_steps)
        tokens[:, layout.voices] = voices.reshape(num_beats, -1)
        levels, accents = _encode_dynamics(rows, num_steps, bar_of_beat)
        tokens[:, layout.start] = levels
        tokens[:, layout.accents] = accents.reshape(num_beats, -1)
    return tokens


def _encode_limbs(rows: np.ndarray, num_steps: int) -> np.ndarray:
    voices = np.zeros((num_steps, len(LIMBS)), np.uint8)
    for _, onset, _, pitch, _ in rows:
        limb, value = _LIMB_OF[pitch]
        voices[onset, limb] = max(voices[onset, limb], value)
    return voices


def _encode_line(layout: UnitLayout, rows: np.ndarray, num_steps: int) -> np.ndarray:
    """One voice: of notes on one step the highest counts, a note ends where the next begins."""
    voice = np.zeros(num_steps, np.uint8)
    for _, onset, length, pitch, _ in rows:
        voice[onset : onset + max(length, 1)] = HOLD
        voice[onset] = layout.value_of(pitch)
        after = onset + max(length, 1)
        if after < num_steps and voice[after] == HOLD:  # the rest of a note that was cut
            voice[after:][: _run(voice[after:])] = REST
    return voice


def _run(voice: np.ndarray) -> int:
    other = np.flatnonzero(voice != HOLD)
    return int(other[0]) if len(other) else len(voice)


def _encode_chords(
    layout: UnitLayout, rows: np.ndarray, num_steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Gates (steps,) and voices (steps, CHORD_VOICES) of notes in order of onset and pitch."""
    gates = np.zeros(num_steps, np.uint8)
    voices = np.zeros((num_steps, CHORD_VOICES), np.uint8)
    struck: dict[int, dict[int, int]] = {}  # step: {value: end}
    for _, onset, length, pitch, _ in rows:
        struck.setdefault(onset, {})[layout.value_of(pitch)] = onset + max(length, 1)
    held: dict[int, tuple[int, int]] = {}  # voice: (value, end)
    before = 0
    changes = sorted(set(struck) | {end for new in struck.values() for end in new.values()})
    for step in [*changes, num_steps]:
        step = min(step, num_steps)
        if before < step:  # what sounds goes on until the next change
            gates[before:step] = Gate.HOLD if held else Gate.REST
            voices[before:step, list(held)] = HOLD
        if step >= num_steps:
            break
        new = struck.get(step, {})
        going_on = {v: note for v, note in held.items() if note[1] > step and note[0] not in new}
        changed = bool(new) or len(going_on) < len(held)
        held = going_on | _place(new, going_on)
        before = step
        if changed and held:
            gates[step] = Gate.CHANGE if going_on else Gate.STROKE
            voices[step, list(going_on)] = HOLD
            for voice in set(held) - set(going_on):
                voices[step, voice] = held[voice][0]
            before = step + 1
    return gates, voices


def _place(new: dict[int, int], going_on: dict[int, tuple[int, int]]) -> dict[int, tuple[int, int]]:
    """A free voice for each new pitch, low to high; what finds none is left out, inner notes first.

    `new` is {pitch: end}, the answer and `going_on` {voice: (pitch, end)}.
    """
    free = [voice for voice in range(CHORD_VOICES) if voice not in going_on]
    pitches = sorted(new)
    while len(pitches) > len(free):
        pitches.pop(len(pitches) // 2)
    placed: dict[int, tuple[int, int]] = {}
    for number, pitch in enumerate(pitches):
        left = len(pitches) - number - 1  # voices that those above need
        allowed = free[: len(free) - left]
        above = [voice for voice, (held, _) in going_on.items() if held < pitch]
        fitting = [voice for voice in allowed if voice > max(above, default=-1)]
        voice = fitting[0] if fitting else allowed[-1]
        free = [other for other in free if other > voice] if left else free
        if left > len(free):  # not enough room above: take any that is free
            taken = {*going_on, *placed, voice}
            free = [other for other in range(CHORD_VOICES) if other not in taken]
        placed[voice] = (pitch, new[pitch])
    return placed


def _encode_dynamics(
    rows: np.ndarray, num_steps: int, bar_of_beat: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Levels (beats,) and accents (steps,); a step is as loud as the loudest note struck on it."""
    velocity = np.zeros(num_steps, int)
    np.maximum.at(velocity, rows[:, 1], rows[:, 4])
    accents = np.zeros(num_steps, np.uint8)
    levels = np.zeros(len(bar_of_beat), np.uint8)
    struck = np.flatnonzero(velocity)
    if not len(struck):
        return levels, accents
    bars = bar_of_beat[struck // STEPS_PER_BEAT]
    counts = np.bincount(bars, minlength=bar_of_beat.max() + 1)
    means = np.bincount(bars, velocity[struck], len(counts)) / np.maximum(counts, 1)
    level = np.clip(np.round((means - SOFTEST) / LEVEL_WIDTH), 0, NUM_LEVELS - 1).astype(int)
    levels[:] = np.where(counts > 0, level + 1, 0)[bar_of_beat]
    off = velocity[struck] - (SOFTEST + LEVEL_WIDTH * level[bars])
    accents[struck] = 1 + np.abs(off[:, None] - np.array(ACCENTS)).argmin(1)
    return levels, accents


def decode_voices(
    tokens: np.ndarray, parts: Iterable[str] = PARTS, levels: np.ndarray | None = None
) -> np.ndarray:
    """The note rows int (notes, 5) of tokens (beats, NUM_TOKENS), by part, onset, pitch.

    A `HOLD` with nothing before it is silence. Velocities come from level and accent, 0 where the
    level is 0. `levels` float (beats, parts) stand in for those of the tokens.
    """
    found: list[tuple[int, int, int, int, int]] = []
    num_steps = len(tokens) * STEPS_PER_BEAT
    for part in parts:
        layout = UNIT_LAYOUTS[part]
        index = PARTS.index(part)
        voices = tokens[:, layout.voices].reshape(num_steps, layout.num_voices).astype(int)
        level = tokens[:, layout.start] if levels is None else levels[:, index]
        velocity = _decode_dynamics(level, tokens[:, layout.accents])
        if part == Part.DRUMS:
            for step, limb in np.argwhere(voices > 0):
                pitch = LIMBS[limb][min(voices[step, limb], len(LIMBS[limb])) - 1]
                found.append((index, int(step), 1, pitch, velocity[step]))
            continue
        ends = voices == REST  # (steps, voices): what sounds in the voice stops here
        strikes = voices >= FIRST_PITCH
        if layout.has_gates:
            gates = tokens[:, layout.gates].reshape(-1, 1)
            strikes &= gates >= Gate.STROKE
            ends &= gates != Gate.HOLD
            ends |= (gates == Gate.REST) | (gates == Gate.STROKE)
        for voice in range(layout.num_voices):
            stops = np.append(np.flatnonzero(ends[:, voice] | strikes[:, voice]), num_steps)
            for onset in np.flatnonzero(strikes[:, voice]):
                stop = stops[np.searchsorted(stops, onset, "right")]
                pitch = layout.lowest_pitch + voices[onset, voice] - FIRST_PITCH
                length = int(stop - onset)
                found.append((index, int(onset), length, int(pitch), velocity[onset]))
    found.sort(key=lambda row: (row[0], row[1], row[3]))
    return np.array(found, int).reshape(-1, 5)


def _decode_dynamics(levels: np.ndarray, accents: np.ndarray) -> list[int]:
    """Velocity of every step, 0 where the level (beats,) is 0."""
    level = np.repeat(levels.astype(float), STEPS_PER_BEAT)
    velocity = SOFTEST + LEVEL_WIDTH * (level - 1) + np.array([0, *ACCENTS])[accents.ravel()]
    heard = np.clip(np.round(velocity), 1, 127)
    return [int(value) for value in np.where(level > 0, heard, 0)]
