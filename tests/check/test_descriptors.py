"""Descriptors: hand-made windows with known values, emptiness, transposition, time."""

import time

import numpy as np
import pytest

from pixmus.check.descriptors import DESCRIPTORS, describe_window
from pixmus.check.window import WINDOW_BEATS
from pixmus.score.notes import NUM_CELLS, PART_LAYOUTS, Note, encode_notes

HEIGHTS = ("melody_pitch", "harmony_pitch", "bass_pitch")
OF_KEY = ("off_scale", "off_scale_melody", "key_correlation", "key_lead", "tonic_share")


def window(num_beats=WINDOW_BEATS, **parts):
    """The piano-roll of notes (onset, pitch, duration[, velocity]) per part."""
    cells = np.zeros((num_beats, NUM_CELLS), np.uint8)
    for part, rows in parts.items():
        notes = [Note(row[0], row[1], row[2], row[3] if len(row) > 3 else 80) for row in rows]
        cells[:, PART_LAYOUTS[part].cells] = encode_notes(part, notes, num_beats)
    return cells


def described(minor=False, num_beats=WINDOW_BEATS, **parts):
    values = describe_window(window(num_beats, **parts), minor)
    return dict(zip(DESCRIPTORS, values.tolist(), strict=True))


def line(pitches, duration=1.0, start=0.0):
    """Notes of one length, one after the other."""
    return [(start + i * duration, pitch, duration) for i, pitch in enumerate(pitches)]


def song(shift=0):
    """Melody, triads and bass in C major, with rests."""
    rng = np.random.default_rng(3)
    scale = np.array([60, 62, 64, 65, 67, 69, 71, 72])
    melody = [
        (beat, int(scale[rng.integers(8)]) + shift, 0.5 + 0.25 * (beat % 1 == 0))
        for beat in np.arange(0, 32, 0.5)
        if beat % 8 < 7
    ]
    roots = [48, 53, 55, 48, 45, 50, 55, 48]
    harmony = [
        (4 * bar + step, root + offset + shift, 2)
        for bar, root in enumerate(roots)
        for step in (0, 2)
        for offset in (7, 12, 16)
    ]
    bass = [(4 * bar, root - 12 + shift, 4) for bar, root in enumerate(roots)]
    return {"melody": melody, "harmony": harmony, "bass": bass}


def test_there_are_enough_and_each_is_defined():
    assert len(DESCRIPTORS) >= 60
    assert all(text.endswith(".") and len(text) > 20 for text in DESCRIPTORS.values())
    assert len(set(DESCRIPTORS.values())) == len(DESCRIPTORS)


@pytest.mark.parametrize("num_beats", [4, 32])
def test_an_empty_window_has_nothing_to_measure(num_beats):
    values = describe_window(np.zeros((num_beats, NUM_CELLS), np.uint8), False)
    assert values.shape == (len(DESCRIPTORS),) and values.dtype == np.float64
    assert np.isnan(values).all()


@pytest.mark.parametrize("part", list(PART_LAYOUTS))
def test_a_single_note_in_one_bar_is_measured_without_warnings(part):
    pitch = 36 if part == "drums" else 60 if part != "bass" else 40
    values = described(num_beats=4, **{part: [(1, pitch, 1)]})
    assert any(value == value for value in values.values())


def test_a_part_that_does_not_play_is_not_judged():
    values = described(melody=line([60, 62] * 16))
    for name in DESCRIPTORS:
        if name.startswith(("bass_", "harmony_", "drums_", "counter_", "pad_")):
            assert np.isnan(values[name]), name
    assert np.isnan(values["melody_with_bass"]) and np.isnan(values["harsh_melody_bass"])


def test_lengths_are_read_in_classes():
    values = described(
        melody=[(0, 60, 0.25), (1, 62, 0.5), (2, 64, 0.75), (4, 65, 1), (8, 67, 2), (16, 69, 4)]
    )
    found = [
        values[f"melody_length_{n}"] for n in ("sixteenth", "eighth", "quarter", "half", "whole")
    ]
    assert found == pytest.approx([1 / 6, 2 / 6, 1 / 6, 1 / 6, 1 / 6])


def test_a_note_struck_again_is_two_notes():
    values = described(harmony=[(0, 60, 1), (1, 60, 4)])
    assert values["harmony_length_quarter"] == 0.5 and values["harmony_length_whole"] == 0.5


def test_places_in_the_beat():
    values = described(bass=[(0, 40, 0.25), (1.5, 40, 0.25), (2.25, 40, 0.25), (3.75, 40, 0.25)])
    assert values["bass_on_beat"] == 0.25
    assert values["bass_off_eighth"] == 0.25
    assert values["bass_off_sixteenth"] == 0.5
    assert values["bass_density"] == 4 / 32


