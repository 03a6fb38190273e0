"""The mix holds loudness, peak and length; the clip's own sound pushes the music down."""

import numpy as np
import pytest
from songs import sheet, song

from pixmus.cues.sheet import Cue
from pixmus.sound.loudness import from_db, loudness, true_peak_db
from pixmus.sound.mix import (
    blend,
    default_mode,
    duck_gain,
    mix,
    sound_present,
    sum_stems,
)
from pixmus.sound.renderer import render
from pixmus.waveform import SAMPLE_RATE


def noise(seconds, level_db, seed=0):
    generator = np.random.default_rng(seed)
    wave = generator.standard_normal((2, round(seconds * SAMPLE_RATE)))
    return (wave * from_db(level_db)).astype(np.float32)


def at(gain, second):
    return 20 * np.log10(gain[round(second * 100)])


@pytest.fixture(scope="module")
def stems():
    return render(song(bars=3), "orchestra", cue_sheet=sheet(6.0))


def test_silence_in_silence_out():
    silence = np.zeros((2, 5 * SAMPLE_RATE), np.float32)
    assert not mix({}, None, 5.0).any()
    assert not mix({"melody": silence}, None, 5.0).any()
    assert not blend(silence, silence, "duck").any()
    assert not blend(silence[:, :1000], None, "keep").any()


def test_stems_sum_to_the_mix_before_mastering(stems):
    total = np.sum([stems[part] for part in stems], axis=0)
    np.testing.assert_allclose(sum_stems(stems, sheet(6.0), 6.0), total, atol=1e-6)


def test_mix_has_its_loudness_peak_and_length(stems):
    music = mix(stems, sheet(6.0), 6.0)
    assert music.dtype == np.float32 and music.shape == (2, 6 * SAMPLE_RATE)
    assert loudness(music) == pytest.approx(-14.0, abs=0.2)
    assert true_peak_db(music) < -1.0
    assert np.abs(music[:, -5:]).max() < 1e-3


@pytest.mark.parametrize("duration", [3.0, 3.337, 5.99999, 6.7])
def test_length_is_exact_for_any_duration(stems, duration):
    assert mix(stems, None, duration).shape == (2, round(duration * SAMPLE_RATE))


def test_stems_that_outlast_the_picture_fade(stems):
    assert np.abs(sum_stems(stems, None, 4.0)[:, -3:]).max() < 1e-3


@pytest.mark.parametrize("duration", [0.5, 1.4, 2.9])
def test_short_pieces_have_a_peak_instead_of_a_loudness(stems, duration):
    music = mix(stems, None, duration)
    assert true_peak_db(music) == pytest.approx(-3.0, abs=0.05)


def test_gaps_between_cues_are_silent(stems):
    cues = [Cue(0.0, 2.0, "one"), Cue(3.0, 6.0, "two")]
    music = mix(stems, sheet(6.0, cues=cues), 6.0)
    assert not music[:, 2 * SAMPLE_RATE : round(2.9 * SAMPLE_RATE)].any()


def test_a_clip_without_sound_drops_it():
    assert default_mode(None) == "drop"
    assert default_mode(np.zeros((2, 0), np.float32)) == "drop"
    assert default_mode(np.zeros((2, SAMPLE_RATE), np.float32)) == "drop"
    assert default_mode(noise(2.0, -65.0)) == "drop"
    assert default_mode(noise(2.0, -55.0)) == "duck"
    word = np.concatenate([noise(20.0, -80.0), noise(1.0, -20.0)], axis=1)
    assert default_mode(word) == "duck"


def test_ducking_falls_in_150_ms_and_comes_back_in_600_ms():
    clip = noise(8.0, -75.0)
    clip[:, 2 * SAMPLE_RATE : 5 * SAMPLE_RATE] += noise(3.0, -20.0, seed=1)
    gain = duck_gain(clip)
    assert at(gain, 1.99) == 0.0
    assert at(gain, 2.075) == pytest.approx(-5.0, abs=0.8)
    assert at(gain, 2.16) == pytest.approx(-10.0, abs=0.1)
    assert at(gain, 4.99) == pytest.approx(-10.0, abs=0.1)
    assert at(gain, 5.30) == pytest.approx(-5.0, abs=0.4)
    assert at(gain, 5.59) < -0.1 and at(gain, 5.62) == 0.0


def test_presence_bridges_words_and_ignores_the_noise_floor():
    clip = noise(6.0, -55.0)  # a room that hums
    for start in (1.0, 1.7, 4.0):
        begin = round(start * SAMPLE_RATE)
        clip[:, begin : begin + SAMPLE_RATE // 2] += noise(0.5, -22.0, seed=2)
    present = sound_present(clip)
    assert not present[:98].any() and not present[235:395].any()
    assert present[102:218].all()  # the pause of 0.2 s between two words is bridged
    assert present[402:448].all()


def test_a_steady_loud_sound_is_present_and_a_steady_soft_one_is_not():
    assert sound_present(noise(4.0, -20.0)).all()
    assert not sound_present(noise(4.0, -58.0)).any()


def test_duck_lowers_the_music_by_10_db_and_keep_does_not(stems):
    music = mix(stems, None, 6.0)
    clip = noise(6.0, -30.0)
    kept, ducked = blend(music, clip, "keep"), blend(music, clip, "duck")
    span = slice(SAMPLE_RATE, 5 * SAMPLE_RATE)

    for final in (kept, ducked):
        assert loudness(final) == pytest.approx(-14.0, abs=0.2)
        assert true_peak_db(final) < -1.0
        assert final.shape == music.shape
    ratio = [np.linalg.lstsq(
        np.stack([music[0, span], clip[0, span]], axis=1), final[0, span], rcond=None
    )[0] for final in (kept, ducked)]  # fmt: skip
    relative = [20 * np.log10(music_gain / clip_gain) for music_gain, clip_gain in ratio]
    assert relative[0] == pytest.approx(0.0, abs=0.3)
    assert relative[1] == pytest.approx(-10.0, abs=0.3)


def test_drop_is_the_music_alone(stems):
    music = mix(stems, None, 6.0)
    final = blend(music, noise(6.0, -10.0), "drop")
    np.testing.assert_allclose(final, music, atol=0.02)
    np.testing.assert_array_equal(blend(music, None, "duck"), final)


def test_a_clip_whose_sound_is_shorter_or_longer_fits(stems):
    music = mix(stems, None, 6.0)
    for seconds in (2.0, 9.0):
        assert blend(music, noise(seconds, -30.0), "duck").shape == music.shape
