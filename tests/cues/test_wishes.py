"""Words of the vocabulary, negated and by degree; what is not understood is said back."""

import pytest

from pixmus.cues.wishes import DEGREES, FILLERS, NEGATIONS, read_wishes, vocabulary
from pixmus.ensembles import ENSEMBLES, STYLES


def test_every_word_does_something_that_exists() -> None:
    for word, effect in vocabulary().items():
        assert effect.ensemble is None or effect.ensemble in ENSEMBLES, word
        assert effect.style is None or effect.style in STYLES, word
        assert effect != type(effect)(), f"{word} does nothing"
        assert word == word.lower()
    assert not set(vocabulary()) & (set(DEGREES) | set(NEGATIONS) | FILLERS)


def test_degree_scales_and_negation_turns() -> None:
    plain, very, little = (
        read_wishes(t).shifts["valence"] for t in ("dark", "very dark", "a bit dark")
    )
    assert very < plain < little < 0
    assert 0 < read_wishes("not dark").shifts["valence"] < -plain
    assert read_wishes("fast").tempo_factor > 1 > read_wishes("not fast").tempo_factor
    assert read_wishes("not fast").tempo_factor < read_wishes("not too fast").tempo_factor < 1
    assert read_wishes("isn't fast").tempo_factor == read_wishes("not fast").tempo_factor


def test_a_negation_ends_with_its_clause() -> None:
    both = read_wishes("not fast or loud").shifts["energy"]
    assert both < read_wishes("not fast, loud").shifts["energy"]
    assert read_wishes("not dark but fast").tempo_factor == read_wishes("fast").tempo_factor


def test_players_are_named_and_ruled_out() -> None:
    assert read_wishes("a music box").ensemble == "music box"
    quartet = read_wishes("String Quartet")
    assert (quartet.ensemble, quartet.style) == ("string quintet", "quartet")
    assert read_wishes("a dark drone").ensemble == "dark drone"
    assert read_wishes("no drums").without == ("drums",)
    assert read_wishes("no drums").ensemble is None
    assert read_wishes("without piano").avoid == ("piano",)
    assert read_wishes("in minor").major is False and read_wishes("not minor").major is True


def test_what_is_not_understood_is_said_back() -> None:
    wishes = read_wishes("Dark music with a glorped zither")
    assert wishes.not_understood == ("glorped", "zither")
    assert "dark" in wishes.told() and "zither" in wishes.told()
    assert read_wishes("").told() == "nothing was asked"


FAMILIES = {  # what a family of words asks of the music, and which way
    ("tempo_factor", 1): "fast quick upbeat speedy swift brisk presto rapid hectic frantic racing",
    ("tempo_factor", -1): "slow slowly adagio leisurely lazy largo lento lofi lo-fi chill mellow",
    ("valence", -1): "dark darkly darkness gloomy gloom shadowy sombre bleak grim lonely sad sadly "
    "sadness sorrow tragic tragedy grief nostalgic nostalgia wistful longing ominous menacing "
    "sinister eerie scary creepy horror frightening haunting evil tense tension suspense thriller "
    "nervous anxious dangerous angry anger rage brutal mysterious mystery magical weird minor",
    ("valence", 1): "bright brightly sunny sunshine shining happy happily happiness joy joyful "
    "cheerful festive fun hopeful hope positive uplifting inspiring motivational playful funny "
    "comedy cartoon silly romantic romance tender warm love gentle heartfelt triumphant triumph "
    "victory heroic hero glorious noble major",
    ("energy", 1): "epic grand dramatic drama powerful massive huge battle blockbuster trailer "
    "energetic energy exciting lively intense loud louder action adventure brass trumpet fanfare "
    "furious aggressive",
    ("energy", -1): "calm calming peaceful peace relaxing serene quiet quieter soft softly "
     "tranquil "
    "soothing dreamy dreamlike meditation ethereal spacious delicate mellow lo-fi chill laid-back",
    ("density", 1): "busy dense full rich", ("density", -1): "sparse simple minimal bare empty",
    ("register", 1): "high higher", ("register", -1): "low deep deeper",
}  # fmt: skip


def test_families_of_words_ask_for_what_a_musician_would_hear_in_them() -> None:
    tried = 0
    for (name, sign), words in FAMILIES.items():
        for word in words.split():
            wishes = read_wishes(f"something {word}, please")
            assert wishes.not_understood == (), word
            moved = wishes.tempo_factor - 1 if name == "tempo_factor" else wishes.shifts[name]
            assert sign * moved > 0, f"{word}: {name} {moved}"
            tried += 1
    assert tried >= 150
    for word, ensemble in {
        "brass": "orchestra", "cinematic": "orchestra", "ambient": "ambient", "rock": "band",
        "lo-fi": "band", "violin": "strings", "guitar": "acoustic guitar", "choir": "choir",
        "woodwinds": "chamber", "clarinet": "chamber", "taiko": "hybrid", "drone": "dark drone",
    }.items():  # fmt: skip
        assert (read_wishes(word).ensemble or "").endswith(ensemble), word


@pytest.mark.parametrize("text", ["", "!!!", "the of and", "12 34", "ÄÖÜ", "very", "not"])
def test_odd_texts_ask_for_nothing(text: str) -> None:
    wishes = read_wishes(text)
    assert wishes.tempo_factor == 1 and not wishes.shifts and wishes.ensemble is None


def test_many_words_stay_in_range() -> None:
    wishes = read_wishes("fast " * 50 + "dark " * 50)
    assert wishes.tempo_factor < 2 and wishes.shifts["valence"] >= -0.9
