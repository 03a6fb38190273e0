"""Broadcast WAV: 24-bit sound that says when it begins, who made it and how loud it is.

The `bext` chunk is that of EBU Tech 3285 version 2; its time reference counts samples since
midnight, its loudness is in hundredths of LUFS and dB.
"""

from __future__ import annotations

import struct
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from pixmus.sound.loudness import loudness, true_peak_db
from pixmus.waveform import SAMPLE_RATE, WAV_BLOCK

BEXT = struct.Struct("<256s32s32s10s8sQH64s5h180s")
UNKNOWN = 0x7FFF  # a loudness that was not measured
PCM, FLOAT = 1, 3
DAY_S = 24 * 3600


def write_broadcast_wav(
    path: str | Path, waveform: np.ndarray, description: str, start: float = 0.0
) -> None:
    """Write float32 (channels, samples) that begins at `start` seconds after midnight.

    What goes beyond full scale is kept in floating point, as `write_wav` does.
    """
    num_channels, num_samples = waveform.shape
    blocks = range(0, num_samples, WAV_BLOCK)
    peak = max((float(np.abs(waveform[:, i : i + WAV_BLOCK]).max()) for i in blocks), default=0.0)
    width, kind = (3, PCM) if peak <= 1.0 else (4, FLOAT)
    bext = _bext(waveform, description, start)
    size = num_samples * num_channels * width
    head = struct.pack(
        "<HHIIHH",
        kind,
        num_channels,
        SAMPLE_RATE,
        SAMPLE_RATE * num_channels * width,
        num_channels * width,
        8 * width,
    )
    with open(path, "wb") as file:
        file.write(b"RIFF" + struct.pack("<I", 4 + 8 + len(bext) + 8 + 16 + 8 + size + size % 2))
        file.write(b"WAVE" + b"bext" + struct.pack("<I", len(bext)) + bext)
        file.write(b"fmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", size))
        for i in blocks:
            block = np.ascontiguousarray(waveform[:, i : i + WAV_BLOCK].T)
            file.write(_pcm24(block) if kind == PCM else block.astype("<f4").tobytes())
        file.write(bytes(size % 2))


def _pcm24(block: np.ndarray) -> bytes:
    # Scaled by a power of two float32 stays exact.
    whole = np.clip(np.rint(block * np.float32(2**23)), -(2**23), 2**23 - 1).astype("<i4")
    four, three = whole.view(np.uint8).reshape(-1, 4), np.empty((whole.size, 3), np.uint8)
    for byte in range(3):  # three long copies are quicker than one of many threes
        three[:, byte] = four[:, byte]
    return three.tobytes()


def _bext(waveform: np.ndarray, description: str, start: float) -> bytes:
    heard = loudness(waveform)
    peak = true_peak_db(waveform)
    now = time.localtime()
    return BEXT.pack(
        description.encode("ascii", "replace"),
        b"PixMus",
        f"PixMus {_version()}".encode("ascii", "replace"),
        time.strftime("%Y-%m-%d", now).encode(),
        time.strftime("%H:%M:%S", now).encode(),
        round(start % DAY_S * SAMPLE_RATE),
        2,
        bytes(64),
        _hundredths(heard),
        UNKNOWN,
        _hundredths(peak),
        UNKNOWN,
        UNKNOWN,
        bytes(180),
    )


def _hundredths(value: float) -> int:
    return round(100 * value) if -99 < value < 99 else UNKNOWN


def _version() -> str:
    try:
        return version("pixmus")
    except PackageNotFoundError:
        return ""
