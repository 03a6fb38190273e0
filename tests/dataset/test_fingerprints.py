"""Prints: the same after small changes, different for other things, found among many."""

import numpy as np
import pytest

from pixmus.dataset.fingerprints import (
    LARGEST_MUSIC_DISTANCE,
    LARGEST_PICTURE_DISTANCE,
    distance,
    music_print,
    picture_print,
    same_music,
    same_pictures,
)
from pixmus.dataset.speech import SAMPLE_RATE


def tune(seed: int, seconds: float = 12.0) -> np.ndarray:
    random = np.random.default_rng(seed)
    out = np.zeros(round(seconds * SAMPLE_RATE))
    for start in np.arange(0, seconds, 0.3):
        time = np.arange(len(out) - round(start * SAMPLE_RATE)) / SAMPLE_RATE
        phase = 2 * np.pi * random.uniform(200, 900) * time
        tone = sum(np.sin(k * phase) / k for k in (1, 2, 3, 4))
        out[round(start * SAMPLE_RATE) :] += tone * np.exp(-time / 0.4)
    return (0.3 * out).astype(np.float32)


def pictures(seed: int) -> np.ndarray:
    """Five smooth pictures. (5, 32, 32)"""
    random = np.random.default_rng(seed)
    coarse = random.uniform(20, 235, (5, 6, 6))
    return np.kron(coarse, np.ones((6, 6)))[:, :32, :32].astype(np.float32)


def test_music_is_known_again() -> None:
    first = music_print(tune(0))
    random = np.random.default_rng(1)
    for changed in (
        0.1 * tune(0),
        tune(0) + 0.01 * random.normal(size=12 * SAMPLE_RATE),
        np.pad(tune(0), (round(0.03 * SAMPLE_RATE), 0)),
    ):
        assert distance(first, music_print(changed), 32) <= LARGEST_MUSIC_DISTANCE
    assert distance(first, music_print(tune(2)), 32) > 0.4
    assert distance(first, music_print(np.zeros(12 * SAMPLE_RATE)), 32) == 1.0
    assert len(music_print(np.zeros(100))) == 0


def test_a_picture_is_known_again() -> None:
    first = picture_print(pictures(0))
    noisy = pictures(0) + np.random.default_rng(1).normal(0, 5, (5, 32, 32))
    assert distance(first, picture_print(noisy), 63) <= LARGEST_PICTURE_DISTANCE
    assert distance(first, picture_print(0.6 * pictures(0) + 30), 63) <= LARGEST_PICTURE_DISTANCE
    assert distance(first, picture_print(pictures(2)), 63) > 0.3
    assert not picture_print(np.full((5, 32, 32), 90.0)).any()


def test_few_moments_in_common_are_none() -> None:
    first = music_print(tune(0))
    assert distance(first, first[: len(first) // 2], 32) == 1.0
    assert distance(first, first[: round(0.8 * len(first))], 32) == 0.0


@pytest.mark.parametrize(
    "find, num_moments, num_bits", [(same_music, 100, 32), (same_pictures, 5, 63)]
)
def test_the_same_are_found_among_many(find, num_moments: int, num_bits: int) -> None:
    random = np.random.default_rng(0)
    prints = [random.integers(1, 2**num_bits, num_moments, dtype=np.uint64) for _ in range(500)]
    prints[400] = prints[20] ^ np.uint64(1)  # one bit of every moment
    prints[7] = np.zeros(num_moments, np.uint64)
    prints[8] = prints[7].copy()  # silent or flat: no print, so not the same
    prints[9] = np.zeros(0, np.uint64)
    assert find(prints) == [(20, 400)]
    assert find([]) == [] and find(prints[9:10]) == []


def test_many_that_are_the_same_hang_together() -> None:
    same = [music_print(tune(0))] * 1500
    pairs = same_music(same)
    assert len(pairs) < 5000
    assert {later for _, later in pairs} == set(range(1, 1500))
