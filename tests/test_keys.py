"""Keys are spelt one way."""

import pytest

from pixmus.keys import key_tonic, pitch_class, spell_key


@pytest.mark.parametrize(
    "text, key, tonic",
    [
        ("A minor", "A minor", 9),
        ("c# Major", "Db major", 1),
        ("gb minor", "F# minor", 6),
        ("C♯ major", "Db major", 1),
        ("B flat min", "Bb minor", 10),
        ("Cb major", "B major", 11),
        ("F## minor", "G minor", 7),
        ("Abb major", "G major", 7),
    ],
)
def test_keys_are_spelt_one_way(text: str, key: str, tonic: int) -> None:
    assert spell_key(text) == key and key_tonic(text) == tonic


@pytest.mark.parametrize("text", ["", "C", "major", "H major", "C dorian", "C x major", 3])
def test_what_is_no_key_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="is none; write it like"):
        spell_key(text)


def test_a_letter_with_accidentals_is_a_pitch_class() -> None:
    assert [pitch_class(name) for name in ("C", "B#", "E##", "B♭", "A flat")] == [0, 0, 6, 10, 8]
    with pytest.raises(ValueError, match="names no pitch"):
        pitch_class("H")
