"""From a cue sheet and its tempo map to a score: conditioning, sampling, continuation, decoding.

A cue is written window by window. Each window is given the bars before it, is shown the earlier
bars that its phrases echo, and at the end is given the last chord, towards which the model leads.
Nothing is kept between calls: the scheduler is copied, and the noise of every window comes from a
generator of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
import torch
from diffusers import SchedulerMixin
from torch import Tensor

from pixmus.choices import NUM_INFERENCE_STEPS
from pixmus.compose.canvas import Canvas, play_by_rule, prepare, read_canvas
from pixmus.compose.cells import GIVEN, TO_MAKE
from pixmus.compose.conditions import ECHO_COLUMN
from pixmus.compose.sampling import Decoding, Guidance, OnStep, fresh_scheduler, sample
from pixmus.compose.texture import TextureBank
from pixmus.cues.sheet import CueSheet
from pixmus.ensembles import Style
from pixmus.model.denoiser import ScoreDenoiser
from pixmus.score.notes import CELL_PARTS, Note, Score
from pixmus.score.tempo import CueSpan, TempoMap, cue_span

# One window is at most so long, and shows so much of what stands before it. The first is shorter,
# so that what follows may echo it.
WINDOW_BARS, FIRST_WINDOW_BARS = 12, 8
CONTEXT_BARS = 4


def compose(
    denoiser: ScoreDenoiser,
    scheduler: SchedulerMixin,
    cue_sheet: CueSheet,
    tempo_map: TempoMap,
    *,
    seed: int,
    guidance: Guidance | None = None,
    num_inference_steps: int = NUM_INFERENCE_STEPS,
    decoding: Decoding | None = None,
    textures: TextureBank | None = None,
    with_echoes: bool = True,
    on_step: OnStep | None = None,
) -> Score:
    """The score of every cue of the sheet, in its key, on the tempo map.

    Each cue's parts move as `textures` drawn from the bank say, as the model likes without one.
    """
    guidance = guidance or Guidance()
    decoding = decoding or Decoding()
    spans, ends = playable_spans(cue_sheet, tempo_map)
    canvases = [
        prepare(cue_sheet, tempo_map, span, textures, window_seed(seed, index, -1), with_echoes)
        for index, span in enumerate(spans)
    ]
    windows = [window_bounds(canvas.bar_starts, len(canvas.cells)) for canvas in canvases]
    write_canvases(
        denoiser,
        scheduler,
        canvases,
        windows,
        seed=seed,
        guidance=guidance,
        num_inference_steps=num_inference_steps,
        decoding=decoding,
        on_step=on_step,
    )
    notes: dict[str, list[Note]] = {part: [] for part in cue_sheet.parts}
    for canvas, span, end_beat in zip(canvases, spans, ends, strict=True):
        if not Style(cue_sheet.style).has_dynamics:
            play_by_rule(canvas)
        for part, part_notes in read_canvas(canvas, cue_sheet, span, end_beat).items():
            notes[part] += part_notes
    return Score(
        {part: tuple(sorted(part_notes)) for part, part_notes in notes.items()},
        tempo_map,
        cue_sheet.key,
        markers_of(cue_sheet),
    )


def write_canvases(
    denoiser: ScoreDenoiser,
    scheduler: SchedulerMixin,
    canvases: Sequence[Canvas],
    windows: Sequence[Sequence[tuple[int, int]]],
    *,
    seed: int,
    guidance: Guidance,
    num_inference_steps: int,
    decoding: Decoding,
    on_step: OnStep | None = None,
) -> None:
    """Write what is to be made on each canvas, window by window (first beat, end beat)."""
    total = num_inference_steps * sum(len(bounds) for bounds in windows)
    done = 0
    for index, (canvas, bounds) in enumerate(zip(canvases, windows, strict=True)):
        for number, (first, end) in enumerate(bounds):

            def report(step: int, x: Tensor, offset: int = done) -> None:
                if on_step is not None:
                    on_step(offset + step, total, x)

            write_window(
                denoiser,
                fresh_scheduler(scheduler),
                canvas,
                first,
                end,
                generator=torch.Generator().manual_seed(window_seed(seed, index, number)),
                guidance=guidance,
                num_inference_steps=num_inference_steps,
                decoding=decoding,
                on_step=report,
            )
            done += num_inference_steps


def playable_spans(cue_sheet: CueSheet, tempo_map: TempoMap) -> tuple[list[CueSpan], list[float]]:
    """The spans of the cues that a beat falls in, and the beats at which their music has ended.

    A cue ends before the next one enters; one that is over before its first beat has no music.
    """
    spans: list[CueSpan] = []
    ends: list[float] = []
    for cue in cue_sheet.cues:
        span = cue_span(tempo_map, cue)
        if tempo_map.to_seconds(span.first_beat) >= cue.end:
            continue
        if spans:
            if span.first_beat <= spans[-1].final_beat:
                continue
            ends[-1] = min(ends[-1], span.first_beat)
        spans.append(span)
        ends.append(tempo_map.to_beats(cue.end))
    return spans, ends


def window_seed(seed: int, cue: int, window: int) -> int:
    """A generator seed for one window: other windows and cues do not change it."""
    digest = hashlib.sha256(f"{seed}/{cue}/{window}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def window_bounds(bar_starts: np.ndarray, num_beats: int) -> list[tuple[int, int]]:
    """First and end beat of every window, each sharing `CONTEXT_BARS` with the one before."""
    edges = [*bar_starts.tolist(), num_beats]
    num_bars = len(bar_starts)
    bounds = []
    first = 0
    while True:
        end = first + (WINDOW_BARS if first else FIRST_WINDOW_BARS)
        if num_bars - end < CONTEXT_BARS:  # a short rest is taken along
            end = num_bars
        bounds.append((edges[first], edges[end]))
        if end == num_bars:
            return bounds
        first = end - CONTEXT_BARS


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


def markers_of(cue_sheet: CueSheet) -> tuple[tuple[float, str], ...]:
    """Markers for cues and hit points: seconds and name, in order."""
    markers = [(cue.start, f"cue: {cue.name}" if cue.name else "cue") for cue in cue_sheet.cues]
    markers += [(hit.time, f"hit {hit.strength:.2f}") for hit in cue_sheet.hit_points]
    return tuple(sorted(markers))
