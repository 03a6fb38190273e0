"""Chords of corpus pieces: those that people or programs noted where there are any, else read.

POP909 notes its chords in Harte's syntax ("B:min7/b3", Harte et al., ISMIR 2005), one line each
with its start and end in seconds; `label_rows` puts them on the grid of the song's beats.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pixmus.chords import Chord, Quality, parse_chord
from pixmus.ensembles import PARTS, Part
from pixmus.score.chords import HALF_BAR_STEPS, chord_rows, chords_of_rows, read_chords
from pixmus.score.grid import STEPS_PER_BEAT
from pixmus.training.corpus import Piece, load_pieces

_HARTE_QUALITIES = {
    "": Quality.MAJOR, "maj": Quality.MAJOR, "min": Quality.MINOR, "7": Quality.SEVENTH,
    "maj7": Quality.MAJOR_SEVENTH, "min7": Quality.MINOR_SEVENTH, "dim": Quality.DIMINISHED,
    "hdim7": Quality.HALF_DIMINISHED, "dim7": Quality.DIMINISHED_SEVENTH, "maj6": Quality.SIXTH,
    "aug": Quality.AUGMENTED, "sus2": Quality.SUSPENDED_SECOND, "min6": Quality.MINOR_SIXTH,
    "sus4": Quality.SUSPENDED_FOURTH, "sus4(b7)": Quality.SUSPENDED_SEVENTH,
    "9": Quality.SEVENTH, "maj9": Quality.MAJOR_SEVENTH, "min9": Quality.MINOR_SEVENTH,
    "minmaj7": Quality.MINOR,
}  # fmt: skip
_DEGREES = (0, 2, 4, 5, 7, 9, 11)  # of the major scale, in which Harte's basses count


def parse_harte(text: str) -> Chord | None:
    """The chord of a label such as "F#:min7/b3"; None for "N" and for a quality not known."""
    name, _, bass = text.partition("/")
    root_name, _, quality_name = name.partition(":")
    if quality_name not in _HARTE_QUALITIES:
        quality_name = quality_name.partition("(")[0]
    root = None if root_name in ("N", "X") else parse_chord(root_name)
    if root is None or quality_name not in _HARTE_QUALITIES:
        return None
    below = -1
    if bass:
        degree = int(bass.lstrip("#b"))
        below = _DEGREES[(degree - 1) % 7] + bass.count("#") - bass.count("b")
        below = (root.root + below) % 12
    return Chord(root.root, _HARTE_QUALITIES[quality_name], below)


def label_rows(lines: Sequence[Sequence[str]], beats: np.ndarray) -> np.ndarray:
    """Labels (start, end, name) on the grid: int16 (chords, 4), in order of onset.

    Columns are the onset step (counted from `beats[0]`, below 0 before it) and a row of
    `chord_rows`; a chord lasts until the next begins.
    """
    starts = [float(line[0]) for line in lines]
    rows = chord_rows([parse_harte(line[2]) for line in lines]).astype(np.int16)
    period = float(np.median(np.diff(beats)))
    position = np.interp(starts, beats, np.arange(len(beats)))
    position = np.where(starts < beats[0], (np.array(starts) - beats[0]) / period, position)
    onsets = np.round(position * STEPS_PER_BEAT).astype(np.int16)
    return np.concatenate([onsets[:, None], rows], axis=1)


def labelled_chords(piece: Piece, segment_steps: int = HALF_BAR_STEPS) -> list[Chord | None]:
    """Of every segment the chord that the corpus notes for most of it; None where it notes none."""
    num_segments = -(-piece.num_beats * STEPS_PER_BEAT // segment_steps)
    if not len(piece.chords):
        return [None] * num_segments
    steps = np.arange(num_segments * segment_steps)
    row = np.searchsorted(piece.chords[:, 0], steps, "right") - 1  # -1 before the first
    rows = row.reshape(num_segments, segment_steps)
    longest = [int(np.bincount(some + 1).argmax()) - 1 for some in rows]
    names = chords_of_rows(piece.chords[:, 1:])
    return [names[index] if index >= 0 else None for index in longest]


def piece_chords(piece: Piece, segment_steps: int = HALF_BAR_STEPS) -> list[Chord | None]:
    """The chord of every segment (half bar) of a piece, in C major or A minor.

    What the corpus notes where it notes any (POP909), else a reading of the notes; None where
    neither has a chord, which is where no pitched note sounds. A pad made from noted chords is not
    read.
    """
    notes = piece.notes
    if len(piece.chords):
        notes = notes[notes[:, 0] != PARTS.index(Part.PAD)]
    read = read_chords(notes, piece.num_beats * STEPS_PER_BEAT, segment_steps)
    noted = labelled_chords(piece, segment_steps)
    return [chord or reading for chord, reading in zip(noted, read, strict=True)]


# ------------------------------------------------------------------- How far the reading is right


def was_fitted_on(piece: Piece) -> bool:
    """Whether the constants of the reading were chosen on this piece, half of POP909's by sha1."""
    return int(hashlib.sha1(piece.name.encode()).hexdigest(), 16) % 2 == 0


def reading_agreement(piece: Piece) -> tuple[float, float, float, int]:
    """Shares of half bars whose reading has the noted root, root and third, and bass; how many.

    Of half bars that have a noted chord and in which a part other than the pad sounds. The third is
    that of the triad: major, minor, or none where it is suspended.
    """
    noted = labelled_chords(piece)
    rows = piece.notes[piece.notes[:, 0] != PARTS.index(Part.PAD)]
    read = read_chords(rows, piece.num_beats * STEPS_PER_BEAT)
    pairs = [(a, b) for a, b in zip(noted, read, strict=True) if a is not None and b is not None]
    if not pairs:
        return 0.0, 0.0, 0.0, 0
    root = [a.root == b.root for a, b in pairs]
    third = [_third(a) == _third(b) for a, b in pairs]
    bass = [a.bass == b.bass for a, b in pairs]
    both = np.logical_and(root, third)
    return float(np.mean(root)), float(both.mean()), float(np.mean(bass)), len(pairs)


def _third(chord: Chord) -> tuple[int, ...]:
    return tuple(tone for tone in chord.quality.tones if tone in (3, 4))


def main(argv: Sequence[str] | None = None) -> None:
    """`python -m pixmus.training.chord_labels CORPUS.npz`: the reading beside POP909's labels."""
    (path,) = sys.argv[1:] if argv is None else argv
    noted = [piece for piece in load_pieces(Path(path)) if len(piece.chords)]
    for fitted in (True, False):
        rows = np.array([reading_agreement(p) for p in noted if was_fitted_on(p) == fitted])
        rows = rows[rows[:, 3] > 0]
        print(
            f"{'the half fitted on' if fitted else 'the other half'}: {len(rows)} songs, ", end=""
        )
        print(f"{int(rows[:, 3].sum())} half bars")
        for column, what in enumerate(("root", "root and third", "lowest note")):
            mean = np.average(rows[:, column], weights=rows[:, 3])
            spread = np.percentile(rows[:, column], (0, 5, 25, 50, 75, 95))
            print(f"  {what}: {mean:.3f}; per song, percentiles 0 5 25 50 75 95: ", end="")
            print(" ".join(f"{value:.2f}" for value in spread))


if __name__ == "__main__":
    main()
