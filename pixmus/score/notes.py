"""A `Score`: the notes of every part, with the tempo map that ties them to the picture.

Conventions: onsets and durations are beats from the first downbeat, pitches are MIDI numbers
(60 = middle C), velocities are 1..127, grid positions are steps (`STEPS_PER_BEAT` a beat).

The piano-roll is one row a beat: `cells` of shape (beats, NUM_CELLS), uint8. A part owns a run of
cells, `PART_LAYOUTS[part].cells`, laid out as onset (steps, pitches), sounding (steps, pitches;
drums have none) and velocity (steps,). Onset and sounding cells are 0 or 1, velocity cells
1..127 where the part has an onset and 0 elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from pixmus.ensembles import DRUM_PITCHES, PARTS, Part
from pixmus.score.film_plan import FilmPlan
from pixmus.score.grid import STEPS_PER_BEAT
from pixmus.score.tempo import TempoMap

if TYPE_CHECKING:  # imported where it is used: training needs the piano-roll, never the files
    pass
TICKS_PER_BEAT = 480


@dataclass(frozen=True, order=True, slots=True)
class Note:
    """One note of a part."""

    onset: float
    pitch: int
    duration: float
    velocity: int


@dataclass(frozen=True)
class Score:
    """Notes per part, in order of onset, on one tempo map."""

    parts: dict[str, tuple[Note, ...]]
    tempo_map: TempoMap
    key: str = "C major"
    markers: tuple[tuple[float, str], ...] = ()  # seconds, name
    ticks_per_beat: int = TICKS_PER_BEAT  # of its MIDI file; finer for other programs' notes
    plan: FilmPlan | None = field(default=None, compare=False, repr=False)  # it was written by


@dataclass(frozen=True)
class PartLayout:
    """Where one part's cells lie in a row of the piano-roll."""

    start: int
    lowest_pitch: int
    num_pitches: int
    has_sounding: bool

    @cached_property
    def num_roll_cells(self) -> int:
        """Cells of the onset and sounding rolls, velocities left out."""
        return STEPS_PER_BEAT * self.num_pitches * (2 if self.has_sounding else 1)

    @cached_property
    def num_cells(self) -> int:
        return self.num_roll_cells + STEPS_PER_BEAT

    @cached_property
    def cells(self) -> slice:
        return slice(self.start, self.start + self.num_cells)

    @cached_property
    def onsets(self) -> slice:
        return slice(self.start, self.start + STEPS_PER_BEAT * self.num_pitches)

    @cached_property
    def sounding(self) -> slice:
        return slice(self.onsets.stop, self.start + self.num_roll_cells)

    @cached_property
    def velocities(self) -> slice:
        return slice(self.start + self.num_roll_cells, self.start + self.num_cells)


def _lay_out() -> dict[str, PartLayout]:
    layouts: dict[str, PartLayout] = {}
    start = 0
    for part in Part:
        layouts[part] = PartLayout(start, part.lowest_pitch, part.num_pitches, part != Part.DRUMS)
        start += layouts[part].num_cells
    return layouts


PART_LAYOUTS = _lay_out()
NUM_CELLS = sum(layout.num_cells for layout in PART_LAYOUTS.values())
# Of every cell: the index of its part, and whether it holds a velocity.
CELL_PARTS = np.repeat(
    np.arange(len(PARTS)), [layout.num_cells for layout in PART_LAYOUTS.values()]
)
IS_VELOCITY = np.zeros(NUM_CELLS, bool)
for _layout in PART_LAYOUTS.values():
    IS_VELOCITY[_layout.velocities] = True


def fold_pitch(part: str, pitch: int) -> int:
    """The pitch moved by octaves into the part's range."""
    lowest, num_pitches = Part(part).lowest_pitch, Part(part).num_pitches
    if pitch < lowest:
        return pitch + 12 * -((pitch - lowest) // 12)
    if pitch >= lowest + num_pitches:
        return pitch - 12 * ((pitch - lowest - num_pitches) // 12 + 1)
    return pitch


def encode_notes(part: str, notes: Iterable[Note], num_beats: int) -> np.ndarray:
    """The part's cells, uint8 (beats, cells of the part); notes are rounded to the grid."""
    layout = PART_LAYOUTS[part]
    num_steps = num_beats * STEPS_PER_BEAT
    onset = np.zeros((num_steps, layout.num_pitches), np.uint8)
    sounding = np.zeros_like(onset)
    velocity = np.zeros(num_steps, np.uint8)
    for note in sorted(notes):
        first = round(note.onset * STEPS_PER_BEAT)
        last = max(first + 1, round((note.onset + note.duration) * STEPS_PER_BEAT))
        if not 0 <= first < num_steps:
            continue
        if part == Part.DRUMS:
            if note.pitch not in DRUM_PITCHES:
                continue
            row = DRUM_PITCHES.index(note.pitch)
        else:
            row = fold_pitch(part, note.pitch) - layout.lowest_pitch
        onset[first, row] = 1
        sounding[first : min(last, num_steps), row] = 1
        velocity[first] = max(velocity[first], note.velocity)
    rolls = [onset, sounding] if layout.has_sounding else [onset]
    # (steps, pitches) -> (beats, steps * pitches)
    flat = [roll.reshape(num_beats, -1) for roll in rolls]
    return np.concatenate([*flat, velocity.reshape(num_beats, -1)], axis=1)


def decode_notes(part: str, cells: np.ndarray) -> list[Note]:
    """The notes of uint8 cells (beats, cells of the part): `encode_notes` undone."""
    layout = PART_LAYOUTS[part]
    num_beats = len(cells)
    num_steps = num_beats * STEPS_PER_BEAT
    width = STEPS_PER_BEAT * layout.num_pitches
    onset = cells[:, :width].reshape(num_steps, layout.num_pitches) > 0
    velocity = cells[:, layout.num_roll_cells :].reshape(num_steps)
    notes = []
    if not layout.has_sounding:
        for step, row in zip(*np.nonzero(onset), strict=True):
            pitch = DRUM_PITCHES[row]
            strength = max(1, int(velocity[step]))
            notes.append(Note(int(step) / STEPS_PER_BEAT, pitch, 1 / STEPS_PER_BEAT, strength))
        return sorted(notes)
    sounding = cells[:, width : 2 * width].reshape(num_steps, layout.num_pitches) > 0
    # A note goes on while its pitch sounds and is not struck again.
    goes_on = sounding & ~onset
    for step, row in zip(*np.nonzero(onset), strict=True):
        tail = goes_on[step + 1 :, row]
        stops = np.flatnonzero(~tail)
        length = 1 + (int(stops[0]) if len(stops) else len(tail))
        strength = max(1, int(velocity[step]))
        notes.append(
            Note(
                int(step) / STEPS_PER_BEAT,
                layout.lowest_pitch + int(row),
                length / STEPS_PER_BEAT,
                strength,
            )
        )
    return sorted(notes)


def encode_score(score: Score, num_beats: int | None = None) -> np.ndarray:
    """The score's piano-roll, uint8 (beats, NUM_CELLS)."""
    num_beats = score.tempo_map.num_beats if num_beats is None else num_beats
    cells = np.zeros((num_beats, NUM_CELLS), np.uint8)
    for part, notes in score.parts.items():
        cells[:, PART_LAYOUTS[part].cells] = encode_notes(part, notes, num_beats)
    return cells
