"""Whether the chords that are asked for are heard: the share of half bars whose notes fit them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pixmus.chords import Chord
from pixmus.cues.sheet import CueSheet
from pixmus.ensembles import PARTS, Part
from pixmus.keys import spell_key
from pixmus.score.chord_chart import over_bars, read_chart
from pixmus.score.notes import Score
from pixmus.score.plan import HALVES
from pixmus.studies.runner import Result, Run
from pixmus.take.pipeline import PixMusPipeline

FITS = 0.75  # share of the sounding time in the chord from which on a half bar fits it
# Of each: the key, and chords that its music would rarely play by itself among those it would.
CHARTS = (
    ("A minor", "Am F C G"),
    ("C major", "| C G/B | Am7 Em | Fmaj7 C/E | Dm7 Gsus4 |"),
    ("C# major", "Db:2 Bbm7 Gb6 Absus2"),
    ("D minor", "| Dm Bdim | Em7b5 A7 | Faug Bb | Gm C7 |"),
)
SEEDS = (1, 2)
TUNES = (Part.MELODY, Part.COUNTER)  # whose notes pass and wait between the tones of a chord


def measure_chords(run: Run, pipe: PixMusPipeline, sheet: CueSheet, num_steps: int) -> Result:
    """Shares for every chart: asked for, and by the same seed without; see `chord_fits`."""
    rows, asked_for, without = [], list[np.ndarray](), list[np.ndarray]()
    for key, chart in CHARTS:
        sheet = replace(sheet, key=spell_key(key), tempo_fixed=False)
        fits = list[np.ndarray]()
        for seed in SEEDS:
            score = pipe.compose(sheet, seed=seed, num_inference_steps=num_steps, chords=chart)
            fits.append(_shares(score, chart))
        free = pipe.compose(sheet, seed=SEEDS[0], num_inference_steps=num_steps)
        asked_for += fits
        without.append(_shares(free, chart))
        rows.append({"key": key, "chart": chart, **_told(fits, without[-1:])})
        run.tell(f"{key}: {chart}")
    return {"fits": FITS, "seeds": list(SEEDS), "rows": rows, "all": _told(asked_for, without)}


def chord_fits(
    score: Score, asked: Sequence[Chord | None], parts: Sequence[str] = PARTS
) -> np.ndarray:
    """How much of the sounding time of every half bar is in the chord asked for, 0..1.

    (half bars that have a chord and in which a pitched note of `parts` sounds,); in order. Sounding
    time is the sum over notes of how long each sounds in the half bar, so a chord of three notes
    counts thrice; a note is in the chord where its pitch class is one of the chord's or its bass.
    `asked` is a chord for every half bar of the score's bars. Where a bar has 2 beats only its
    first half is looked at.
    """
    starts = score.tempo_map.bar_starts
    lengths = score.tempo_map.bar_lengths
    notes = np.array(
        [
            (note.onset, note.onset + note.duration, note.pitch % 12)
            for part in parts
            for note in (score.parts.get(part, ()) if part != Part.DRUMS else ())
        ]
    ).reshape(-1, 3)
    shares = []
    for half, chord in enumerate(asked[: HALVES * len(starts)]):
        bar, second = divmod(half, HALVES)
        start, end = starts[bar] + 2 * second, starts[bar] + min(2 * second + 2, lengths[bar])
        sounding = np.clip(np.minimum(notes[:, 1], end) - np.maximum(notes[:, 0], start), 0, None)
        if chord is None or not sounding.any():
            continue
        inside = np.isin(notes[:, 2], [*chord.pitch_classes, chord.bass])
        shares.append(sounding[inside].sum() / sounding.sum())
    return np.array(shares)


def _shares(score: Score, chart: str) -> np.ndarray:
    """The shares of all parts and of those that accompany, float (2, half bars that both have)."""
    asked = over_bars(read_chart(chart), len(score.tempo_map.bar_starts))
    every = chord_fits(score, asked)
    below = chord_fits(score, asked, [part for part in PARTS if part not in TUNES])
    most = max(len(every), len(below))
    return np.array([np.pad(s, (0, most - len(s)), constant_values=np.nan) for s in (every, below)])


def _told(fits: Sequence[np.ndarray], without: Sequence[np.ndarray]) -> Result:
    """Shares of half bars that fit, of all parts and of those that accompany."""
    asked, free = (np.concatenate(list(shares), axis=1) for shares in (fits, without))
    return {
        "half_bars": int((~np.isnan(asked[0])).sum()),
        "fit": _fitting(asked[0]),
        "fit_below_the_tunes": _fitting(asked[1]),
        "time_inside": round(float(np.nanmean(asked[0])), 4),
        "fit_without": _fitting(free[0]),
    }


def _fitting(shares: np.ndarray) -> float:
    return round(float((shares[~np.isnan(shares)] >= FITS).mean()), 4)
