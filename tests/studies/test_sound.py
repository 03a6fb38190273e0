"""Centroid, crest and width of known waveforms; both sounds of one ensemble, and their picture."""

from __future__ import annotations

import numpy as np
import pytest

from pixmus.sound.synth import installed_synths
from pixmus.studies import sound, sound_measures
from pixmus.studies.tables import to_markdown
from pixmus.take.pipeline import PixMusPipeline
from pixmus.waveform import SAMPLE_RATE

TIME = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE


def stereo(left: np.ndarray, right: np.ndarray | None = None) -> np.ndarray:
    return np.stack([left, left if right is None else right]).astype(np.float32)


def test_the_centroid_of_a_sine_is_its_frequency_and_silence_does_not_count() -> None:
    tone = np.sin(2 * np.pi * 1000 * TIME)
    assert sound.spectral_centroid(stereo(tone)) == pytest.approx(1000, abs=5)
    later = np.concatenate([np.zeros(SAMPLE_RATE), tone])
    assert sound.spectral_centroid(stereo(later)) == pytest.approx(1000, abs=15)
    pair = tone + np.sin(2 * np.pi * 3000 * TIME)
    assert sound.spectral_centroid(stereo(pair)) == pytest.approx(
        2000, abs=20
    )  # and a little leaks
    assert sound.spectral_centroid(stereo(tone[:100])) > 0


def test_crest_factors_of_a_sine_and_of_a_square() -> None:
    sine = np.sin(2 * np.pi * 441 * TIME)
    assert sound.crest_factor(stereo(sine)) == pytest.approx(3.01, abs=0.02)
    assert sound.crest_factor(stereo(np.sign(sine + 1e-9))) == pytest.approx(0.0, abs=0.01)


def test_width_of_one_signal_of_two_and_of_opposites() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 100000))
    assert sound_measures.stereo_width(stereo(first)) == pytest.approx(-60.0)
    assert sound_measures.stereo_width(stereo(first, second)) == pytest.approx(0.0, abs=0.1)
    assert sound_measures.stereo_width(stereo(first, 0 * first)) == pytest.approx(0.0, abs=1e-6)
    assert sound_measures.stereo_width(stereo(first, 0.5 * first)) == pytest.approx(-9.54, abs=0.01)


@pytest.mark.skipif("fluidsynth" not in installed_synths(), reason="needs FluidSynth")
def test_both_sounds_of_an_ensemble(tmp_path) -> None:
    pipe = PixMusPipeline.from_pretrained()
    rows, spectrograms = sound.measure_sounds(pipe, ["music box"], takes=2, duration=8.0, steps=2)
    both = rows["music box"]
    assert list(both) == ["shipped", "pip only"]
    for row in both.values():
        once = {measure for measure in row if measure.startswith("spread where")}
        assert all(len(row[measure]) == (1 if measure in once else 2) for measure in row)
        assert all(np.isfinite(values).all() for values in row.values())
        assert -40 < row["level"][0] < -10 and 200 < row["spectral centroid"][0] < 8000
    assert both["shipped"]["level"] != both["pip only"]["level"]
    renderers = {name: str(renderer) for name, renderer in sound.renderers().items()}
    result = {"before": {}, "command": "c", "model": 64 * "0", "renderers": renderers, "takes": 2,
              "duration": 8.0, "rows": rows, "spectrograms": spectrograms,
              "recordings": []}  # fmt: skip
    text = to_markdown("sound", result)
    width = np.mean(both["shipped"]["stereo width"])
    assert "MIT licence" in text and f"| {width:.1f} / " in text
    figure = sound.plot(result)
    assert [axes.get_title(loc="left").split(",")[0] for axes in figure.axes] == [*sound.DRAWN]
    assert both["shipped"]["attack"][0] < 20
    panels = sound.plot_spectrograms(result).axes
    assert panels[0].get_title(loc="left") == "music box"
    older = {**result, "before": {"model": 64 * "1", "fonts": {}, "rows": rows}}
    spread = np.mean(both["shipped"]["loudness spread"])
    assert f"{spread:.1f}, {spread:.1f}" in to_markdown("sound", older)
