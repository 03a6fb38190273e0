"""A cue sheet of eight seconds and the notes that a model writes for it."""

from fractions import Fraction

import numpy as np

from pixmus.cues.sheet import Cue, CueSheet
from pixmus.curves import CURVES, num_curve_values
from pixmus.ensembles import ENSEMBLES
from pixmus.take.pipeline import PixMusPipeline


def cue_sheet() -> CueSheet:
    """Of a clip of 8 s without cuts."""
    return CueSheet(
        duration=8.0,
        frame_rate=Fraction(24),
        cuts=(),
        hit_points=(),
        curves={name: np.full(num_curve_values(8.0), 0.5, np.float32) for name in CURVES},
        cues=(Cue(0.0, 8.0, "all"),),
        key="C major",
        tempo_bpm=120.0,
        tempo_fixed=True,
        style="pop",
        ensemble="piano",
        parts=ENSEMBLES["piano"].parts,
        inputs=("motion",),
    )


def music_of(pipe: PixMusPipeline) -> dict:
    """The notes of one take of that clip, all parts."""
    return pipe.compose(cue_sheet(), seed=3, num_inference_steps=2).parts
