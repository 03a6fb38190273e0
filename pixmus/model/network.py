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

from pixmus.model.chains import CERTAIN, Chains, ChordChain, VoiceChain


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
GIVEN = 1  # part state of notes that are known
# Trust in chains at the start: half of what they add fits weights that were trained without
# them best (log loss at noise 0.4 to 0.8).
TRUST = 0.5
# Strokes are all but certain in steady music, so their log odds must be reached in few iterations.
STROKE_SCALE = 10.0
# Log odds for a cell that the echo has, before anything is learned.
ECHO_TRUST = 2.0


class Lane(nn.Module):
    """One part's own way beside the tokens: read before the parts are mixed, written back after.

    The reader weighs the part's noisy cells, what their chains say (`rolls` cells, 0 = none),
    and what was predicted of them a step before, through a nonlinearity before the beat is squeezed
    into one token with all other parts; the writer sees what was read again, in its own beat and
    the beats beside it. It begins without any effect.
    """

    def __init__(self, cells: int, rolls: int, width: int, lane: int) -> None:
        super().__init__()
        self.read = nn.Linear(2 * cells, lane)
        self.from_chain = nn.Linear(rolls, lane, bias=False) if rolls else None
        self.recall = nn.Linear(cells, lane, bias=False)
        self.echo_scale = nn.Parameter(torch.zeros(lane))
        self.scale = nn.Linear(width, lane)
        self.to_token = nn.Linear(lane, width, bias=False)
        self.mix = nn.Linear(width + 3 * lane, lane)
        self.write = nn.Linear(lane, cells)
        for layer in (self.recall, self.to_token, self.scale, self.write):
            nn.init.zeros_(layer.weight)
        for layer in (self.scale, self.write):
            nn.init.zeros_(layer.bias)

    def hear(
        self,
        cells: Tensor,
        chain: Tensor | None,
        previous: Tensor | None,
        echo: Tensor | None,
        condition: Tensor,
    ) -> Tensor:
        """What the part's cells (B, T, 2 cells), chains, last prediction and echo say, (.., lane).

        The echo is read as the last prediction is: both say what the cells may be.
        """
        found = self.read(cells)
        if self.from_chain is not None and chain is not None:
            found = found + self.from_chain(chain)
        if previous is not None:
            found = found + self.recall(previous)
        if echo is not None:
            found = found + self.echo_scale * self.recall(echo)
        return F.leaky_relu(found * (1 + self.scale(condition)), 0.1)

    def play(self, heard: Tensor, token: Tensor) -> Tensor:
        """What is added to the part's log odds, (B, T, cells)."""
        before = F.pad(heard[:, :-1], (0, 0, 1, 0))
        after = F.pad(heard[:, 1:], (0, 0, 0, 1))
        mixed = self.mix(torch.cat([token, before, heard, after], dim=-1))
        return self.write(F.leaky_relu(mixed, 0.1))


