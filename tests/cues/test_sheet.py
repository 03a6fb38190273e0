"""The cue sheet's JSON and its refusals, and the rules of `spot` with what overrides them."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from described_picture import picture

from pixmus.chords import Chord, Quality
from pixmus.cues.sheet import CueSheet
from pixmus.cues.sheet_chords import SheetChord
from pixmus.cues.spotting import spot
from pixmus.curves import CURVES
from pixmus.errors import PixMusError

Raw = dict[str, Any]


@pytest.fixture(scope="module")
def text() -> str:
    return spot(picture(12.3, cuts=(3.003, 7.5))).to_json()


def test_json_there_and_back_is_the_same(text: str, tmp_path: Path) -> None:
    sheet = CueSheet.from_json(text)
    assert sheet.to_json() == text
    assert sheet.frame_rate == Fraction(24000, 1001)
    assert [h.time for h in sheet.hit_points] == [3.003, 7.5]
    sheet.save(tmp_path / "cues.json")
    assert CueSheet.load(tmp_path / "cues.json").to_json() == text


def test_json_has_a_line_for_every_curve_and_hit_point(text: str) -> None:
    lines = text.splitlines()
    for start in ('    "energy": [', '    {"time": 3.003, ', '    {"start": 0.0, "end": 12.3'):
        assert sum(line.startswith(start) for line in lines) == 1


def rename(raw: Raw) -> None:
    raw["tempo"] = raw.pop("tempo_bpm")


def set_to(value: object, *way: str | int) -> Callable[[Raw], None]:
    def change(raw: Any) -> None:
        for name in way[:-1]:
            raw = raw[name]
        raw[way[-1]] = value

    return change


def drop_curve_value(raw: Raw) -> None:
    raw["curves"]["energy"].pop()


def overlap(raw: Raw) -> None:
    raw["cues"] = [{"start": 0, "end": 5, "name": "a"}, {"start": 4, "end": 9, "name": "b"}]


BAD: list[tuple[Callable[[Raw], None], str]] = [
    (rename, 'unknown key "tempo"'),
    (lambda raw: raw.pop("key"), 'lacks the key "key"'),
    (set_to(4, "schema_version"), "schema version 4 .* update PixMus"),
    (set_to(0, "schema_version"), '"schema_version" is 0'),
    (set_to("one", "schema_version"), "must be a whole number"),
    (set_to(0, "duration"), '"duration" is 0; it must be at least 0.1'),
    (set_to("long", "duration"), '"duration" is .long.; it must be a number'),
    (set_to(True, "duration"), "must be a number"),
    (set_to("25/0", "frame_rate"), '"frame_rate" is'),
    (set_to("-25", "frame_rate"), '"frame_rate" is -25'),
    (set_to("1e-300000000", "frame_rate"), '"frame_rate" is .1e-300000000'),
    (set_to(10**30, "tempo_bpm"), '"tempo_bpm" is far too large'),
    (set_to("H major", "key"), "write it like"),
    (set_to(["C major"], "key"), "write it like"),
    (set_to(900, "tempo_bpm"), '"tempo_bpm" is 900; it must be within 40 and 240'),
    (set_to("yes", "tempo_fixed"), "must be true or false"),
    (set_to("metal", "style"), "choose one of pop, song, quartet, game"),
    (set_to("choir", "ensemble"), "choose one of piano, strings"),
    (set_to([], "parts"), "no part is chosen"),
    (set_to(["voice"], "parts"), "one of the parts"),
    (set_to(["melody", "melody"], "parts"), "named twice"),
    (set_to("melody", "parts"), '"parts" must be a list'),
    (set_to(["smell"], "inputs"), '"inputs" is'),
    (set_to(1.5, "hit_points", 0, "strength"), "strength of the hit point at 3.003 s is 1.5"),
    (set_to(99, "hit_points", 0, "time"), "must be within 0 and 12.3"),
    (set_to(8.0, "hit_points", 0, "time"), "not in order"),
    (set_to(None, "hit_points", 0, "time"), "must be a number"),
    (set_to(3, "hit_points", 0), "a hit point must be a JSON object"),
    (set_to([5, 2], "cuts"), "not in order"),
    (set_to({}, "cues", 0), "a cue lacks the key"),
    (set_to(20, "cues", 0, "end"), "the end of the cue"),
    (set_to(5, "cues", 0, "name"), "must be text"),
    (overlap, "before the one ahead of it ends"),
    (set_to(-0.1, "curves", "valence", 3), 'a value of the curve "valence" is -0.1'),
    (set_to("x", "curves", "valence", 3), "must be a number"),
    (drop_curve_value, 'the curve "energy" has 49 values; .* need 50'),
    (set_to([0.5], "curves", "tension"), 'unknown key "tension"'),
    (set_to(2.0, "curve_rate_hz"), '"curve_rate_hz" must be 4'),
    (set_to([{"start": 1}], "chords"), 'a chord lacks the key "root"'),
    (set_to([{"start": 1, "root": "H"}], "chords"), "The chord 'H' is none"),
    (set_to([{"start": 1, "root": "A", "quality": "7b9"}], "chords"), "The chord 'A7b9' is none"),
    (set_to([{"start": 1, "root": "A", "given": "no"}], "chords"), "must be true or false"),
    (set_to([{"start": 20, "root": "A"}], "chords"), "the start of a chord is 20"),
    (set_to([{"start": 2, "root": "A"}, {"start": 1, "root": "E"}], "chords"), "not in order"),
    (set_to([{"beat": 8, "root": "A"}, {"beat": 4, "root": "E"}], "chords"), "not in order"),
    (set_to([{"beat": 1, "root": "A"}, {"start": 2, "root": "E"}], "chords"), "all in one of them"),
    (set_to([{"beat": 1, "start": 1, "root": "A"}], "chords"), "beat"),
]


@pytest.mark.parametrize("change, message", BAD)
def test_what_cannot_be_is_refused(text: str, change: Callable[[Raw], None], message: str) -> None:
    raw = json.loads(text)
    change(raw)
    with pytest.raises(PixMusError, match=message) as caught:
        CueSheet.from_json(json.dumps(raw), name="mine.json")
    assert str(caught.value).startswith("mine.json") and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content, message",
    [
        ("", "not valid JSON"),
        ('{"key": ', "not valid JSON: .* in line 1"),
        ("[]", "a cue sheet is a JSON object"),
        ('{"duration": NaN}', "NaN is not a number"),
        ('{"duration": 1, "duration": 2}', "stands there twice"),
        ("[" * 100_000, "too deeply"),
    ],
)
def test_what_is_no_cue_sheet_is_refused(content: str, message: str) -> None:
    with pytest.raises(PixMusError, match=message):
        CueSheet.from_json(content)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(PixMusError, match="none.json does not exist; write a cue sheet with"):
        CueSheet.load(tmp_path / "none.json")
    (tmp_path / "binary.json").write_bytes(b"\x89PNG\r\n\x1a\n\xff")
    with pytest.raises(PixMusError, match="is not a text file"):
        CueSheet.load(tmp_path / "binary.json")
    with pytest.raises(PixMusError, match="could not be read"):
        CueSheet.load(tmp_path)
    with pytest.raises(PixMusError, match="could not be written"):
        spot(picture(2.0)).save(tmp_path / "nowhere" / "cues.json")


def test_files_of_other_editors_are_read(text: str, tmp_path: Path) -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"):
        (tmp_path / "cues.json").write_bytes(text.replace("\n", "\r\n").encode(encoding))
        assert CueSheet.load(tmp_path / "cues.json").to_json() == text
    assert CueSheet.from_json("\ufeff" + text).to_json() == text


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ('{"a": ' + "[" * 50_000, "nested too deeply"),
        ("[" + "1," * 300_000 + "1]", "holds more than 250,000 numbers"),
        ("[" + "9" * 1_000_000 + "]", "has more than 40 digits"),
        (
            "{" + ",".join(f'"{i}": 0' for i in range(200_000)) + ', "7": 1}',
            '"7" stands there twice',
        ),
        ('{"' + "x" * 4_000_000 + '": 1}', "unknown key .x{60}.; known are"),
        ('["' + '\\"' * 1_000_000, "is not valid JSON"),
        ("[" + " " * 6_000_000 + "]", "larger than 5 MB"),
    ],
)
def test_a_large_file_costs_little_and_gives_one_short_sentence(wrong: str, told: str) -> None:
    begun = time.process_time()
    with pytest.raises(PixMusError, match=told) as raised:
        CueSheet.from_json(wrong)
    assert len(str(raised.value)) < 500 and time.process_time() - begun < 5


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"duration": 1e-9}, '"duration" is 1e-09; it must be at least 0.1'),
        ({"duration": 1e308}, r'"duration" is 1e\+308; it must be at most 1e\+06'),
        ({"key": "x" * 100_000}, '"key" is .x{60}.; write it'),
        ({"style": ["x"] * 100_000}, '"style" is a list; choose one of'),
        ({"ensemble": {"a": 1}}, '"ensemble" is a JSON object; choose one of'),
        ({"frame_rate": [1]}, '"frame_rate" is a list'),
        ({"cuts": [0.0] * 20_000}, "10,000 are the most"),
        ({"reasons": {"key": "\ud800"}}, "half of a character"),
        ({"reasons": {"\udfff": "a"}}, "half of a character"),
        ({"cues": [{"start": 0, "end": 1, "name": "\ud800"}]}, "half of a character"),
        ({"cues": [{"start": 0, "end": 1, "name": "a" * 9_000}]}, "9000 characters"),
        ({"\ud800": 1}, "unknown key"),
    ],
)
def test_wrong_values_are_said_shortly(text: str, changes: Raw, told: str) -> None:
    with pytest.raises(PixMusError, match=told) as raised:
        CueSheet.from_json(json.dumps({**json.loads(text), **changes}))
    assert len(str(raised.value).encode()) < 500  # and can be printed


@pytest.mark.parametrize(
    "rate",
    [
        Fraction(2000),
        Fraction(2997002997, 100000000),
        Fraction(1, 10**9),
        Fraction(10**9),
        Fraction(1000000, 33367),
    ],
)
def test_what_spotting_says_of_any_frame_rate_is_read_back(rate: Fraction) -> None:
    sheet = spot(replace(picture(2.0), frame_rate=rate))
    back = CueSheet.from_json(sheet.to_json())
    assert back.frame_rate == sheet.frame_rate
    assert float(back.frame_rate) == pytest.approx(min(float(rate), 1e6), abs=2e-7)


def test_numbers_of_numpy_are_written_as_numbers() -> None:
    sheet = replace(spot(picture(2.0)), tempo_bpm=np.float32(90), cuts=(np.float32(0.5),))
    assert CueSheet.from_json(sheet.to_json()).tempo_bpm == 90.0


@pytest.mark.parametrize("duration", [0.5, 1.0, 2.04, 9.999, 59.9766, 600.0])
def test_every_curve_covers_the_clip(duration: float) -> None:
    sheet = spot(picture(duration))
    for name in CURVES:
        assert sheet.curves[name].shape == (int(np.ceil(duration * 4)),)
        assert sheet.curves[name].dtype == np.float32
    assert sheet.cues[0].start == 0 and sheet.cues[-1].end == duration


def test_a_file_of_version_1_is_read(text: str) -> None:
    raw = json.loads(text)
    del raw["sections"], raw["reasons"]
    raw["schema_version"] = 1
    sheet = CueSheet.from_json(json.dumps(raw))
    assert sheet.sections == () and sheet.reasons == {}
    assert sheet.chords == ()


def test_chords_begin_at_beats_too(text: str) -> None:
    raw = json.loads(text)
    raw["chords"] = [{"beat": 0, "root": "A", "quality": "m"}, {"beat": 8.0, "root": "F"}]
    sheet = CueSheet.from_json(json.dumps(raw))
    assert sheet.chords[1] == SheetChord(8.0, Chord(5), in_beats=True)
    assert CueSheet.from_json(sheet.to_json()).chords == sheet.chords
    assert '"beat": 8.0' in sheet.to_json()


def test_chords_and_keys_are_read_in_any_spelling(text: str) -> None:
    raw = json.loads(text)
    raw["key"] = "C# major"
    raw["chords"] = [
        {"start": 0, "root": "C#"},
        {"start": 2.5, "root": "G♭", "quality": "m7", "bass": "E#", "given": False},
        {"start": 4, "root": "N.C."},
    ]
    sheet = CueSheet.from_json(json.dumps(raw))
    assert sheet.key == "Db major"
    assert sheet.chords == (
        SheetChord(0, Chord(1)),
        SheetChord(2.5, Chord(6, Quality.MINOR_SEVENTH, 5), False),
        SheetChord(4, None),
    )
    assert CueSheet.from_json(sheet.to_json()).chords == sheet.chords
