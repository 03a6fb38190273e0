"""Pictures that stand in the page itself: the address of each holds the picture, as JPEG."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from pixmus.take.spectrogram import DYNAMIC_RANGE_DB, SPECTROGRAM_COLOURS, mel_spectrogram_db
from pixmus.waveform import SAMPLE_RATE

QUALITY = 70  # of JPEG, 1..95


def jpeg_url(picture: Image.Image) -> str:
    """A picture as an address."""
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "JPEG", quality=QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def spectrum_url(waveform: np.ndarray, size: tuple[int, int]) -> str:
    """The mel spectrogram of a waveform (2, samples) as an address; `size` in pixels."""
    levels = mel_spectrogram_db(waveform, SAMPLE_RATE, columns=size[0])
    colours = SPECTROGRAM_COLOURS(1 + levels.T[::-1] / DYNAMIC_RANGE_DB)
    return jpeg_url(Image.fromarray((255 * colours[..., :3]).astype(np.uint8)).resize(size))
