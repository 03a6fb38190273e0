"""A storm at sea that breaks: lightning over a lighthouse, then light."""

import math

from film import Film, Shot, blend, camera, ease, main

STRIKES = (  # second, brightness, x and z of the foot, seed
    (2.25, 1.0, 60.0, 520.0, 3.0),
    (6.5, 1.1, -25.0, 460.0, 11.0),
    (9.5, 1.35, 30.0, 420.0, 19.0),
    (10.0, 0.7, 30.0, 420.0, 23.0),
)


def lightning(time: float) -> tuple[float, tuple[float, float, float]]:
    """How bright the last strike is, which flickers and goes out within a second, and its bolt."""
    light, bolt = 0.0, (0.0, 500.0, 0.0)
    for second, brightness, x, z, seed in STRIKES:
        age = time - second
        if age >= 0.0:
            flicker = 1.0 if age < 0.09 else 0.35 if age < 0.17 else 0.85 if age < 0.25 else 0.5
            light = brightness * flicker * math.exp(-3.6 * max(age - 0.09, 0.0))
            bolt = (x, z, seed)
    return light if light > 0.01 else 0.0, bolt


def weather(time: float, calm: float, exposure: float, rain: float) -> dict:
    flash, bolt = lightning(time)
    elevation = math.radians(4.0 + 3.5 * calm)
    bearing = math.radians(14.0)
    return {
        "calm": calm,
        "flash": flash,
        "bolt": bolt,
        "rain": rain,
        "beam": 1.25 * time + 0.6,
        "sun": (
            math.sin(bearing) * math.cos(elevation),
            math.sin(elevation),
            math.cos(bearing) * math.cos(elevation),
        ),
        "exposure": exposure,
        "bloom": 0.13,
        "grain": 0.012,
        "smooth_jitter": 0.0,
        "edge": 0.30,
    }


def heave(time: float) -> float:
    return 0.5 * math.sin(1.25 * time) + 0.25 * math.sin(2.1 * time + 1.0)


def far_light(time: float) -> dict:
    """From a small boat: the lighthouse beyond the swell."""
    s = time / 4.5
    eye = (6.0 - 3.0 * s, 6.6 + 1.3 * heave(time), 20.0 + 10.0 * s)
    return {
        **camera(eye, (-14.0, 17.0 + heave(time), 150.0), 1.75, 2.6 * math.sin(1.05 * time)),
        **weather(time, 0.0, 1.35, 0.9),
    }


def the_rock(time: float) -> dict:
    """Close under the tower as seas break on the rock."""
    s = (time - 4.5) / 3.5
    eye = blend((8.0, 7.5, 101.0), (-4.0, 9.5, 96.0), s)
    return {
        **camera(eye, (-24.0, 25.0, 150.0), 1.2, -4.0),
        **weather(time, 0.0, 1.35, 1.0),
    }


def open_sea(time: float) -> dict:
    """Down among the waves, the bolt straight ahead."""
    s = (time - 8.0) / 4.0
    eye = (40.0, 6.3 + 0.9 * heave(time), 190.0 + 14.0 * s)
    return {
        **camera(eye, (38.0, 14.0 + heave(time), 330.0), 1.25, 4.0 * math.sin(1.15 * time + 0.5)),
        **weather(time, 0.12 * ease(s), 1.3, 1.0 - 0.5 * s),
    }


def clearing(time: float) -> dict:
    """The same sea as the cloud tears and light comes through."""
    s = (time - 10.75) / 5.75
    eye = (30.0 - 6.0 * s, 6.0 + 0.4 * heave(time), 190.0 + 8.0 * s)
    return {
        **camera(eye, (62.0, 20.0, 330.0), 1.4, 1.5 * math.sin(0.8 * time)),
        **weather(time, 0.45 + 0.45 * ease(s), 0.80 - 0.10 * s, 0.35 * (1.0 - ease(s * 1.4))),
    }


def peace(time: float) -> dict:
    """The lighthouse against the gold, and the camera comes to rest."""
    s = ease(0.5 + 0.5 * (time - 16.5) / 4.5) * 2.0 - 1.0
    eye = blend((-38.0, 9.0, 84.0), (-45.0, 12.0, 90.0), s)
    return {
        **camera(eye, (-29.0, 31.5, 150.0), 1.55, 0.0),
        **weather(time, 1.0, 0.68, 0.0),
    }


FILM = Film(
    "storm.glsl",
    (
        Shot(0.0, 4.5, far_light),
        Shot(4.5, 8.0, the_rock),
        Shot(8.0, 12.0, open_sea),
        Shot(10.75, 16.5, clearing),
        Shot(16.5, 21.0, peace),
    ),
    crf=31.0,
)

if __name__ == "__main__":
    main(FILM)
