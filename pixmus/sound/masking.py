"""Masking: how far each part gives way in the octave in which the melody is heard.

Conventions: powers are K-weighted mean squares of short frames, (frames, octaves).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pixmus.ensembles import Part
from pixmus.sound.loudness import gated_loudness

OCTAVES_HZ = (63.0, 125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0)
LEAD_DB = 5.0  # of the melody above any other part in its strongest octave
LARGEST_DIP_DB, LARGEST_DRUM_DIP_DB = 7.0, 3.0
SOUNDING_DB = -30.0  # the melody sounds where it is this near to its loudest frame


def dips(
    powers: Mapping[str, NDArray[np.float64]], levels_lufs: Mapping[str, float]
) -> tuple[float, dict[str, float]]:
    """The melody's octave (Hz), and by how many dB the parts dip there that would mask it.

    `powers` are those of the dry parts, `levels_lufs` the loudness that each is going to have.
    """
    melody = powers.get(Part.MELODY)
    if melody is None or not melody.sum():
        return OCTAVES_HZ[0], {}
    octave = int(np.argmax(melody.sum(axis=0)))
    total = melody.sum(axis=1)
    sounds = total > total.max() * 10.0 ** (SOUNDING_DB / 10.0)

    def level(part: str) -> float:
        heard = gated_loudness(powers[part].sum(axis=1))
        power = float(powers[part][sounds, octave].mean())
        if power <= 0.0 or not np.isfinite(heard):
            return -np.inf
        return 10.0 * float(np.log10(power)) + levels_lufs[part] - heard

    lead = level(Part.MELODY)
    found = {}
    for part in powers:
        if part == Part.MELODY:
            continue
        largest = LARGEST_DRUM_DIP_DB if part == Part.DRUMS else LARGEST_DIP_DB
        dip = min(level(part) + LEAD_DB - lead, largest)
        if dip > 0.0:
            found[part] = dip
    return OCTAVES_HZ[octave], found


def loudness_lost(powers: NDArray[np.float64], octave_hz: float, dip_db: float) -> float:
    """dB by which a part is softer with a dip; with it kept, the dip would be turned up again."""
    share = powers[:, OCTAVES_HZ.index(octave_hz)].sum() / max(powers.sum(), 1e-12)
    return -10.0 * float(np.log10(1.0 - share * (1.0 - 10.0 ** (-dip_db / 10.0))))
