"""What `pixmus evaluate encoder` puts in and measures, with answers known beforehand."""

from fractions import Fraction

import numpy as np
import pytest

from pixmus.picture.features import extract_features
from pixmus.picture.frames import Frame
from pixmus.studies.encoder_hits import with_moment
from pixmus.studies.encoder_photographs import (
    SLIDES,
    Slideshow,
    evaluate_slideshows,
    make_slideshows,
    ordered_pairs,
    span_means,
)
from pixmus.studies.encoder_retrieval import precision
from pixmus.studies.encoder_statistics import folds_of
from pixmus.take.spotted import load_encoder
from pixmus.training.films import Film, Photographs, in_a_row, slide_spans, slideshow_features


def photographs(count: int, seed: int) -> Photographs:
    """Blocks of random colours; the brighter one is, the happier it is rated."""
    rng = np.random.default_rng(seed)
    levels = np.linspace(0.15, 1, count)
    images = [
        (level * rng.integers(60, 255, (8, 10, 3)).repeat(16, 0).repeat(16, 1)).astype(np.uint8)
        for level in levels
    ]
    stills = [extract_features([Frame(0.0, image)], 0.25, Fraction(4)) for image in images]
    return Photographs(
        names=tuple(f"{k}.jpg" for k in range(count)),
        themes=tuple(f"theme {k}" for k in range(count)),
        features=in_a_row(stills),
        valence=1 + 6 * levels,
        arousal=np.linspace(1, 7, count),
        images=tuple(images),
    )


def test_a_slideshow_shows_each_photograph_in_its_span() -> None:
    album = photographs(10, 0)
    order = [9, 0, 5, 2]
    spans = slide_spans(4, 3)
    features = slideshow_features(album, order, 3)
    assert features.duration == pytest.approx(spans[-1][1])
    assert features.cuts == pytest.approx([start for start, _ in spans[1:]])
    light = span_means(features.brightness, spans)
    assert light.argsort().argsort().tolist() == [3, 0, 2, 1]


@pytest.fixture(scope="module")
def album() -> Photographs:
    return photographs(100, 1)


@pytest.fixture(scope="module")
def shows(album: Photographs) -> list[Slideshow]:
    """Four tenths of what the study shows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pixmus.studies.encoder_photographs.SLIDESHOWS_A_FOLD", 4)
        return make_slideshows(album)


def test_slideshows_hold_what_their_fold_holds_out(
    album: Photographs, shows: list[Slideshow]
) -> None:
    fold = folds_of(album.themes)
    for show in shows[::5]:
        assert (fold[show.order] == show.fold).all() and len(set(show.order)) == SLIDES


def test_where_light_is_happy_the_encoder_hears_it_and_no_shuffle_does(
    album: Photographs, shows: list[Slideshow]
) -> None:
    shipped = load_encoder()
    assert shipped is not None
    report = evaluate_slideshows(album, shipped, shows)
    assert report["cuts"]["recall"]["share"] > 0.95
    assert report["valence"]["encoder"]["pairs"]["share"] > 0.9
    assert abs(report["valence"]["shuffled slideshows"]["spearman"]) < 0.25
    assert report["valence"]["constant"]["pairs"]["share"] == 0.5


def test_pairs_count_only_where_ratings_are_far_apart() -> None:
    ratings = np.array([1.0, 2.0, 5.0])
    assert ordered_pairs(np.array([0.1, 0.9, 0.5]), ratings, 2.5) == [1.0, 0.0]
    assert ordered_pairs(np.zeros(3), ratings, 3.5) == [0.5]


def test_precision_is_a_mean_over_seeds_and_pictures() -> None:
    report = precision(np.array([[0, 4, 9, 0], [0, 0, 9, 7]]))
    assert report["P@1"] == 0.5 and report["P@5"] == 0.625
    assert report["P@1 by seed"] == [0.5, 0.5] and report["median place"] == 3.0


@pytest.mark.parametrize(
    "kind, heard",
    [
        ("flash", "flash"),
        ("stop", "stop"),
        ("fall", "fall"),
        ("slow stop", None),
        ("thrown up", "stop"),
    ],
)
def test_a_moment_put_in_is_found_where_it_is_one(kind: str, heard: str | None) -> None:
    films = []
    for seed in range(2):
        rng = np.random.default_rng(seed)
        image = rng.integers(20, 235, (9, 16, 3)).repeat(10, 0).repeat(10, 1).astype(np.uint8)
        times = np.arange(144) / 24
        images = np.repeat(image[None], len(times), axis=0)
        still = extract_features([Frame(0.0, image)], 6.0, Fraction(24))
        films.append(Film(f"{seed}.mp4", times, images, 6.0, Fraction(24), still))
    features, at = with_moment(films[0], films[1], kind, np.random.default_rng(5))
    near = [moment.kind for moment in features.moments if abs(moment.time - at) <= 0.1]
    assert near == ([heard] if heard else [])
