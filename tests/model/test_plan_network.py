"""The plan network: shapes, what it sees, and its file."""

from pathlib import Path

import pytest
import torch

from pixmus.model.plan_network import PlanDenoiser

SIZES = (5, 2, 3)


@pytest.fixture(scope="module")
def network() -> PlanDenoiser:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = PlanDenoiser(SIZES, 4, width=16, num_layers=2, num_heads=2)
        with torch.no_grad():
            for parameter in made.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
    return made.eval()


def masked(batch: int, length: int) -> torch.Tensor:
    return torch.tensor(SIZES).expand(batch, length, -1).clone()


@pytest.mark.parametrize("length", [2, 4, 10, 64])
def test_it_answers_for_every_field_at_any_length(network: PlanDenoiser, length: int) -> None:
    answers = network(masked(3, length), torch.zeros(3, length, 4))
    assert [tuple(answer.shape) for answer in answers] == [(3, length, size) for size in SIZES]
    assert all(torch.isfinite(answer).all() for answer in answers)


def test_every_token_and_condition_is_heard_everywhere(network: PlanDenoiser) -> None:
    tokens, conditions = masked(1, 40), torch.zeros(1, 40, 4)
    before = network(tokens, conditions)[0]
    for half in (30, 31):
        tokens[0, half, 0] = 2
        after = network(tokens, conditions)[0]
        assert (before - after).abs().amax(-1).min() > 0
        before = after
    conditions[0, 7, 1] = 1
    assert (before - network(tokens, conditions)[0]).abs().amax(-1).min() > 0


def test_the_halves_of_a_bar_are_told_apart(network: PlanDenoiser) -> None:
    first, second = masked(1, 8), masked(1, 8)
    first[0, 2, 0], second[0, 3, 0] = 1, 1
    conditions = torch.zeros(1, 8, 4)
    assert not torch.allclose(network(first, conditions)[0], network(second, conditions)[0])


def test_untrained_it_knows_nothing() -> None:
    fresh = PlanDenoiser(SIZES, 4, width=16, num_layers=1, num_heads=2)
    answers = fresh(masked(1, 4), torch.randn(1, 4, 4))
    assert all((answer == 0).all() for answer in answers)


def test_it_is_saved_and_loaded(network: PlanDenoiser, tmp_path: Path) -> None:
    network.save_pretrained(tmp_path)
    loaded = PlanDenoiser.from_pretrained(tmp_path).eval()
    tokens, conditions = masked(2, 12), torch.randn(2, 12, 4)
    for one, other in zip(network(tokens, conditions), loaded(tokens, conditions), strict=True):
        assert torch.equal(one, other)
