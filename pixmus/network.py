"""The network: from a noisy piano-roll and its conditions to the clean piano-roll (x0).

A transformer over beats. One token is one beat, the sum of the parts' own projections; adaptive
layer norm carries the noise level and the beat's conditions; rotary positions let it take any
length. It knows nothing of sampling and needs nothing but torch, so it trains where only torch is.

A roll cell is -1 or 1, so what a noisy cell says of itself is known exactly: x = (1 - sigma) x0 +
sigma noise has the log-likelihood ratio 2 (1 - sigma) x / sigma^2 for 1 against -1. The network
predicts only what the other cells and the conditions say, as log odds; both are added (Bayes) and
x0 = 2 sigmoid(log odds) - 1 is the posterior mean. At low noise nothing is left to learn.

B = batch, T = tokens (beats), D = width, C = cells a beat.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Block(nn.Module):
    """Attention and MLP, each modulated by (shift, scale, gate); Peebles & Xie (2023), adaLN.

    The modulation is shared by all blocks but for a learned offset each, as in PixArt-alpha
    (Chen et al. 2023), which keeps per-beat modulation cheap.
    """

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        # Unit queries and keys times the root of the head's width: root-mean-square normalisation.
        self.head_scale = math.sqrt(width // num_heads)
        self.modulation_offset = nn.Parameter(torch.zeros(6, width))
        self.to_qkv = nn.Linear(width, 3 * width, bias=False)
        self.q_scale = nn.Parameter(torch.ones(width // num_heads))
        self.k_scale = nn.Parameter(torch.ones(width // num_heads))
        self.attention_out = nn.Linear(width, width, bias=False)
        self.mlp_in = nn.Linear(width, 4 * width)
        self.mlp_out = nn.Linear(4 * width, width)

    def forward(self, x: Tensor, modulation: Tensor, rotation: Tensor) -> Tensor:
        D = x.shape[-1]
        offset = self.modulation_offset
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = (modulation + offset).unbind(2)
        h = torch.addcmul(shift_a, F.layer_norm(x, (D,)), 1 + scale_a)
        x = torch.addcmul(x, gate_a, self.attention_out(self.attend(h, rotation)))
        h = torch.addcmul(shift_m, F.layer_norm(x, (D,)), 1 + scale_m)
        h = self.mlp_out(F.gelu(self.mlp_in(h), approximate="tanh"))
        return torch.addcmul(x, gate_m, h)

    def attend(self, h: Tensor, rotation: Tensor) -> Tensor:
        """Attention, (B, T, D) to the same, with queries and keys of one length each.

        Written out: for so short a sequence plain products are faster on CPU, backwards most of
        all, than the fused attention. Queries and keys go together, and their lengths are divided
        out of the products, of which there are fewer numbers.
        """
        B, T, D = h.shape
        qkv = self.to_qkv(h).view(B, T, 3, self.num_heads, -1)
        qk, v = qkv[:, :, :2], qkv[:, :, 2]  # (B, T, 2, heads, D / heads)
        shortness = 1 / torch.linalg.vector_norm(qk, dim=-1).clamp(min=1e-6)  # (B, T, 2, heads)
        qk = rotate(qk, rotation[..., None, :], torch.stack([self.q_scale, self.k_scale])[:, None])
        q, k = qk.permute(2, 0, 3, 1, 4).to(h.dtype)  # (B, heads, T, D / heads)
        of_q, of_k = shortness.permute(2, 0, 3, 1)  # (B, heads, T)
        products = (q @ k.transpose(2, 3)) * (self.head_scale * of_q)[..., None] * of_k[:, :, None]
        return (products.softmax(-1) @ v.transpose(1, 2)).transpose(1, 2).reshape(B, T, D)


def rotations(positions: Tensor, head_width: int) -> Tensor:
    """Cosine and sine of the rotary angles (Su et al. 2021), (2, B or 1, T, 1, head_width / 2)."""
    frequencies = 1000.0 ** -(torch.arange(0, head_width, 2, device=positions.device) / head_width)
    angles = positions[..., None].float() * frequencies
    return torch.stack([angles.cos(), angles.sin()])[..., None, :]


def rotate(x: Tensor, rotation: Tensor, scale: Tensor) -> Tensor:
    """`scale` times x, turned by `rotation`: the halves a, b of the last axis are its two legs."""
    cos, sin = rotation
    half = x.shape[-1] // 2
    # (a cos - b sin, b cos + a sin), with the scale multiplied into cosine and sine.
    along = torch.cat([cos, cos], dim=-1) * scale
    across = torch.cat([-sin, sin], dim=-1) * scale.roll(half, -1)
    return x * along + x.roll(half, -1) * across


def embed_sigma(sigma: Tensor, width: int) -> Tensor:
    """Sinusoidal embedding of noise levels 0..1, (..., width)."""
    frequencies = torch.exp(torch.linspace(0.0, math.log(1000.0), width // 2, device=sigma.device))
    angles = sigma[..., None].float() * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


# Log odds of a roll cell that nothing is known of: one in fifty sounds.
PRIOR_LOG_ODDS = -4.0
# Log-likelihood ratios are cut here: beyond it a cell is certain.
CERTAIN = 16.0
GIVEN = 1  # part state of notes that are known
# Trust in note chains at the start: half of what they add fits weights that were trained without
# them best (log loss at noise 0.4 to 0.8).
TRUST = 0.5


class NoteChain(nn.Module):
    """What the cells of one pitch say of each other: a note is struck, is held, and ends.

    Every pitch of a part is a chain of steps that are silent, struck or held, with the part's own
    transition probabilities. The noisy cells' likelihoods are known, so the forward-backward
    algorithm (Rabiner 1989) gives each step's exact posterior under the chain; none of it is
    learned by gradient. P = pitches of all pitched parts, S = steps.
    """

    def __init__(self, pitches: tuple[int, ...], steps: int) -> None:
        super().__init__()
        self.pitches, self.steps = pitches, steps
        self.transitions: Tensor  # (parts, 3, 3): from silent, struck, held to the same
        self.register_buffer("transitions", torch.full((len(pitches), 3, 3), 1 / 3))

    @torch.no_grad()
    def forward(self, ratios: list[Tensor], near: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Of every part's roll cells (B, T, 2 x steps x pitches), from their own ratios of them:

        the log odds that the pitch's other cells add, and the posterior probability. `near` (T,):
        whether a token's beat follows that of the token before it.
        """
        B, T = ratios[0].shape[:2]
        planes = [
            part.float().view(B, T, 2, self.steps, -1) for part in ratios
        ]  # onset and sounding of each step and pitch
        cells = torch.cat(planes, -1).permute(1, 3, 4, 0, 2)  # (T, steps, P, B, 2)
        onset, sounding = cells.reshape(T * self.steps, -1, B, 2).unbind(-1)  # (S, P, B)
        likely = torch.stack([torch.zeros_like(onset), onset + sounding, sounding], 1)
        likely = (likely - likely.amax(1, keepdim=True)).exp_()  # (S, 3, P, B)
        chains = self.transitions.float()
        chains = chains / chains.sum(-1, keepdim=True)
        rest = torch.linalg.matrix_power(chains, 256)[:, 0]  # how often each state is anyway
        counts = torch.tensor(self.pitches, device=chains.device)
        chains = chains.repeat_interleave(counts, 0).permute(1, 2, 0)[..., None]  # (3, 3, P, 1)
        rest = rest.repeat_interleave(counts, 0).T[..., None]  # (3, P, 1)
        inside = torch.arange(T * self.steps, device=near.device) % self.steps != 0
        joined = (near.repeat_interleave(self.steps) | inside).tolist()
        posterior = self._smooth(likely, chains, rest, joined)
        silent, struck, held = posterior.clamp_(min=1e-7).unbind(1)
        never, often, long = rest  # (P, 1)
        struck_odds = (struck / (silent + held)).log_()
        sounding_odds = ((struck + held) / silent).log_()
        added = torch.stack(
            [
                struck_odds - (often / (never + long)).log() - onset,
                sounding_odds - ((often + long) / never).log() - sounding,
            ],
            -1,
        )
        probability = torch.stack([struck, struck + held], -1)

        def by_part(values: Tensor) -> list[Tensor]:
            values = values.view(T, self.steps, -1, B, 2).permute(3, 0, 4, 1, 2)
            return [part.flatten(2) for part in values.split(self.pitches, -1)]

        return by_part(added.clamp(-CERTAIN, CERTAIN)), by_part(probability)

    @staticmethod
    def _smooth(likely: Tensor, chains: Tensor, rest: Tensor, joined: list[bool]) -> Tensor:
        """Posterior of the states, (S, 3, P, B); a chain begins anew where a step is not joined."""
        # Both directions in one loop: forwards, and backwards with time and chains turned round.
        both = torch.stack([likely, likely.flip(0)], 1)  # (S, 2, 3, P, B)
        ways = torch.stack([chains, chains.transpose(0, 1)], 0)
        first = torch.stack([rest.expand_as(likely[0]), torch.ones_like(likely[0])])
        begins = [*zip(joined, [False, *reversed(joined[1:])], strict=True)]
        message = first
        for here, (forwards, backwards) in zip(both, begins, strict=True):
            before = (message[:, :, None] * ways).sum(1)
            if not forwards:
                before[0] = first[0]
            if not backwards:
                before[1] = first[1]
            message = here.mul_(before)  # kept in place of the likelihoods
            message.div_(message.sum(1, keepdim=True))
        # Both messages hold a step's own likelihood; it counts once.
        posterior = (both[:, 0] * both[:, 1].flip(0)).div_(likely.clamp(min=1e-30))
        return posterior.div_(posterior.sum(1, keepdim=True))


