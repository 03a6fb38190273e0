"""Curves on the clock, the palette, and the price of both."""

import time
from collections.abc import Iterable
from fractions import Fraction

import numpy as np
import pytest
from painted import RATE, features_of, scenery

from pixmus.curves import CURVE_RATE_HZ, num_curve_values
from pixmus.picture.features import extract_features
from pixmus.picture.frames import Frame
from pixmus.picture.palette import HUES, PALETTE


def test_a_still_picture_has_no_motion_and_a_moving_one_has() -> None:
    still = features_of([scenery(1, 1)[0]] * 60)
    slow = features_of(scenery(1, 60, speed=0.5))
    fast = features_of(scenery(1, 60, speed=1.5))
    assert still.motion.max() == 0
    assert 0 < slow.motion[1:].mean() < fast.motion[1:].mean()


def test_motion_does_not_count_cuts_nor_depend_much_on_the_frame_rate() -> None:
    images = scenery(1, 120)
    cut = features_of(np.concatenate([images[:60], scenery(2, 60)]))
    assert cut.motion.max() < 3 * features_of(images).motion.mean()
    halved = features_of(images[::2], RATE / 2)
    assert halved.motion.mean() == pytest.approx(features_of(images).motion.mean(), rel=0.35)


def test_colour_curves_follow_the_paint() -> None:
    def paint(colour: tuple[int, int, int]) -> np.ndarray:
        return np.full((90, 160, 3), colour, np.uint8)

    found = features_of([paint((255, 0, 0))] * 25 + [paint((0, 0, 255))] * 25)
    assert found.warmth[:4] == pytest.approx(np.ones(4), abs=1e-3)
    assert found.warmth[4:] == pytest.approx(-np.ones(4), abs=1e-3)
    assert found.saturation == pytest.approx(np.ones(8), abs=1e-3)
    assert found.brightness[0] == pytest.approx(0.299, abs=1e-3)
    assert found.contrast == pytest.approx(np.zeros(8), abs=1e-3)
    assert found.edges == pytest.approx(np.zeros(8), abs=1e-3)


@pytest.mark.parametrize("num_frames, rate", [(1, 25), (2, 25), (7, 25), (30, 4), (61, 30)])
def test_every_curve_covers_the_clip(num_frames: int, rate: int) -> None:
    found = features_of(scenery(1, num_frames), Fraction(rate))
    assert num_curve_values(found.duration) == int(np.ceil(found.duration * CURVE_RATE_HZ))
    for name in ("motion", "brightness", "contrast", "saturation", "warmth", "edges"):
        curve = getattr(found, name)
        assert curve.dtype == np.float32
        assert curve.shape == (num_curve_values(found.duration),)
        assert np.isfinite(curve).all()


def test_a_clip_without_frames_has_curves_of_zeros() -> None:
    found = extract_features(iter(()), 2.0, RATE)
    assert found.transitions == () and found.motion.shape == (8,)


@pytest.mark.parametrize("shape", [(90, 160), (284, 160), (17, 33), (160, 90)])
def test_frames_of_any_size_are_taken(shape: tuple[int, int]) -> None:
    generator = np.random.default_rng(0)
    images = [generator.integers(0, 255, (*shape, 3), np.uint8)] * 5
    assert features_of(images).brightness.mean() == pytest.approx(0.5, abs=0.05)


def test_frames_are_not_kept() -> None:
    def frames() -> Iterable[Frame]:
        image = np.zeros((90, 160, 3), np.uint8)
        for index in range(40):
            image[:] = index  # the same memory again and again
            yield Frame(index / 25, image)

    assert extract_features(frames(), 1.6, RATE).brightness[-1] > 0.1


def test_features_are_small_beside_decoding() -> None:
    images = scenery(1, 300)
    spent = []
    for _ in range(3):
        start = time.thread_time()
        features_of(images)
        spent.append(time.thread_time() - start)
    # Seconds of this thread, whatever else runs: 0.3 ms a frame, more where processors are shared.
    assert min(spent) < 300 * 0.002


def test_palette_tells_hues_and_places_and_survives_grading() -> None:
    image = np.zeros((48, 80, 3), np.uint8)
    image[:24] = (60, 90, 200)
    image[24:] = (60, 160, 40)

    def palette(picture: np.ndarray) -> dict[str, float]:
        found = extract_features([Frame(0.0, picture)], 0.25, Fraction(24)).palette
        assert found is not None and found.shape == (1, len(PALETTE))
        return dict(zip(PALETTE, found[0].tolist(), strict=True))

    plain = palette(image)
    assert max(HUES, key=plain.__getitem__) in ("blue", "green")
    assert plain["blue above"] > 0.3 and plain["green below"] > 0.3
    assert plain["blue"] + plain["green"] > 0.8 * sum(plain[hue] for hue in HUES)
    darker = palette((image * 0.5).astype(np.uint8))
    for name, value in plain.items():
        assert darker[name] == pytest.approx(value, abs=0.06), name
    upside_down = palette(image[::-1])
    assert upside_down["blue above"] < 0.05 and upside_down["light above"] > 1
