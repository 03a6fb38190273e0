"""Plans as tokens and back."""

import numpy as np
import pytest

from pixmus.chords import QUALITIES, Chord, Quality, parse_chord
from pixmus.ensembles import PARTS
from pixmus.score.plan import UNKNOWN_DYNAMIC, Phrase, Plan
from pixmus.score.plan_tokens import (
    DYNAMICS_COLUMN,
    FIELD_SIZES,
    MASKS,
    NUM_FIELDS,
    PHRASE_COLUMNS,
    chord_of_tokens,
    chord_tokens,
    decode_plan,
    encode_plan,
    masked_tokens,
)


def plan(dynamics: int = 3) -> Plan:
    names = ["C", "F/C", "G7", "C", "N.C.", "Am7", "Dm", "G"]
    return Plan(
        False,
        tuple(parse_chord(name) for name in names * 2),
        (Phrase(0, 4, "A"), Phrase(4, 2, "B"), Phrase(6, 2, "A", 0, 0.875)),
        np.random.default_rng(0).random((16, len(PARTS))) < 0.5,
        np.full(8, dynamics),
    )


@pytest.mark.parametrize("dynamics", [UNKNOWN_DYNAMIC, 0, 7])
def test_a_plan_comes_back_from_its_tokens(dynamics: int) -> None:
    original = plan(dynamics)
    tokens = encode_plan(original)
    assert tokens.shape == (16, NUM_FIELDS) and (tokens >= 0).all() and (tokens <= MASKS).all()
    back = decode_plan(tokens, minor=False)
    assert back.chords == original.chords and back.phrases == original.phrases
    assert np.array_equal(back.plays, original.plays)
    assert np.array_equal(back.dynamics, original.dynamics)
    assert back.cadences == original.cadences


def test_every_chord_has_tokens_and_no_chord_too() -> None:
    for quality in Quality:
        tokens = chord_tokens(Chord(10, quality, 2))
        assert chord_of_tokens(*tokens) == Chord(10, quality.planned, 2)  # without a ninth
    assert chord_of_tokens(*chord_tokens(None)) is None
    assert chord_of_tokens(4, len(QUALITIES), 12) == Chord(4)


def test_only_dynamics_may_stay_masked() -> None:
    tokens = encode_plan(plan())
    tokens[:, DYNAMICS_COLUMN] = MASKS[DYNAMICS_COLUMN]
    assert (decode_plan(tokens, False).dynamics == UNKNOWN_DYNAMIC).all()
    tokens[0, 0] = MASKS[0]
    with pytest.raises(AssertionError, match="masks in columns"):
        decode_plan(tokens, False)


def test_any_tokens_make_a_whole_plan() -> None:
    rng = np.random.default_rng(1)
    for num_bars in range(1, 40):
        tokens = masked_tokens(num_bars)
        tokens[:] = rng.integers(0, FIELD_SIZES, tokens.shape)
        phrases = decode_plan(tokens, True).phrases
        assert sum(phrase.num_bars for phrase in phrases) == num_bars
        assert num_bars < 2 or all(2 <= phrase.num_bars <= 8 for phrase in phrases)
        letters = [phrase.letter for phrase in phrases]
        assert "".join(sorted(set(letters), key=letters.index)) == "".join(sorted(set(letters)))


def test_a_letter_stands_for_the_phrase_it_returned_to_last() -> None:
    tokens = encode_plan(plan())
    tokens[:, PHRASE_COLUMNS.start] = 9
    phrases = decode_plan(tokens, False).phrases
    assert [phrase.letter for phrase in phrases] == ["A", "A", "A"]
    assert [phrase.source for phrase in phrases] == [-1, 0, 1]
