"""What 8 bars of music are like: the descriptors by which windows are compared, in numbers.

`describe_window` measures; `DESCRIPTORS` says of every number what it is. Telling generated music
from real music, and `pixmus check`, both stand on them.

Conventions: a window is a piano-roll in 4/4 from a downbeat, in C major or A minor, uint8
(beats, NUM_CELLS), beats a multiple of 4. A struck step is a step on which a part starts at least
one note. Strong beats are the first and third of a bar. The line of a part is its highest (of the
bass: its lowest) note on every struck step; an interval is the distance from one note of the line
to the next, in semitones. A share is 0..1. Harmony is measured on half bars, whose pitch classes
are weighed by sounding time. NaN stands where there is nothing to measure: a part that does not
play, a corpus that knows no velocities, fewer than `FEWEST` intervals, moves or strong beats.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from pixmus.curves import Curve
from pixmus.ensembles import DRUM_PITCHES, PITCHED, Part
from pixmus.score.grid import BEATS_PER_BAR, STEPS_PER_BAR, STEPS_PER_BEAT
from pixmus.score.key_finding import key_correlations
from pixmus.score.notes import NUM_CELLS, PART_LAYOUTS

WINDOW_BEATS = 8 * BEATS_PER_BAR
NUM_PITCHES = 128

MAJOR_SCALE = (0, 2, 4, 5, 7, 9, 11)
MINOR_SCALE = (9, 11, 0, 2, 4, 5, 7, 8)  # A minor with both its sevenths
LOW = 48  # C3: thirds below it growl
FEWEST = 4  # a share of one or two intervals says nothing

LENGTH_CLASSES = {  # in steps, first and last
    "sixteenth": (1, 1),
    "eighth": (2, 3),
    "quarter": (4, 7),
    "half": (8, 15),
    "whole": (16, 10**6),
}
_LINES = (Part.MELODY, Part.HARMONY, Part.BASS)


def _definitions() -> dict[str, str]:
    found: dict[str, str] = {}
    for part in _LINES:
        for name, (first, last) in LENGTH_CLASSES.items():
            steps = f"{first} step" if first == last else f"{first} to {last} steps"
            steps = f"{first} steps or more" if last > STEPS_PER_BAR else steps
            found[f"{part}_length_{name}"] = f"Share of the {part}'s notes that last {steps}."
        found |= {
            f"{part}_on_beat": f"Share of the {part}'s struck steps that are a beat's first.",
            f"{part}_off_eighth": f"Share of the {part}'s struck steps half way between beats.",
            f"{part}_off_sixteenth": f"Share of the {part}'s struck steps off the eighth grid.",
            f"{part}_density": f"Struck steps of the {part}, a beat.",
            f"{part}_interonset_entropy": (
                f"Entropy of the distances between the {part}'s struck steps, bits."
            ),
            f"{part}_rhythm_change": (
                f"Share of a bar's 16 steps on which the {part} strikes in one of two neighbouring "
                "bars and not in the other, mean over neighbours."
            ),
            f"{part}_density_change": (
                f"Absolute difference of the {part}'s struck steps between neighbouring bars, "
                "mean, a beat."
            ),
            f"{part}_pitch": f"Mean pitch of the {part}'s notes, MIDI number.",
            f"{part}_range": f"Highest minus lowest pitch of the {part}, semitones.",
        }
    for part in (Part.MELODY, Part.BASS):
        found |= {
            f"{part}_repeated": f"Share of the {part}'s intervals that are 0.",
            f"{part}_steps": f"Share of the {part}'s intervals of 1 or 2 semitones.",
            f"{part}_thirds": f"Share of the {part}'s intervals of 3 or 4 semitones.",
            f"{part}_leaps": f"Share of the {part}'s intervals of 5 to 11 semitones.",
            f"{part}_octaves": f"Share of the {part}'s intervals of 12 semitones or more.",
            f"{part}_mean_interval": f"Mean absolute interval of the {part}, semitones.",
            f"{part}_turns": f"Share of the {part}'s moves that go the other way than the last.",
        }
    found |= {
        "melody_chromatic": "Share of the melody's intervals of 1 semitone.",
        "melody_run": "Mean number of the melody's moves in a row in one direction.",
        "melody_rests": "Share of steps on which the melody is silent.",
        "melody_pauses": "Silences of the melody between its notes of a beat or more, a bar.",
        "melody_phrase": "Mean length of the melody's stretches between such silences, beats.",
        "counter_density": "Struck steps of the counter-melody, a beat.",
        "pad_density": "Struck steps of the pad, a beat.",
        "pad_length": "Mean length of the pad's notes, beats.",
        "harmony_chord_size": "Mean number of notes that the harmony starts on a struck step.",
        Curve.DENSITY: "Struck steps of all pitched parts together, a beat.",
        "onsets": "Notes that pitched parts start, a beat.",
        "density_jump": "Largest difference in pitched onsets of two neighbouring bars, a beat.",
        "rhythm_change": (
            "Share of 16 steps on which one of two neighbouring bars has a pitched onset and the "
            "other has none, mean over neighbours."
        ),
        "groove_similarity": (
            "1 minus the share of 16 steps on which two bars differ in having a pitched onset, "
            "mean over all pairs of bars (Wu & Yang 2020, 'The Jazz Transformer on the Front "
            "Line')."
        ),
        "groove_break": "Largest such share among neighbouring bars that both have onsets.",
        "pitch_class_entropy": (
            "Entropy of the 12 pitch classes by number of notes, bits (Wu & Yang 2020)."
        ),
        "bar_pitch_class_entropy": "The same in single bars, mean over bars with notes, bits.",
        "off_scale": (
            "Share of sounding time off the scale (major; minor with both its sevenths)."
        ),
        "off_scale_melody": "Share of the melody's notes off the scale.",
        "key_correlation": (
            "Correlation of the pitch classes' sounding time with the key's profile "
            "(Krumhansl & Kessler 1982)."
        ),
        "key_lead": "That correlation minus the best one of the 23 other keys.",
        "tonic_share": "Share of sounding time on the key's tonic.",
        "range": "Highest minus lowest pitch of all parts, semitones.",
        "harsh_melody_bass": (
            "Share of strong beats with melody and bass on which they are a minor second, a "
            "tritone or a major seventh apart, octaves aside."
        ),
        "harsh_melody_harmony": (
            "Share of strong beats with melody and harmony on which the melody is a minor second "
            "or a major seventh away from a note of the harmony, octaves aside."
        ),
        "harsh_strong": (
            "Share of strong beats with two sounding notes or more on which any two are a minor "
            "second, or a major seventh apart, octaves aside."
        ),
        "consonant_melody_bass": (
            "Share of strong beats with melody and bass on which they are a unison, third, fifth "
            "or sixth apart, octaves aside."
        ),
        "chord_fit": (
            "Share of a half bar's sounding time that belongs to its best major, minor or "
            "diminished triad, mean."
        ),
        "chord_change": "Share of neighbouring half bars whose best triads differ.",
        "bass_root": "Share of half bars in which most of the bass is the root of the best triad.",
        "bass_root_or_fifth": "Share of half bars in which it is the root or the fifth.",
        "parallel_fifths": (
            "Share of the joint moves of melody and bass that lead from a fifth or octave to the "
            "same interval in the same direction."
        ),
        "contrary_motion": "Share of the joint moves of melody and bass in opposite directions.",
        "bass_not_lowest": "Share of steps with bass and another part on which that one is lower.",
        "melody_not_highest": (
            "Share of steps with melody and another part on which that one is higher."
        ),
        "low_thirds": "Share of sounding steps with a third both of whose notes are below C3.",
        "spacing": "Mean distance between neighbouring sounding pitches, semitones.",
        "bass_gap": "Mean distance from the lowest sounding pitch to the next, semitones.",
        "doublings": "Share of sounding pitches that two parts or more play at once.",
        "voices": "Mean number of sounding notes of pitched parts.",
        "voices_spread": "Standard deviation of the number of sounding notes over steps.",
        "silence": (
            "Share of the steps from the first sounding one to the last on which no pitched part "
            "sounds."
        ),
        "melody_with_harmony": "Share of the melody's struck steps that the harmony strikes too.",
        "melody_with_bass": "Share of the melody's struck steps that the bass strikes too.",
        "bass_with_harmony": "Share of the bass's struck steps that the harmony strikes too.",
        "downbeat_strength": "Share of downbeats on which a pitched part starts a note.",
        "likeness_1": (
            "Started notes that two neighbouring bars share, over those that either has, mean."
        ),
        "likeness_2": "The same for bars 2 apart.",
        "likeness_4": "The same for bars 4 apart.",
        "repeated_bars": "Share of bars with notes, the first aside, that repeat an earlier one.",
        "melody_rhythm_repeated": (
            "Share of bars with melody, the first aside, that have the rhythm of an earlier one."
        ),
        "motif_repeated": (
            "Share of the melody's runs of 4 notes whose intervals and distances in time occur "
            "earlier in the window."
        ),
        "velocity_mean": "Mean velocity of struck steps of pitched parts, 1..127.",
        "velocity_spread": "Standard deviation of those velocities.",
        "velocity_range": "Their 95th minus their 5th percentile.",
        "velocity_accent": "Mean velocity on beats minus mean velocity off beats.",
        "velocity_bar_change": "Mean absolute difference of neighbouring bars' mean velocities.",
        "drums_density": "Struck steps of the drums, a beat.",
        "drums_backbeat": "Share of second and fourth beats on which the snare is struck.",
        "drums_kick_strong": "Share of strong beats on which the bass drum is struck.",
        "drums_hat_similarity": "Groove similarity of hi-hat and ride alone.",
        "drums_rhythm_change": (
            "Share of 9 drums x 16 steps in which neighbouring bars with drums differ, mean."
        ),
        "drums_with_bass": "Share of the bass's struck steps on which the bass drum is struck.",
        "drums_with_pitched": "Share of steps struck by pitched parts that drums strike too.",
    }
    return found


DESCRIPTORS: dict[str, str] = _definitions()


def describe_window(
    cells: np.ndarray, minor: bool, names: Sequence[str] = tuple(DESCRIPTORS)
) -> np.ndarray:
    """The descriptors `names` (all of them) in that order, float64 (len(names),).

    `cells` is uint8 (beats, NUM_CELLS) in C major or, with `minor`, in A minor; 32 beats make the
    8 bars that descriptors are meant for, any other whole number of 4/4 bars is measured alike.
    """
    assert cells.ndim == 2 and cells.shape[1] == NUM_CELLS, f"{cells.shape=}"
    assert len(cells) and len(cells) % BEATS_PER_BAR == 0, f"{len(cells)=}"
    window = _Window(cells, minor)
    wanted = set(names)
    values: dict[str, float] = {}
    for measure, measured in _groups():
        if wanted & measured:
            values |= measure(window)
    return np.array([values[name] for name in names])


@dataclass(frozen=True)
class _Part:
    """The notes of one part, or of all pitched ones together, on all 128 pitches."""

    onset: np.ndarray  # bool (steps, NUM_PITCHES)
    sounding: np.ndarray  # bool (steps, NUM_PITCHES)
    velocity: np.ndarray  # uint8 (steps,), 0 = none
    lowest_leads: bool  # the line is the lowest note, not the highest

    @cached_property
    def struck(self) -> np.ndarray:
        """Whether a note starts on a step, bool (steps,)."""
        return np.any(self.onset, axis=1)

    @cached_property
    def steps(self) -> np.ndarray:
        """The struck steps."""
        return np.flatnonzero(self.struck)

    @cached_property
    def sounds(self) -> np.ndarray:
        """Whether anything sounds on a step, bool (steps,)."""
        return np.any(self.sounding, axis=1)

    @cached_property
    def notes(self) -> tuple[np.ndarray, np.ndarray]:
        """Onset step and pitch of every note."""
        steps, pitches = np.nonzero(self.onset)
        return steps, pitches

    @cached_property
    def line(self) -> np.ndarray:
        """The leading pitch on every struck step."""
        rows = self.onset[self.steps]
        if self.lowest_leads:
            return rows.argmax(1)
        return NUM_PITCHES - 1 - rows[:, ::-1].argmax(1)

    @cached_property
    def lengths(self) -> np.ndarray:
        """Length of every note in steps, as `score.decode_notes` reads them."""
        num_steps = len(self.onset)
        used = np.flatnonzero(self.onset.any(0))  # pitches
        onset = self.onset[:, used]
        stops = onset | ~self.sounding[:, used]
        where = np.where(stops, np.arange(num_steps)[:, None], num_steps)
        following = np.minimum.accumulate(where[::-1], axis=0)[::-1]
        following = np.concatenate([following, np.full((1, len(used)), num_steps)])
        steps, columns = np.nonzero(onset)  # in the order of `notes`
        return following[steps + 1, columns] - steps

    @cached_property
    def lowest(self) -> np.ndarray:
        """Lowest sounding pitch per step, NUM_PITCHES where none."""
        return np.where(self.sounds, self.sounding.argmax(1), NUM_PITCHES)

    @cached_property
    def highest(self) -> np.ndarray:
        """Highest sounding pitch per step, -1 where none."""
        top = NUM_PITCHES - 1 - self.sounding[:, ::-1].argmax(1)
        return np.where(self.sounds, top, -1)


class _Window:
    """One window, read part by part."""

    def __init__(self, cells: np.ndarray, minor: bool) -> None:
        self.minor = minor
        self.parts = {part: _read_part(part, cells) for part in PITCHED}
        drums = PART_LAYOUTS[Part.DRUMS]
        self.strokes = cells[:, drums.onsets].reshape(-1, drums.num_pitches) > 0  # (steps, drums)

    @cached_property
    def everything(self) -> _Part:
        """All pitched parts in one; velocities are left to the parts."""
        onset = np.any([part.onset for part in self.parts.values()], axis=0)
        sounding = np.any([part.sounding for part in self.parts.values()], axis=0)
        return _Part(onset, sounding, np.zeros(len(onset), np.uint8), False)


def _read_part(part: str, cells: np.ndarray) -> _Part:
    layout = PART_LAYOUTS[part]
    num_steps = len(cells) * STEPS_PER_BEAT
    span = slice(layout.lowest_pitch, layout.lowest_pitch + layout.num_pitches)
    onset = np.zeros((num_steps, NUM_PITCHES), bool)
    sounding = np.zeros_like(onset)
    onset[:, span] = cells[:, layout.onsets].reshape(num_steps, -1) > 0
    sounding[:, span] = cells[:, layout.sounding].reshape(num_steps, -1) > 0
    sounding |= onset
    velocity = cells[:, layout.velocities].reshape(num_steps)
    return _Part(onset, sounding, velocity, part == Part.BASS)


# ---------------------------------------------------------------------------------- small sums


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else np.nan


def _mean_of_some(values: np.ndarray) -> float:
    """The mean of at least `FEWEST` values."""
    return float(values.mean()) if len(values) >= FEWEST else np.nan


def _share(hits: np.ndarray, among: np.ndarray) -> float:
    """Share of the places `among` (bool) at which `hits` (bool) is true."""
    count = int(among.sum())
    return float((hits & among).sum() / count) if count else np.nan


def _entropy(counts: np.ndarray) -> float:
    """Bits of a histogram; NaN of an empty one."""
    total = counts.sum()
    if total == 0:
        return np.nan
    shares = counts[counts > 0] / total
    return float(-(shares * np.log2(shares)).sum())


def _bars(steps: np.ndarray) -> np.ndarray:
    """Something per step (steps, ...) as (bars, 16, ...)."""
    return steps.reshape(-1, STEPS_PER_BAR, *steps.shape[1:])


def _groove_similarity(struck: np.ndarray) -> float:
    """Wu & Yang (2020), Eq. 2, over all pairs of bars; `struck` is bool (steps,)."""
    bars = _bars(struck)
    if not struck.any() or len(bars) < 2:
        return np.nan
    differs = (bars[:, None] != bars[None]).mean(2)
    first, second = np.triu_indices(len(bars), 1)
    return float(1 - differs[first, second].mean())


def _neighbour_change(struck: np.ndarray) -> float:
    bars = _bars(struck)
    return _mean((bars[1:] != bars[:-1]).mean(1)) if struck.any() else np.nan


def _strong(num_steps: int) -> np.ndarray:
    """Whether a step is a strong beat, bool (steps,)."""
    return np.arange(num_steps) % (2 * STEPS_PER_BEAT) == 0


# -------------------------------------------------------------------------------------- groups


def _rhythm(name: str, part: _Part) -> dict[str, float]:
    """Lengths, places in the beat, density, change, pitch and range of one part."""
    plays = len(part.steps) > 0
    lengths = part.lengths
    values = {
        f"{name}_length_{length}": _mean((lengths >= first) & (lengths <= last))
        for length, (first, last) in LENGTH_CLASSES.items()
    }
    place = part.steps % STEPS_PER_BEAT
    per_bar = _bars(part.struck).sum(1)
    pitches = part.notes[1]
    gaps = np.diff(part.steps)
    return values | {
        f"{name}_on_beat": _mean(place == 0),
        f"{name}_off_eighth": _mean(place == 2),
        f"{name}_off_sixteenth": _mean(place % 2 == 1),
        f"{name}_density": len(part.steps) / len(part.onset) * STEPS_PER_BEAT if plays else np.nan,
        f"{name}_interonset_entropy": _entropy(np.bincount(gaps)) if len(gaps) else np.nan,
        f"{name}_rhythm_change": _neighbour_change(part.struck),
        f"{name}_density_change": (
            _mean(np.abs(np.diff(per_bar))) / BEATS_PER_BAR if plays else np.nan
        ),
        f"{name}_pitch": _mean(pitches),
        f"{name}_range": float(np.ptp(pitches)) if plays else np.nan,
    }


def _intervals(name: str, part: _Part) -> dict[str, float]:
    """How the line of a part moves."""
    intervals = np.diff(part.line)
    size = np.abs(intervals)
    moves = np.sign(intervals[intervals != 0])
    return {
        f"{name}_repeated": _mean_of_some(size == 0),
        f"{name}_steps": _mean_of_some((size == 1) | (size == 2)),
        f"{name}_thirds": _mean_of_some((size == 3) | (size == 4)),
        f"{name}_leaps": _mean_of_some((size >= 5) & (size <= 11)),
        f"{name}_octaves": _mean_of_some(size >= 12),
        f"{name}_mean_interval": _mean_of_some(size),
        f"{name}_turns": _mean_of_some(moves[1:] != moves[:-1]),
    }


def _melody(melody: _Part) -> dict[str, float]:
    """Chromatic moves, runs, rests and phrases."""
    intervals = np.diff(melody.line)
    moves = np.sign(intervals[intervals != 0])
    num_runs = 1 + int((moves[1:] != moves[:-1]).sum())
    sounds = melody.sounds
    if not sounds.any():
        rests = pauses = phrase = np.nan
    else:
        rests = float((~sounds).mean())
        first, last = np.flatnonzero(sounds)[[0, -1]]
        edges = np.flatnonzero(np.diff(sounds[first : last + 1].astype(np.int8)))
        silences = edges[1::2] - edges[::2]  # (silences between its notes,)
        long = silences[silences >= STEPS_PER_BEAT]
        pauses = len(long) / len(_bars(sounds))
        phrase = (last + 1 - first - long.sum()) / (len(long) + 1) / STEPS_PER_BEAT
    return {
        "melody_chromatic": _mean_of_some(np.abs(intervals) == 1),
        "melody_run": len(moves) / num_runs if len(moves) >= FEWEST else np.nan,
        "melody_rests": rests,
        "melody_pauses": pauses,
        "melody_phrase": float(phrase),
    }


def _accompaniment(parts: dict[str, _Part]) -> dict[str, float]:
    """Density of counter and pad, length of the pad, size of the harmony's chords."""

    def density(part: _Part) -> float:
        return _mean(part.struck) * STEPS_PER_BEAT if part.struck.any() else np.nan

    harmony = parts[Part.HARMONY]
    return {
        "counter_density": density(parts[Part.COUNTER]),
        "pad_density": density(parts[Part.PAD]),
        "pad_length": _mean(parts[Part.PAD].lengths) / STEPS_PER_BEAT,
        "harmony_chord_size": _mean(harmony.onset[harmony.steps].sum(1)),
    }


