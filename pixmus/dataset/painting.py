"""Films and stills of our own, painted by numpy from a seed.

`paint_film` paints the frames of a clip and `paint_still` one picture. What a shot shows comes from
its seed, how it looks from the `Look` that it is graded to. Nothing here is filmed, photographed or
learnt.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pixmus.dataset.brushes import Picture, Values
from pixmus.dataset.grade import Grade, solve_grade
from pixmus.dataset.looks import FILM_SIZE, FRAME_RATE, STILL_SIZE, Look, Shot, even_look
from pixmus.dataset.scene import Scene
from pixmus.dataset.scenes import SCENES

SOLVED_EVERY = 3  # frames: the grade changes slowly
TILT = 0.55  # of the light, from the middle to the upper or lower edge, at a height of 1


def _lighting(size: tuple[int, int]) -> tuple[Picture, Values]:
    """A vignette (height, width, 1), and how far above the middle each row lies (height, 1, 1)."""
    width, height = size
    x = (np.arange(width, dtype=np.float32) + 0.5) / width * 2 - 1
    y = ((np.arange(height, dtype=np.float32) + 0.5) / height * 2 - 1)[:, None]
    vignette = 1 - 0.22 * np.clip(x * x + y * y - 0.35, 0, None)
    return vignette[..., None].astype(np.float32), -y[..., None]


def paint_film(
    shots: Sequence[Shot],
    look: Look,
    size: tuple[int, int] = FILM_SIZE,
    flashes: Sequence[int] = (),
) -> Iterator[NDArray[np.uint8]]:
    """The frames of a film, uint8 (height, width, 3), one for each frame of the look.

    Shots follow one another without a gap from frame 0. A flash is white for its frame and gone
    after `FLASH_FRAMES`.
    """
    vignette, above = _lighting(size)
    grade: Grade | None = None
    scenes: dict[int, Scene] = {}
    travels: dict[int, float] = {}

    def picture_of(index: int, frame: int) -> Picture:
        shot = shots[index]
        if index not in scenes:
            rng = np.random.default_rng(shot.seed)
            scenes[index] = SCENES[shot.kind](rng, size, look.at(min(frame, len(look.light) - 1)))
            travels[index] = float(rng.uniform(0, 1))
        scene = scenes[index]
        step = float(look.speed[frame]) / FRAME_RATE
        travels[index] += step / scene.travelled
        return scene.paint(travels[index])

    for index, shot in enumerate(shots):
        for gone in [old for old in scenes if old < index - 1]:
            del scenes[gone]
        for frame in range(shot.start, shot.end):
            picture = picture_of(index, frame)
            since = frame - shot.start
            share = (since + 1) / (shot.dissolve + 1)
            if share < 1 and index > 0 and not shot.fades_in:
                picture *= np.float32(share)
                picture += np.float32(1 - share) * picture_of(index - 1, frame)
            picture *= vignette * (1 + TILT * look.height[frame] * above)
            if grade is None or since % SOLVED_EVERY == 0:
                grade = solve_grade(picture, look.at(frame))
            picture = grade.apply(picture)
            if share < 1 and shot.fades_in:
                picture *= np.float32(share)
            for flash in flashes:
                if 0 <= frame - flash < FLASH_FRAMES:
                    white = np.float32(0.75 * (1 - (frame - flash) / FLASH_FRAMES))
                    picture += (1 - picture) * white
            yield _as_bytes(picture)


FLASH_FRAMES = 3


def paint_still(
    kind: str, seed: int, look: Look, size: tuple[int, int] = STILL_SIZE
) -> NDArray[np.uint8]:
    """One picture of a scene, uint8 (height, width, 3); the look's values are scalars."""
    rng = np.random.default_rng(seed)
    scene = SCENES[kind](rng, size, look)
    vignette, above = _lighting(size)
    picture = scene.paint(float(rng.uniform(0, 3)))
    picture *= vignette * (1 + np.float32(TILT * float(look.height)) * above)
    return _as_bytes(solve_grade(picture, look).apply(picture))


def _as_bytes(picture: Picture) -> NDArray[np.uint8]:
    picture *= 255
    picture += 0.5
    return picture.astype(np.uint8)


def measure_motion(kind: str, seeds: Sequence[int], speed: float = 0.05) -> float:
    """Median of the motion that `picture.features` measures in films of a scene, over the speed.

    `Scene.travelled` of each kind was set with it, so that all kinds move alike to the eye.
    """
    from fractions import Fraction

    from pixmus.picture.features import extract_features
    from pixmus.picture.frames import Frame

    found = []
    num_frames = 3 * FRAME_RATE
    for seed in seeds:
        look = even_look(num_frames, speed=speed * SCENES[kind].travelled)
        shot = Shot(0, num_frames, kind, seed)
        frames = [
            Frame(k / FRAME_RATE, image[::2, ::2])
            for k, image in enumerate(paint_film([shot], look))
        ]
        features = extract_features(frames, 3.0, Fraction(FRAME_RATE))
        found.append(float(np.median(features.motion)) / speed)
    return float(np.median(found))
