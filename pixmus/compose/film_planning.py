"""The plan of a whole film: what the cue sheet and the kept notes give of it, the rest drawn.

Drawn once, for all cues: the network sees where each begins and ends. Given are the chords that are
asked for, those of kept notes, the way to every cue's last chord, who is silent, and where phrases
begin with a cue. Where kept notes leave a chord open, as a melody does, they speak for some chords.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from pixmus.chords import Chord
from pixmus.compose.cue_bars import CueBars
from pixmus.compose.draft import Draft
from pixmus.compose.endings import agrees
from pixmus.compose.finished_score import approach_generator, may_lead_on
from pixmus.compose.planning import (
    draw_plan,
    give_chords,
    give_ending,
    give_parts,
    plan_conditions,
)
from pixmus.compose.seeds import window_seed
from pixmus.ensembles import PARTS, Part, Style
from pixmus.keys import key_is_major, transposition
from pixmus.model.plan_network import PlanDenoiser
from pixmus.score.chords import HALF_BAR_STEPS, chord_evidence, chord_scores, read_chords
from pixmus.score.film_plan import FilmPlan
from pixmus.score.grid import STEPS_PER_BEAT
from pixmus.score.plan import HALVES, UNKNOWN_DYNAMIC, Plan, tonic_of
from pixmus.score.plan_tokens import CHORD_COLUMNS, PLACE_COLUMN, PLAYS_COLUMNS, masked_tokens

MELODY = PARTS.index(Part.MELODY)
MELODY_SHARE = 0.75  # of a cue's bars in which a melody that the ensemble offers plays at least
CHORD_CLASSES = 3  # kept notes of fewer pitch classes leave their chord open,
OPEN_TRUST = 0.25  # and count for so much of what they would in a reading


def plan_film(
    denoiser: PlanDenoiser,
    draft: Draft,
    cues: Sequence[CueBars],
    *,
    seed: int,
    guidance_scale: float,
    num_steps: int,
    on_step: Callable[[int, Tensor], None] | None = None,
) -> FilmPlan:
    """The plan of a draft's cues."""
    sheet = draft.cue_sheet
    rows = kept_rows(draft, cues)
    known = [cue.first_bar for cue in cues]
    evidence = _open_evidence(rows, cues[-1].end_bar)
    plan = draw_plan(
        denoiser,
        film_conditions(draft, cues),
        torch.Generator().manual_seed(window_seed(seed, -1, 0)),
        given_tokens(draft, cues, rows, seed),
        known,
        looks=looks_of_bars(draft, cues),
        guidance_scale=guidance_scale,
        num_inference_steps=num_steps,
        evidence=None if evidence is None else torch.from_numpy(evidence)[None],
        on_step=on_step,
    )
    if not Style(sheet.style).has_dynamics:
        plan = replace(plan, dynamics=np.full(plan.num_bars, UNKNOWN_DYNAMIC))
    # As they were asked for: what no token of a plan says, the voices are told too.
    asked = {half: chord for cue in cues for half, chord in cue.asked_halves.items()}
    plan = replace(plan, chords=tuple(asked.get(h, c) for h, c in enumerate(plan.chords)))
    if Part.MELODY in draft.region.parts:
        plan = with_melody(plan, cues)
    beats = [int(cue.span.first_beat + beat) for cue in cues for beat in cue.bar_starts]
    return FilmPlan(plan, tuple(beats), tuple(known), sheet.key)


def film_conditions(draft: Draft, cues: Sequence[CueBars]) -> np.ndarray:
    """What is wanted of the plan, as `plan_conditions` has it."""
    sheet = draft.cue_sheet
    hits = np.zeros(HALVES * cues[-1].end_bar)
    for cue in cues:
        strongest = cue.conditions.hits.reshape(-1, STEPS_PER_BEAT).max(1)
        np.maximum.at(hits, cue.half_of_beat, strongest)
    return plan_conditions(
        np.concatenate([cue.conditions.curves[cue.bar_starts] for cue in cues]),
        hits,
        np.concatenate([cue.conditions.tempo_bpm[cue.bar_starts] for cue in cues]),
        [cue.first_bar for cue in cues],
        minor=not key_is_major(sheet.key),
        style=sheet.style,
        parts=[part for part in PARTS if part in sheet.parts],
        bars_before=cues[0].bars_before,
    )


def looks_of_bars(draft: Draft, cues: Sequence[CueBars]) -> np.ndarray:
    """Which look the picture has where every bar begins, int (bars,); 0 where no section is."""
    sections = draft.cue_sheet.sections
    themes = sorted({section.theme for section in sections})
    times = np.concatenate(
        [draft.score.tempo_map.beat_times[cue.span.first_beat + cue.bar_starts] for cue in cues]
    )
    looks = np.zeros(len(times), int)
    for section in sections:
        inside = (times >= section.start) & (times < section.end)
        looks[inside] = 1 + themes.index(section.theme)
    return looks


def kept_rows(draft: Draft, cues: Sequence[CueBars]) -> np.ndarray:
    """The kept notes in C major or A minor, int (rows, 4): part, step, steps, pitch.

    Steps count through the half bars of all cues, `HALF_BAR_STEPS` each; a note has a row for every
    beat in which it sounds.
    """
    rows = []
    shift = transposition(draft.cue_sheet.key)
    for part, notes in draft.stays.items():
        moved = 0 if part == Part.DRUMS else shift
        for note in notes:
            for cue in cues:
                start, end = note.onset - cue.span.first_beat, note.onset - cue.span.first_beat
                end += note.duration
                for beat in range(max(0, math.floor(start)), min(cue.num_beats, math.ceil(end))):
                    first = max(0, round((start - beat) * STEPS_PER_BEAT))
                    last = min(STEPS_PER_BEAT, max(round((end - beat) * STEPS_PER_BEAT), first + 1))
                    if first >= last:
                        continue
                    place = int(cue.conditions.beat_in_bar[beat] % 2) * STEPS_PER_BEAT + first
                    step = int(cue.half_of_beat[beat]) * HALF_BAR_STEPS + place
                    rows.append((PARTS.index(part), step, last - first, note.pitch - moved))
    return np.array(rows, int).reshape(-1, 4)


