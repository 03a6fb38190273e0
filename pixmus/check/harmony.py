"""Descriptors of pitches: key and scale, what sounds at once, chords, and how outer parts move.

Harmony is measured on half bars, whose pitch classes are weighed by sounding time.
"""

from __future__ import annotations

import numpy as np

from pixmus.check.descriptor import Descriptors
from pixmus.check.window import (
    NUM_PITCHES,
    Window,
    bars,
    classes,
    entropy,
    mean,
    mean_of_some,
    share,
)
from pixmus.ensembles import Part
from pixmus.score.grid import STEPS_PER_BAR
from pixmus.score.key_finding import key_correlations

KEY = Descriptors()
STRONG_BEATS = Descriptors()
CHORDS = Descriptors()
SPACING = Descriptors()

MAJOR_SCALE = (0, 2, 4, 5, 7, 9, 11)
MINOR_SCALE = (9, 11, 0, 2, 4, 5, 7, 8)  # A minor with both its sevenths
LOW = 48  # C3: thirds below it growl


@KEY
def pitch_class_entropy(window: Window) -> float:
    """Entropy of the 12 pitch classes by number of notes, bits (Wu & Yang 2020)."""
    return entropy(_started_classes(window).sum(0))


@KEY
def bar_pitch_class_entropy(window: Window) -> float:
    """The same in single bars, mean over bars with notes, bits."""
    return mean(np.array([entropy(bar) for bar in _started_classes(window) if bar.any()]))


@KEY
def off_scale(window: Window) -> float:
    """Share of sounding time off the scale (major; minor with both its sevenths)."""
    sounding = window.sounding_classes
    total = sounding.sum()
    return float(1 - sounding[_scale(window)].sum() / total) if total else np.nan


@KEY
def off_scale_melody(window: Window) -> float:
    """Share of the melody's notes off the scale."""
    return mean(~np.isin(window.of(Part.MELODY).notes[1] % 12, _scale(window)))


@KEY
def key_correlation(window: Window) -> float:
    """Correlation of the pitch classes' sounding time with the key's profile (Krumhansl & Kessler
    1982)."""
    if not window.sounding_classes.sum():
        return np.nan
    return float(key_correlations(window.sounding_classes.astype(float))[_key(window)])


@KEY
def key_lead(window: Window) -> float:
    """That correlation minus the best one of the 23 other keys."""
    if not window.sounding_classes.sum():
        return np.nan
    correlations, key = key_correlations(window.sounding_classes.astype(float)), _key(window)
    return float(correlations[key] - np.delete(correlations, key).max())


@KEY
def tonic_share(window: Window) -> float:
    """Share of sounding time on the key's tonic."""
    total = window.sounding_classes.sum()
    return float(window.sounding_classes[_key(window) % 12] / total) if total else np.nan


@KEY
def range_(window: Window) -> float:
    """Highest minus lowest pitch of all parts, semitones."""
    pitches = np.flatnonzero(window.everything.sounding.any(0))
    return float(np.ptp(pitches)) if len(pitches) else np.nan


def _started_classes(window: Window) -> np.ndarray:
    """Notes started in each bar by pitch class, (bars, 12)."""
    return classes(bars(window.everything.onset).sum(1))


def _scale(window: Window) -> np.ndarray:
    return np.array(MINOR_SCALE if window.minor else MAJOR_SCALE)


def _key(window: Window) -> int:
    """C major or A minor among the 24 keys, majors then minors."""
    return 12 + 9 if window.minor else 0


@STRONG_BEATS
def harsh_melody_bass(window: Window) -> float:
    """Share of strong beats with melody and bass on which they are a minor second, a tritone or a
    major seventh apart, octaves aside."""
    return mean_of_some(np.isin(_outer_intervals(window), (1, 6, 11)))


@STRONG_BEATS
def harsh_melody_harmony(window: Window) -> float:
    """Share of strong beats with melody and harmony on which the melody is a minor second or a
    major seventh away from a note of the harmony, octaves aside."""
    melody, harmony = window.of(Part.MELODY), window.of(Part.HARMONY)
    inner = window.strong_steps & melody.sounds & harmony.sounds
    around = classes(harmony.sounding[inner]) > 0
    rows, tops = np.arange(len(around)), melody.highest[inner]
    return mean_of_some(around[rows, (tops + 1) % 12] | around[rows, (tops - 1) % 12])


@STRONG_BEATS
def harsh_strong(window: Window) -> float:
    """Share of strong beats with two sounding notes or more on which any two are a minor second, or
    a major seventh apart, octaves aside."""
    sounding = window.everything.sounding[window.strong_steps]
    heard = classes(sounding) > 0  # (strong beats, 12)
    seconds = np.any(heard & np.roll(heard, 1, axis=1), axis=1)
    return mean_of_some(seconds[sounding.sum(1) >= 2])


@STRONG_BEATS
def consonant_melody_bass(window: Window) -> float:
    """Share of strong beats with melody and bass on which they are a unison, third, fifth or sixth
    apart, octaves aside."""
    return mean_of_some(np.isin(_outer_intervals(window), (0, 3, 4, 7, 8, 9)))


def _outer_intervals(window: Window) -> np.ndarray:
    """Intervals of bass and melody on strong beats, octaves aside."""
    melody, bass = window.of(Part.MELODY), window.of(Part.BASS)
    outer = window.strong_steps & melody.sounds & bass.sounds
    return np.asarray((melody.highest - bass.lowest)[outer] % 12)


