"""Onsets against cuts: the detector on known attacks, rates off by known amounts, lost cuts."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from pixmus.check.onsets import flux_peaks, hit_rate, nearest_offsets, strong_onsets
from pixmus.studies import sync, sync_detector, sync_rates
from pixmus.studies.sync_picture import plot
from pixmus.studies.sync_rates import Measured

CUTS = [2.0, 5.0, 9.0, 14.0, 20.0]


def clip(**changes: object) -> Measured:
    """A clip whose every cut was spotted, placed and accented, and is met exactly."""
    met = Measured(
        name="clip",
        row="4 s",
        duration=30.0,
        frame=1 / 24,
        truth=[(time, "cut") for time in CUTS],
        spotted=CUTS,
        hit_points=CUTS,
        placed=CUTS,
        chosen=CUTS,
        accented=CUTS,
        peaks=CUTS,
        onsets=CUTS,
        log_onsets=CUTS,
        alone=[],
        tempo_bpm=100.0,
    )
    return replace(met, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(("rise", "late"), [(0.001, 0.004), (0.010, 0.004), (0.030, 0.008)])
def test_known_attacks_are_found(rise: float, late: float) -> None:
    waveform, times, is_accent = sync_detector.synthetic_attacks(rise, seed=1, count=60)
    peaks, heights = flux_peaks(waveform)
    offsets = nearest_offsets(times, peaks)
    near = offsets[np.abs(offsets) <= 0.04]
    assert len(near) >= 0.97 * len(times)
    assert abs(near.mean()) < late
    assert hit_rate(times[is_accent], strong_onsets(peaks, heights), 0.040) > 0.9


@pytest.mark.parametrize("shift", [-0.06, -0.02, 0.0, 0.03, 0.09])
def test_offsets_are_signed_and_rates_follow(shift: float) -> None:
    moved = np.array(CUTS) + shift
    assert np.allclose(nearest_offsets(CUTS, moved), shift)
    for tolerance in sync_rates.TOLERANCES_S:
        assert hit_rate(CUTS, moved, tolerance) == float(abs(shift) <= tolerance)


def test_a_row_of_perfect_clips() -> None:
    row = sync_rates.summarise([clip(), clip(alone=CUTS[:3])], num_resamples=200)
    at = row["40"]
    assert row["cuts"] == 10 and row["missed"] == {}
    assert at["music"] == {"rate": 1.0, "low": 1.0, "high": 1.0}
    assert at["alone"]["rate"] == pytest.approx(0.3)
    quiet = sync_rates.summarise([clip(), clip(log_onsets=CUTS[:2])], num_resamples=200)["40"]
    assert quiet["log_flux"]["rate"] == pytest.approx(0.7) and quiet["music"]["rate"] == 1.0
    assert at["cuts_only"] == 1.0
    # Few onsets: shifted lists and the metronome hit next to nothing.
    assert at["shifted"]["rate"] < 0.1 and at["metronome"]["rate"] < 0.05
    assert at["above_shifted"]["rate"] == pytest.approx(1 - at["shifted"]["rate"])
    assert row["offset_ms"] == 0.0


def test_shifted_lists_meet_dense_onsets_by_chance() -> None:
    """Onsets every 0.2 s are within 40 ms of a random time in 40 % of cases."""
    dense = np.arange(0, 30, 0.2).tolist()
    at = sync_rates.summarise([clip(onsets=dense)], num_resamples=50)["40"]
    assert at["shifted"]["rate"] == pytest.approx(0.4, abs=0.06)
    assert at["metronome"]["rate"] == pytest.approx(0.4, abs=0.01)


@pytest.mark.parametrize(
    ("lost", "stage"),
    [
        ("spotted", "spotting"),
        ("hit_points", "cue sheet"),
        ("placed", "tempo map"),
        ("chosen", "spacing"),
        ("accented", "accent"),
        ("onsets", "weak"),
        ("peaks", "late"),
    ],
)
def test_a_missed_cut_is_laid_to_the_first_stage_that_lost_it(lost: str, stage: str) -> None:
    kept = [time for time in CUTS if time != 9.0]
    names = ["spotted", "hit_points", "placed", "chosen", "accented", "peaks"]
    late = names[names.index(lost) :] if lost in names else []
    broken = clip(**dict.fromkeys([*late, "onsets"], kept))
    row = sync_rates.summarise([broken], num_resamples=50)
    assert row["missed"] == {stage: 1}
    assert row["40"]["music"]["rate"] == pytest.approx(0.8)


def test_plans_and_tables() -> None:
    cases = sync.montage_cases(30)
    assert len({case.seed for case in cases}) == 30
    assert sum(case.row == "1.5 s" for case in cases) == 10
    assert {case.frame_rate for case in cases} == {"24", "25", "30"}
    clips = [clip(), clip(row="1.5 s", onsets=CUTS[:2]), clip(row="real", truth=[(2.0, "fade")])]
    clips = [Measured(**json.loads(json.dumps(asdict(each)))) for each in clips]  # as the cache
    result = {**sync_rates.tabulate(clips, 10), "offsets": sync_rates.offset_histogram(clips)}
    assert set(result["rows"]) == {"4 s", "1.5 s", "real", sync_rates.SLOW_ROW, "all"}
    assert result["rows"][sync_rates.SLOW_ROW]["clips"] == 2
    assert len(result["missed"]) == 3
    assert sum(result["offsets"]["counts"]) == 8  # of eleven cuts three have no onset near
    json.dumps(result)
    assert plot(result).get_axes()


def test_marked_cuts_are_in_order() -> None:
    for path in sync.REAL_CLIPS.values():
        times = [t["time"] for t in json.loads(path.read_text())["transitions"]]
        assert times == sorted(times) and len(times) >= 3
