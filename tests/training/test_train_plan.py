"""Windows of plans, masks, and a few iterations of training."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from open_music import write_pieces

from pixmus.compose.planning import NUM_PLAN_CONDITIONS
from pixmus.model.plan_network import PlanDenoiser
from pixmus.score.curves import RAW_CURVES, CurveTables
from pixmus.score.plan_tokens import DYNAMICS_COLUMN, FIELD_SIZES, MASKS, NUM_FIELDS
from pixmus.studies.plan import measure
from pixmus.training.lessons import PLAN, plan_loss
from pixmus.training.plan_windows import (
    GROUPS,
    LETTER,
    LIKENESS,
    PLACE,
    MeasuredPlan,
    PlanSampler,
    draw_masks,
    load_measured,
    measured_plan,
    named_anew,
    save_measured,
    spliced,
    window_of,
)
from pixmus.training.run import Run
from pixmus.training.voice_corpus import encode_voice_piece


@pytest.fixture(scope="module")
def plans() -> list[MeasuredPlan]:
    tables = CurveTables({name: np.linspace(0, 1, 5) for name in RAW_CURVES})
    return [measured_plan(encode_voice_piece(piece), tables) for piece in write_pieces(6, 24)]


def test_measured_plans_come_back_from_their_file(
    plans: list[MeasuredPlan], tmp_path: Path
) -> None:
    save_measured(plans, tmp_path / "measured.npz")
    for plan, back in zip(plans, load_measured(tmp_path / "measured.npz"), strict=True):
        assert (plan.name, plan.style, plan.split, plan.minor) == (
            back.name, back.style, back.split, back.minor,
        )  # fmt: skip
        for name in ("tokens", "curves", "hits"):
            assert np.array_equal(getattr(plan, name), getattr(back, name))


def test_every_field_belongs_to_one_group() -> None:
    assert sorted(sum(GROUPS.values(), [])) == list(range(NUM_FIELDS))


def test_letters_are_named_in_order_and_the_first_is_like_nothing() -> None:
    tokens = np.zeros((16, NUM_FIELDS), int)
    tokens[:, LETTER] = np.repeat([5, 2, 5, 5], 4)
    tokens[:, PLACE] = np.tile([0, 0, 1, 1], 4)
    tokens[:, LIKENESS] = 3
    anew = named_anew(tokens)
    assert anew[::4, LETTER].tolist() == [0, 1, 0, 0]
    assert anew[::4, LIKENESS].tolist() == [0, 0, 3, 3]


def test_windows_know_their_place(plans: list[MeasuredPlan]) -> None:
    tokens, conditions = window_of(plans[0], 4, 8)
    assert tokens.shape == (16, NUM_FIELDS) and conditions.shape == (16, NUM_PLAN_CONDITIONS)
    whole = window_of(plans[0], 0, 24)[1]
    assert np.array_equal(whole[8:24], conditions) or np.allclose(
        whole[8:24, :5], conditions[:, :5]
    )
    short, wished = spliced(np.random.default_rng(0), plans[0], 12)
    assert len(short) == len(wished) == 24
    assert np.array_equal(short[-4:, :3], plans[0].tokens[-4:, :3])  # the piece's own end


def test_masks_are_even_and_groups_go_together() -> None:
    masked = draw_masks(np.random.default_rng(0), 400, 8)
    assert masked.mean() == pytest.approx(0.5, abs=0.05)
    chords = masked[:, :, GROUPS["chords"]].reshape(400, -1)
    assert 0.15 < (~chords).all(1).mean() < 0.35 and 0.15 < chords.all(1).mean() < 0.35


def test_unknown_dynamics_cost_nothing(plans: list[MeasuredPlan]) -> None:
    denoiser = PlanDenoiser(FIELD_SIZES, NUM_PLAN_CONDITIONS, width=16, num_layers=1, num_heads=2)
    silent = [plan for plan in plans if plan.corpus != "freedoom"]
    batch = PlanSampler(silent).batch(np.random.default_rng(0), 8, 4)
    assert (batch.tokens[..., DYNAMICS_COLUMN] == int(MASKS[DYNAMICS_COLUMN])).all()
    batch.masked[:] = True
    loss, sums = plan_loss(denoiser, batch)
    assert sums[list(GROUPS).index("dynamics")].tolist() == [0, 0] and torch.isfinite(loss)
    assert loss.item() == pytest.approx(float(sums[:, 0].sum() / sums[:, 1].sum()), rel=1e-5)
    uniform = np.log([size for i, size in enumerate(FIELD_SIZES) if i != DYNAMICS_COLUMN]).mean()
    assert loss.item() == pytest.approx(uniform, rel=1e-4)  # the head begins at zero


def test_a_plan_is_learned_and_can_be_measured(plans: list[MeasuredPlan], tmp_path: Path) -> None:
    torch.manual_seed(1)
    config = {**PLAN.fixed, "width": 16, "num_layers": 1, "num_heads": 2}
    run = Run(PLAN, config, PlanDenoiser(**config), torch.device("cpu"), 1, 1e-2)
    sampler = PlanSampler(plans)
    fixed = [sampler.batch(np.random.default_rng(3), 8, 8)]
    before, terms = run.validate(fixed)
    assert len(terms) == len(PLAN.terms)
    for _ in range(15):
        run.step(sampler.batch(run.rng, half_bars=256), 1.0, 0.5)
    after, _ = run.validate(fixed)
    assert after < before - 0.2
    run.save(tmp_path / "state.pt", 0.0, 0.0)
    loaded = PLAN.load(tmp_path / "state.pt")
    assert not loaded.training
    for name, value in run.kept.items():
        assert torch.equal(value, loaded.state_dict()[name])
    answer = measure(loaded, plans, num=8, num_bars=8, num_inference_steps=2)
    json.dumps(answer)
    assert 0 <= answer["distance of roots"] <= 1