class ScoreNetwork(nn.Module):
    """Predicts the clean piano-roll of every part that is to be made.

    `roll_cells` is the number of roll cells (-1 or 1) a beat of each part, in the order of the
    piano-roll; `velocity_cells` cells with any value follow those of each part. `voices` are the
    indices of parts of one voice. Tokens are successive beats.
    """

    voice_chain: VoiceChain
    chord_chain: ChordChain

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
        voices: tuple[int, ...] = (),
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
        self.condition_in = nn.Sequential(
            nn.Linear(num_conditions, width), nn.SiLU(), nn.Linear(width, width)
        )
        self.sigma_in = nn.Sequential(nn.Linear(128, width), nn.SiLU(), nn.Linear(width, width))
        self.modulation = nn.Linear(width, 6 * width)
        self.blocks = nn.ModuleList(Block(width, num_heads) for _ in range(num_layers))
        self.final_modulation = nn.Linear(width, 2 * width)
        # What the conditions say of each cell by themselves: register of pitches, texture of steps.
        self.direct = nn.Linear(num_conditions, sum(self.part_cells), bias=False)
        nn.init.zeros_(self.direct.weight)
        # How far an echo speaks for and against each part's cells.
        self.echo_trust = nn.Linear(width, 2 * len(roll_cells))
        for layer in (self.modulation, self.final_modulation, self.echo_trust, *self.part_out):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        self.echo_trust.bias.data[: len(roll_cells)] = ECHO_TRUST
        # A part with as many sounding cells as onsets has notes that last; drums have none.
        self.roll_cells = tuple(roll_cells)
        self.lasting = [
            part for part, rolls in enumerate(roll_cells) if rolls % (2 * velocity_cells) == 0
        ]
        self.voices = [part for part in self.lasting if part in voices]
        self.chords = [part for part in self.lasting if part not in voices]
        self.steps = velocity_cells
        self.has_chains = lane_width > 0
        if self.has_chains:
            pitches = {part: roll_cells[part] // (2 * velocity_cells) for part in self.lasting}
            if self.voices:
                self.voice_chain = VoiceChain(tuple(pitches[p] for p in self.voices), self.steps)
            if self.chords:
                self.chord_chain = ChordChain(tuple(pitches[p] for p in self.chords), self.steps)
            # How likely each of these parts is struck at each step, by the conditions alone.
            self.stroke = nn.Linear(num_conditions, len(self.lasting) * self.steps)
            # How far each part's chains are trusted, for onsets and for sounding cells.
            self.trust = nn.Linear(width, 2 * len(self.lasting))
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
        positions: Tensor,  # (T,) or (B, T): beats
        echo: Tensor | None = None,  # (B or 1, T, C): earlier bars that are echoed, 0 = none
        previous: Tensor | None = None,  # (B, T, C): x0 predicted a step before, x where known
    ) -> Tensor:
        """The predicted clean cells x0, (B, T, C).

        `previous` is self-conditioning (Chen, Zhang & Hinton 2023, "Analog Bits"); None at first.
        """
        raw = self.predict_log_odds(x, sigma, conditions, part_states, positions, echo, previous)
        return torch.where(self.is_roll, 2 * raw.sigmoid() - 1, raw)

    def predict_log_odds(
        self,
        x: Tensor,
        sigma: Tensor,
        conditions: Tensor,
        part_states: Tensor,
        positions: Tensor,
        echo: Tensor | None = None,
        previous: Tensor | None = None,
        chains: Chains | None = None,
    ) -> Tensor:
        """Log odds of the roll cells and values of the velocity cells, float32 (B, T, C).

        `chains` is what `ask_chains` said of the same cells, where it is known already.
        """
        ratio = self.own_ratio(x, sigma)
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
        condition = self.condition_in(conditions)
        condition = condition + self.sigma_in(embed_sigma(sigma, 128).to(x.dtype))[:, None]
        condition = F.silu(condition)
        h = h + condition
        if positions.dim() == 1:
            positions = positions[None]
        recalled: Sequence[Tensor | None] = [None] * len(inputs)
        if previous is not None:
            recalled = previous.to(x.dtype).split(self.part_cells, dim=-1)
        echoes: Sequence[Tensor | None] = [None] * len(inputs)
        if echo is not None:
            echo = echo.to(x.dtype)
            echoes = echo.split(self.part_cells, dim=-1)
        if chains is None:
            chains = self.ask_chains(x, sigma, conditions, part_states)
        added, likely = chains
        heard = [
            cast(Lane, lane).hear(cells, likely.get(part), before, echoed, condition)
            for part, (lane, cells, before, echoed) in enumerate(
                zip(self.lanes, inputs, recalled, echoes, strict=False)
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
            raw[part] = raw[part] + cast(Lane, lane).play(heard[part], h)
        direct = sigma.to(x.dtype)[:, None, None] * self.direct(conditions)
        log_odds = (torch.cat(raw, dim=-1) + direct).float() + ratio
        if echo is not None:
            log_odds = log_odds + self._echoed(echo, condition)
        if self.has_chains:
            trust = self.trust(condition).float().unflatten(-1, (-1, 2))  # (B, T, parts, 2)
            starts = [sum(self.part_cells[:part]) for part in self.lasting]
            for index, (part, start) in enumerate(zip(self.lasting, starts, strict=True)):
                own = added[part].unflatten(-1, (2, -1)) * trust[:, :, index, :, None]
                log_odds[..., start : start + self.roll_cells[part]] += own.flatten(2)
        return log_odds

    def own_ratio(self, x: Tensor, sigma: Tensor) -> Tensor:
        """The log-likelihood ratio of every noisy cell for 1 against -1; 0 for velocity cells."""
        level = sigma.float().clamp(min=1e-2)
        ratio = (2 * (1 - level) / level.square())[:, None, None] * self.is_roll
        return (x.float() * ratio).clamp_(-CERTAIN, CERTAIN)

    def _echoed(self, echo: Tensor, condition: Tensor) -> Tensor:
        """The log odds that echoed cells (B, T, C) speak for; nothing for velocity cells."""
        on, off = self.echo_trust(condition).float().chunk(2, dim=-1)  # (B, T, parts)
        cells = (echo * self.is_roll).split(self.part_cells, dim=-1)
        return torch.cat(
            [
                on[..., part, None] * own.clamp(min=0) + off[..., part, None] * own.clamp(max=0)
                for part, own in enumerate(cells)
            ],
            dim=-1,
        )

    @torch.no_grad()
    def trust_chains(self, factor: float) -> None:
        """Trust the chains so many times as far from now on."""
        self.trust.weight.mul_(factor)
        self.trust.bias.mul_(factor)

    def stroke_log_odds(self, conditions: Tensor) -> Tensor:
        """How likely each lasting part is struck at each step by the conditions alone.

        Log odds float32, (B, T, lasting parts, steps).
        """
        told: Tensor = STROKE_SCALE * self.stroke(conditions)
        return told.float().unflatten(-1, (-1, self.steps))

    @torch.no_grad()
    def ask_chains(
        self, x: Tensor, sigma: Tensor, conditions: Tensor, part_states: Tensor
    ) -> Chains:
        """Log odds added by the chains and their probabilities, (B, T, rolls) by part.

        Where the same cells stand under several conditions, as in guidance, the chains are asked
        once, under the first.
        """
        if not self.has_chains:
            return {}, {}
        if len(x) > 1 and x.stride(0) == 0:
            once = self.ask_chains(x[:1], sigma[:1], conditions[:1], part_states[:1])
            added, likely = (
                {part: values.expand(len(x), -1, -1) for part, values in found.items()}
                for found in once
            )
            return added, likely
        cells = x.split(self.part_cells, dim=-1)
        ratios = self.own_ratio(x, sigma).split(self.part_cells, dim=-1)
        strokes = self.stroke_log_odds(conditions).sigmoid().unbind(2)
        known, prior = {}, {}
        for part, stroke in zip(self.lasting, strokes, strict=True):
            rolls = slice(self.roll_cells[part])
            given = (part_states[..., part] == GIVEN)[..., None]
            certain = CERTAIN * cells[part][..., rolls].float()
            known[part] = torch.where(given, certain, ratios[part][..., rolls])
            prior[part] = stroke.flatten(1)
        found: list[tuple[int, tuple[Tensor, Tensor]]] = []
        for parts, chain in ((self.voices, "voice_chain"), (self.chords, "chord_chain")):
            if parts:
                answers = getattr(self, chain)([known[p] for p in parts], [prior[p] for p in parts])
                found += zip(parts, answers, strict=True)
        return (
            {part: added for part, (added, _) in found},
            {part: likely.to(x.dtype) for part, (_, likely) in found},
        )
