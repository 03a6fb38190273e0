"""Sound as everything here hears it: float32 (channels, samples) at `SAMPLE_RATE`, full scale 1."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pixmus.errors import PixMusError

SAMPLE_RATE = 44100  # Hz, of everything that sounds

Waveform = NDArray[np.float32]


WAV_BLOCK = 1 << 20  # samples written at a time, so that a memory-mapped stem stays on disk


def write_wav(path: str | Path, waveform: np.ndarray, sample_rate: int = SAMPLE_RATE) -> None:
    """Write (channels, samples) as 24-bit PCM; floating point where it goes beyond full scale."""
    import soundfile

    blocks = range(0, waveform.shape[-1], WAV_BLOCK)
    peak = max((float(np.abs(waveform[:, i : i + WAV_BLOCK]).max()) for i in blocks), default=0.0)
    subtype = "PCM_24" if peak <= 1.0 else "FLOAT"
    try:
        with soundfile.SoundFile(
            _name(path), "w", sample_rate, len(waveform), subtype=subtype, format="WAV"
        ) as file:
            for i in blocks:
                file.write(np.ascontiguousarray(waveform[:, i : i + WAV_BLOCK].T))
    except (soundfile.LibsndfileError, AssertionError) as error:  # a short write is an assertion
        raise PixMusError(
            f"{path} could not be written; free some disk space or choose another folder."
        ) from error


def _name(path: str | Path) -> str | bytes:
    """A path as libsndfile opens it: where names of files are bytes, whatever those are."""
    return str(path) if os.name == "nt" else os.fsencode(path)
