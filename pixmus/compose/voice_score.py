"""From a cue sheet, its tempo map and a plan to a score, written in voices.

A `VoiceCanvas` is one cue while it is written, beats counted from its first. What is asked of it is
in its states alone: all masked but the last chord to write it; bars before known to go on with it;
some parts or bars masked to redo them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pixmus.compose.canvas import transposition
from pixmus.compose.conditions import BeatConditions, condition
from pixmus.compose.endings import last_chord
from pixmus.compose.voice_conditions import NUM_LIKENESS, add_plan, form_columns
from pixmus.compose.voice_writing import (
    Sampling,
    UnmaskingScheduler,
    VoiceGuidance,
    write_blocks,
)
from pixmus.cues.sheet import CueSheet
from pixmus.curves import CURVES, Curve
from pixmus.ensembles import PARTS, Part, Style
from pixmus.model.voice_network import KNOWN, MASKED, SILENT, VoiceNetwork
from pixmus.score.chords import chord_rows
from pixmus.score.grid import STEPS_PER_BEAT
from pixmus.score.notes import Note
from pixmus.score.plan import HALVES, Plan
from pixmus.score.spans import CueSpan, place_hits
from pixmus.score.tempo import TempoMap
from pixmus.score.voices import NUM_TOKENS, UNIT_LAYOUTS, decode_voices, encode_voices


@dataclass
class VoiceCanvas:
    """One cue while it is written: beats count from the cue's first beat."""

    tokens: np.ndarray  # uint8 (beats, NUM_TOKENS)
    states: np.ndarray  # int (beats, parts): KNOWN, MASKED or SILENT
    conditions: np.ndarray  # float32 (beats, NUM_VOICE_CONDITIONS)
    bar_starts: np.ndarray  # beats that open a bar
    sources: np.ndarray  # int (bars,): the bar that each returns to, -1 = none

    @property
    def bar_of_beat(self) -> np.ndarray:
        return np.searchsorted(self.bar_starts, np.arange(len(self.tokens)), "right") - 1

    def give(self, parts: Mapping[str, Sequence[Note]], beats: slice) -> None:
        """Make notes (in C major or A minor, on the canvas' beats) known in some beats."""
        rows = [
            (
                PARTS.index(part),
                round(note.onset * STEPS_PER_BEAT),
                max(1, round(note.duration * STEPS_PER_BEAT)),
                note.pitch,
                note.velocity,
            )
            for part, notes in parts.items()
            for note in notes
        ]
        notes = np.array(rows, int).reshape(-1, 5)
        tokens = encode_voices(notes, len(self.tokens), self.bar_of_beat)
        for part in parts:
            own = UNIT_LAYOUTS[part].tokens
            self.tokens[beats, own] = tokens[beats, own]
            self.states[beats, PARTS.index(part)] = KNOWN


def sources_of_plan(plan: Plan) -> np.ndarray:
    """The bar that each bar returns to, as its phrase does; -1: none. Int (bars,)."""
    sources = np.full(plan.num_bars, -1)
    for phrase in plan.phrases:
        if phrase.source >= 0:
            source = plan.phrases[phrase.source]
            num = min(phrase.num_bars, source.num_bars)
            sources[phrase.first_bar : phrase.first_bar + num] = source.first_bar + np.arange(num)
    return sources


def voice_conditions(
    conditions: BeatConditions, plan: Plan, parts: Sequence[str], bar_of_beat: np.ndarray
) -> np.ndarray:
    """What steers every beat of a cue, float32 (beats, NUM_VOICE_CONDITIONS)."""
    second_half = conditions.beat_in_bar >= 2
    half = HALVES * bar_of_beat + second_half
    # what comes next: the second half of a bar, or the next bar where there is none
    goes_on = ~second_half & (conditions.bar_length > 2)
    following = np.minimum(np.where(goes_on, half + 1, HALVES * (bar_of_beat + 1)), _last(plan))
    rows = chord_rows(plan.chords)
    played = np.zeros((len(half), len(PARTS)), bool)
    played[:, [PARTS.index(part) for part in parts]] = True
    places = plan.bar_in_phrase[bar_of_beat]
    phrase_of_bar = np.repeat(
        np.arange(len(plan.phrases)), [phrase.num_bars for phrase in plan.phrases]
    )[bar_of_beat]
    lengths = np.array([phrase.num_bars for phrase in plan.phrases])[phrase_of_bar]
    returns = np.array([phrase.likeness for phrase in plan.phrases])[phrase_of_bar]
    returns = np.where(sources_of_plan(plan)[bar_of_beat] >= 0, returns, np.nan)
    return add_plan(
        conditions.array,
        rows[half],
        rows[following],
        np.full((len(half), len(PARTS), NUM_LIKENESS), np.nan),
        plan.plays[half],
        played,
        form_columns(places, lengths, plan.dynamics[bar_of_beat], returns),
    )


