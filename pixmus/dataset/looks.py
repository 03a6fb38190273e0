"""`Look`: how the frames of a film are lit, coloured and moved; `Shot`: what stretch shows what."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from pixmus.dataset.brushes import Values

FRAME_RATE = 15  # frames a second
FILM_SIZE = (320, 180)
STILL_SIZE = (1280, 720)


@dataclass(frozen=True)
class Look:
    """How a picture looks, as `pixmus.picture.features` measures it; arrays run over frames."""

    speed: Values  # of the camera, picture widths a second
    light: Values  # mean luma, 0..1
    contrast: Values  # standard deviation of luma, 0..0.5
    saturation: Values  # mean chroma, 0..1
    warmth: Values  # mean red minus blue, -1..1
    height: Values  # where the light lies: -1 below, 1 above

    def at(self, frame: int) -> Look:
        """The look of one frame, each value a scalar array."""
        return Look(**{field.name: getattr(self, field.name)[frame] for field in fields(self)})


@dataclass(frozen=True)
class Shot:
    """A stretch of frames that shows one scene."""

    start: int  # first frame
    end: int  # the frame after the last one
    kind: str  # one of SCENES
    seed: int
    dissolve: int = 0  # frames at its beginning in which the shot before shows through
    fades_in: bool = False  # from black, over the same frames


def even_look(num_frames: int, **values: float) -> Look:
    """A look that does not change: a middling one but for what is named."""
    usual = {
        "speed": 0.05, "light": 0.45, "contrast": 0.18, "saturation": 0.25, "warmth": 0.0,
        "height": 0.0,
    }  # fmt: skip
    return Look(
        **{name: np.full(num_frames, value, np.float32) for name, value in (usual | values).items()}
    )


def still_look(look: Look) -> Look:
    """The mean of a look over its frames, each value a scalar array."""
    means = {field.name: getattr(look, field.name).mean() for field in fields(look)}
    return replace(look, **means)
