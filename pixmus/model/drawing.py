"""How tokens of voices are drawn: `Leaning`, what is added to their log probabilities; the draw.

M = masked units, n = those of them of which a token is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from pixmus.score.voices import FIRST_PITCH, REST, UnitLayout

ANY_WAY = 2  # of `Leaning.wanted_ways`


@dataclass(frozen=True)
class Leaning:
    """What is added to the log probabilities of a unit's voices when they are drawn."""

    favour: Tensor | None = None  # (M, values)
    struck: Tensor | None = None  # (M, strokes of a beat): to all values that strike a note
    last: Tensor | None = None  # (M,): the value that was struck before the unit, -1: not known
    way: Tensor | None = None  # (M,): the sign of the last interval that is known, 0: none is
    intervals: Tensor | None = None  # (semitones,): by the interval from what was struck last
    going_on: float = 0.0  # to pitches the same way as the last interval, taken from the others
    wanted_ways: Tensor | None = None  # (M, steps of a beat): signs of intervals, 2: any
    repeating: float = 0.0  # to pitches that go such a way
    thinner: float = 0.0  # to the rests of all voices but the first

    def added(
        self,
        log_p: Tensor,
        at: Tensor | None,
        last: Tensor | None,
        way: Tensor | None,
        column: int,
        layout: UnitLayout,
    ) -> Tensor:
        """The log probabilities (n, values) of units `at` (n,), what is added to them included.

        None are all units. `column` counts the voices of all steps; `last` and `way` (M,) are of
        all units.
        """
        own = slice(None) if at is None else at
        if self.favour is not None:
            log_p = log_p + self.favour[own]
        if self.struck is not None and not layout.has_gates:
            log_p = log_p.clone()
            first = FIRST_PITCH if last is not None else 1  # drums have no pitch, and no hold
            log_p[:, first:] += self.struck[own, column, None]
        if last is not None:
            log_p = self._by_last(log_p, own, last, way, column)
        if self.thinner and column % layout.num_voices:
            log_p = log_p.clone()
            log_p[:, REST] += self.thinner
        return log_p

    def _by_last(
        self, log_p: Tensor, own: slice | Tensor, last: Tensor, way: Tensor | None, column: int
    ) -> Tensor:
        """With what hangs on the value (M,) that was struck last and the way (M,) there."""
        row = last[own] + 1
        values = log_p.shape[-1]
        if self.intervals is not None:
            log_p = log_p + by_interval(tuple(self.intervals.tolist()), values)[row]
        if way is not None and self.going_on:
            log_p = log_p + same_way(self.going_on, values)[row, way[own] + 1]
        if self.wanted_ways is not None and self.repeating:
            wanted = self.wanted_ways[own, column] + 1
            log_p = log_p + such_a_way(self.repeating, values)[row, wanted]
        return log_p


@lru_cache
def by_interval(intervals: tuple[float, ...], num_values: int) -> Tensor:
    """What is added to a voice's values by the interval, (1 + value struck last, values)."""
    last = torch.arange(-1, num_values)[:, None]
    apart = (torch.arange(num_values) - last).abs().clamp(max=len(intervals) - 1)
    return torch.tensor(intervals)[apart] * _between_pitches(num_values)


@lru_cache
def same_way(strength: float, num_values: int) -> Tensor:
    """What is added where a value goes on the last way, taken where it goes back.

    (1 + value struck last, 1 + sign of the last interval, values).
    """
    ways = torch.arange(-1, 2)[:, None]
    return strength * (_moves(num_values)[:, None] * ways * _between_pitches(num_values)[:, None])


@lru_cache
def such_a_way(strength: float, num_values: int) -> Tensor:
    """What is added where a value goes a wanted way.

    (1 + value struck last, 1 + wanted sign or `ANY_WAY`, values).
    """
    ways = torch.arange(-1, ANY_WAY + 1)[:, None]
    asked = _moves(num_values)[:, None] == ways
    return strength * (asked & _between_pitches(num_values)[:, None])


def _moves(num_values: int) -> Tensor:
    """The sign of the way from a value struck last, -1: not known, to each; (1 + last, values)."""
    return (torch.arange(num_values) - torch.arange(-1, num_values)[:, None]).sign()


def _between_pitches(num_values: int) -> Tensor:
    """Whether both are pitches, bool (1 + value struck last, values)."""
    is_pitch = torch.arange(-1, num_values) >= FIRST_PITCH
    return is_pitch[:, None] & is_pitch[1:]


def struck_last(values: Tensor, last: Tensor, way: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """What was struck last after a step's values (M,), and the way there, from those before it."""
    is_struck = values >= FIRST_PITCH
    if way is not None:
        moved = (values - last).sign()
        way = torch.where(is_struck & (last >= FIRST_PITCH) & (moved != 0), moved, way)
    return torch.where(is_struck, values, last), way


def sharpened(log_p: Tensor, temperature: float, top: float) -> Tensor:
    """Probabilities at a temperature, of the likeliest values that make up `top` (nucleus)."""
    p = (log_p / temperature).softmax(-1)
    if top < 1:
        values, indices = p.sort(-1, descending=True)
        beyond = values.cumsum(-1) - values >= top
        p = p.scatter(-1, indices, values.masked_fill(beyond, 0))
        p = p / p.sum(-1, keepdim=True)
    return p


def sharper_pitches(log_p: Tensor, temperature: float, top: float) -> Tensor:
    """Probabilities of a voice's values: pitches sharpened among themselves, not against the rest.

    A pitch is one of many, rest and hold are one each: sharpened together, voices fall silent.
    """
    p = log_p.softmax(-1)
    struck = p[..., FIRST_PITCH:].sum(-1, keepdim=True)
    pitches = sharpened(log_p[..., FIRST_PITCH:], temperature, top)
    return torch.cat([p[..., :FIRST_PITCH], struck * pitches], -1)


def draw(p: Tensor, generator: torch.Generator) -> Tensor:
    """A value each of probabilities (n, values), int64 (n,).

    The first of as many clocks to ring, as `torch.multinomial` has it, which looks at them thrice
    before.
    """
    return (p / torch.empty_like(p).exponential_(generator=generator)).argmax(-1)