def test_a_steady_part_does_not_change():
    values = described(melody=line([60] * 32), bass=line([36] * 32))
    assert values["melody_rhythm_change"] == values["rhythm_change"] == 0
    assert values["melody_density_change"] == values["density_jump"] == 0
    assert values["melody_interonset_entropy"] == 0
    assert values["groove_similarity"] == 1
    assert values["groove_break"] == 0
    assert values["melody_with_bass"] == 1
    assert values["likeness_1"] == values["repeated_bars"] == 1
    assert values["melody_rhythm_repeated"] == 1
    assert values["motif_repeated"] == pytest.approx(28 / 29)  # all but the first of 29


def test_alternating_bars_are_alike_two_apart():
    bars = [note for bar in range(8) for note in line([60 + bar % 2], 1.0, 4 * bar + 2 * (bar % 2))]
    values = described(melody=bars)
    assert values["melody_rhythm_change"] == pytest.approx(2 / 16)
    assert values["likeness_1"] == 0 and values["likeness_2"] == values["likeness_4"] == 1
    assert values["repeated_bars"] == pytest.approx(6 / 7)
    # 12 of the 28 pairs of bars are alike, the others differ on 2 of 16 steps.
    assert values["groove_similarity"] == pytest.approx(1 - 16 / 28 * 2 / 16)
    assert values["groove_break"] == pytest.approx(2 / 16)


def test_a_density_jump_is_the_largest_one():
    values = described(melody=line([60, 62] * 8) + line([60] * 4, 4.0, 16))
    assert values["density_jump"] == pytest.approx((4 - 1) / 4)


def test_intervals_of_the_line():
    # 0, +2, +4, +7, -12, +1: six intervals, moves up up up down up.
    values = described(melody=line([60, 60, 62, 66, 73, 61, 62]))
    shares = [values[f"melody_{n}"] for n in ("repeated", "steps", "thirds", "leaps", "octaves")]
    assert shares == pytest.approx([1 / 6, 2 / 6, 1 / 6, 1 / 6, 1 / 6])
    assert values["melody_mean_interval"] == pytest.approx(26 / 6)
    assert values["melody_turns"] == pytest.approx(2 / 4)
    assert values["melody_run"] == pytest.approx(5 / 3)
    assert values["melody_chromatic"] == pytest.approx(1 / 6)
    assert values["melody_range"] == 13


def test_rests_and_phrases():
    values = described(melody=line([60] * 8) + line([62] * 8, 1.0, 12))
    assert values["melody_rests"] == pytest.approx(16 / 32)
    assert values["melody_pauses"] == pytest.approx(1 / 8)
    assert values["melody_phrase"] == 8


def test_scale_and_key():
    major = described(melody=line([60, 62, 64, 65, 67, 69, 71, 72]))
    assert major["off_scale"] == major["off_scale_melody"] == 0
    assert major["key_correlation"] > 0.7
    assert major["tonic_share"] == 0.25
    cadence = described(harmony=[(0, 60, 4), (0, 64, 4), (0, 67, 4)])
    assert cadence["key_lead"] > 0
    sharp = described(harmony=[(0, 61, 4), (0, 65, 4), (0, 68, 4)])
    assert sharp["key_lead"] < -0.5
    assert sharp["off_scale"] == pytest.approx(2 / 3)
    leading = line([69, 71, 72, 68, 69])
    assert described(melody=leading)["off_scale"] == pytest.approx(1 / 5)
    assert described(minor=True, melody=leading)["off_scale"] == 0


def test_pitch_class_entropy():
    values = described(melody=line([60, 62, 64, 65] * 8))
    assert values["pitch_class_entropy"] == pytest.approx(2)
    assert values["bar_pitch_class_entropy"] == pytest.approx(2)
    by_bar = described(melody=line(np.repeat([60, 62, 64, 65, 60, 62, 64, 65], 4).tolist()))
    assert by_bar["pitch_class_entropy"] == pytest.approx(2)
    assert by_bar["bar_pitch_class_entropy"] == 0


def test_harshness_is_heard_on_strong_beats_alone():
    bass = line([36] * 16, 2.0)
    assert described(melody=line([72] * 16, 2.0), bass=bass)["harsh_melody_bass"] == 0
    assert described(melody=line([66] * 16, 2.0), bass=bass)["harsh_melody_bass"] == 1
    passing = described(melody=line([67, 66] * 16), bass=line([36] * 32))
    assert passing["harsh_melody_bass"] == 0
    assert passing["consonant_melody_bass"] == 1
    rubbed = described(melody=line([71] * 16, 2.0), harmony=line([60] * 16, 2.0))
    assert rubbed["harsh_melody_harmony"] == rubbed["harsh_strong"] == 1
    assert described(melody=line([71] * 8), harmony=line([55] * 8))["harsh_melody_harmony"] == 0


