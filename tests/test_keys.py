"""Keys are spelt one way."""

import pytest

from pixmus.keys import key_tonic, spell_key


@pytest.mark.parametrize(
    "text, key, tonic",
    [("A minor", "A minor", 9), ("c# Major", "Db major", 1), ("gb minor", "F# minor", 6)],
)
def test_keys_are_spelt_one_way(text: str, key: str, tonic: int) -> None:
    assert spell_key(text) == key and key_tonic(text) == tonic
