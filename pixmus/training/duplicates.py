"""Near-duplicates: pieces that hold the same tune, in whatever key.

A tune is known by its n-grams: runs of `N` notes of the melody, each note by its interval to the
next and the steps until that one starts. Both are the same in every key and at every tempo; half or
double time and altered rhythms are not found. Two pieces are near-duplicates when they share at
least `SHARED` of the n-grams of the one that has fewer.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from pixmus.ensembles import PARTS, Part
from pixmus.training.corpus import Ledger, Piece

N = 7
SHARED = 0.4
FEWEST_NGRAMS = 24  # a tune of fewer different n-grams says too little
LARGEST_STEP = 64  # longer rests are all the same
HELD_OUT_FIRST = ("test", "validation", "training")

NEAR_DUPLICATE = "the same tune as another file"
ANOTHER_STRETCH = "a stretch of a file that is held out"


def tune_ngrams(piece: Piece) -> set[int]:
    """Hashes of the n-grams of a piece's tune: its melody, or its highest pitched part's top line.

    An n-gram whose notes are all one pitch is left out: repeated notes are nobody's tune.
    """
    rows = piece.notes[piece.notes[:, 0] == PARTS.index(Part.MELODY)]
    if len(rows) < 2 * N:
        pitched = piece.notes[piece.notes[:, 0] != PARTS.index(Part.DRUMS)]
        parts = np.unique(pitched[:, 0])
        if not len(parts):
            return set()
        means = [pitched[pitched[:, 0] == part, 3].mean() for part in parts]
        rows = pitched[pitched[:, 0] == parts[int(np.argmax(means))]]
    # The highest note of every onset: sorted by onset, then pitch, the last of its onset.
    rows = rows[np.lexsort((rows[:, 3], rows[:, 1]))].astype(np.int64)
    rows = rows[np.append(np.diff(rows[:, 1]) > 0, True)] if len(rows) else rows
    if len(rows) <= N:
        return set()
    intervals = np.diff(rows[:, 3])
    steps = np.minimum(np.diff(rows[:, 1]), LARGEST_STEP)
    moves = np.stack([intervals, steps], 1)  # (notes - 1, 2)
    windows = np.lib.stride_tricks.sliding_window_view(moves, N, axis=0)  # (n-grams, 2, N)
    moving = windows[:, 0].any(1)
    return {hash(window.tobytes()) for window in np.ascontiguousarray(windows[moving])}


def near_duplicates(pieces: list[Piece]) -> list[list[int]]:
    """Groups (two or more indices into `pieces`) of pieces joined by shared tunes."""
    tunes = [tune_ngrams(piece) for piece in pieces]
    tunes = [tune if len(tune) >= FEWEST_NGRAMS else set() for tune in tunes]
    counts = Counter(ngram for tune in tunes for ngram in tune)
    columns = {ngram: i for i, ngram in enumerate(g for g, n in counts.items() if n > 1)}
    entries = [(i, columns[g]) for i, tune in enumerate(tunes) for g in tune if g in columns]
    if not entries:
        return []
    row, column = np.array(entries).T
    has = sparse.csr_matrix(
        (np.ones(len(row)), (row, column)), shape=(len(pieces), len(columns))
    )  # (pieces, n-grams)
    shared = sparse.coo_matrix(has @ has.T)
    sizes = np.array([len(tune) for tune in tunes])
    fewer = np.minimum(sizes[shared.row], sizes[shared.col])
    same = shared.data >= SHARED * fewer
    joined = sparse.coo_matrix(
        (np.ones(same.sum()), (shared.row[same], shared.col[same])), shape=(len(pieces),) * 2
    )
    _, labels = connected_components(joined, directed=False)
    groups: dict[int, list[int]] = {}
    for index, label in enumerate(labels):
        groups.setdefault(int(label), []).append(index)
    return [group for group in groups.values() if len(group) > 1]


def drop_near_duplicates(pieces: list[Piece], ledger: Ledger) -> list[Piece]:
    """One file of every tune, and all stretches of one file on one side of the split.

    Kept is what is held out, test before validation before training, so that nothing trained on is
    measured on. Stretches of one file ("name#1") may share tunes, as music repeats itself.
    """
    files = [(piece.corpus, piece.name.split("#")[0]) for piece in pieces]
    sides = [HELD_OUT_FIRST.index(piece.split) for piece in pieces]
    why: dict[int, str] = {}
    for group in near_duplicates(pieces):
        kept = min(group, key=lambda index: (sides[index], index))
        why |= {index: NEAR_DUPLICATE for index in group if files[index] != files[kept]}
    side_of_file: dict[tuple[str, str], int] = {}
    for file, side in zip(files, sides, strict=True):
        side_of_file[file] = min(side, side_of_file.get(file, side))
    for index, (file, side) in enumerate(zip(files, sides, strict=True)):
        if side != side_of_file[file]:
            why.setdefault(index, ANOTHER_STRETCH)
    for index, reason in why.items():
        ledger.leave_out(pieces[index].corpus, reason)
    return [piece for index, piece in enumerate(pieces) if index not in why]


def files_on_two_sides(pieces: list[Piece]) -> int:
    """How many tunes or files have pieces on more than one side of the split."""
    groups = near_duplicates(pieces)
    by_file: dict[tuple[str, str], list[int]] = {}
    for index, piece in enumerate(pieces):
        by_file.setdefault((piece.corpus, piece.name.split("#")[0]), []).append(index)
    return sum(len({pieces[i].split for i in group}) > 1 for group in [*groups, *by_file.values()])