def _texture(parts: dict[str, _Part], everything: _Part) -> dict[str, float]:
    """Density, groove, number of voices and how parts start together."""
    melody, harmony, bass = parts[Part.MELODY], parts[Part.HARMONY], parts[Part.BASS]
    struck = everything.struck
    bars = _bars(struck)
    notes = np.stack([part.onset.sum(1) for part in parts.values()]).sum(0)
    per_bar = _bars(notes).sum(1) / BEATS_PER_BAR
    voices = np.stack([part.sounding.sum(1) for part in parts.values()]).sum(0)
    plays = bool(struck.any())
    both = bars[1:].any(1) & bars[:-1].any(1)
    breaks = (bars[1:] != bars[:-1]).mean(1)[both]
    return {
        Curve.DENSITY: _mean(struck) * STEPS_PER_BEAT if plays else np.nan,
        "onsets": _mean(notes) * STEPS_PER_BEAT if plays else np.nan,
        "density_jump": (
            float(np.abs(np.diff(per_bar)).max()) if plays and len(per_bar) > 1 else np.nan
        ),
        "rhythm_change": _neighbour_change(struck),
        "groove_similarity": _groove_similarity(struck),
        "groove_break": float(breaks.max()) if len(breaks) else np.nan,
        "voices": _mean(voices) if plays else np.nan,
        "voices_spread": float(voices.std()) if plays else np.nan,
        "silence": _mean(np.trim_zeros(voices) == 0) if plays else np.nan,
        "melody_with_harmony": (
            _share(harmony.struck, melody.struck) if harmony.struck.any() else np.nan
        ),
        "melody_with_bass": _share(bass.struck, melody.struck) if bass.struck.any() else np.nan,
        "bass_with_harmony": (
            _share(harmony.struck, bass.struck) if harmony.struck.any() else np.nan
        ),
        "downbeat_strength": _mean(struck[::STEPS_PER_BAR]) if plays else np.nan,
    }


