"""A `VoiceCanvas`: beats while they are written in voices, from the empty ones to the notes.

One is a cue's, beats counted from its first; all cues of a film are written as one, so that what
returns in a later cue is shown. What is asked is in the states alone: all masked but the last chord
to write a cue; bars before known to go on with it; some parts or bars masked to redo them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pixmus.compose.conditions import COLUMNS
from pixmus.compose.cue_bars import CueBars
from pixmus.compose.draft import Draft
from pixmus.compose.endings import agrees, chords_for
from pixmus.compose.voice_conditions import NUM_LIKENESS, add_plan, form_columns
from pixmus.cues.sheet import CueSheet
from pixmus.curves import CURVES, Curve
from pixmus.ensembles import PARTS, STYLES, Part, Style
from pixmus.keys import transposition
from pixmus.model.voice_network import KNOWN, MASKED, SILENT
from pixmus.score.chords import chord_rows
from pixmus.score.grid import BEATS_PER_BAR, STEPS_PER_BEAT
from pixmus.score.notes import Note
from pixmus.score.plan import Plan
from pixmus.score.spans import CueSpan
from pixmus.score.voices import (
    LEVEL_WIDTH,
    NUM_TOKENS,
    SOFTEST,
    UNIT_LAYOUTS,
    decode_voices,
    encode_voices,
)

SOFT, LOUDER = 60, 48  # velocity without energy, and what all of it adds: 84 is typical of bars
STRUCK_HARDER: dict[str, int] = {Style.GAME: 18, Style.POP: 3}
DRAWN_SHARE = 0.35  # of a drawn level's distance from its part's mean


@dataclass
class VoiceCanvas:
    """Beats while they are written; those of a cue count from its first."""

    tokens: np.ndarray  # uint8 (beats, NUM_TOKENS)
    states: np.ndarray  # int (beats, parts): KNOWN, MASKED or SILENT
    conditions: np.ndarray  # float32 (beats, NUM_VOICE_CONDITIONS)
    bar_starts: np.ndarray  # beats that open a bar
    sources: np.ndarray  # int (bars,): the bar of the film that each returns to, -1 = none

    @property
    def bar_of_beat(self) -> np.ndarray:
        return np.searchsorted(self.bar_starts, np.arange(len(self.tokens)), "right") - 1

    def give(self, parts: Mapping[str, Sequence[Note]], beats: slice | np.ndarray) -> None:
        """Make notes (in C major or A minor, on the canvas' beats) known in some beats.

        `beats` is a slice, or bool (beats,).
        """
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
    wishes: np.ndarray, half: np.ndarray, bar: np.ndarray, plan: Plan, parts: Sequence[str]
) -> np.ndarray:
    """What steers every beat of some music, float32 (beats, NUM_VOICE_CONDITIONS).

    `wishes` are `BeatConditions.array`; `half` and `bar` int (beats,) say where the beats lie in
    the plan.
    """
    # what comes next: the second half of a bar, or the next bar where there is none
    following = np.append(half[1:], half[-1] + 1)
    for beat in range(len(half) - 2, -1, -1):
        if half[beat + 1] == half[beat]:
            following[beat] = following[beat + 1]
    following = np.minimum(following, len(plan.chords) - 1)
    rows = chord_rows(plan.chords)
    played = np.zeros((len(half), len(PARTS)), bool)
    played[:, [PARTS.index(part) for part in parts]] = True
    phrase_of_bar = np.repeat(
        np.arange(len(plan.phrases)), [phrase.num_bars for phrase in plan.phrases]
    )[bar]
    lengths = np.array([phrase.num_bars for phrase in plan.phrases])[phrase_of_bar]
    returns = np.array([phrase.likeness for phrase in plan.phrases])[phrase_of_bar]
    returns = np.where(sources_of_plan(plan)[bar] >= 0, returns, np.nan)
    return add_plan(
        wishes,
        rows[half],
        rows[following],
        np.full((len(half), len(PARTS), NUM_LIKENESS), np.nan),
        plan.plays[half],
        played,
        form_columns(plan.bar_in_phrase[bar], lengths, plan.dynamics[bar], returns),
    )


def prepare_voices(cue_sheet: CueSheet, cue: CueBars, plan: Plan) -> VoiceCanvas:
    """An empty canvas for one cue, its last chords given; `plan` is of all cues' bars."""
    assert plan.num_bars >= cue.end_bar, f"{plan.num_bars=} {cue.end_bar=}"
    parts = [part for part in PARTS if part in cue_sheet.parts]
    states = np.full((cue.num_beats, len(PARTS)), SILENT)
    states[:, [PARTS.index(part) for part in parts]] = MASKED
    canvas = VoiceCanvas(
        np.zeros((cue.num_beats, NUM_TOKENS), np.uint8),
        states,
        voice_conditions(
            cue.conditions.array, cue.half_of_beat, cue.first_bar + cue.bar_of_beat, plan, parts
        ),
        cue.bar_starts,
        sources_of_plan(plan)[cue.first_bar : cue.end_bar],
    )
    if cue.last_chords:
        notes = chords_for(cue.conditions, parts, cue.last_chords, cue.num_beats)
        canvas.give(notes, slice(min(cue.last_chords), cue.num_beats))
    return canvas


def give_kept(canvas: VoiceCanvas, draft: Draft, cue: CueBars) -> CueSpan:
    """Give a cue's canvas the notes that stay, and return the span that the cue has now.

    A part that stays without a note is silent: nobody asked for it. Where the kept notes do not end
    on the last chord it is withdrawn, and the span goes on to the canvas' end.
    """
    span, sheet = cue.span, draft.cue_sheet
    shift = transposition(sheet.key)
    for part in sheet.parts:
        stays = np.array(
            [not draft.region.holds(part, span.first_beat + b) for b in range(cue.num_beats)]
        )
        moved = 0 if part == Part.DRUMS else shift
        notes = [
            replace(note, onset=note.onset - span.first_beat, pitch=note.pitch - moved)
            for note in draft.stays[part]
        ]
        canvas.give({part: notes}, stays)
        if not notes:
            canvas.states[stays, PARTS.index(part)] = SILENT
    final = span.final_beat - span.first_beat
    if agrees(sheet.key, span.final_beat, draft.stays, cue.asked.get(final)):
        return span
    for part in sheet.parts:
        if draft.region.holds(part, span.final_beat):
            canvas.tokens[final:, UNIT_LAYOUTS[part].tokens] = 0
            canvas.states[final:, PARTS.index(part)] = MASKED
    return replace(span, final_beat=span.first_beat + cue.num_beats)


def joined(canvases: Sequence[VoiceCanvas]) -> VoiceCanvas:
    """The canvases of all cues as one, in which the bars of the film's plan are its bars."""
    firsts = np.cumsum([0, *(len(canvas.tokens) for canvas in canvases[:-1])])
    return VoiceCanvas(
        np.concatenate([canvas.tokens for canvas in canvases]),
        np.concatenate([canvas.states for canvas in canvases]),
        np.concatenate([canvas.conditions for canvas in canvases]),
        np.concatenate(
            [first + canvas.bar_starts for first, canvas in zip(firsts, canvases, strict=True)]
        ),
        np.concatenate([canvas.sources for canvas in canvases]),
    )


def take_written(canvases: Sequence[VoiceCanvas], written: VoiceCanvas) -> None:
    """Give each cue's canvas its beats of the canvas that they were `joined` to."""
    first = 0
    for canvas in canvases:
        beats = slice(first, first + len(canvas.tokens))
        canvas.tokens, canvas.states = written.tokens[beats], written.states[beats]
        first = beats.stop


def read_voices(
    canvas: VoiceCanvas,
    cue_sheet: CueSheet,
    span: CueSpan,
    end_beat: float,
    changes: Collection[int] = (),
) -> dict[str, list[Note]]:
    """The canvas' notes in the cue's key, on the piece's beats.

    The last chord rings to `end_beat`, the cue's end; what sounds before it stops there. Others
    follow it only on `changes`, beats of the cue, each of which ends what rings before it. Nothing
    starts at the cue's end or after it. Notes without a velocity take one by energy and metre.
    """
    shift = transposition(cue_sheet.key)
    final = span.final_beat - span.first_beat
    ring_end = end_beat - span.first_beat
    by_rule = ruled_velocities(canvas)
    levels = levels_by_energy(canvas)
    parts: dict[str, list[Note]] = {part: [] for part in cue_sheet.parts}
    rows = decode_voices(canvas.tokens, levels=levels)
    for index, onset_step, length, pitch, velocity in rows.tolist():
        part = PARTS[index]
        onset = onset_step / STEPS_PER_BEAT
        end = onset + length / STEPS_PER_BEAT
        if part not in parts or onset >= ring_end or (onset > final and onset not in changes):
            continue
        following = min((beat for beat in changes if beat > max(onset, final)), default=None)
        if onset < final:
            end = min(end, final, ring_end)
        elif following is not None and part != Part.DRUMS:
            end = following
        elif part != Part.DRUMS:
            end = max(ring_end, onset + 1 / STEPS_PER_BEAT)
        if velocity == 0 or not Style(cue_sheet.style).has_dynamics:
            velocity = int(by_rule[onset_step])
        moved = pitch if part == Part.DRUMS else pitch + shift
        parts[part].append(Note(onset + span.first_beat, moved, end - onset, velocity))
    return {part: without_unisons(notes) for part, notes in parts.items()}


def without_unisons(notes: Iterable[Note]) -> list[Note]:
    """The notes in order, of which no two sound one pitch at once, as voices may.

    Of those that start together the longest stays; one that goes on ends where the next starts.
    """
    found: list[Note] = []
    sounding: dict[int, int] = {}  # pitch: where its last note stands
    for note in sorted(notes, key=lambda note: (note.onset, note.pitch, -note.duration)):
        at = sounding.get(note.pitch)
        if at is not None:
            before = found[at]
            if note.onset == before.onset:
                continue
            if before.onset + before.duration > note.onset:
                found[at] = replace(before, duration=note.onset - before.onset)
        sounding[note.pitch] = len(found)
        found.append(note)
    return sorted(found)


def levels_of_bars(tokens: np.ndarray, bar_of_beat: np.ndarray) -> np.ndarray:
    """How loud each part is in each beat, float (beats, parts), 0 where it strikes nothing.

    In a bar all units have the mean of their levels, half of it, and a quarter each of the bars
    beside it in which the part plays: a level is 7 velocities wide, and written units each draw
    their own, so what they jump by is coarser than what is meant.
    """
    num_bars = int(bar_of_beat.max()) + 1
    levels = np.zeros((len(tokens), len(PARTS)))
    for index, part in enumerate(PARTS):
        drawn = tokens[:, UNIT_LAYOUTS[part].start].astype(float)
        counts = np.bincount(bar_of_beat, drawn > 0, num_bars)
        means = np.bincount(bar_of_beat, drawn, num_bars) / np.maximum(counts, 1)
        weights = np.convolve(counts > 0, (0.25, 0.5, 0.25), "same")
        eased = np.convolve(means, (0.25, 0.5, 0.25), "same") / np.maximum(weights, 0.25)
        levels[:, index] = np.where(drawn > 0, eased[bar_of_beat], 0)
    return levels


def levels_by_energy(canvas: VoiceCanvas) -> np.ndarray:
    """How loud each part is in each beat, float (beats, parts), 0 where it strikes nothing.

    Energy asks for the level; what was drawn colours it, by how far it lies from the part's mean.
    Drawn levels alone hardly follow energy: those of the corpora hardly do.
    """
    drawn = levels_of_bars(canvas.tokens, canvas.bar_of_beat)
    plays = drawn > 0
    means = drawn.sum(0) / np.maximum(plays.sum(0), 1)
    apart = means - drawn.sum() / max(plays.sum(), 1)  # one part is played louder than another
    asked = (velocity_by_energy(canvas) - SOFTEST) / LEVEL_WIDTH + 1
    return np.where(plays, asked[:, None] + apart + DRAWN_SHARE * (drawn - means), 0)


def velocity_by_energy(canvas: VoiceCanvas) -> np.ndarray:
    """The velocity that energy asks for, float (beats,): `SOFT`, and up to `LOUDER` more.

    Energy is eased by a triangle that a bar before and one after a beat share in: crescendos go
    through bars, and no bar jumps.
    """
    energy = (canvas.conditions[:, CURVES.index(Curve.ENERGY)] + 1) / 2
    triangle = np.bartlett(2 * BEATS_PER_BAR + 3)[1:-1]
    padded = np.pad(energy, BEATS_PER_BAR, mode="edge")
    eased = np.convolve(padded, triangle / triangle.sum(), "valid")
    style = canvas.conditions[:, COLUMNS["style"]] @ [STRUCK_HARDER.get(s, 0) for s in STYLES]
    return np.asarray(SOFT + style + LOUDER * eased)


def ruled_velocities(canvas: VoiceCanvas) -> np.ndarray:
    """The velocity that energy and metre ask for, int (steps,).

    `velocity_by_energy`, 8 more on a downbeat, 4 more on the bar's other beats.
    """
    base = velocity_by_energy(canvas)
    velocity = np.repeat(base, STEPS_PER_BEAT).reshape(len(base), STEPS_PER_BEAT)
    velocity[:, 0] += 4
    velocity[canvas.bar_starts, 0] += 4
    return np.asarray(velocity.round().clip(1, 127).astype(int).ravel())
