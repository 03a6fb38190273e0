"""Keys, chords, charts, timecodes, choices and names of files, whatever is typed."""

from __future__ import annotations

import itertools
import math
import shlex
from fractions import Fraction
from numbers import Real
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from made_up import ANYTHING, TEXTS, right_or_one_sentence, tried

from pixmus.choice import Choice
from pixmus.choices import CHOICES, RESTYLE, STRENGTH
from pixmus.chords import ALL_QUALITIES, NO_CHORD, Chord, parse_chord
from pixmus.doors.page.commission import Commission
from pixmus.files import named, new_file
from pixmus.keys import KEYS, TONICS, key_is_major, key_tonic, spell_key
from pixmus.picture.timecode import Counting
from pixmus.score.chord_chart import MOST_BARS, read_chart
from pixmus.score.plan import HALVES

CHORDS = st.builds(Chord, st.integers(0, 11), st.sampled_from(ALL_QUALITIES), st.integers(-1, 11))
ACCIDENTALS = st.text("#b♯♭", max_size=4)


@tried
@given(
    tonic=st.sampled_from("ABCDEFG"),
    sign=ACCIDENTALS,
    gap=st.sampled_from((" ", "  ")),
    mode=st.sampled_from(("major", "minor", "MAJOR", "min", "Maj")),
)
def test_a_key_however_it_is_spelt(tonic: str, sign: str, gap: str, mode: str) -> None:
    key = spell_key(f" {tonic}{sign}{gap}{mode} ")
    away = sum({"#": 1, "♯": 1}.get(each, -1) for each in sign)
    assert key in KEYS and spell_key(key) == key
    assert TONICS[key_tonic(key)] == key.split()[0]
    assert (
        key_tonic(key)
        == ({"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9}.get(tonic, 11) + away) % 12
    )
    assert key_is_major(key) == mode.lower().startswith("maj")


@tried
@given(text=TEXTS | st.text("ABCDEFGabcmjrino #♭", max_size=12))
def test_words_that_may_be_no_key(text: str) -> None:
    try:
        assert spell_key(text) in KEYS
    except ValueError as error:
        assert "write it like" in str(error)


@tried
@given(chord=CHORDS, key=st.sampled_from(KEYS), by=st.integers(-20, 20))
def test_a_chord_is_what_its_name_says(chord: Chord, key: str, by: int) -> None:
    assert parse_chord(chord.name(key)) == chord
    assert chord.transposed(by).transposed(-by) == chord


@tried
@given(text=TEXTS | st.text("ABCG#bmaj7dimsus4/ ()°ø+-69", max_size=12))
def test_words_that_may_be_no_chord(text: str) -> None:
    with right_or_one_sentence():
        chord = parse_chord(text)
        assert chord is None or parse_chord(chord.name()) == chord


@tried
@given(st.lists(st.tuples(st.none() | CHORDS, st.integers(1, 16)), max_size=16))
def test_a_chart_is_what_was_written(bars: list[tuple[Chord | None, int]]) -> None:
    expected = [chord for chord, halves in bars for _ in range(halves)]
    names = [NO_CHORD if chord is None else chord.name() for chord, _ in bars]
    text = " ".join(
        f"{name}:{halves / HALVES:g}" for name, (_, halves) in zip(names, bars, strict=True)
    )
    assert list(read_chart(text)) == expected
    in_bars = "|".join(name for name, _ in zip(names, bars, strict=True))
    halved = [chord for chord, _ in bars for _ in range(HALVES)]
    assert list(read_chart(f"|{in_bars}|" if bars else "")) == halved


@tried
@given(text=TEXTS | st.text("AmFCG7|%: 0123.5eN", max_size=40))
def test_words_that_may_be_no_chart(text: str) -> None:
    with right_or_one_sentence():
        assert len(read_chart(text)) <= HALVES * MOST_BARS


@tried
@given(
    name=st.sampled_from(("29.97df", "59.94df", "119.88df", "29.97", "23.976", "25", "50", "1000")),
    frame=st.integers(0, 23 * 3600 * 23),
)
def test_a_frame_is_what_its_timecode_says(name: str, frame: int) -> None:
    counting = Counting.read(name)
    text = counting.spell(frame)
    assert counting.count(text) == frame
    assert (";" in text) == name.endswith("df")


@tried
@given(rate=st.fractions(1, 1000, max_denominator=10007), seconds=st.integers(0, 80_000))
def test_a_frame_by_the_clock_is_what_its_timecode_says(rate: Fraction, seconds: int) -> None:
    counting = Counting(rate)
    frame = math.ceil(seconds * rate)
    assert counting.count(counting.spell(frame)) == frame


@tried
@given(
    rate=TEXTS | st.text("0123456789/.ndf", max_size=9),
    code=st.text("0123456789:;., ", max_size=12),
)
def test_words_that_may_be_no_timecode(rate: str, code: str) -> None:
    try:
        counting = Counting.read(rate)
        assert 1 <= counting.rate <= 1000
    except ValueError as error:
        assert "frame rate" in str(error)
        counting = Counting.read("29.97df")
    try:
        assert counting.count(counting.spell(counting.count(code))) == counting.count(code)
    except ValueError as error:
        assert str(error) and "\n" not in str(error) and not str(error).endswith(".")


def in_range(choice: Choice, value: Any, shared: bool) -> bool:
    """Whether a value may be one of a choice, by what the choice says of itself."""
    if value == choice.default and type(value) is type(choice.default):
        return True
    if choice.kind is bool:
        return isinstance(value, bool)
    if choice.kind is tuple:
        assert choice.options is not None
        return bool(value) and set(value) <= set(choice.options()) and len(set(value)) == len(value)
    if choice.kind is str:
        if choice.options is not None:
            return value in choice.options()
        return isinstance(value, str) and len(value) <= choice.highest(shared)
    is_kind = type(value) is choice.kind and isinstance(value, Real)
    return is_kind and math.isfinite(value) and choice.low <= value <= choice.highest(shared)


# What they all are given at once: making values up costs more than checking them.
CHECKED = (*CHOICES.values(), STRENGTH, RESTYLE)
NAMED = st.sampled_from([word for each in CHECKED if each.options for word in each.options()])


@tried
@given(
    value=ANYTHING
    | NAMED
    | st.lists(NAMED, max_size=3)
    | st.floats(-50, 250)
    | st.text("0123456789.,-e", max_size=5)
)
def test_every_choice_is_given_anything(value: Any) -> None:
    for choice, shared in itertools.product(CHECKED, (False, True)):
        for check in (choice.check, choice.read):
            with right_or_one_sentence():
                found = check(value, shared)
                assert in_range(choice, found, shared), (choice.name, found)
                assert choice.check(found, shared) == found, choice.name
                words = choice.shell_words(found)
                assert shlex.split(shlex.join(words)) == words and "\0" not in "".join(words)
                if words and choice.kind is not bool:
                    assert choice.read(words[1], shared) == found, words


@tried
@given(st.dictionaries(st.sampled_from(list(CHOICES)), ANYTHING, max_size=4))
def test_a_commission_of_anything(asked: dict[str, Any]) -> None:
    with right_or_one_sentence():
        Commission.read(asked)


@tried
@given(name=TEXTS | st.text("./-~ \0\n\\\udc80", max_size=9))
def test_a_file_of_any_name(name: str, tmp_path: Path) -> None:
    """It is written whole, or refused in one sentence; nothing is left beside it."""
    folder = tmp_path / "in"
    folder.mkdir(exist_ok=True)
    path = folder / name.replace("/", "_")
    with right_or_one_sentence():
        assert named(path) == path
        with new_file(path) as beside:
            beside.write_bytes(b"x")
        assert path.read_bytes() == b"x"
        path.unlink()
    assert not list(folder.iterdir())
