"""Sounds made to be speech or music are told apart."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from pixmus.dataset.speech import MEASURES, SAMPLE_RATE, speech_measures, speech_share
from pixmus.studies.runner import run

VOWELS = (
    (730, 1090, 2440),
    (270, 2290, 3010),
    (300, 870, 2240),
    (530, 1840, 2480),
    (570, 840, 2410),
)


def syllables(seconds: float, seed: int = 0) -> np.ndarray:
    """Syllables as a voice makes them: a hiss, then a gliding pitch through formants, then less."""
    random = np.random.default_rng(seed)
    out = np.zeros(round(seconds * SAMPLE_RATE))
    position = 0.0
    while position < seconds - 0.6:
        length = random.uniform(0.12, 0.28)
        time = np.arange(round(length * SAMPLE_RATE)) / SAMPLE_RATE
        pitch = random.uniform(90, 160) * (1 + random.uniform(-0.25, 0.25) * time / length)
        phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
        first, last = (np.array(VOWELS[random.integers(5)]) for _ in range(2))
        voice = np.zeros_like(time)
        for k in range(1, 30):
            hertz = k * pitch
            formants = first[:, None] + (last - first)[:, None] * time / length
            gain = (1 / (1 + ((hertz - formants) / 90) ** 2)).sum(0)
            voice += gain * np.sin(k * phase)
        voice *= np.sin(np.pi * time / length) ** 0.5
        hiss = random.normal(0, 0.6, round(random.uniform(0.03, 0.09) * SAMPLE_RATE))
        for part in (np.diff(hiss), voice):
            start = round(position * SAMPLE_RATE)
            out[start : start + len(part)] += part
            position += len(part) / SAMPLE_RATE
        position += random.choice([0.01, 0.02, 0.05, 0.3], p=[0.4, 0.3, 0.15, 0.15])
    return (0.5 * out / np.abs(out).max()).astype(np.float32)


def chords(seconds: float, seed: int = 0) -> np.ndarray:
    """A chord of decaying tones every half second."""
    random = np.random.default_rng(seed)
    out = np.zeros(round(seconds * SAMPLE_RATE))
    for start in np.arange(0, seconds, 0.5):
        time = np.arange(len(out) - round(start * SAMPLE_RATE)) / SAMPLE_RATE
        for pitch in random.choice(np.arange(48, 84), 3, replace=False):
            phase = 2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * time
            tone = np.sin(phase) + 0.5 * np.sin(2 * phase)
            out[round(start * SAMPLE_RATE) :] += tone * np.exp(-time / 0.5)
    return (0.5 * out / np.abs(out).max()).astype(np.float32)


@pytest.mark.parametrize("level", [0.02, 1.0])
def test_speech_is_speech_and_music_is_not(level: float) -> None:
    assert speech_share(level * syllables(15)) > 0.8
    assert speech_share(level * chords(15)) < 0.2


def test_speech_over_soft_music_is_speech_and_under_loud_music_is_not() -> None:
    voice, music = syllables(15), chords(15)
    assert speech_share(voice + 0.03 * music) > 0.5
    assert speech_share(0.1 * voice + music) < 0.2


def test_steady_sounds_are_no_speech() -> None:
    time = np.arange(10 * SAMPLE_RATE) / SAMPLE_RATE
    assert speech_share(0.3 * np.sin(2 * np.pi * 440 * time)) == 0.0
    assert speech_share(0.1 * np.random.default_rng(0).normal(size=len(time))) == 0.0


def test_nothing_sounds_nothing_is_said() -> None:
    for silence in (np.zeros(5 * SAMPLE_RATE), np.zeros(100), np.zeros(0)):
        assert speech_measures(silence).shape == (0, len(MEASURES))
        assert speech_share(silence) == 0.0


def test_the_evaluation_tells_and_fits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for side, make in (("music", chords), ("speech", syllables)):
        for group in range(2):
            folder = tmp_path / side / f"group{group}"
            folder.mkdir(parents=True)
            soundfile.write(folder / "a.wav", make(12, seed=group), SAMPLE_RATE)
            (folder / "words.txt").write_text("no sound")
    run("speech", ["--music", str(tmp_path / "music"), "--speech", str(tmp_path / "speech")])
    told = capsys.readouterr().out
    assert "| music group1 | 1 | 0.0% | 0.0% |" in told
    assert "| speech group0 | 1 | 100.0% | 100.0% |" in told
    assert "Fitted on all: syllables" in told
