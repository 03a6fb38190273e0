"""What was seen of painted pictures."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixmus.dataset.picture_checks import (
    NUM_MOMENTS,
    Sight,
    frozen,
    moving,
    moving_share,
    num_images,
    several,
    too_short,
    undecodable,
    watch,
)
from pixmus.dataset.table import Row
from pixmus.picture.video import probe


def row(kind: str = "video", start: float = 0.0, end: float = 4.0) -> Row:
    return Row(0, "r", kind, "p", "a", start, end, 0.0, end - start)


def test_a_row_is_seen_from_its_start_to_its_end(paint_video: Callable[..., Path]) -> None:
    video = probe(paint_video([(2.0, 0), (2.0, 120), (2.0, 240)]))
    sight = watch(row(start=2.0, end=4.0), video)
    assert sight.times[0] == pytest.approx(0.0, abs=0.01) and len(sight.times) == 48
    np.testing.assert_allclose(sight.moments.mean((1, 2)), 120, atol=4)
    assert len(sight.changes) == 3 and sight.changes.max() < 1  # one shot
    assert len(watch(row(start=1.0, end=5.0), video).moments) == NUM_MOMENTS


def test_a_small_thing_that_moves_is_motion(paint_video: Callable[..., Path]) -> None:
    still = watch(row(), probe(paint_video([(4.0, 90)])))
    moves = watch(row(), probe(paint_video([(4.0, 90)], name="b.mp4", moving=True)))
    assert moving_share(still) == 0.0 and moving_share(moves) == 1.0
    assert frozen(moves, row()) is None and frozen(still, row("still")) is None
    assert frozen(still, row()) == (
        "it claims to be a video, but its picture stands still 100% of the time"
    )


def test_a_still_is_one_image(tmp_path: Path, paint_video: Callable[..., Path]) -> None:
    image = Image.fromarray(np.arange(64 * 64, dtype=np.uint32).reshape(64, 64).astype(np.uint8))
    image.save(tmp_path / "a.png")
    image.save(tmp_path / "b.webp", save_all=True, append_images=[image.rotate(90)])
    assert num_images(tmp_path / "a.png") == 1 and num_images(tmp_path / "b.webp") == 2
    sight = watch(row("still", end=30.0), probe(tmp_path / "a.png", still_duration=30.0))
    assert moving(sight, row("still", end=30.0)) is None
    assert too_short(sight, row("still", end=30.0)) is None and undecodable(sight) is None
    assert len(sight.moments) == NUM_MOMENTS and np.ptp(sight.moments, axis=0).max() == 0
    told = "it claims to be a still, but its file holds 2 images"
    assert several(tmp_path / "b.webp", row("still")) == told
    assert several(tmp_path / "a.png", row("still")) is None
    assert several(tmp_path / "b.webp", row()) is None
    clip = paint_video([(4.0, 90)], moving=True)
    assert several(clip, row("still")) is None  # no image: what it is, `moving` says
    video = watch(row("still", end=30.0), probe(clip))
    assert (
        moving(video, row("still")) == "it claims to be a still, but its file is a video that moves"
    )
    assert too_short(video, row("still", end=30.0)) is None  # that it is a video says enough


def test_frames_that_are_missing_are_told(paint_video: Callable[..., Path]) -> None:
    video = probe(paint_video([(6.0, 90)]))
    sight = watch(row(end=6.0), video)
    assert undecodable(sight) is None
    holed = Sight(
        video, sight.times[(sight.times < 1) | (sight.times > 4)], sight.changes, sight.moments, 6.0
    )
    assert undecodable(holed) == ("its picture has no frame that can be decoded from 1.0 to 4.0 s")
    none = Sight(video, np.zeros(0), np.zeros(0), sight.moments[:0], 6.0)
    assert undecodable(none) == "no frame of its picture can be decoded"
    assert too_short(sight, row(end=6.4)) is None
    assert too_short(sight, row(end=9.0)) == "its picture lasts 6.0 s, but the row ends at 9 s"
