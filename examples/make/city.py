"""A night drive through a neon city: cut fast on a wet road, until a red light stops it."""

from film import Film, Shot, camera, ease, main

SPEED = 17.0  # metres a second
SIGNAL_Z = 640.0


def street(time: float, exposure: float = 1.6, **other: float) -> dict:
    return {
        "ahead": SPEED * time + 19.0,
        "braking": 0.0,
        "lamp_colour": 1.0,
        "signal_z": SIGNAL_Z,
        "traffic": 14.0 * time + 11.0,
        "exposure": exposure,
        "bloom": 0.20,
        "grain": 0.006,
        "smooth_jitter": 0.0,
        "edge": 0.5,
        **other,
    }


def bonnet(time: float) -> dict:
    z = SPEED * time
    return {
        **camera((-2.4, 1.5, z), (-2.0, 2.6, z + 10.0), 1.35),
        **street(time),
    }


def facades(time: float) -> dict:
    """Out of the side window."""
    z = 90.0 + 11.0 * (time - 3.0)
    return {
        **camera((-2.0, 1.6, z), (-12.0, 3.4, z + 6.5), 1.15),
        **street(time, 1.5, ahead=z + 300.0),
    }


def low(time: float) -> dict:
    """A hand above the wet road, behind the car ahead."""
    z = 160.0 + SPEED * (time - 4.75)
    return {
        **camera((-3.4, 0.34, z), (-2.4, 1.15, z + 9.0), 1.5, 2.0),
        **street(time, 1.6, ahead=z + 9.5),
    }


def up(time: float) -> dict:
    """Towers passing overhead."""
    z = 260.0 + 13.0 * (time - 6.5)
    return {
        **camera((0.0, 1.3, z), (0.8, 9.0, z + 6.5), 1.0, -12.0 + 9.0 * (time - 6.5)),
        **street(time, 1.9, ahead=z + 400.0),
    }


def above(time: float) -> dict:
    """From over the roofs, turning with the street."""
    s = (time - 8.0) / 2.25
    z = 330.0 + 22.0 * s
    return {
        **camera((5.0 - 6.0 * s, 17.0 - 4.0 * s, z), (-0.8, 0.0, z + 25.0), 1.2, 6.0 - 8.0 * s),
        **street(time, 1.8, ahead=z + 18.0 + 6.0 * s),
    }


def other_side(time: float) -> dict:
    z = 470.0 + 12.0 * (time - 10.25)
    return {
        **camera((2.5, 1.2, z), (12.0, 3.8, z + 7.0), 1.3, 2.0),
        **street(time, 1.5, ahead=z + 300.0),
    }


def wheel(time: float) -> dict:
    z = 545.0 + 16.0 * (time - 11.5)
    return {
        **camera((-1.2, 0.5, z), (-2.6, 0.8, z + 6.0), 1.7, -3.0),
        **street(time, 1.6, ahead=z + 7.5),
    }


def red_light(time: float) -> dict:
    """The light turns red, the car ahead brakes hard, and everything stands still."""
    s = time - 12.75
    stop = 1.35  # seconds until it stands
    u = min(s / stop, 1.0)
    way = 17.0 * stop * (u - u * u / 2.0)
    z = SIGNAL_Z - 19.0 - 17.0 * stop / 2.0 + way
    dip = 0.10 * ease(u * 1.5) * (1.0 - ease((s - stop) / 0.35))
    ahead = z + 8.6 + (1.5 - 1.5 * u)
    return {
        **camera((-2.0, 1.35, z), (-2.1, 2.5 - dip, z + 10.0), 1.4),
        **street(
            time,
            1.6,
            ahead=ahead,
            braking=ease((s - 0.15) / 0.2),
            lamp_colour=1.0 - ease(s / 0.08),
        ),
    }


FILM = Film(
    "city.glsl",
    (
        Shot(0.0, 3.0, bonnet),
        Shot(3.0, 4.75, facades),
        Shot(4.75, 6.5, low),
        Shot(6.5, 8.0, up),
        Shot(8.0, 10.25, above),
        Shot(10.25, 11.5, other_side),
        Shot(11.5, 12.75, wheel),
        Shot(12.75, 16.5, red_light),
    ),
    exposures=5,
    crf=31.5,
)

if __name__ == "__main__":
    main(FILM)
