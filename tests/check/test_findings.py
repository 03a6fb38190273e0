"""The check of a take: windows, the twelve keys, ranges of real music, what lies outside."""

import json
import math
import time
from dataclasses import replace

import numpy as np
import pytest

from pixmus.check.findings import check_score, cut_windows
from pixmus.check.ranges import (
    CHECKED,
    DEFINITIONS,
    EVERY_STYLE,
    FEWEST_WINDOWS,
    OUT_OF_RANGE,
    PART_SETS,
    SHIPPED_RANGES,
    Ranges,
    RangeTable,
    fit_ranges,
)
from pixmus.ensembles import ENSEMBLES, PARTS, STYLES
from pixmus.errors import PixMusError
from pixmus.keys import KEYS
from pixmus.model.folder import MODEL_FOLDER
from pixmus.score.notes import PART_LAYOUTS, Note, Score, decode_notes, encode_score
from pixmus.score.tempo import TempoMap

SCALE = (0, 2, 4, 5, 7, 9, 11)


def tune(num_bars=16, seed=0, shift=0):
    """Melody, triads and bass in C major, moved by `shift` semitones."""
    rng = np.random.default_rng(seed)
    parts = {"melody": [], "harmony": [], "bass": []}
    degree = 4
    for bar in range(num_bars):
        root = (0, 3, 4, 0)[bar % 4]
        for beat in range(4):
            degree = int(np.clip(degree + rng.integers(-2, 3), 0, 9))
            pitch = 67 + 12 * (degree // 7) + SCALE[degree % 7] + shift
            if rng.random() < 0.9:
                parts["melody"].append(Note(4 * bar + beat, pitch, 1, 80))
        for offset in (0, 2, 4):
            step = root + offset
            pitch = 48 + 12 * (step // 7) + SCALE[step % 7] + shift
            parts["harmony"].append(Note(4 * bar, pitch, 4, 60))
        parts["bass"].append(Note(4 * bar, 36 + SCALE[root] + shift, 4, 70))
    return {part: tuple(notes) for part, notes in parts.items()}


def score_of(parts, key="C major", num_bars=16, bar_starts=None):
    starts = tuple(range(0, 4 * num_bars, 4)) if bar_starts is None else bar_starts
    num_beats = 4 * num_bars if bar_starts is None else bar_starts[-1] + 4
    return Score(parts, TempoMap(np.arange(num_beats + 1) * 0.5, starts), key)


@pytest.fixture(scope="module")
def ranges():
    """Ranges of tunes such as these."""
    windows = []
    for seed in range(FEWEST_WINDOWS // 2):
        cells = encode_score(score_of(tune(seed=seed)))
        windows += [(cells[:32], False), (cells[32:], False)]
    return fit_ranges({"song": windows})


def test_what_is_checked_is_defined():
    assert 11 <= len(CHECKED) <= 16
    assert list(DEFINITIONS) == list(CHECKED)
    assert all(set(sides) <= {"low", "high"} and sides for sides in CHECKED.values())


def test_part_sets_hold_every_ensemble_with_and_without_melody():
    for parts in (ensemble.parts for ensemble in ENSEMBLES.values()):
        pitched = tuple(part for part in parts if part != "drums")
        assert pitched in PART_SETS and pitched[1:] in PART_SETS


def test_a_tune_like_the_real_ones_lies_inside(ranges):
    check = check_score(score_of(tune(seed=1000)), ranges, "song")
    assert check.outside == () and check.rank == (0, 0)
    assert check.style == "song" and check.compared_parts == ("melody", "harmony", "bass")
    assert check.num_real_windows == FEWEST_WINDOWS and check.num_windows == 3
    assert [finding.name for finding in check.findings] == list(CHECKED)


@pytest.mark.parametrize("key", [key for key in KEYS if key.endswith("major")])
def test_the_key_changes_nothing(ranges, key):
    home = check_score(score_of(tune()), ranges, "song")
    tonic = KEYS.index(key)
    moved = check_score(score_of(tune(shift=(tonic + 6) % 12 - 6), key), ranges, "song")
    for first, second in zip(home.findings, moved.findings, strict=True):
        if first.name != OUT_OF_RANGE:
            assert second.value == pytest.approx(first.value, nan_ok=True), first.name


def test_composing_is_undone_in_every_key():
    from pixmus.keys import transposition

    for key in KEYS:
        note = Note(0, 60 + transposition(key), 4, 80)
        (window,) = cut_windows(score_of({"melody": (note,)}, key, 1))[1]
        (found,) = decode_notes("melody", window[:, PART_LAYOUTS["melody"].cells])
        assert found.pitch == 60


def test_wrong_key_leaps_and_repetition_are_outside(ranges):
    off_key = check_score(score_of(tune(), "F# major"), ranges, "song")
    assert {"off_scale", "key_correlation"} <= {finding.name for finding in off_key.outside}
    parts = tune()
    stuck = {**parts, "melody": tuple(replace(n, pitch=67) for n in parts["melody"])}
    check = check_score(score_of(stuck), ranges, "song")
    assert "melody_repeated" in {finding.name for finding in check.outside}
    jumpy = tuple(replace(n, pitch=60 + 7 * (i % 2)) for i, n in enumerate(parts["melody"]))
    check = check_score(score_of({**parts, "melody": jumpy}), ranges, "song")
    leaps = next(finding for finding in check.outside if finding.name == "melody_leaps")
    assert leaps.value == 1 and leaps.distance > 0 and leaps.worst_bar == 1
    assert "melody_leaps 1" in str(leaps)


def test_rank_counts_first_and_measures_then(ranges):
    good = check_score(score_of(tune()), ranges, "song")
    bad = check_score(score_of(tune(), "F# major"), ranges, "song")
    assert good.rank < bad.rank and bad.rank[0] == len(bad.outside)
    distances = [finding.distance for finding in bad.outside]
    assert distances == sorted(distances, reverse=True)
    assert bad.distance == pytest.approx(sum(distances))


def test_one_stray_window_is_no_verdict_but_most_of_them_are(ranges):
    parts = tune(32)
    stray = {**parts, "bass": tuple(replace(n, pitch=n.pitch + 1) for n in parts["bass"][:8])}
    stray["bass"] += parts["bass"][8:]
    assert "off_scale" not in {
        f.name for f in check_score(score_of(stray, num_bars=32), ranges, "song").outside
    }
    most = {**parts, "bass": tuple(replace(n, pitch=n.pitch + 1) for n in parts["bass"])}
    check = check_score(score_of(most, num_bars=32), ranges, "song")
    assert "off_scale" in {finding.name for finding in check.outside}


def test_notes_beyond_their_part_are_counted_in_the_heard_key(ranges):
    parts = tune()
    high = tuple(replace(note, pitch=note.pitch + 36) for note in parts["bass"])
    check = check_score(score_of({**parts, "bass": high}), ranges, "song")
    finding = check.findings[-1]
    total = sum(len(notes) for notes in parts.values())
    assert finding.name == OUT_OF_RANGE and finding.is_outside
    assert finding.value == pytest.approx(len(high) / total)


def test_parts_that_do_not_play_are_not_judged(ranges):
    parts = {part: notes for part, notes in tune().items() if part != "melody"}
    check = check_score(score_of(parts), ranges, "song")
    assert check.compared_parts == ("harmony", "bass")
    for finding in check.findings:
        if finding.name.startswith(("melody", "harsh_melody")):
            assert math.isnan(finding.value) and not finding.is_judged and not finding.is_outside
    assert next(f for f in check.findings if f.name == "off_scale").is_judged


def test_the_nearest_parts_are_compared(ranges):
    parts = tune()
    counter = tuple(replace(note, pitch=note.pitch - 12) for note in parts["melody"])
    check = check_score(score_of({**parts, "counter": counter}), ranges, "song")
    assert check.compared_parts == ("melody", "harmony", "bass")


def test_without_a_style_all_are_pooled(ranges):
    assert check_score(score_of(tune()), ranges).style == EVERY_STYLE
    assert check_score(score_of(tune()), ranges, "game").style == EVERY_STYLE  # has no table
    with pytest.raises(PixMusError, match="polka"):
        check_score(score_of(tune()), ranges, "polka")


def test_nothing_is_judged_without_notes_or_without_ranges(ranges):
    silent = check_score(score_of({}), ranges, "song")
    assert silent.num_windows == 0 and silent.rank == (0, 0)
    assert not any(finding.is_judged for finding in silent.findings)
    unknown = check_score(score_of(tune(), "F# major"), Ranges({}), "song")
    assert unknown.rank == (0, 0) and unknown.num_real_windows == 0


def test_windows_start_on_bars_and_leave_silence_out():
    sung = score_of(tune(18), num_bars=24)
    bars, windows = cut_windows(sung)
    assert bars == [0, 4, 8, 10] and {len(window) for window in windows} == {32}
    parted = {
        part: tuple(replace(n, onset=n.onset + (40 if n.onset >= 32 else 0)) for n in notes)
        for part, notes in tune(16).items()
    }
    assert cut_windows(score_of(parted, num_bars=26))[0] == [0, 18]


def test_a_short_take_is_one_window_of_its_own_length():
    (bars, windows) = cut_windows(score_of(tune(3), num_bars=8))
    assert bars == [0] and [len(window) for window in windows] == [12]


def test_bars_of_two_beats_are_followed():
    starts = (0, 4, 8, 10, 14, 18, 22, 26, 30, 34)
    notes = {"melody": tuple(Note(beat, 60, 1, 80) for beat in range(38))}
    bars, windows = cut_windows(score_of(notes, bar_starts=starts))
    assert bars == [0, 1]
    assert [len(window) for window in windows] == [32, 32]
    short = {"melody": tuple(Note(beat, 60, 1, 80) for beat in range(14))}
    (window,) = cut_windows(score_of(short, bar_starts=starts))[1]
    assert len(window) == 16  # 14 beats and two of silence


def test_ranges_are_the_same_after_a_file(ranges, tmp_path):
    path = tmp_path / "descriptor_ranges.json"
    path.write_text(ranges.to_json())
    again = Ranges.load(path)
    assert again == ranges
    assert set(again.tables) == {"song", EVERY_STYLE}
    table = again.tables["song"][("melody", "harmony", "bass")]
    assert table.num_windows == FEWEST_WINDOWS and set(table.ranges) == set(CHECKED)
    assert all(low <= high for low, high in table.ranges.values())


@pytest.mark.parametrize("text", ["", "[]", '{"pop": 3}', '{"pop": {"melody": {"windows": 2}}}'])
def test_a_broken_file_is_one_sentence(tmp_path, text):
    path = tmp_path / "descriptor_ranges.json"
    path.write_text(text)
    with pytest.raises(PixMusError, match="descriptor_ranges.json"):
        Ranges.load(path)
    with pytest.raises(PixMusError, match="nowhere"):
        Ranges.load(tmp_path / "nowhere.json")


def test_too_few_windows_make_no_table():
    cells = encode_score(score_of(tune()))[:32]
    assert fit_ranges({"song": [(cells, False)] * 5}).tables == {}


def test_percentiles_of_real_windows_are_what_the_table_says(ranges):
    from pixmus.check.descriptors import DESCRIPTORS, describe_window

    column = list(DESCRIPTORS).index("melody_repeated")
    values = []
    for seed in range(FEWEST_WINDOWS // 2):
        cells = encode_score(score_of(tune(seed=seed)))
        values += [describe_window(half, False)[column] for half in (cells[:32], cells[32:])]
    low, high = ranges.tables["song"][("melody", "harmony", "bass")].ranges["melody_repeated"]
    assert (low, high) == pytest.approx(np.percentile(values, (1, 99)), abs=1e-4)


def test_real_windows_that_left_the_key_do_not_widen_it(ranges):
    windows = []
    for seed in range(FEWEST_WINDOWS // 4):
        for shift in (0, 6):  # half of them a tritone away
            cells = encode_score(score_of(tune(seed=seed, shift=shift)))
            windows += [(cells[:32], False), (cells[32:], False)]
    assert len(windows) == FEWEST_WINDOWS
    modulating = fit_ranges({"song": windows}).tables["song"][("melody", "harmony", "bass")]
    table = ranges.tables["song"][("melody", "harmony", "bass")]
    assert modulating.ranges["off_scale"][1] < 0.1 > table.ranges["off_scale"][1]
    assert modulating.ranges["key_correlation"][0] > 0.5


def test_a_check_is_ready_for_json(ranges):
    parts = {part: notes for part, notes in tune().items() if part != "melody"}
    described = json.loads(json.dumps(check_score(score_of(parts), ranges, "song").describe()))
    assert described["descriptors"]["melody_leaps"]["value"] is None
    assert described["windows"] == 3 and described["outside"] == []


def test_a_take_of_three_minutes_is_checked_quickly(ranges):
    score = score_of(tune(80), num_bars=80)
    start = time.thread_time()
    check = check_score(score, ranges, "song")
    assert check.num_windows == 19
    assert time.thread_time() - start < 1.0


def test_the_shipped_ranges_know_every_style_and_ensemble():
    assert SHIPPED_RANGES.parent == MODEL_FOLDER
    shipped = Ranges.load(SHIPPED_RANGES)
    assert set(shipped.tables) == {*STYLES, EVERY_STYLE}
    for style in STYLES:
        parts, table = shipped.choose(style, ("melody", "harmony", "bass"))
        assert parts == ("melody", "harmony", "bass") and isinstance(table, RangeTable)
        assert set(table.ranges) == set(CHECKED)
        low, high = table.ranges["off_scale"]
        assert 0 <= low < high < 0.5  # the scale has 7 of 12 pitch classes
    for ensemble in ENSEMBLES.values():
        pitched = tuple(part for part in PARTS if part in ensemble.parts and part != "drums")
        assert shipped.choose(EVERY_STYLE, pitched)[0] == pitched
