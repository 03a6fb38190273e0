"""The score of a draft: what was written of it joined with what stays.

A cue's last half bar leads to its last chord, or on to the next cue; new notes make room for the
kept ones; cues and hit points become markers.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from pixmus.compose.cadences import CADENCE_BEATS, lead_on
from pixmus.compose.cue_bars import CueBars
from pixmus.compose.draft import Draft
from pixmus.compose.endings import HALF_STEP
from pixmus.compose.seeds import window_seed
from pixmus.cues.sheet import CueSheet
from pixmus.ensembles import ONE_VOICE_PARTS, Part
from pixmus.score.grid import STEPS_PER_BEAT
from pixmus.score.notes import Note, Score
from pixmus.score.spans import CueSpan


def finished_score(
    draft: Draft,
    cues: Sequence[CueBars],
    spans: Sequence[CueSpan],
    written: Sequence[Mapping[str, list[Note]]],
    seed: int,
) -> Score:
    """The draft's score with what was `written` of each cue, in its region; all else stays.

    `spans` are the cues' as they were written. Chords that are asked for stay.
    """
    sheet = draft.cue_sheet
    new: dict[str, list[Note]] = {part: [] for part in sheet.parts}
    for index, (cue, span, read) in enumerate(zip(cues, spans, written, strict=True)):
        led = dict(read)
        before = range(span.final_beat - int(CADENCE_BEATS), span.final_beat)
        if may_lead_on(draft, span) and cue.asked_beats.isdisjoint(before):
            led = lead_on(led, span, sheet, approach_generator(seed, index))
        for part, notes in led.items():
            new[part] += [note for note in notes if draft.region.holds(part, note.onset)]
    parts = {
        part: tuple(sorted([*stay, *fit_beside(part, new[part], stay)]))
        for part, stay in draft.stays.items()
    }
    return replace(draft.score, parts=parts, markers=markers_of(sheet))


def approach_generator(seed: int, cue: int) -> np.random.Generator:
    """What draws the chord before a cue's last one: for its plan and for its notes the same."""
    return np.random.default_rng(window_seed(seed, cue, -2))


def may_lead_on(draft: Draft, span: CueSpan) -> bool:
    """Whether a cue's last half bar is all to be composed, so that it may lead to what follows."""
    start, final = span.final_beat - CADENCE_BEATS, span.final_beat
    return all(
        draft.region.holds(part, beat)
        for part in draft.cue_sheet.parts
        if part != Part.DRUMS
        for beat in (start, final - 1, final if not span.leads_on else start)
    ) and not any(
        note.onset < final and note.onset + note.duration > start
        for part, notes in draft.stays.items()
        if part != Part.DRUMS
        for note in notes
    )


def markers_of(cue_sheet: CueSheet) -> tuple[tuple[float, str], ...]:
    """Markers for cues and hit points: seconds and name, in order."""
    markers = [(cue.start, f"cue: {cue.name}" if cue.name else "cue") for cue in cue_sheet.cues]
    markers += [(hit.time, f"hit {hit.strength:.2f}") for hit in cue_sheet.hit_points]
    return tuple(sorted(markers))


def fit_beside(part: str, new: Sequence[Note], stay: Sequence[Note]) -> list[Note]:
    """New notes that do not collide with the kept notes of their part.

    Of one pitch no two notes sound at once. In melody, counter and bass, of one voice, a new note
    also waits until a kept one that rings into it has ended, an overlap of half a step as in
    legato set aside, and ends where the next kept one starts. What is left of a note is kept from
    half a step on.
    """
    rivals: dict[int, list[Note]] = defaultdict(list)  # by pitch, or of all pitches
    for other in sorted(stay):
        rivals[0 if part in ONE_VOICE_PARTS else other.pitch].append(other)
    fitted = []
    for note in new:
        start, end = note.onset, note.onset + note.duration
        for other in rivals[0 if part in ONE_VOICE_PARTS else note.pitch]:
            is_same = other.pitch == note.pitch
            other_end = other.onset + other.duration
            if other_end <= start or other.onset >= end:
                continue
            if other.onset > start:
                end = other.onset
            elif other_end - start > HALF_STEP:
                start = math.ceil(other_end * STEPS_PER_BEAT) / STEPS_PER_BEAT
            elif is_same:
                start = other_end
        if (start, end) == (note.onset, note.onset + note.duration):
            fitted.append(note)
        elif end - start >= HALF_STEP:
            fitted.append(replace(note, onset=start, duration=end - start))
    return fitted
