"""Recordings are read whole and measured; those that are not there are left out."""

import numpy as np
import pytest
import soundfile

from pixmus.studies.sound_recordings import (
    RECORDINGS,
    measure_recordings,
    read_music,
    still_listed,
)
from pixmus.waveform import SAMPLE_RATE


def test_a_file_is_read_at_the_rate_of_all_music(tmp_path):
    time = np.arange(2 * 48000) / 48000
    left = 0.1 * np.sin(2 * np.pi * 1000 * time)
    soundfile.write(tmp_path / "tone.wav", np.stack([left, 0 * left], axis=1), 48000)
    music = read_music(tmp_path / "tone.wav")
    assert music.shape[0] == 2 and music.shape[1] == pytest.approx(2 * SAMPLE_RATE, abs=64)
    assert np.abs(music[0]).max() == pytest.approx(0.1, abs=0.005) and not music[1].any()


def test_only_recordings_with_all_their_files_are_measured(tmp_path):
    noise = np.random.default_rng(0).normal(0, 0.1, (4 * SAMPLE_RATE, 2))
    several = next(recording for recording in RECORDINGS if len(recording.files) > 1)
    whole = next(recording for recording in RECORDINGS if len(recording.files) == 1)
    soundfile.write(tmp_path / several.files[0], noise, SAMPLE_RATE, format="WAV")
    soundfile.write(tmp_path / whole.files[0], noise, SAMPLE_RATE, format="WAV")
    (row,) = measure_recordings(tmp_path)
    assert (row["name"], row["licence"]) == (whole.name, whole.licence)
    assert row["duration"] == pytest.approx(4.0, abs=0.01)
    assert row["loudness spread"] < 1.0 and row["low mids"] < 5.0
    assert row["stereo width"] == pytest.approx(0.0, abs=0.2)


def test_rows_of_recordings_that_left_the_list_go_too():
    kept = {"name": RECORDINGS[0].name, "players": RECORDINGS[0].players}
    assert still_listed([kept, {"name": "Largo", "players": "an orchestra"}]) == [kept]
