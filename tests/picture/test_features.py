"""Transitions to the frame, curves on the clock, and the price of both."""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pixmus.curves import CURVE_RATE_HZ, num_curve_values
from pixmus.picture.features import HUES, PALETTE, Features, Transition, extract_features
from pixmus.picture.video import Frame, probe, read_frames
from pixmus.studies.spotting import Tally, match
from pixmus.training.montages import MONTAGE_SIZE, Clip, plan_montage, write_montage

RATE = Fraction(25)


def scenery(seed: int, num_frames: int = 200, speed: float = 0.6) -> np.ndarray:
    """uint8 (frames, 90, 160, 3): a smooth random landscape that drifts to the left."""
    generator = np.random.default_rng(seed)
    rows, columns = MONTAGE_SIZE
    width = columns + round(speed * num_frames) + 1
    land = np.zeros((rows, width, 3))
    for cell in (40, 18, 8):
        coarse = generator.normal(size=(rows // cell + 2, width // cell + 2, 3))
        land += np.kron(coarse, np.ones((cell, cell, 1)))[:rows, :width] * cell**0.5
    land = 45 * land / land.std() + generator.uniform(80, 160, 3)
    land = np.clip(land, 0, 255).astype(np.uint8)
    return np.stack(
        [land[:, round(k * speed) : round(k * speed) + columns] for k in range(num_frames)]
    )


def features_of(images: Iterable[np.ndarray], rate: Fraction = RATE) -> Features:
    frames = [Frame(float(k / rate), image) for k, image in enumerate(images)]
    return extract_features(iter(frames), float(len(frames) / rate), rate)


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
    start = time.process_time()
    features_of(images)
    assert time.process_time() - start < 300 * 0.002  # s; 0.3 ms a frame where nothing else runs


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
