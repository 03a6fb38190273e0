"""Clips in which cuts are easily missed, each with a truth that is made: no colour, little light,
bars, photographs, slides, shots of a fifth of a second.

Conventions: images are uint8 (90, 160, 3); a case is the frames of one clip with its transitions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from pixmus.picture.features import extract_features
from pixmus.picture.frames import Frame
from pixmus.picture.thumbnails import LUMA_WEIGHTS
from pixmus.picture.transitions import Transition
from pixmus.studies.spotting_tally import Tally
from pixmus.training.montages import MONTAGE_SIZE, Clip, plan_montage

Case = tuple[Iterable[Frame], tuple[Transition, ...], Fraction]
Change = Callable[[np.ndarray], np.ndarray]

NUM_MONTAGES = 12
FIRST_SEED = 1000
RATES = (Fraction(24), Fraction(25), Fraction(30))
SCOPE = 2.39  # width over height of a film between bars
DARK = 0.35  # of the light
LONGEST_FRAME = 0.05  # s that a cut may be off where frames stand for longer


def grey(image: np.ndarray) -> np.ndarray:
    """Without colours."""
    return np.repeat(np.rint(image @ LUMA_WEIGHTS).astype(np.uint8)[..., None], 3, axis=2)


def half(image: np.ndarray) -> np.ndarray:
    """Half as bright."""
    return image // 2


def grey_half(image: np.ndarray) -> np.ndarray:
    """Both."""
    return half(grey(image))


def dark_between_bars(image: np.ndarray) -> np.ndarray:
    """Dark, with black bars over what lies above and below 2.39:1."""
    rows, columns = MONTAGE_SIZE
    bar = round((rows - columns / SCOPE) / 2)
    image = (image * DARK).astype(np.uint8)
    image[:bar] = image[-bar:] = 0
    return image


def changed(frames: Iterable[Frame], change: Change) -> Iterator[Frame]:
    """The same frames with every image changed."""
    for frame in frames:
        yield replace(frame, image=change(frame.image))


def montages(clips: Sequence[Clip], change: Change) -> Iterator[Case]:
    """Montages as those of the other rows, every image changed."""
    for number in range(NUM_MONTAGES):
        rate = RATES[number % len(RATES)]
        mean_shot = (1.5, 2.5, 4.0)[number // len(RATES) % 3]
        montage = plan_montage(clips, FIRST_SEED + number, mean_shot, rate)
        yield changed(montage.frames(), change), montage.transitions, rate


def soft_pictures(_: Sequence[Clip]) -> Iterator[Case]:
    """Painted soft pictures that the camera moves over, dark and between bars; hard cuts."""
    for seed in range(6):
        generator = np.random.default_rng(seed)
        lengths = generator.integers(36, 60, 5)
        images = [
            dark_between_bars(image)
            for number, length in enumerate(lengths)
            for image in drifting(seed * 100 + number, int(length))
        ]
        yield _case(images, np.cumsum(lengths)[:-1], Fraction(24))


def drifting(seed: int, num_frames: int) -> Iterator[np.ndarray]:
    """A soft picture that drifts slowly: noise in cells of 12 pixels, enlarged smoothly."""
    generator = np.random.default_rng(seed)
    rows, columns = MONTAGE_SIZE
    cells = generator.random((rows // 12 + 4, columns // 12 + 4, 3))
    low = generator.uniform(30, 120)
    direction = generator.uniform(0, 2 * np.pi)
    for index in range(num_frames):
        far = 6 + 5 * index / num_frames * np.array([np.sin(direction), np.cos(direction)])
        tall, wide = (_soft(n, count, at) for n, count, at in zip(
            MONTAGE_SIZE, cells.shape[:2], far, strict=True))  # fmt: skip
        soft = np.einsum("yr,rcn,xc->yxn", tall, low + 120 * cells, wide, optimize=True)
        yield soft.astype(np.uint8)


def _soft(length: int, count: int, at: float) -> np.ndarray:
    places = (np.arange(length) + at) / 12
    weights: np.ndarray = np.maximum(0, 1 - np.abs(places[:, None] - np.arange(count)))
    return weights


def photographs(clips: Sequence[Clip], rate: Fraction, frames_each: int) -> Iterator[Case]:
    """The middle frame of each clip as a photograph, in six orders, so many frames of each."""
    for seed in range(6):
        order = np.random.default_rng(seed).permutation(len(clips))
        shown = [clips[k].images[len(clips[k].images) // 2] for k in order]
        images = [image for image in shown for _ in range(frames_each)]
        yield _case(images, np.arange(frames_each, len(images), frames_each), rate)


def slides(_: Sequence[Clip]) -> Iterator[Case]:
    """Six lectures of six slides, 3 s each: only the lines of text differ; a pointer moves."""
    for seed in range(6):
        generator = np.random.default_rng(seed)
        paper, ink = ((250, 40), (30, 220))[seed % 2]
        rate = Fraction(15)
        images = []
        for index in range(6 * 45):
            if index % 45 == 0:
                slide = _slide(generator, paper, ink)
            image = slide.copy()
            y, x = 45 + int(30 * np.sin(index / 15)), 80 + int(50 * np.cos(index / 21))
            image[y : y + 3, x : x + 2] = ink
            images.append(image)
        yield _case(images, np.arange(45, len(images), 45), rate)


def _slide(generator: np.random.Generator, paper: int, ink: int) -> np.ndarray:
    image = np.full((*MONTAGE_SIZE, 3), paper, dtype=np.uint8)
    lines = [(6, 6)] + [(20 + 9 * k, 3) for k in range(int(generator.integers(3, 8)))]
    for top, tall in lines:
        left = 8 if tall == 6 else 13
        end = left + int(generator.integers(50, 130))
        while left < end:  # words
            word = int(generator.integers(4, 14))
            image[top : top + tall, left : min(left + word, end)] = ink
            left += word + 2
    return image


def fast_cuts(clips: Sequence[Clip]) -> Iterator[Case]:
    """A minute with 299 cuts: shots of a fifth of a second out of clips."""
    generator = np.random.default_rng(0)
    images: list[np.ndarray] = []
    last = -1
    for _ in range(300):
        number = int(generator.choice([k for k in range(len(clips)) if k != last]))
        first = int(generator.integers(0, max(1, len(clips[number].images) - 5)))
        shot = clips[number].images[first : first + 5]
        images += [shot[min(k, len(shot) - 1)] for k in range(5)]
        last = number
    yield _case(images, np.arange(5, len(images), 5), Fraction(25))


def fast_pictures(_: Sequence[Clip]) -> Iterator[Case]:
    """The same out of painted pictures."""
    images = [image for number in range(300) for image in drifting(number, 5)]
    yield _case(images, np.arange(5, len(images), 5), Fraction(25))


def counted(clips: Sequence[Clip], num_montages: int = NUM_MONTAGES) -> dict[str, Any]:
    """Precision and recall within one frame (of 0.05 s at most) for every case."""
    result = {}
    for name, make in CASES.items():
        tally = Tally()
        for number, (given, reference, rate) in enumerate(make(clips)):
            if number == num_montages:
                break
            frames = list(given)
            length = float(len(frames) / rate)
            found = extract_features(frames, length, rate).transitions
            tally.add(reference, found, min(float(1 / rate), LONGEST_FRAME))
        result[name] = tally.summary()
    return result


def _case(images: Sequence[np.ndarray], cuts: Iterable[int], rate: Fraction) -> Case:
    times = [float(index / rate) for index in cuts]
    frames = [Frame(float(index / rate), image) for index, image in enumerate(images)]
    return frames, tuple(Transition(time, time, time, "cut") for time in times), rate


CASES: dict[str, Callable[[Sequence[Clip]], Iterator[Case]]] = {
    "montages without colour": partial(montages, change=grey),
    "montages half as bright": partial(montages, change=half),
    "montages without colour, half as bright": partial(montages, change=grey_half),
    "montages, dark and between black bars": partial(montages, change=dark_between_bars),
    "soft painted pictures, dark and between black bars": soft_pictures,
    "photographs, a frame of each every 4 s": partial(
        photographs, rate=Fraction(1, 4), frames_each=1
    ),
    "photographs at 1 frame a second, two of each": partial(
        photographs, rate=Fraction(1), frames_each=2
    ),
    "slides of which only the text changes": slides,
    "299 cuts in a minute, clips": fast_cuts,
    "299 cuts in a minute, painted pictures": fast_pictures,
}
