"""The music's curves on sounds whose answers are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pixmus.score.curves import CurveTables
from pixmus.training.music import (
    MUSIC_CURVES,
    MUSIC_RATE,
    SILENCE_LUFS,
    MusicCurves,
    fit_quantiles,
    measure_music,
    num_seconds,
    quantile_curves,
)

RNG = np.random.default_rng(0)
TIME = np.arange(12 * MUSIC_RATE) / MUSIC_RATE
MAJOR = ([60, 64, 67], [65, 69, 72], [67, 71, 74], [60, 64, 67])  # C F G C
MINOR = ([57, 60, 64], [62, 65, 69], [64, 68, 71], [57, 60, 64])  # Am Dm E Am


def clicks(bpm: float) -> np.ndarray:
    sound = np.zeros(len(TIME), np.float32)
    click = 0.3 * RNG.standard_normal(800) * np.exp(-np.arange(800) / 100)
    for beat in np.arange(0.1, 11.9, 60 / bpm):
        sound[round(beat * MUSIC_RATE) :][:800] += click
    return sound


def chords(pitches: tuple[list[int], ...]) -> np.ndarray:
    sound = np.zeros(len(TIME), np.float32)
    for start in range(12):
        span = slice(start * MUSIC_RATE, (start + 1) * MUSIC_RATE)
        for pitch in pitches[start % 4]:
            hertz = 440 * 2 ** ((pitch - 69) / 12)
            for overtone in (1, 2, 3):
                sound[span] += 0.1 / overtone * np.sin(2 * np.pi * hertz * overtone * TIME[span])
    return sound


def tone(hertz: float) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * TIME).astype(np.float32)


def measure(sound: np.ndarray) -> MusicCurves:
    return measure_music(sound, MUSIC_RATE)


def test_clicks_are_counted_and_have_their_tempo():
    music = measure(clicks(120))
    assert music.onset_density[2:10] == pytest.approx(2.0, abs=0.05)
    assert music.onset_density[[0, -1]] == pytest.approx(2.0, abs=0.4)  # half a window
    assert music.tempo_bpm == pytest.approx(120, abs=1.5)
    assert measure(clicks(90)).onset_density[2:10] == pytest.approx(1.5, abs=0.05)
    assert measure(tone(440)).onset_density.max() == 0


def test_loudness_is_that_of_bs_1770():
    assert measure(tone(997)).loudness == pytest.approx(-3.01, abs=0.05)
    noise = 0.1 * RNG.standard_normal(len(TIME)).astype(np.float32)
    lower = measure(noise).loudness - measure(noise / 2).loudness
    assert lower == pytest.approx(6.02, abs=0.01)


def test_brightness_is_the_pitch_of_a_plain_tone():
    low, high = measure(tone(220)), measure(tone(1760))
    assert high.brightness - low.brightness == pytest.approx(3.0, abs=0.05)
    assert high.brightness == pytest.approx(np.log2(1760), abs=0.05)
    assert measure_music(tone(220)[::2], MUSIC_RATE // 2).brightness == pytest.approx(
        low.brightness, abs=0.05
    )


def test_major_is_told_from_minor():
    major, minor = measure(chords(MAJOR)), measure(chords(MINOR))
    assert (major.key, minor.key) == ("C major", "A minor")
    assert major.majorness.min() > 0.05 and minor.majorness.max() < -0.05


@pytest.mark.parametrize("seconds", [12, 0.01])
def test_silence_has_no_brightness_and_no_key(seconds):
    music = measure(np.zeros(round(seconds * MUSIC_RATE), np.float32))
    assert len(music.loudness) == num_seconds(seconds)
    assert (music.loudness == SILENCE_LUFS).all() and not music.onset_density.any()
    assert np.isnan(music.brightness).all() and np.isnan(music.majorness).all()
    assert np.isnan(music.tempo_bpm) and music.key == ""


def test_an_empty_waveform_is_silent():
    assert measure(np.zeros(0, np.float32)).loudness == [SILENCE_LUFS]


def drawn(count: int) -> MusicCurves:
    values = {name: RNG.standard_normal(count).astype(np.float32) for name in MUSIC_CURVES}
    return MusicCurves(float(count), **values, tempo_bpm=120.0, key="C major")


def test_curves_are_quantiles_of_the_training_seconds():
    rows = [drawn(500), drawn(1500)]
    tables = fit_quantiles(rows)
    assert set(tables.tables) == {*MUSIC_CURVES, "valence"}
    curves = [quantile_curves(row, tables) for row in rows]
    for name in ("density", "energy", "valence", "register"):
        together = np.sort(np.concatenate([each[name] for each in curves]))
        assert together == pytest.approx(np.linspace(0, 1, 2000), abs=0.01)
    loudest = int(rows[0].loudness.argmax())
    assert curves[0]["energy"][loudest] == curves[0]["energy"].max()
    again = quantile_curves(rows[0], CurveTables.from_json(tables.to_json()))
    assert again["valence"] == pytest.approx(curves[0]["valence"], abs=0.002)


def test_valence_rises_with_majorness_most_and_what_is_unknown_is_half():
    rows = [drawn(1000)]
    tables = fit_quantiles(rows)
    middle = np.zeros(1, np.float32)
    plain = MusicCurves(1.0, middle, middle, middle, middle, 120.0, "")
    valence = {
        name: float(quantile_curves(replace(plain, **{name: middle + 3}), tables)["valence"][0])
        for name in MUSIC_CURVES
    }
    assert valence["majorness"] > valence["onset_density"] > valence["brightness"] > 0.5
    assert valence["loudness"] == pytest.approx(0.5, abs=0.05)
    unknown = quantile_curves(replace(plain, brightness=middle + np.nan), tables)
    assert unknown["register"] == 0.5
