"""Whether a melody is harmonised as its chords say: held-out songs of POP909 beside ours."""

from __future__ import annotations

from functools import partial

import numpy as np

from pixmus.check.descriptors import describe_window
from pixmus.chords import Chord
from pixmus.compose.conditions import MODE_COLUMN
from pixmus.ensembles import PARTS, Part
from pixmus.score.chords import HALF_BAR_STEPS
from pixmus.score.notes import CELL_PARTS
from pixmus.score.plan import HALVES
from pixmus.studies.realism import signed_aucs, together_auc
from pixmus.studies.score_model_notes import rows_of_cells
from pixmus.studies.score_model_windows import HeldOut, Section, mean_known
from pixmus.training.bootstrap import interval
from pixmus.training.chord_labels import labelled_chords
from pixmus.training.real_windows import NUM_BARS, Window, windows_of, write_for

LABELLED = "pop909"  # the corpus that notes its chords
PLAYED = 0.5  # of a window's bars the melody plays in at least
# A pad is made of noted chords in that corpus, so it says nothing of a harmonisation.
ACCOMPANIMENT = tuple(
    index for index, part in enumerate(PARTS) if part not in (Part.MELODY, Part.PAD, Part.DRUMS)
)


def harmony(study: HeldOut, scale: float, count: int) -> Section:
    """Share of the accompaniment's notes in the noted chord, and what tells it from the song's.

    `count` windows in which a melody plays, one of a song first; the melody is given whole, with
    the noted chords and without them. The AUC is that of gradient boosting on the accompaniment's
    descriptors, folds by song.
    """
    windows, chords = _labelled_windows(study, count)
    real = [_accompaniment(window.cells) for window in windows]
    names = [window.piece for window in windows]
    section: Section = {"windows": len(windows), "songs": len(set(names))}
    shares = np.array([share_in_chords(c, own) for c, own in zip(real, chords, strict=True)])
    section["real"] = {"in chords": mean_known(shares)}
    told = [_describe(cells, window) for cells, window in zip(real, windows, strict=True)]
    for name, known in (("chords given", True), ("melody alone", False)):
        made = [
            _accompaniment(
                write_for(
                    study.pipe,
                    window,
                    seed,
                    scale,
                    given=(Part.MELODY,),
                    chords=own if known else (),
                )
            )
            for seed, (window, own) in enumerate(zip(windows, chords, strict=True))
        ]
        shares = np.array([share_in_chords(c, own) for c, own in zip(made, chords, strict=True)])
        ours = [_describe(cells, window) for cells, window in zip(made, windows, strict=True)]
        alone = signed_aucs(np.stack(told), np.stack(ours))
        together, _ = together_auc(np.stack(told), np.stack(ours), names, names)
        section[name] = {
            "in chords": mean_known(shares),
            "interval": interval(partial(_mean_of, shares), names),
            "AUC": together,
            "best single AUC": float(np.abs(alone - 0.5).max() + 0.5),
        }
    return section


def _mean_of(shares: np.ndarray, rows: np.ndarray) -> float:
    return mean_known(shares[rows])


def _labelled_windows(study: HeldOut, count: int) -> tuple[list[Window], list[list[Chord | None]]]:
    """Held-out windows of songs with noted chords, a song's first before another's second."""
    found: list[tuple[int, Window, list[Chord | None]]] = []
    for encoded in study.pieces:
        if encoded.piece.corpus != LABELLED:
            continue
        noted = labelled_chords(encoded.piece)
        own = windows_of(encoded, study.tables)
        for place, window in enumerate(w for w in own if _sings(w)):
            first = HALVES * window.start
            found.append((place, window, noted[first : first + HALVES * NUM_BARS]))
    found.sort(key=lambda each: each[0])
    return [window for _, window, _ in found[:count]], [own for *_, own in found[:count]]


def _sings(window: Window) -> bool:
    rows = rows_of_cells(window.cells)
    melody = rows[rows[:, 0] == PARTS.index(Part.MELODY), 1]
    bars = np.unique(melody // (HALVES * HALF_BAR_STEPS))
    return len(bars) >= PLAYED * NUM_BARS and bool(np.isin(rows[:, 0], ACCOMPANIMENT).any())


def _accompaniment(cells: np.ndarray) -> np.ndarray:
    """The cells without melody, pad and drums."""
    return np.where(np.isin(CELL_PARTS, ACCOMPANIMENT), cells, 0).astype(np.uint8)


def _describe(cells: np.ndarray, window: Window) -> np.ndarray:
    return describe_window(cells, bool(window.conditions[0, MODE_COLUMN] > 0))


def share_in_chords(cells: np.ndarray, chords: list[Chord | None]) -> float:
    """Share of the notes whose pitch class is in the chord noted where they start; NaN: none."""
    right = []
    for _, onset, _, pitch, _ in rows_of_cells(cells):
        chord = chords[min(onset // HALF_BAR_STEPS, len(chords) - 1)]
        if chord is not None:
            right.append(pitch % 12 in {tone % 12 for tone in chord.pitch_classes})
    return float(np.mean(right)) if right else float("nan")
