"""Output shape, zero output at the start, any length, and no leak between windows of a batch."""

import itertools
import math
from collections.abc import Callable

import pytest
import torch

from pixmus.model.chains import ChordChain, VoiceChain
from pixmus.model.network import ECHO_TRUST, PRIOR_LOG_ODDS, ScoreNetwork


def tiny(
    seed: int = 0, started: bool = False, lane_width: int = 8, voices: tuple[int, ...] = (1,)
) -> ScoreNetwork:
    torch.manual_seed(seed)
    denoiser = ScoreNetwork(
        roll_cells=(4, 8),
        velocity_cells=2,
        num_conditions=5,
        width=32,
        num_layers=2,
        num_heads=2,
        lane_width=lane_width,
        voices=voices,
    )
    if started:  # as if trained: nothing is zero
        with torch.no_grad():
            for parameter in denoiser.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
    return denoiser.eval()


def inputs(batch: int, tokens: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(tokens)
    return {
        "x": torch.randn(batch, tokens, 16, generator=generator),
        "sigma": torch.rand(batch, generator=generator),
        "conditions": torch.randn(batch, tokens, 5, generator=generator),
        "part_states": torch.randint(0, 3, (batch, tokens, 2), generator=generator),
        "positions": torch.arange(tokens),
        "echo": torch.randn(batch, tokens, 16, generator=generator),
    }


def is_roll() -> torch.Tensor:
    return torch.tensor([True] * 4 + [False] * 2 + [True] * 8 + [False] * 2)


def test_untrained_it_answers_what_each_cell_says_of_itself() -> None:
    """Bayes for one cell: prior odds times the likelihood ratio of N(1 - s, s) and N(s - 1, s)."""
    arguments = inputs(2, 8) | {"echo": None}
    x0 = tiny(lane_width=0)(**arguments)
    sigma = arguments["sigma"][:, None, None]
    x = arguments["x"]
    likely = [torch.exp(-((x - sign * (1 - sigma)) ** 2) / (2 * sigma**2)) for sign in (1, -1)]
    odds = torch.exp(torch.tensor(PRIOR_LOG_ODDS)) * likely[0] / likely[1].clamp(min=1e-30)
    expected = 2 * odds / (1 + odds) - 1
    told = (sigma > 0.4).expand_as(x0) & is_roll()
    assert told.any() and torch.allclose(x0[told], expected[told], atol=1e-4)
    assert not x0[..., ~is_roll()].any()


def test_at_low_noise_cells_stay_what_they_are() -> None:
    arguments = inputs(2, 8)
    clean = torch.where(arguments["x"] > 0.5, 1.0, -1.0)
    noisy = 0.95 * clean + 0.05 * arguments["x"]
    x0 = tiny(lane_width=0)(**(arguments | {"x": noisy, "sigma": torch.full((2,), 0.05)}))
    assert torch.allclose(x0[..., is_roll()], clean[..., is_roll()], atol=1e-4)


def test_takes_any_length() -> None:
    denoiser = tiny(started=True)
    for tokens in (1, 8, 50):
        assert denoiser(**inputs(2, tokens)).shape == (2, tokens, 16)


def test_a_window_does_not_depend_on_its_batch() -> None:
    denoiser = tiny(started=True)
    arguments = inputs(3, 8)
    together = denoiser(**arguments)
    alone = {k: v[:1] if v.dim() > 1 or k == "sigma" else v for k, v in arguments.items()}
    assert torch.allclose(together[:1], denoiser(**alone), atol=1e-5)


def test_only_distances_between_positions_matter() -> None:
    denoiser = tiny(started=True)
    arguments = inputs(1, 8)
    moved = arguments | {"positions": arguments["positions"] + 100}
    assert torch.allclose(denoiser(**arguments), denoiser(**moved), atol=1e-4)
    spread = arguments | {"positions": arguments["positions"] * 3}
    assert not torch.allclose(denoiser(**arguments), denoiser(**spread), atol=1e-3)


def test_every_input_is_heard() -> None:
    denoiser = tiny(started=True)
    arguments = inputs(1, 8)
    before = denoiser(**arguments)
    for name, other in {
        "x": arguments["x"] + 1,
        "sigma": arguments["sigma"] / 2,
        "conditions": arguments["conditions"] + 1,
        "part_states": 2 - arguments["part_states"],
        "echo": arguments["echo"] + 1,
    }.items():
        assert not torch.allclose(before, denoiser(**(arguments | {name: other})), atol=1e-4), name


def test_lanes_begin_without_any_effect() -> None:
    """So that weights without lanes can be gone on with."""
    plain = tiny(started=True, lane_width=0)
    with_lanes = tiny(seed=1)
    torch.nn.init.zeros_(with_lanes.trust.bias)
    missing = with_lanes.load_state_dict(plain.state_dict(), strict=False)
    assert missing.missing_keys and not missing.unexpected_keys
    arguments = inputs(2, 8)
    assert torch.allclose(with_lanes(**arguments), plain(**arguments), atol=1e-5)


def test_the_last_prediction_is_heard() -> None:
    denoiser, arguments = tiny(started=True), inputs(2, 8)
    first = denoiser(**arguments)
    assert not torch.allclose(denoiser(**arguments, previous=first), first, atol=1e-3)


def test_an_echo_speaks_for_its_cells_before_anything_is_learned() -> None:
    denoiser, arguments = tiny(), inputs(2, 8)
    echo = torch.where(arguments["echo"] > 0, 1.0, -1.0)
    without = denoiser.predict_log_odds(**(arguments | {"echo": None}))
    with_echo = denoiser.predict_log_odds(**(arguments | {"echo": echo}))
    added = with_echo - without
    assert torch.allclose(added[..., is_roll()], ECHO_TRUST * echo.clamp(min=0)[..., is_roll()])
    assert not added[..., ~is_roll()].any()


def test_chains_that_are_known_already_are_not_asked_again() -> None:
    denoiser, arguments = tiny(started=True), inputs(2, 8)
    chains = denoiser.ask_chains(
        *(arguments[name] for name in ("x", "sigma", "conditions", "part_states"))
    )
    again = denoiser.predict_log_odds(**arguments, chains=chains)
    assert torch.allclose(again, denoiser.predict_log_odds(**arguments), atol=1e-5)


def test_lanes_hear_the_beats_beside_them() -> None:
    lane = tiny(started=True).lanes[0]
    heard, token = torch.randn(1, 6, 8), torch.zeros(1, 6, 32)
    moved = heard.clone()
    moved[:, 1] += 1
    changed = (lane.play(moved, token) != lane.play(heard, token)).any(-1)
    assert changed.tolist() == [[True, True, True, False, False, False]]


def weigh_all(
    ways: dict[tuple[int, ...], float], is_on: Callable[[int], bool], steps: int
) -> torch.Tensor:
    """Posterior probability at every step, from the weight of every way that states can follow."""
    whole = sum(ways.values())
    on = [sum(w for states, w in ways.items() if is_on(states[step])) for step in range(steps)]
    return torch.tensor(on) / whole


TRANSITIONS = [[0.9, 0.1, 0.0], [0.3, 0.1, 0.6], [0.4, 0.2, 0.4]]


def test_chords_have_the_exact_posterior_of_their_chain() -> None:
    """Against all 3^6 ways of one pitch, its strokes twice or half as likely as usual."""
    steps, beats = 3, 2
    chain = ChordChain((1,), steps)
    chain.transitions.copy_(torch.tensor([TRANSITIONS]))
    chain.stroke_share.fill_(0.2)
    cells = 2 * torch.randn(1, beats, 2, steps, 1, generator=torch.Generator().manual_seed(0))
    strokes = torch.tensor([[0.2, 0.4, 0.1, 0.2, 0.4, 0.4]])
    ((added, likely),) = chain([cells.flatten(2)], [strokes])

    onset, sounding = cells[0, :, 0, :, 0].ravel(), cells[0, :, 1, :, 0].ravel()
    rest = torch.linalg.matrix_power(torch.tensor(TRANSITIONS), 200)[0]
    ways = {}
    for states in itertools.product(range(3), repeat=6):
        weight = float(rest[states[0]])
        for step, (before, after) in enumerate(itertools.pairwise(states), 1):
            stroke = TRANSITIONS[before][1] * float(strokes[0, step]) / 0.2
            others = TRANSITIONS[before][after] / (1 - TRANSITIONS[before][1])
            weight *= stroke if after == 1 else (1 - stroke) * others
        for step, state in enumerate(states):
            likelihood = [torch.zeros(()), onset[step] + sounding[step], sounding[step]]
            weight *= math.exp(float(likelihood[state]))
        ways[states] = weight
    expected = torch.stack(
        [weigh_all(ways, lambda s: s == 1, 6), weigh_all(ways, lambda s: s > 0, 6)]
    )
    got = likely.view(beats, 2, steps).transpose(0, 1).reshape(2, 6)
    assert torch.allclose(got, expected, atol=1e-5)
    prior = torch.stack([rest[1], rest[1] + rest[2]])
    extra = torch.logit(expected) - torch.logit(prior)[:, None] - torch.stack([onset, sounding])
    assert torch.allclose(
        added.view(beats, 2, steps).transpose(0, 1).reshape(2, 6), extra, atol=1e-3
    )


def test_a_struck_pitch_makes_the_others_of_its_chord_likelier() -> None:
    chain = ChordChain((3,), 2)
    chain.transitions.copy_(torch.tensor([TRANSITIONS]))
    chain.pitch_share.fill_(0.3)
    chain.stroke_share.fill_(0.2)
    cells, strokes = torch.zeros(1, 2, 2, 2, 3), torch.full((1, 4), 0.2)
    ((_, before),) = chain([cells.flatten(2)], [strokes])
    cells[0, 1, 0, 0, 0] = 5.0  # the first pitch seems to be struck at step 2
    ((_, after),) = chain([cells.flatten(2)], [strokes])
    onsets = [values.view(2, 2, 2, 3)[1, 0, 0, 1:] for values in (before, after)]
    assert (onsets[1] > 1.5 * onsets[0]).all()


INTERVALS = [[0.3, 0.7], [0.6, 0.4], [0.2, 0.8]]


def test_a_voice_has_the_exact_posterior_of_one_note_at_a_time() -> None:
    """Against all ways of silence (0), two pitches struck (1, 2) and held (3, 4) over 4 steps."""
    steps, beats = 2, 2
    chain = VoiceChain((2,), steps)
    chain.intervals.copy_(torch.tensor([INTERVALS]))
    chain.held_share.fill_(0.7)
    generator = torch.Generator().manual_seed(1)
    cells = 2 * torch.randn(1, beats, 2, steps, 2, generator=generator)
    strokes = torch.tensor([[0.9, 0.2, 0.5, 0.4]])
    ((_, likely),) = chain([cells.flatten(2)], [strokes])

    onset, sounding = cells[0].transpose(0, 1).reshape(2, 4, 2)
    ways = {}
    for states in itertools.product(range(5), repeat=4):
        weight, pitch = 1.0, 0
        for step, state in enumerate(states):
            strike = float(strokes[0, step])
            if state == 0:
                weight *= (1 - strike) * (0.3 if pitch else 1.0)
                pitch = 0
            elif state < 3:
                weight *= strike * INTERVALS[pitch][state - 1]
                weight *= math.exp(float(onset[step, state - 1] + sounding[step, state - 1]))
                pitch = state
            else:
                weight *= (1 - strike) * 0.7 if pitch == state - 2 else 0
                weight *= math.exp(float(sounding[step, state - 3]))
        ways[states] = weight
    got = likely.view(beats, 2, steps, 2).transpose(0, 1).reshape(2, 4, 2)
    for pitch in (1, 2):
        struck = weigh_all(ways, lambda s, p=pitch: s == p, 4)
        sounds = weigh_all(ways, lambda s, p=pitch: s in (p, p + 2), 4)
        assert torch.allclose(got[0, :, pitch - 1], struck, atol=1e-5)
        assert torch.allclose(got[1, :, pitch - 1], sounds, atol=1e-5)


def test_voices_of_unlike_range_do_not_disturb_each_other() -> None:
    wide, narrow = VoiceChain((4, 2), 2), VoiceChain((2,), 2)
    wide.intervals[1, :, :2], wide.intervals[1, :, 2:] = 0.5, 0.0
    wide.intervals[0] = 0.25
    narrow.intervals[0] = 0.5
    ratios = [torch.randn(3, 2, 2 * 2 * pitches) for pitches in (4, 2)]
    strokes = [torch.rand(3, 4), torch.rand(3, 4)]
    both, alone = wide(ratios, strokes)[1], narrow(ratios[1:], strokes[1:])[0]
    for ours, theirs in zip(both, alone, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("voices", [(), (1,)])
def test_certain_notes_of_a_given_part_are_certain_to_its_chain(voices: tuple[int, ...]) -> None:
    denoiser = tiny(started=True, voices=voices)
    rolls = -torch.ones(1, 4, 16)
    rolls[0, 1, [6, 10, 12]] = 1.0  # part 1: the first of two pitches, struck and held a step
    given = torch.ones(1, 4, 2, dtype=torch.long)
    _, likely = denoiser.ask_chains(rolls, torch.ones(1), torch.zeros(1, 4, 5), given)
    assert torch.equal(likely[1] > 0.5, rolls[..., 6:14] > 0)


def test_the_same_cells_under_several_conditions_ask_their_chains_once() -> None:
    denoiser, arguments = tiny(started=True), inputs(3, 8)
    arguments["part_states"] = arguments["part_states"][:1].expand(3, -1, -1)
    arguments["conditions"] = arguments["conditions"][:1].expand(3, -1, -1)
    arguments["sigma"] = arguments["sigma"][:1].expand(3)
    shared = arguments["x"][:1].expand(3, -1, -1)
    once = denoiser(**(arguments | {"x": shared}))
    each = denoiser(**(arguments | {"x": shared.clone()}))
    assert torch.allclose(once, each, atol=1e-6)


def test_given_notes_that_contradict_a_chain_leave_it_finite() -> None:
    """A voice that never rests is given a rest, then two notes at once."""
    chain = VoiceChain((3,), 2)
    chain.intervals[0] = 1 / 3
    chain.held_share.fill_(1.0)
    cells = torch.full((1, 20, 2, 2, 3), -16.0)
    cells[0, :4, 1, :, 0] = 16.0
    cells[0, 0, 0, 0, 0] = 16.0
    cells[0, 15:, 1, :, :2] = 16.0
    ((added, likely),) = chain([cells.flatten(2)], [torch.full((1, 40), 0.5)])
    assert added.isfinite().all() and likely.isfinite().all()
    sounding = likely.view(20, 2, 2, 3)[:, 1]
    assert (sounding[1:3, :, 0] > 0.9).all() and (sounding[5:15] < 0.1).all()
