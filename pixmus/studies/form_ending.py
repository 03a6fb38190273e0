"""How a piece ends: on the tonic, on a downbeat, in silence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from pixmus.ensembles import PITCHED
from pixmus.keys import TONICS, key_is_major
from pixmus.score.grid import STEPS_PER_BEAT
from pixmus.score.notes import PART_LAYOUTS, Score, encode_score
from pixmus.studies.form import (
    BEATS_PER_BAR,
    find_chords,
    onset_roll,
    pitch_classes,
    sounding_roll,
    transpose,
)


@dataclass(frozen=True)
class Ending:
    """How a piece ends; `on_tonic_downbeat` asks for the first three at once.

    `last_onset_on_downbeat`: the last note that a pitched part begins is on a downbeat; a pitch
    struck again in that bar after it sounded on the downbeat is the same ending held on.
    `tonic_bass`: the lowest note there is the tonic. `has_root`: the tonic sounds there.
    `tonic_chord`: nothing but tonic, either third and fifth sounds there. `final_bar_tonic`: a
    looser reading for music that spreads its last chord: the last bar in which a note begins has
    the tonic as the lowest note on its downbeat, and the tonic triad as its chord over the bar.
    """

    last_onset_on_downbeat: bool
    tonic_bass: bool
    has_root: bool
    tonic_chord: bool
    final_bar_tonic: bool

    @property
    def on_tonic_downbeat(self) -> bool:
        return self.last_onset_on_downbeat and self.tonic_bass and self.has_root


def ending(
    cells: np.ndarray, minor: bool, bar_starts: Sequence[int] | None = None, bar: int | None = None
) -> Ending | None:
    """How a piece in C major (A minor with `minor`) ends; None when no pitched part ever plays.

    Judged at the step of the pitched parts' last onset. `bar_starts` are the beats that open a bar,
    every fourth one by default. `bar` ends the piece after that bar: the chance level is what the
    bars in the middle give.
    """
    num_beats = len(cells)
    starts = np.arange(0, num_beats, BEATS_PER_BAR) if bar_starts is None else np.array(bar_starts)
    if bar is not None:
        end = int(np.append(starts, num_beats)[bar + 1])
        cells, num_beats, starts = cells[:end], end, starts[starts < end]
    struck = np.any([onset_roll(cells, part).any(1) for part in PITCHED], axis=0)
    if not struck.any():
        return None
    last = int(np.flatnonzero(struck)[-1])
    tonic = 9 if minor else 0
    triad = {tonic, (tonic + 3) % 12, (tonic + 4) % 12, (tonic + 7) % 12}
    downbeats = starts * STEPS_PER_BEAT
    begin = int(downbeats[downbeats <= last][-1])
    stop = int(np.append(downbeats, num_beats * STEPS_PER_BEAT)[np.sum(downbeats <= last)])
    on_downbeat = _sounding_pitches(cells, begin)
    if struck[begin] and _struck_pitches(cells, begin + 1, last + 1) <= on_downbeat:
        last = begin
    pitches = _sounding_pitches(cells, last)
    classes = {pitch % 12 for pitch in pitches}
    over_bar = pitch_classes(cells)[begin:stop].sum(0)
    roots, qualities = find_chords(over_bar[None])
    told = qualities[0] in ("major", "minor") and int(roots[0]) == tonic
    alone = not qualities[0] and over_bar[tonic] > 0  # one pitch class, and it is the tonic
    return Ending(
        last_onset_on_downbeat=last == begin,
        tonic_bass=min(pitches) % 12 == tonic,
        has_root=tonic in classes,
        tonic_chord=tonic in classes and classes <= triad,
        final_bar_tonic=bool(on_downbeat)
        and min(on_downbeat) % 12 == tonic
        and bool(told or alone),
    )


def _sounding_pitches(cells: np.ndarray, step: int) -> set[int]:
    """Pitches of all pitched parts that sound at a step."""
    beat, inside = divmod(step, STEPS_PER_BEAT)
    found: set[int] = set()
    for part in PITCHED:
        roll = sounding_roll(cells[beat : beat + 1], part)[inside]
        found |= {PART_LAYOUTS[part].lowest_pitch + int(row) for row in np.flatnonzero(roll)}
    return found


def _struck_pitches(cells: np.ndarray, first: int, stop: int) -> set[int]:
    """Pitches that any pitched part begins at the steps first..stop - 1."""
    found: set[int] = set()
    for part in PITCHED:
        rows = np.flatnonzero(onset_roll(cells, part)[first:stop].any(0))
        found |= {PART_LAYOUTS[part].lowest_pitch + int(row) for row in rows}
    return found


def score_ending(score: Score) -> Ending | None:
    """How a composed score ends, on its own bars and in its own key; see `ending`."""
    minor = not key_is_major(score.key)
    shift = ((9 if minor else 0) - TONICS.index(score.key.split()[0]) + 6) % 12 - 6
    return ending(transpose(encode_score(score), shift), minor, score.tempo_map.bar_starts)


def last_frame_level_db(
    waveform: np.ndarray, sample_rate: int, frame_rate: Fraction | float
) -> float:
    """RMS of the last video frame's sound in dB of full scale, -inf for digital silence.

    `waveform` is (channels, samples), -1..1. "Silent at the last frame" is below -60 dB.
    """
    samples = max(1, round(sample_rate / float(frame_rate)))
    tail = np.asarray(waveform, float)[..., -samples:]
    power = float((tail**2).mean()) if tail.size else 0.0
    return 10 * float(np.log10(power)) if power > 0 else float("-inf")
