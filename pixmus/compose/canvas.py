"""A `Canvas`: one cue while it is written, from the empty one to the notes that are read off it.

Beats count from the cue's first beat; the music is in C major or A minor until it is read.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pixmus.compose.cells import GIVEN, OFF, TO_MAKE
from pixmus.compose.conditions import add_textures, condition
from pixmus.compose.endings import chord_for
from pixmus.compose.form import Echoes, blocks_of, plan_echoes
from pixmus.compose.texture import TEXTURE_BARS, TextureBank
from pixmus.cues.sheet import CueSheet
from pixmus.curves import CURVES, Curve
from pixmus.ensembles import PARTS, Part
from pixmus.keys import key_is_major, key_tonic
from pixmus.score.notes import (
    NUM_CELLS,
    PART_LAYOUTS,
    STEPS_PER_BEAT,
    Note,
    decode_notes,
    encode_notes,
)
from pixmus.score.tempo import CueSpan, TempoMap, place_hits


@dataclass
class Canvas:
    """One cue while it is written: beats count from the cue's first beat."""

    cells: np.ndarray  # uint8 (beats, NUM_CELLS)
    states: np.ndarray  # (beats, parts)
    conditions: np.ndarray  # float32 (beats, NUM_CONDITIONS)
    bar_starts: np.ndarray  # beats that open a bar
    echoes: Echoes

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
    conditions = condition(cue_sheet, tempo_map, span, placed)
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

    The last chord rings to `end_beat`, the cue's end; what sounds before it stops there.
    """
    shift = transposition(cue_sheet.key)
    final = span.final_beat - span.first_beat
    ring_end = end_beat - span.first_beat
    parts: dict[str, list[Note]] = {}
    for part in cue_sheet.parts:
        notes = []
        for note in decode_notes(part, canvas.cells[:, PART_LAYOUTS[part].cells]):
            end = note.onset + note.duration
            if note.onset > final:
                continue
            if note.onset < final:
                end = min(end, final)
            elif part != Part.DRUMS:
                end = max(ring_end, note.onset + 1 / STEPS_PER_BEAT)
            pitch = note.pitch if part == Part.DRUMS else note.pitch + shift
            onset = note.onset + span.first_beat
            notes.append(Note(onset, pitch, end - note.onset, note.velocity))
        parts[part] = notes
    return parts
