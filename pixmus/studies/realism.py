"""How generated music can be told from real music, by the descriptors of 8-bar windows.

Conventions: `real` and `made` are descriptors of windows (windows, descriptors), NaN where a
window has nothing to measure; `real_pieces` and `made_pieces` name the piece of every window, so
that nothing of one piece is learnt and tested at once. A piano-roll is uint8 (beats, NUM_CELLS).
An AUC of 0.5 means that the two cannot be told apart; 1 that they always can.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold

from pixmus.ensembles import PARTS, Part
from pixmus.score.grid import BEATS_PER_BAR, STEPS_PER_BEAT
from pixmus.score.notes import NUM_CELLS, PART_LAYOUTS, Note, decode_notes, encode_notes

SCALE = (0, 2, 4, 5, 7, 9, 11)  # C major; also A minor without its raised seventh
FOLDS = 5


# --------------------------------------------------------------------------- Telling them apart


def feature_aucs(real: np.ndarray, made: np.ndarray) -> np.ndarray:
    """AUC of every descriptor alone, 0.5..1 (descriptors,); 0.5 where one side has no values.

    The Mann-Whitney statistic over all pairs, folded so that the direction does not matter.
    """
    return np.abs(signed_aucs(real, made) - 0.5) + 0.5


def signed_aucs(real: np.ndarray, made: np.ndarray) -> np.ndarray:
    """Probability that a made window's descriptor is above a real one's (descriptors,)."""
    answers = np.full(real.shape[1], 0.5)
    for column in range(real.shape[1]):
        a = real[~np.isnan(real[:, column]), column]
        b = made[~np.isnan(made[:, column]), column]
        if len(a) and len(b):
            ranks = rankdata(np.concatenate([a, b]))
            above = ranks[len(a) :].sum() - len(b) * (len(b) + 1) / 2
            answers[column] = above / (len(a) * len(b))
    return answers


def together_auc(
    real: np.ndarray,
    made: np.ndarray,
    real_pieces: Sequence[str],
    made_pieces: Sequence[str],
    seed: int = 0,
) -> tuple[float, np.ndarray]:
    """AUC of gradient boosting on all descriptors, and every window's out-of-fold probability.

    Folds are grouped by piece; a piece's real and made windows stand in the same fold.
    """
    rows = np.concatenate([real, made])
    labels = np.repeat([0, 1], [len(real), len(made)])
    pieces = np.concatenate([np.asarray(real_pieces), np.asarray(made_pieces)])
    folds = GroupKFold(min(FOLDS, len(set(pieces.tolist()))))
    probabilities = np.full(len(rows), np.nan)
    for train, test in folds.split(rows, labels, pieces):
        model = HistGradientBoostingClassifier(
            max_iter=150, learning_rate=0.08, max_leaf_nodes=15, random_state=seed
        )
        known = ~np.isnan(rows[train]).all(0)  # a descriptor without any value cannot be cut
        model.fit(rows[train][:, known], labels[train])
        probabilities[test] = model.predict_proba(rows[test][:, known])[:, 1]
    return float(roc_auc_score(labels, probabilities)), probabilities


def overlap(real: np.ndarray, made: np.ndarray, bins: int = 12) -> float:
    """Overlapping area of two distributions of one quantity, 0..1 (Yang & Lerch 2020).

    Histograms over equal bins of the pooled range between the 1st and 99th percentile; what lies
    outside counts in the outermost bins.
    """
    real, made = real[~np.isnan(real)], made[~np.isnan(made)]
    if not len(real) or not len(made):
        return float("nan")
    low, high = np.percentile(np.concatenate([real, made]), [1, 99])
    if high <= low:
        return 1.0
    edges = np.linspace(low, high, bins + 1)
    shares = [
        np.histogram(np.clip(values, low, high), edges)[0] / len(values) for values in (real, made)
    ]
    return float(np.minimum(*shares).sum())


# ------------------------------------------------------------------- Music spoilt in known ways


def _notes(cells: np.ndarray, part: str) -> list[Note]:
    return decode_notes(part, cells[:, PART_LAYOUTS[part].cells])


def _encode(parts: dict[str, list[Note]], num_beats: int) -> np.ndarray:
    cells = np.zeros((num_beats, NUM_CELLS), np.uint8)
    for part, notes in parts.items():
        cells[:, PART_LAYOUTS[part].cells] = encode_notes(part, notes, num_beats)
    return cells


def random_in_key(cells: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As many notes of each part as there are, of the same lengths, anywhere on the scale.

    Steps are drawn evenly over the window, pitches evenly from the scale within the part's range
    in this window. Drums keep their counts per drum.
    """
    num_steps = len(cells) * STEPS_PER_BEAT
    parts: dict[str, list[Note]] = {}
    for part in PARTS:
        notes = _notes(cells, part)
        if not notes:
            continue
        pitches = [note.pitch for note in notes]
        steps = rng.integers(num_steps, size=len(notes)) / STEPS_PER_BEAT
        if part != Part.DRUMS:
            allowed = [p for p in range(min(pitches), max(pitches) + 1) if p % 12 in SCALE]
            pitches = rng.choice(allowed or pitches, len(notes)).tolist()
        parts[part] = [
            Note(float(step), int(pitch), note.duration, note.velocity)
            for step, pitch, note in zip(steps, pitches, notes, strict=True)
        ]
    return _encode(parts, len(cells))


