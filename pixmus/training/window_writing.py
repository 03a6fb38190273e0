"""Windows written by plan and voices for wishes that real windows would have had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import torch

from pixmus.chords import Chord
from pixmus.compose.conditions import COLUMNS, MODE_COLUMN, POSITION_HORIZON
from pixmus.compose.planning import draw_plan, give_chords, give_parts, plan_conditions
from pixmus.compose.sampling import Guidance, Sampling
from pixmus.compose.seeds import window_seed
from pixmus.compose.voice_score import (
    VoiceCanvas,
    levels_by_energy,
    sources_of_plan,
    voice_conditions,
)
from pixmus.compose.voice_writing import blocks_of, write_blocks
from pixmus.compose.writing import PLAN_STEPS, VOICE_STEPS, Writers
from pixmus.ensembles import PARTS, Style
from pixmus.model.voice_network import MASKED, SILENT
from pixmus.score.grid import BEATS_PER_BAR, STEPS_PER_BEAT
from pixmus.score.notes import NUM_CELLS, PART_LAYOUTS, Note, encode_notes
from pixmus.score.plan import HALVES, Plan
from pixmus.score.plan_tokens import masked_tokens
from pixmus.score.voices import NUM_TOKENS, UNKNOWN_VELOCITY, decode_voices


def write_window(
    writers: Writers,
    wishes: np.ndarray,
    parts: Sequence[str],
    style: str,
    *,
    seed: int,
    guidance_scale: float,
    num_inference_steps: int,
    given: Mapping[str, Sequence[Note]] = MappingProxyType({}),
    chords: Sequence[Chord | None] = (),
) -> np.ndarray:
    """Cells uint8 (beats, NUM_CELLS) of a stretch of whole 4/4 bars, its plan drawn for it alone.

    `wishes` (beats, NUM_CONDITIONS) are `BeatConditions.array`. Of real notes nothing is told but
    the parts that are `given` whole, in beats; `chords` of its half bars may be given, too.
    """
    asked = give_parts(masked_tokens(len(wishes) // BEATS_PER_BAR), parts)
    if chords:
        asked = give_chords(asked, chords)
    plan = _plan(writers, wishes, parts, style, asked, seed, guidance_scale, num_inference_steps)
    beats = np.arange(len(wishes))
    bar = beats // BEATS_PER_BAR
    states = np.full((len(beats), len(PARTS)), SILENT)
    states[:, [PARTS.index(part) for part in parts]] = MASKED
    canvas = VoiceCanvas(
        np.zeros((len(beats), NUM_TOKENS), np.uint8),
        states,
        voice_conditions(wishes, beats * HALVES // BEATS_PER_BAR, bar, plan, parts),
        beats[::BEATS_PER_BAR],
        sources_of_plan(plan),
    )
    canvas.give(given, slice(None))
    steps = max(1, round(VOICE_STEPS * num_inference_steps))
    canvas.tokens = write_blocks(
        writers.voices,
        writers.scheduler,
        canvas.tokens,
        canvas.states,
        canvas.conditions,
        canvas.bar_starts,
        canvas.sources,
        blocks=blocks_of(
            plan.num_bars,
            seed=seed,
            block_bars=writers.scheduler.config.block_bars,
            sources=canvas.sources,
        ),
        guidance=Guidance(guidance_scale),
        sampling=Sampling.of(writers.scheduler, steps, Style(style)),
    )
    return _cells(canvas)


def _plan(
    writers: Writers,
    wishes: np.ndarray,
    parts: Sequence[str],
    style: str,
    asked: np.ndarray,
    seed: int,
    guidance_scale: float,
    num_inference_steps: int,
) -> Plan:
    """A plan for the wishes of a stretch, from the middle of a piece or where they say it lies.

    `asked` are the plan's tokens with what is given.
    """
    bars = wishes[::BEATS_PER_BAR]
    place = {
        name: round(float(bars[end, COLUMNS[name]][0]) * POSITION_HORIZON)
        for name, end in (("bars_since_start", 0), ("bars_to_end", -1))
    }
    conditions = plan_conditions(
        (bars[:, COLUMNS["curves"]] + 1) / 2,
        wishes[:, COLUMNS["hits"]].reshape(HALVES * len(bars), -1).max(1),
        100 * 2 ** bars[:, COLUMNS["tempo"]][:, 0],
        [0],
        minor=bool(wishes[0, MODE_COLUMN] > 0),
        style=style,
        parts=parts,
        bars_before=place["bars_since_start"],
        bars_after=place["bars_to_end"],
    )
    return draw_plan(
        writers.planner,
        conditions,
        torch.Generator().manual_seed(window_seed(seed, -1, 0)),
        asked,
        guidance_scale=guidance_scale,
        num_inference_steps=max(1, round(PLAN_STEPS * num_inference_steps)),
    )


def _cells(canvas: VoiceCanvas) -> np.ndarray:
    """The canvas' notes as cells; those without a level have a velocity all the same."""
    cells = np.zeros((len(canvas.tokens), NUM_CELLS), np.uint8)
    rows = decode_voices(canvas.tokens, levels=levels_by_energy(canvas))
    for index, part in enumerate(PARTS):
        notes = [
            Note(
                onset / STEPS_PER_BEAT, pitch, length / STEPS_PER_BEAT, velocity or UNKNOWN_VELOCITY
            )
            for _, onset, length, pitch, velocity in rows[rows[:, 0] == index].tolist()
        ]
        cells[:, PART_LAYOUTS[part].cells] = encode_notes(part, notes, len(cells))
    return cells
