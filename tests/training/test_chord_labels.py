"""Chord labels of POP909's kind, and which chords a corpus piece has."""

from pathlib import Path

import numpy as np
import pytest

from pixmus.chords import Chord, Quality, parse_chord
from pixmus.training.chord_labels import (
    label_rows,
    labelled_chords,
    parse_harte,
    piece_chords,
    reading_agreement,
)
from pixmus.training.corpus import Piece, load_pieces, save_pieces
from pixmus.training.voices import make_piece

BEATS = np.arange(65) * 0.5  # 120 beats a minute, 16 bars
PROGRESSION = ("D:maj", "A:maj/3", "B:min7", "G:maj")  # a bar each, in D major
IN_C = [parse_chord(name) for name in ("C", "G/B", "Am7", "F")]


def song(labels: list[list[str]], bars: int = 16) -> Piece:
    """The progression as plain chords over a bass, with labels of one's own."""
    parts: dict[str, list] = {"melody": [], "harmony": [], "bass": [], "pad": []}
    for bar in range(bars):
        chord = parse_harte(PROGRESSION[bar % 4])
        assert chord is not None
        parts["bass"].append((16 * bar, 16, 36 + chord.bass, 80))
        parts["melody"] += [
            (16 * bar + 4 * k, 4, 72 + chord.pitch_classes[k % 3], 80) for k in (0, 1)
        ]
        for part in ("harmony", "pad"):
            parts[part] += [(16 * bar, 16, 60 + tone, 80) for tone in chord.pitch_classes]
    piece = make_piece("pop909", "song", parts, 120.0, "D:maj", chords=label_rows(labels, BEATS))
    assert piece is not None and piece.tonic == 2
    return piece


def labels(bars: int = 16) -> list[list[str]]:
    return [[str(2 * b), str(2 * b + 2), PROGRESSION[b % 4]] for b in range(bars)]


@pytest.mark.parametrize(
    ("text", "chord"),
    [
        ("B:maj", Chord(11)),
        ("Eb:min/b3", Chord(3, Quality.MINOR, 6)),
        ("C:maj/5", Chord(0, bass=7)),
        ("F#:sus4(b7)", Chord(6, Quality.SUSPENDED_SEVENTH)),
        ("E:maj(9)", Chord(4)),
        ("D:hdim7/b7", Chord(2, Quality.HALF_DIMINISHED, 0)),
        ("N", None),
        ("C:11", None),
    ],
)
def test_harte_labels(text: str, chord: Chord | None) -> None:
    assert parse_harte(text) == chord


def test_labels_lie_on_the_grid() -> None:
    rows = label_rows([["-0.5", "0.26", "C:maj"], ["0.26", "1.0", "N"]], BEATS)
    assert rows.tolist() == [[-4, 0, 0, 0], [2, -1, -1, -1]]


def test_noted_chords_are_transposed_with_the_piece() -> None:
    piece = song(labels())
    assert piece_chords(piece) == [chord for _ in range(4) for chord in IN_C for _ in range(2)]
    assert labelled_chords(piece, 16) == IN_C * 4
    assert reading_agreement(piece)[0] == 1.0


def test_without_labels_the_notes_are_read() -> None:
    assert piece_chords(song([]), 16) == [IN_C[0], IN_C[1], IN_C[2], IN_C[3]] * 4


def test_where_no_chord_is_noted_the_notes_are_read() -> None:
    some = [["0", "8", "N"], *labels()[4:]]
    assert piece_chords(song(some), 16) == IN_C * 4


def test_chords_count_from_the_first_bar_that_sounds() -> None:
    late = [["0", "2", "N"], ["2", "32", "D:maj"]]

    moved = make_piece(
        "pop909",
        "late",
        {"harmony": [(16 + 16 * bar, 16, p, 80) for bar in range(15) for p in (62, 66, 69)]},
        120.0,
        chords=label_rows(late, BEATS),
    )
    assert moved is not None and moved.chords.tolist() == [[0, 0, 0, 0]]


def test_a_corpus_file_keeps_chords(tmp_path: Path) -> None:
    plain, labelled = song([]), song(labels())
    other = make_piece(
        "lieder", "other", {"harmony": [(8 * i, 8, 60 + i % 5, 0) for i in range(40)]}, 100.0
    )
    assert other is not None
    save_pieces([other, labelled], tmp_path / "corpus.npz")
    first, second = load_pieces(tmp_path / "corpus.npz")
    assert len(first.chords) == len(plain.chords) == 0
    assert np.array_equal(second.chords, labelled.chords)
