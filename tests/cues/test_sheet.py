"""The cue sheet's JSON and its refusals, and the rules of `spot` with what overrides them."""

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pixmus.cues.direction import Direction
from pixmus.cues.sections import find_sections, shot_novelties
from pixmus.cues.sheet import CueSheet
from pixmus.cues.spotting import spot
from pixmus.curves import CURVES, num_curve_values
from pixmus.ensembles import ENSEMBLES, PARTS, STYLES
from pixmus.errors import PixMusError
from pixmus.keys import KEYS, key_is_major, key_tonic, spell_key
from pixmus.picture.features import Features
from pixmus.picture.transitions import Transition

Raw = dict[str, Any]


def picture(
    duration: float = 30.0,
    *,
    cuts: tuple[float, ...] = (),
    motion: float | np.ndarray = 0.03,
    brightness: float | np.ndarray = 0.45,
    contrast: float = 0.18,
    saturation: float = 0.14,
    warmth: float = 0.05,
    edges: float = 0.109,
) -> Features:
    """Features of a typical clip, but for what is said."""
    length = num_curve_values(duration)
    curves = [
        np.broadcast_to(np.asarray(value, np.float32), (length,)).copy()
        for value in (motion, brightness, contrast, saturation, warmth, edges)
    ]
    transitions = tuple(Transition(t, t, t, "cut") for t in cuts)
    return Features(duration, Fraction(24000, 1001), transitions, *curves)


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
    (set_to(3, "schema_version"), "schema version 3 .* update PixMus"),
    (set_to(0, "schema_version"), '"schema_version" is 0'),
    (set_to("one", "schema_version"), "must be a whole number"),
    (set_to(0, "duration"), '"duration" is 0; it must be above 0'),
    (set_to("long", "duration"), '"duration" is .long.; it must be a number'),
    (set_to(True, "duration"), "must be a number"),
    (set_to("25/0", "frame_rate"), '"frame_rate" is'),
    (set_to("-25", "frame_rate"), '"frame_rate" is -25'),
    (set_to("1e-300000000", "frame_rate"), '"frame_rate" is .1e-300000000'),
    (set_to(10**400, "tempo_bpm"), '"tempo_bpm" is far too large'),
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
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(PixMusError, match="is not a text file"):
        CueSheet.load(tmp_path / "binary.json")
    with pytest.raises(PixMusError, match="could not be read"):
        CueSheet.load(tmp_path)
    with pytest.raises(PixMusError, match="could not be written"):
        spot(picture(2.0)).save(tmp_path / "nowhere" / "cues.json")


@pytest.mark.parametrize("duration", [0.5, 1.0, 2.04, 9.999, 59.9766, 600.0])
def test_every_curve_covers_the_clip(duration: float) -> None:
    sheet = spot(picture(duration))
    for name in CURVES:
        assert sheet.curves[name].shape == (int(np.ceil(duration * 4)),)
        assert sheet.curves[name].dtype == np.float32
    assert sheet.cues[0].start == 0 and sheet.cues[-1].end == duration


def test_a_typical_picture_stands_near_the_middle() -> None:
    curves = spot(picture(30.0)).curves
    for name in CURVES:
        assert curves[name].mean() == pytest.approx(0.5, abs=0.1), name


def test_bright_is_happier_and_higher_and_busy_is_denser_and_faster() -> None:
    dark, bright = spot(picture(brightness=0.25)), spot(picture(brightness=0.65))
    assert bright.curves["valence"].mean() > dark.curves["valence"].mean() + 0.4
    assert bright.curves["register"].mean() > dark.curves["register"].mean() + 0.3
    assert key_is_major(bright.key) and not key_is_major(dark.key)
    calm, busy = spot(picture(motion=0.004)), spot(picture(motion=0.2))
    assert busy.curves["density"].mean() > calm.curves["density"].mean() + 0.3
    assert busy.curves["energy"].mean() > calm.curves["energy"].mean() + 0.3
    assert 60 <= calm.tempo_bpm < busy.tempo_bpm <= 150


def test_quick_cutting_raises_energy() -> None:
    quick = spot(picture(30.0, cuts=tuple(np.arange(1.0, 30.0))))
    slow = spot(picture(30.0, cuts=(10.0, 20.0)))
    assert quick.curves["energy"].mean() > slow.curves["energy"].mean() + 0.2


