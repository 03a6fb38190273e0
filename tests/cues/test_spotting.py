"""The rules of spotting do what they say, and what was asked for is obeyed."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from described_picture import picture

from pixmus.cues.direction import Direction
from pixmus.cues.sections import find_sections, shot_novelties
from pixmus.cues.spotting import spot
from pixmus.curves import CURVES, num_curve_values
from pixmus.ensembles import ENSEMBLES, PARTS, STYLES
from pixmus.errors import PixMusError
from pixmus.keys import KEYS, key_is_major
from pixmus.picture.features import Features


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
    assert ensemble(motion=0.2, brightness=0.1, cuts=tuple(range(2, 30, 2))) == "hybrid"
    assert ensemble(motion=0.003, brightness=0.1) == "dark drone"
    assert ensemble(motion=0.003, brightness=0.3) == "ambient"
    assert ensemble(motion=0.003, brightness=0.3, duration=12.0) == "strings"
    assert ensemble(duration=6.0, brightness=0.6, saturation=0.3) == "music box"


def test_a_mood_that_turns_is_told_in_turn_and_an_orchestra_plays_it() -> None:
    busy = np.where(np.arange(120) < 60, 0.2, 0.004)
    light = np.where(np.arange(120) < 60, 0.25, 0.6)
    turning = spot(picture(motion=busy, brightness=light))
    assert [cue.name for cue in turning.cues] == ["dark and driving, then serene"]
    assert turning.ensemble == "orchestra"
    assert turning.reasons["ensemble"] == "dark and driving, then serene"
    grey = spot(picture(motion=0.05, brightness=light))  # nothing in it is strong
    assert ", then " in grey.cues[0].name and grey.ensemble != "orchestra"
    assert [cue.name for cue in spot(picture()).cues] == ["easy"]


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


def test_tables_speak_of_things_that_exist() -> None:
    assert len(set(KEYS)) == 24
    assert all(name in ENSEMBLES for style in STYLES for name in style.players)
    for parts in (ensemble.parts for ensemble in ENSEMBLES.values()):
        assert parts == tuple(part for part in PARTS if part in parts)


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