def test_low_thirds_crossing_and_spacing():
    low = described(bass=line([36] * 4), harmony=line([40] * 4))
    assert low["low_thirds"] == 1 and low["spacing"] == low["bass_gap"] == 4
    assert described(bass=line([48] * 4), harmony=line([52] * 4))["low_thirds"] == 0
    crossed = described(bass=line([50] * 4), melody=line([49] * 4))
    assert crossed["bass_not_lowest"] == 1 and crossed["melody_not_highest"] == 1
    clean = described(bass=line([40] * 4), melody=line([64] * 4))
    assert clean["bass_not_lowest"] == clean["melody_not_highest"] == 0
    assert described(melody=line([60] * 4), counter=line([60] * 2))["doublings"] == 0.5


def test_parallels_and_contrary_motion():
    parallel = described(melody=line([67, 69, 71, 72, 74]), bass=line([48, 50, 52, 53, 55]))
    assert parallel["parallel_fifths"] == 1 and parallel["contrary_motion"] == 0
    contrary = described(melody=line([67, 69, 71, 72, 74]), bass=line([48, 47, 45, 43, 41]))
    assert contrary["parallel_fifths"] == 0 and contrary["contrary_motion"] == 1


def test_few_intervals_moves_or_strong_beats_say_nothing():
    few = described(melody=line([60, 72, 60, 72]), bass=line([48, 41, 48, 41]))
    for name in ("melody_leaps", "melody_octaves", "parallel_fifths", "harsh_melody_bass"):
        assert np.isnan(few[name]), name
    assert few["melody_range"] == 12


def test_silence_is_that_between_the_notes():
    assert described(melody=line([60] * 2, 1.0, 8))["silence"] == 0
    assert described(melody=[(8, 60, 1), (11, 60, 1)])["silence"] == 0.5
    assert described(melody=[(8, 60, 1)], bass=[(11, 40, 1)])["silence"] == 0.5


def test_chords_and_their_bass():
    triad = [(2 * half, pitch, 2) for half in range(16) for pitch in (60, 64, 67)]
    at_root = described(harmony=triad, bass=line([36] * 8, 4.0))
    assert at_root["chord_fit"] == at_root["bass_root"] == 1
    assert at_root["chord_change"] == 0
    at_fifth = described(harmony=triad, bass=line([43] * 8, 4.0))
    assert at_fifth["bass_root"] == 0 and at_fifth["bass_root_or_fifth"] == 1
    at_third = described(harmony=triad, bass=line([40] * 8, 4.0))
    assert at_third["bass_root_or_fifth"] == 0
    moving = [(2 * half, pitch + (half % 2) * 5, 2) for half in range(16) for pitch in (60, 64, 67)]
    assert described(harmony=moving)["chord_change"] == 1


def test_voices_silence_and_chord_size():
    values = described(harmony=[(0, 60, 16), (0, 64, 16), (0, 67, 16)], melody=[(0, 72, 16)])
    assert values["voices"] == 2 and values["voices_spread"] == 2
    assert values["silence"] == 0
    assert values["harmony_chord_size"] == 3
    assert values["downbeat_strength"] == 1 / 8


def test_velocities():
    values = described(
        melody=[(beat / 2, 60, 0.5, 90 if beat % 2 == 0 else 70) for beat in range(64)]
    )
    assert values["velocity_mean"] == 80
    assert values["velocity_spread"] == 10
    assert values["velocity_range"] == values["velocity_accent"] == 20
    assert values["velocity_bar_change"] == 0
    unknown = described(melody=[(0, 60, 1, 0)])
    assert np.isnan(unknown["velocity_mean"]) and unknown["melody_pitch"] == 60


def test_drums():
    rock = [
        *((beat, 36, 0.25) for beat in range(0, 32, 2)),
        *((beat, 38, 0.25) for beat in range(1, 32, 2)),
        *((beat / 2, 42, 0.25) for beat in range(64)),
    ]
    values = described(drums=rock, bass=line([36] * 16, 2.0))
    assert values["drums_density"] == 2
    assert values["drums_backbeat"] == values["drums_kick_strong"] == 1
    assert values["drums_hat_similarity"] == 1 and values["drums_rhythm_change"] == 0
    assert values["drums_with_bass"] == values["drums_with_pitched"] == 1


def test_transposing_changes_heights_and_key_alone():
    first, higher = described(**song()), described(**song(2))
    assert not np.isnan(first["parallel_fifths"])
    for name in DESCRIPTORS:
        if name in HEIGHTS:
            assert higher[name] == pytest.approx(first[name] + 2), name
        elif name not in OF_KEY:
            assert higher[name] == pytest.approx(first[name], nan_ok=True), name
    assert higher["key_correlation"] < first["key_correlation"]


def test_a_window_is_measured_within_its_budget():
    cells = window(**song())
    describe_window(cells, False)
    spent, yardstick = [], []
    for _ in range(10):  # in turn, so that a busy machine slows both
        start = time.thread_time()
        describe_window(cells, False)
        between = time.thread_time()
        sum(number % 7 for number in range(100_000))
        spent.append(between - start)
        yardstick.append(time.thread_time() - between)
    # 10 ms of processor time where a hundred thousand steps of Python take 5.
    assert min(spent) < 2 * min(yardstick)