class Lane(nn.Module):
    """One part's own way beside the tokens: read before the parts are mixed, written back after.

    The reader weighs the part's noisy cells, what their note chains say (`rolls` cells, 0 = none),
    and what was predicted of them a step before, through a nonlinearity before the beat is squeezed
    into one token with all other parts; the writer sees what was read again, in its own beat and
    the beats beside it. It begins without any effect.
    """

    def __init__(self, cells: int, rolls: int, width: int, lane: int) -> None:
        super().__init__()
        self.read = nn.Linear(2 * cells, lane)
        self.from_chain = nn.Linear(rolls, lane, bias=False) if rolls else None
        self.recall = nn.Linear(cells, lane, bias=False)
        self.scale = nn.Linear(width, lane)
        self.to_token = nn.Linear(lane, width, bias=False)
        self.mix = nn.Linear(width + 3 * lane, lane)
        self.write = nn.Linear(lane, cells)
        for layer in (self.recall, self.to_token, self.scale, self.write):
            nn.init.zeros_(layer.weight)
        for layer in (self.scale, self.write):
            nn.init.zeros_(layer.bias)

    def hear(
        self, cells: Tensor, chain: Tensor | None, previous: Tensor | None, condition: Tensor
    ) -> Tensor:
        """What the part's cells (B, T, 2 cells), chains and last prediction say, (B, T, lane)."""
        found = self.read(cells)
        if self.from_chain is not None and chain is not None:
            found = found + self.from_chain(chain)
        if previous is not None:
            found = found + self.recall(previous)
        return F.leaky_relu(found * (1 + self.scale(condition)), 0.1)

    def play(self, heard: Tensor, token: Tensor, adjacent: Tensor) -> Tensor:
        """What is added to the part's log odds, (B, T, cells); `adjacent` as in `follows`."""
        near = adjacent[..., None].to(heard.dtype)
        before = F.pad(heard[:, :-1], (0, 0, 1, 0)) * near
        after = F.pad((heard * near)[:, 1:], (0, 0, 0, 1))
        mixed = self.mix(torch.cat([token, before, heard, after], dim=-1))
        return self.write(F.leaky_relu(mixed, 0.1))