def _classes(rows: np.ndarray, num_bars: int) -> np.ndarray:
    """How many pitch classes the kept notes of every half bar have, int (half bars,)."""
    sounding = np.zeros((HALVES * num_bars, 12), bool)
    pitched = rows[rows[:, 0] != PARTS.index(Part.DRUMS)]
    sounding[pitched[:, 1] // HALF_BAR_STEPS, pitched[:, 3] % 12] = True
    accompanied = np.zeros(HALVES * num_bars, bool)
    accompanied[pitched[pitched[:, 0] != MELODY, 1] // HALF_BAR_STEPS] = True
    return np.asarray(sounding.sum(1) * accompanied)


def _open_evidence(rows: np.ndarray, num_bars: int) -> np.ndarray | None:
    """Log odds of chords where kept notes leave them open, float32 (half bars, 12, qualities)."""
    if not len(rows):
        return None
    scores = OPEN_TRUST * chord_scores(chord_evidence(rows, HALVES * num_bars * HALF_BAR_STEPS))
    scores[_classes(rows, num_bars) >= CHORD_CLASSES] = 0
    return scores.astype(np.float32)


def given_tokens(draft: Draft, cues: Sequence[CueBars], rows: np.ndarray, seed: int) -> np.ndarray:
    """The tokens of a plan that are decided before it is drawn.

    `rows` are the kept notes (see `kept_rows`).
    """
    sheet = draft.cue_sheet
    minor, num_bars = not key_is_major(sheet.key), cues[-1].end_bar
    tokens = give_parts(masked_tokens(num_bars), [part for part in PARTS if part in sheet.parts])
    for index, cue in enumerate(cues):
        tokens[HALVES * cue.first_bar : HALVES * (cue.first_bar + 1), PLACE_COLUMN] = 0
        if may_lead_on(draft, cue.span) and agrees(sheet.key, cue.span.final_beat, draft.stays):
            tokens = _give_way_out(tokens, cue, minor, sheet.style, approach_generator(seed, index))
    if len(rows):
        read = read_chords(rows, HALVES * num_bars * HALF_BAR_STEPS)
        for half in np.flatnonzero(_classes(rows, num_bars) >= CHORD_CLASSES):
            tokens = give_chords(tokens, [read[half]], int(half))
    for cue in cues:
        _give_kept_parts(tokens, draft, cue, rows)
        for row, chord in cue.asked_halves.items():  # they win over all
            tokens[row] = give_chords(tokens[row : row + 1], [chord])[0]
    return tokens


def _give_way_out(
    tokens: np.ndarray, cue: CueBars, minor: bool, style: str, rng: np.random.Generator
) -> np.ndarray:
    """Tokens with what leads to a cue's last chord and that chord, or on to the next cue."""
    if cue.span.leads_on:
        return give_chords(tokens, [Chord((tonic_of(minor) + 7) % 12)], int(cue.half_of_beat[-1]))
    final = cue.span.final_beat - cue.span.first_beat
    if not 0 <= final < cue.num_beats:
        return tokens
    ending = give_ending(
        masked_tokens(2), rng, minor=minor, style=style, end_bar=2
    )  # approach, tonic, tonic from its second half bar on
    approach, tonic = ending[1, CHORD_COLUMNS], ending[2, CHORD_COLUMNS]
    given = tokens.copy()
    given[int(cue.half_of_beat[final]) : HALVES * cue.end_bar, CHORD_COLUMNS] = tonic
    if final > 0:
        given[int(cue.half_of_beat[final - 1]), CHORD_COLUMNS] = approach
    return given


def _give_kept_parts(tokens: np.ndarray, draft: Draft, cue: CueBars, rows: np.ndarray) -> None:
    """Say of every half bar that stays of a part whether the part plays in it."""
    halves = np.unique(cue.half_of_beat)
    for part in draft.cue_sheet.parts:
        stays = np.array(
            [
                not draft.region.holds(part, cue.span.first_beat + beat)
                for beat in range(cue.num_beats)
            ]
        )
        index = PARTS.index(part)
        plays = np.isin(halves, rows[rows[:, 0] == index, 1] // HALF_BAR_STEPS)
        whole = np.array([stays[cue.half_of_beat == half].all() for half in halves])
        tokens[halves[whole], PLAYS_COLUMNS.start + index] = plays[whole]


def with_melody(plan: Plan, cues: Sequence[CueBars]) -> Plan:
    """The plan with its melody playing in most bars of every cue, if the cue has one at all.

    Phrases in which it was to rest play after all, the last ones first: real melodies wait at the
    beginning.
    """
    plays = plan.plays.copy()
    for cue in cues:
        bars = slice(HALVES * cue.first_bar, HALVES * cue.end_bar)
        for phrase in reversed(plan.phrases):
            if plays[bars, MELODY].reshape(-1, HALVES).any(1).mean() >= MELODY_SHARE:
                break
            if cue.first_bar <= phrase.first_bar < cue.end_bar:
                plays[HALVES * phrase.first_bar : HALVES * phrase.end_bar, MELODY] = True
    return replace(plan, plays=plays)
