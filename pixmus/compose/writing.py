"""The score of a draft, written by plan and voices: the plan of the film first, then the notes.

Nothing is kept between calls: every block of bars draws from a generator of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from pixmus.choices import DEFAULT_GUIDANCE_SCALE, NUM_INFERENCE_STEPS
from pixmus.chords import Chord
from pixmus.compose.cue_bars import bars_of_cues
from pixmus.compose.draft import Draft
from pixmus.compose.film_planning import MELODY, plan_film
from pixmus.compose.finished_score import finished_score, markers_of
from pixmus.compose.planning import second_steps
from pixmus.compose.sampling import Guidance, Sampling
from pixmus.compose.seeds import window_seed
from pixmus.compose.unmasking import UnmaskingScheduler
from pixmus.compose.voice_score import (
    VoiceCanvas,
    give_kept,
    joined,
    prepare_voices,
    read_voices,
    take_written,
)
from pixmus.compose.voice_writing import Block, blocks_of, write_blocks
from pixmus.ensembles import Part, Style
from pixmus.model.plan_network import PlanDenoiser
from pixmus.model.voice_network import KNOWN, MASKED, VoiceNetwork
from pixmus.score.notes import Score
from pixmus.score.plan import HALVES, Plan
from pixmus.score.voices import FIRST_PITCH, HOLD, UNIT_LAYOUTS
from pixmus.two_threads import second_thread

OnStep = Callable[[int, int, Tensor], None]  # inference step, all of them, tokens

# Of one inference step that is asked for: steps that uncover a block's voices, and the plan's.
VOICE_STEPS, PLAN_STEPS = 0.8, 1.0
MELODY_ATTEMPTS = 2  # a melody that is silent in a bar where it is to play is written again


@dataclass(frozen=True)
class Writers:
    """The two networks, and how the second's units are uncovered."""

    planner: PlanDenoiser
    voices: VoiceNetwork
    scheduler: UnmaskingScheduler


def compose(
    writers: Writers,
    draft: Draft,
    *,
    seed: int,
    guidance_scale: float = DEFAULT_GUIDANCE_SCALE,
    timing_guidance_scale: float | None = None,
    num_inference_steps: int = NUM_INFERENCE_STEPS,
    chords: Sequence[Chord | None] | None = None,
    on_step: OnStep | None = None,
) -> Score:
    """The draft's score, its plan with it; every note that is not to be composed stays as it is.

    `chords` are asked for of every half bar of the tempo map's bars, as heard; None is open.
    """
    sheet = draft.cue_sheet
    cues = bars_of_cues(draft, chords)
    if not cues:
        return replace(draft.score, markers=markers_of(sheet))
    steps = max(1, round(VOICE_STEPS * num_inference_steps))
    plan_steps = max(1, round(PLAN_STEPS * num_inference_steps))
    planning = plan_steps + second_steps(plan_steps)  # again with the chords that return
    edges = np.cumsum([0, *(cue.num_bars for cue in cues)])
    starts = edges[:-1].tolist()
    goes_on = {i + 1 for i, cue in enumerate(cues[:-1]) if cue.span.leads_on}
    how = writers.scheduler.config
    cut = partial(blocks_of, int(edges[-1]), starts, goes_on, block_bars=how.block_bars)
    total = planning + steps * len(cut(seed=seed))  # as if no phrase returned: that is drawn first

    def tell(done: int, x: Tensor) -> None:
        if on_step is not None:
            on_step(min(done, total - 1), total, x)

    with second_thread() as beside:
        film_plan = plan_film(
            writers.planner,
            draft,
            cues,
            seed=seed,
            guidance_scale=guidance_scale,
            num_steps=plan_steps,
            on_step=tell,
        )
        canvases = [prepare_voices(sheet, cue, film_plan.plan) for cue in cues]
        spans = [give_kept(canvas, draft, cue) for canvas, cue in zip(canvases, cues, strict=True)]
        voices = _Voices(
            writers,
            Guidance(guidance_scale, timing_guidance_scale),
            Sampling.of(writers.scheduler, steps, Style(sheet.style)),
            lambda share, x: tell(planning + int(share * (total - planning)), torch.from_numpy(x)),
            beside,
        )
        canvas = joined(canvases)
        blocks = cut(seed=seed, sources=canvas.sources)
        made = canvas.states == MASKED
        voices.write(canvas, blocks)
        for attempt in range(1, MELODY_ATTEMPTS + 1):
            if not mask_silent_melody(canvas, made, film_plan.plan):
                break
            other = window_seed(seed, -2, attempt)
            voices.write(
                canvas,
                cut(seed=other, sources=canvas.sources),
            )
    take_written(canvases, canvas)
    written = [
        read_voices(canvas, sheet, span, cue.end_beat, cue.last_chords)
        for canvas, span, cue in zip(canvases, spans, cues, strict=True)
    ]
    return replace(finished_score(draft, cues, spans, written, seed), plan=film_plan)


@dataclass
class _Voices:
    """Writes canvases, and tells how much of one is done."""

    writers: Writers
    guidance: Guidance
    sampling: Sampling
    on_step: Callable[[float, np.ndarray], None]  # share of the blocks' steps, tokens
    beside: Executor | None

    def write(self, canvas: VoiceCanvas, blocks: Sequence[Block]) -> None:
        """Write what is masked; it is known from then on."""
        canvas.tokens = write_blocks(
            self.writers.voices,
            self.writers.scheduler,
            canvas.tokens,
            canvas.states,
            canvas.conditions,
            canvas.bar_starts,
            canvas.sources,
            blocks=blocks,
            guidance=self.guidance,
            sampling=self.sampling,
            on_step=lambda step, total, x: self.on_step(step / total, x),
            beside=self.beside,
        )
        canvas.states = np.where(canvas.states == MASKED, KNOWN, canvas.states)


def mask_silent_melody(canvas: VoiceCanvas, made: np.ndarray, plan: Plan) -> bool:
    """Mask the melody of bars that it was to play in, and in which it does not sound; any?

    `made` bool (beats, parts) is what was to be composed.
    """
    layout = UNIT_LAYOUTS[Part.MELODY]
    wanted = plan.plays[::HALVES, MELODY] | plan.plays[1::HALVES, MELODY]
    bar = canvas.bar_of_beat
    voices = canvas.tokens[:, layout.voices]
    sounds = voices.max(1) >= FIRST_PITCH
    found = False
    for index in np.flatnonzero(wanted):
        beats = bar == index
        if made[beats, MELODY].all() and not sounds[beats].any() and not _is_held(voices, beats):
            canvas.tokens[beats, layout.tokens] = 0
            canvas.states[beats, MELODY] = MASKED
            found = True
    return found


def _is_held(voices: np.ndarray, beats: np.ndarray) -> bool:
    """Whether a note that began before some beats goes on in most of them."""
    first = int(np.flatnonzero(beats)[0])
    before = voices[:first].ravel()
    sounding = len(before) > 0 and before[-1] >= HOLD
    return bool(sounding and (voices[beats] == HOLD).mean() > 0.5)
