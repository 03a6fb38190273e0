"""Descriptors of all parts together in time: density, groove, dynamics, repetition, drums."""

from __future__ import annotations

import numpy as np

from pixmus.check.descriptor import Descriptors
from pixmus.check.window import NUM_PITCHES, Window, bars, mean, neighbour_change, share
from pixmus.check.window import (
    groove_similarity as similarity,
)
from pixmus.ensembles import CLOSED_HAT, DRUM_PITCHES, KICK, OPEN_HAT, RIDE, SNARE, Part
from pixmus.score.grid import BEATS_PER_BAR, STEPS_PER_BAR, STEPS_PER_BEAT

GROOVE = Descriptors()
TOGETHER = Descriptors()
REPETITION = Descriptors()
DYNAMICS = Descriptors()
DRUMS = Descriptors()

HATS = (CLOSED_HAT, OPEN_HAT, RIDE)  # the ride keeps time as hi-hats do


@GROOVE
def density(window: Window) -> float:
    """Struck steps of all pitched parts together, a beat."""
    struck = window.everything.struck
    return mean(struck) * STEPS_PER_BEAT if struck.any() else np.nan


@GROOVE
def onsets(window: Window) -> float:
    """Notes that pitched parts start, a beat."""
    return mean(window.started_notes) * STEPS_PER_BEAT if window.everything.plays else np.nan


@GROOVE
def density_jump(window: Window) -> float:
    """Largest difference in pitched onsets of two neighbouring bars, a beat."""
    per_bar = bars(window.started_notes).sum(1) / BEATS_PER_BAR
    if not window.everything.plays or len(per_bar) < 2:
        return np.nan
    return float(np.abs(np.diff(per_bar)).max())


@GROOVE
def rhythm_change(window: Window) -> float:
    """Share of 16 steps on which one of two neighbouring bars has a pitched onset and the other has
    none, mean over neighbours."""
    return neighbour_change(window.everything.struck)


@GROOVE
def groove_similarity(window: Window) -> float:
    """1 minus the share of 16 steps on which two bars differ in having a pitched onset, mean over
    all pairs of bars (Wu & Yang 2020, 'The Jazz Transformer on the Front Line')."""
    return similarity(window.everything.struck)


@GROOVE
def groove_break(window: Window) -> float:
    """Largest such share among neighbouring bars that both have onsets."""
    struck = bars(window.everything.struck)
    both = struck[1:].any(1) & struck[:-1].any(1)
    breaks = (struck[1:] != struck[:-1]).mean(1)[both]
    return float(breaks.max()) if len(breaks) else np.nan


@TOGETHER
def voices(window: Window) -> float:
    """Mean number of sounding notes of pitched parts."""
    return mean(window.sounding_notes) if window.everything.plays else np.nan


@TOGETHER
def voices_spread(window: Window) -> float:
    """Standard deviation of the number of sounding notes over steps."""
    return float(window.sounding_notes.std()) if window.everything.plays else np.nan


@TOGETHER
def silence(window: Window) -> float:
    """Share of the steps from the first sounding one to the last on which no pitched part
    sounds."""
    return mean(np.trim_zeros(window.sounding_notes) == 0) if window.everything.plays else np.nan


@TOGETHER
def melody_with_harmony(window: Window) -> float:
    """Share of the melody's struck steps that the harmony strikes too."""
    return _struck_with(window, Part.HARMONY, Part.MELODY)


@TOGETHER
def melody_with_bass(window: Window) -> float:
    """Share of the melody's struck steps that the bass strikes too."""
    return _struck_with(window, Part.BASS, Part.MELODY)


@TOGETHER
def bass_with_harmony(window: Window) -> float:
    """Share of the bass's struck steps that the harmony strikes too."""
    return _struck_with(window, Part.HARMONY, Part.BASS)


def _struck_with(window: Window, part: Part, among: Part) -> float:
    if not window.of(part).plays:
        return np.nan
    return share(window.of(part).struck, window.of(among).struck)


@TOGETHER
def downbeat_strength(window: Window) -> float:
    """Share of downbeats on which a pitched part starts a note."""
    everything = window.everything
    return mean(everything.struck[::STEPS_PER_BAR]) if everything.plays else np.nan


@REPETITION
def likeness_1(window: Window) -> float:
    """Started notes that two neighbouring bars share, over those that either has, mean."""
    return _likeness(window, 1)


@REPETITION
def likeness_2(window: Window) -> float:
    """The same for bars 2 apart."""
    return _likeness(window, 2)


@REPETITION
def likeness_4(window: Window) -> float:
    """The same for bars 4 apart."""
    return _likeness(window, 4)


def _started_bars(window: Window) -> np.ndarray:
    """The onsets of every bar, bool (bars, steps x pitches)."""
    return bars(window.everything.onset).reshape(-1, STEPS_PER_BAR * NUM_PITCHES)


def _likeness(window: Window, distance: int) -> float:
    started = _started_bars(window)
    first, second = started[:-distance], started[distance:]
    either = (first | second).sum(1)
    shared = (first & second).sum(1)
    return mean(shared[either > 0] / either[either > 0])


@REPETITION
def repeated_bars(window: Window) -> float:
    """Share of bars with notes, the first aside, that repeat an earlier one."""
    started = _started_bars(window)
    return _repeated(started[started.any(1)])


