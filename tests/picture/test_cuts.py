"""Cuts are found without colour, in the dark, between bars, in slides and in quick succession."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from painted import features_of, scenery

from pixmus.picture.features import extract_features
from pixmus.picture.frames import Frame
from pixmus.studies.spotting_cases import (
    Change,
    dark_between_bars,
    drifting,
    fast_pictures,
    grey,
    grey_half,
    half,
    slides,
    soft_pictures,
)
from pixmus.studies.spotting_tally import match


def shots(lengths: Sequence[int]) -> np.ndarray:
    return np.concatenate([scenery(20 + seed, length) for seed, length in enumerate(lengths)])


@pytest.mark.parametrize("change", [grey, half, grey_half, dark_between_bars])
def test_a_film_changed_as_a_whole_keeps_its_cuts(change: Change) -> None:
    images = [change(image) for image in shots((40, 55, 33, 60))]
    found = features_of(images)
    assert [t.kind for t in found.transitions] == ["cut"] * 3
    assert found.cuts == pytest.approx((40 / 25, 95 / 25, 128 / 25), abs=1e-9)


def test_soft_dark_pictures_between_bars_are_cut() -> None:
    frames, truth, rate = next(soft_pictures([]))
    frames = list(frames)
    found = extract_features(frames, len(frames) / float(rate), rate).transitions
    assert [t.time for t in found] == pytest.approx([t.time for t in truth])


@pytest.mark.parametrize(("rate", "each"), [(Fraction(1, 4), 1), (Fraction(1), 2)])
def test_photographs_shown_by_few_frames_are_cut(rate: Fraction, each: int) -> None:
    images = [image for seed in range(6) for image in [scenery(seed, 1)[0]] * each]
    found = features_of(images, rate)
    assert found.cuts == pytest.approx([float(k * each / rate) for k in range(1, 6)])


def test_slides_of_which_only_the_text_changes_are_cut() -> None:
    frames, truth, rate = next(slides([]))
    frames = list(frames)
    found = extract_features(frames, len(frames) / float(rate), rate).transitions
    assert [t.time for t in found] == pytest.approx([t.time for t in truth])


def test_a_window_that_opens_over_a_page_is_no_cut() -> None:
    frames, _, rate = next(slides([]))
    page = list(frames)[0].image
    window = page.copy()
    window[20:70, 40:120] = 225
    images = [page] * 60 + [window] * 60 + [page] * 60
    assert features_of(images, rate).transitions == ()


def test_cuts_every_fifth_of_a_second_are_found() -> None:
    frames, truth, rate = next(fast_pictures([]))
    frames, truth = list(frames)[:250], truth[:49]
    found = extract_features(frames, 10.0, rate).transitions
    assert len(match(truth, found, 0.001)) >= 47
    assert len(found) <= 49


def test_one_frame_a_second_of_a_moving_picture_is_no_cut() -> None:
    images = list(scenery(3, 400))[::25]
    frames = [Frame(float(k), image) for k, image in enumerate(images)]
    assert extract_features(frames, 16.0, Fraction(1)).transitions == ()


def test_a_fade_out_ends_without_a_cut() -> None:
    light = np.clip((99 - np.arange(100)) / 20, 0, 1)[:, None, None, None]
    assert features_of((shots((100,)) * light).astype(np.uint8)).transitions == ()


def test_a_camera_that_drifts_over_a_fine_texture_does_not_dissolve() -> None:
    assert features_of(list(drifting(4, 100))).transitions == ()


def between(away: np.ndarray) -> np.ndarray:
    """A shot of two seconds on each side of `away`, which go on where the first one stopped."""
    shot = scenery(1, 100 + len(away))
    return np.concatenate([shot[:50], away, shot[50 + len(away) :]])


@pytest.mark.parametrize("length", [3, 5, 7, 12])
def test_a_short_shot_out_of_which_the_last_one_comes_back_is_cut(length: int) -> None:
    found = features_of(between(scenery(2, length)))
    assert [t.kind for t in found.transitions] == ["cut", "cut"]
    assert found.cuts == pytest.approx((2.0, (50 + length) / 25), abs=1e-9)


def test_two_shots_in_turn_every_fifth_of_a_second_are_cut() -> None:
    one, other = scenery(1, 100), scenery(2, 100)
    images = [(one, other)[k // 5 % 2][k] for k in range(100)]
    assert features_of(images).cuts == pytest.approx([k / 5 for k in range(1, 20)], abs=1e-9)


@pytest.mark.parametrize("length", [1, 2, 3, 5])
@pytest.mark.parametrize("light", [0.6, 0.8, 0.95])
def test_light_that_comes_and_goes_is_no_cut(length: int, light: float) -> None:
    shot = scenery(1, 107)[50 : 50 + length]
    bright = (255 - (255 - shot.astype(float)) * (1 - light)).astype(np.uint8)
    assert features_of(between(bright)).transitions == ()


@pytest.mark.parametrize("length", [1, 2])
def test_a_picture_that_is_shown_for_two_frames_is_a_flash(length: int) -> None:
    assert features_of(between(scenery(2, length))).transitions == ()
