"""The form of a cue: which of its phrases return to earlier ones, and how its parts move.

Phrases are four bars, counted from the cue's first. A rule, not the model: a phrase may echo one
that stood at least two phrases before it and that was wanted alike, rather one under pictures that
look alike; the model is shown those bars and told how like them the phrase is to be.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PHRASE_BARS = 4
RETURN_SHARE = 0.75  # of phrases that have one to return to
ALIKE = 0.3  # largest mean difference of the four curves over a phrase that returns
OTHER_LOOK = 0.2  # what it costs, as difference of curves, to return to bars of another look
LIKENESS = (0.8, 1.0)  # of a return, as real pieces' nearest phrases mostly are
FREE_BARS = 2  # at the end, where the music leads to its last chord


@dataclass(frozen=True)
class Echoes:
    """For every bar the bar that it echoes (-1: none) and how like it is to be, 0..1."""

    sources: np.ndarray  # int (bars,)
    likeness: np.ndarray  # float (bars,)

    @classmethod
    def none(cls, num_bars: int) -> Echoes:
        return cls(np.full(num_bars, -1), np.zeros(num_bars))


def plan_echoes(
    rng: np.random.Generator, curves: np.ndarray, looks: np.ndarray | None = None
) -> Echoes:
    """Which bars echo which, from the wanted curves 0..1 of every bar, (bars, curves).

    `looks` (bars,) names what the picture looks like, equal where it looks alike.
    """
    num_bars = len(curves)
    looks = np.zeros(num_bars, int) if looks is None else looks
    echoes = Echoes.none(num_bars)
    for first in range(2 * PHRASE_BARS, num_bars, PHRASE_BARS):
        end = min(first + PHRASE_BARS, num_bars - FREE_BARS)
        draws, amount = rng.random(first // PHRASE_BARS), rng.uniform(*LIKENESS)
        if rng.random() >= RETURN_SHARE or end <= first:
            continue
        mine = curves[first:end]
        earlier = range(0, first - 2 * PHRASE_BARS + 1, PHRASE_BARS)
        off = np.array([np.abs(curves[e : e + len(mine)] - mine).mean() for e in earlier])
        off = off + OTHER_LOOK * np.array([looks[e] != looks[first] for e in earlier])
        best = int((off + 0.1 * draws[: len(off)]).argmin())
        if off[best] <= ALIKE:
            echoes.sources[first:end] = earlier[best] + np.arange(end - first)
            echoes.likeness[first:end] = amount
    return echoes


def blocks_of(echoes: Echoes, block_bars: int) -> np.ndarray:
    """Which block's texture each block of bars takes: that of the bars it returns to, or its own.

    int (blocks,); the last block takes bars that make no half of one.
    """
    num_bars = len(echoes.sources)
    num_blocks = max(1, (num_bars + block_bars // 2) // block_bars)
    taken = np.arange(num_blocks)
    for block in range(num_blocks):
        source = echoes.sources[block * block_bars]
        if source >= 0:
            taken[block] = taken[min(source // block_bars, num_blocks - 1)]
    return taken