@REPETITION
def melody_rhythm_repeated(window: Window) -> float:
    """Share of bars with melody, the first aside, that have the rhythm of an earlier one."""
    rhythms = bars(window.of(Part.MELODY).struck)
    return _repeated(rhythms[rhythms.any(1)])


@REPETITION
def motif_repeated(window: Window) -> float:
    """Share of the melody's runs of 4 notes whose intervals and distances in time occur earlier in
    the window."""
    melody = window.of(Part.MELODY)
    motifs: set[tuple[int, ...]] = set()
    again = []
    intervals, gaps = melody.intervals, np.diff(melody.steps)
    for start in range(len(intervals) - 2):
        motif = (*intervals[start : start + 3].tolist(), *gaps[start : start + 3].tolist())
        again.append(motif in motifs)
        motifs.add(motif)
    return mean(np.array(again))


def _repeated(rows: np.ndarray) -> float:
    """Share of rows (bars, ...) that equal an earlier one, the first row aside."""
    if len(rows) < 2:
        return np.nan
    return (len(rows) - len({row.tobytes() for row in rows})) / (len(rows) - 1)


@DYNAMICS
def velocity_mean(window: Window) -> float:
    """Mean velocity of struck steps of pitched parts, 1..127."""
    return mean(_struck_velocities(window))


@DYNAMICS
def velocity_spread(window: Window) -> float:
    """Standard deviation of those velocities."""
    struck = _struck_velocities(window)
    return float(struck.std()) if len(struck) else np.nan


@DYNAMICS
def velocity_range(window: Window) -> float:
    """Their 95th minus their 5th percentile."""
    struck = _struck_velocities(window)
    if not len(struck):
        return np.nan
    low, high = np.percentile(struck, (5, 95))
    return float(high - low)


@DYNAMICS
def velocity_accent(window: Window) -> float:
    """Mean velocity on beats minus mean velocity off beats."""
    velocity = _velocities(window)
    known = velocity > 0
    on_beat = (np.arange(len(velocity)) % STEPS_PER_BEAT == 0)[:, None] & known
    return mean(velocity[on_beat]) - mean(velocity[known & ~on_beat])


@DYNAMICS
def velocity_bar_change(window: Window) -> float:
    """Mean absolute difference of neighbouring bars' mean velocities."""
    velocity = _velocities(window)
    sums, counts = bars(velocity).sum((1, 2)), bars(velocity > 0).sum((1, 2))
    return mean(np.abs(np.diff(sums[counts > 0] / counts[counts > 0])))


def _velocities(window: Window) -> np.ndarray:
    """Velocities of the pitched parts' struck steps, float (steps, parts); 0 is none."""
    parts = window.parts.values()
    return np.stack([np.where(p.struck, p.velocity, 0) for p in parts], 1).astype(float)


def _struck_velocities(window: Window) -> np.ndarray:
    velocity = _velocities(window)
    return np.asarray(velocity[velocity > 0])


@DRUMS
def drums_density(window: Window) -> float:
    """Struck steps of the drums, a beat."""
    return mean(_struck(window)) * STEPS_PER_BEAT if window.strokes.any() else np.nan


@DRUMS
def drums_backbeat(window: Window) -> float:
    """Share of second and fourth beats on which the snare is struck."""
    weak = np.arange(len(window.strokes)) % (2 * STEPS_PER_BEAT) == STEPS_PER_BEAT
    return share(_stroke(window, SNARE), weak) if window.strokes.any() else np.nan


@DRUMS
def drums_kick_strong(window: Window) -> float:
    """Share of strong beats on which the bass drum is struck."""
    return share(_stroke(window, KICK), window.strong_steps) if window.strokes.any() else np.nan


@DRUMS
def drums_hat_similarity(window: Window) -> float:
    """Groove similarity of hi-hat and ride alone."""
    hats = np.any([_stroke(window, pitch) for pitch in HATS], axis=0)
    return similarity(hats) if window.strokes.any() else np.nan


@DRUMS
def drums_rhythm_change(window: Window) -> float:
    """Share of 9 drums x 16 steps in which neighbouring bars with drums differ, mean."""
    strokes = window.strokes
    rows = bars(strokes).reshape(-1, STEPS_PER_BAR * strokes.shape[1])
    both = rows[1:].any(1) & rows[:-1].any(1)
    return mean((rows[1:] != rows[:-1]).mean(1)[both]) if strokes.any() else np.nan


@DRUMS
def drums_with_bass(window: Window) -> float:
    """Share of the bass's struck steps on which the bass drum is struck."""
    kick = _stroke(window, KICK)
    return share(kick, window.of(Part.BASS).struck) if window.strokes.any() else np.nan


@DRUMS
def drums_with_pitched(window: Window) -> float:
    """Share of steps struck by pitched parts that drums strike too."""
    return share(_struck(window), window.everything.struck) if window.strokes.any() else np.nan


def _struck(window: Window) -> np.ndarray:
    """Whether any drum is struck, bool (steps,)."""
    return np.any(window.strokes, axis=1)


def _stroke(window: Window, pitch: int) -> np.ndarray:
    """Whether one drum is struck, bool (steps,)."""
    return np.asarray(window.strokes[:, DRUM_PITCHES.index(pitch)])
