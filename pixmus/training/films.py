"""What the encoder is set against and judged by: shared clips, montages of them, slideshows of
rated photographs.

Decoding is slow beside everything else, so frames and features are kept in a cache folder outside
the repository; a change of `features.py` measures them again.
"""

from __future__ import annotations

import csv
import pickle
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from pixmus.curves import Curve
from pixmus.picture.efficientnet import EfficientNetLite0
from pixmus.picture.features import FEATURE_CURVES, Features, extract_features, measuring_version
from pixmus.picture.frames import Frame, read_frames
from pixmus.picture.video import probe
from pixmus.picture.views import VIEW_SIZE, evened
from pixmus.training.montages import (
    CLIPS_WITH_CUTS,
    MIN_SOURCE_RATE_HZ,
    Clip,
    fill_frame,
    plan_montage,
)

VIDEO_SUFFIXES = (".mp4", ".webm", ".mkv", ".mov")
MAX_SHOT_SOURCE = 12.0  # s of a clip that montages take shots from
SLIDE_RATE = Fraction(12)
SLIDE_SECONDS = (2.0, 5.0)


@dataclass(frozen=True, eq=False)
class Film:
    """A clip with its frames uint8 (frames, height, width, 3) at most 160 wide, and features."""

    name: str
    times: np.ndarray
    images: np.ndarray
    duration: float
    frame_rate: Fraction
    features: Features
    squares: Mapping[int, np.ndarray] = field(default_factory=dict)  # of some frames, by number


@dataclass(frozen=True, eq=False)
class Photographs:
    """OASIS: one value a photograph in every curve of `features`; ratings 1 to 7."""

    names: tuple[str, ...]
    themes: tuple[str, ...]  # "Acorns", without the number
    features: Features
    valence: np.ndarray
    arousal: np.ndarray
    images: tuple[np.ndarray, ...]
    categories: tuple[str, ...] = ()  # "Animal", "Object", ...
    # uint8 (n, VIEW_SIZE, VIEW_SIZE, 3), whole pictures squeezed; float32 (n, POOLED), what the
    # image network's layers give of them, evened. None where no network is asked.
    squares: np.ndarray | None = None
    looks: np.ndarray | None = None


def load_films(folder: Path, cache: Path) -> list[Film]:
    """Every clip of a folder, by name; frames and features from the cache where they are there."""
    cache.mkdir(parents=True, exist_ok=True)
    films = []
    for path in sorted(folder.iterdir()):
        if path.suffix not in VIDEO_SUFFIXES:
            continue
        kept = cache / f"{path.name}.npz"
        if not kept.is_file() or "squares" not in np.load(kept):
            video = probe(path)
            frames = list(read_frames(video, with_views=True))
            numbers = [k for k, frame in enumerate(frames) if frame.square is not None]
            np.savez(
                kept,
                numbers=np.array(numbers),
                squares=np.stack([np.asarray(frames[k].square) for k in numbers]),
                times=np.array([frame.time for frame in frames]),
                images=np.stack([frame.image for frame in frames]),
                duration=video.duration,
                rate=str(video.frame_rate),
            )
        arrays = np.load(kept)
        duration, rate = float(arrays["duration"]), Fraction(str(arrays["rate"]))
        squares = dict(zip(arrays["numbers"].tolist(), arrays["squares"], strict=True))
        measured = cache / f"{path.name}.{measuring_version()}.pkl"
        if measured.is_file():
            features = pickle.loads(measured.read_bytes())
        else:
            frames_again = with_squares(arrays["times"], arrays["images"], squares)
            features = extract_features(frames_again, duration, rate)
            measured.write_bytes(pickle.dumps(features))
        times, images = arrays["times"], arrays["images"]
        films.append(Film(path.name, times, images, duration, rate, features, squares))
    return films


def with_squares(
    times: np.ndarray, images: np.ndarray, squares: Mapping[int, np.ndarray]
) -> Iterator[Frame]:
    """Kept frames as they were read, some with the square that a view may be made of."""
    for number, (time, image) in enumerate(zip(times.tolist(), images, strict=True)):
        yield Frame(time, image, squares.get(number))


