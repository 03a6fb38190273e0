"""A `Canvas`: one cue while it is written, from the empty one to the notes that are read off it.

Beats count from the cue's first beat; the music is in C major or A minor until it is read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from pixmus.compose.cells import GIVEN, OFF, TO_MAKE
from pixmus.compose.conditions import COLUMNS, add_textures, condition
from pixmus.compose.draft import Draft
from pixmus.compose.endings import agrees, chord_for
from pixmus.compose.form import Echoes, blocks_of, plan_echoes
from pixmus.compose.texture import (
    COLUMNS_PER_PART,
    TEXTURE_BARS,
    TextureBank,
    measure_texture,
    texture_columns,
)
from pixmus.cues.sheet import CueSheet
from pixmus.curves import CURVES, Curve
from pixmus.ensembles import PARTS, Part
from pixmus.keys import key_is_major, key_tonic
from pixmus.score.grid import BEATS_PER_BAR, STEPS_PER_BEAT
from pixmus.score.notes import NUM_CELLS, PART_LAYOUTS, Note, decode_notes, encode_notes
from pixmus.score.spans import CueSpan, place_hits
from pixmus.score.tempo import TempoMap

INTRODUCED_BARS = 24  # a first cue of so many bars has an introduction,
UNDER_WAY_BARS = 4  # which is over after so many


@dataclass
class Canvas:
    """One cue while it is written: beats count from the cue's first beat."""

    cells: np.ndarray  # uint8 (beats, NUM_CELLS)
    states: np.ndarray  # (beats, parts)
    conditions: np.ndarray  # float32 (beats, NUM_CONDITIONS)
    bar_starts: np.ndarray  # beats that open a bar
    echoes: Echoes
    holds_kept: bool = False  # whether something on it is not to be composed

    def edges(self) -> list[int]:
        """The beats between bars, from the first to the end."""
        return [*self.bar_starts.tolist(), len(self.cells)]

    def echo(self) -> tuple[np.ndarray, np.ndarray]:
        """The cells that every beat echoes, and how like them it is to be (beats,), 0 = nothing.

        Bars that are not written yet, or not wholly, are no echo.
        """
        cells = np.zeros_like(self.cells)
        likeness = np.zeros(len(cells), np.float32)
        edges = self.edges()
        for bar, source in enumerate(self.echoes.sources):
            if source < 0 or (self.states[edges[source] : edges[source + 1]] == TO_MAKE).any():
                continue
            beats = min(edges[bar + 1] - edges[bar], edges[source + 1] - edges[source])
            mine = slice(edges[bar], edges[bar] + beats)
            cells[mine] = self.cells[edges[source] : edges[source] + beats]
            likeness[mine] = self.echoes.likeness[bar]
        return cells, likeness


