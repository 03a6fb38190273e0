"""Counts of a table whose oddities are known, and the report's three files."""

import json
from pathlib import Path

import pytest
from PIL import Image
from thesis_table import REFUSED, many_rows, write_thesis_table
from typer.testing import CliRunner

from pixmus.dataset.commands import app
from pixmus.dataset.inspection import Inspection, inspect
from pixmus.dataset.inspection_plot import plot_inspection
from pixmus.dataset.inspection_report import to_markdown, write_inspection
from pixmus.dataset.sheets import write_rows
from pixmus.dataset.table import read_table
from pixmus.errors import PixMusError
from pixmus.take.figure import WIDTH_PX


@pytest.fixture
def odd(tmp_path: Path) -> Inspection:
    return inspect(read_table(write_thesis_table(tmp_path / "odd.csv")))


def test_rows_and_refusals_are_counted(odd):
    assert (odd.num_rows, odd.num_usable, odd.num_refused) == (18, 11, 7)
    assert odd.kinds == {"video": 7, "still": 4}
    assert {facts["first"][0]: problem for problem, facts in odd.refused.items()} == REFUSED
    assert all(facts["count"] == 1 for facts in odd.refused.values())
    assert odd.unknown == ("Channel",)
    assert {name: count for name, count in odd.missing.items() if count} == {
        "Audio File Name": 1, "Video Start Time": 1, "Video End Time": 1, "MeanRGBDiff": 1,
        "Channel": 12,
    }  # fmt: skip


def test_lengths_and_sources_are_counted(odd):
    assert odd.durations == {"video": 5 * [30.0], "still": 5 * [30.0]}
    assert odd.duration_counts == [(30.0, 11)] and odd.hours == pytest.approx(330 / 3600)
    assert {name: facts["files"] for name, facts in odd.sources.items()} == {
        "videos": 3, "stills": 3, "audio": 5
    }  # fmt: skip
    videos = odd.sources["videos"]
    assert videos["rows_histogram"] == [2, 0, 0, 1, 0, 0, 0]  # city, rain: 1 row; forest: 5
    assert videos["rows"][-1] == 5
    assert videos["seconds"][-1] == 90  # the forest's 0 to 60 and 60 to 90
    assert odd.sources["audio"]["covered"][0] == 0.5  # rain: seconds 30 to 60 of 60


def test_what_rows_share_is_counted(odd):
    assert odd.shared == {
        "repeated_rows": 1,  # 3 is 0
        "music_under_several_pictures": 2,  # 4 and 5
        "pictures_over_several_musics": 2,  # the cover in 7 and 8
        "repeated_segments": 4,  # 2 has a segment of 0, 3 and two of 1
        "overlapping_pictures": 4,  # 2 overlaps 0, 1 and 3
        "overlapping_musics": 4,
    }


def test_an_orderly_table_has_nothing_to_report(tmp_path):
    found = inspect(read_table(write_thesis_table(tmp_path / "t.csv", many_rows(600))))
    assert found.num_refused == 0 and not any(found.shared.values())
    assert sum(found.kinds.values()) == 600
    assert found.kinds["video"] / 600 == pytest.approx(22482 / 53378, abs=0.01)
    text = to_markdown(found)
    assert "No cell is empty." in text and "cannot be used" not in text.replace("cannot.", "")


def test_the_report_says_it_in_words(odd):
    text = to_markdown(odd)
    assert "18 rows in the thesis layout: 11 can be used (7 videos, 4 stills; 0.1 hours)" in text
    assert "| missing value | 1 | Video Start Time is missing. (row 12) |" in text
    assert "| rows whose picture span and music span an earlier row has too | 1 (9.1%) |" in text
    assert "kept as they are: Channel." in text


def test_names_do_not_break_the_tables(tmp_path):
    columns = {name: ["x"] for name in ("id", "picture", "audio", "a|b\nc")}
    write_rows({**columns, "kind": ["still"], "start": [""], "end": [""]}, tmp_path / "t.csv")
    assert "kept as they are: a\\|b c." in to_markdown(inspect(read_table(tmp_path / "t.csv")))


def test_a_table_without_a_usable_row_is_reported(tmp_path):
    rows = [{**cells, "isVideo": None} for cells in many_rows(3)]
    found = inspect(read_table(write_thesis_table(tmp_path / "t.csv", rows)))
    assert found.num_usable == 0 and found.refused["missing value"]["first"] == [0, 1, 2]
    assert "0 can be used" in to_markdown(found)
    plot_inspection(found)


def test_the_files_are_written_whole_and_replace_nothing(tmp_path, odd):
    out = tmp_path / "deep" / "report"
    paths = write_inspection(odd, out)
    assert [path.name for path in paths] == ["inspection.json", "inspection.md", "inspection.png"]
    assert sorted(out.iterdir()) == sorted(paths)
    found = json.loads(paths[0].read_text())
    assert found["kinds"] == {"video": 7, "still": 4} and found["shared"]["repeated_rows"] == 1
    with Image.open(paths[2]) as picture:
        assert picture.width == WIDTH_PX
    paths[0].unlink()
    with pytest.raises(PixMusError, match="is there already"):
        write_inspection(odd, out)
    assert not paths[0].exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(PixMusError, match="name another"):
        write_inspection(odd, tmp_path / "file")


def test_the_command(tmp_path):
    path, out = write_thesis_table(tmp_path / "t.csv.gz"), tmp_path / "out"
    result = CliRunner().invoke(app, ["inspect", str(path), "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "11 can be used" in result.output and "inspection.png" in result.output
    result = CliRunner().invoke(app, ["inspect", str(tmp_path / "none.csv")])
    assert isinstance(result.exception, PixMusError)


def test_many_durations_are_drawn(tmp_path):
    count = 80
    columns = {
        "id": list(range(count)), "kind": count * ["video"], "caption": count * ["x"],
        "picture": [f"{k % 7}.mp4" for k in range(count)], "audio": count * ["a.mp3"],
        "start": count * [0], "end": [1 + k / 2 for k in range(count)],
    }  # fmt: skip
    write_rows(columns, tmp_path / "t.parquet")
    found = inspect(read_table(tmp_path / "t.parquet"))
    assert found.shared["overlapping_musics"] == count
    assert found.durations["video"][::2] == [1.0, 20.75, 40.5]
    figure = plot_inspection(found)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[:2] == ["Rows", "Durations, rows"] and "Cannot be used" in titles
