"""The beats that a cue sheet comes to: each cue's span and the placed hit points.

Conventions: as in `tempo`. A *placed* hit point lies within `PLACED_TOLERANCE_S` of an eighth of
the grid, for which the tempo map is fitted, or else of a sixteenth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pixmus.cues.sheet import Cue, CueSheet, HitPoint
from pixmus.score.tempo import TempoMap

PLACED_TOLERANCE_S = 0.015
EIGHTHS, SIXTEENTHS = 2, 4  # to a beat
LAST_CHORD_S = (1.0, 3.0)  # the last chord starts this long before its cue's end,
BEST_RING_S = 2.75  # best so long, so that it rings out,
BEST_RING_SHARE = 0.35  # or so much of a short cue
OFF_DOWNBEAT_S = (1.2, 2.4)  # of ringing that a downbeat is worth, against beat 3 and others
RING_S = 0.8  # a last chord is struck again so long after its start and before its end
HIT_S = 1.5  # of ringing that a hit point is worth: on the last chord, or not hidden by it
FOLLOWS_S = 0.05  # a cue that starts so soon after another ends is joined to it without a rest
ENTRY_TOLERANCE_S = 0.5  # music may enter this long after its cue's start


@dataclass(frozen=True)
class PlacedHit:
    """A hit point that the grid meets: its time and strength, and its beat in quarters."""

    time: float
    strength: float
    beat: float


@dataclass(frozen=True)
class CueSpan:
    """The beats of one cue: where its music enters, and where its last chord is struck.

    One that leads on has no last chord: `final_beat` is where the next cue enters.
    """

    first_beat: int
    final_beat: int
    leads_on: bool = False


def best_ring(cue: Cue) -> float:
    """How long, in seconds, a cue's last chord best rings."""
    low, high = LAST_CHORD_S
    return min(max(BEST_RING_SHARE * (cue.end - cue.start), low), BEST_RING_S, high)


def place_hits(
    tempo_map: TempoMap, hit_points: Sequence[HitPoint], finest: int = SIXTEENTHS
) -> list[PlacedHit]:
    """The hit points within `PLACED_TOLERANCE_S` of an eighth, or else of the `finest` grid."""
    placed = []
    for hit in hit_points:
        for grid in dict.fromkeys((EIGHTHS, finest)):
            beat, off = nearest_place(tempo_map, hit.time, grid)
            if off <= PLACED_TOLERANCE_S + 1e-9 and 0 <= beat <= tempo_map.num_beats:
                placed.append(PlacedHit(hit.time, hit.strength, beat))
                break
    return placed


def nearest_place(tempo_map: TempoMap, time: float, grid: int = SIXTEENTHS) -> tuple[float, float]:
    """The beat of the point nearest to a time on a grid of so many to a beat; how far off, in s."""
    beat = round(grid * tempo_map.to_beats(time)) / grid
    return beat, abs(tempo_map.to_seconds(beat) - time)


def hits_in_cues(cue_sheet: CueSheet) -> list[HitPoint]:
    """The hit points at which music plays: in a gap between cues nothing can be acknowledged."""
    return [
        hit
        for hit in cue_sheet.hit_points
        if any(cue.start - PLACED_TOLERANCE_S <= hit.time < cue.end for cue in cue_sheet.cues)
    ]


def cue_span(tempo_map: TempoMap, cue: Cue, hit_points: Sequence[HitPoint] = ()) -> CueSpan:
    """Choose the beat on which a cue's music enters and the beat of its last chord.

    The entry is a downbeat where one comes within `ENTRY_TOLERANCE_S` and the cue's first half,
    else the first beat of the cue. The last chord stands 1 to 3 s before the cue's end, as near
    to `best_ring` as a strong beat is, rather on a hit point than just before one; a short cue
    ends where it can.
    """
    times = tempo_map.beat_times[:-1]
    downbeats = np.array(tempo_map.bar_starts)
    inside = np.flatnonzero(times >= cue.start - PLACED_TOLERANCE_S)
    first = int(inside[0]) if len(inside) else len(times) - 1
    early = times[downbeats] <= min(cue.start + ENTRY_TOLERANCE_S, (cue.start + cue.end) / 2)
    entries = downbeats[(downbeats >= first) & early]
    if len(entries):
        first = int(entries[0])

    beats = np.arange(first, len(times))
    low, high = cue.end - LAST_CHORD_S[1], cue.end - LAST_CHORD_S[0]
    best = cue.end - best_ring(cue)
    in_window = beats[(times[beats] >= low - 1e-6) & (times[beats] <= high + 1e-6)]
    if len(in_window) == 0:
        before_end = beats[times[beats] < cue.end]
        nearest = before_end if len(before_end) else beats[:1]
        distance = np.abs(times[nearest] - best)
        return CueSpan(first, int(nearest[np.argmin(distance)]))
    if in_window[-1] > first:  # something comes before a last chord wherever it can
        in_window = in_window[in_window > first]
    is_short = min(1.0, best_ring(cue) / BEST_RING_S)
    third, other = (is_short * seconds for seconds in OFF_DOWNBEAT_S)
    bar_of = np.searchsorted(downbeats, in_window, side="right") - 1
    position = in_window - downbeats[bar_of]
    weakness = np.where(position == 0, 0.0, np.where(position == 2, third, other))
    distance = np.abs(times[in_window] - best)
    after = np.array([hit.time for hit in hit_points]) - times[in_window, None]
    met = (np.abs(after) <= PLACED_TOLERANCE_S).any(1)
    hidden = ((after > PLACED_TOLERANCE_S) & (after < RING_S)).sum(1)
    cost = weakness + distance + HIT_S * (hidden - 1.0 * met)
    return CueSpan(first, int(in_window[np.argmin(cost)]))
