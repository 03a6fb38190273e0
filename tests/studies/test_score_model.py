"""The whole measurement on a tiny model and a few pieces; windows of real pieces."""

import json
from pathlib import Path

import numpy as np
import pytest
from tiny_model import pipeline_of

from pixmus.check.ranges import fit_ranges
from pixmus.chords import Chord, Quality
from pixmus.compose.writing import Writers
from pixmus.ensembles import PARTS, STYLES, Part
from pixmus.score.chords import chord_rows
from pixmus.score.notes import CELL_PARTS
from pixmus.studies.runner import run
from pixmus.studies.score_model_control import asks_minor, in_other_mode, measure_control
from pixmus.studies.score_model_harmony import share_in_chords
from pixmus.studies.score_model_notes import rows_of_cells
from pixmus.studies.score_model_takes import draw_cue_sheet
from pixmus.studies.score_model_windows import held_out_pieces
from pixmus.take.pipeline import PixMusPipeline
from pixmus.training.corpus import Piece, save_pieces, split_of
from pixmus.training.encoded import encode_piece, fit_tables
from pixmus.training.real_windows import WINDOW_BEATS, draw_windows, windows_of
from pixmus.training.voices import make_piece

C_MAJOR = Chord(0, Quality.MAJOR)
CORPUS_OF_STYLE = {"pop": "pop909", "song": "lieder", "quartet": "quartets", "game": "freedoom"}


def piece(corpus: str, name: str, seed: int) -> Piece:
    """Twenty bars that wander about the scale over a bass, busier and higher towards the middle."""
    rng = np.random.default_rng(seed)
    scale = [60, 62, 64, 65, 67, 69, 71, 72, 74, 76]
    melody, harmony, bass, drums = [], [], [], []
    for bar in range(20):
        every = 2 if 6 < bar < 14 else 4
        for step in range(16 * bar, 16 * bar + 16, every):
            melody.append((step, every, int(rng.choice(scale)) + (12 if bar > 9 else 0), 70 + bar))
        harmony += [(16 * bar, 8, pitch, 60) for pitch in (48, 52, 55)]
        bass.append((16 * bar, 16, 36 + int(rng.choice([0, 5, 7])), 70))
        drums += [(step, 1, 36, 90) for step in range(16 * bar, 16 * bar + 16, 4)]
    parts = {"melody": melody, "harmony": harmony, "bass": bass}
    if corpus == "freedoom":
        parts["drums"] = drums
    noted = np.array([[0, *chord_rows([C_MAJOR])[0]]]) if corpus == "pop909" else None
    made = make_piece(corpus, name, parts, 100.0, chords=noted)
    assert made is not None
    return made


@pytest.fixture(scope="module")
def pieces() -> list[Piece]:
    found = []
    for corpus in CORPUS_OF_STYLE.values():
        names = [str(i) for i in range(400)]
        for split, count in (("training", 4), ("validation", 2), ("test", 1)):
            chosen = [name for name in names if split_of(corpus, name) == split][:count]
            found += [piece(corpus, name, len(found) + i) for i, name in enumerate(chosen)]
    return found


@pytest.fixture(scope="module")
def pipe(writers: Writers, pieces: list[Piece]) -> PixMusPipeline:
    made = pipeline_of(writers)
    made.curve_tables = fit_tables([encode_piece(p) for p in pieces])
    windows = {
        style: [(p.cells()[:WINDOW_BEATS], p.minor) for p in pieces if p.style == style]
        for style in STYLES
    }
    made.descriptor_ranges = fit_ranges(windows)
    return made


def test_corpora_with_few_test_pieces_are_held_out_by_validation(pieces: list[Piece]) -> None:
    assert {p.split for p in held_out_pieces(pieces)} == {"validation"}
    many = [piece("lieder", n, 0) for n in map(str, range(300)) if split_of("lieder", n) == "test"]
    chosen = held_out_pieces(pieces + many)
    assert {p.split for p in chosen if p.corpus == "lieder"} == {"test"}


