"""The training loss and its gradient against the formula written out; what the network is shown."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pixmus.compose.cells import GIVEN, OFF, TO_MAKE, echo_x0, to_x0
from pixmus.compose.conditions import ECHO_COLUMN, NUM_CONDITIONS
from pixmus.ensembles import PARTS
from pixmus.model.network import ScoreNetwork
from pixmus.score.grid import STEPS_PER_BEAT
from pixmus.score.notes import CELL_PARTS, IS_VELOCITY, NUM_CELLS, PART_LAYOUTS
from pixmus.training.loss import (
    DRUM_WEIGHT,
    VELOCITY_WEIGHT,
    add_noise,
    cell_log_odds,
    denoising_loss,
    draw_sigma,
    stroke_loss,
    sum_log_loss,
)
from pixmus.training.windows import Batch

BEATS = 6


@pytest.fixture
def batch() -> Batch:
    """Two windows, of which the second has no velocities, with every part state in both."""
    generator = torch.Generator().manual_seed(0)
    cells = (torch.rand(2, BEATS, NUM_CELLS, generator=generator) < 0.1).to(torch.uint8)
    velocities = torch.randint(1, 128, cells.shape, generator=generator, dtype=torch.uint8)
    cells = torch.where(torch.from_numpy(IS_VELOCITY), cells * velocities, cells)
    return Batch(
        cells,
        torch.randn(2, BEATS, NUM_CONDITIONS, generator=generator),
        torch.randint(0, 3, (2, BEATS, len(PARTS)), generator=generator),
        cells.flip(1),
        torch.tensor([True, False]),
        torch.arange(BEATS),
    )


def network() -> ScoreNetwork:
    torch.manual_seed(1)
    made = ScoreNetwork(
        roll_cells=tuple(layout.num_roll_cells for layout in PART_LAYOUTS.values()),
        velocity_cells=STEPS_PER_BEAT,
        num_conditions=NUM_CONDITIONS,
        width=16,
        num_layers=1,
        num_heads=2,
        lane_width=8,
        voices=(0, 1, 3),
    )
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return made


def plain_loss(batch: Batch, predicted: Tensor) -> tuple[Tensor, Tensor]:
    """The documented loss, cell by cell."""
    is_velocity = torch.from_numpy(IS_VELOCITY)
    made = batch.states[..., torch.from_numpy(CELL_PARTS)] == TO_MAKE
    struck = (batch.cells > 0) & batch.has_velocity[:, None, None]
    cell_weight = torch.ones(NUM_CELLS)
    cell_weight[PART_LAYOUTS["drums"].cells] = DRUM_WEIGHT
    weight = torch.where(is_velocity, VELOCITY_WEIGHT * struck, cell_weight) * made
    log_loss = F.binary_cross_entropy_with_logits(
        predicted, batch.cells.clamp(max=1).float(), reduction="none"
    )
    squared = (predicted - to_x0(batch.cells)).square()
    error = torch.where(is_velocity, squared, log_loss) * weight
    per_window = 1000 * error.sum((1, 2)) / weight.sum((1, 2))
    return 1000 * error.sum() / weight.sum(), per_window


def test_the_loss_and_its_gradient_are_those_of_the_formula(batch: Batch) -> None:
    model = network()
    sigma, noise = torch.tensor([0.3, 0.8]), torch.randn(2, BEATS, NUM_CELLS)
    x = add_noise(batch, sigma, noise)
    echo = echo_x0(batch.echo, batch.conditions[..., ECHO_COLUMN], batch.states)
    predicted = model.predict_log_odds(
        x, sigma, batch.conditions, batch.states, batch.positions, echo
    )
    expected, expected_windows = plain_loss(batch, predicted)
    expected = expected + stroke_loss(model, batch, batch.conditions)
    expected.backward()
    wanted = [parameter.grad for parameter in model.parameters()]
    model.zero_grad()
    loss, per_window = denoising_loss(model, batch, sigma, noise)
    loss.backward()
    assert torch.allclose(loss, expected, rtol=1e-5)
    assert torch.allclose(per_window, expected_windows, rtol=1e-5)
    for (name, parameter), gradient in zip(model.named_parameters(), wanted, strict=True):
        assert torch.allclose(parameter.grad, gradient, rtol=1e-4, atol=1e-4), name


def test_recall_hears_a_first_prediction_where_parts_are_made(batch: Batch) -> None:
    model = network()
    for lane in model.lanes:
        torch.nn.init.normal_(lane.recall.weight)
        torch.nn.init.normal_(lane.write.weight)
    sigma, noise = torch.tensor([0.3, 0.8]), torch.randn(2, BEATS, NUM_CELLS)
    echo = echo_x0(batch.echo, batch.conditions[..., ECHO_COLUMN], batch.states)
    inputs = (sigma, batch.conditions, batch.states, batch.positions, echo)
    x = add_noise(batch, sigma, noise)
    with torch.no_grad():
        first = model(x, *inputs)
        to_make = (batch.states == TO_MAKE)[..., torch.from_numpy(CELL_PARTS)]
        heard = model.predict_log_odds(x, *inputs, torch.where(to_make, first, x))
    expected, _ = plain_loss(batch, heard)
    expected = expected + stroke_loss(model, batch, batch.conditions)
    loss, _ = denoising_loss(model, batch, sigma, noise, recall=True)
    assert torch.allclose(loss, expected, rtol=1e-4)
    assert not torch.allclose(loss, denoising_loss(model, batch, sigma, noise)[0], rtol=1e-4)


def test_the_summed_log_loss_passes_gradcheck() -> None:
    log_odds = 4 * torch.randn(2, 3, 5, dtype=torch.float64, requires_grad=True)
    cells = torch.randint(0, 2, (2, 3, 5), dtype=torch.uint8)
    assert torch.autograd.gradcheck(lambda z: sum_log_loss(z, cells), (log_odds,))
    certain = torch.tensor([[[200.0, -200.0]]])
    right, wrong = torch.tensor([[[1, 0]]]), torch.tensor([[[0, 1]]])
    assert sum_log_loss(certain, right).item() == 0.0
    assert sum_log_loss(certain, wrong).item() == 400.0


def test_what_is_given_is_clean_and_what_is_off_is_nothing(batch: Batch) -> None:
    sigma = torch.tensor([0.25, 0.75])
    noise = torch.randn(2, BEATS, NUM_CELLS)
    x, x0 = add_noise(batch, sigma, noise), to_x0(batch.cells)
    states = batch.states[..., torch.from_numpy(CELL_PARTS)]
    mixed = (1 - sigma[:, None, None]) * x0 + sigma[:, None, None] * noise
    assert torch.allclose(x[states == TO_MAKE], mixed[states == TO_MAKE], atol=1e-6)
    assert torch.equal(x[states == GIVEN], x0[states == GIVEN])
    assert not x[states == OFF].any()
    assert add_noise(batch, sigma, noise.bfloat16()).dtype == torch.bfloat16


def test_noise_levels_are_spread_and_lean_to_noise() -> None:
    sigma = draw_sigma(torch.Generator().manual_seed(0), 512)
    assert 0 < sigma.min() < 0.15 and 0.95 < sigma.max() < 1
    assert abs(float(sigma.median()) - 1 / (1 + np.exp(-0.9))) < 0.01


def test_cells_begin_as_often_as_they_sound() -> None:
    assert cell_log_odds([]).shape == (NUM_CELLS,)
    assert not cell_log_odds([])[torch.from_numpy(IS_VELOCITY)].any()


def test_strokes_are_learned_from_the_conditions_alone(batch: Batch) -> None:
    model = network()
    conditions = batch.conditions
    told = model.stroke_log_odds(conditions)
    assert told.shape == (2, BEATS, 5, STEPS_PER_BEAT)
    struck = torch.stack(
        [
            batch.cells[..., layout.onsets].unflatten(-1, (STEPS_PER_BEAT, -1)).bool().any(-1)
            for layout in list(PART_LAYOUTS.values())[:5]
        ],
        2,
    )
    probability = told.sigmoid()
    log_loss = -torch.where(struck, probability, 1 - probability).log()
    made = (batch.states[..., :5] == TO_MAKE)[..., None]
    expected = (log_loss * made).mean()
    assert torch.allclose(stroke_loss(model, batch, conditions), expected, rtol=1e-4)
