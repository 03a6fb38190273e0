"""Writing voices: masked units are filled in, block after block, by `VoiceNetwork`.

What is known stays: bars before, parts that are given, bars that are kept. So writing a cue, going
on with one, redoing bars and harmonising a melody are one function; only the mask differs. Units
are one part in one beat (`pixmus.score.voices`).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import cast

import numpy as np
import torch
from torch import Tensor

from pixmus.compose.part_writing import (
    drums_with_others,
    last_pitches,
    lie_higher,
    motif_to_repeat,
    reach_register,
    room_for_melody,
    stay_near,
    strokes_to_repeat,
)
from pixmus.compose.returning import (
    bring_bars_back,
    carry_drums_on,
    parted_by_returns,
    waiting_drums,
)
from pixmus.compose.sampling import DRUMS, Guidance, Sampling
from pixmus.compose.seeds import window_seed
from pixmus.compose.unmasking import BLOCK_BARS, UnmaskingScheduler
from pixmus.ensembles import PARTS, Part
from pixmus.model.drawing import Leaning
from pixmus.model.heard import Told
from pixmus.model.voice_network import KNOWN, MASKED, Unit, VoiceNetwork
from pixmus.score.grid import BEATS_PER_BAR

# A window shows so many bars before a block, and the plan of so many after it.
CONTEXT_BARS, FUTURE_BARS = 8, 2


@torch.inference_mode()
def fill(
    network: VoiceNetwork,
    scheduler: UnmaskingScheduler,
    tokens: np.ndarray,
    states: np.ndarray,
    conditions: np.ndarray,
    targets: np.ndarray,
    echo: np.ndarray,
    echoed: np.ndarray,
    *,
    generator: torch.Generator,
    guidance: Guidance,
    sampling: Sampling,
    on_step: Callable[[int, np.ndarray], None] | None = None,
    beside: Executor | None = None,
) -> np.ndarray:
    """A window's tokens (T, NUM_TOKENS) with the masked units of `targets` bool (T, P) written.

    `states` int (T, P) says what is known; masked units that are no targets stay masked. `echo`
    holds the bars that are returned to where `echoed` bool (T,). `beside`: see `second_thread`.
    """
    scheduler = copy.copy(scheduler)  # steps are set on it, and others may be writing with it
    window = _Window(
        network,
        scheduler,
        torch.from_numpy(tokens.astype(np.int64)),
        torch.from_numpy(states.astype(np.int64)).clone(),
        guidance,
        sampling,
        generator,
        guidance.variants(conditions),
        torch.from_numpy(echo.astype(np.int64)),
        torch.from_numpy(echoed),
        beside,
    )
    to_write = torch.from_numpy(targets & (states == MASKED))
    done = 0
    for parts, num_steps in sampling.stages:
        wanted = torch.zeros_like(to_write)
        wanted[:, list(parts)] = to_write[:, list(parts)]
        at_first = int(wanted.sum())
        scheduler.set_timesteps(num_steps)
        for step in range(num_steps):
            if not wanted.any():
                break
            window.uncover(wanted, step, num_steps, at_first)
            if on_step is not None:
                on_step(done + step, window.tokens.numpy())
        done += num_steps
    window.look_again(to_write, round(scheduler.config.second_look * int(to_write.sum())))
    window.look_beside(to_write, scheduler.config.looked_beside)
    return window.tokens.numpy().astype(np.uint8)


@dataclass
class _Window:
    """A window while it is filled in."""

    network: VoiceNetwork
    scheduler: UnmaskingScheduler
    tokens: Tensor  # int64 (T, NUM_TOKENS)
    states: Tensor  # int64 (T, P)
    guidance: Guidance
    sampling: Sampling
    generator: torch.Generator
    conditions: Tensor  # (variants, T, conditions)
    echo: Tensor  # int64 (T, NUM_TOKENS)
    echoed: Tensor  # bool (T,)
    beside: Executor | None = None  # see `VoiceNetwork.hear`

    def __post_init__(self) -> None:
        self.certainty = torch.zeros(self.states.shape)
        self.read: dict[int, tuple[Tensor, Tensor]] = {}  # see `VoiceNetwork.hear`
        variants = len(self.conditions)
        # what is led away from returns to nothing
        unled = [torch.zeros_like(self.echoed)] * (variants - 1)
        self.told = self.network.tell(
            self.states.expand(variants, -1, -1),
            self.conditions,
            torch.arange(len(self.tokens)),
            self.echo.expand(variants, -1, -1),
            torch.stack([self.echoed, *unled]),
        )

    def uncover(self, wanted: Tensor, step: int, num_steps: int, at_first: int) -> None:
        """Write those of the wanted units (bool (T, P), changed) that the step uncovers."""
        units = wanted.nonzero()
        at_random = not self.scheduler.config.by_confidence
        if at_random:
            units = self._chosen(torch.zeros(len(units)), units, step, at_first)
        asked_for = torch.zeros_like(wanted)
        asked_for[units[:, 0], units[:, 1]] = True
        drawn, certainty = self._draw(asked_for, self.guidance.at(step, num_steps))
        if not at_random:
            units = self._chosen(certainty[units[:, 0], units[:, 1]], units, step, at_first)
        self._take(units, drawn)
        self.certainty[units[:, 0], units[:, 1]] = certainty[units[:, 0], units[:, 1]]
        wanted[units[:, 0], units[:, 1]] = False

    def look_again(self, written: Tensor, count: int) -> None:
        """Write so many of the written units (bool (T, P)) again, the least certain."""
        if count == 0:
            return
        units = written.nonzero()
        least = units[self.certainty[units[:, 0], units[:, 1]].argsort()[:count]]
        self._write_again(least, self.guidance.off)

    def look_beside(self, written: Tensor, parts: Sequence[str]) -> None:
        """Write the written units (bool (T, P)) of some parts again, in every second bar at a time.

        Each now knows the bars beside it (see `strokes_to_repeat`), of which few were known when
        it was uncovered first.
        """
        bars = torch.arange(len(written)) // BEATS_PER_BAR
        own = torch.tensor([part in parts for part in PARTS])
        for second in (0, 1):
            units = (written & own & (bars % 2 == second)[:, None]).nonzero()
            if len(units):
                self._write_again(units, self.guidance)

    def _write_again(self, units: Tensor, guidance: Guidance) -> None:
        self._set_states(units, MASKED)
        wanted = torch.zeros(self.states.shape, dtype=torch.bool)
        wanted[units[:, 0], units[:, 1]] = True
        drawn, _ = self._draw(wanted, guidance)
        self._take(units, drawn)

    def _chosen(self, confidence: Tensor, units: Tensor, step: int, at_first: int) -> Tensor:
        return units[self.scheduler.step(confidence, units[:, 0], step, at_first, self.generator)]

    def _take(self, units: Tensor, drawn: Tensor) -> None:
        for beat, part in units.tolist():
            place = cast(Unit, self.network.units[part]).layout.tokens
            self.tokens[beat, place] = drawn[beat, place]
        self._set_states(units, KNOWN)

    def _set_states(self, units: Tensor, state: int) -> None:
        self.states[units[:, 0], units[:, 1]] = state
        for part in set(units[:, 1].tolist()):
            self.read.pop(part, None)

    def _draw(self, wanted: Tensor, guidance: Guidance) -> tuple[Tensor, Tensor]:
        return _draw(
            self.network,
            self.tokens,
            self.states,
            self.conditions,
            self.told,
            self.read,
            self.beside,
            wanted,
            self.generator,
            guidance,
            self.sampling,
        )


def _draw(
    network: VoiceNetwork,
    tokens: Tensor,
    states: Tensor,
    conditions: Tensor,
    told: Told,
    read: dict[int, tuple[Tensor, Tensor]],
    beside: Executor | None,
    wanted: Tensor,
    generator: torch.Generator,
    guidance: Guidance,
    sampling: Sampling,
) -> tuple[Tensor, Tensor]:
    """Tokens drawn for all wanted units, (T, NUM_TOKENS), and their mean log probability (T, P)."""
    V = len(guidance.weights[0])
    heard = network.hear(tokens[None], states[None], told.of(slice(V)), read, beside, wanted.any(1))
    drawn = torch.zeros_like(tokens)
    certainty = torch.zeros(states.shape)
    weights, dynamics_weights = guidance.weights
    for part, unit in enumerate(cast("list[Unit]", list(network.units))):
        beats = wanted[:, part].nonzero()[:, 0]
        if not len(beats):
            continue
        at = (torch.arange(V)[:, None] * len(tokens) + beats).flatten()
        prepared = unit.prepare(heard, part, conditions[:V], at)
        written, log_p = unit.sample(
            prepared.unflatten(0, (V, -1)),
            weights,
            dynamics_weights,
            sampling.temperatures.get(PARTS[part], sampling.temperature),
            generator,
            sampling.has_dynamics,
            sampling.top,
            sampling.dynamics_temperature,
            _leaning(tokens, states, conditions[0], PARTS[part], beats, sampling),
        )
        drawn[beats, unit.layout.tokens] = written
        certainty[beats, part] = log_p
    return drawn, certainty


def _leaning(
    tokens: Tensor, states: Tensor, conditions: Tensor, part: str, beats: Tensor, sampling: Sampling
) -> Leaning:
    """What is added when a part's units of some beats are drawn."""
    asked = [
        room_for_melody(tokens[beats], states[beats], part),
        reach_register(conditions[beats], part, sampling.register_strength),
        stay_near(tokens, states, part, beats, sampling.harmony_near),
        lie_higher(part, len(beats), sampling.harmony_higher),
    ]
    told = [favour for favour in asked if favour is not None]
    favour = torch.stack(told).sum(0) if told else None
    struck = strokes_to_repeat(tokens, states, part, beats, sampling.steady.get(part, 0.0))
    struck = struck + sampling.livelier.get(part, 0.0)
    if part == Part.DRUMS:
        struck = struck + drums_with_others(
            tokens, states, beats, sampling.kick_with_bass, sampling.drums_with_pitched
        )
    if part in sampling.intervals:
        last, way = last_pitches(tokens, states, part)
        leaning = Leaning(
            favour,
            struck,
            last[beats],
            way[beats],
            sampling.intervals[part],
            sampling.going_on.get(part, 0.0),
        )
        if part == Part.MELODY:
            strokes, ways = motif_to_repeat(tokens, states, beats)
            struck = struck + sampling.motif[0] * strokes
            return replace(leaning, struck=struck, wanted_ways=ways, repeating=sampling.motif[1])
        return leaning
    thinner = sampling.thinner if part == Part.HARMONY else 0.0
    return Leaning(favour, struck, thinner=thinner)


