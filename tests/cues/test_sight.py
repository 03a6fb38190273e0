"""What is shown: the same picture darker is never happier, words, sections, players, files."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from wandering import wandering as picture

from pixmus.cues.direction import Direction
from pixmus.cues.encoder import GREAT_PACE, LEAST_PACE, ConditioningEncoder
from pixmus.cues.players import SEEN_PLAYERS
from pixmus.cues.sections import find_sections
from pixmus.cues.sight import HEAD_WEIGHTS, Seen, Sight
from pixmus.cues.spotting import make_cue_sheet
from pixmus.cues.wishes import NO_WISHES, read_wishes
from pixmus.curves import Curve
from pixmus.picture.efficientnet import HEAD
from pixmus.picture.features import Features
from pixmus.picture.things import things_seen
from pixmus.picture.views import VIEW_SIZE, Views

SHIPPED = Path(__file__).parents[2] / "checkpoints" / "pixmus" / "encoder"

THINGS = things_seen(np.zeros((0, 1000), np.float32))[0]


@pytest.fixture(scope="module")
def encoder() -> ConditioningEncoder:
    return ConditioningEncoder.from_pretrained(SHIPPED)


def seen_as(*things: str | None, looks: np.ndarray | None = None) -> Seen:
    """One view a thing, or of nothing that has a name."""
    shares = np.array([[0.8 if name == thing else 0.0 for name in THINGS] for thing in things])
    count = len(things)
    looks = np.eye(count, HEAD) if looks is None else looks
    return Seen(np.zeros((count, 2)), looks, THINGS, shares)


def with_views(features: Features, edges: Sequence[float]) -> Features:
    spans = np.stack([edges[:-1], edges[1:]], axis=1)
    images = np.zeros((len(spans), VIEW_SIZE, VIEW_SIZE, 3), np.uint8)
    return replace(features, views=Views(spans, images, np.arange(len(spans))))


def painted(seed: int) -> np.ndarray:
    """A picture of soft coloured patches."""
    from PIL import Image

    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(30, 230, (9, 9, 3), np.uint8))
    return np.asarray(coarse.resize((VIEW_SIZE, VIEW_SIZE), Image.Resampling.BICUBIC))


def graded(features: Features, image: np.ndarray, gain: float, chroma: float) -> Features:
    """The features and the view of a still, darker and paler."""
    luma = (image @ (0.299, 0.587, 0.114))[..., None]
    other = np.clip(np.rint(gain * (luma + chroma * (image - luma))), 0, 255).astype(np.uint8)
    pixels = other / 255
    length = len(features.motion)
    return replace(
        features,
        brightness=np.full(length, (pixels @ (0.299, 0.587, 0.114)).mean()),
        saturation=np.full(length, (pixels.max(-1) - pixels.min(-1)).mean()),
        views=Views(np.array([[0.0, features.duration]]), other[None], np.zeros(1, int)),
    )


def test_the_same_picture_darker_and_greyer_is_never_happier(encoder: ConditioningEncoder) -> None:
    features = picture(6.0, 1)
    fell = []
    for seed in range(6):
        image = painted(seed)
        before = encoder.curves(graded(features, image, 1, 1))[Curve.VALENCE].mean()
        for gain, chroma in ((0.6, 1.0), (1.0, 0.4), (0.5, 0.4)):
            after = encoder.curves(graded(features, image, gain, chroma))[Curve.VALENCE].mean()
            fell.append(before - after)
    assert min(fell) > -0.005 and np.mean(fell) > 0.01
    assert encoder.sight is not None and (encoder.sight.head.grading[0] >= 0.1 - 1e-6).all()


def test_what_is_shown_moves_valence_and_energy(encoder: ConditioningEncoder) -> None:
    assert encoder.sight is not None
    views = with_views(picture(8.0, 2), [0.0, 8.0])
    moods = [np.array([[1.0, 0.5]]), np.array([[-1.0, -0.5]])]
    means = []
    for mood in moods:
        sight = Sight(encoder.sight.network, encoder.sight.head)
        sight._known[views.views] = replace(seen_as(None), mood=mood)  # type: ignore[index]
        other = ConditioningEncoder.from_pretrained(SHIPPED)
        other.set_sight(sight)
        curves = other.curves(views)
        means.append((curves[Curve.VALENCE].mean(), curves[Curve.ENERGY].mean()))
    (happy, lively), (sad, calm) = means
    assert happy > sad + 0.2 and lively > calm


def test_skill_and_spread_are_stored_together(encoder: ConditioningEncoder) -> None:
    assert encoder.sight is not None
    assert (encoder.sight.head.skill >= 0.6).all() and (encoder.sight.head.skill < 0.7).all()


def test_music_that_plays_is_never_next_to_nothing(encoder: ConditioningEncoder) -> None:
    still = replace(picture(10.0, 3), motion=np.zeros(40), edges=np.zeros(40))
    curves = encoder.curves(still)
    assert min(curves[Curve.DENSITY].min(), curves[Curve.ENERGY].min()) >= LEAST_PACE - 1e-6
    assert encoder.sight is not None
    sea = with_views(still, [0.0, 10.0])
    shown = seen_as("sea or lake")
    encoder.sight._known[sea.views] = replace(shown, shares=np.where(shown.shares > 0, 1.0, 0.0))  # type: ignore[index]
    curves = encoder.curves(sea)
    assert min(curves[Curve.DENSITY].min(), curves[Curve.ENERGY].min()) >= GREAT_PACE - 1e-6


def test_it_is_said_and_its_absence_too(encoder: ConditioningEncoder) -> None:
    assert encoder.sight is not None
    features = with_views(picture(10.0, 4), [0.0, 6.0, 10.0])
    encoder.sight._known[features.views] = seen_as("boat", "sea or lake")  # type: ignore[index]
    sheet = encoder.spot(features)
    assert "sight" in sheet.inputs and sheet.reasons["sight"] == "seen: boat, sea or lake"
    without = encoder.spot(replace(features, views=None))
    assert "sight" not in without.inputs and "sight" not in without.reasons


def test_a_thing_is_said_where_its_shot_shows_it_on_average() -> None:
    shares = np.zeros((3, len(THINGS)))
    shares[:, THINGS.index("dog")] = 0.9, 0.2, 0.7
    seen = replace(seen_as(None, None, None), shares=shares)
    spans, images = np.array([[0.0, 4.0], [4.0, 8.0], [8.0, 9.0]]), np.zeros((3, 2, 2, 3), np.uint8)
    assert seen.said(Views(spans, images, np.array([0, 1, 2]))) == ("dog",)
    assert seen.mostly(Views(spans, images, np.array([0, 1, 2]))) == ("dog",)
    assert seen.said(Views(spans, images, np.array([0, 0, 0]))) == ()
    assert seen.mostly(Views(spans, images, np.array([0, 0, 1]))) == ()


def test_things_may_choose_who_plays_and_words_win() -> None:
    features = with_views(picture(10.0, 5), [0.0, 10.0])
    curves = {name: np.full(40, 0.5, np.float32) for name in Curve}

    def players(thing: str | None, text: str = "", ensemble: str | None = None) -> str:
        wishes = read_wishes(text) if text else NO_WISHES
        return make_cue_sheet(
            features, curves, Direction(ensemble=ensemble), wishes, seen=seen_as(thing)
        ).ensemble

    usual = players(None)
    for thing, (_, middling, _) in SEEN_PLAYERS.items():
        assert thing in THINGS
        assert players(thing) == (middling.name if middling else usual)
    assert players("sea or lake", text="strings") == "strings"
    assert players("sea or lake", ensemble="piano") == "piano"


def test_sections_that_show_the_same_share_a_theme() -> None:
    features = picture(18.0, 6, cuts=(6.0, 12.0))
    level = np.repeat([0.1, 0.5, 0.9], 24)  # three plainly different looks
    features = replace(features, brightness=level, contrast=level, edges=level, warmth=2 * level)
    features = with_views(features, [0.0, 6.0, 12.0, 18.0])
    looks = np.eye(3, HEAD)
    assert [s.theme for s in find_sections(features, seen_as(None, None, None))] == ["A", "B", "C"]
    looks[2] = looks[0]
    told = find_sections(features, seen_as(None, None, None, looks=looks))
    assert [section.theme for section in told] == ["A", "B", "A"]


def test_views_are_looked_at_once_and_files_hold_all(
    encoder: ConditioningEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder.save_pretrained(tmp_path)
    again = ConditioningEncoder.from_pretrained(tmp_path)
    assert encoder.sight is not None and again.sight is not None
    views = Views(np.array([[0.0, 2.0]]), painted(9)[None], np.zeros(1, int))
    seen = again.sight.see(views)
    assert np.allclose(seen.mood, encoder.sight.see(views).mood, atol=1e-5)
    monkeypatch.setattr(again.sight, "network", None)
    assert again.sight.see(views) is seen
    encoder_without = ConditioningEncoder.from_pretrained(SHIPPED)
    encoder_without.set_sight(None)
    encoder_without.save_pretrained(tmp_path)
    assert not (tmp_path / HEAD_WEIGHTS).exists()