def pitches_moved(cells: np.ndarray, rng: np.random.Generator, share: float = 0.1) -> np.ndarray:
    """A share of all pitched notes a semitone up or down."""
    parts: dict[str, list[Note]] = {}
    for part in PARTS:
        notes = _notes(cells, part)
        if part != Part.DRUMS:
            moved = (rng.random(len(notes)) < share) * rng.choice([-1, 1], len(notes))
            notes = [
                Note(note.onset, note.pitch + int(by), note.duration, note.velocity)
                for note, by in zip(notes, moved, strict=True)
            ]
        parts[part] = notes
    return _encode(parts, len(cells))


def bars_shuffled(cells: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The bars in another order; notes end with their bar."""
    num_bars = len(cells) // BEATS_PER_BAR
    order = rng.permutation(num_bars)
    place = {int(bar): index for index, bar in enumerate(order)}
    parts: dict[str, list[Note]] = {}
    for part in PARTS:
        parts[part] = []
        for note in _notes(cells, part):
            bar = int(note.onset // BEATS_PER_BAR)
            if bar not in place:
                continue
            onset = note.onset + BEATS_PER_BAR * (place[bar] - bar)
            end = min(note.onset + note.duration, BEATS_PER_BAR * (bar + 1))
            parts[part].append(Note(onset, note.pitch, end - note.onset, note.velocity))
    return _encode(parts, len(cells))


# ------------------------------------------------------------------------------- Styles


class StyleClassifier:
    """Names the style of a window from its descriptors.

    Fitted on real windows that were all reduced to the parts that every style has, so that the
    parts do not give the answer away; descriptors without values there are left out.
    """

    def __init__(self, rows: np.ndarray, styles: Sequence[str], seed: int = 0) -> None:
        self.columns = ~np.isnan(rows).all(0)
        self.model = HistGradientBoostingClassifier(
            max_iter=200,
            learning_rate=0.08,
            max_leaf_nodes=15,
            class_weight="balanced",
            random_state=seed,
        )
        self.model.fit(rows[:, self.columns], np.asarray(styles))

    def accuracy(self, rows: np.ndarray, styles: Sequence[str]) -> dict[str, float]:
        """Share of windows of each style that are named so, and their mean as "mean"."""
        named = self.model.predict(rows[:, self.columns])
        asked = np.asarray(styles)
        shares = {
            str(style): float((named[asked == style] == style).mean()) for style in np.unique(asked)
        }
        return shares | {"mean": float(np.mean(list(shares.values())))}
