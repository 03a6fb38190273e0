"""What tells written music from real music in its notes: measures on note rows.

Rows are int (notes, 5): part, onset step, duration in steps, pitch, velocity, of a stretch in 4/4
from a downbeat, in C major or A minor. NaN stands where there is nothing to measure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from pixmus.chords import Chord
from pixmus.ensembles import PARTS, Part
from pixmus.score.chords import read_chords
from pixmus.score.grid import BEATS_PER_BAR, STEPS_PER_BEAT

STEPS_PER_BAR = BEATS_PER_BAR * STEPS_PER_BEAT
RUN = 4  # intervals of a melody's shape
PHRASE_BARS = 4
FEWEST_IN_PHRASE = 8  # onsets: fewer are too easily alike


def rows_of(notes: np.ndarray, part: str) -> np.ndarray:
    """The rows of one part, by onset and pitch."""
    rows = notes[notes[:, 0] == PARTS.index(part)]
    return rows[np.lexsort((rows[:, 3], rows[:, 1]))].astype(int)


def mean(values: Sequence[float] | np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def ragged_ends(notes: np.ndarray, part: str = Part.HARMONY) -> float:
    """Of strokes of two notes and more: distinct end times over notes, mean."""
    rows = rows_of(notes, part)
    shares = []
    for onset in np.unique(rows[:, 1]):
        ends = rows[rows[:, 1] == onset, 2]
        if len(ends) > 1:
            shares.append(len(np.unique(ends)) / len(ends))
    return mean(shares)


def shapes_recur(notes: np.ndarray, part: str = Part.MELODY) -> float:
    """Share of the part's runs of four intervals that occur more than once.

    Runs are alike when their intervals' signs and their notes' distances in time are.
    """
    rows = rows_of(notes, part)
    signs, gaps = np.sign(np.diff(rows[:, 3])), np.diff(rows[:, 1])
    runs = [
        (*signs[i : i + RUN].tolist(), *gaps[i : i + RUN].tolist())
        for i in range(len(signs) - RUN + 1)
    ]
    counts = Counter(runs)
    return mean([counts[run] > 1 for run in runs])


def chord_tones(notes: np.ndarray, chords: Sequence[Chord | None], part: str) -> float:
    """Share of the part's notes that belong to the chord of the half bar in which they start."""
    half = STEPS_PER_BAR // 2
    found = []
    for _, onset, _, pitch, _ in rows_of(notes, part):
        chord = chords[onset // half] if onset // half < len(chords) else None
        if chord is not None:
            found.append(pitch % 12 in chord.pitch_classes)
    return mean(found)


def harsh_strong_beats(notes: np.ndarray, num_bars: int) -> float:
    """Share of strong beats with two sounding notes or more on which any two clash.

    Strong are the first and third beats; a minor second or major seventh clashes, octaves aside.
    """
    rows = notes[notes[:, 0] != PARTS.index(Part.DRUMS)].astype(int)
    harsh = []
    for step in range(0, num_bars * STEPS_PER_BAR, STEPS_PER_BAR // 2):
        sounding = rows[(rows[:, 1] <= step) & (rows[:, 1] + rows[:, 2] > step), 3]
        if len(sounding) > 1:
            classes = np.unique(sounding % 12)
            apart = (classes[:, None] - classes[None]) % 12
            harsh.append(bool(np.isin(apart, (1, 11)).any()))
    return mean(harsh)


def line_shares(notes: np.ndarray, part: str) -> tuple[float, float]:
    """Of the part's intervals the share that repeat a pitch, and that move by 1 or 2 semitones."""
    intervals = np.abs(np.diff(rows_of(notes, part)[:, 3]))
    return mean(intervals == 0), mean((intervals == 1) | (intervals == 2))


def roots(notes: np.ndarray, num_bars: int, minor: bool) -> tuple[float, float]:
    """Share of beats whose chord has the tonic for its root, and changes of root a bar."""
    chords = read_chords(notes, num_bars * STEPS_PER_BAR, STEPS_PER_BEAT)
    found = np.array([chord.root for chord in chords if chord is not None])
    if len(found) < 2:
        return float("nan"), float("nan")
    return mean(found == (9 if minor else 0)), float((np.diff(found) != 0).sum() / num_bars)


def velocity_jump(notes: np.ndarray, part: str = Part.MELODY) -> float:
    """Mean absolute difference of neighbouring bars' mean velocities."""
    rows = rows_of(notes, part)
    rows = rows[rows[:, 4] > 0]
    bars = rows[:, 1] // STEPS_PER_BAR
    means = {bar: rows[bars == bar, 4].mean() for bar in np.unique(bars)}
    return mean([abs(means[bar] - means[bar - 1]) for bar in means if bar - 1 in means])


def melody_near(notes: np.ndarray) -> float:
    """Share of melody strokes within two semitones of a sounding note of another pitched part."""
    melody = rows_of(notes, Part.MELODY)
    skip = (PARTS.index(Part.MELODY), PARTS.index(Part.DRUMS))
    others = notes[~np.isin(notes[:, 0], skip)].astype(int)
    near = []
    for _, onset, _, pitch, _ in melody:
        sounding = others[(others[:, 1] <= onset) & (others[:, 1] + others[:, 2] > onset), 3]
        near.append(bool((np.abs(sounding - pitch) <= 2).any()))
    return mean(near)


def silent_melody(notes: np.ndarray, num_bars: int) -> float:
    """Share of bars in which the melody strikes no note."""
    bars = np.unique(rows_of(notes, Part.MELODY)[:, 1] // STEPS_PER_BAR)
    return 1 - len(bars) / num_bars


def phrase_returns(notes: np.ndarray, num_bars: int) -> np.ndarray:
    """Of every fourth bar's phrase of 4 bars its best F1 with any earlier 4 bars, (phrases,).

    Onsets and pitches of all pitched parts are compared; phrases of fewer than 8 are left out.
    """
    rows = notes[notes[:, 0] != PARTS.index(Part.DRUMS)].astype(int)
    size = PHRASE_BARS * STEPS_PER_BAR
    phrases = []
    for bar in range(num_bars - PHRASE_BARS + 1):
        inside = rows[
            (rows[:, 1] // STEPS_PER_BAR >= bar) & (rows[:, 1] // STEPS_PER_BAR < bar + 4)
        ]
        at = inside[:, 1] - bar * STEPS_PER_BAR
        phrases.append(np.unique((inside[:, 0] * size + at) * 128 + inside[:, 3]))
    found = []
    for bar in range(PHRASE_BARS, len(phrases), PHRASE_BARS):
        own = phrases[bar]
        if len(own) < FEWEST_IN_PHRASE:
            continue
        earlier = phrases[: bar - PHRASE_BARS + 1]
        found.append(
            max(
                2 * len(np.intersect1d(own, other, True)) / (len(own) + len(other))
                for other in earlier
            )
        )
    return np.array(found)


def loudness_spread(notes: np.ndarray, num_bars: int) -> float:
    """95th less 10th percentile of bars' loudness in dB, as velocities let expect it.

    A sampler's amplitude grows about with velocity squared, so a note's power with its fourth.
    """
    rows = notes[(notes[:, 0] != PARTS.index(Part.DRUMS)) & (notes[:, 4] > 0)]
    power = np.zeros(num_bars)
    np.add.at(power, np.clip(rows[:, 1] // STEPS_PER_BAR, 0, num_bars - 1), (rows[:, 4] / 127) ** 4)
    heard = 10 * np.log10(power[power > 0])
    return float(np.subtract(*np.percentile(heard, (95, 10)))) if len(heard) > 1 else float("nan")


def measure_all(
    notes: np.ndarray, num_bars: int, minor: bool, chords: Sequence[Chord | None] | None = None
) -> dict[str, float]:
    """Every measure of this module by name; chord tones against `chords` (half bars) or as read."""
    plan = read_chords(notes, num_bars * STEPS_PER_BAR) if chords is None else chords
    melody_repeats, melody_steps = line_shares(notes, Part.MELODY)
    tonic, changes = roots(notes, num_bars, minor)
    pitched = notes[notes[:, 0] != PARTS.index(Part.DRUMS)]
    return {
        "ragged ends": ragged_ends(notes),
        "shapes recur": shapes_recur(notes),
        "harsh strong beats": harsh_strong_beats(notes, num_bars),
        "melody chord tones": chord_tones(notes, plan, Part.MELODY),
        "harmony chord tones": chord_tones(notes, plan, Part.HARMONY),
        "bass chord tones": chord_tones(notes, plan, Part.BASS),
        "tonic share": tonic,
        "root changes": changes,
        "melody repeats": melody_repeats,
        "bass repeats": line_shares(notes, Part.BASS)[0],
        "melody steps": melody_steps,
        "melody near": melody_near(notes),
        "silent melody bars": silent_melody(notes, num_bars),
        "velocity jump": velocity_jump(notes),
        "onsets a bar": len(pitched) / num_bars,
        "melody onsets a bar": len(rows_of(notes, Part.MELODY)) / num_bars,
    }
