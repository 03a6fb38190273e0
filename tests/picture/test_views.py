"""Views: which frames are looked at, and the copy that grading does not change."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from pixmus.picture.footage import NO_BACKBONE, watch
from pixmus.picture.views import (
    EVEN_LUMA,
    LEAST_VIEWS,
    MOST_A_MINUTE,
    VIEW_SIZE,
    choose_views,
    evened,
    view_spacing,
)


def flat(value: int) -> np.ndarray:
    return np.full((2, 2, 3), value, np.uint8)


def test_every_shot_and_each_four_seconds_of_a_long_one() -> None:
    times = np.arange(0, 20, 0.5)
    views = choose_views(times, [flat(int(t * 10)) for t in times], [3.0, 4.0], 20.0)
    assert views is not None
    assert views.spans[:2].tolist() == [[0, 3], [3, 4]] and views.spans[-1, 1] == 20.0
    assert len(views.spans) == 6 and (np.diff(views.spans[2:], axis=1) == 4.0).all()
    shown = views.images[:, 0, 0, 0] / 10  # the time of each
    assert ((shown >= views.spans[:, 0]) & (shown < views.spans[:, 1])).all()
    assert views.at(np.array([0.0, 2.9, 3.0, 19.99, 25.0])).tolist() == [0, 0, 1, 5, 5]


def test_no_more_than_a_minute_may_cost_and_no_gap() -> None:
    times = np.arange(0, 60, 0.5)
    cuts = np.arange(1, 60, 1.0)
    views = choose_views(times, [flat(0)] * len(times), cuts.tolist(), 60.0)
    assert views is not None and len(views.spans) == MOST_A_MINUTE
    assert views.spans[0, 0] == 0 and views.spans[-1, 1] == 60
    assert all(a[1] == b[0] for a, b in pairwise(views.spans))
    short = choose_views([0.0, 0.5], [flat(0)] * 2, [0.25, 0.5], 1.0)
    assert short is not None and len(short.spans) == 2 < LEAST_VIEWS
    assert choose_views([], [], [], 1.0) is None


def test_a_long_clip_keeps_few_frames() -> None:
    assert view_spacing(20.0) == 0.5 and view_spacing(600.0) == 1.5


def test_watching_brings_views_unless_told_not_to(paint_video: Callable[..., Path]) -> None:
    clip = paint_video([(2.0, 30), (2.0, (200, 40, 40))])
    views = watch(clip).features.views
    assert views is not None and views.images.shape == (2, VIEW_SIZE, VIEW_SIZE, 3)
    assert views.images[0].mean() < 60 < views.images[1, ..., 0].mean()
    assert watch(clip, backbone=NO_BACKBONE).features.views is None


def test_a_still_is_looked_at_whole(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (90, 60), (20, 90, 160)).save(tmp_path / "still.png")
    views = watch(tmp_path / "still.png", still_duration=12.0).features.views
    assert views is not None and len(views.spans) == 1 and views.spans.tolist() == [[0.0, 12.0]]
    assert (views.images == (20, 90, 160)).all()


@pytest.mark.parametrize("gain, chroma", [(0.6, 1.0), (1.0, 0.4), (0.5, 0.4)])
def test_grading_does_not_change_the_evened_copy(gain: float, chroma: float) -> None:
    rng = np.random.default_rng(5)
    coarse = rng.uniform(20, 235, (7, 7, 3)) * (0.5, 0.9, 0.7)
    picture = np.kron(coarse, np.ones((32, 32, 1)))
    luma = (picture @ (0.299, 0.587, 0.114))[..., None]
    darker = gain * (luma + chroma * (picture - luma))
    before, after = (evened(np.rint(p).astype(np.uint8)).astype(int) for p in (picture, darker))
    assert np.abs(before - after).mean() < 1.5
    assert before.mean() / 255 == pytest.approx(EVEN_LUMA, abs=0.05)
    assert np.abs(np.rint(picture) - np.rint(darker)).mean() > 10
