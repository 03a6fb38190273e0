"""The conditioning encoder: truths that hold by construction, files, and what it says it had."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from wandering import wandering as picture

from pixmus.cues.direction import Direction
from pixmus.cues.encoder import (
    INSIDE,
    LOOK_S,
    PACE_CUTS_S,
    PACE_MOTION_S,
    PAIRED_WEIGHTS,
    RATIOS,
    WHOLE,
    ConditioningEncoder,
    Paired,
    least_weights,
)
from pixmus.cues.spotting import spot
from pixmus.cues.wishes import read_wishes
from pixmus.curves import CURVES, num_curve_values
from pixmus.errors import PixMusError
from pixmus.picture.moments import Moment
from pixmus.picture.transitions import Transition

SHIPPED = Path(__file__).parents[2] / "checkpoints" / "pixmus" / "encoder"
WIDTH, COMPONENTS = 12, 4


@pytest.fixture(scope="module")
def paired() -> Paired:
    rng = np.random.default_rng(0)
    pace = rng.uniform(0, 1, (len(INSIDE), len(PACE_MOTION_S) + len(PACE_CUTS_S)))
    basis = np.linalg.qr(rng.normal(size=(WIDTH, COMPONENTS)))[0].T
    return Paired(
        pace=pace,
        inside=rng.normal(size=(len(INSIDE), len(LOOK_S) * COMPONENTS)),
        whole=rng.normal(size=(len(WHOLE), COMPONENTS)),
        mean=rng.normal(size=WIDTH) / 10,
        basis=basis,
        whole_mean=np.zeros(COMPONENTS),
        motion_ours=np.array([0.0, 0.1, 1.0]),
        motion_theirs=np.array([0.0, 5.0, 60.0]),
    )


@pytest.fixture
def encoder(paired: Paired) -> ConditioningEncoder:
    """Random ratio weights; brightness and chroma have the least weights that are allowed."""
    encoder = ConditioningEncoder()
    rng = np.random.default_rng(1)
    weights = rng.normal(size=(2, len(RATIOS)))
    encoder.ratio_weights.data.copy_(torch.from_numpy(weights))
    least = least_weights(weights[0])
    encoder.light.data.copy_(torch.tensor([least[0], 0.0]))
    encoder.colour.data.copy_(torch.tensor([least[1], 0.0]))
    encoder.set_paired(paired)
    return encoder.eval()


@pytest.mark.parametrize("seed", range(12))
def test_darker_and_greyer_is_never_happier_whatever_the_weights(
    encoder: ConditioningEncoder, seed: int
) -> None:
    before = picture(8.0, seed)
    for gain, chroma in ((0.5, 1.0), (1.0, 0.2), (0.3, 0.3), (0.9, 0.0), (0.01, 1.0)):
        after = replace(
            before,
            brightness=before.brightness * gain,
            contrast=before.contrast * gain,
            edges=before.edges * gain,
            saturation=before.saturation * gain * chroma,
            warmth=before.warmth * gain * chroma,
        )
        assert (encoder.mood(after)[:, 0] <= encoder.mood(before)[:, 0] + 1e-9).all()


def test_the_guarantee_needs_the_least_weights(encoder: ConditioningEncoder) -> None:
    encoder.light.data.zero_()
    encoder.colour.data.zero_()
    rises = []
    for seed in range(12):
        before = picture(8.0, seed)
        after = replace(before, saturation=before.saturation * 0.2, warmth=before.warmth * 0.2)
        rises.append(float((encoder.mood(after) - encoder.mood(before))[:, 0].max()))
    assert max(rises) > 0.01


@pytest.mark.parametrize("seed", range(6))
def test_faster_is_never_calmer(seed: int) -> None:
    encoder = ConditioningEncoder.from_pretrained(SHIPPED)
    slow = picture(20.0, seed, cuts=(5.0, 11.0))
    half = {
        name: getattr(slow, name)[::2] for name in
        ("brightness", "contrast", "saturation", "warmth", "edges", "palette")
    }  # fmt: skip
    fast = replace(
        slow,
        duration=10.0,
        transitions=tuple(Transition(t, t, t, "cut") for t in (2.5, 5.5)),
        motion=2 * (slow.motion[::2] + slow.motion[1::2]) / 2,
        **half,
    )
    before, after = encoder.spot(slow), encoder.spot(fast)
    assert after.curves["energy"].mean() >= before.curves["energy"].mean() - 0.005
    assert after.tempo_bpm >= before.tempo_bpm


def test_curves_are_smooth_quantiles_on_the_clock(encoder: ConditioningEncoder) -> None:
    for duration in (0.3, 3.1, 40.0):
        features = picture(duration, 3)
        embedding = np.random.default_rng(0).normal(size=(max(1, int(duration)), WIDTH))
        for given in (None, embedding):
            curves = encoder.curves(features, given)
            assert set(curves) == set(CURVES)
            for curve in curves.values():
                assert curve.shape == (num_curve_values(duration),) and curve.dtype == np.float32
                assert np.isfinite(curve).all() and curve.min() >= 0 and curve.max() <= 1
                assert len(curve) < 8 or np.abs(np.diff(curve)).max() < 0.35


def test_an_embedding_changes_the_curves_and_is_said(encoder: ConditioningEncoder) -> None:
    features = picture(20.0, 4, cuts=(8.0,))
    embedding = np.random.default_rng(0).normal(size=(20, WIDTH))
    without, with_it = encoder.spot(features), encoder.spot(features, embedding=embedding)
    assert "embedding" in with_it.inputs and "embedding" not in without.inputs
    assert np.abs(with_it.curves["valence"] - without.curves["valence"]).max() > 0.01
    with pytest.raises(PixMusError, match="embeddings of 5 numbers.*reads 12"):
        encoder.spot(features, embedding=np.zeros((20, 5)))


def test_without_the_file_of_music_videos_it_works(
    encoder: ConditioningEncoder, tmp_path: Path
) -> None:
    encoder.save_pretrained(tmp_path)
    features = picture(15.0, 5, cuts=(6.0,))
    loaded = ConditioningEncoder.from_pretrained(tmp_path)
    assert loaded.spot(features).to_json() == encoder.spot(features).to_json()
    (tmp_path / PAIRED_WEIGHTS).unlink()
    bare = ConditioningEncoder.from_pretrained(tmp_path)
    assert bare.paired is None and bare.spot(features).curves["energy"].std() > 0
    with pytest.raises(PixMusError, match=PAIRED_WEIGHTS):
        bare.spot(features, embedding=np.zeros((15, WIDTH)))
    encoder.set_paired(None)
    encoder.save_pretrained(tmp_path / "again")
    assert not (tmp_path / "again" / PAIRED_WEIGHTS).exists()


def test_options_win_over_words_and_words_over_the_picture(encoder: ConditioningEncoder) -> None:
    features = picture(25.0, 6)
    encoder.curve_scale.data.fill_(20.0)  # all curves near the middle
    plain = encoder.spot(features)
    worded = encoder.spot(features, wishes=read_wishes("slow, very sad, strings, sparse, in minor"))
    assert worded.tempo_bpm < plain.tempo_bpm and worded.ensemble == "strings"
    assert worded.key.endswith("minor") and "text" in worded.inputs
    for curve in ("valence", "density"):
        assert worded.curves[curve].mean() < plain.curves[curve].mean()
    asked = Direction(tempo_bpm=120.0, ensemble="band", key="C major", valence=0.9)
    both = encoder.spot(features, asked, read_wishes("slow, very sad, strings, in minor"))
    assert (both.tempo_bpm, both.ensemble, both.key) == (120.0, "band", "C major")
    assert both.curves["valence"].mean() == pytest.approx(0.9, abs=0.01)


def test_moments_become_hit_points_of_the_encoder_alone(encoder: ConditioningEncoder) -> None:
    features = replace(picture(12.0, 7, cuts=(4.0,)), moments=(Moment(8.0, "flash", 0.8),))
    times = {hit.time: hit.strength for hit in encoder.spot(features).hit_points}
    assert times[4.0] == 1.0 and 0.2 <= times[8.0] < 1.0
    assert [hit.time for hit in spot(features).hit_points] == [4.0]


def test_every_choice_has_its_reason(encoder: ConditioningEncoder) -> None:
    sheet = encoder.spot(picture(18.0, 8, cuts=(9.0,)))
    assert set(sheet.reasons) == {"tempo_bpm", "key", "ensemble", "style"}
    assert sheet.reasons["tempo_bpm"].startswith("a cut every 9.0 s")
    assert f"{sheet.tempo_bpm:.0f} bpm" in sheet.reasons["tempo_bpm"]


def test_the_shipped_encoder_is_small_and_keeps_its_promise() -> None:
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 2**20
    encoder = ConditioningEncoder.from_pretrained(SHIPPED)
    assert encoder.paired is not None and (encoder.paired.pace >= 0).all()
    least = least_weights(encoder.ratio_weights[0].double().numpy())
    assert float(encoder.light[0]) >= least[0] - 1e-6
    assert float(encoder.colour[0]) >= least[1] - 1e-6