def prepare(
    cue_sheet: CueSheet,
    tempo_map: TempoMap,
    span: CueSpan,
    textures: TextureBank | None = None,
    seed: int = 0,
    with_echoes: bool = True,
) -> Canvas:
    """An empty canvas for one cue: its conditions, what is to be made, and its last chord given.

    The seed draws its form: which bars echo which, and the textures.
    """
    placed = place_hits(tempo_map, cue_sheet.hit_points)
    conditions = condition(
        cue_sheet, tempo_map, span, placed, bars_before(cue_sheet, tempo_map, span)
    )
    num_beats = len(conditions.curves)
    parts = [part for part in PARTS if part in cue_sheet.parts]
    cells = np.zeros((num_beats, NUM_CELLS), np.uint8)
    states = np.full((num_beats, len(PARTS)), OFF)
    states[:, [PARTS.index(part) for part in parts]] = TO_MAKE
    final = span.final_beat - span.first_beat
    if 0 <= final < num_beats:
        chord = chord_for(conditions, parts, final, num_beats)
        for part, notes in chord.items():
            layout = PART_LAYOUTS[part].cells
            cells[final:, layout] = encode_notes(part, notes, num_beats)[final:]
            states[final:, PARTS.index(part)] = GIVEN
    bar_of_beat = np.cumsum(conditions.beat_in_bar == 0) - (conditions.beat_in_bar[0] == 0)
    bar_starts = np.flatnonzero(np.diff(bar_of_beat, prepend=-1))
    rng = np.random.default_rng(seed)
    echoes = plan_echoes(
        rng,
        conditions.curves[bar_starts],
        looks_of(cue_sheet, tempo_map.beat_times[span.first_beat + bar_starts]),
    )
    if not with_echoes:
        echoes = Echoes.none(len(bar_starts))
    array = conditions.array
    if textures is not None:
        taken = blocks_of(echoes, TEXTURE_BARS)
        blocks = np.minimum(bar_of_beat // TEXTURE_BARS, len(taken) - 1)
        density = conditions.curves[:, CURVES.index(Curve.DENSITY)]
        drawn = textures.draw(
            rng,
            cue_sheet.style,
            [PARTS.index(part) for part in parts],
            float(conditions.tempo_bpm.mean()),
            np.array([density[blocks == block].mean() for block in range(len(taken))]),
        )
        array = add_textures(array, drawn[taken], blocks, conditions.beat_in_bar)
    return Canvas(cells, states, array, bar_starts, echoes)


def bars_before(cue_sheet: CueSheet, tempo_map: TempoMap, span: CueSpan) -> int:
    """How many bars the model is told that stand before a cue.

    Only a piece's first bars are a beginning, where real melodies often wait; where they are all
    there is of a short piece, or the piece goes on from cue to cue, the music is under way.
    """
    starts = np.asarray(tempo_map.bar_starts)
    bars = int(((starts >= span.first_beat) & (starts < span.final_beat)).sum())
    is_first = tempo_map.to_seconds(span.first_beat) < cue_sheet.cues[0].end
    return 0 if is_first and bars >= INTRODUCED_BARS else UNDER_WAY_BARS


def looks_of(cue_sheet: CueSheet, times: np.ndarray) -> np.ndarray:
    """Which look the picture has at each time (seconds), a number; 0 where no section is."""
    themes = sorted({section.theme for section in cue_sheet.sections})
    looks = np.zeros(len(times), int)
    for section in cue_sheet.sections:
        inside = (times >= section.start) & (times < section.end)
        looks[inside] = 1 + themes.index(section.theme)
    return looks


def play_by_rule(canvas: Canvas) -> None:
    """Give every struck step the velocity that energy and metre ask for.

    48 to 96 with energy, 8 more on a downbeat, 4 more on the bar's other beats.
    """
    energy = (canvas.conditions[:, CURVES.index(Curve.ENERGY)] + 1) / 2  # (beats,)
    opens_bar = np.zeros(len(energy), bool)
    opens_bar[canvas.bar_starts] = True
    velocity = np.repeat(48 + 48 * energy, STEPS_PER_BEAT).reshape(len(energy), STEPS_PER_BEAT)
    velocity[:, 0] += np.where(opens_bar, 8, 4)
    for layout in PART_LAYOUTS.values():
        cells = canvas.cells[:, layout.velocities]
        canvas.cells[:, layout.velocities] = np.where(cells > 0, velocity.round(), 0)


def transposition(key: str) -> int:
    """Semitones, -6 to 5, from C major or A minor, in which the model writes, to a key."""
    home = 0 if key_is_major(key) else 9
    return (key_tonic(key) - home + 6) % 12 - 6


def read_canvas(
    canvas: Canvas, cue_sheet: CueSheet, span: CueSpan, end_beat: float
) -> dict[str, list[Note]]:
    """The canvas' notes in the cue's key, on the piece's beats.

    The last chord rings to `end_beat`, the cue's end; what sounds before it stops there. Nothing
    starts at the cue's end or after it.
    """
    shift = transposition(cue_sheet.key)
    final = span.final_beat - span.first_beat
    parts: dict[str, list[Note]] = {}
    for part in cue_sheet.parts:
        notes = []
        for note in decode_notes(part, canvas.cells[:, PART_LAYOUTS[part].cells]):
            onset = note.onset + span.first_beat
            duration = note.duration
            if note.onset > final or onset >= end_beat:
                continue
            if note.onset < final:
                duration = min(duration, final - note.onset, end_beat - onset)
            elif part != Part.DRUMS:
                duration = max(end_beat - span.first_beat - note.onset, 1 / STEPS_PER_BEAT)
            pitch = note.pitch if part == Part.DRUMS else note.pitch + shift
            notes.append(Note(onset, pitch, duration, note.velocity))
        parts[part] = notes
    return parts


def give_kept(canvas: Canvas, draft: Draft, span: CueSpan) -> CueSpan:
    """Give the canvas the notes of the draft that stay, and return the span that it has now.

    A part that stays without a note is off: nobody said that it is to be silent. Where the kept
    notes do not end on the tonic the last chord is withdrawn, and the span goes on to the canvas'
    end: the model writes to them.
    """
    num_beats = len(canvas.cells)
    beats = range(span.first_beat, span.first_beat + num_beats)
    shift = transposition(draft.cue_sheet.key)
    kept = np.zeros(canvas.states.shape, bool)
    for part in draft.cue_sheet.parts:
        layout, column = PART_LAYOUTS[part].cells, PARTS.index(part)
        stays = np.array([not draft.region.holds(part, beat) for beat in beats])
        notes = [
            replace(
                note,
                onset=note.onset - span.first_beat,
                pitch=note.pitch - (0 if part == Part.DRUMS else shift),
            )
            for note in draft.stays[part]
        ]
        canvas.cells[stays, layout] = encode_notes(part, notes, num_beats)[stays]
        canvas.states[stays, column] = GIVEN if notes else OFF
        canvas.holds_kept |= bool(stays.any())
        kept[:, column] = stays & bool(notes)
    _tell_kept_textures(canvas, kept)
    if agrees(draft.cue_sheet.key, span.final_beat, draft.stays):
        return span
    final = span.final_beat - span.first_beat
    for part in draft.cue_sheet.parts:
        if draft.region.holds(part, span.final_beat):
            canvas.cells[final:, PART_LAYOUTS[part].cells] = 0
            canvas.states[final:, PARTS.index(part)] = TO_MAKE
    return replace(span, final_beat=span.first_beat + num_beats)


def _tell_kept_textures(canvas: Canvas, kept: np.ndarray) -> None:
    """Tell the canvas how its kept parts move, in place of what was drawn; `kept` (beats, parts).

    Measured over each block's whole kept bars, and told for all of the block: bars that are redone
    between kept ones move as those do.
    """
    edges = canvas.edges()
    beat_in_bar = np.concatenate([np.arange(b - a) for a, b in pairwise(edges)])
    for first in range(0, len(canvas.bar_starts), TEXTURE_BARS):
        bars = range(first, min(first + TEXTURE_BARS, len(canvas.bar_starts)))
        block = np.arange(edges[bars[0]], edges[bars[-1] + 1])
        for part in range(len(PARTS)):
            whole = [
                np.arange(edges[bar], edges[bar + 1])
                for bar in bars
                if edges[bar + 1] - edges[bar] == BEATS_PER_BAR
                and kept[edges[bar] : edges[bar + 1], part].all()
            ]
            if whole:
                texture = measure_texture(canvas.cells[np.concatenate(whole)], [part])
                told = texture_columns(texture[None], 0 * block, beat_in_bar[block])
                columns = part * COLUMNS_PER_PART + np.arange(COLUMNS_PER_PART)
                canvas.conditions[block[:, None], COLUMNS["textures"].start + columns] = told[
                    :, columns
                ]