def test_curves_move_over_phrases_and_not_with_noise() -> None:
    noise = np.random.default_rng(0).uniform(0.005, 0.2, 240)
    assert np.abs(np.diff(spot(picture(60.0, motion=noise)).curves["energy"])).max() < 0.04
    half = np.where(np.arange(240) < 120, 0.005, 0.2)
    energy = spot(picture(60.0, motion=half)).curves["energy"]
    assert energy[180:].mean() > energy[:60].mean() + 0.4


def test_hit_points_follow_the_transitions() -> None:
    brightness = np.full(120, 0.3)
    brightness[60:] = 0.7  # the great change, at 15 s
    sheet = spot(picture(30.0, cuts=(0.1, 4.0, 15.0, 15.6, 29.9), brightness=brightness))
    strengths = {hit.time: hit.strength for hit in sheet.hit_points}
    assert list(strengths) == [4.0, 15.0, 15.6, 29.9]  # what happens at once is the beginning
    assert strengths[15.0] == 1.0 == max(strengths.values())
    assert strengths[4.0] > strengths[15.6] > strengths[29.9]
    assert sheet.cuts == (0.1, 4.0, 15.0, 15.6, 29.9)
    assert spot(picture()).hit_points == ()


def test_inputs_say_what_was_there() -> None:
    assert spot(picture(motion=0.0)).inputs == ("colour",)
    assert spot(picture(cuts=(5.0,))).inputs == ("colour", "motion", "cuts")
    assert spot(picture(), Direction(energy=0.5)).inputs == ("colour", "motion", "direction")


def test_players_suit_the_picture() -> None:
    def ensemble(**how: Any) -> str:
        return spot(picture(**how)).ensemble

    assert ensemble(motion=0.2, brightness=0.25, cuts=tuple(range(2, 30, 2))) == "orchestra"
    assert ensemble(motion=0.2, brightness=0.55) == "band"
    assert ensemble(motion=0.003, brightness=0.3) == "ambient"
    assert ensemble(motion=0.003, brightness=0.3, duration=12.0) == "strings"
    assert ensemble(duration=6.0, brightness=0.6, saturation=0.3) == "music box"


def test_direction_is_obeyed() -> None:
    asked = Direction(tempo_bpm=84, key="c# minor", style="quartet", valence=0.2, energy=0.9)
    sheet, free = spot(picture(), asked), spot(picture())
    assert (sheet.tempo_bpm, sheet.tempo_fixed, free.tempo_fixed) == (84, True, False)
    assert (sheet.key, sheet.style, sheet.ensemble) == ("Db minor", "quartet", "strings")
    assert sheet.curves["valence"].mean() == pytest.approx(0.2, abs=1e-3)
    assert sheet.curves["energy"].mean() == pytest.approx(0.9, abs=1e-3)
    assert sheet.curves["density"].mean() > free.curves["density"].mean() + 0.1
    assert spot(picture(), Direction(energy=0.9)).tempo_bpm > free.tempo_bpm
    assert not key_is_major(spot(picture(), Direction(valence=0.1)).key)


def test_an_asked_mood_keeps_the_shape_of_the_curve() -> None:
    motion = np.linspace(0.01, 0.1, 120)
    free, asked = spot(picture(motion=motion)), spot(picture(motion=motion), Direction(energy=0.45))
    difference = asked.curves["energy"] - free.curves["energy"]
    assert np.ptp(difference) < 1e-6
    for value in (0.0, 1.0):
        extreme = spot(picture(motion=motion), Direction(energy=value)).curves["energy"]
        assert extreme.mean() == pytest.approx(value, abs=1e-3)


def test_music_starts_and_ends_where_asked() -> None:
    (cue,) = spot(picture(), Direction(music_from=4.5, music_to=20.0)).cues
    assert (cue.start, cue.end) == (4.5, 20.0)
    assert spot(picture(), Direction(music_to=99.0)).cues[0].end == 30.0
    with pytest.raises(PixMusError, match="to start at 31 s, but the clip lasts 30.00 s"):
        spot(picture(), Direction(music_from=31.0))
    with pytest.raises(PixMusError, match="not after its start"):
        spot(picture(), Direction(music_from=9.0, music_to=8.0))


