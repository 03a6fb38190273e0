"""`Grade`: what brings a picture to a look, as a colourist would."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pixmus.dataset.brushes import Picture
from pixmus.dataset.looks import Look

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
SOLVED_WIDTH = 80  # pixels a row of the thumbnail that the grade is worked out on
SOLVED_ROUNDS = 4

# What a grade may do to a picture at most; beyond it a night would be stretched to a grey day.
GAINS = (0.45, 3.0)
COLOUR_GAINS = (0.1, 2.5)
LARGEST_TINT = 0.4  # of red minus blue


@dataclass(frozen=True)
class Grade:
    """What is done to every pixel: picture * gain + luma * grey + offset, cut to 0..1."""

    gain: float
    grey: float
    offset: Picture  # (3,)

    def apply(self, picture: Picture) -> Picture:
        """The graded picture; the one given is used up."""
        luma = picture @ LUMA
        picture *= np.float32(self.gain)
        picture += (luma * np.float32(self.grey))[..., None]
        picture += self.offset
        return np.clip(picture, 0, 1, out=picture)


def solve_grade(picture: Picture, look: Look) -> Grade:
    """The grade that brings a picture to the light, contrast, saturation and warmth of a look.

    Worked out on a thumbnail in `SOLVED_ROUNDS` rounds, within `GAINS`, `COLOUR_GAINS` and
    `LARGEST_TINT`: what is out of reach is left as near as that allows.
    """
    every = max(1, picture.shape[1] // SOLVED_WIDTH)
    small = np.ascontiguousarray(picture[::every, ::every]).reshape(-1, 3)
    luma = small @ LUMA
    colour = small - luma[:, None]
    spread, mean = float(luma.std()) + 1e-4, float(luma.mean())
    gain = float(np.clip(float(look.contrast) / spread, *GAINS))
    light, warmth = float(look.light), float(look.warmth)
    warm = float((small[:, 0] - small[:, 2]).mean())
    chroma = float((small.max(1) - small.min(1)).mean()) + 1e-4
    colour_gain = float(np.clip(float(look.saturation) / chroma, *COLOUR_GAINS))
    # Red and blue are moved apart without a change of luma.
    direction = np.array([0.5, 0.0, -0.5], np.float32)
    direction -= float(direction @ LUMA)
    for _ in range(SOLVED_ROUNDS):
        tint = float(np.clip(warmth - colour_gain * warm, -LARGEST_TINT, LARGEST_TINT))
        offset = (light - gain * mean + tint * direction).astype(np.float32)
        graded = np.clip(gain * luma[:, None] + colour_gain * colour + offset, 0, 1)
        after = graded @ LUMA
        # What was cut off at black and white is made up for in the next round.
        light += float(look.light) - float(after.mean())
        gain = float(np.clip(gain * float(look.contrast) / (float(after.std()) + 1e-4), *GAINS))
        warmth += 0.7 * (float(look.warmth) - float((graded[:, 0] - graded[:, 2]).mean()))
        chroma = float((graded.max(1) - graded.min(1)).mean()) + 1e-4
        colour_gain *= float(np.clip(float(look.saturation) / chroma, 0.5, 2.0)) ** 0.8
        colour_gain = float(np.clip(colour_gain, *COLOUR_GAINS))
    tint = float(np.clip(warmth - colour_gain * warm, -LARGEST_TINT, LARGEST_TINT))
    offset = (light - gain * mean + tint * direction).astype(np.float32)
    return Grade(colour_gain, gain - colour_gain, offset)
