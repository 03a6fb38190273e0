"""Cues written in voices: the plan reaches the network, the last chord stays, masks do the rest."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from pixmus.chords import Chord, Quality
from pixmus.compose.conditions import COLUMNS
from pixmus.compose.cue_bars import bars_of_cues
from pixmus.compose.draft import Draft, blank_draft
from pixmus.compose.sampling import Sampling
from pixmus.compose.unmasking import UnmaskingScheduler
from pixmus.compose.voice_conditions import (
    CHORD_COLUMNS,
    CHORD_WIDTH,
    FORM_COLUMNS,
    NUM_VOICE_CONDITIONS,
)
from pixmus.compose.voice_score import (
    DRAWN_SHARE,
    LOUDER,
    SOFT,
    STRUCK_HARDER,
    VoiceCanvas,
    levels_by_energy,
    levels_of_bars,
    prepare_voices,
    read_voices,
    ruled_velocities,
    sources_of_plan,
    without_unisons,
)
from pixmus.compose.voice_writing import blocks_of, write_blocks
from pixmus.cues.sheet import Cue, CueSheet
from pixmus.curves import CURVES, Curve, num_curve_values
from pixmus.ensembles import PARTS, STYLES, Part, Style
from pixmus.model.voice_network import KNOWN, MASKED, SILENT, VoiceNetwork
from pixmus.score.notes import Note
from pixmus.score.plan import HALVES, Phrase, Plan
from pixmus.score.spans import CueSpan
from pixmus.score.tempo import TempoMap
from pixmus.score.voices import LEVEL_WIDTH, NUM_TOKENS, SOFTEST, UNIT_LAYOUTS

BARS = 6
LAST = 4 * BARS - 4  # beat of the last chord
MELODY, HARMONY = PARTS.index(Part.MELODY), PARTS.index(Part.HARMONY)


@pytest.fixture(scope="module")
def network() -> VoiceNetwork:
    torch.manual_seed(0)
    network = VoiceNetwork(NUM_VOICE_CONDITIONS, width=32, num_layers=1, num_heads=2, unit_width=16)
    for unit in network.units:
        for head in unit.heads.values():
            torch.nn.init.normal_(head.weight, std=0.3)
    return network.eval()


def a_plan(minor: bool = False) -> Plan:
    chords = [Chord(0), Chord(9, Quality.MINOR), Chord(5), Chord(7)] * 3
    plays = np.ones((HALVES * BARS, len(PARTS)), bool)
    phrases = (Phrase(0, 2, "A"), Phrase(2, 2, "B"), Phrase(4, 2, "A", 0, 0.8))
    return Plan(minor, tuple(chords), phrases, plays, np.arange(BARS))


def a_draft(key: str = "D major") -> Draft:
    seconds = 2.0 * BARS
    curve = np.full(num_curve_values(seconds), 0.5, np.float32)
    sheet = CueSheet(
        duration=seconds,
        frame_rate=Fraction(24),
        cuts=(),
        hit_points=(),
        curves={name: curve for name in CURVES},
        cues=(Cue(0.0, seconds, "all"),),
        key=key,
        tempo_bpm=120,
        tempo_fixed=False,
        style=Style.POP,
        ensemble="piano",
        parts=(Part.MELODY, Part.HARMONY),
        inputs=(),
    )
    return blank_draft(sheet, TempoMap.constant(120, seconds))


def a_canvas(key: str = "D major") -> tuple[VoiceCanvas, CueSheet, CueSpan]:
    draft = a_draft(key)
    (cue,) = bars_of_cues(draft)
    assert cue.span == CueSpan(0, LAST)
    return prepare_voices(draft.cue_sheet, cue, a_plan()), draft.cue_sheet, cue.span


def write(network: VoiceNetwork, canvas: VoiceCanvas, seed: int) -> None:
    canvas.tokens = write_blocks(
        network,
        UnmaskingScheduler(),
        canvas.tokens,
        canvas.states,
        canvas.conditions,
        canvas.bar_starts,
        canvas.sources,
        blocks=blocks_of(BARS, seed=seed),
        sampling=Sampling(2),
    )
    canvas.states = np.where(canvas.states == MASKED, KNOWN, canvas.states)


def test_a_plan_says_what_each_bar_returns_to() -> None:
    assert sources_of_plan(a_plan()).tolist() == [-1, -1, -1, -1, 0, 1]


def test_the_plan_is_told_beat_by_beat() -> None:
    canvas, _, _ = a_canvas()
    told = canvas.conditions[:, CHORD_COLUMNS].reshape(-1, 2, CHORD_WIDTH)
    assert np.flatnonzero(told[2, 0, 12:24]).tolist() == [9]
    assert np.flatnonzero(told[2, 1, 12:24]).tolist() == [5]
    returning = canvas.conditions[:, FORM_COLUMNS][:, -2]
    assert returning[:16].sum() == 0 and returning[16:].all()


def test_a_cue_is_written_to_its_last_chord(network: VoiceNetwork) -> None:
    canvas, sheet, span = a_canvas()
    assert (canvas.states[LAST:, [MELODY, HARMONY]] == KNOWN).all()
    write(network, canvas, 1)
    assert set(np.unique(canvas.states)) == {KNOWN, SILENT}
    parts = read_voices(canvas, sheet, span, 4 * BARS - 0.5)
    assert set(parts) == {Part.MELODY, Part.HARMONY}
    last = [note for note in parts[Part.HARMONY] if note.onset == LAST]
    assert {note.pitch % 12 for note in last} == {2, 6, 9}
    assert all(note.onset + note.duration == 4 * BARS - 0.5 for note in last)
    assert all(note.onset + note.duration <= LAST for note in parts[Part.MELODY][:-1])


def test_a_melody_is_harmonised(network: VoiceNetwork) -> None:
    canvas, sheet, span = a_canvas("C major")
    melody = [Note(float(beat), 60 + beat % 5, 1.0, 80) for beat in range(LAST)]
    canvas.give({Part.MELODY: melody}, slice(0, LAST))
    write(network, canvas, 1)
    kept = read_voices(canvas, sheet, span, 4 * BARS)[Part.MELODY]
    told = [(note.onset, note.pitch, note.duration) for note in kept[:-1]]
    assert told == [(note.onset, note.pitch, note.duration) for note in melody]


def test_bars_are_redone_and_the_others_kept(network: VoiceNetwork) -> None:
    canvas, _, _ = a_canvas()
    write(network, canvas, 1)
    before = canvas.tokens.copy()
    canvas.states[8:12, HARMONY] = MASKED
    write(network, canvas, 2)
    changed = (before != canvas.tokens).any(1)
    assert changed[8:12].any() and not changed[:8].any() and not changed[12:].any()


def test_levels_follow_energy_and_keep_some_of_what_was_drawn() -> None:
    canvas, _, _ = a_canvas()
    energy = CURVES.index(Curve.ENERGY)
    canvas.conditions[:, energy] = np.linspace(-1, 1, len(canvas.tokens))
    level = UNIT_LAYOUTS[Part.MELODY].start
    canvas.tokens[:, level] = 9
    even = levels_by_energy(canvas)[:, MELODY]
    velocities = SOFTEST + LEVEL_WIDTH * (even - 1)
    ends = np.array([SOFT, SOFT + LOUDER]) + STRUCK_HARDER[Style.POP]
    assert np.allclose(velocities[[0, -1]], ends, atol=5)  # eased there
    assert (np.diff(even) > 0).all()
    canvas.tokens[-8:, level] = 12  # drawn louder at the end
    moved = levels_by_energy(canvas)[:, MELODY] - even
    assert moved[-1] - moved[0] == pytest.approx(DRAWN_SHARE * 3)


def test_energy_is_heard_in_the_notes_that_are_read() -> None:
    canvas, sheet, span = a_canvas()
    canvas.conditions[:, CURVES.index(Curve.ENERGY)] = np.linspace(-1, 1, len(canvas.tokens))
    canvas.give({Part.MELODY: [Note(float(b), 60, 1.0, 80) for b in range(LAST)]}, slice(0, LAST))
    canvas.tokens[:, UNIT_LAYOUTS[Part.MELODY].start] = 9  # drawn as loud all along
    heard = [note.velocity for note in read_voices(canvas, sheet, span, 4.0 * BARS)[Part.MELODY]]
    assert (np.diff(heard[:LAST]) >= 0).all() and heard[LAST - 1] - heard[0] > 0.7 * LOUDER


def test_a_part_has_one_level_a_bar_that_eases_into_the_next() -> None:
    layout = UNIT_LAYOUTS[Part.MELODY]
    tokens = np.zeros((12, NUM_TOKENS), np.uint8)
    tokens[:, layout.start] = [4, 9, 0, 5, 8, 8, 8, 8, 0, 0, 0, 0]
    levels = levels_of_bars(tokens, np.arange(12) // 4)[:, MELODY]
    first, second = (0.5 * 6 + 0.25 * 8) / 0.75, (0.25 * 6 + 0.5 * 8) / 0.75
    wanted = [first, first, 0, first, *[second] * 4, 0, 0, 0, 0]
    assert np.allclose(levels, wanted)
    assert not levels_of_bars(0 * tokens, np.arange(12) // 4).any()


def test_no_two_notes_of_a_part_sound_one_pitch_at_once() -> None:
    notes = [
        Note(0.0, 60, 1.0, 70),
        Note(0.0, 60, 2.0, 80),  # the longer one of two voices
        Note(1.5, 60, 1.0, 60),  # struck while that one sounds
        Note(0.0, 64, 4.0, 70),
        Note(2.5, 60, 1.0, 50),
    ]
    assert without_unisons(notes) == [
        Note(0.0, 60, 1.5, 80),
        Note(0.0, 64, 4.0, 70),
        Note(1.5, 60, 1.0, 60),
        Note(2.5, 60, 1.0, 50),
    ]


def test_the_loudest_that_is_asked_for_is_a_velocity_that_midi_has() -> None:
    """Game music is struck harder than all others, and harder still on downbeats."""
    canvas, _, _ = a_canvas()
    canvas.conditions[:, CURVES.index(Curve.ENERGY)] = 1
    canvas.conditions[:, COLUMNS["style"]] = [style == Style.GAME for style in STYLES]
    assert SOFT + LOUDER + STRUCK_HARDER[Style.GAME] + 8 > 127
    assert ruled_velocities(canvas).max() == 127