def test_windows_ask_for_what_their_notes_have(pipe: PixMusPipeline, pieces: list[Piece]) -> None:
    assert pipe.curve_tables is not None
    windows = windows_of(encode_piece(pieces[0]), pipe.curve_tables)
    assert len(windows) == 2  # of twenty bars
    section = measure_control(windows, [window.cells for window in windows], pipe.curve_tables)
    assert section["density"]["pooled"] > 0.99 and section["register"]["pooled"] > 0.99
    other = in_other_mode(windows[0])
    assert asks_minor(other) != asks_minor(windows[0])
    few = windows_of(encode_piece(pieces[0]), pipe.curve_tables, [PARTS.index("melody")])
    assert not few[0].cells[:, PARTS.index("melody") != CELL_PARTS].any()


def test_every_style_has_its_windows(pipe: PixMusPipeline, pieces: list[Piece]) -> None:
    assert pipe.curve_tables is not None
    windows = draw_windows([encode_piece(p) for p in pieces], pipe.curve_tables, 1)
    assert [window.style for window in windows] == list(STYLES)


def test_a_cue_sheet_asks_for_parts_of_its_style() -> None:
    for style in STYLES:
        sheet = draw_cue_sheet(np.random.default_rng(1), 24.0, style)
        assert sheet.style == style and sheet.duration == 24.0 and sheet.hit_points


def test_notes_in_chords_are_counted_where_they_start(pieces: list[Piece]) -> None:
    found = next(p for p in pieces if p.corpus == "pop909")
    cells = found.cells()[:WINDOW_BEATS] * np.isin(CELL_PARTS, (2, 3))  # harmony and bass
    rows = rows_of_cells(cells)
    low = rows[rows[:, 0] == PARTS.index(Part.BASS), 3]
    right = (24 + np.isin(low % 12, (0, 4, 7)).sum()) / (24 + len(low))
    assert share_in_chords(cells, [C_MAJOR] * 16) == pytest.approx(right)
    assert np.isnan(share_in_chords(cells, [None] * 16))


def test_every_section_is_measured_and_written(
    pipe: PixMusPipeline, pieces: list[Piece], tmp_path: Path
) -> None:
    pipe.save_pretrained(tmp_path / "model")
    save_pieces(pieces, tmp_path / "corpus.npz")
    common = ["--model", str(tmp_path / "model"), "--corpus", str(tmp_path / "corpus.npz")]
    common += ["--out", str(tmp_path / "out"), "--windows", "2", "--takes", "2"]
    common += ["--long-takes", "1", "--threads", "1"]
    quick = ["control", "modes", "distributions", "classifiers", "checks", "endings", "copying"]
    quick += ["notes", "harmony", "phrases", "whole takes"]
    run("score-model", [*common, "--sections", *quick])
    report = json.loads((tmp_path / "out/score-model.json").read_text())
    assert set(quick) <= set(report)
    alone = report["classifiers"]["all"]
    (often,) = alone["best single heard often"].items()
    assert 0.5 <= often[1] <= alone["best single"] <= 1
    heard_in = {name: min(each["heard in"]) for name, each in alone["strongest"].items()}
    assert heard_in.get(often[0], 8) * 3 >= report["classifiers"]["windows"] == 8
    assert report["classifiers"]["power"]["random notes in key"]["best single"] > 0.9
    table = (tmp_path / "out/score-model.md").read_text()
    assert "| density control" in table and "`pixmus check`" in table
    assert report["notes"]["tonic share"]["real"] > 0 and "| ragged ends |" in table
    harmony = report["harmony"]
    assert harmony["windows"] <= 4 and 0.6 < harmony["real"]["in chords"] <= 1
    assert {"chords given", "melody alone"} <= set(harmony) and "noted chord" in table
    assert report["whole takes"]["takes with a melody"] <= report["whole takes"]["takes"] == 2
    assert sum(report["whole takes"]["before the last chord"].values()) <= 1
    assert (tmp_path / "out/score-model-descriptors.png").stat().st_size > 0
    run("score-model", [*common, "--sections", "drums"])  # what was measured before stays
    assert {"drums", *quick} <= set(json.loads((tmp_path / "out/score-model.json").read_text()))
