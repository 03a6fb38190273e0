"""Sound as everything here hears it: float32 (channels, samples) at `SAMPLE_RATE`, full scale 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 44100  # Hz, of everything that sounds

Waveform = NDArray[np.float32]
