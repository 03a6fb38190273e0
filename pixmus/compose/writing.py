"""From a cue sheet and its tempo map to a score: conditioning, sampling, continuation, decoding.

A cue is written window by window. Each window is given the bars before it, is shown the earlier
bars that its phrases echo, and at the end is given the last chord, towards which the model leads.
Nothing is kept between calls: the scheduler is copied, and the noise of every window comes from a
generator of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from pixmus.choices import NUM_INFERENCE_STEPS
from pixmus.compose.canvas import Canvas, give_kept, play_by_rule, prepare, read_canvas
from pixmus.compose.cells import GIVEN, TO_MAKE
from pixmus.compose.conditions import ECHO_COLUMN
from pixmus.compose.draft import Draft
from pixmus.compose.finished_score import finished_score
from pixmus.compose.sampling import Decoding, Guidance, OnStep, fresh_scheduler, sample
from pixmus.compose.seeds import window_seed
from pixmus.compose.texture import TextureBank
from pixmus.compose.windows import windows_of
from pixmus.diffusers_base import SchedulerMixin
from pixmus.ensembles import PARTS, Part, Style
from pixmus.model.denoiser import ScoreDenoiser
from pixmus.score.notes import CELL_PARTS, PART_LAYOUTS, Score
from pixmus.score.spans import CueSpan

# A melody that starts a note in fewer of its bars is written again beside what else was written,
# each time with more log odds for its notes.
MELODY_SHARE = 0.6
FEWEST_NOTES = 4
MELODY_ATTEMPTS, MELODY_LOG_ODDS = 3, 0.8
MELODY = PARTS.index(Part.MELODY)


def compose(
    denoiser: ScoreDenoiser,
    scheduler: SchedulerMixin,
    draft: Draft,
    *,
    seed: int,
    guidance: Guidance | None = None,
    num_inference_steps: int = NUM_INFERENCE_STEPS,
    decoding: Decoding | None = None,
    textures: TextureBank | None = None,
    with_echoes: bool = True,
    on_step: OnStep | None = None,
) -> Score:
    """The draft's score with all that is to be composed of it; every other note stays as it is.

    Each cue's parts move as `textures` drawn from the bank say, as the model likes without one.
    """
    sheet, tempo_map = draft.cue_sheet, draft.score.tempo_map
    canvases: list[Canvas] = []
    spans: list[CueSpan] = []
    for index, (span, _) in enumerate(draft.spans):
        form_seed = window_seed(seed, index, -1)
        canvases.append(prepare(sheet, tempo_map, span, textures, form_seed, with_echoes))
        spans.append(give_kept(canvases[-1], draft, span))
    write_canvases(
        denoiser,
        scheduler,
        canvases,
        seed=seed,
        guidance=guidance or Guidance(),
        num_inference_steps=num_inference_steps,
        decoding=decoding or Decoding(),
        on_step=on_step,
    )
    written = []
    for canvas, span, (_, end_beat) in zip(canvases, spans, draft.spans, strict=True):
        if not Style(sheet.style).has_dynamics:
            play_by_rule(canvas)
        written.append(read_canvas(canvas, sheet, span, end_beat))
    return finished_score(draft, spans, written, seed)


def write_canvases(
    denoiser: ScoreDenoiser,
    scheduler: SchedulerMixin,
    canvases: Sequence[Canvas],
    *,
    seed: int,
    guidance: Guidance,
    num_inference_steps: int,
    decoding: Decoding,
    on_step: OnStep | None = None,
) -> None:
    """Write what is to be made on each canvas, window by window."""
    windows = [windows_of(canvas) for canvas in canvases]
    to_make = [canvas.states == TO_MAKE for canvas in canvases]
    total = num_inference_steps * sum(len(bounds) for bounds in windows)
    done = 0

    def write(index: int, number: int, bounds: tuple[int, int], decoding: Decoding) -> None:
        def report(step: int, x: Tensor) -> None:
            if on_step is not None:  # what is written again is beyond the total
                on_step(min(done + step, total - 1), total, x)

        write_window(
            denoiser,
            fresh_scheduler(scheduler),
            canvases[index],
            *bounds,
            generator=torch.Generator().manual_seed(window_seed(seed, index, number)),
            guidance=guidance,
            num_inference_steps=num_inference_steps,
            decoding=decoding,
            on_step=report,
        )

    for index, bounds in enumerate(windows):
        for number, window in enumerate(bounds):
            write(index, number, window, decoding)
            done += num_inference_steps
    for index, (canvas, made) in enumerate(zip(canvases, to_make, strict=True)):
        for attempt in range(1, MELODY_ATTEMPTS + 1):
            if not melody_is_missing(canvas, made):
                break
            canvas.states[made[:, MELODY], MELODY] = TO_MAKE
            canvas.cells[made[:, MELODY], PART_LAYOUTS[Part.MELODY].cells] = 0
            more = decoding.log_odds.get(Part.MELODY, 0.0) + attempt * MELODY_LOG_ODDS
            livelier = replace(decoding, log_odds={**decoding.log_odds, Part.MELODY: more})
            for number, window in enumerate(windows_of(canvas)):
                write(index, 1000 * attempt + number, window, livelier)


def melody_is_missing(canvas: Canvas, made: np.ndarray) -> bool:
    """Whether the melody starts a note in too few of the bars in which it was to be composed.

    `made` (beats, parts) says what was. Who wants no melody leaves the part out.
    """
    edges = canvas.edges()
    struck: np.ndarray = np.any(canvas.cells[:, PART_LAYOUTS[Part.MELODY].onsets], axis=1)
    bars = [struck[a:b].any() for a, b in pairwise(edges) if made[a:b, MELODY].all()]
    beats = made[:, MELODY]
    notes = int(canvas.cells[beats][:, PART_LAYOUTS[Part.MELODY].onsets].sum())
    wanted = MELODY_SHARE * len(bars)
    few = sum(bars) < wanted or notes < min(float(beats.sum()) / 2, FEWEST_NOTES)
    return bool(beats.any()) and bool(few)


def write_window(
    denoiser: ScoreDenoiser,
    scheduler: SchedulerMixin,
    canvas: Canvas,
    first: int,
    end: int,
    *,
    generator: torch.Generator,
    guidance: Guidance,
    num_inference_steps: int,
    decoding: Decoding,
    on_step: Callable[[int, Tensor], None] | None = None,
) -> None:
    """Write the beats first..end of the canvas that are to be made; they are given from then on."""
    cells, states = canvas.cells[first:end], canvas.states[first:end]
    if not (states == TO_MAKE).any():
        return
    conditions = canvas.conditions[first:end]
    echo, likeness = canvas.echo()
    conditions = conditions.copy()
    conditions[:, ECHO_COLUMN] = likeness[first:end]
    x0 = sample(
        denoiser,
        scheduler,
        cells,
        states,
        conditions,
        generator=generator,
        guidance=guidance,
        num_inference_steps=num_inference_steps,
        echo=echo[first:end],
        decoding=decoding,
        on_step=on_step,
    )
    made = canvas.states[first:end] == TO_MAKE
    made_cells = made[:, CELL_PARTS]
    canvas.cells[first:end][made_cells] = decoding.cells(x0)[made_cells]
    canvas.states[first:end][made] = GIVEN
