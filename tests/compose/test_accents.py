"""Accents: each means on a score where it alone can work, and what must hold after any."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest

from pixmus.compose.accents import MAX_MOVE_BEATS, MIN_DISTANCE_S, accent, choose_accents
from pixmus.ensembles import DRUM_PITCHES, PARTS, Part
from pixmus.score.notes import Note, Score
from pixmus.score.spans import PlacedHit
from pixmus.score.tempo import TempoMap

TEMPO = TempoMap.constant(120.0, 16.0)


def hit(beat: float, strength: float = 1.0) -> PlacedHit:
    return PlacedHit(TEMPO.to_seconds(beat), strength, beat)


def score(**parts: list[Note]) -> Score:
    return Score({name: tuple(sorted(notes)) for name, notes in parts.items()}, TEMPO)


def quarter_notes(pitch: int, velocity: int = 70) -> list[Note]:
    return [Note(float(beat), pitch, 1.0, velocity) for beat in range(32)]


def at(notes: tuple[Note, ...], beat: float) -> list[Note]:
    return [note for note in notes if note.onset == beat]


def test_no_hit_points_change_nothing() -> None:
    before = score(melody=quarter_notes(72), bass=quarter_notes(36))
    after, report = accent(before, [])
    assert after == before
    assert report.to_dict() == {
        "placed": 0, "accented": 0, "raised": 0, "eased": 0, "moved": 0, "restruck": 0,
        "added": 0, "beats": [],
    }  # fmt: skip


def test_onsets_already_there_are_only_raised() -> None:
    before = score(melody=quarter_notes(72), bass=quarter_notes(36))
    after, report = accent(before, [hit(8.0)])
    assert (report.placed, report.accented, report.raised) == (1, 1, 2)
    assert (report.moved, report.restruck, report.added) == (0, 0, 0)
    for part in ("melody", "bass"):
        assert [n.onset for n in after.parts[part]] == [n.onset for n in before.parts[part]]
        assert at(after.parts[part], 8.0)[0].velocity >= 70 + 12
        assert all(n.velocity == 70 for n in after.parts[part] if n.onset != 8.0)


def test_notes_beside_an_accent_are_eased() -> None:
    eighths = [Note(beat / 2, 72, 0.5, 80) for beat in range(64)]
    after, report = accent(score(melody=eighths, bass=quarter_notes(36)), [hit(8.0)])
    velocities = {note.onset: note.velocity for note in after.parts["melody"]}
    assert velocities[7.5] == velocities[8.5] == 68
    assert velocities[7.0] == velocities[9.0] == 80
    assert report.eased == 2


def test_nearest_onset_moves_when_nothing_is_there() -> None:
    bass = [Note(0.0, 36, 2.0, 70), Note(2.5, 40, 1.5, 70), Note(4.0, 43, 4.0, 70)]
    after, report = accent(score(bass=bass), [hit(2.0)])
    assert [(n.onset, n.pitch, n.duration) for n in after.parts["bass"]] == [
        (0.0, 36, 2.0), (2.0, 40, 2.0), (4.0, 43, 4.0),
    ]  # fmt: skip
    assert (report.moved, report.restruck, report.added, report.accented) == (1, 0, 0, 1)


def test_a_later_moved_onset_leaves_no_hole_in_a_voice() -> None:
    melody = [Note(0.0, 72, 1.5, 70), Note(1.5, 74, 2.5, 70)]
    after, report = accent(score(melody=melody), [hit(2.0)])
    assert [(n.onset, n.duration) for n in after.parts["melody"]] == [(0.0, 2.0), (2.0, 2.0)]
    assert report.moved == 1


def test_a_chord_moves_whole() -> None:
    chord = [Note(2.5, pitch, 1.5, 60) for pitch in (60, 64, 67)]
    after, report = accent(score(harmony=chord), [hit(2.0)])
    assert sorted(n.pitch for n in at(after.parts["harmony"], 2.0)) == [60, 64, 67]
    assert report.moved == 3


def test_onsets_of_other_hit_points_stay() -> None:
    after, report = accent(score(bass=[Note(2.5, 40, 1.5, 70)]), [hit(2.0), hit(2.5, 0.3)])
    assert [n.onset for n in after.parts["bass"]] == [2.5]
    assert report.accented == 0


def test_a_sounding_pitch_is_struck_again_only_when_nothing_can_move() -> None:
    bass = [Note(0.0, 36, 8.0, 70)]
    after, report = accent(score(bass=bass), [hit(4.0)])
    assert [(n.onset, n.pitch, n.duration) for n in after.parts["bass"]] == [
        (0.0, 36, 4.0), (4.0, 36, 4.0),
    ]  # fmt: skip
    assert (report.moved, report.restruck, report.added, report.accented) == (0, 1, 0, 1)
    assert after.parts["bass"][1].velocity >= 100


def test_the_key_chooses_among_sounding_pitches() -> None:
    chord = [Note(0.0, pitch, 8.0, 70) for pitch in (60, 64, 68)]
    after, _ = accent(score(harmony=chord), [hit(4.0)], "C major")
    assert [n.pitch for n in at(after.parts["harmony"], 4.0)] == [64]
    after, _ = accent(score(harmony=chord), [hit(4.0)], "E major")
    assert [n.pitch for n in at(after.parts["harmony"], 4.0)] == [68]


def test_a_stroke_is_added_where_drums_play_and_nowhere_else() -> None:
    drums = [Note(float(beat), 42, 0.25, 60) for beat in range(8) if beat != 4]
    after, report = accent(score(drums=drums), [hit(4.0, 0.5)])
    assert [n.pitch for n in at(after.parts["drums"], 4.0)] == [36]
    assert (report.added, report.accented) == (1, 1)
    _, report = accent(score(drums=drums), [hit(20.0, 0.5)])
    assert (report.added, report.accented) == (0, 0)


def test_silence_stays_silent() -> None:
    before = score(melody=[Note(0.0, 72, 1.0, 70)])
    after, report = accent(before, [hit(10.0)])
    assert after == before and report.accented == 0 and report.placed == 1


def test_a_fast_run_gets_its_first_and_its_strongest() -> None:
    run = [hit(beat, strength) for beat, strength in zip(
        (8.0, 9.0, 10.0, 11.0, 12.0), (0.5, 0.4, 0.4, 0.9, 0.4), strict=True
    )]  # fmt: skip
    assert [chosen.beat for chosen in choose_accents(run)] == [8.0, 11.0]
    far = [hit(0.0), hit(4.0, 0.1), hit(8.0)]
    assert choose_accents(far) == far


def random_score(rng: np.random.Generator) -> Score:
    parts: dict[str, list[Note]] = {}
    for part in PARTS:
        if rng.random() < 0.3:
            continue
        notes: list[Note] = []
        beat = 0.0
        while beat < 30:
            length = float(rng.choice([0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0]))
            if part == "drums":
                pitches = rng.choice(DRUM_PITCHES, 2, replace=False)
            elif part in ("melody", "counter", "bass"):
                pitches = np.array(
                    [rng.integers(Part(part).lowest_pitch, Part(part).lowest_pitch + 30)]
                )
            else:
                pitches = Part(part).lowest_pitch + rng.choice(40, 3, replace=False)
            velocity = int(rng.integers(1, 128))
            if rng.random() < 0.85:
                for pitch in pitches:
                    held = length if part != "pad" or rng.random() < 0.5 else max(0.25, length / 2)
                    notes.append(Note(beat, int(pitch), held, velocity))
            beat += length
        if notes:
            parts[part] = notes
    return score(**parts)


@pytest.mark.parametrize("seed", range(60))
def test_what_must_hold_after_any_accents(seed: int) -> None:
    rng = np.random.default_rng(seed)
    before = random_score(rng)
    beats = np.sort(rng.choice(60, int(rng.integers(1, 15)), replace=False)) / 2
    placed = [hit(float(beat), float(rng.uniform(0.2, 1))) for beat in beats]
    after, report = accent(before, placed)

    num_before = sum(map(len, before.parts.values()))
    num_after = sum(map(len, after.parts.values()))
    assert num_after - num_before == report.restruck + report.added <= max(1, num_before // 100)
    assert before.parts.keys() == after.parts.keys() and after.tempo_map == before.tempo_map
    assert report.accented == len(report.beats) <= report.placed == len(placed)
    seconds = np.array([TEMPO.to_seconds(beat) for beat in report.beats])
    assert np.all(np.diff(seconds) >= MIN_DISTANCE_S - 1e-9)
    for beat in report.beats:
        assert any(at(notes, beat) for notes in after.parts.values())
    for part, notes in after.parts.items():
        assert list(notes) == sorted(notes)
        assert {n.pitch for n in notes} <= {n.pitch for n in before.parts[part]} | {36, 38, 49}
        assert all(1 <= n.velocity <= 127 and n.duration > 0.19 and n.onset >= 0 for n in notes)
        old = np.array([n.onset for n in before.parts[part]])
        for note in notes:
            if note.onset not in report.beats:
                assert np.min(np.abs(old - note.onset)) == 0
        if len(notes) == len(old):
            assert np.max(np.abs(np.sort(old) - [n.onset for n in notes])) <= MAX_MOVE_BEATS
        end: dict[int, float] = {}
        last_end = 0.0
        for note in notes:
            assert note.onset >= end.get(note.pitch, 0.0) - 1e-9, "one pitch overlaps itself"
            end[note.pitch] = note.onset + note.duration
            if part in ("melody", "counter", "bass"):
                assert note.onset >= last_end - 1e-9, "two notes in one voice"
            last_end = note.onset + note.duration
    json.dumps(report.to_dict())


def test_a_long_take_is_quick() -> None:
    tempo = TempoMap.constant(120.0, 600.0)
    notes = [Note(i / 2, 60 + i % 7, 0.5, 70) for i in range(2400)]
    long = Score({part: tuple(notes) for part in ("melody", "harmony", "bass")}, tempo)
    placed = [PlacedHit(tempo.to_seconds(b), 0.7, b) for b in np.arange(4, 1200, 4.5)]
    began = time.process_time()
    _, report = accent(long, placed)
    assert report.accented == len(placed)
    assert time.process_time() - began < 2.0


def test_a_last_chord_that_rings_into_a_hit_point_is_struck_again_whole() -> None:
    parts = {
        "melody": [Note(24.0, 72, 8.0, 70)],
        "harmony": [Note(24.0, pitch, 8.0, 60) for pitch in (52, 55, 60)],
        "bass": [Note(24.0, 36, 8.0, 70)],
    }
    after, report = accent(
        score(**parts), [hit(24.0), hit(28.0)], last_chords=[24], rings=[(24, 32.0)]
    )
    assert [n.pitch for n in at(after.parts["harmony"], 28.0)] == [52, 55, 60]
    assert [(n.onset, n.duration) for n in after.parts["bass"]] == [(24.0, 4.0), (28.0, 4.0)]
    assert after.parts["melody"][0].duration == 8.0 and len(after.parts["melody"]) == 1
    assert report.restruck == 4 and report.beats == (24.0, 28.0)
    alone, report = accent(score(melody=parts["melody"]), [hit(28.0)], rings=[(24, 32.0)])
    assert [n.onset for n in alone.parts["melody"]] == [24.0, 28.0] and report.restruck == 1


def test_the_last_chord_is_never_moved() -> None:
    """A hit point just after it would pull its onset away."""
    before = score(harmony=[Note(28.0, 60, 4.0, 70)], bass=[Note(28.0, 36, 4.0, 70)])
    torn, _ = accent(before, [hit(28.5)])
    assert at(torn.parts["bass"], 28.0) == []
    after, report = accent(before, [hit(28.5)], last_chords=[28])
    assert report.moved == 0
    assert at(after.parts["bass"], 28.0) and at(after.parts["harmony"], 28.0)
