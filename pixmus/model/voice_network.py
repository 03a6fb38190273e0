"""The network that fills in the voices: a transformer over beats, a small decoder inside a unit.

A unit (one part in one beat, `pixmus.score.voices`) is known, masked or silent by wish. The trunk
sees all known units of a window, one token a beat; the decoder then writes the tokens of each
masked unit one after the other, each knowing those before it (NADE, Larochelle & Murray 2011), so
that the voices of a chord, or the rhythm of a beat, are decided together.

B = batch, T = beats, P = parts, M = masked units, n = tokens of a unit, D = width, d = unit width.
"""

from __future__ import annotations

from concurrent.futures import Executor
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixmus.diffusers_base import ConfigMixin, ModelMixin, register_to_config
from pixmus.ensembles import PARTS
from pixmus.model.blocks import Block, rotations
from pixmus.model.byte_weights import SCALE, from_bytes, read_weights
from pixmus.model.drawing import Leaning, draw, sharpened, sharper_pitches, struck_last
from pixmus.model.heard import Heard, Told
from pixmus.score.grid import STEPS_PER_BEAT
from pixmus.score.voices import FIRST_PITCH, HOLD, REST, UNIT_LAYOUTS, Gate, UnitLayout

# What is known of a unit.
KNOWN, MASKED, SILENT = 0, 1, 2
NUM_STATES = 3
# Beats away of the units that are read beside a masked one: its neighbours, and bars before.
NEIGHBOURS = (-1, 1, -4, 4, -8, -16, -32)
# Products with fewer rows are summed in another order (MKL), which shows in the last bit.
FEWEST_PLACES = 4


