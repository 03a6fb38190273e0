"""Dawn over a sea of clouds: a slow flight from the last stars into the first sun."""

import math

from film import Film, Shot, blend, camera, ease, main

PEAKS = (  # x, z, height, radius
    (3.4, 9.0, 2.5, 3.6),
    (-5.2, 13.5, 2.1, 4.2),
    (9.5, 19.0, 3.4, 6.0),
    (-3.6, 26.0, 3.0, 5.5),
    (-13.0, 22.0, 3.0, 5.6),
    (1.9, 4.6, 1.25, 2.2),
)


def sun(bearing_deg: float, elevation_deg: float) -> tuple[float, float, float]:
    bearing, elevation = math.radians(bearing_deg), math.radians(elevation_deg)
    return (
        math.sin(bearing) * math.cos(elevation),
        math.sin(elevation),
        math.cos(bearing) * math.cos(elevation),
    )


def light(time: float, dawn: float, elevation: float, exposure: float) -> dict:
    return {
        "sun": sun(-14.0, elevation),
        "dawn": dawn,
        "drift": 0.05 * time,
        "peaks": PEAKS,
        "exposure": exposure,
        "bloom": 0.10,
        "grain": 0.012,
        "smooth_jitter": 0.35,
        "edge": 0.35,
    }


def first_light(time: float) -> dict:
    """Wide and still dark; the plane glides in over the clouds."""
    s = time / 6.5
    eye = blend((-1.6, 1.05, -4.5), (-0.9, 0.86, -1.9), s)
    return {
        **camera(eye, (eye[0] - 0.9, eye[1] - 0.35, eye[2] + 8.0), 1.35, -1.5 * s),
        **light(time, 0.05 + 0.20 * s, -3.0 + 2.0 * s, 0.62),
    }


def along_the_ridge(time: float) -> dict:
    """Close past a summit that catches the first red."""
    s = (time - 6.0) / 6.5
    eye = blend((0.4, 0.72, 3.6), (1.1, 0.92, 6.0), s)
    return {
        **camera(eye, blend((3.5, 1.15, 9.0), (3.7, 1.25, 9.4), s), 1.5, 2.0 - 3.0 * s),
        **light(time, 0.38 + 0.17 * s, 0.5 + 1.0 * s, 0.62),
    }


def into_the_sun(time: float) -> dict:
    """The sun clears the horizon and the sea turns gold."""
    s = (time - 11.0) / 6.5
    eye = blend((-2.3, 0.78, 0.6), (-3.7, 1.0, 3.2), s)
    return {
        **camera(eye, (eye[0] - 1.7, eye[1] + 0.0, eye[2] + 8.0), 1.8, -1.0 + 2.0 * s),
        **light(time, 0.60 + 0.25 * s, 1.9 + 1.7 * s, 0.54),
    }


def day(time: float) -> dict:
    """High and wide, gliding to rest."""
    s = ease(0.5 + 0.5 * (time - 17.0) / 5.0) * 2.0 - 1.0
    eye = blend((3.0, 2.0, -5.0), (2.0, 2.3, -2.6), s)
    return {
        **camera(eye, (eye[0] - 1.5, eye[1] - 1.55, eye[2] + 8.0), 1.3, 0.0),
        **light(time, 0.9 + 0.1 * s, 3.8 + 0.8 * s, 0.52),
    }


FILM = Film(
    "dawn.glsl",
    (
        Shot(0.0, 6.0, first_light),
        Shot(6.0, 12.5, along_the_ridge),
        Shot(11.0, 17.0, into_the_sun),
        Shot(17.0, 22.0, day),
    ),
    crf=24.0,
)

if __name__ == "__main__":
    main(FILM, still_at=7.0)
