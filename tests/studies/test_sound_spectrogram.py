"""Spectrograms as text say where the sound is, and are drawn."""

import numpy as np

from pixmus.studies.sound_spectrogram import (
    BANDS_PER_OCTAVE,
    FIRST_CHARACTER,
    FLOOR_DB,
    LOWEST_HZ,
    NUM_FRAMES,
    draw_spectrograms,
    spectrogram_text,
)
from pixmus.waveform import SAMPLE_RATE


def test_a_tone_in_the_second_half_is_in_its_band_there():
    time = np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE
    tone = np.where(time > 2.0, np.sin(2 * np.pi * 1000 * time), 0.0).astype(np.float32)
    text = spectrogram_text(np.stack([tone, tone]))
    levels = np.array([[ord(each) - FIRST_CHARACTER for each in row] for row in text])
    assert levels.shape[1] == NUM_FRAMES and levels.max() == FLOOR_DB
    band, frame = np.unravel_index(levels.argmax(), levels.shape)
    assert band == int(np.log2(1000 / LOWEST_HZ) * BANDS_PER_OCTAVE) and frame > 0.45 * NUM_FRAMES
    assert not levels[:, : NUM_FRAMES // 3].any()
    figure = draw_spectrograms({"tone": text}, 4.0, "A tone")
    assert figure is not None and figure.axes[0].get_title(loc="left") == "tone"
    assert draw_spectrograms({}, 4.0, "Nothing") is None
