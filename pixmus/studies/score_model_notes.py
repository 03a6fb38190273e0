"""The score model's notes, measure by measure, beside real music: windows, phrases and takes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from pixmus.check.remarks import note_rows
from pixmus.check.voicing import measure_all, phrase_returns
from pixmus.compose.draft import blank_draft
from pixmus.cues.sheet import CueSheet
from pixmus.ensembles import PARTS, STYLES, Part
from pixmus.keys import key_is_major
from pixmus.score.chords import read_chords
from pixmus.score.grid import BEATS_PER_BAR, STEPS_PER_BEAT
from pixmus.score.notes import PART_LAYOUTS, Score, decode_notes
from pixmus.score.plan import Approach, approach_of, tonic_of
from pixmus.studies.score_model_windows import HeldOut, Section, mean_known
from pixmus.training.bootstrap import interval
from pixmus.training.real_windows import NUM_BARS, Window

OF_VELOCITY = "velocity jump"
SILENT = 0.5  # of its bars: a melody that starts no note in more of them is silent
MIDDLE = (25, 75)  # percentiles: real music's middle half


def rows_of_cells(cells: np.ndarray) -> np.ndarray:
    """A window's notes as `check.voicing` reads them, int (notes, 5)."""
    rows = [
        (
            index,
            round(note.onset * STEPS_PER_BEAT),
            max(1, round(note.duration * STEPS_PER_BEAT)),
            note.pitch,
            note.velocity,
        )
        for index, part in enumerate(PARTS)
        for note in decode_notes(part, cells[:, PART_LAYOUTS[part].cells])
    ]
    return np.array(rows, int).reshape(-1, 5)


def measure_windows(
    windows: Sequence[Window], cells: Sequence[np.ndarray]
) -> dict[str, np.ndarray]:
    """Every measure of `check.voicing` over windows, (windows,); NaN where there is nothing."""
    found = [
        measure_all(rows_of_cells(c), NUM_BARS, w.minor)
        for c, w in zip(cells, windows, strict=True)
    ]
    table = {name: np.array([row[name] for row in found]) for name in found[0]}
    table[OF_VELOCITY][~np.array([window.has_velocity for window in windows])] = np.nan
    return table


def _mean_of(values: np.ndarray, rows: np.ndarray) -> float:
    return mean_known(values[rows])


def notes(study: HeldOut, scale: float) -> Section:
    """Means of every measure of `check.voicing`, real and made, with intervals over pieces."""
    real = measure_windows(study.windows, study.real)
    made = measure_windows(study.windows, study.made(scale))
    return {
        name: {
            "real": mean_known(real[name]),
            "made": mean_known(made[name]),
            "interval": interval(partial(_mean_of, made[name]), study.names),
        }
        for name in real
    }


def phrases(study: HeldOut, takes: Sequence[tuple[CueSheet, Score]]) -> Section:
    """Best F1 of 4-bar phrases with an earlier one: real pieces' middle half, takes' median."""
    section: Section = {}
    for style in STYLES:
        real = [
            phrase_returns(e.piece.notes, e.num_bars)
            for e in study.pieces
            if e.piece.style == style
        ]
        made = [
            phrase_returns(note_rows(score), _num_bars(score))
            for sheet, score in takes
            if sheet.style == style
        ]
        pooled = [np.concatenate(group) if group else np.zeros(0) for group in (real, made)]
        if not all(len(values) for values in pooled):
            continue
        low, high = np.percentile(pooled[0], MIDDLE)
        median = float(np.median(pooled[1]))
        section[style] = {
            "real": float(np.median(pooled[0])),
            "middle half": [float(low), float(high)],
            "made": median,
            "inside": bool(low <= median <= high),
        }
    return section


def whole_takes(study: HeldOut, takes: Sequence[tuple[CueSheet, Score]]) -> Section:
    """Melodies that are silent although the ensemble has one, and what leads to last chords."""
    silent, led = [], []
    for sheet, score in takes:
        if Part.MELODY in sheet.parts:
            bars = {int(note.onset // BEATS_PER_BAR) for note in score.parts.get(Part.MELODY, ())}
            silent.append(1 - len(bars) / _num_bars(score) > SILENT)
        led.append(_approach(sheet, score))
    shares = {str(kind): float(np.mean([kind == other for other in led])) for kind in Approach}
    return {
        "takes": len(takes),
        "takes with a melody": len(silent),
        "silent melody": int(sum(silent)),
        "before the last chord": shares,
    }


def _num_bars(score: Score) -> int:
    last = max((note.onset for part in score.parts.values() for note in part), default=0.0)
    return int(last // BEATS_PER_BAR) + 1


def _approach(sheet: CueSheet, score: Score) -> Approach | None:
    """What stands on the beat before the last chord; None where nothing sounds there."""
    final = blank_draft(sheet, score.tempo_map).spans[-1][0].final_beat
    minor = not key_is_major(score.key)
    rows = note_rows(score)
    before = read_chords(
        rows[rows[:, 1] < final * STEPS_PER_BEAT], final * STEPS_PER_BEAT, STEPS_PER_BEAT
    )
    known = [chord for chord in before if chord is not None]
    return approach_of(known[-1], tonic_of(minor)) if known else None
