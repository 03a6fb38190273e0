"""The numbers of a take on sounds whose answer is known."""

import numpy as np
import pytest

from pixmus.studies.take import longest_silence
from pixmus.waveform import SAMPLE_RATE


def noise(seconds: float) -> np.ndarray:
    rng = np.random.default_rng(0)
    return 0.1 * rng.standard_normal((2, round(seconds * SAMPLE_RATE))).astype(np.float32)


def test_a_gap_is_measured_and_the_ring_out_is_not() -> None:
    silent = np.zeros((2, 2 * SAMPLE_RATE), np.float32)
    gapped = np.concatenate([noise(1), silent[:, :SAMPLE_RATE], noise(1), silent], axis=1)
    assert longest_silence(gapped) == pytest.approx(1.0, abs=0.051)
    assert longest_silence(noise(2)) == 0.0
    assert longest_silence(silent) == pytest.approx(2.0, abs=0.051)
