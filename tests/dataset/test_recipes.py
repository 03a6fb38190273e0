"""A table of recipes has the thesis' shape, says all, and pairs picture and music as it says."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
from open_music import write_pieces

from pixmus.dataset.layouts import THESIS_COLUMNS
from pixmus.dataset.looks import FRAME_RATE
from pixmus.dataset.pairing import (
    PAIRING,
    cut_film,
    look_of,
    normal_scores,
    picture_scores,
    slow_noise,
)
from pixmus.dataset.recipes import (
    CURVE_TABLES,
    RECIPE_COLUMNS,
    TRUTH_COLUMNS,
    Recipe,
    columns_of,
    read_recipe,
    synthesize,
)
from pixmus.dataset.sheets import write_rows
from pixmus.dataset.table import read_table
from pixmus.errors import PixMusError
from pixmus.score.curves import CurveTables

TABLES = CurveTables.load(CURVE_TABLES)
PIECES = {f"{piece.corpus}/{piece.name}": piece for piece in write_pieces()}


@pytest.fixture(scope="module")
def columns() -> dict[str, list]:
    return synthesize(300, 1, PIECES, TABLES)


def test_the_table_has_the_thesis_shape(columns: dict[str, list]) -> None:
    assert tuple(columns) == (*THESIS_COLUMNS, *RECIPE_COLUMNS, *TRUTH_COLUMNS)
    assert {len(values) for values in columns.values()} == {300}
    assert sum(columns["isVideo"]) == round(300 * 22482 / 53378) == 126
    assert set(columns["MeanRGBDiff"]) == {None}
    sources: dict[str, list[int]] = {}
    for number, name in enumerate(columns["Video File Name"]):
        sources.setdefault(name, []).append(number)
    for name, rows in sources.items():
        assert rows == list(range(rows[0], rows[-1] + 1)), "rows of a source stand together"
        assert len(rows) == columns["Recipe Clips"][rows[0]]
        for clip, row in enumerate(rows):
            start = 30.0 * clip if name.endswith(".mp4") else 0.0
            assert columns["Video Start Time"][row] == start
            assert columns["Video End Time"][row] == start + 30
            for k in (1, 2, 3):
                span = 30.0 * clip + 10 * k - 10, 30.0 * clip + 10 * k
                assert (
                    columns[f"Segment {k} Start"][row],
                    columns[f"Segment {k} End"][row],
                ) == span
                stem = columns["Audio File Name"][row].removesuffix(".flac")
                assert columns[f"Segment {k} Reference"][row] == f"{stem}_{span[0]:g}_{span[1]:g}"
    assert {len(rows) for rows in sources.values()} >= {1, 2}
    for first in range(0, 280, 20):
        assert len(set(columns["isVideo"][first : first + 40])) == 2


def test_the_full_table_has_as_many_videos_as_the_thesis() -> None:
    assert round(53378 * 22482 / 53378) == 22482 and 53378 - 22482 == 30896


def test_the_same_seed_gives_the_same_table(columns: dict[str, list]) -> None:
    assert synthesize(300, 1, PIECES, TABLES) == columns
    assert synthesize(300, 2, PIECES, TABLES) != columns


@pytest.mark.parametrize("name", ["table.csv", "table.csv.gz", "table.parquet"])
def test_a_table_is_read_back_as_the_recipes_it_was(
    name: str, columns: dict[str, list], tmp_path: Path
) -> None:
    write_rows(columns, tmp_path / name)
    table = read_table(tmp_path / name)
    assert len(table.rows) == 300 and not table.refused and table.layout == "thesis"
    for row in table.rows[:40]:
        recipe = read_recipe(row)
        assert (row.picture, row.audio) == (recipe.picture, recipe.audio)
        assert recipe.window(PIECES[recipe.music]).num_beats * 60 / recipe.tempo_bpm >= 29.9
    assert columns_of(table.rows) == columns


def test_a_recipe_that_was_changed_is_refused(columns: dict[str, list], tmp_path: Path) -> None:
    write_rows(columns, tmp_path / "table.csv")
    row = read_table(tmp_path / "table.csv").rows[0]
    for column, value, words in (
        ("Recipe Seed", "5", "the recipe of row 0 was changed"),
        ("Recipe Seed", "many", "row 0 is no recipe: Recipe Seed is 'many'"),
        ("Recipe Music", "", "row 0 is no recipe: Recipe Music is missing"),
        ("Recipe Version", "9", "of version 9 of the recipes"),
    ):
        changed = dataclasses.replace(row, extra=row.extra | {column: value})
        with pytest.raises(PixMusError, match=words):
            read_recipe(changed)
    recipe = read_recipe(row)
    piece = PIECES[recipe.music]
    with pytest.raises(PixMusError, match="has other notes than in the music"):
        recipe.window(dataclasses.replace(piece, notes=piece.notes[1:]))


def recipe_of(seconds: int, seed: int = 0, **settings: object) -> Recipe:
    usual = {
        "kind": "video", "seed": seed, "scene": "city", "music": "lieder/piece-0", "notes": "",
        "first_beat": 0, "tempo_bpm": 120.0, "transposition": 0, "sound": "piano", "clips": 1,
        "clip_seconds": float(seconds), "agreement": 0.8, "noise_seconds": 6.0,
        "level_share": 0.5, "beat_cuts": 0.6, "version": 1,
    }  # fmt: skip
    return Recipe(**(usual | settings))  # type: ignore[arg-type]


def drawn_scores(agreement: float) -> tuple[dict, dict]:
    """Music's and picture's scores of 400 sources of 40 s, whose curves have normal scores of the
    table's own mean and deviation."""
    rng = np.random.default_rng(3)
    tie = PAIRING["motion"]
    music, pictures = [], []
    for seed in range(400):
        scores = tie.mean + tie.deviation * np.clip(rng.normal() + 0 * np.arange(40), -1.6, 1.6)
        quantile = np.array([0.5 * (1 + np.tanh(0.7979 * z)) for z in scores])
        curves = dict.fromkeys(("density", "energy", "valence", "register"), quantile)
        pictures.append(picture_scores(recipe_of(40, seed, agreement=agreement), curves)["motion"])
        music.append((normal_scores(quantile) - tie.mean) / tie.deviation)
    return np.concatenate(music), np.concatenate(pictures)


