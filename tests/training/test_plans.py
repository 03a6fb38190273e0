"""The plan of a piece: phrases that return, who plays, dynamics, cadences."""

import numpy as np
import pytest

from pixmus.chords import Chord, parse_chord
from pixmus.ensembles import PARTS, Part
from pixmus.score.plan import (
    NUM_DYNAMICS,
    UNKNOWN_DYNAMIC,
    Cadence,
    Phrase,
    Plan,
    cadence_of,
    chord_before,
    root_changes_per_bar,
    tonic_share,
)
from pixmus.training.corpus import Piece
from pixmus.training.phrases import divide, find_phrases
from pixmus.training.plans import bar_dynamics, parts_that_play, plan_of
from pixmus.training.voices import make_piece

BAR = 16
TUNES = {"A": (0, 4, 7, 4), "B": (9, 5, 2, 5), "C": (11, 7, 2, 7)}  # a bar of each, over a chord


def write(form: str, bars: int = 4, velocity: int = 80) -> Piece:
    """Phrases of so many bars, one a letter, each bar of a phrase another figure."""
    parts: dict[str, list] = {"melody": [], "harmony": [], "bass": []}
    for number, letter in enumerate(form):
        rng = np.random.default_rng(ord(letter))
        for bar in range(bars):
            first = BAR * (bars * number + bar)
            notes = 3 if bar == bars - 1 else 8  # a phrase ends on a long note
            for k in range(notes):
                pitch = 72 + TUNES[letter][k % 4] % 12 + int(rng.integers(3)) * 12 - 12
                parts["melody"].append((first + 2 * k, 2, pitch, velocity))
            root = 48 + TUNES[letter][bar % 4] % 12
            parts["harmony"] += [
                (first + 8 * h, 8, root + t, velocity) for h in (0, 1) for t in (0, 7)
            ]
            parts["bass"].append((first, BAR, root - 12, velocity))
    piece = make_piece("freedoom", form, parts, 120.0, "C:maj")
    assert piece is not None
    return piece


@pytest.mark.parametrize("form", ["ABAB", "AABA", "ABCAB"])
def test_phrases_return_by_letter(form: str) -> None:
    phrases = find_phrases(write(form))
    assert [phrase.num_bars for phrase in phrases] == [4] * len(form)
    assert "".join(phrase.letter for phrase in phrases) == form
    for index, phrase in enumerate(phrases):
        if form.index(form[index]) < index:
            assert form[phrase.source] == form[index] and phrase.likeness == 1.0
        else:
            assert phrase.likeness < 0.5


def test_phrases_fill_any_length() -> None:
    for num_bars in range(1, 40):
        lengths = divide(np.zeros(num_bars))
        assert sum(lengths) == num_bars
        assert all(2 <= length <= 8 for length in lengths) or num_bars == 1


def test_who_plays_and_how_loud() -> None:
    piece = write("AB", velocity=75)
    plays = parts_that_play(piece)
    assert plays.shape == (16, len(PARTS))
    assert plays[:, PARTS.index(Part.BASS)].all() and not plays[:, PARTS.index(Part.PAD)].any()
    assert not plays[7, PARTS.index(Part.MELODY)]  # the rest after the phrase's last note
    assert bar_dynamics(piece).tolist() == [1] * 8
    assert (bar_dynamics(write("AB", velocity=0)) == UNKNOWN_DYNAMIC).all()
    assert (bar_dynamics(write("AB", velocity=127)) == NUM_DYNAMICS - 1).all()


def test_the_plan_of_a_piece_has_everything() -> None:
    plan = plan_of(write("ABAB"))
    assert plan.num_bars == 16 and len(plan.chords) == 32 and len(plan.cadences) == 32
    assert plan.bar_in_phrase.tolist() == [0, 1, 2, 3] * 4


@pytest.mark.parametrize(
    ("before", "last", "minor", "cadence"),
    [
        ("G7", "C", False, Cadence.AUTHENTIC),
        ("Bdim", "C", False, Cadence.AUTHENTIC),
        ("E", "Am", True, Cadence.AUTHENTIC),
        ("Em", "Am", True, Cadence.NONE),
        ("F", "C", False, Cadence.PLAGAL),
        ("Dm", "Am", True, Cadence.PLAGAL),
        ("G", "Am", True, Cadence.SUBTONIC),
        ("G", "Am", False, Cadence.DECEPTIVE),
        ("E7", "F", True, Cadence.DECEPTIVE),
        ("C", "G", False, Cadence.HALF),
        ("C", "Em", True, Cadence.NONE),
        ("C", "Dm", False, Cadence.NONE),
    ],
)
def test_cadences(before: str, last: str, minor: bool, cadence: Cadence) -> None:
    assert cadence_of(parse_chord(before), parse_chord(last), 9 if minor else 0) == cadence


def test_a_plans_cadences_stand_where_last_chords_begin() -> None:
    names = ["C", "C", "F", "G", "C", "C", "Am", "Am", "G", "G", "N.C.", "N.C."]
    plan = Plan(
        False,
        tuple(parse_chord(name) for name in names),
        (Phrase(0, 3, "A"), Phrase(3, 3, "B")),
        np.zeros((12, len(PARTS)), bool),
        np.zeros(6, int),
    )
    assert plan.cadences.index(Cadence.AUTHENTIC) == 4
    assert [c for c in plan.cadences if c != Cadence.NONE] == [Cadence.AUTHENTIC]
    assert chord_before(plan.chords, 5) == Chord(7)
    assert tonic_share(plan.chords, False) == 0.4
    assert root_changes_per_bar(plan.chords) == pytest.approx(2 * 5 / 9)


def test_drums_alone_have_a_plan_without_chords() -> None:
    hits = [(4 * k, 1, 36, 90) for k in range(16)]
    piece = make_piece("groove", "drummer", {"drums": hits}, 120.0)
    assert piece is not None
    plan = plan_of(piece)
    assert plan.chords == (None,) * 8 and (plan.dynamics == UNKNOWN_DYNAMIC).all()
    assert plan.plays[:, PARTS.index(Part.DRUMS)].all() and len(plan.phrases) == 1