class Unit(nn.Module):
    """One part's own tokens: read into a vector a beat, and written out of one."""

    def __init__(self, layout: UnitLayout, width: int, inner: int, num_conditions: int) -> None:
        super().__init__()
        self.layout = layout
        values = torch.tensor([0, *layout.num_values])
        self.num_tokens = layout.num_tokens
        self.offsets: Tensor
        self.register_buffer("offsets", values.cumsum(0)[:-1], persistent=False)
        # Of each voice, before the beat: not known, nothing, a pitch that sounds or has ended.
        self.has_pitch = layout.lowest_pitch > 0
        self.num_carried = layout.num_voices if self.has_pitch else 0
        self.num_carries = 2 + 2 * layout.num_pitches
        self.read = nn.EmbeddingBag(int(values.sum()), inner, mode="sum")
        self.carry = nn.EmbeddingBag(max(1, self.num_carried * self.num_carries), inner, mode="sum")
        self.state = nn.Parameter(0.1 * torch.randn(NUM_STATES, inner))
        self.to_token = nn.Linear(inner, width, bias=False)
        self.from_token = nn.Linear(width, inner)
        self.from_condition = nn.Linear(num_conditions, inner, bias=False)
        self.echo_to_token = nn.Linear(inner, width, bias=False)
        beside = (len(NEIGHBOURS) + 1) * inner  # the echo is the last
        self.from_neighbours = nn.Linear(beside, inner, bias=False)
        self.gate_neighbours = nn.Linear(width, beside)
        self.before = nn.Embedding(int(values.sum()), inner)  # what earlier tokens say of later
        self.place = nn.Parameter(0.02 * torch.randn(self.num_tokens, inner))
        self.inside = nn.Linear(inner, 2 * inner)
        self.inside_out = nn.Linear(2 * inner, inner)
        self.heads = nn.ModuleDict(
            {
                kind: nn.Linear(inner, layout.num_values[places.start - layout.start])
                for kind, places in self.kinds().items()
            }
        )
        # Of each token, a bias of its own: how often it has each value at its place in the beat.
        self.biases = nn.ParameterDict(
            {
                kind: nn.Parameter(torch.zeros(places.stop - places.start, head.out_features))
                for (kind, places), head in zip(
                    self.kinds().items(),
                    cast("list[nn.Linear]", list(self.heads.values())),
                    strict=True,
                )
            }
        )
        for embedding in (self.read, self.carry, self.before):
            nn.init.normal_(embedding.weight, std=0.15)
        nn.init.zeros_(self.gate_neighbours.weight)
        nn.init.zeros_(self.gate_neighbours.bias)
        for head in self.heads.values():
            nn.init.zeros_(cast(nn.Linear, head).weight)
            nn.init.zeros_(cast(nn.Linear, head).bias)

    def kinds(self) -> dict[str, slice]:
        """The runs of tokens of one kind, within a row of all parts' tokens."""
        layout = self.layout
        level = slice(layout.start, layout.start + 1)
        kinds = {"level": level, "gates": layout.gates}
        kinds |= {"voices": layout.voices, "accents": layout.accents}
        return {kind: places for kind, places in kinds.items() if places.stop > places.start}

    def carried(self, tokens: Tensor, known: Tensor) -> Tensor:
        """What each voice brings into each beat, int64 (B, T, voices), 0..num_carries.

        `tokens` (B, T, n), `known` bool (B, T).
        """
        B, T = known.shape
        layout = self.layout
        first = layout.voices.start - layout.start
        voices = tokens[..., first : first + STEPS_PER_BEAT * layout.num_voices]
        voices = voices.reshape(B, T * STEPS_PER_BEAT, layout.num_voices)
        step_known = known.repeat_interleave(STEPS_PER_BEAT, 1)[..., None]
        time = torch.arange(T * STEPS_PER_BEAT, device=tokens.device)[None, :, None]
        is_pitch = voices >= FIRST_PITCH
        telling = is_pitch | ~step_known  # where the last pitch is decided
        last = torch.where(telling, time, -1).cummax(1).values
        ended = torch.where((voices == REST) & step_known, time, -1).cummax(1).values
        at = last.clamp(min=0)
        pitch = voices.gather(1, at) - FIRST_PITCH
        sure = step_known.expand_as(voices).gather(1, at)
        brought = 2 + pitch + torch.where(ended > last, layout.num_pitches, 0)
        brought = torch.where(sure, brought, 0)
        brought = torch.where(last < 0, 1, brought)
        # what holds after the last step of a beat is carried into the next
        ends = brought[:, STEPS_PER_BEAT - 1 :: STEPS_PER_BEAT]
        unknown = torch.zeros_like(ends[:, :1])
        return torch.cat([unknown, ends[:, :-1]], 1)

    def hear(self, tokens: Tensor, states: Tensor) -> Tensor:
        """What is known of each unit, (B, T, d); `tokens` (B, T, n) int64, `states` (B, T)."""
        known = states == KNOWN
        flat = (tokens + self.offsets).flatten(0, 1)
        found = self.read(flat).unflatten(0, known.shape) * known[..., None]
        if self.num_carried:
            voice = torch.arange(self.num_carried, device=tokens.device) * self.num_carries
            carried = (self.carried(tokens, known) + voice).flatten(0, 1)
            brought = self.carry(carried).unflatten(0, known.shape)
            found = found + brought * (states != SILENT)[..., None]
        return F.silu(found + self.state[states])

    def prepare(self, heard: Heard, part: int, conditions: Tensor, at: Tensor) -> Tensor:
        """What the masked units `at` (M,) of B * T are written from, (M, d)."""
        beats, units = heard.beats, heard.units[part]
        T = units.shape[1]
        shifted = []
        for away in NEIGHBOURS:
            if abs(away) >= T:
                shifted.append(torch.zeros_like(units))
            elif away < 0:
                shifted.append(F.pad(units[:, :away], (0, 0, -away, 0)))
            else:
                shifted.append(F.pad(units[:, away:], (0, 0, 0, away)))
        shifted.append(heard.echoes[part])
        # index_select, whose gradient is a sum of rows; that of plain indexing is far slower
        beside = torch.cat(shifted, -1).flatten(0, 1).index_select(0, at)
        token = beats.flatten(0, 1).index_select(0, at)
        beside = beside * (1 + self.gate_neighbours(token))
        return (
            self.from_token(token)
            + self.from_neighbours(beside)
            + self.from_condition(conditions.flatten(0, 1).index_select(0, at))
            + units.flatten(0, 1).index_select(0, at)
        )

    def write(self, summary: Tensor, before: Tensor, place: Tensor) -> Tensor:
        """Hidden values of tokens from what the unit, the tokens before and their place say."""
        hidden = summary + before + place
        return hidden + self.inside_out(F.silu(self.inside(F.silu(hidden))))

    def log_losses(self, prepared: Tensor, tokens: Tensor, has_velocity: Tensor) -> Tensor:
        """Log loss of every token, (M, n), 0 where it follows from others or is not known.

        `prepared` (M, d), `tokens` (M, n), `has_velocity` bool (M,).
        """
        M, n = tokens.shape
        counts = self.counts(tokens, has_velocity)  # (M, n)
        told = self.before(tokens + self.offsets)
        before = told.cumsum(1) - told
        losses = prepared.new_zeros(M * n, dtype=torch.float32)
        for kind, places in self.kinds().items():
            inside = slice(places.start - self.layout.start, places.stop - self.layout.start)
            row, column = counts[:, inside].nonzero(as_tuple=True)
            if not len(row):
                continue
            place = column + inside.start
            flat = row * n + place
            hidden = self.write(
                prepared.index_select(0, row),
                before.flatten(0, 1).index_select(0, flat),
                F.embedding(place, self.place),
            )
            logits = self.heads[kind](F.silu(hidden)) + F.embedding(column, self.biases[kind])
            loss = F.cross_entropy(logits, tokens.flatten()[flat], reduction="none")
            losses = losses.index_add(0, flat, loss.float())
        return losses.view(M, n)

    def counts(self, tokens: Tensor, has_velocity: Tensor) -> Tensor:
        """Which tokens are to be told, bool (M, n): the others follow from those before them."""
        layout = self.layout
        counts = torch.ones_like(tokens, dtype=torch.bool)
        voices = slice(layout.voices.start - layout.start, layout.voices.stop - layout.start)
        split = tokens[:, voices].unflatten(1, (STEPS_PER_BEAT, -1))
        if layout.has_gates:
            gates = tokens[:, 1 : 1 + STEPS_PER_BEAT]
            moves = gates >= Gate.STROKE
            counts[:, voices] = moves.repeat_interleave(layout.num_voices, 1)
        struck = (split >= FIRST_PITCH).any(-1) if self.has_pitch else (split > 0).any(-1)
        counts[:, -STEPS_PER_BEAT:] = struck & has_velocity[:, None]
        counts[:, 0] = has_velocity
        return counts

    @cached_property
    def places(self) -> tuple[tuple[str, int], ...]:
        """Of each token its kind, and its place among those of its kind."""
        return tuple(
            (kind, column)
            for kind, places in self.kinds().items()
            for column in range(places.stop - places.start)
        )

    def asked(
        self, kind: str, column: int, tokens: Tensor, has_dynamics: bool
    ) -> tuple[Tensor | None, Tensor]:
        """Of which of the units a token is drawn, None: of all, and what it is in the others, (M,).

        `tokens` int64 (M, n) are the units' as far as they are drawn.
        """
        layout = self.layout
        nothing = torch.zeros(len(tokens), dtype=torch.int64)
        if kind in ("level", "accents") and not has_dynamics:
            return nothing[:0], nothing
        if kind == "accents":
            first = layout.voices.start - layout.start + column * layout.num_voices
            voices = tokens[:, first : first + layout.num_voices]
            is_struck = (voices >= (FIRST_PITCH if self.has_pitch else 1)).any(1)
            return is_struck.nonzero()[:, 0], nothing
        if kind == "voices" and layout.has_gates:
            gate = tokens[:, 1 + column // layout.num_voices]
            otherwise = torch.where(gate == Gate.HOLD, HOLD, REST)
            return (gate >= Gate.STROKE).nonzero()[:, 0], otherwise
        return None, nothing

    @torch.no_grad()
    def sample(
        self,
        prepared: Tensor,  # (V, M, d): of each variant of the conditions
        weights: Tensor,  # (V,): of the variants' logits
        dynamics_weights: Tensor,  # (V,)
        temperature: float,
        generator: torch.Generator,
        has_dynamics: bool = True,
        top: float = 1.0,
        dynamics_temperature: float | None = None,  # of levels and accents; None: as the notes
        leaning: Leaning | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Tokens (M, n) of masked units, and the mean log probability of each unit's (M,)."""
        lean = leaning or Leaning()
        last, way = lean.last, lean.way
        M = prepared.shape[1]
        asked = prepared.new_zeros(M)
        layout = self.layout
        tokens = prepared.new_zeros(M, self.num_tokens, dtype=torch.int64)
        before = torch.zeros_like(prepared[0])
        total = prepared.new_zeros(M)
        offsets = self.offsets.tolist()
        for i, (kind, column) in enumerate(self.places):
            is_note = kind in ("gates", "voices")
            if kind != "voices" or column % layout.num_voices == 0:  # the others are asked alike
                at, otherwise = self.asked(kind, column, tokens, has_dynamics)
                own = prepared if at is None else prepared[:, at]
            forced = otherwise
            if at is None or len(at):
                told = before if at is None else before[at]
                hidden = self.write(own, told, self.place[i])
                logits = self.heads[kind](F.silu(hidden)) + self.biases[kind][column]
                blend = weights if is_note else dynamics_weights
                log_p = (blend[:, None, None] * logits.log_softmax(-1)).sum(0)
                if kind == "voices" and layout.has_gates:  # where all is struck no voice goes on
                    gate = tokens[:, 1 + column // layout.num_voices]
                    log_p[(gate if at is None else gate[at]) == Gate.STROKE, HOLD] = -torch.inf
                if kind == "accents":
                    log_p[:, 0] = -torch.inf
                if kind == "gates" and lean.struck is not None:
                    log_p[:, Gate.STROKE] += lean.struck[:, column]
                if kind == "voices":
                    log_p = lean.added(log_p, at, last, way, column, layout)
                warmth = temperature if is_note else dynamics_temperature or temperature
                if kind == "voices" and self.has_pitch:
                    p = sharper_pitches(log_p, warmth, top)
                else:
                    p = sharpened(log_p, warmth, top)
                drawn = draw(p, generator)
                if is_note:
                    told_p = p.gather(1, drawn[:, None])[:, 0].clamp(min=1e-9).log()
                    everywhere = slice(None) if at is None else at
                    total[everywhere] += told_p
                    asked[everywhere] += 1
                forced = drawn if at is None else otherwise.index_put((at,), drawn)
            if kind == "voices" and last is not None:
                last, way = struck_last(forced, last, way)
            tokens[:, i] = forced
            before = before + F.embedding(forced + offsets[i], self.before.weight)
        return tokens, total / asked.clamp(min=1)


class VoiceNetwork(ModelMixin, ConfigMixin):
    """Trunk and units; `hear` once, then `log_losses` or `sample` of each part's units."""

    config: Any

    @register_to_config
    def __init__(
        self,
        num_conditions: int,
        width: int = 320,
        num_layers: int = 8,
        num_heads: int = 5,
        unit_width: int = 128,
    ) -> None:
        super().__init__()
        self.head_width = width // num_heads
        self.units = nn.ModuleList(
            Unit(UNIT_LAYOUTS[part], width, unit_width, num_conditions) for part in PARTS
        )
        self.condition_in = nn.Sequential(
            nn.Linear(num_conditions, width), nn.SiLU(), nn.Linear(width, width)
        )
        self.modulation = nn.Linear(width, 6 * width)
        self.blocks = nn.ModuleList(Block(width, num_heads) for _ in range(num_layers))
        self.final_modulation = nn.Linear(width, 2 * width)
        for layer in (self.modulation, self.final_modulation):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        # attention and MLP begin at a tenth, not at nothing: there is no time to wake them
        gates = torch.arange(6 * width).div(width, rounding_mode="floor")
        self.modulation.bias.data[(gates == 2) | (gates == 5)] = 0.1

    @classmethod
    def from_pretrained(cls, folder: str | Path, **kwargs: Any) -> Any:
        """The network of a folder, whose weights may be stored as bytes."""
        stored = read_weights(Path(folder))
        if not any(name.endswith(SCALE) for name in stored):
            return super().from_pretrained(folder, **kwargs)
        network = cls.from_config(cls.load_config(folder))
        network.load_state_dict(from_bytes(stored))
        return network.eval()

    def tell(
        self,
        states: Tensor,  # (B, T, P) int64, of which only what is SILENT counts
        conditions: Tensor,  # (B, T, num_conditions)
        positions: Tensor,  # (T,) or (B, T): beats
        echo: Tensor,  # (B, T, NUM_TOKENS) int64: units of the bars that are returned to
        echoed: Tensor,  # bool (B, T): where there are such
    ) -> Told:
        """What stays the same in every step of writing a window."""
        condition = F.silu(self.condition_in(conditions))
        returning = torch.zeros_like(condition)
        echoes = []
        for index, unit in enumerate(cast("list[Unit]", list(self.units))):
            there = echoed & (states[..., index] != SILENT)
            returned = torch.where(there, KNOWN, SILENT)
            returned = unit.hear(echo[..., unit.layout.tokens], returned) * there[..., None]
            echoes.append(returned)
            returning = returning + unit.echo_to_token(returned)
        if positions.dim() == 1:
            positions = positions[None]
        rotation = rotations(positions, self.head_width).to(condition.dtype)
        modulation = self.modulation(condition).unflatten(-1, (6, -1))
        return Told(
            condition,
            tuple(echoes),
            returning,
            tuple(cast(Block, block).tell(modulation, rotation) for block in self.blocks),
            self.final_modulation(condition),
        )

    def hear(
        self,
        tokens: Tensor,  # (B, T, NUM_TOKENS) int64, or (1, T, NUM_TOKENS) for all alike
        states: Tensor,  # (B, T, P) or (1, T, P) int64: KNOWN, MASKED or SILENT
        told: Told,
        read: dict[int, tuple[Tensor, Tensor]] | None = None,
        beside: Executor | None = None,
        asked: Tensor | None = None,  # bool (T,)
    ) -> Heard:
        """The trunk's answer for every beat, or for those that are `asked` for.

        `read` is what was read before of parts, by their index, and is filled in: whoever changes a
        part's tokens or states takes it out. `beside` computes for some of the batch meanwhile; no
        gradients then.
        """
        read = {} if read is None else read
        heard = []
        h = told.condition + told.returning
        for index, unit in enumerate(cast("list[Unit]", list(self.units))):
            if index not in read:
                found = unit.hear(tokens[..., unit.layout.tokens], states[..., index])
                read[index] = found, unit.to_token(found)
            found, token = read[index]
            heard.append(found.expand(len(h), -1, -1))
            h = h + token
        places = None if asked is None else asked.nonzero()[:, 0]
        if places is not None and len(places) < FEWEST_PLACES:
            places = None
        if beside is None or len(h) == 1:
            beats = self._trunk(h, told, places)
        else:  # the first of the batch here, the others meanwhile on another thread
            others = beside.submit(self._trunk_apart, h[1:], told.of(slice(1, None)), places)
            first = self._trunk(h[:1], told.of(slice(1)), places)
            beats = torch.cat([first, others.result()])
        return Heard(beats, heard, told.echoes)

    @torch.inference_mode()
    def _trunk_apart(self, h: Tensor, told: Told, places: Tensor | None) -> Tensor:
        return self._trunk(h, told, places)

    def _trunk(self, h: Tensor, told: Told, places: Tensor | None) -> Tensor:
        """What the blocks make of h (B, T, D); the last one at some places alone, 0 elsewhere."""
        *others, last = zip(self.blocks, told.blocks, strict=True)
        for block, block_told in others:
            h = block(h, block_told)
        block, block_told = last
        shift, scale = told.final_modulation.chunk(2, dim=-1)
        if places is None:
            h = block(h, block_told)
            return F.layer_norm(h, h.shape[-1:]) * (1 + scale) + shift
        made = torch.zeros_like(h)
        h = block(h, block_told, places)
        shift, scale = shift[:, places], scale[:, places]
        made[:, places] = F.layer_norm(h, h.shape[-1:]) * (1 + scale) + shift
        return made

    def forward(
        self,
        tokens: Tensor,
        states: Tensor,
        conditions: Tensor,
        positions: Tensor,
        has_velocity: Tensor,  # bool (B,)
        targets: Tensor,  # bool (B, T, P): the masked units that are asked for
        echo: Tensor,
        echoed: Tensor,
    ) -> list[tuple[Tensor, Tensor]]:
        """Per part the units asked for, indices (M,) of B * T, and their tokens' log losses (M, n).

        `tokens` are all clean; what is masked is not shown.
        """
        told = self.tell(states, conditions, positions, echo, echoed)
        heard = self.hear(tokens, states, told)
        found = []
        T = tokens.shape[1]
        for index, unit in enumerate(cast("list[Unit]", list(self.units))):
            at = targets[..., index].flatten().nonzero()[:, 0]
            own = tokens[..., unit.layout.tokens].flatten(0, 1)[at]
            prepared = unit.prepare(heard, index, conditions, at)
            found.append((at, unit.log_losses(prepared, own, has_velocity[at // T])))
        return found