class ScoreNetwork(nn.Module):
    """Predicts the clean piano-roll of every part that is to be made.

    `roll_cells` is the number of roll cells (-1 or 1) a beat of each part, in the order of the
    piano-roll; `velocity_cells` cells with any value follow those of each part.
    """

    def __init__(
        self,
        roll_cells: tuple[int, ...],
        velocity_cells: int,
        num_conditions: int,
        num_part_states: int = 3,
        width: int = 256,
        num_layers: int = 8,
        num_heads: int = 4,
        lane_width: int = 0,
    ) -> None:
        super().__init__()
        self.num_part_states = num_part_states
        self.head_width = width // num_heads
        self.part_cells = [rolls + velocity_cells for rolls in roll_cells]
        is_roll = [
            flag for rolls in roll_cells for flag in [True] * rolls + [False] * velocity_cells
        ]
        self.is_roll: Tensor
        self.register_buffer("is_roll", torch.tensor(is_roll), persistent=False)
        # Of every cell: its noisy value and how likely it sounds by that alone.
        self.part_in = nn.ModuleList(
            nn.Linear(2 * cells, width, bias=False) for cells in self.part_cells
        )
        self.part_out = nn.ModuleList(nn.Linear(width, cells) for cells in self.part_cells)
        self.state_embedding = nn.Parameter(
            0.02 * torch.randn(len(roll_cells), num_part_states, width)
        )
        self.theme_embedding = nn.Parameter(torch.zeros(width))
        self.condition_in = nn.Sequential(
            nn.Linear(num_conditions, width), nn.SiLU(), nn.Linear(width, width)
        )
        self.sigma_in = nn.Sequential(nn.Linear(128, width), nn.SiLU(), nn.Linear(width, width))
        self.modulation = nn.Linear(width, 6 * width)
        self.blocks = nn.ModuleList(Block(width, num_heads) for _ in range(num_layers))
        self.final_modulation = nn.Linear(width, 2 * width)
        for layer in (self.modulation, self.final_modulation, *self.part_out):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        # A part with as many sounding cells as onsets has notes that last; drums have none.
        self.roll_cells = tuple(roll_cells)
        self.lasting = [
            part for part, rolls in enumerate(roll_cells) if rolls % (2 * velocity_cells) == 0
        ]
        self.chain: NoteChain | None = None
        if lane_width:
            pitches = tuple(roll_cells[part] // (2 * velocity_cells) for part in self.lasting)
            self.chain = NoteChain(pitches, velocity_cells)
            # How far each part's chains are trusted, for onsets and for sounding cells.
            self.trust = nn.Linear(width, 2 * len(pitches))
            nn.init.zeros_(self.trust.weight)
            nn.init.constant_(self.trust.bias, TRUST)
        self.lanes = nn.ModuleList(
            Lane(cells, rolls if part in self.lasting else 0, width, lane_width)
            for part, (cells, rolls) in enumerate(zip(self.part_cells, roll_cells, strict=True))
            if lane_width
        )
        self.set_log_odds(torch.where(self.is_roll, PRIOR_LOG_ODDS, 0.0))

    def set_log_odds(self, log_odds: Tensor) -> None:
        """Begin with these log odds (C,), for example how often each cell sounds in the data."""
        for layer, values in zip(
            self.part_out, torch.split(log_odds, self.part_cells), strict=True
        ):
            cast(nn.Linear, layer).bias.data.copy_(values)

    def forward(
        self,
        x: Tensor,  # (B, T, C): noisy cells of parts to make, clean cells of given ones, 0 = off
        sigma: Tensor,  # (B,): noise level, 1 = noise, 0 = data
        conditions: Tensor,  # (B, T, num_conditions)
        part_states: Tensor,  # (B, T, parts), int
        positions: Tensor,  # (T,) or (B, T): beats; theme tokens stand before the window
        is_theme: Tensor,  # (T,) or (B, T), bool
        previous: Tensor | None = None,  # (B, T, C): x0 predicted a step before, x where known
    ) -> Tensor:
        """The predicted clean cells x0, (B, T, C).

        `previous` is self-conditioning (Chen, Zhang & Hinton 2023, "Analog Bits"); None at first.
        """
        raw = self.predict_log_odds(
            x, sigma, conditions, part_states, positions, is_theme, previous
        )
        return torch.where(self.is_roll, 2 * raw.sigmoid() - 1, raw)

    def predict_log_odds(
        self,
        x: Tensor,
        sigma: Tensor,
        conditions: Tensor,
        part_states: Tensor,
        positions: Tensor,
        is_theme: Tensor,
        previous: Tensor | None = None,
    ) -> Tensor:
        """Log odds of the roll cells and values of the velocity cells, float32 (B, T, C)."""
        level = sigma.float().clamp(min=1e-2)
        ratio = (2 * (1 - level) / level.square())[:, None, None] * self.is_roll
        ratio = (x.float() * ratio).clamp_(-CERTAIN, CERTAIN)
        alone = (ratio + PRIOR_LOG_ODDS).sigmoid_().to(x.dtype)

        states = F.one_hot(part_states, self.num_part_states).to(x.dtype)
        h = torch.einsum("btps,psd->btd", states, self.state_embedding)
        inputs = [
            torch.cat([cells, 2 * odds], dim=-1)
            for cells, odds in zip(
                x.split(self.part_cells, dim=-1),
                alone.split(self.part_cells, dim=-1),
                strict=True,
            )
        ]
        for projection, cells in zip(self.part_in, inputs, strict=True):
            h = h + projection(cells)
        h = h + is_theme[..., None].to(x.dtype) * self.theme_embedding
        condition = self.condition_in(conditions)
        condition = condition + self.sigma_in(embed_sigma(sigma, 128).to(x.dtype))[:, None]
        condition = F.silu(condition)
        h = h + condition
        if positions.dim() == 1:
            positions = positions[None]
        recalled: Sequence[Tensor | None] = [None] * len(inputs)
        if previous is not None:
            recalled = previous.to(x.dtype).split(self.part_cells, dim=-1)
        near = follows(positions)
        added: dict[int, Tensor] = {}
        likely: dict[int, Tensor] = {}
        if self.chain is not None:
            added, likely = self.ask_chains(x, ratio, part_states, near)
        heard = [
            cast(Lane, lane).hear(cells, likely.get(part), before, condition)
            for part, (lane, cells, before) in enumerate(
                zip(self.lanes, inputs, recalled, strict=False)
            )
        ]
        for lane, known in zip(self.lanes, heard, strict=True):
            h = h + cast(Lane, lane).to_token(known)
        modulation = self.modulation(condition).unflatten(-1, (6, -1))
        rotation = rotations(positions, self.head_width).to(x.dtype)
        for block in self.blocks:
            h = block(h, modulation, rotation)
        shift, scale = self.final_modulation(condition).chunk(2, dim=-1)
        h = F.layer_norm(h, h.shape[-1:]) * (1 + scale) + shift
        raw = [projection(h) for projection in self.part_out]
        for part, lane in enumerate(self.lanes):
            raw[part] = raw[part] + cast(Lane, lane).play(heard[part], h, near)
        log_odds = torch.cat(raw, dim=-1).float() + ratio
        if self.chain is not None:
            trust = self.trust(condition).float().unflatten(-1, (-1, 2))  # (B, T, parts, 2)
            starts = [sum(self.part_cells[:part]) for part in self.lasting]
            for index, (part, start) in enumerate(zip(self.lasting, starts, strict=True)):
                own = added[part].unflatten(-1, (2, -1)) * trust[:, :, index, :, None]
                log_odds[..., start : start + self.roll_cells[part]] += own.flatten(2)
        return log_odds

    def ask_chains(
        self, x: Tensor, ratio: Tensor, part_states: Tensor, near: Tensor
    ) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
        """Log odds added by the note chains and their probabilities, (B, T, rolls) by part."""
        assert self.chain is not None
        if len(x) > 1 and x.stride(0) == 0:  # guidance: the same cells under several conditions
            both = self.ask_chains(x[:1], ratio[:1], part_states[:1], near)
            added, likely = (
                {part: values.expand(len(x), -1, -1) for part, values in found.items()}
                for found in both
            )
            return added, likely
        cells = x.split(self.part_cells, dim=-1)
        ratios = ratio.split(self.part_cells, dim=-1)
        known = []
        for part in self.lasting:
            rolls = slice(self.roll_cells[part])
            given = (part_states[..., part] == GIVEN)[..., None]
            certain = CERTAIN * cells[part][..., rolls].float()
            known.append(torch.where(given, certain, ratios[part][..., rolls]))
        more, probable = self.chain(known, near.all(0))
        return (
            dict(zip(self.lasting, more, strict=True)),
            {part: p.to(x.dtype) for part, p in zip(self.lasting, probable, strict=True)},
        )


def follows(positions: Tensor) -> Tensor:
    """Whether each token's beat follows that of the token before it, bool (B or 1, T)."""
    return F.pad(positions[:, 1:] - positions[:, :-1] == 1, (1, 0))