def _triads() -> np.ndarray:
    """Major, minor and diminished triads as pitch classes, (36, 12), root = index mod 12."""
    shapes = [(0, 4, 7), (0, 3, 7), (0, 3, 6)]
    return np.array(
        [
            [(pitch - root) % 12 in shape for pitch in range(12)]
            for shape in shapes
            for root in range(12)
        ],
        float,
    )


_TRIADS = _triads()


def _half_bars(window: Window) -> tuple[np.ndarray, np.ndarray]:
    """Sounding time of the pitch classes of every half bar, (half bars, 12), and its best triad."""
    sounding = window.everything.sounding.reshape(-1, STEPS_PER_BAR // 2, NUM_PITCHES)
    weights = classes(sounding.sum(1)).astype(float)
    # The triad's root weighs a little more, so that a bare fifth or third has a definite reading.
    fits = weights @ _TRIADS.T + 0.1 * np.tile(weights, 3)
    return weights, fits.argmax(1)


@CHORDS
def chord_fit(window: Window) -> float:
    """Share of a half bar's sounding time that belongs to its best major, minor or diminished
    triad, mean."""
    weights, triad = _half_bars(window)
    total = weights.sum(1)
    there = total > 0
    return mean((weights * _TRIADS[triad]).sum(1)[there] / total[there])


@CHORDS
def chord_change(window: Window) -> float:
    """Share of neighbouring half bars whose best triads differ."""
    weights, triad = _half_bars(window)
    there = weights.sum(1) > 0
    return mean((triad[1:] != triad[:-1])[there[1:] & there[:-1]])


@CHORDS
def bass_root(window: Window) -> float:
    """Share of half bars in which most of the bass is the root of the best triad."""
    return mean(_bass_above_root(window) == 0)


@CHORDS
def bass_root_or_fifth(window: Window) -> float:
    """Share of half bars in which it is the root or the fifth."""
    return mean(np.isin(_bass_above_root(window), (0, 7)))


def _bass_above_root(window: Window) -> np.ndarray:
    """How far most of the bass is above the best triad's root, octaves aside, per half bar."""
    weights, triad = _half_bars(window)
    bass = window.of(Part.BASS).sounding.reshape(-1, STEPS_PER_BAR // 2, NUM_PITCHES)
    played = classes(bass.sum(1))
    there = (weights.sum(1) > 0) & played.any(1)
    return np.asarray((played.argmax(1) - triad % 12)[there] % 12)


@CHORDS
def parallel_fifths(window: Window) -> float:
    """Share of the joint moves of melody and bass that lead from a fifth or octave to the same
    interval in the same direction."""
    top, bottom = _struck_together(window)
    up, down = np.diff(top), np.diff(bottom)
    interval = (top - bottom) % 12
    same = (interval[1:] == interval[:-1]) & np.isin(interval[1:], (0, 7))
    return mean_of_some((same & (np.sign(up) == np.sign(down)))[(up != 0) & (down != 0)])


@CHORDS
def contrary_motion(window: Window) -> float:
    """Share of the joint moves of melody and bass in opposite directions."""
    top, bottom = _struck_together(window)
    up, down = np.diff(top), np.diff(bottom)
    return mean_of_some((np.sign(up) != np.sign(down))[(up != 0) & (down != 0)])


def _struck_together(window: Window) -> tuple[np.ndarray, np.ndarray]:
    """Pitches of melody and bass on the steps that both strike."""
    melody, bass = window.of(Part.MELODY), window.of(Part.BASS)
    both = melody.struck & bass.struck
    return melody.line[both[melody.steps]], bass.line[both[bass.steps]]


@SPACING
def bass_not_lowest(window: Window) -> float:
    """Share of steps with bass and another part on which that one is lower."""
    bass = window.of(Part.BASS)
    lowest = np.min([p.lowest for name, p in window.parts.items() if name != Part.BASS], axis=0)
    return share(lowest < bass.lowest, bass.sounds & (lowest < NUM_PITCHES))


@SPACING
def melody_not_highest(window: Window) -> float:
    """Share of steps with melody and another part on which that one is higher."""
    melody = window.of(Part.MELODY)
    highest = np.max([p.highest for name, p in window.parts.items() if name != Part.MELODY], axis=0)
    return share(highest > melody.highest, melody.sounds & (highest >= 0))


@SPACING
def low_thirds(window: Window) -> float:
    """Share of sounding steps with a third both of whose notes are below C3."""
    low = window.everything.sounding[:, :LOW]
    thirds = np.any(low[:, 3:] & low[:, :-3], axis=1) | np.any(low[:, 4:] & low[:, :-4], axis=1)
    return share(thirds, window.everything.sounds)


@SPACING
def spacing(window: Window) -> float:
    """Mean distance between neighbouring sounding pitches, semitones."""
    return mean(window.gaps[0])


@SPACING
def bass_gap(window: Window) -> float:
    """Mean distance from the lowest sounding pitch to the next, semitones."""
    return mean(window.gaps[1])


@SPACING
def doublings(window: Window) -> float:
    """Share of sounding pitches that two parts or more play at once."""
    counts = np.stack([part.sounding for part in window.parts.values()]).sum(0, dtype=np.int8)
    return mean(counts[counts > 0] > 1)
