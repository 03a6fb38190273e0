"""A `Score`: the notes of every part, with the tempo map that ties them to the picture.

Conventions: onsets and durations are beats from the first downbeat, pitches are MIDI numbers,
velocities are 1..127, grid positions are steps (`STEPS_PER_BEAT` a beat).
"""

from __future__ import annotations

from dataclasses import dataclass

from pixmus.tempo import TempoMap

STEPS_PER_BEAT = 4

# The nine General MIDI drums that the drums part may play, in the order of its piano-roll rows.
DRUM_PITCHES = (36, 38, 42, 46, 45, 48, 50, 49, 51)


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