@dataclass(frozen=True)
class Block:
    """Bars `first` to `end` that are written together, seen in a window of bars."""

    first: int
    end: int
    window: tuple[int, int]
    seed: int  # of its generator: what is asked of one does not change the noise of another


def blocks_of(
    num_bars: int,
    cue_starts: Sequence[int] = (0,),
    goes_on: Collection[int] = (),
    *,
    seed: int,
    block_bars: int = BLOCK_BARS,
    sources: Sequence[int] | np.ndarray | None = None,
) -> list[Block]:
    """The blocks of cues that begin in the bars `cue_starts`, 0 the first, in order.

    Smaller ones where bars return to `sources` (bars,), -1 for none: those are to be written first.

    A window shows `CONTEXT_BARS` before a block and `FUTURE_BARS` after it, of its own cue and of
    those that it is joined to without a rest: the cues `goes_on` (indices) follow the one before at
    once.
    """
    ends = [*cue_starts[1:], num_bars]
    blocks = []
    for cue, (start, end) in enumerate(zip(cue_starts, ends, strict=True)):
        opening, closing = cue, cue
        while opening in goes_on and opening > 0:
            opening -= 1
        while closing + 1 in goes_on and closing + 1 < len(ends):
            closing += 1
        number = max(1, math.ceil((end - start) / block_bars))
        edges = [start + round(i * (end - start) / number) for i in range(number + 1)]
        if sources is not None:
            edges = parted_by_returns(edges, sources)
        for index, (first, last) in enumerate(pairwise(edges)):
            before = max(cue_starts[opening], first - CONTEXT_BARS)
            after = min(ends[closing], last + FUTURE_BARS)
            blocks.append(Block(first, last, (before, after), window_seed(seed, cue, index)))
    return blocks


