"""The same recipe gives the same bytes; what is there is kept; what cannot be made is told."""

import dataclasses
import hashlib
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import PaintVideo
from open_music import write_pieces
from rows import open_picture, row_frames
from typer.testing import CliRunner

from pixmus.dataset.layouts import THESIS_COLUMNS
from pixmus.dataset.materialize import (
    LOG,
    MEDIA,
    TABLE,
    Report,
    make_rows,
    mean_rgb_differences,
)
from pixmus.dataset.media import Media, row_music
from pixmus.dataset.pairing import look_of, picture_scores
from pixmus.dataset.recipes import CURVE_TABLES, RECIPE_COLUMNS, read_recipe, synthesize
from pixmus.dataset.sheets import write_rows
from pixmus.dataset.table import Row, Table, read_table
from pixmus.doors import cli
from pixmus.errors import PixMusError
from pixmus.picture.video import probe
from pixmus.score.curves import CurveTables
from pixmus.training.corpus import save_pieces

TABLES = CurveTables.load(CURVE_TABLES)
PIECES = {f"{piece.corpus}/{piece.name}": piece for piece in write_pieces(3)}
SECONDS = 3.0  # of a film's clip, which is 30 s otherwise


def sums(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


def report_rows(out: Path) -> tuple[Row, ...]:
    return read_table(out / TABLE).rows if (out / TABLE).is_file() else ()


@pytest.fixture(scope="module")
def table_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recipes of some films of 3 to 18 s, and of stills, rows of a source together."""
    path = tmp_path_factory.mktemp("recipes") / "recipes.csv"
    write_rows(synthesize(9, 4, PIECES, TABLES, clip_seconds=SECONDS), path)
    return path


@pytest.fixture(scope="module")
def table(table_file: Path) -> Table:
    return read_table(table_file)


@pytest.fixture(scope="module")
def made(table: Table, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report]:
    out = tmp_path_factory.mktemp("made") / "out"
    return out, make_rows(table, ":", PIECES, out)


def test_every_row_can_be_read_as_the_table_says(table: Table, made: tuple[Path, Report]) -> None:
    out, report = made
    rows = read_table(out / TABLE).rows
    assert report.num_rows == len(rows) == len(table.rows) == 9
    assert read_table(out / TABLE).columns[: len(THESIS_COLUMNS)] == THESIS_COLUMNS
    media = Media(out / MEDIA)
    for row in rows:
        picture = open_picture(row, media)
        assert picture.is_still == (row.kind == "still")
        music = row_music(row, media, 22050)
        assert len(music) == round(22050 * row.duration) and np.abs(music).max() > 0.01
        if row.kind == "still":
            assert row.motion == 0 and (picture.width, picture.height) == (1280, 720)
            continue
        assert not picture.has_audio and (picture.width, picture.height) == (320, 180)
        assert picture.duration == read_recipe(row).seconds
        assert len(list(row_frames(row, picture))) == round(15 * SECONDS)
        assert row.motion is not None and 0.2 < row.motion < 60
    total = sum(path.stat().st_size for path in (out / MEDIA).iterdir())
    assert report.num_bytes == total and {one.status for one in report.made} == {"done"}


def test_another_process_and_two_workers_make_the_same_bytes(
    table_file: Path, table: Table, made: tuple[Path, Report], tmp_path: Path
) -> None:
    """Of a film and a still that stand side by side in the table."""
    kinds = [row.kind for row in table.rows]
    first = next(n for n, kind in enumerate(kinds) if kind != kinds[n + 1])
    save_pieces(list(PIECES.values()), tmp_path / "corpus.npz")
    command = [sys.executable, "-m", "pixmus", "dataset", "materialize", str(table_file), "--music"]
    command += [str(tmp_path / "corpus.npz"), "--out", str(tmp_path / "out"), "--workers", "2"]
    command += ["--rows", f"{first}:{first + 2}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "2 rows ready" in done.stdout and "2 sources made" in done.stdout
    out, _ = made
    again = sums(tmp_path / "out" / MEDIA)
    assert len(again) == 4 and again.items() <= sums(out / MEDIA).items()
    told = report_rows(tmp_path / "out")
    assert [dataclasses.replace(row, number=row.number + first) for row in told] == [
        *report_rows(out)[first : first + 2]
    ]


def test_what_is_there_is_kept_and_what_is_lost_is_made_again(
    table: Table, made: tuple[Path, Report]
) -> None:
    out, _ = made
    before, text = sums(out / MEDIA), (out / TABLE).read_text()
    film = next(row for row in table.rows if row.kind == "video")
    (out / MEDIA / film.picture).unlink()
    lines = (out / LOG).read_text()
    (out / LOG).write_text(lines + '{"source": "half a li')
    report = make_rows(table, ":", PIECES, out)
    assert [one.source for one in report.of("done")] == [film.picture]
    assert len(report.of("kept")) == len(before) // 2 - 1
    assert sums(out / MEDIA) == before and (out / TABLE).read_text() == text


def test_a_row_makes_its_whole_source_and_rows_add_up(table: Table, tmp_path: Path) -> None:
    films = [row for row in table.rows if row.kind == "video"]
    first, last = films[0].number, films[-1].number
    make_rows(table, f"{last}:{last + 1}", PIECES, tmp_path / "out")
    assert set(sums(tmp_path / "out" / MEDIA)) == {films[-1].picture, films[-1].audio}
    assert [row.id for row in read_table(tmp_path / "out" / TABLE).rows] == [films[-1].id]
    report = make_rows(table, f"{first}:{first + 1}", PIECES, tmp_path / "out")
    rows = read_table(tmp_path / "out" / TABLE).rows
    assert [row.id for row in rows] == [films[0].id, films[-1].id] and report.num_rows == 1
    assert all(row.motion for row in rows)


def test_rows_that_cannot_be_made_are_told_and_the_rest_is_made(
    table: Table, tmp_path: Path
) -> None:
    films = [row for row in table.rows if row.kind == "video"]
    last = read_recipe(films[-1])
    changed = dataclasses.replace(films[0], extra=films[0].extra | {"Recipe Tempo": "99.5"})
    rows = [
        dataclasses.replace(row, number=number) for number, row in enumerate([changed, *films[1:]])
    ]
    fewer = {name: piece for name, piece in PIECES.items() if name != last.music}
    out = tmp_path / "out"
    report = make_rows(dataclasses.replace(table, rows=tuple(rows)), ":", fewer, out)
    told = {one.source: one.reason for one in report.of("failed")}
    assert "was changed" in told["row 0"]
    assert changed.id not in {row.id for row in report_rows(out)}
    assert told[films[-1].picture].endswith("is missing")
    logged = [json.loads(line) for line in (out / LOG).read_text().splitlines()]
    assert {entry["source"] for entry in logged if entry["status"] == "failed"} == set(told)
    assert "failed" in report.told() and "is missing" in report.told()


def test_the_truth_is_known_beforehand(table: Table, made: tuple[Path, Report]) -> None:
    film = next(row for row in table.rows if row.kind == "video")
    recipe = read_recipe(film)
    curves = recipe.window(PIECES[recipe.music]).curves(TABLES)
    scores = picture_scores(recipe, curves)
    look = look_of(scores, round(15 * recipe.seconds))
    assert len(curves["density"]) == len(scores["motion"]) == round(recipe.seconds)
    assert len(look.light) == round(15 * recipe.seconds)
    video = probe(made[0] / MEDIA / film.picture)
    light = [f.image.mean() / 255 for f in row_frames(film, video)]
    assert np.mean(light) == pytest.approx(look.light[: len(light)].mean(), abs=0.06)
    for name in ("density", "energy"):
        mean = curves[name][: round(SECONDS)].mean()
        assert float(film.extra[f"Recipe {name.title()}"]) == pytest.approx(mean, abs=0.006)


def test_mean_rgb_difference_of_painted_frames(paint_video: PaintVideo) -> None:
    options = {"codec": "ffv1", "pixel_format": "bgr0", "name": "painted.mkv", "frame_rate": 10}
    video = probe(paint_video([(1, 100), (1, 110), (2, 50)], **options))
    one, two = mean_rgb_differences(video, 2.0, 2)
    assert one == pytest.approx(10 / 19, abs=0.002) and two == 0  # the step between counts not


def test_what_stops_everything_is_one_sentence(
    table: Table, made: tuple[Path, Report], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PixMusError, match="0 workers make nothing"):
        make_rows(table, ":", PIECES, tmp_path / "out", workers=0)
    with pytest.raises(PixMusError, match="--rows 9: lies outside the table"):
        make_rows(table, "9:", PIECES, tmp_path / "out")
    other = tmp_path / "theirs"
    other.mkdir()
    names = [*THESIS_COLUMNS]
    cells = [["a.mp3"], ["a.mp4"], [True], [0], [30], [1.0], ["a"], ["b"], ["c"]]
    write_rows(
        dict(zip(names, [*cells, [0], [10], [10], [20], [20], [30]], strict=True)), other / TABLE
    )
    with pytest.raises(PixMusError, match="is no table of materialised recipes"):
        make_rows(table, ":", PIECES, other)
    assert sorted(os.listdir(other)) == [TABLE]
    with_other_font = made[0] / "made_with.json"
    kept = with_other_font.read_text()
    with_other_font.write_text(kept.replace('"font": "', '"font": "Another'))
    with pytest.raises(PixMusError, match="choose another folder, or set PIXMUS_SOUNDFONT"):
        make_rows(table, ":", PIECES, made[0])
    with_other_font.write_text(kept)
    monkeypatch.setenv("PIXMUS_SOUNDFONT", str(tmp_path / "none.sf2"))
    with pytest.raises(PixMusError, match="is not a file: set PIXMUS_SOUNDFONT to a SoundFont"):
        make_rows(table, ":", PIECES, tmp_path / "out")


@pytest.mark.parametrize("kind", ["video", "still"])
def test_a_full_disk_is_one_sentence_and_leaves_no_half_file(
    kind: str, table: Table, tmp_path: Path
) -> None:
    row = next(row for row in table.rows if row.kind == kind)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(PixMusError, match="could not be written"):
            make_rows(table, f"{row.number}:{row.number + 1}", PIECES, tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not [path for path in (tmp_path / "out" / MEDIA).iterdir()]


def test_the_commands_write_a_table_and_refuse_to_replace_it(tmp_path: Path) -> None:
    save_pieces(list(PIECES.values()), tmp_path / "corpus.npz")
    asked = ["dataset", "synthesize", "--rows", "12", "--music", str(tmp_path / "corpus.npz")]
    asked += ["--out", str(tmp_path / "t.parquet"), "--seed", "3", "--agreement", "0.5"]
    done = CliRunner().invoke(cli.build(), asked)
    assert done.exit_code == 0, done.output
    assert "12 synthetic rows, 5 of videos and 7 of stills" in done.output
    rows = read_table(tmp_path / "t.parquet").rows
    assert len(rows) == 12 and read_recipe(rows[0]).agreement == 0.5
    assert set(RECIPE_COLUMNS) <= set(rows[0].extra)
    again = CliRunner().invoke(cli.build(), asked)
    assert isinstance(again.exception, PixMusError) and "is there already" in str(again.exception)
