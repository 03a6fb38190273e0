"""A mechanical toy: it runs, it sticks, it thinks about it, and out comes the jack."""

import math

from film import Film, Shot, blend, camera, ease, main

STOP, AGAIN, POP = 7.5, 9.25, 13.0  # seconds


def turn(time: float) -> float:
    """How far the driving wheel has turned: winding up, running, stuck, running faster."""
    running = 1.5 * min(time, STOP)
    if time >= AGAIN:
        since = time - AGAIN
        running += 2.3 * since - 0.5 * (1.0 - math.exp(-2.0 * since))
    return running


def marble(time: float) -> float:
    """Down the run while the wheels turn; it waits where they stick."""
    if time < 3.5:
        return 0.25
    if time < STOP:
        return 0.25 + 0.72 * (time - 3.5) + 0.22 * (time - 3.5) ** 2
    stuck = 0.25 + 0.72 * (STOP - 3.5) + 0.22 * (STOP - 3.5) ** 2
    return stuck + 2.6 * max(time - AGAIN, 0.0) + 0.35 * max(time - AGAIN, 0.0) ** 2


def toy(time: float) -> dict:
    shiver = 0.02 * math.sin(60.0 * time) * (1.0 if AGAIN - 0.6 < time < AGAIN else 0.0)
    after = time - POP
    spring = 0.0
    nod = 0.0
    if after > 0.0:
        spring = 1.0 - math.exp(-6.0 * after) * math.cos(16.0 * after)
        nod = 0.9 * math.exp(-1.1 * after) * math.sin(7.5 * after)
    return {
        "turn": turn(time) + shiver,
        "marble_way": marble(time),
        "spring": spring,
        "nod": nod,
        "lid": min(ease(after / 0.10), 1.0) if after > 0.0 else 0.0,
        "zero": 0,
        "exposure": 0.58,
        "bloom": 0.06,
        "grain": 0.006,
        "smooth_jitter": 0.0,
        "edge": 0.3,
    }


def whole(time: float) -> dict:
    s = time / 3.5
    eye = blend((-3.2, 3.9, 12.0), (-0.9, 3.6, 10.6), s)
    return {**camera(eye, (-0.3, 2.75, 0.5), 2.75), **toy(time)}


def wheels(time: float) -> dict:
    s = (time - 3.5) / 2.0
    eye = blend((4.9, 3.0, 4.9), (3.9, 3.9, 4.7), s)
    return {**camera(eye, (2.2, 3.25, 0.5), 1.9, 3.0), **toy(time)}


def run(time: float) -> dict:
    """Beside the marble, until all of it sticks."""
    s = (time - 5.5) / 3.75
    eye = blend((-3.4, 4.6, 5.6), (-1.9, 4.2, 5.0), ease(s * 1.6))
    return {**camera(eye, (-1.45, 3.45, 0.9), 2.1, -2.0), **toy(time)}


def again(time: float) -> dict:
    s = (time - AGAIN) / 2.0
    eye = blend((5.4, 1.6, 4.2), (4.8, 2.3, 4.6), s)
    return {**camera(eye, (2.2, 2.7, 0.6), 1.75, -4.0), **toy(time)}


def box(time: float) -> dict:
    s = (time - 11.25) / 3.25
    eye = blend((-4.6, 2.3, 6.9), (-4.0, 2.6, 6.6), s)
    return {**camera(eye, (-1.95, 1.75, 1.6), 2.2, 1.5), **toy(time)}


def finale(time: float) -> dict:
    s = ease(0.5 + 0.5 * (time - 14.5) / 3.5) * 2.0 - 1.0
    eye = blend((-3.8, 3.0, 9.2), (-2.6, 3.9, 11.2), s)
    return {**camera(eye, blend((-1.3, 2.3, 1.0), (-0.3, 2.7, 0.6), s), 2.5), **toy(time)}


FILM = Film(
    "toy.glsl",
    (
        Shot(0.0, 3.5, whole),
        Shot(3.5, 5.5, wheels),
        Shot(5.5, AGAIN, run),
        Shot(AGAIN, 11.25, again),
        Shot(11.25, 14.5, box),
        Shot(14.5, 18.0, finale),
    ),
    crf=27.0,
)

if __name__ == "__main__":
    main(FILM)
