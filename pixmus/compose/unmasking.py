"""`UnmaskingScheduler`: how many units each step uncovers, which, and how they are drawn."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from pixmus.diffusers_base import ConfigMixin, SchedulerMixin, register_to_config
from pixmus.ensembles import Part, Style

BLOCK_BARS = 8  # that are written together
TEMPERATURES: dict[str, float] = {
    Part.MELODY: 0.75,
    Part.HARMONY: 0.8,
    Part.BASS: 1.0,
    Part.DRUMS: 0.9,
}
# What is added to the log probabilities of a melody's notes by their distance from the one before,
# in semitones, the last for all that are further. Written by the network alone melodies repeat
# notes twice as often as real ones and move by step a third less (experiment 121).
MELODY_INTERVALS = (-0.6, 0.5, 0.5, 0.1, 0.0)
# The same of a bass: the network alone repeats its note in half of its strokes (experiment 126),
# and leaps octaves and more half as often again as a real one (experiment 178).
BASS_INTERVALS = (-1.6, 0.7, 0.7, *[0.0] * 9, -0.9)
# What is added to the log probabilities of pitches that go on the way the melody went, and taken
# from those that go back: melodies of the network alone turn half as often again as real ones, and
# basses a quarter more often.
GOING_ON: dict[str, float] = {Part.MELODY: 0.8, Part.BASS: 1.0}
MOTIF = (0.8, 1.2)  # of strokes and of ways: see `motif_to_repeat`
HARMONY_NEAR = 1.0  # see `stay_near`
# See `lie_higher`; pop's chords lie where real ones lie without it (experiments 178 and 179).
HARMONY_HIGHER: dict[str, float] = {
    Style.POP: 0.0,
    Style.SONG: 0.7,
    Style.QUARTET: 0.7,
    Style.GAME: 0.7,
}
# What is added to the log probabilities of a part's strokes: counterpoint of the network alone is a
# third thinner than real ones (experiment 178).
LIVELIER: dict[str, float] = {Part.COUNTER: 0.3}
# The rest of what is leaned to and what it did: experiments 126 and 127.
STEADY: dict[str, float] = {
    Part.DRUMS: 1.0,
    Part.BASS: 1.0,
    Part.HARMONY: 0.8,
    Part.MELODY: 0.2,
    Part.COUNTER: 0.8,
    Part.PAD: 0.5,
}  # see `strokes_to_repeat`
# Parts whose bars are written again beside those around them: see `look_beside`. Of a bass, too, it
# makes leaps and repeated notes (experiment 179).
LOOKED_BESIDE = (Part.HARMONY, Part.DRUMS)
KICK_WITH_BASS = 0.5  # see `drums_with_others`
DRUMS_WITH_PITCHED = 0.5  # see `drums_with_others`
# What is added to the log probability of the rest of each voice but the first in a stroke of the
# harmony, by style: chords of the network alone are fuller than real ones (experiment 121).
THINNER: dict[str, float] = {
    Style.POP: 0.0,
    Style.SONG: 3.0,
    Style.QUARTET: 9.0,
    Style.GAME: 2.6,
}


class UnmaskingScheduler(SchedulerMixin, ConfigMixin):
    """How many units each step uncovers, and which (MaskGIT, Chang et al. 2022).

    As diffusers' `AmusedScheduler` for tokens: the share that stays masked falls as `schedule`
    says, the most confident are uncovered first, confidence blurred by Gumbel noise of
    `choice_temperature` (which falls to nothing). Not `by_confidence` the choice is left to
    chance, and only what is chosen is drawn, which is several times as fast. Of units in one beat
    one is uncovered before another, where there are beats enough: they could not hear each other.
    The other values are what a pipeline samples with (see `Sampling` and `blocks_of`).
    """

    config: Any
    order = 1

    @register_to_config
    def __init__(
        self,
        schedule: str = "cosine",
        by_confidence: bool = True,
        choice_temperature: float = 4.0,
        second_look: float = 0.1,
        looked_beside: tuple[str, ...] = LOOKED_BESIDE,
        temperature: float = 0.8,
        temperatures: dict[str, float] = TEMPERATURES,
        top: float = 0.95,
        dynamics_temperature: float = 0.4,
        register_strength: float = 0.7,
        melody_intervals: tuple[float, ...] = MELODY_INTERVALS,
        bass_intervals: tuple[float, ...] = BASS_INTERVALS,
        going_on: dict[str, float] = GOING_ON,
        steady: dict[str, float] = STEADY,
        motif: tuple[float, float] = MOTIF,
        kick_with_bass: float = KICK_WITH_BASS,
        drums_with_pitched: float = DRUMS_WITH_PITCHED,
        harmony_near: float = HARMONY_NEAR,
        harmony_higher: dict[str, float] = HARMONY_HIGHER,
        livelier: dict[str, float] = LIVELIER,
        thinner: dict[str, float] = THINNER,
        melody_share: float = 0.4,
        drums_share: float = 0.15,
        drums_repeat: float = 0.2,
        block_bars: int = BLOCK_BARS,
    ) -> None:
        self.num_steps = 1

    def set_timesteps(self, num_inference_steps: int) -> None:
        """Fill a window in so many steps."""
        self.num_steps = num_inference_steps
        self.timesteps = torch.arange(num_inference_steps).flip(0)

    def num_masked(self, step: int, at_first: int) -> int:
        """Units that stay masked after a step, 0 after the last; at least one is uncovered."""
        done = (step + 1) / self.num_steps
        share = math.cos(done * math.pi / 2) if self.config.schedule == "cosine" else 1 - done
        return min(max(0, math.floor(at_first * share)), max(0, at_first - step - 1))

    def step(
        self,
        confidence: Tensor,
        beats: Tensor,
        step: int,
        at_first: int,
        generator: torch.Generator,
    ) -> Tensor:
        """Which of the masked units are uncovered, bool (M,); `beats` (M,) is where they lie.

        `confidence` is a log probability, the mean over a unit's tokens.
        """
        M = len(confidence)
        count = M - min(self.num_masked(step, at_first), M - 1)
        if step == self.num_steps - 1:
            count = M
        noise = torch.rand(M, generator=generator).clamp(1e-9, 1 - 1e-9)
        blur = self.config.choice_temperature * (1 - (step + 1) / self.num_steps)
        score = confidence - blur * torch.log(-torch.log(noise))
        order = score.argsort(descending=True)
        seen: dict[int, int] = {}
        rank = torch.zeros(M)
        for index in order.tolist():
            beat = int(beats[index])
            rank[index] = seen[beat] = seen.get(beat, -1) + 1
        chosen = torch.zeros(M, dtype=torch.bool)
        keys = rank * (score.max() - score.min() + 1) - score
        chosen[keys.argsort()[:count]] = True
        return chosen