def load_photographs(
    folder: Path, cache: Path, network: EfficientNetLite0 | None = None
) -> Photographs:
    """OASIS as it lies in `affect/oasis`; with a network also what it says of them (a minute)."""
    cache.mkdir(parents=True, exist_ok=True)
    with open(folder / "oasis_norms.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if (folder / "images" / row["file"]).is_file()]
    kept = cache / f"oasis.{measuring_version()}.pkl"
    if kept.is_file():
        stills, images, squares = pickle.loads(kept.read_bytes())
    else:
        stills, images, squares = [], [], []
        for row in rows:
            video = probe(folder / "images" / row["file"], still_duration=0.5)
            frame = next(iter(read_frames(video, with_views=True)))
            images.append(frame.image)
            squares.append(np.asarray(frame.square))
            stills.append(extract_features([Frame(0.0, frame.image)], 0.25, video.frame_rate))
        kept.write_bytes(pickle.dumps((stills, images, squares)))
    return Photographs(
        names=tuple(row["file"] for row in rows),
        themes=tuple(re.sub(r" \d+$", "", row["theme"]) for row in rows),
        features=in_a_row(stills),
        valence=np.array([float(row[Curve.VALENCE]) for row in rows]),
        arousal=np.array([float(row["arousal"]) for row in rows]),
        images=tuple(images),
        categories=tuple(row["category"] for row in rows),
        squares=np.stack(squares),
        looks=_looks(np.stack(squares), network, cache),
    )


def _looks(
    squares: np.ndarray, network: EfficientNetLite0 | None, cache: Path
) -> np.ndarray | None:
    """What the network's layers say of the evened squares, from the cache where it is there."""
    if network is None:
        return None
    kept = cache / f"oasis.{measuring_version()}.looks.npy"
    if not kept.is_file():
        np.save(kept, network.look(np.stack([evened(square) for square in squares]))[0])
    looks: np.ndarray = np.load(kept)
    return looks


def in_a_row(stills: Sequence[Features]) -> Features:
    """The first curve values of many pictures as the curves of one `Features`."""

    def column(name: str) -> np.ndarray:
        return np.array([getattr(still, name)[0] for still in stills])

    return Features(
        len(stills) / 4,
        Fraction(4),
        (),
        **{name: column(name) for name in FEATURE_CURVES},
        palette=column("palette"),
        moments=(),
        views=None,
    )


def montage_clips(films: Sequence[Film]) -> list[Clip]:
    """What montages can be made of: the first seconds of clips without cuts of their own."""
    clips = []
    for film in films:
        if film.name in CLIPS_WITH_CUTS or film.frame_rate < MIN_SOURCE_RATE_HZ:
            continue
        rows = np.flatnonzero(film.times <= MAX_SHOT_SOURCE)
        images = np.stack([fill_frame(film.images[row]) for row in rows])
        clips.append(Clip(film.name, film.times[rows], images))
    return clips


def montage_features(
    clips: Sequence[Clip], seed: int, mean_shot: float, duration: float, traps: bool = False
) -> Features:
    """Features of a montage at 24 frames a second."""
    montage = plan_montage(clips, seed, mean_shot, Fraction(24), duration=duration, traps=traps)
    return extract_features(montage.frames(), montage.duration, montage.frame_rate)


def slideshow_features(photographs: Photographs, order: Sequence[int], seed: int) -> Features:
    """Features of photographs shown one after another, the camera moving slowly over each."""
    duration = slide_spans(len(order), seed)[-1][1]
    return extract_features(_slideshow(photographs, order, seed), duration, SLIDE_RATE)


def slide_spans(count: int, seed: int) -> list[tuple[float, float]]:
    """Start and end of each of the slides of a slideshow, seconds."""
    edges = np.concatenate([[0], np.cumsum(_slide_lengths(count, seed))]) / float(SLIDE_RATE)
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))


def _slide_lengths(count: int, seed: int) -> list[int]:
    """Frames of each slide."""
    rng = np.random.default_rng(seed)
    return [round(float(rng.uniform(*SLIDE_SECONDS) * SLIDE_RATE)) for _ in range(count)]


def _slideshow(photographs: Photographs, order: Sequence[int], seed: int) -> Iterator[Frame]:
    number = 0
    for index, length in zip(order, _slide_lengths(len(order), seed), strict=True):
        image = photographs.images[index]
        height, width = (round(0.92 * side) for side in image.shape[:2])
        for step in range(length):
            share = step / length
            top = round((image.shape[0] - height) * share)
            left = round((image.shape[1] - width) * share)
            inner = image[top : top + height, left : left + width]
            square = None
            if (
                photographs.squares is not None and step % (SLIDE_RATE // 2) == 0
            ):  # twice a second, as clips are read
                square = _cropped(photographs.squares[index], share)
            yield Frame(float(number / SLIDE_RATE), inner, square)
            number += 1


def _cropped(square: np.ndarray, share: float) -> np.ndarray:
    """The part of a square that the moving camera shows, a square again."""
    side = round(0.92 * VIEW_SIZE)
    start = round((VIEW_SIZE - side) * share)
    inner = Image.fromarray(square[start : start + side, start : start + side])
    return np.asarray(inner.resize((VIEW_SIZE, VIEW_SIZE), Image.Resampling.BICUBIC))
