"""Copying: what is copied is found in any transposition, what is not is not."""

import numpy as np
import pytest

from pixmus.ensembles import PARTS
from pixmus.score.notes import Note, Score
from pixmus.score.tempo import TempoMap
from pixmus.studies.copying import (
    LineIndex,
    NearestLine,
    line_of_rows,
    line_of_score,
    make_line,
    work_of,
)


def tune(seed: int, num_notes: int = 40) -> np.ndarray:
    rng = np.random.default_rng(seed)
    steps = np.cumsum(rng.integers(1, 6, num_notes))
    return np.stack([steps, rng.integers(55, 80, num_notes)], axis=1)


LINES = [tune(seed) for seed in range(6)]
GROUPS = [f"song/{seed}" for seed in range(6)]


@pytest.mark.parametrize("with_rhythm", [True, False])
def test_a_line_copied_whole_in_another_key(with_rhythm):
    index = LineIndex(LINES, GROUPS, with_rhythm)
    moved = LINES[2] + np.array([7, -3])
    found = index.copied(moved)
    assert (found.share, found.longest, found.source) == (1.0, 40, "song/2")
    assert index.copied(moved, without="song/2").longest == 0


def test_a_run_inside_a_new_line():
    """Ten notes of an indexed line among 30 new ones."""
    new = tune(100, 30)
    run = LINES[1][5:15] - LINES[1][5] + new[14] + np.array([4, 0])
    later = new[15:] - new[15] + run[-1] + np.array([3, 5])
    line = np.concatenate([new[:15], run, later])
    found = LineIndex(LINES, GROUPS).copied(line)
    assert found.longest == 10
    assert found.share == pytest.approx(10 / 40)
    shorter = np.concatenate([new[:15], run[:7], later + 1])
    assert LineIndex(LINES, GROUPS).copied(shorter).share == 0


def test_other_rhythm_is_found_by_pitch_alone():
    line = LINES[3].copy()
    line[:, 0] = np.arange(len(line)) * 2
    assert LineIndex(LINES, GROUPS).copied(line).share == 0
    assert LineIndex(LINES, GROUPS, with_rhythm=False).copied(line).share == 1


def test_a_pulse_is_no_pattern():
    pulse = np.stack([np.arange(40) * 2, np.arange(40) % 2 * 7 + 60], axis=1)
    assert LineIndex([pulse], ["a"]).copied(pulse).share == 0
    pulse[20] += [0, 1]
    found = LineIndex([pulse], ["a"]).copied(pulse)
    assert (found.share, found.longest) == (15 / 40, 15)


def test_runs_do_not_cross_from_line_to_line():
    pieces = [LINES[0][:20], LINES[0][20:]]
    found = LineIndex(pieces, ["a", "b"]).copied(LINES[0])
    assert found.longest == 20
    assert found.share == 1


def test_too_short_and_empty():
    index = LineIndex(LINES, GROUPS)
    assert np.isnan(index.copied(LINES[0][:7]).share)
    assert np.isnan(index.copied(np.zeros((0, 2), np.int64)).share)
    assert LineIndex([], []).copied(LINES[0]).share == 0
    nearest = NearestLine(LINES, GROUPS)
    assert np.isnan(nearest.nearest(LINES[0][:4]).similarity)
    assert np.isnan(NearestLine([], []).nearest(LINES[0]).similarity)


def test_nearest_line():
    nearest = NearestLine(LINES, GROUPS)
    same = nearest.nearest(LINES[4] + np.array([3, 5]))
    assert same.group == "song/4"
    assert same.similarity == pytest.approx(1)
    assert nearest.nearest(tune(50)).similarity < 0.05
    half = np.concatenate([LINES[4][:20], tune(51, 20) + np.array([400, 0])])
    assert 0.3 < nearest.nearest(half).similarity < 0.6
    assert nearest.nearest(LINES[4], without="song/4").similarity < 0.05


def test_the_same_line_from_score_and_rows():
    notes = [Note(0, 60, 1, 80), Note(0, 64, 1, 80), Note(1.26, 62, 0.5, 80), Note(3, 101, 1, 80)]
    expected = [[0, 64], [5, 62], [12, 89]]
    score = Score({"melody": tuple(notes)}, TempoMap(np.arange(5) / 2, (0,)))
    assert line_of_score(score).tolist() == expected
    assert len(line_of_score(score, "bass")) == 0
    row = PARTS.index("melody")
    rows = np.array([(row, 0, 4, 60, 80), (row, 0, 4, 64, 80), (row, 5, 2, 62, 80)], np.int16)
    assert line_of_rows(rows).tolist() == expected[:2]


def test_highest_note_leads_and_stretches_share_a_work():
    assert make_line([4, 0, 4], [60, 55, 67]).tolist() == [[0, 55], [4, 67]]
    assert work_of("lieder", "lc12#3") == work_of("lieder", "lc12") == "lieder/lc12"
