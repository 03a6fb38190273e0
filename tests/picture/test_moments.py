"""Flashes, falls and sudden stops are moments, each at its first frame."""

from fractions import Fraction

import numpy as np
import pytest

from pixmus.picture.features import Features, extract_features
from pixmus.picture.frames import Frame


def moving_square(positions: list[tuple[int, int]], flash: int | None = None) -> list[Frame]:
    """A textured square on grey at (row, column) in each frame of 24 a second."""
    rng = np.random.default_rng(0)
    square = rng.choice([10, 245], (4, 4, 1)).repeat(3, axis=2).repeat(30, 0).repeat(30, 1)
    frames = []
    for index, (row, column) in enumerate(positions):
        image = np.full((240, 160, 3), 90, np.uint8)
        image[row : row + 120, column : column + 120] = square
        if flash is not None and flash <= index < flash + 2:
            image = (image * 0.2 + 200).astype(np.uint8)
        frames.append(Frame(index / 24, image))
    return frames


def test_a_flash_is_a_moment_and_a_lasting_light_is_none() -> None:
    still = [(50, 20)] * 72
    found = extract_features(moving_square(still, flash=30), 3.0, Fraction(24)).moments
    assert [(m.kind, m.time) for m in found] == [("flash", pytest.approx(30 / 24))]
    assert not extract_features(moving_square(still), 3.0, Fraction(24)).moments
    lasting = moving_square(still)
    brighter = [
        Frame(f.time, f.image if i < 30 else f.image // 2 + 127) for i, f in enumerate(lasting)
    ]
    assert not extract_features(brighter, 3.0, Fraction(24)).moments


@pytest.mark.parametrize("kind", ["fall", "stop"])
def test_the_end_of_a_fall_and_a_sudden_stop_are_moments(kind: str) -> None:
    way = [8 * k for k in range(16)]
    there = [(k, 20) for k in way] if kind == "fall" else [(60, k // 3) for k in way]
    frames = moving_square([there[0]] * 12 + there + [there[-1]] * 36)
    found = extract_features(frames, len(frames) / 24, Fraction(24)).moments
    if kind == "fall":
        assert [m.kind for m in found] == ["fall"]
        assert found[0].time == pytest.approx(28 / 24, abs=0.1)
        assert "fall" not in [m.kind for m in _backwards(frames).moments]
    else:
        assert "fall" not in [m.kind for m in found]


def _backwards(frames: list[Frame]) -> Features:
    turned = [Frame(frame.time, frame.image[::-1]) for frame in frames]
    return extract_features(turned, len(frames) / 24, Fraction(24))