def write_blocks(
    network: VoiceNetwork,
    scheduler: UnmaskingScheduler,
    tokens: np.ndarray,
    states: np.ndarray,
    conditions: np.ndarray,
    bar_starts: Sequence[int] | np.ndarray,
    sources: Sequence[int] | np.ndarray | None = None,
    *,
    blocks: Sequence[Block],
    guidance: Guidance | None = None,
    sampling: Sampling | None = None,
    on_step: Callable[[int, int, np.ndarray], None] | None = None,
    beside: Executor | None = None,
) -> np.ndarray:
    """The tokens (beats, NUM_TOKENS) of music of any length with all masked units written.

    Block after block, each seeing what is known around it, and the plan. `states` (beats, P),
    `conditions` (beats, conditions) and the first beats of the bars describe all of it; `sources`
    (bars,) are the bars that bars return to, -1 for none: where those are written already some of
    them comes back (see `bring_bars_back`), and all of them is shown. `on_step` hears of every
    step: its number, how many there are, the window's tokens; `beside` is that of `second_thread`.
    """
    guidance, sampling = guidance or Guidance(), sampling or Sampling()
    written, state = tokens.copy(), states.copy()
    edges = [*(int(beat) for beat in bar_starts), len(tokens)]
    to_write = [
        block for block in blocks if (state[edges[block.first] : edges[block.end]] == MASKED).any()
    ]
    each = [sampling.in_block(block.end - block.first) for block in to_write]
    done = [0, *np.cumsum([own.num_steps for own in each]).tolist()]
    for number, (block, how) in enumerate(zip(to_write, each, strict=True)):
        own = slice(edges[block.first], edges[block.end])
        window = slice(edges[block.window[0]], edges[block.window[1]])
        targets = np.zeros((window.stop - window.start, state.shape[1]), bool)
        targets[own.start - window.start : own.stop - window.start] = True
        if sources is not None:
            bars = range(block.first, block.end)
            rng = np.random.default_rng(block.seed)
            bring_bars_back(written, state, conditions, edges, sources, bars, rng)
        echo, echoed = _echo(written, state, edges, sources)

        def report(step: int, x: np.ndarray, before: int = done[number]) -> None:
            if on_step is not None:
                on_step(before + step, done[-1], x)

        generator = torch.Generator().manual_seed(block.seed)
        bars = range(block.first, block.end)
        waits = waiting_drums(edges, state, bars)[window]
        for drums in (False, True):
            if drums and not waits.any():
                continue
            if drums:
                rng = np.random.default_rng(window_seed(block.seed, DRUMS, 0))
                carry_drums_on(written, state, conditions, edges, bars, rng, how.drums_repeat)
            now = targets.copy()
            now[:, DRUMS] &= waits == drums
            written[window] = fill(
                network,
                scheduler,
                written[window],
                state[window],
                conditions[window],
                now,
                echo[window],
                echoed[window],
                generator=generator,
                guidance=guidance,
                sampling=how,
                on_step=report,
                beside=beside,
            )
            state[window] = np.where(now & (state[window] == MASKED), KNOWN, state[window])
    return written


def _echo(
    tokens: np.ndarray,
    states: np.ndarray,
    edges: Sequence[int],
    sources: Sequence[int] | np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray]:
    """The bars that are returned to, beside those that do: tokens and where there are any."""
    echo, echoed = np.zeros_like(tokens), np.zeros(len(tokens), bool)
    for bar, source in enumerate([] if sources is None else sources):
        if source < 0 or (states[edges[source] : edges[source + 1]] == MASKED).any():
            continue
        beats = min(edges[bar + 1] - edges[bar], edges[source + 1] - edges[source])
        mine = slice(edges[bar], edges[bar] + beats)
        echo[mine] = tokens[edges[source] : edges[source] + beats]
        echoed[mine] = True
    return echo, echoed
