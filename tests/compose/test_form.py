"""Form: known pieces score what they must, emptied ones NaN, spoiled ones a known amount less."""

import numpy as np
import pytest

from pixmus.ensembles import PARTS
from pixmus.score.notes import NUM_CELLS, PART_LAYOUTS, Note, Score, encode_notes
from pixmus.score.tempo import TempoMap
from pixmus.studies import form, form_drums, form_ending

# I vi IV V, two beats and more each, with the root below.
PROGRESSION = ((48, (60, 64, 67)), (45, (57, 60, 64)), (41, (57, 60, 65)), (43, (55, 59, 62)))


def roll(parts: dict[str, list[Note]], num_beats: int) -> np.ndarray:
    cells = np.zeros((num_beats, NUM_CELLS), np.uint8)
    for part, notes in parts.items():
        cells[:, PART_LAYOUTS[part].cells] = encode_notes(part, notes, num_beats)
    return cells


def song(num_bars: int = 32, bass_shift: int = 0, seed: int = 0) -> dict[str, list[Note]]:
    """Chords with a bass, a four-bar melody that repeats every eight bars, noise in between."""
    rng = np.random.default_rng(seed)
    parts: dict[str, list[Note]] = {"melody": [], "harmony": [], "bass": []}
    scale = np.array([60, 62, 64, 65, 67, 69, 71, 72])
    theme = [(4 * i / 3 // 0.25 * 0.25, int(rng.choice(scale))) for i in range(12)]
    for bar in range(num_bars):
        bass, chord = PROGRESSION[bar % 4]
        parts["bass"].append(Note(4 * bar, bass + bass_shift, 3, 80))
        parts["harmony"] += [Note(4 * bar, pitch, 3, 60) for pitch in chord]
    for phrase in range(num_bars // 4):
        line = theme
        if phrase % 2:
            steps = np.sort(rng.choice(64, 12, replace=False)) / 4
            line = [(step, int(rng.choice(scale))) for step in steps]
        parts["melody"] += [Note(16 * phrase + onset, pitch, 0.25, 90) for onset, pitch in line]
    return parts


EMPTY = np.zeros((64, NUM_CELLS), np.uint8)


def test_separation():
    assert form.separation([2, 3], [0, 1]) == 1
    assert form.separation([1, float("nan")], [1, 1]) == 0.5
    assert form.separation([0, 1], [2]) == 0
    assert np.isnan(form.separation([], [1]))


def test_chords_are_named():
    def weights(*classes):
        return np.bincount(classes, minlength=12).astype(float)

    roots, names = form.find_chords(
        np.stack([weights(0, 4, 7), weights(9, 0, 4), weights(7, 11, 2, 5), weights(3)])
    )
    assert roots.tolist() == [0, 9, 7, -1]
    assert names == ["major", "minor", "dominant seventh", ""]


@pytest.mark.parametrize(
    ("shift", "share"), [(0, 1.0), (7, 1.0), (1, 0.0), (4, 0.0)], ids=["root", "5th", "b2", "3rd"]
)
def test_bass_on_chord(shift, share):
    assert form.bass_on_chord(roll(song(bass_shift=shift), 128)) == share


def test_bass_on_chord_counts_bars():
    parts = song()
    parts["bass"] = [
        Note(note.onset, note.pitch + (2 if i < 8 else 0), 3, 80)
        for i, note in enumerate(parts["bass"])
    ]
    assert form.bass_on_chord(roll(parts, 128)) == 24 / 32
    mixed = form.shuffle_bass(roll(song(), 128), np.random.default_rng(0))
    assert form.bass_on_chord(mixed) < 0.7


def test_bass_on_chord_without_bass_or_chord():
    assert np.isnan(form.bass_on_chord(EMPTY))
    for part in ("bass", "harmony"):
        lonely = {name: notes for name, notes in song().items() if name not in (part, "melody")}
        assert np.isnan(form.bass_on_chord(roll(lonely, 128)))


def test_phrases_that_return_match():
    match = form.phrase_match(roll(song(), 128))
    assert match.exact == match.transposed == match.rhythm == 1
    assert 0.2 < match.mean_exact < 1


def test_phrase_moved_up_matches_only_transposed():
    first = [Note(i + i % 2 / 4, 60 + [0, 2, 4, 5, 7][i % 5], 0.25, 80) for i in range(16)]
    later = [Note(note.onset + 32, note.pitch + 3, 0.25, 80) for note in first]
    match = form.phrase_match(roll({"melody": first + later}, 48))
    assert match.transposed == match.rhythm == 1
    assert match.exact < 0.5


def test_phrase_with_wrong_notes_loses_their_share():
    first = [Note(i, 60 + (i * 5) % 12, 0.25, 80) for i in range(16)]
    # A quarter of the notes comes back two octaves higher, beyond any one transposition.
    later = [
        Note(note.onset + 32, note.pitch + (24 if i % 4 == 0 else 0), 0.25, 80)
        for i, note in enumerate(first)
    ]
    match = form.phrase_match(roll({"melody": first + later}, 48))
    assert match.exact == pytest.approx(0.75)
    assert match.transposed == pytest.approx(0.75)


def test_phrase_match_needs_two_phrases_apart():
    assert np.isnan(form.phrase_match(EMPTY).exact)
    assert form.phrase_match(roll(song(12), 48)).exact == 1  # bars 1-4 and 9-12
    assert np.isnan(form.phrase_match(roll(song(12), 44)).exact)
    other = form.phrase_match_between(roll(song(), 128), roll(song(seed=5), 128))
    assert other.exact < 0.7


def test_key_drift_at_home_and_away():
    cells = roll(song(32), 128)
    at_home = form.key_drift(cells, minor=False)
    assert at_home.foreign_share == 0
    assert at_home.change == pytest.approx(0, abs=0.1)
    away = cells.copy()
    away[64:] = form.transpose(cells[64:], 6)
    drifted = form.key_drift(away, minor=False)
    assert 0.4 < drifted.foreign_share < 0.6
    assert drifted.change < -0.8
    assert np.isnan(form.key_drift(EMPTY, minor=False).foreign_share)
    assert np.isnan(form.key_drift(EMPTY[:0], minor=True).change)


def test_shifted_keys_are_foreign():
    rng = np.random.default_rng(1)
    cells = np.concatenate([roll(song(32), 128)] * 6)
    assert form.key_drift(form.shift_keys(cells, rng), minor=False).foreign_share > 0.5


def band(seed: int) -> np.ndarray:
    """Sections of different density, drums that follow them."""
    rng = np.random.default_rng(seed)
    parts: dict[str, list[Note]] = {"bass": [], "harmony": [], "melody": [], "drums": []}
    patterns = [np.sort(rng.choice(16, count, replace=False)) / 4 for count in (3, 6, 9)]
    for bar in range(32):
        for step in patterns[rng.integers(3)]:
            parts["bass"].append(Note(4 * bar + step, 40, 0.25, 80))
            parts["harmony"].append(Note(4 * bar + step, 64, 0.25, 80))
            parts["drums"].append(Note(4 * bar + step, 36, 0.25, 80))
    return roll(parts, 128)


def test_drum_agreement():
    first, second = band(1), band(2)
    real = form_drums.drum_agreement(first)
    assert real.kick == pytest.approx(1)
    assert real.changes == pytest.approx(1)
    assert real.returns == pytest.approx(1)
    swapped = form_drums.drum_agreement(form_drums.swap_drums(first, second))
    assert swapped.overall < 0.4
    assert np.isnan(form_drums.drum_agreement(EMPTY).overall)
    alone = first.copy()
    alone[:, : PART_LAYOUTS["drums"].start] = 0
    assert np.isnan(form_drums.drum_agreement(alone).overall)


def test_drums_too_short_begin_again():
    swapped = form_drums.swap_drums(band(1), band(2)[:32])
    run = PART_LAYOUTS["drums"].cells
    assert (swapped[:32, run] == swapped[96:, run]).all()
    silent = form_drums.swap_drums(band(1), band(2)[:0])
    assert not silent[:, run].any()


def last_chord(bass: int, chord: tuple[int, ...], beat: float = 28) -> np.ndarray:
    parts = song(7)
    parts["melody"] = []
    parts["bass"].append(Note(beat, bass, 4, 80))
    parts["harmony"] += [Note(beat, pitch, 4, 60) for pitch in chord]
    return roll(parts, 32)


def test_ending_on_the_tonic():
    end = form_ending.ending(last_chord(36, (60, 64, 67)), minor=False)
    assert end == form_ending.Ending(True, True, True, True, True)
    assert end.on_tonic_downbeat
    minor = form_ending.ending(last_chord(45, (60, 64, 69)), minor=True)
    assert minor.on_tonic_downbeat
    assert not form_ending.ending(last_chord(45, (60, 64, 69)), minor=False).tonic_bass


def test_ending_off_by_a_beat_or_a_chord():
    late = form_ending.ending(last_chord(36, (60, 64, 67), beat=29), minor=False)
    assert not late.last_onset_on_downbeat and late.tonic_bass
    inverted = form_ending.ending(last_chord(40, (60, 64, 67)), minor=False)
    assert not inverted.tonic_bass and inverted.tonic_chord
    dominant = form_ending.ending(last_chord(43, (59, 62, 67)), minor=False)
    assert not dominant.has_root and not dominant.on_tonic_downbeat
    assert form_ending.ending(EMPTY, minor=False) is None


def test_last_chord_struck_again_is_one_ending():
    parts = song(7)
    parts["melody"] = []
    parts["bass"] += [Note(28, 36, 1, 80), Note(29, 36, 3, 80)]
    parts["harmony"] += [Note(28, pitch, 4, 60) for pitch in (60, 64, 67)]
    assert form_ending.ending(roll(parts, 32), minor=False).on_tonic_downbeat
    parts["melody"] = [Note(30, 72, 2, 80)]
    assert not form_ending.ending(roll(parts, 32), minor=False).last_onset_on_downbeat


def test_ending_in_the_middle():
    cells = roll({name: notes for name, notes in song(8).items() if name != "melody"}, 32)
    assert form_ending.ending(cells, minor=False, bar=4).on_tonic_downbeat
    assert not form_ending.ending(cells, minor=False, bar=5).tonic_bass


def test_a_score_in_another_key_with_a_short_bar():
    """Bars of 4, 2 and 4 beats in E minor."""
    tempo_map = TempoMap(np.arange(11) / 2, (0, 4, 6))
    parts = {
        "harmony": tuple(Note(beat, pitch, 2, 80) for beat in (0, 4, 6) for pitch in (64, 67, 71)),
        "bass": (Note(0, 40, 2, 80), Note(4, 45, 2, 80), Note(6, 40, 4, 80)),
    }
    score = Score(parts, tempo_map, "E minor")
    cells, minor = form.score_cells(score)
    assert minor and len(cells) == 8
    assert form.bass_on_chord(cells) == 1
    assert form_ending.score_ending(score).on_tonic_downbeat


def test_transposing_folds_into_the_range_and_back():
    cells = roll(song(), 128)
    assert (form.transpose(form.transpose(cells, 2), -2) == cells).all()
    high = form.transpose(roll({"melody": [Note(0, 95, 1, 80)]}, 4), 3)
    assert np.flatnonzero(form.onset_roll(high, "melody").any(0)).tolist() == [98 - 12 - 48]
    assert {*PARTS} == {*PART_LAYOUTS}


def test_level_of_the_last_frame():
    sound = np.ones((2, 48000))
    assert form_ending.last_frame_level_db(sound, 48000, 25) == 0
    sound[:, -1920:] = 0
    assert form_ending.last_frame_level_db(sound, 48000, 25) == float("-inf")
    sound[:, -1920:] = 0.001
    assert form_ending.last_frame_level_db(sound, 48000, 25) == pytest.approx(-60)
