"""Fine-tuning finds what pairs say, and keeps what they do not contradict."""

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import pytest

from pixmus.cues.encoder import (
    INSIDE,
    MOODS,
    NEVER_CALMER,
    PICTURE,
    TUNED,
    ConditioningEncoder,
    least_weights,
)
from pixmus.curves import CURVES
from pixmus.errors import PixMusError
from pixmus.model.folder import MODEL_FOLDER
from pixmus.picture.features import Features
from pixmus.picture.palette import PALETTE
from pixmus.picture.transitions import Transition
from pixmus.take.spotted import load_encoder
from pixmus.training.fine_tune import MIN_ROWS, agreement, by_second, fine_tune, normal_scores

SECONDS = 20


@dataclass(frozen=True)
class Row:
    group: str
    kind: str
    features: Features
    curves: dict[str, np.ndarray]


def slow(rng: np.random.Generator, low: float, high: float) -> np.ndarray:
    """A curve on the 4 Hz clock that wanders between two values, one of which is this row's own."""
    own, other = rng.uniform(low, high, 2)
    points = np.interp(np.linspace(0, 3, SECONDS * 4), range(4), rng.uniform(0, 1, 4))
    return own + 0.6 * (other - own) * points


def rows_of(seed: int, count: int, valence_of: str, kind: str = "video") -> list[Row]:
    """Rows in whose music valence follows one curve of the picture, energy and density motion."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        light = slow(rng, 0.1, 0.8)
        curves = {
            "motion": slow(rng, 0.0, 0.4),
            "brightness": light,
            "contrast": light * 0.4,
            "saturation": slow(rng, 0.02, 0.5),
            "warmth": slow(rng, -0.1, 0.1),
            "edges": light * 0.2,
        }
        palette = np.stack([slow(rng, 0.0, 0.4) for _ in PALETTE], axis=1)
        cuts = np.sort(rng.uniform(1, SECONDS - 1, 3))
        features = Features(
            SECONDS,
            Fraction(24),
            tuple(Transition(t, t, t, "cut") for t in cuts),
            **curves,
            palette=palette,
        )
        source = (
            curves[valence_of] if valence_of in curves else palette[:, PALETTE.index(valence_of)]
        )
        music = {name: rng.uniform(0, 1, SECONDS) for name in CURVES}
        music["valence"] = quantiles(source, rng)
        music["energy"] = music["density"] = quantiles(curves["motion"], rng)
        rows.append(Row(f"source {number // 2}", kind, features, music))
    return rows


def quantiles(curve: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    values = by_second(curve, SECONDS)
    return np.clip(values / (2 * values.mean()) + 0.05 * rng.normal(size=SECONDS), 0, 1)


@pytest.fixture(scope="module")
def shipped() -> ConditioningEncoder:
    encoder = load_encoder(MODEL_FOLDER)
    assert encoder is not None
    return encoder


def test_what_pairs_say_is_learned_and_holds_on_other_rows(shipped):
    world = rows_of(1, 60, "cyan")
    for row in world:  # a row's own level counts, not its middle
        level = row.features.palette[:, PALETTE.index("cyan")]
        row.curves["valence"][:] = np.clip(by_second(level, SECONDS) / 0.4, 0, 1)
    tuned, facts = fine_tune(shipped, world[:40])
    before, after = agreement(shipped, world[40:]), agreement(tuned, world[40:])
    before, after = before["valence"]["video"], after["valence"]["video"]
    assert after["pooled"] > before["pooled"] + 0.1
    assert np.isfinite(facts["valence"]["held"])
    low, high = after["pooled interval"]
    assert low < after["pooled"] < high


def test_what_energy_follows_beside_motion_is_learned_and_kept_on_disk(shipped, tmp_path):
    world = rows_of(9, 60, "warmth")
    for row in world:
        row.curves["energy"][:] = np.clip(by_second(row.features.brightness, SECONDS), 0, 1)
    tuned, _ = fine_tune(shipped, world[:40])
    before, after = (agreement(e, world[40:])["energy"]["video"] for e in (shipped, tuned))
    assert after["pooled"] > before["pooled"] + 0.3
    assert after["levels"] > before["levels"] + 0.3
    tuned.save_pretrained(tmp_path)
    again = ConditioningEncoder.from_pretrained(tmp_path)
    assert TUNED.index("energy") == 1 and again.tuned[1, PICTURE.index("light")] > 0
    curves, kept = (e.raw_curves(world[0].features) for e in (tuned, again))
    assert all(curves[name] == pytest.approx(kept[name], abs=1e-3) for name in CURVES)
    shipped.save_pretrained(tmp_path)  # over it: nothing of the pairs is left
    assert ConditioningEncoder.from_pretrained(tmp_path).tuned is None


def test_a_faster_picture_is_never_calmer_after_it(shipped):
    world = rows_of(10, 40, "warmth")
    rng = np.random.default_rng(3)
    for row in world:  # music that is calmer where the picture moves
        motion = by_second(row.features.motion, SECONDS)
        row.curves["energy"][:] = np.clip(1 - 2 * motion + 0.1 * rng.normal(size=SECONDS), 0, 1)
    tuned, _ = fine_tune(shipped, world)
    slow = world[0].features
    fast = replace(slow, motion=slow.motion * 2)
    calm, lively = (tuned.raw_curves(features)["energy"].mean() for features in (slow, fast))
    assert lively >= calm


def test_pairs_that_say_nothing_leave_the_weights_alone(shipped):
    world = rows_of(2, 40, "brightness")
    rng = np.random.default_rng(0)
    for row in world:
        row.curves["valence"][:] = rng.uniform(0, 1, SECONDS)
    tuned, _ = fine_tune(shipped, world)
    index = MOODS.index("valence")
    before, after = shipped.ratio_weights[index].numpy(), tuned.ratio_weights[index].numpy()
    assert np.linalg.norm(after - before) < 0.5 * np.linalg.norm(before)


def test_the_promises_of_the_encoder_are_kept(shipped):
    world = rows_of(3, 40, "saturation")
    for row in world:  # music that is happier in the dark
        light = by_second(row.features.brightness, SECONDS)
        row.curves["valence"][:] = np.clip(1 - light, 0, 1)
    tuned, _ = fine_tune(shipped, world)
    index = MOODS.index("valence")
    light, colour = least_weights(tuned.ratio_weights[index].double().numpy())
    assert float(tuned.light[index]) >= light - 1e-6
    assert float(tuned.colour[index]) >= colour - 1e-6
    assert tuned.paired is not None and (tuned.paired.pace >= 0).all()
    assert tuned.tuned is not None and (tuned.tuned[:2, :NEVER_CALMER] >= 0).all()


def test_mean_and_spread_of_every_curve_stay(shipped):
    world = rows_of(4, 40, "warmth")
    tuned, _ = fine_tune(shipped, world)
    for k, name in enumerate(CURVES):
        z = []
        for encoder in (shipped, tuned):
            raw = np.concatenate([encoder.raw_curves(row.features)[name] for row in world])
            z.append((raw - float(encoder.curve_mean[k])) / float(encoder.curve_scale[k]))
        assert z[1].mean() == pytest.approx(z[0].mean(), abs=1e-3)
        assert z[1].std() == pytest.approx(z[0].std(), rel=1e-3)


def test_an_encoder_without_weights_of_pace_gets_them(shipped):
    bare = ConditioningEncoder()
    bare.load_state_dict(shipped.state_dict())
    tuned, facts = fine_tune(bare, rows_of(5, 40, "brightness"))
    assert set(facts["inside a row"]) == set(INSIDE)
    assert tuned.paired is not None and tuned.paired.pace[:, :3].max() > 0  # motion is followed
    assert bare.paired is None


def test_stills_teach_the_mood_alone(shipped):
    stills = rows_of(6, 40, "brightness", kind="still")
    tuned, facts = fine_tune(shipped, stills)
    assert "inside a row" not in facts
    assert np.array_equal(tuned.paired.pace, shipped.paired.pace)


def test_seconds_that_were_not_measured_do_not_count(shipped):
    world = rows_of(7, 30, "brightness")
    holes = [replace(row, curves={n: c.copy() for n, c in row.curves.items()}) for row in world]
    for row in holes:
        for curve in row.curves.values():
            curve[5:9] = np.nan
    tuned, _ = fine_tune(shipped, holes)
    assert np.isfinite(tuned.ratio_weights.numpy()).all()
    found = agreement(tuned, holes)
    assert all(np.isfinite(found[name]["video"]["pooled"]) for name in CURVES)
    assert np.isnan(found["energy"]["still"]["pooled"])  # there is none


def test_too_few_rows_are_refused(shipped):
    with pytest.raises(PixMusError, match=f"at least {MIN_ROWS} training rows"):
        fine_tune(shipped, rows_of(8, 3, "brightness"))


def test_seconds_are_means_and_scores_are_normal():
    assert by_second(np.arange(8.0), 2).tolist() == [1.5, 5.5]
    assert by_second(np.arange(6.0), 2).tolist() == [1.5, 4.75]  # the last value stands longer
    scores = normal_scores(np.array([0.5, 0.841345, 0.0, np.nan]))
    assert scores[:2] == pytest.approx([0.0, 1.0], abs=1e-4)
    assert np.isfinite(scores[2]) and np.isnan(scores[3])