def _classes(pitches: np.ndarray) -> np.ndarray:
    """Something per pitch (..., NUM_PITCHES) summed per pitch class (..., 12)."""
    padded = np.pad(pitches, [(0, 0)] * (pitches.ndim - 1) + [(0, -NUM_PITCHES % 12)])
    return padded.reshape(*pitches.shape[:-1], padded.shape[-1] // 12, 12).sum(-2)


def _pitch_classes(melody: _Part, everything: _Part, minor: bool) -> dict[str, float]:
    """Entropy, scale and key."""
    started = _classes(_bars(everything.onset).sum(1))  # (bars, 12)
    sounding = _classes(everything.sounding.sum(0))  # (12,)
    total = sounding.sum()
    tonic, key = (9, 12 + 9) if minor else (0, 0)
    scale = np.array(MINOR_SCALE if minor else MAJOR_SCALE)
    per_bar = [_entropy(bar) for bar in started if bar.any()]
    values = dict.fromkeys(("off_scale", "key_correlation", "key_lead", "tonic_share"), np.nan)
    if total:
        correlations = key_correlations(sounding.astype(float))
        values = {
            "off_scale": float(1 - sounding[scale].sum() / total),
            "key_correlation": float(correlations[key]),
            "key_lead": float(correlations[key] - np.delete(correlations, key).max()),
            "tonic_share": float(sounding[tonic] / total),
        }
    pitches = np.flatnonzero(everything.sounding.any(0))
    return values | {
        "pitch_class_entropy": _entropy(started.sum(0)),
        "bar_pitch_class_entropy": _mean(np.array(per_bar)),
        "off_scale_melody": _mean(~np.isin(melody.notes[1] % 12, scale)),
        "range": float(np.ptp(pitches)) if len(pitches) else np.nan,
    }


def _vertical(parts: dict[str, _Part], everything: _Part) -> dict[str, float]:
    """What sounds at once: harshness, crossing, low thirds, spacing, doublings."""
    melody, harmony, bass = parts[Part.MELODY], parts[Part.HARMONY], parts[Part.BASS]
    strong = _strong(len(everything.onset))
    counts = np.stack([part.sounding for part in parts.values()]).sum(0, dtype=np.int8)
    sounding = everything.sounding
    classes = _classes(sounding[strong]) > 0  # (strong beats, 12)
    seconds = np.any(classes & np.roll(classes, 1, axis=1), axis=1)

    outer = strong & melody.sounds & bass.sounds
    interval = (melody.highest - bass.lowest)[outer] % 12
    inner = strong & melody.sounds & harmony.sounds
    around = _classes(harmony.sounding[inner]) > 0
    rows, tops = np.arange(len(around)), melody.highest[inner]
    near = around[rows, (tops + 1) % 12] | around[rows, (tops - 1) % 12]

    lowest = np.min([p.lowest for name, p in parts.items() if name != Part.BASS], axis=0)
    highest = np.max([p.highest for name, p in parts.items() if name != Part.MELODY], axis=0)
    low = sounding[:, :LOW]
    thirds = np.any(low[:, 3:] & low[:, :-3], axis=1) | np.any(low[:, 4:] & low[:, :-4], axis=1)

    steps, pitches = np.nonzero(sounding)
    gaps = np.diff(pitches)[np.diff(steps) == 0]
    firsts = np.flatnonzero(np.diff(steps, prepend=-1))  # the lowest pitch of every step
    above = firsts[firsts + 1 < len(steps)]
    above = above[steps[above + 1] == steps[above]]
    return {
        "harsh_melody_bass": _mean_of_some(np.isin(interval, (1, 6, 11))),
        "harsh_melody_harmony": _mean_of_some(near),
        "harsh_strong": _mean_of_some(seconds[sounding[strong].sum(1) >= 2]),
        "consonant_melody_bass": _mean_of_some(np.isin(interval, (0, 3, 4, 7, 8, 9))),
        "bass_not_lowest": _share(lowest < bass.lowest, bass.sounds & (lowest < NUM_PITCHES)),
        "melody_not_highest": _share(highest > melody.highest, melody.sounds & (highest >= 0)),
        "low_thirds": _share(thirds, everything.sounds),
        "spacing": _mean(gaps),
        "bass_gap": _mean(pitches[above + 1] - pitches[above]),
        "doublings": _mean(counts[counts > 0] > 1),
    }


def _triads() -> np.ndarray:
    """Major, minor and diminished triads as pitch classes, (36, 12), root = index mod 12."""
    shapes = [(0, 4, 7), (0, 3, 7), (0, 3, 6)]
    rows = np.zeros((36, 12))
    for kind, shape in enumerate(shapes):
        for root in range(12):
            rows[12 * kind + root, [(root + offset) % 12 for offset in shape]] = 1
    return rows


_TRIADS = _triads()


def _chords(bass: _Part, everything: _Part) -> dict[str, float]:
    """How far half bars are triads, how often those change, and where the bass stands in them."""
    half = STEPS_PER_BAR // 2
    # The triad's root weighs a little more, so that a bare fifth or third has a definite reading.
    weights = _classes(everything.sounding.reshape(-1, half, NUM_PITCHES).sum(1)).astype(float)
    fits = weights @ _TRIADS.T + 0.1 * np.tile(weights, 3)
    triad = fits.argmax(1)
    root = triad % 12
    total = weights.sum(1)
    there = total > 0
    covered = (weights * _TRIADS[triad]).sum(1)[there] / total[there]
    classes = _classes(bass.sounding.reshape(-1, half, NUM_PITCHES).sum(1))
    bass_there = there & classes.any(1)
    above = (classes.argmax(1) - root)[bass_there] % 12
    pairs = there[1:] & there[:-1]
    return {
        "chord_fit": _mean(covered),
        "chord_change": _mean((triad[1:] != triad[:-1])[pairs]),
        "bass_root": _mean(above == 0),
        "bass_root_or_fifth": _mean((above == 0) | (above == 7)),
    }


def _motion(melody: _Part, bass: _Part) -> dict[str, float]:
    """Joint moves of melody and bass, from one step struck by both to the next."""
    both = melody.struck & bass.struck
    top, bottom = melody.line[both[melody.steps]], bass.line[both[bass.steps]]
    up, down = np.diff(top), np.diff(bottom)
    joint = (up != 0) & (down != 0)
    interval = (top - bottom) % 12
    same = (interval[1:] == interval[:-1]) & np.isin(interval[1:], (0, 7))
    return {
        "parallel_fifths": _mean_of_some((same & (np.sign(up) == np.sign(down)))[joint]),
        "contrary_motion": _mean_of_some((np.sign(up) != np.sign(down))[joint]),
    }


def _repetition(melody: _Part, everything: _Part) -> dict[str, float]:
    """How far bars, rhythms and motifs come again inside the window."""
    bars = _bars(everything.onset).reshape(-1, STEPS_PER_BAR * NUM_PITCHES)
    plays = bars.any(1)
    values = {}
    for distance in (1, 2, 4):
        first, second = bars[:-distance], bars[distance:]
        either = (first | second).sum(1)
        shared = (first & second).sum(1)
        values[f"likeness_{distance}"] = _mean(shared[either > 0] / either[either > 0])
    motifs: set[tuple[int, ...]] = set()
    again = []
    intervals, gaps = np.diff(melody.line), np.diff(melody.steps)
    for start in range(len(intervals) - 2):
        motif = (*intervals[start : start + 3].tolist(), *gaps[start : start + 3].tolist())
        again.append(motif in motifs)
        motifs.add(motif)
    rhythms = _bars(melody.struck)
    return values | {
        "repeated_bars": _repeated(bars[plays]),
        "melody_rhythm_repeated": _repeated(rhythms[rhythms.any(1)]),
        "motif_repeated": _mean(np.array(again)),
    }


def _repeated(bars: np.ndarray) -> float:
    """Share of rows (bars, ...) that equal an earlier one, the first row aside."""
    if len(bars) < 2:
        return np.nan
    return (len(bars) - len({bar.tobytes() for bar in bars})) / (len(bars) - 1)


def _dynamics(parts: dict[str, _Part]) -> dict[str, float]:
    """Velocities of struck steps of all pitched parts."""
    velocity = np.stack([np.where(p.struck, p.velocity, 0) for p in parts.values()], 1)
    velocity = velocity.astype(float)  # (steps, parts)
    known = velocity > 0
    names = ("mean", "spread", "range", "accent", "bar_change")
    if not known.any():
        return {f"velocity_{name}": np.nan for name in names}
    struck = velocity[known]
    on_beat = (np.arange(len(velocity)) % STEPS_PER_BEAT == 0)[:, None] & known
    off_beat = known & ~on_beat
    sums, counts = _bars(velocity).sum((1, 2)), _bars(known).sum((1, 2))
    means = sums[counts > 0] / counts[counts > 0]
    low, high = np.percentile(struck, (5, 95))
    return {
        "velocity_mean": _mean(struck),
        "velocity_spread": float(struck.std()),
        "velocity_range": float(high - low),
        "velocity_accent": _mean(velocity[on_beat]) - _mean(velocity[off_beat]),
        "velocity_bar_change": _mean(np.abs(np.diff(means))),
    }


def _drums(strokes: np.ndarray, bass: _Part, everything: _Part) -> dict[str, float]:
    """Patterns of the drums; `strokes` is bool (steps, drums)."""
    names = (
        Curve.DENSITY, "backbeat", "kick_strong", "hat_similarity", "rhythm_change", "with_bass",
        "with_pitched",
    )  # fmt: skip
    if not strokes.any():
        return {f"drums_{name}": np.nan for name in names}
    struck = np.any(strokes, axis=1)
    kick, snare = (strokes[:, DRUM_PITCHES.index(pitch)] for pitch in (36, 38))
    hats = np.any(strokes[:, [DRUM_PITCHES.index(pitch) for pitch in (42, 46, 51)]], axis=1)
    bars = _bars(strokes).reshape(-1, STEPS_PER_BAR * strokes.shape[1])
    both = bars[1:].any(1) & bars[:-1].any(1)
    weak = np.arange(len(strokes)) % (2 * STEPS_PER_BEAT) == STEPS_PER_BEAT
    return {
        "drums_density": _mean(struck) * STEPS_PER_BEAT,
        "drums_backbeat": _share(snare, weak),
        "drums_kick_strong": _share(kick, _strong(len(strokes))),
        "drums_hat_similarity": _groove_similarity(hats),
        "drums_rhythm_change": _mean((bars[1:] != bars[:-1]).mean(1)[both]),
        "drums_with_bass": _share(kick, bass.struck),
        "drums_with_pitched": _share(struck, everything.struck),
    }


@cache
def _groups() -> tuple[tuple[Callable[[_Window], dict[str, float]], frozenset[str]], ...]:
    """Every group of descriptors: how it is measured, and the names of what comes out."""
    measures: list[Callable[[_Window], dict[str, float]]] = [
        lambda w: _rhythm(Part.MELODY, w.parts[Part.MELODY]),
        lambda w: _rhythm(Part.HARMONY, w.parts[Part.HARMONY]),
        lambda w: _rhythm(Part.BASS, w.parts[Part.BASS]),
        lambda w: _intervals(Part.MELODY, w.parts[Part.MELODY]),
        lambda w: _intervals(Part.BASS, w.parts[Part.BASS]),
        lambda w: _melody(w.parts[Part.MELODY]),
        lambda w: _accompaniment(w.parts),
        lambda w: _texture(w.parts, w.everything),
        lambda w: _pitch_classes(w.parts[Part.MELODY], w.everything, w.minor),
        lambda w: _vertical(w.parts, w.everything),
        lambda w: _chords(w.parts[Part.BASS], w.everything),
        lambda w: _motion(w.parts[Part.MELODY], w.parts[Part.BASS]),
        lambda w: _repetition(w.parts[Part.MELODY], w.everything),
        lambda w: _dynamics(w.parts),
        lambda w: _drums(w.strokes, w.parts[Part.BASS], w.everything),
    ]
    empty = _Window(np.zeros((BEATS_PER_BAR, NUM_CELLS), np.uint8), False)
    return tuple((measure, frozenset(measure(empty))) for measure in measures)