def test_asked_parts_restrict_the_ensemble() -> None:
    sheet = spot(picture(), Direction(parts=("bass", "melody"), ensemble="strings"))
    assert (sheet.ensemble, sheet.parts) == ("strings", ("melody", "bass"))
    assert "drums" in ENSEMBLES[spot(picture(), Direction(parts=("drums",))).ensemble].parts
    with pytest.raises(PixMusError, match='"strings" has the parts melody, counter'):
        spot(picture(), Direction(parts=("drums",), ensemble="strings"))
    with pytest.raises(PixMusError, match="No ensemble has all the parts counter, drums"):
        spot(picture(), Direction(parts=("counter", "drums")))


@pytest.mark.parametrize(
    "asked, message",
    [
        ({"tempo_bpm": 900}, "The tempo is 900; give a number from 40 to 240 bpm"),
        ({"tempo_bpm": float("nan")}, "The tempo is nan"),
        ({"key": "H minor"}, "The key 'H minor'"),
        ({"style": "metal"}, "The style is 'metal'; choose one of pop"),
        ({"ensemble": "choir"}, "The ensemble is 'choir'"),
        ({"parts": ()}, "None of the parts is chosen"),
        ({"parts": ("voice",)}, "One of the parts"),
        ({"valence": 1.2}, "The valence of the mood is 1.2"),
        ({"energy": -0.1}, "The energy of the mood is -0.1"),
        ({"music_from": -1.0}, "The start of the music is -1"),
    ],
)
def test_directions_that_cannot_be_are_refused(asked: Any, message: str) -> None:
    with pytest.raises(PixMusError, match=message):
        Direction(**asked)


@pytest.mark.parametrize(
    "text, key, tonic",
    [("A minor", "A minor", 9), ("c# Major", "Db major", 1), ("gb minor", "F# minor", 6)],
)
def test_keys_are_spelt_one_way(text: str, key: str, tonic: int) -> None:
    assert spell_key(text) == key and key_tonic(text) == tonic


def test_tables_speak_of_things_that_exist() -> None:
    assert len(set(KEYS)) == 24
    assert all(name in ENSEMBLES for style in STYLES for name in style.players)
    for parts in (ensemble.parts for ensemble in ENSEMBLES.values()):
        assert parts == tuple(part for part in PARTS if part in parts)


def test_a_file_of_version_1_is_read(text: str) -> None:
    raw = json.loads(text)
    del raw["sections"], raw["reasons"]
    raw["schema_version"] = 1
    sheet = CueSheet.from_json(json.dumps(raw))
    assert sheet.sections == () and sheet.reasons == {}


def scenes(*levels: float, seconds: float = 6.0) -> Features:
    """Shots of these brightnesses."""
    length = num_curve_values(seconds * len(levels))
    brightness = np.repeat(levels, num_curve_values(seconds))[:length]
    cuts = tuple(seconds * (k + 1) for k in range(len(levels) - 1))
    return picture(seconds * len(levels), cuts=cuts, brightness=brightness, contrast=0.1)


def test_sections_that_look_alike_share_a_theme() -> None:
    features = scenes(0.1, 0.9, 0.1)
    features = replace(features, warmth=np.where(features.brightness > 0.5, 0.4, -0.3))
    found = spot(features).sections
    assert [section.theme for section in found] == ["A", "B", "A"]
    assert [section.start for section in found] == [0.0, 6.0, 12.0]
    assert len(spot(scenes(0.5, 0.51, 0.5)).sections) == 1
    assert len(find_sections(picture(20.0))) == 1


def test_a_new_scene_outweighs_a_cut_back_into_one() -> None:
    features = scenes(0.2, 0.5, 0.2, 0.5, 0.9, seconds=3.0)
    novelties = shot_novelties(features)
    assert novelties[1] == novelties[2] == 0 and novelties[3] > 0
    strengths = [hit.strength for hit in spot(features).hit_points]
    assert strengths[3] > max(strengths[1:3])


def test_a_long_film_changes_its_cue_where_a_new_scene_has_another_intent() -> None:
    calm_then_wild = np.repeat([0.005, 0.6], num_curve_values(30.0))
    light = np.repeat([0.2, 0.8], num_curve_values(30.0))
    features = picture(60.0, cuts=(30.0,), motion=calm_then_wild, brightness=light, contrast=0.05)
    cues = spot(features).cues
    assert [(cue.start, cue.end) for cue in cues] == [(0.0, 30.0), (30.0, 60.0)]
    assert cues[0].name != cues[1].name
    assert len(spot(picture(60.0, cuts=(30.0,))).cues) == 1
    short = picture(20.0, cuts=(10.0,), motion=calm_then_wild[80:160], brightness=light[80:160])
    assert len(spot(short).cues) == 1
