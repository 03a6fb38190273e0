"""AUCs, overlap and intervals with known answers; spoilt music is spoilt in the way it says."""

import numpy as np
import pytest

from pixmus.check.descriptors import DESCRIPTORS, describe_window
from pixmus.score.notes import NUM_CELLS, PART_LAYOUTS, Note, decode_notes, encode_notes
from pixmus.studies.realism import (
    SCALE,
    StyleClassifier,
    bars_shuffled,
    feature_aucs,
    overlap,
    pitches_moved,
    random_in_key,
    signed_aucs,
    together_auc,
)
from pixmus.training.bootstrap import interval

RNG = np.random.default_rng(0)


def tune(seed: int = 0) -> np.ndarray:
    """Eight bars of a melody of quarters on the scale over whole-note roots."""
    rng = np.random.default_rng(seed)
    line = np.cumsum(rng.choice([-1, 0, 1], 32)) % 14
    pitches = [60 + 12 * int(i // 7) + SCALE[int(i % 7)] for i in line]
    cells = np.zeros((32, NUM_CELLS), np.uint8)
    parts = {
        "melody": [Note(beat, pitch, 1, 80) for beat, pitch in enumerate(pitches)],
        "bass": [Note(4 * bar, 36 + SCALE[bar % 7], 4, 70) for bar in range(8)],
        "drums": [Note(beat, 36, 0.25, 90) for beat in range(0, 32, 2)],
    }
    for part, notes in parts.items():
        cells[:, PART_LAYOUTS[part].cells] = encode_notes(part, notes, 32)
    return cells


def notes_of(cells: np.ndarray, part: str) -> list[Note]:
    return decode_notes(part, cells[:, PART_LAYOUTS[part].cells])


def test_auc_of_equal_shifted_and_reversed_columns() -> None:
    real = np.array([[0.0, 1, 2, np.nan], [1, 2, 1, np.nan], [2, 3, 0, np.nan]])
    made = np.array([[0.0, 5, -3, 1], [1, 6, -4, 2], [2, 7, -5, 3]])
    assert signed_aucs(real, made).tolist() == [0.5, 1.0, 0.0, 0.5]
    assert feature_aucs(real, made).tolist() == [0.5, 1.0, 1.0, 0.5]


def test_together_finds_what_no_column_shows_alone_and_nothing_where_there_is_nothing() -> None:
    rng = np.random.default_rng(1)
    pieces = [str(i // 5) for i in range(400)]
    signs = rng.choice([-1, 1], (2, 400))
    real = np.stack([signs[0], signs[0]], 1) + 0.2 * rng.standard_normal((400, 2))
    made = np.stack([signs[1], -signs[1]], 1) + 0.2 * rng.standard_normal((400, 2))
    assert feature_aucs(real, made).max() < 0.6
    assert together_auc(real, made, pieces, pieces)[0] > 0.95
    same = np.stack([signs[1], signs[1]], 1) + 0.2 * rng.standard_normal((400, 2))
    assert together_auc(real, same, pieces, pieces)[0] == pytest.approx(0.5, abs=0.1)


def test_overlap_of_same_halved_and_disjoint() -> None:
    values = np.linspace(0, 1, 600)
    assert overlap(values, values) == pytest.approx(1.0)
    assert overlap(values, values + 0.5) == pytest.approx(0.5, abs=0.05)
    assert overlap(values, values + 2) == 0.0
    assert np.isnan(overlap(values, np.full(3, np.nan)))
    assert overlap(np.ones(5), np.ones(5)) == 1.0


def test_an_interval_holds_the_mean_and_draws_whole_pieces() -> None:
    values = np.repeat([0.0, 1.0], 50)
    low, high = interval(lambda rows: float(values[rows].mean()), ["a"] * 50 + ["b"] * 50)
    assert (low, high) == (0.0, 1.0)  # two pieces: either may be left out
    names = [str(i) for i in range(100)]
    low, high = interval(lambda rows: float(values[rows].mean()), names)
    assert 0.35 < low < 0.5 < high < 0.65


def test_random_notes_keep_their_counts_lengths_and_scale() -> None:
    cells = random_in_key(tune(), np.random.default_rng(3))
    for part in ("melody", "bass"):
        before, after = notes_of(tune(), part), notes_of(cells, part)
        assert 0 < len(after) <= len(before)
        assert {note.pitch % 12 for note in after} <= set(SCALE)
    assert not np.array_equal(cells, tune())


def test_about_a_tenth_of_pitches_move_by_a_semitone() -> None:
    moved = total = 0
    for seed in range(20):
        before = {(n.onset, n.pitch) for n in notes_of(tune(seed), "melody")}
        after = notes_of(pitches_moved(tune(seed), np.random.default_rng(seed)), "melody")
        total += len(after)
        for note in after:
            if (note.onset, note.pitch) not in before:
                moved += 1
                assert {(note.onset, note.pitch - 1), (note.onset, note.pitch + 1)} & before
    assert 0.06 < moved / total < 0.14
    drums = notes_of(pitches_moved(tune(), np.random.default_rng(0)), "drums")
    assert drums == notes_of(tune(), "drums")


def test_shuffled_bars_are_the_same_bars() -> None:
    before, after = tune(), bars_shuffled(tune(), np.random.default_rng(5))
    bars = [sorted(cells.reshape(8, -1).tolist()) for cells in (before, after)]
    assert bars[0] == bars[1] and not np.array_equal(before, after)


def test_descriptors_tell_spoilt_windows_apart() -> None:
    rng = np.random.default_rng(6)
    real = np.stack([describe_window(tune(seed), False) for seed in range(40)])
    noise = np.stack([describe_window(random_in_key(tune(seed), rng), False) for seed in range(40)])
    assert feature_aucs(real, noise)[list(DESCRIPTORS).index("melody_steps")] > 0.95


def test_a_style_is_named() -> None:
    rng = np.random.default_rng(7)
    rows = rng.standard_normal((200, 3))
    styles = ["pop"] * 100 + ["song"] * 100
    rows[100:, 1] += 4
    rows[:, 2] = np.nan
    found = StyleClassifier(rows, styles).accuracy(rows[::2], styles[::2])
    assert found["pop"] > 0.9 and found["song"] > 0.9 and found["mean"] > 0.9