@pytest.mark.parametrize("agreement", [0.0, 0.8, 1.0])
def test_picture_and_music_agree_as_much_as_stated(agreement: float) -> None:
    music, picture = drawn_scores(agreement)
    noise = picture - agreement * music
    assert noise.var() == pytest.approx(1 - agreement**2, abs=0.08)
    if agreement == 1:
        np.testing.assert_allclose(picture, music)
    else:
        assert abs(np.corrcoef(noise, music)[0, 1]) < 0.1


def test_slow_noise_is_smooth_and_has_variance_1() -> None:
    noise = slow_noise(np.random.default_rng(0), 20_000, 6.0)
    assert noise.shape == (20_000,) and noise.var() == pytest.approx(1, abs=0.06)
    neighbours = np.corrcoef(noise[:-1], noise[1:])[0, 1]
    far = np.corrcoef(noise[:-36], noise[36:])[0, 1]
    assert neighbours == pytest.approx(np.exp(-1 / (4 * 6.0**2)), abs=0.01) and abs(far) < 0.1


def test_looks_and_cuts_follow_the_scores() -> None:
    seconds = 120
    beats = np.arange(0, seconds, 0.5)
    energy = np.full(seconds, 0.5)
    lengths = {}
    for z in (-1.5, 1.5):
        scores = {name: np.full(seconds, z) for name in PAIRING}
        look = look_of(scores, seconds * FRAME_RATE)
        recipe = recipe_of(seconds, beat_cuts=1.0)
        shots, flashes = cut_film(recipe, scores, look, energy, beats)
        assert shots[0].start == 0 and shots[-1].end == seconds * FRAME_RATE and not flashes
        assert all(a.end == b.start for a, b in zip(shots, shots[1:], strict=False))
        lengths[z] = len(shots), look
        strong = np.round(beats[::2] * FRAME_RATE)
        on_beat = [np.abs(strong - shot.start).min() < 1 for shot in shots[1:]]
        assert np.mean(on_beat) > 0.9
    (few, dark), (many, bright) = lengths[-1.5], lengths[1.5]
    assert many > 3 * few
    for name in ("speed", "light", "saturation", "warmth", "height"):
        assert (getattr(bright, name) > getattr(dark, name)).all()
    loud = np.full(seconds, 0.95)
    scores = {name: np.zeros(seconds) for name in PAIRING}
    look = look_of(scores, seconds * FRAME_RATE)
    assert cut_film(recipe_of(seconds), scores, look, loud, beats)[1]


@pytest.mark.parametrize(
    "asked, words",
    [
        ({"num_rows": 0}, "a table of 0 rows is none"),
        ({"agreement": 1.2}, "the agreement is 1.2; give a number from 0 to 1"),
        ({"noise_seconds": 0.0}, "the noise changes over 0 s"),
        ({"clip_seconds": 2.5}, "give whole seconds from 2 to 60"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence(asked: dict, words: str) -> None:
    with pytest.raises(PixMusError, match=re.escape(words)):
        synthesize(**({"num_rows": 5, "seed": 0, "pieces": PIECES, "tables": TABLES} | asked))


def test_music_that_is_too_short_is_one_sentence() -> None:
    short = {piece.name: piece for piece in write_pieces(2, num_bars=8)}
    with pytest.raises(PixMusError, match="no piece lasts the 30 s of a clip; give more music"):
        synthesize(5, 0, short, TABLES)
