"""Scenes look as their look says, move as fast as it says, and are the same for the same seed."""

from fractions import Fraction

import numpy as np
import pytest

from pixmus.dataset.brushes import fractal_noise
from pixmus.dataset.looks import FRAME_RATE, Shot, even_look
from pixmus.dataset.painting import measure_motion, paint_film, paint_still
from pixmus.dataset.scenes import SCENES
from pixmus.picture.features import extract_features
from pixmus.picture.frames import Frame


@pytest.mark.parametrize("kind", SCENES)
def test_a_picture_is_graded_to_its_look(kind: str) -> None:
    look = even_look(1, light=0.4, contrast=0.16, saturation=0.2, warmth=0.05).at(0)
    image = paint_still(kind, 7, look, (320, 180))
    assert image.shape == (180, 320, 3) and image.dtype == np.uint8
    picture = image / 255
    luma = picture @ (0.299, 0.587, 0.114)
    assert luma.mean() == pytest.approx(0.4, abs=0.05)
    assert luma.std() == pytest.approx(0.16, abs=0.05)
    assert (picture.max(2) - picture.min(2)).mean() == pytest.approx(0.2, abs=0.08)
    assert (picture[..., 0] - picture[..., 2]).mean() == pytest.approx(0.05, abs=0.08)
    again = paint_still(kind, 7, look, (320, 180))
    other = paint_still(kind, 8, look, (320, 180))
    assert (image == again).all() and (image != other).any()


@pytest.mark.parametrize("kind", ["sea", "city", "shapes"])
def test_a_film_moves_as_fast_as_it_should(kind: str) -> None:
    slow, fast = (measure_motion(kind, range(2), speed) * speed for speed in (0.02, 0.08))
    assert 2.0 < fast / slow < 6.0


def test_a_film_has_its_cuts_and_flashes() -> None:
    num_frames = 4 * FRAME_RATE
    look = even_look(num_frames)
    shots = [Shot(0, 24, "city", 1), Shot(24, 40, "forest", 2), Shot(40, num_frames, "plain", 3)]
    images = list(paint_film(shots, look, (160, 90), flashes=[52]))
    assert len(images) == num_frames
    frames = [Frame(k / FRAME_RATE, image) for k, image in enumerate(images)]
    features = extract_features(frames, 4.0, Fraction(FRAME_RATE))
    assert [round(cut * FRAME_RATE) for cut in features.cuts] == [24, 40]
    assert images[52].mean() > images[51].mean() + 40 and images[56].mean() < images[52].mean() - 40


def test_a_dissolve_goes_from_one_shot_to_the_next() -> None:
    look = even_look(30)
    soft = [Shot(0, 15, "clouds", 1), Shot(15, 30, "forest", 2, dissolve=9)]
    hard = [soft[0], Shot(15, 30, "forest", 2)]
    one, other = (list(paint_film(shots, look, (160, 90))) for shots in (soft, hard))

    def apart(first: np.ndarray, second: np.ndarray) -> float:
        return float(np.abs(first.astype(int) - second).mean())

    assert apart(one[14], other[14]) == 0
    assert apart(one[15], one[14]) < 0.5 * apart(other[15], other[14])
    assert apart(one[29], other[29]) < 1
    black = [soft[0], Shot(15, 30, "forest", 2, dissolve=9, fades_in=True)]
    assert list(paint_film(black, look, (160, 90)))[15].mean() < 0.2 * one[14].mean()


def test_noise_has_mean_0_and_variance_1_and_no_seam() -> None:
    noise = fractal_noise(np.random.default_rng(0), (64, 128), 1.8)
    assert noise.shape == (64, 128) and noise.dtype == np.float32
    assert abs(noise.mean()) < 1e-5 and noise.std() == pytest.approx(1, abs=1e-4)
    steps = np.abs(np.diff(noise, axis=1))
    assert np.abs(noise[:, 0] - noise[:, -1]).mean() < 1.5 * steps.mean()
