"""The thesis' metrics on sounds and arrays whose distance is known."""

import numpy as np
import pytest
import torch

from pixmus.errors import PixMusError
from pixmus.studies.thesis_metrics import (
    FEATURES,
    SAMPLE_RATE,
    Clap,
    compare,
    differences,
    frechet_distance,
    scaled,
    spectral_distances,
)


def tone(hz: float, seconds: float = 2.0) -> np.ndarray:
    """A tone that dies away twice a second, so that every feature moves."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (np.exp(-6 * (time % 0.5)) * np.sin(2 * np.pi * hz * time)).astype(np.float32)


def test_the_same_sound_is_at_no_distance_and_loudness_is_none():
    sound = tone(440)
    for distance in spectral_distances(sound, sound).values():
        assert distance == {"rmse": 0.0, "mae": 0.0}
    softer = spectral_distances(sound, 0.5 * sound)
    assert softer["chroma"]["rmse"] == pytest.approx(0, abs=1e-3)
    assert softer["centroid"]["rmse"] == pytest.approx(0, abs=1e-3)


def test_a_known_shift_has_a_known_distance():
    ramp = np.linspace(0.0, 1.0, 5)
    assert differences(ramp, ramp + 0.25) == {"rmse": 0.25, "mae": 0.25}
    assert differences(np.zeros(4), np.array([1.0, 0, 0, 0])) == {"rmse": 0.5, "mae": 0.25}
    np.testing.assert_allclose(scaled(3 + 2 * ramp), ramp)
    assert not scaled(np.full(7, 5.0)).any()


def test_a_tone_a_semitone_off_moves_two_of_twelve_pitch_classes():
    # Two of twelve differ by about 1: the root of 2 / 12; four semitones the same as one.
    found = [
        spectral_distances(tone(440), tone(440 * 2 ** (n / 12)))["chroma"]["rmse"] for n in (1, 4)
    ]
    assert found == pytest.approx([np.sqrt(2 / 12)] * 2, abs=0.12)
    octave = spectral_distances(tone(440), tone(880))["chroma"]["rmse"]
    assert octave < 0.5 * min(found)


def test_too_little_sound_is_refused():
    with pytest.raises(PixMusError, match="half a second"):
        spectral_distances(tone(440), tone(440, 0.2))


def test_the_rows_tell_matched_from_shuffled():
    true = [tone(hz) for hz in (262, 330, 415)]
    result = compare(true, [0.7 * sound for sound in true])
    assert result["rows"]["matched"]["chroma"]["rmse"] < 0.01
    assert result["rows"]["shuffled"]["chroma"]["rmse"] > 0.2
    for name in FEATURES:  # the music is the true sound, so these are the same pairs but for order
        assert result["rows"]["other true"][name]["mae"] == pytest.approx(
            result["rows"]["shuffled"][name]["mae"], abs=0.02
        )
    assert len(result["matched"]) == 3


def test_one_clip_has_nothing_to_be_shuffled_with():
    assert list(compare([tone(440)], [tone(440)])["rows"]) == ["matched"]


def test_the_frechet_distance_of_gaussians_is_known():
    rng = np.random.default_rng(0)
    one = rng.standard_normal((4000, 3))
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(one, one + np.array([3.0, 0, 4.0])) == pytest.approx(25, abs=1e-6)
    # Twice as wide: Tr(S + 4 S - 2 * 2 S) = Tr(S) = 3, about the mean.
    centred = one - one.mean(0)
    assert frechet_distance(centred, 2 * centred) == pytest.approx(3, abs=0.2)


@pytest.fixture(scope="module")
def tiny_clap(tmp_path_factory) -> Clap:
    """A randomly initialised CLAP of the real class, saved and loaded as from the Hub."""
    import transformers as hf  # here: every test process would load it while it looks for tests

    torch.manual_seed(0)
    audio = hf.ClapAudioConfig(
        spec_size=256,
        patch_embeds_hidden_size=16,
        hidden_size=32,
        depths=[1, 1],
        num_attention_heads=[2, 2],
        projection_dim=16,
        num_mel_bins=64,
        enable_fusion=False,
    )
    text = hf.ClapTextConfig(
        vocab_size=32, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, projection_dim=16,
    )  # fmt: skip
    config = hf.ClapConfig(
        audio_config=audio.to_dict(), text_config=text.to_dict(), projection_dim=16
    )
    folder = tmp_path_factory.mktemp("clap")
    hf.ClapModel(config).save_pretrained(folder)
    hf.ClapFeatureExtractor(truncation="rand_trunc", sampling_rate=48000).save_pretrained(folder)
    return Clap(folder)


def test_clap_compares_sounds(tiny_clap):
    sounds = [tone(262, 12), tone(415, 12)]
    vectors = tiny_clap.embed(tone(262, 16))
    assert vectors.shape[0] == 2  # 10 s and what is left
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    same = tiny_clap.compare(sounds, sounds)
    assert same["similarity"] == pytest.approx(1, abs=1e-5)
    assert same["frechet distance"] == pytest.approx(0, abs=1e-4)
    noise = np.random.default_rng(0).standard_normal(12 * SAMPLE_RATE).astype(np.float32)
    assert tiny_clap.compare(sounds, [noise, noise])["similarity"] < 1 - 1e-6
