"""Timecodes against counting frames one by one."""

from fractions import Fraction

import pytest

from pixmus.picture.timecode import Counting, counting_from, exact_rate


def numbers_one_by_one(base: int, dropped: int) -> list[str]:
    """Every timecode of an hour, written down as a person with a list of rules would."""
    found = []
    for minute in range(60):
        for second in range(60):
            for frame in range(base):
                if dropped and minute % 10 and second == 0 and frame < dropped:
                    continue
                mark = ";" if dropped else ":"
                found.append(f"00:{minute:02d}:{second:02d}{mark}{frame:02d}")
    return found


@pytest.mark.parametrize(
    ("name", "dropped"),
    [("29.97df", 2), ("59.94df", 4), ("29.97", 0), ("23.976", 0), ("25", 0), ("60", 0)],
)
def test_every_timecode_of_an_hour(name, dropped):
    counting = Counting.read(name)
    written = numbers_one_by_one(counting.base, dropped)
    assert [counting.spell(frame) for frame in range(len(written))] == written
    assert [counting.count(text) for text in written] == list(range(len(written)))
    if dropped:  # an hour of drop-frame is an hour of the clock, to 3.6 ms
        assert len(written) == {2: 107892, 4: 215784}[dropped]
        assert abs(counting.seconds(len(written)) - 3600) < Fraction(4, 1000)
    assert counting.count(f"01:00:00{';' if dropped else ':'}00") == len(written)


def test_a_number_that_is_left_out_is_none():
    counting = Counting.read("29.97df")
    for minute in range(60):
        for frame in (0, 1):
            text = f"00:{minute:02d}:00;{frame:02d}"
            if minute % 10 == 0:
                assert counting.spell(counting.count(text)) == text
            else:
                with pytest.raises(ValueError, match="leaves out"):
                    counting.count(text)


@pytest.mark.parametrize(
    ("text", "rate", "drops"),
    [
        ("29.97df", Fraction(30000, 1001), True),
        ("29.97", Fraction(30000, 1001), False),
        ("29.97 fps DF", Fraction(30000, 1001), True),
        ("23.976", Fraction(24000, 1001), False),
        ("23.98", Fraction(24000, 1001), False),
        ("59.94df", Fraction(60000, 1001), True),
        ("60000/1001df", Fraction(60000, 1001), True),
        ("24", Fraction(24), False),
        ("12.5", Fraction(25, 2), False),
        ("25 ndf", Fraction(25), False),
    ],
)
def test_rates_are_read_exactly(text, rate, drops):
    assert Counting.read(text) == Counting(rate, drops)


@pytest.mark.parametrize("text", ["", "0", "-25", "25df", "24/0", "nan", "x", "1e9", "9999", "²5"])
def test_what_is_no_rate_is_told(text):
    with pytest.raises(ValueError, match="frame rate"):
        Counting.read(text)


def test_floats_of_other_programs_are_exact():
    for rate in (Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001), 25, 24, 30):
        assert exact_rate(float(rate)) == rate


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1:2:3", "no timecode"),
        ("00:00:00:25", "which 25 does not have"),
        ("00:61:00:00", "no time of a clock"),
        ("00:00:00:00:00", "no timecode"),
    ],
)
def test_what_is_no_timecode_is_told(text, said):
    with pytest.raises(ValueError, match=said):
        Counting(Fraction(25)).count(text)


def test_other_rates_count_seconds_of_the_clock():
    counting = Counting(Fraction(25, 2))
    for frame in range(1000):
        assert counting.count(counting.spell(frame)) == frame
    assert counting.spell(125) == "00:00:10:00"


def test_a_clip_counts_from_its_own_timecode():
    counting, first = counting_from(Fraction(30000, 1001), "01:00:00;00")
    assert counting.drops and first == 107892 and counting.spell(first) == "01:00:00;00"
    assert counting_from(Fraction(25)) == (Counting(Fraction(25)), 0)
