"""Whether composed lines are copied from the training pieces, measured beside real songs.

    index = LineIndex(lines, groups)             # training lines
    index.copied(line)                           # a composed line, or a held-out song's
    index.copied(line, without="pop909/001")     # a training song's, its own work left out

Conventions: a *line* is what one single-voiced part plays, int64 (notes, 2): onset step and pitch,
in order of onset, one note an onset. A *group* is the work that a line comes from: stretches of one
work may copy each other freely. What counts as much is decided by real songs: the same function on
held-out pieces, of about as many notes, against the same index.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from pixmus.ensembles import PARTS, Part
from pixmus.score.grid import STEPS_PER_BEAT
from pixmus.score.notes import PART_LAYOUTS, Note, Score, fold_pitch

NUM_NOTES = 8  # a shorter run is in many songs
MIN_PITCHES = 3  # a run on one or two pitches is a pulse, not a pattern
MAX_INTERVAL = 24  # semitones; a larger leap counts as this
MAX_GAP = 63  # steps between onsets; a longer rest counts as this


def make_line(onset_steps: Iterable[int], pitches: Iterable[int]) -> np.ndarray:
    """The line of a part's notes: at each onset step the highest pitch."""
    top: dict[int, int] = {}
    for step, pitch in zip(onset_steps, pitches, strict=True):
        top[int(step)] = max(int(pitch), top.get(int(step), 0))
    return np.array(sorted(top.items()), np.int64).reshape(-1, 2)


def line_of_notes(part: str, notes: Sequence[Note]) -> np.ndarray:
    """The line of a score's part (not drums), on the grid and in the part's range."""
    steps = [round(note.onset * STEPS_PER_BEAT) for note in notes]
    return make_line(steps, [fold_pitch(part, note.pitch) for note in notes])


def line_of_score(score: Score, part: str = Part.MELODY) -> np.ndarray:
    """The line of one of the score's parts; empty where it does not play."""
    return line_of_notes(part, score.parts.get(part, ()))


def line_of_cells(cells: np.ndarray, part: str = Part.MELODY) -> np.ndarray:
    """The line of a part of a piano-roll, uint8 (beats, NUM_CELLS)."""
    layout = PART_LAYOUTS[part]
    onsets = cells[:, layout.onsets].reshape(-1, layout.num_pitches)
    steps, rows = np.nonzero(onsets)
    return make_line(steps, layout.lowest_pitch + rows)


def line_of_rows(rows: np.ndarray, part: str = Part.MELODY) -> np.ndarray:
    """The line of a part of a corpus piece; `rows` as in `Piece.notes`."""
    rows = rows[rows[:, 0] == PARTS.index(part)]
    return make_line(rows[:, 1], [fold_pitch(part, int(pitch)) for pitch in rows[:, 3]])


def work_of(corpus: str, name: str) -> str:
    """The group of a corpus piece: a work's later stretches are named "work#1", "work#2"."""
    return f"{corpus}/{name.split('#')[0]}"


def _intervals(line: np.ndarray) -> np.ndarray:
    return np.clip(np.diff(line[:, 1]), -MAX_INTERVAL, MAX_INTERVAL) + MAX_INTERVAL


# ------------------------------------------------------------------------------- Copied patterns


@dataclass(frozen=True)
class Copying:
    """`share` of the line's notes in a copied run, 0..1 (NaN for a line shorter than a run);
    `longest` run in notes, 0 when none is copied; `source` the group it is from, "" for none.
    """

    share: float
    longest: int
    source: str


