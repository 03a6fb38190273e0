"""The comparison: sizes are held against the published ones, seconds multiplied, tables told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from pixmus.errors import PixMusError
from pixmus.studies import compare, text_to_music
from pixmus.studies.runner import run


def test_a_minute_is_its_stages_times_its_calls() -> None:
    stages = {
        "text encoders": {"seconds": 1.0, "processor_s": 2.0, "times": 1},
        "denoiser": {"seconds": 2.0, "processor_s": 3.0, "times": 100},
        "decoder": {"seconds": 4.0, "processor_s": 8.0, "times": 1},
    }
    # 205 s a call, which makes 15 s of music: four calls a minute
    assert compare.seconds_per_minute(stages, 15.0) == pytest.approx(820.0)
    assert compare.seconds_per_minute(stages, 60.0, "processor_s") == pytest.approx(310.0)


def test_a_size_more_than_three_per_cent_off_is_an_error() -> None:
    assert text_to_music.check_size("net", 102.9, 100.0) == pytest.approx(0.029)
    assert text_to_music.check_size("net", 97.1, 100.0) == pytest.approx(-0.029)
    assert text_to_music.check_size("net", 5.0, None) is None
    for millions in (103.1, 96.9):
        with pytest.raises(PixMusError, match="net was built with .* published are 100"):
            text_to_music.check_size("net", millions, 100.0)


def test_the_true_sizes_are_the_published_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_to_music, "denoiser_type", lambda: torch.float32)
    for name, build in text_to_music.OTHERS.items():
        with torch.device("meta"):  # shapes without numbers
            system = build(False)
        for label, network in system.networks.items():
            text_to_music.check_size(label, network.millions, network.published)
        assert text_to_music.check_size(name, system.millions, system.published) is not None
        assert sum(network.published is not None for network in system.networks.values()) >= 3


def test_a_stage_runs_once_to_warm_up_and_then_counts() -> None:
    runs = []

    def run() -> torch.Tensor:
        runs.append(1)
        return torch.zeros(2, 3)

    timed = compare.time_stage(text_to_music.Stage(run, 7, ()), repeats=3)
    assert len(runs) == 4 and len(timed["runs_s"]) == 3 and timed["times"] == 7
    assert timed["seconds"] == pytest.approx(sum(timed["runs_s"]) / 3) and timed["makes"] == [2, 3]
    with pytest.raises(PixMusError, match="not finite"):
        compare.time_stage(
            text_to_music.Stage(lambda: torch.tensor(float("nan")), 1, ()), repeats=1
        )


def test_parameters_are_counted() -> None:
    assert text_to_music.Network(nn.Linear(999, 1000)).millions == pytest.approx(1.0)


@pytest.mark.parametrize("name", list(text_to_music.OTHERS))
def test_tiny_networks_go_the_whole_way(name: str) -> None:
    measured = compare.measure_other(name, is_quick=True)
    stages = measured["stages"]
    assert stages["denoiser"]["times"] == 100
    last = stages["vocoder" if "vocoder" in stages else "decoder"]["makes"]
    samples = {"audioldm2-music": 64 * 160, "Stable Audio Open": 16 * 32}[name]
    assert last[-1] == pytest.approx(samples, rel=0.01)  # HiFi-GAN's kernels reach a little on
    rate = {"audioldm2-music": 16000, "Stable Audio Open": 44100}[name]
    assert measured["seconds_per_call"] == pytest.approx(samples / rate)
    assert measured["download_mb"] == pytest.approx(4 * measured["millions"])


def test_quick_run_writes_its_tables(tmp_path: Path) -> None:
    assert run("compare", ["--quick", "--out", str(tmp_path)]) == 0
    result = json.loads((tmp_path / "compare.json").read_text())
    assert list(result["systems"]) == ["PixMus", *text_to_music.OTHERS]
    for system in result["systems"].values():
        stages, length = system["stages"], system["seconds_per_call"]
        assert system["seconds_per_minute"] == compare.seconds_per_minute(stages, length)
        assert system["peak_mib"] > 50
    text = (tmp_path / "compare.md").read_text()
    assert "random weights" in text and "no figure found" in text
    pixmus = result["systems"]["PixMus"]
    assert f"| **{pixmus['seconds_per_minute']:.1f}** |" in text
    assert pixmus["download_mb"] == pytest.approx(24, abs=12)


def test_a_process_of_its_own_measures_the_same_networks() -> None:
    apart = compare.measure_apart("Stable Audio Open", None, is_quick=True)
    here = compare.measure_here("Stable Audio Open", None, is_quick=True)
    assert apart["millions"] == here["millions"] and apart["networks"] == here["networks"]
    assert 50 < apart["peak_mib"] < 1500


def test_sync_is_read_from_its_own_results(tmp_path: Path) -> None:
    assert compare.read_sync(tmp_path / "sync.json") is None
    rates = {"music": {"rate": 0.5, "low": 0.4, "high": 0.6}, "shifted": {"rate": 0.2}}
    (tmp_path / "sync.json").write_text(json.dumps({"rows": {"all": {"cuts": 8, "40": rates}}}))
    assert compare.read_sync(tmp_path / "sync.json") == {"cuts": 8, **rates}
