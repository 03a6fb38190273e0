"""The same tune in another key is found; other tunes are not; nothing stands on two sides."""

import numpy as np

from pixmus.training.corpus import Ledger, Piece, split_of
from pixmus.training.duplicates import drop_near_duplicates, near_duplicates
from pixmus.training.voices import make_piece

TRAINING = [n for n in map(str, range(200)) if split_of("pop909", n) == "training"]
TEST = [n for n in map(str, range(200)) if split_of("pop909", n) == "test"]


def tune(seed: int, name: str, shift: int = 0, changed: float = 0.0, bpm: float = 100.0) -> Piece:
    """96 random notes in free rhythm; `changed` of them are other ones."""
    rng = np.random.default_rng(seed)
    steps = np.cumsum(rng.choice([1, 2, 2, 4], 96))
    pitches = rng.integers(60, 80, 96)
    other = np.random.default_rng(99)
    pitches = np.where(other.random(96) < changed, other.integers(60, 80, 96), pitches)
    melody = [(int(s), 1, int(p) + shift, 80) for s, p in zip(steps, pitches, strict=True)]
    bass = [(s, 8, 36 + shift, 70) for s in range(0, int(steps[-1]), 8)]
    piece = make_piece("pop909", name, {"melody": melody, "bass": bass}, bpm)
    assert piece is not None
    return piece


def test_a_tune_is_known_in_any_key_and_tempo() -> None:
    first, transposed = tune(1, "a"), tune(1, "b", shift=3, bpm=140.0)
    altered, others = tune(1, "c", changed=0.05), [tune(seed, str(seed)) for seed in range(2, 30)]
    assert near_duplicates([first, *others]) == []
    assert near_duplicates([first, transposed, altered, *others]) == [[0, 1, 2]]


def test_half_of_the_notes_changed_is_another_tune() -> None:
    assert near_duplicates([tune(1, "a"), tune(1, "b", changed=0.5)]) == []


def test_of_a_tune_the_held_out_piece_is_kept() -> None:
    ledger = Ledger()
    pieces = [tune(1, TRAINING[0]), tune(1, TRAINING[1], shift=2), tune(2, TRAINING[2])]
    pieces += [tune(1, TEST[0], shift=-2)]
    kept = drop_near_duplicates(pieces, ledger)
    assert [piece.name for piece in kept] == [TRAINING[2], TEST[0]]
    assert ledger.left_out["pop909"].total() == 2


def test_stretches_of_a_file_stand_on_one_side() -> None:
    name = TEST[0]
    stretches = [f"{name}#{i}" for i in range(1, 60)]
    trained = [n for n in stretches if split_of("pop909", n) == "training"][0]
    held_out = [n for n in stretches if split_of("pop909", n) == "test"][0]
    ledger = Ledger()
    pieces = [tune(1, name), tune(2, trained), tune(1, held_out)]
    kept = drop_near_duplicates(pieces, ledger)
    assert [piece.name for piece in kept] == [name, held_out]  # a tune may come back in its file
    assert list(ledger.left_out["pop909"]) == ["a stretch of a file that is held out"]