def _last(plan: Plan) -> int:
    return len(plan.chords) - 1


def prepare_voices(
    cue_sheet: CueSheet, tempo_map: TempoMap, span: CueSpan, plan: Plan
) -> VoiceCanvas:
    """An empty canvas for one cue, its last chord given; `plan` is of the cue's bars."""
    placed = place_hits(tempo_map, cue_sheet.hit_points)
    conditions = condition(cue_sheet, tempo_map, span, placed)
    num_beats = len(conditions.curves)
    opens = conditions.beat_in_bar == 0
    bar_of_beat = np.cumsum(opens) - opens[0]
    bar_starts = np.flatnonzero(np.diff(bar_of_beat, prepend=-1))
    assert plan.num_bars == len(bar_starts), f"{plan.num_bars=} {len(bar_starts)=}"
    parts = [part for part in PARTS if part in cue_sheet.parts]
    states = np.full((num_beats, len(PARTS)), SILENT)
    states[:, [PARTS.index(part) for part in parts]] = MASKED
    canvas = VoiceCanvas(
        np.zeros((num_beats, NUM_TOKENS), np.uint8),
        states,
        voice_conditions(conditions, plan, parts, bar_of_beat),
        bar_starts,
        sources_of_plan(plan),
    )
    final = span.final_beat - span.first_beat
    if 0 <= final < num_beats:
        curves = dict(zip(CURVES, conditions.curves[final], strict=True))
        chord = last_chord(
            parts,
            conditions.minor,
            final,
            num_beats - final,
            float(curves[Curve.REGISTER]),
            float(curves[Curve.ENERGY]),
        )
        canvas.give(chord, slice(final, num_beats))
    return canvas


def write_canvas(
    network: VoiceNetwork,
    scheduler: UnmaskingScheduler,
    canvas: VoiceCanvas,
    *,
    seed: int,
    guidance: VoiceGuidance | None = None,
    sampling: Sampling | None = None,
    on_block: Callable[[int, int], None] | None = None,
) -> None:
    """Write what is masked on a canvas; it is known from then on."""
    canvas.tokens = write_blocks(
        network,
        scheduler,
        canvas.tokens,
        canvas.states,
        canvas.conditions,
        canvas.bar_starts,
        canvas.sources,
        seed=seed,
        guidance=guidance,
        sampling=sampling,
        on_block=on_block,
    )
    canvas.states = np.where(canvas.states == MASKED, KNOWN, canvas.states)


def read_voices(
    canvas: VoiceCanvas, cue_sheet: CueSheet, span: CueSpan, end_beat: float
) -> dict[str, list[Note]]:
    """The canvas' notes in the cue's key, on the piece's beats.

    The last chord rings to `end_beat`, the cue's end; what sounds before it stops there. Notes
    without a velocity take one by energy and metre.
    """
    shift = transposition(cue_sheet.key)
    final = span.final_beat - span.first_beat
    ring_end = end_beat - span.first_beat
    by_rule = ruled_velocities(canvas)
    parts: dict[str, list[Note]] = {part: [] for part in cue_sheet.parts}
    for index, onset_step, length, pitch, velocity in decode_voices(canvas.tokens).tolist():
        part = PARTS[index]
        onset = onset_step / STEPS_PER_BEAT
        end = onset + length / STEPS_PER_BEAT
        if part not in parts or onset > final:
            continue
        if onset < final:
            end = min(end, final)
        elif part != Part.DRUMS:
            end = max(ring_end, onset + 1 / STEPS_PER_BEAT)
        if velocity == 0 or not Style(cue_sheet.style).has_dynamics:
            velocity = int(by_rule[onset_step])
        moved = pitch if part == Part.DRUMS else pitch + shift
        parts[part].append(Note(onset + span.first_beat, moved, end - onset, velocity))
    return {part: sorted(notes) for part, notes in parts.items()}


def ruled_velocities(canvas: VoiceCanvas) -> np.ndarray:
    """The velocity that energy and metre ask for, int (steps,).

    48 to 96 with energy, 8 more on a downbeat, 4 more on the bar's other beats.
    """
    energy = (canvas.conditions[:, CURVES.index(Curve.ENERGY)] + 1) / 2
    velocity = np.repeat(48 + 48 * energy, STEPS_PER_BEAT).reshape(len(energy), STEPS_PER_BEAT)
    velocity[:, 0] += 4
    velocity[canvas.bar_starts, 0] += 4
    return velocity.round().astype(int).ravel()
