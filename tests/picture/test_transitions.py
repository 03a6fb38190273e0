"""Cuts, dissolves and fades are found to the frame, and what only looks like one is not."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from painted import RATE, features_of, scenery

from pixmus.picture.features import extract_features
from pixmus.picture.frames import read_frames
from pixmus.picture.transitions import Transition
from pixmus.picture.video import probe
from pixmus.studies.spotting_tally import Tally, match
from pixmus.training.montages import Clip, plan_montage, write_montage


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    times = np.arange(200) / 25
    return [Clip(f"landscape {seed}", times, scenery(seed)) for seed in range(6)]


def test_cuts_are_found_at_the_first_frame_of_the_new_shot() -> None:
    found = features_of(np.concatenate([scenery(1, 50), scenery(2, 33), scenery(3, 60)]))
    assert [t.kind for t in found.transitions] == ["cut", "cut"]
    assert found.cuts == pytest.approx((2.0, 83 / 25), abs=1e-9)


def test_cuts_between_plain_colours_are_found(paint_video: Callable[..., Path]) -> None:
    path = paint_video([(2, 40), (3, 200), (1, 90)])
    video = probe(path)
    found = extract_features(read_frames(video), video.duration, video.frame_rate)
    assert found.cuts == pytest.approx((2.0, 5.0), abs=1e-6)


def test_a_dissolve_is_one_transition_at_its_middle() -> None:
    one, other = scenery(1, 120).astype(float), scenery(2, 120).astype(float)
    share = np.clip((np.arange(120) - 50) / 20, 0, 1)[:, None, None, None]
    found = features_of(((1 - share) * one + share * other).astype(np.uint8))
    (dissolve,) = found.transitions
    assert dissolve.kind == "dissolve"
    assert dissolve.time == pytest.approx(60 / 25, abs=0.041)
    assert dissolve.start == pytest.approx(50 / 25, abs=0.1)
    assert dissolve.end == pytest.approx(70 / 25, abs=0.1)


def test_a_fade_through_black_is_one_transition_at_its_middle() -> None:
    images = np.concatenate([scenery(1, 60), scenery(2, 60)]).astype(float)
    light = np.clip(np.abs(np.arange(120) - 59.5) / 12 - 0.2, 0, 1)[:, None, None, None]
    (fade,) = features_of((images * light).astype(np.uint8)).transitions
    assert fade.kind == "fade"
    assert fade.time == pytest.approx(60 / 25, abs=0.041)


def test_fades_at_the_edges_of_a_clip_are_no_transitions() -> None:
    light = np.clip(np.minimum(np.arange(100), 99 - np.arange(100)) / 15, 0, 1)
    images = (scenery(1, 100) * light[:, None, None, None]).astype(np.uint8)
    assert features_of(images).transitions == ()


def flash(images: np.ndarray) -> np.ndarray:
    images[60:63] = 255 - (255 - images[60:63]) // 10
    return images


def shake(images: np.ndarray) -> np.ndarray:
    generator = np.random.default_rng(0)
    for index in range(50, 75):
        images[index] = np.roll(images[index], tuple(generator.integers(-7, 8, 2)), (0, 1))
    return images


def freeze(images: np.ndarray) -> np.ndarray:
    images[50:62] = images[50]
    return images


def repeat(images: np.ndarray) -> np.ndarray:
    return images[(np.arange(len(images)) * 4 // 5)]


def brighten(images: np.ndarray) -> np.ndarray:
    gain = np.interp(np.arange(len(images)), (50, 65), (1, 1.5))[:, None, None, None]
    return np.minimum(images * gain, 255).astype(np.uint8)


def pan(images: np.ndarray) -> np.ndarray:
    return scenery(1, len(images), speed=6.0)


@pytest.mark.parametrize("trap", [flash, shake, freeze, repeat, brighten, pan])
def test_what_is_no_transition_is_not_found(trap: Callable[[np.ndarray], np.ndarray]) -> None:
    assert features_of(trap(scenery(1, 120))).transitions == ()


def test_montages_are_spotted(clips: list[Clip]) -> None:
    tally = Tally()
    for seed, rate in enumerate((24, 25, 30)):
        montage = plan_montage(clips, seed, 2.0, Fraction(rate), duration=14)
        found = extract_features(montage.frames(), montage.duration, montage.frame_rate)
        tally.add(montage.transitions, found.transitions, 1 / rate)
    summary = tally.summary()
    assert summary["true"] > 12
    assert summary["precision"] >= 0.9 and summary["recall"] >= 0.9, summary


def test_a_montage_tells_its_truth(clips: list[Clip], tmp_path: Path) -> None:
    truth = write_montage(
        clips, 3, 1.5, Fraction(30), tmp_path / "montage.mp4", duration=8.0, scale=1
    )
    video = probe(tmp_path / "montage.mp4")
    assert video.duration == pytest.approx(8.0, abs=0.01)
    found = extract_features(read_frames(video), video.duration, video.frame_rate)
    cuts = [t for t in truth if t.kind == "cut"]
    assert len(match(cuts, found.transitions, 1.01 / 30)) == len(cuts) > 0


def test_same_seed_same_montage(clips: list[Clip]) -> None:
    one, other, third = (plan_montage(clips, seed, 2.5, RATE) for seed in (5, 5, 6))
    assert one.shots == other.shots and one.transitions == other.transitions
    assert one.shots != third.shots


def test_metrics_perfect_empty_and_off_by_a_frame() -> None:
    truth = [Transition(t, t, t, "cut") for t in (1.0, 2.0, 3.0)]
    perfect, empty, late = Tally(), Tally(), Tally()
    perfect.add(truth, truth, 0.04)
    empty.add(truth, [], 0.04)
    late.add(truth, [replace(t, time=t.time + 0.08) for t in truth], 0.04)
    assert perfect.summary()["precision"] == perfect.summary()["recall"] == 1.0
    assert empty.summary()["recall"] == 0.0 and empty.summary()["precision"] is None
    assert late.summary()["recall"] == 0.0


def test_each_detection_is_matched_once() -> None:
    truth = [Transition(t, t, t, "cut") for t in (1.0, 1.04)]
    assert match(truth, truth[:1], 0.05) == [(0, 0)]