class LineIndex:
    """All runs of eight notes of a set of lines, for finding where a line repeats them.

    A run is known by its 7 intervals and 7 inter-onset times, so transposition does not hide it;
    without `with_rhythm` by the intervals alone. Runs of fewer than three different pitches are
    passed over. Runs are found by 64-bit hashes.
    """

    def __init__(
        self,
        lines: Sequence[np.ndarray],
        groups: Sequence[str],
        with_rhythm: bool = True,
        num_notes: int = NUM_NOTES,
    ) -> None:
        assert len(lines) == len(groups), f"{len(lines)=} {len(groups)=}"
        assert num_notes >= 2, f"{num_notes=}"
        self.with_rhythm = with_rhythm
        self.num_notes = num_notes
        self.names = sorted(set(groups))
        number = {name: index for index, name in enumerate(self.names)}
        runs = [self._runs(line) for line in lines]
        # Places count through all lines; a gap of one keeps runs from crossing into the next.
        begins = np.cumsum([0, *[len(line) + 1 for line in lines]])
        places = [begin + starts for begin, (starts, _) in zip(begins, runs, strict=False)]
        owners = [
            np.full(len(starts), number[group])
            for (starts, _), group in zip(runs, groups, strict=True)
        ]
        empty = np.zeros(0, np.int64)
        all_hashes = np.concatenate([empty.astype(np.uint64), *[hashes for _, hashes in runs]])
        order = np.argsort(all_hashes, kind="stable")
        self._hashes = all_hashes[order]
        self._places = np.concatenate([empty, *places])[order]
        self._owners = np.concatenate([empty, *owners])[order]

    def _runs(self, line: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First note (int64) and hash (uint64) of every run of the line that is a pattern."""
        if len(line) < self.num_notes:
            return np.zeros(0, np.int64), np.zeros(0, np.uint64)
        tokens = _intervals(line)
        if self.with_rhythm:
            tokens = tokens * (MAX_GAP + 1) + np.clip(np.diff(line[:, 0]), 1, MAX_GAP)
        windows = np.lib.stride_tricks.sliding_window_view(tokens, self.num_notes - 1)
        # Polynomial hash modulo 2**64 of tokens that were scattered by an odd factor first.
        scattered = (windows.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        scattered ^= scattered >> np.uint64(29)
        powers = np.array(
            [pow(0xD6E8FEB86659FD93, power, 2**64) for power in range(self.num_notes - 1)],
            np.uint64,
        )
        hashes = (scattered * powers).sum(1, dtype=np.uint64)
        pitches = np.sort(np.lib.stride_tricks.sliding_window_view(line[:, 1], self.num_notes))
        starts = np.flatnonzero((np.diff(pitches) > 0).sum(1) >= MIN_PITCHES - 1)
        return starts, hashes[starts]

    def copied(self, line: np.ndarray, without: str | None = None) -> Copying:
        """What share of a line lies in runs that the indexed lines have too, and the longest.

        `without` names a group that does not count: the line's own when it is in the index.
        Reference: held-out songs against the same index. Share and longest grow with the size of
        the index, so compare only within one.
        """
        if len(line) < self.num_notes:
            return Copying(float("nan"), 0, "")
        starts, hashes = self._runs(line)
        own = self.names.index(without) if without in self.names else -1
        low = np.searchsorted(self._hashes, hashes, "left")
        high = np.searchsorted(self._hashes, hashes, "right")
        covered = np.zeros(len(line), bool)
        before = lengths = np.zeros(0, np.int64)
        longest, source = 0, ""
        previous = -2
        for start, first, last in zip(starts, low, high, strict=True):
            found = slice(int(first), int(last))
            places, owners = self._places[found], self._owners[found]
            places, owners = places[owners != own], owners[owners != own]
            if len(places):
                covered[start : start + self.num_notes] = True
            # A run goes on where the place before was found for the note before.
            grown = np.ones(len(places), np.int64)
            if len(before) and len(places) and start == previous + 1:
                at = np.minimum(np.searchsorted(before, places - 1), len(before) - 1)
                grown += np.where(before[at] == places - 1, lengths[at], 0)
            if len(grown) and int(grown.max()) + self.num_notes - 1 > longest:
                longest = int(grown.max()) + self.num_notes - 1
                source = self.names[int(owners[grown.argmax()])]
            # The places of one hash are in rising order.
            before, lengths, previous = places, grown, start
        return Copying(float(covered.mean()), longest, source)


# ------------------------------------------------------------------------------- Nearest line

GRAM = 4  # intervals


@dataclass(frozen=True)
class Nearest:
    """The most similar line's similarity, 0..1 (NaN for a line too short), and its group."""

    similarity: float
    group: str


class NearestLine:
    """The melodic similarity of a line to the nearest of a set of lines.

    Cosine of the two lines' counts of 4-grams of intervals (five notes, any transposition and
    rhythm, those on one or two pitches left out), each weighted by its rarity among the lines,
    log((1 + lines) / (1 + lines with it)) + 1 (TF-IDF as in Salton & Buckley 1988): 1 for a line
    with the same grams, 0 for none in common.
    Interval n-grams follow Downie (1999), "Evaluating a simple approach to music information
    retrieval". A long line has more in common with any other, so compare equal lengths.
    """

    def __init__(self, lines: Sequence[np.ndarray], groups: Sequence[str]) -> None:
        assert len(lines) == len(groups), f"{len(lines)=} {len(groups)=}"
        self.groups = np.array(groups, dtype=str)
        grams = [self._grams(line) for line in lines]
        counts = [np.unique(row, return_counts=True) for row in grams]
        pointers = np.cumsum([0, *[len(codes) for codes, _ in counts]])
        codes = np.concatenate([np.zeros(0, np.int64), *[codes for codes, _ in counts]])
        values = np.concatenate([np.zeros(0), *[value for _, value in counts]])
        self._known, columns = np.unique(codes, return_inverse=True)
        with_it = np.bincount(columns, minlength=len(self._known))
        self._rarest = np.log(1 + len(lines)) + 1
        self._rarity = self._rarest - np.log(1 + with_it)
        values = values * self._rarity[columns]
        rows = np.repeat(np.arange(len(lines)), np.diff(pointers))
        norms = np.sqrt(np.bincount(rows, weights=values**2, minlength=len(lines)))
        self._lines = sparse.csr_matrix(
            (values / np.maximum(norms, 1e-12)[rows], columns, pointers),
            shape=(len(lines), len(self._known)),
        )

    @staticmethod
    def _grams(line: np.ndarray) -> np.ndarray:
        """A code of every 4-gram of intervals, int64."""
        if len(line) <= GRAM:
            return np.zeros(0, np.int64)
        pitches = np.sort(np.lib.stride_tricks.sliding_window_view(line[:, 1], GRAM + 1))
        patterns = (np.diff(pitches) > 0).sum(1) >= MIN_PITCHES - 1
        windows = np.lib.stride_tricks.sliding_window_view(_intervals(line), GRAM)[patterns]
        return np.asarray(windows @ (2 * MAX_INTERVAL + 1) ** np.arange(GRAM))

    def nearest(self, line: np.ndarray, without: str | None = None) -> Nearest:
        """The nearest indexed line; `without` names a group that does not count."""
        codes, counts = np.unique(self._grams(line), return_counts=True)
        others = self.groups != (without or "")
        if not len(codes) or not others.any():
            return Nearest(float("nan"), "")
        at = np.searchsorted(self._known, codes)
        known = at < len(self._known)
        known[known] = self._known[at[known]] == codes[known]
        weights = np.full(len(codes), self._rarest)
        weights[known] = self._rarity[at[known]]
        weights = weights * counts
        vector = np.zeros(len(self._known))
        vector[at[known]] = weights[known] / np.linalg.norm(weights)
        similarity = np.where(others, self._lines @ vector, -1.0)
        best = int(similarity.argmax())
        return Nearest(min(1.0, float(similarity[best])), str(self.groups[best]))
