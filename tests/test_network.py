"""Output shape, zero output at the start, any length, and no leak between windows of a batch."""

import itertools

import torch

from pixmus.network import PRIOR_LOG_ODDS, NoteChain, ScoreNetwork, follows


def tiny(seed: int = 0, started: bool = False, lane_width: int = 8) -> ScoreNetwork:
    torch.manual_seed(seed)
    denoiser = ScoreNetwork(
        roll_cells=(4, 8),
        velocity_cells=2,
        num_conditions=5,
        width=32,
        num_layers=2,
        num_heads=2,
        lane_width=lane_width,
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
        "is_theme": torch.zeros(tokens, dtype=torch.bool),
    }


def is_roll() -> torch.Tensor:
    return torch.tensor([True] * 4 + [False] * 2 + [True] * 8 + [False] * 2)


def test_untrained_it_answers_what_each_cell_says_of_itself() -> None:
    """Bayes for one cell: prior odds times the likelihood ratio of N(1 - s, s) and N(s - 1, s)."""
    arguments = inputs(2, 8)
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
        "is_theme": ~arguments["is_theme"],
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


def test_lanes_hear_the_beats_beside_them_only_where_they_follow() -> None:
    lane = tiny(started=True).lanes[0]
    heard = torch.randn(1, 6, 8)
    token = torch.zeros(1, 6, 32)
    positions = torch.tensor([[-4, -3, 0, 1, 2, 3]])  # two theme beats, then the window
    near = follows(positions)
    assert near.tolist() == [[False, True, False, True, True, True]]
    moved = heard.clone()
    moved[:, 1] += 1  # the theme's last beat
    changed = (lane.play(moved, token, near) != lane.play(heard, token, near)).any(-1)
    assert changed.tolist() == [[True, True, False, False, False, False]]


def chain_of(steps: int, transitions: list[list[float]]) -> NoteChain:
    chain = NoteChain((1,), steps)
    chain.transitions.copy_(torch.tensor([transitions]))
    return chain


TRANSITIONS = [[0.9, 0.1, 0.0], [0.3, 0.1, 0.6], [0.4, 0.1, 0.5]]


def test_a_chain_gives_the_exact_posterior() -> None:
    """Against all 3^6 ways that silence, stroke and hold can follow each other."""
    steps, beats = 3, 2
    chain = chain_of(steps, TRANSITIONS)
    generator = torch.Generator().manual_seed(0)
    cells = 2 * torch.randn(1, beats, 2, steps, 1, generator=generator)
    near = torch.tensor([False, True])
    added, likely = chain([cells.flatten(2)], near)

    onset, sounding = cells[0, :, 0, :, 0].ravel(), cells[0, :, 1, :, 0].ravel()
    matrix = torch.tensor(TRANSITIONS)
    rest = torch.linalg.matrix_power(matrix, 200)[0]
    weight = {True: torch.zeros(2, 6), False: torch.zeros(2, 6)}
    for states in itertools.product(range(3), repeat=6):
        p = rest[states[0]]
        for before, after in itertools.pairwise(states):
            p = p * matrix[before, after]
        for step, state in enumerate(states):
            p = p * torch.exp(
                [0 * onset[step], onset[step] + sounding[step], sounding[step]][state]
            )
        for step, state in enumerate(states):
            for kind, is_on in enumerate((state == 1, state > 0)):
                weight[is_on][kind, step] += p
    expected = weight[True] / (weight[True] + weight[False])
    got = likely[0].view(beats, 2, steps).transpose(0, 1).reshape(2, 6)
    assert torch.allclose(got, expected, atol=1e-5)

    prior = torch.stack([rest[1], rest[1] + rest[2]])
    own = torch.stack([onset, sounding])
    extra = torch.logit(expected) - torch.logit(prior)[:, None] - own
    assert torch.allclose(
        added[0].view(beats, 2, steps).transpose(0, 1).reshape(2, 6), extra, atol=1e-3
    )


def test_a_chain_begins_anew_where_a_beat_does_not_follow() -> None:
    chain = chain_of(2, TRANSITIONS)
    cells = torch.zeros(1, 3, 4)
    moved = cells.clone()
    moved[:, 0] = 9.0  # something sounds in the first beat
    for near, reaches in (([False, True, True], True), ([False, False, True], False)):
        first, second = (chain([c], torch.tensor(near))[1][0][0, 1] for c in (cells, moved))
        assert torch.allclose(first, second) != reaches


def test_certain_notes_of_a_given_part_are_certain_to_its_chain() -> None:
    denoiser = tiny(started=True)
    rolls = -torch.ones(1, 4, 16)
    rolls[0, 1, [6, 10, 12]] = 1.0  # part 1: the first of two pitches, struck and held a step
    given = torch.ones(1, 4, 2, dtype=torch.long)
    near = follows(torch.arange(4)[None])
    _, likely = denoiser.ask_chains(rolls, torch.zeros_like(rolls), given, near)
    assert torch.equal(likely[1] > 0.5, rolls[..., 6:14] > 0)


def test_the_same_cells_under_several_conditions_ask_their_chains_once() -> None:
    denoiser, arguments = tiny(started=True), inputs(3, 8)
    arguments["part_states"] = arguments["part_states"][:1].expand(3, -1, -1)
    arguments["sigma"] = arguments["sigma"][:1].expand(3)
    shared = arguments["x"][:1].expand(3, -1, -1)
    once = denoiser(**(arguments | {"x": shared}))
    each = denoiser(**(arguments | {"x": shared.clone()}))
    assert torch.allclose(once, each, atol=1e-6)
