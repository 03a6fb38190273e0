"""The report's counts on a corpus with known answers; the command writes its three files."""

import json
from pathlib import Path

import numpy as np
import pytest

from pixmus.errors import PixMusError
from pixmus.training.corpus import (
    CORPORA,
    LARGEST_FREEDOOM_SHARE,
    Ledger,
    Piece,
    corpus_shares,
    load_pieces,
    save_pieces,
)
from pixmus.training.corpus_report import describe
from pixmus.training.make_corpus import main
from pixmus.training.voices import make_piece

SCALE = (60, 62, 64, 65, 67, 69, 71, 72)


def scale_piece(corpus: str, name: str, shift: int = 0, bpm: float = 120.0) -> Piece:
    """16 bars of quarters in the key of C plus `shift`, with fifths below; `name` is a number."""
    start = int(name)
    melody = [(4 * i, 4, SCALE[(i * i + start * i) % 8] + shift, 80) for i in range(64)]
    bass = [(s, 16, 36 + shift + t, 70) for s in range(0, 256, 16) for t in (0, 7)]
    piece = make_piece(corpus, name, {"melody": melody, "bass": bass}, bpm)
    assert piece is not None
    return piece


def drum_piece(name: str) -> Piece:
    drums = [(4 * i, 1, 36 if i % 2 else 38, 90) for i in range(32)]
    piece = make_piece("groove", name, {"drums": drums}, 90.0)
    assert piece is not None
    return piece


@pytest.fixture
def pieces() -> list[Piece]:
    return [
        scale_piece("pop909", "0", shift=2),
        scale_piece("pop909", "1", bpm=60.0),
        scale_piece("freedoom", "2"),
        drum_piece("drummer1/session1/1_rock_90_beat_4-4"),
    ]


def test_counts_are_those_of_the_pieces(pieces: list[Piece]) -> None:
    ledger = Ledger()
    ledger.files["pop909"] += 3
    ledger.leave_out("pop909", "not in 4/4")
    report = describe(pieces, ledger)
    pop = report["corpora"]["pop909"]
    assert (pop["pieces"], pop["beats"]) == (2, 128)
    assert pop["hours"] == pytest.approx((64 / 120 + 64 / 60) / 60)
    assert pop["keys"] == {"D major": 1, "C major": 1}
    assert pop["note_lengths"]["quarter"] == pytest.approx(64 / 96)
    assert pop["parts"]["melody"] == 1.0 and pop["parts"]["drums"] == 0.0
    assert pop["files_read"] == 3 and pop["left_out"] == {"not in 4/4": 1}
    assert sum(pop["tempo_histogram"]) == 2
    assert sum(split["pieces"] for split in pop["splits"].values()) == 2
    drums = report["corpora"]["groove"]
    assert drums["minor_share"] is None and drums["share_of_training_windows"] == 0


def test_freedoom_is_never_more_than_its_share() -> None:
    whole = corpus_shares(CORPORA)
    assert whole["freedoom"] <= LARGEST_FREEDOOM_SHARE
    shared = corpus_shares(name for name in CORPORA if name != "own")
    assert shared == pytest.approx(
        {"pop909": 0.60, "lieder": 0.16, "quartets": 0.12, "freedoom": 0.12}
    )
    few = corpus_shares(["freedoom", "quartets", "groove"])
    assert few == pytest.approx({"quartets": 0.85, "freedoom": 0.15})
    assert corpus_shares(["freedoom"]) == {"freedoom": 1.0}


def test_a_corpus_file_keeps_tonics_and_ledger(pieces: list[Piece], tmp_path: Path) -> None:
    path = tmp_path / "corpus.npz"
    save_pieces([*pieces, pieces[0]], path)
    back = load_pieces(path)
    assert [piece.tonic for piece in back] == [2, 0, 0, -1]
    with np.load(path) as file:
        older = {name: file[name] for name in file.files if name not in ("tonic", "ledger")}
    np.savez_compressed(tmp_path / "older.npz", **older)
    assert [piece.tonic for piece in load_pieces(tmp_path / "older.npz")] == [-1] * 4


def test_the_command_writes_tables_and_a_picture(pieces: list[Piece], tmp_path: Path) -> None:
    save_pieces([*pieces, pieces[0]], tmp_path / "corpus.npz")
    main(["report", str(tmp_path / "corpus.npz"), "--out", str(tmp_path / "results")])
    report = json.loads((tmp_path / "results" / "corpus.json").read_text())
    assert report["pieces"] == 4
    left_out = report["corpora"]["pop909"]["left_out"]
    assert left_out == {"the same notes as another piece": 1}
    table = (tmp_path / "results" / "corpus.md").read_text()
    assert "| Freedoom | BSD 3-Clause |" in table
    assert (tmp_path / "results" / "corpus.png").read_bytes().startswith(b"\x89PNG")


def test_making_a_corpus_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "corpus.npz").write_text("mine")
    with pytest.raises(PixMusError, match="is there already"):
        main(["make", str(tmp_path), str(tmp_path / "corpus.npz")])
    with pytest.raises(PixMusError, match="none of pop909"):
        main(["make", str(tmp_path), str(tmp_path / "new.npz")])
