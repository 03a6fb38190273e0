"""The thesis' split to the row, the split by source, and what leaks through each."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from thesis_table import many_rows, thesis_row, write_thesis_table
from typer.testing import CliRunner

from pixmus.dataset.commands import app
from pixmus.dataset.sheets import write_rows
from pixmus.dataset.split import (
    LARGEST_HELD_OUT_GROUP,
    Assignment,
    Leakage,
    compare_splits,
    comparison_to_markdown,
    grouped_split,
    leakage,
    overlaps,
    read_split,
    source_groups,
    source_of,
    split_table,
    thesis_split,
    union,
    write_split,
)
from pixmus.dataset.table import Row, Table, read_table
from pixmus.errors import PixMusError


def row(number: int, picture: str, audio: str, start: float = 0, audio_start: float = 0) -> Row:
    """Ten seconds of a clip with ten of a piece."""
    return Row(
        number, f"r{number}", "video", picture, audio, start, start + 10, audio_start,
        audio_start + 10,
    )  # fmt: skip


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    path = tmp_path_factory.mktemp("many") / "t.csv"
    return read_table(write_thesis_table(path, many_rows(2000)))


# ------------------------------------------------------------------------------ the thesis' split


def test_the_thesis_split_is_its_loaders():
    # Both draws are a permutation by a fresh generator of seed 42, whose first rows are held out;
    # 2.5 % of 53,378 rounded up are 1,335.
    first = np.random.RandomState(42).permutation(53378)
    test, rest = first[:1335], first[1335:]
    validation = rest[np.random.RandomState(42).permutation(len(rest))[:1335]]
    found = np.array(thesis_split(53378))
    assert set(np.flatnonzero(found == "test")) == set(test)
    assert set(np.flatnonzero(found == "validation")) == set(validation)
    assert (found == "training").sum() == 50708


def test_rows_that_cannot_be_used_count_in_the_thesis_split(tmp_path):
    rows = [thesis_row(f"{k}.mp3", f"{k}.mp4") for k in range(40)]
    for number in (0, 7, 8):
        rows[number]["isVideo"] = None
    found = split_table(read_table(write_thesis_table(tmp_path / "t.csv", rows)), "thesis")
    sides = thesis_split(40)
    assert len(found) == 37
    for name, assignment in found.items():
        assert assignment.split == sides[int(name.split("_")[0])]


def test_too_few_rows_are_one_sentence():
    assert sorted(thesis_split(3)) == ["test", "training", "validation"]
    with pytest.raises(PixMusError, match="2 rows cannot be split"):
        thesis_split(2)


# -------------------------------------------------------------------------------- split by source


def test_groups_are_rows_joined_by_any_source():
    rows = [
        row(0, "a.mp4", "a.mp3"),
        row(1, "b.mp4", "b.mp3"),
        row(2, "c.mp4", "a.mp3", 0, 50),  # the music of 0
        row(3, "c.jpg", "d.mp3"),  # a thumbnail of 2
        row(4, "e.mp4", "e.mp3"),
        row(5, "f.mp4", "f.mp3"),
    ]
    assert source_groups(rows) == ["a", "b", "a", "a", "e", "f"]
    bridge = row(6, "b.mp4", "e.mp3")
    assert source_groups([*rows, bridge]) == ["a", "b", "a", "a", "b", "f", "b"]


def test_a_segment_joins_rows_of_other_files(table):
    first, other = (found for found in table.rows if found.number in (0, 40))
    assert source_groups([first, other])[0] != source_groups([first, other])[1]
    borrowed = replace(other, segments=(other.segments[0], first.segments[1], other.segments[2]))
    assert len(set(source_groups([first, borrowed]))) == 1
    nameless = replace(first, audio="", picture="else.mp4")  # its segments are named after forest
    assert len(set(source_groups([first, nameless]))) == 1


def test_no_source_stands_on_two_sides_and_the_shares_are_met(table):
    split = grouped_split(table.rows, share=0.1)
    sides: dict[str, set[str]] = {}
    for found in table.rows:
        for name in (found.picture, found.audio):
            sides.setdefault(name, set()).add(split[found.id].split)
    assert all(len(side) == 1 for side in sides.values())
    assert all(leak.shared_source == 0 for leak in leakage(table.rows, split).values())
    shares = [sum(a.split == side for a in split.values()) for side in ("test", "validation")]
    assert all(120 < rows < 280 for rows in shares)  # 200 of 2,000, by whole groups of up to 6


def test_added_rows_move_no_others_and_another_seed_does(table):
    fewer = grouped_split(table.rows[:1500])
    whole = grouped_split(table.rows)
    assert {name: whole[name] for name in fewer} == fewer
    assert {a.split for a in whole.values()} == {"training", "validation", "test"}
    assert grouped_split(table.rows, seed=1) != whole
    backwards = grouped_split(table.rows[::-1])
    assert backwards == whole


def test_a_large_group_trains():
    rows = [row(k, "one.mp4", f"{k}.mp3", 10 * k) for k in range(LARGEST_HELD_OUT_GROUP + 1)]
    held_out = [s for s in range(60) if grouped_split(rows[:-1], s, 0.4)["r0"].split != "training"]
    assert len(held_out) > 30
    assert all(grouped_split(rows, s, 0.4)["r0"].split == "training" for s in held_out)


def test_a_strange_share_is_one_sentence():
    with pytest.raises(PixMusError, match="less than 0.5"):
        grouped_split([row(0, "a", "b")], share=0.5)


def test_sources_are_files_up_to_the_suffix():
    assert source_of("clips/forest.MP4") == source_of("clips/forest.jpg") == "clips/forest"
    assert source_of("Op. 5") == "Op. 5" and source_of(".mp4") == ".mp4"


# -------------------------------------------------------------------------------------- the leaks


def test_leaks_are_counted():
    rows = [
        row(0, "a.mp4", "a.mp3"),
        row(1, "b.mp4", "b.mp3", 20, 20),
        row(2, "a.mp4", "a.mp3"),  # row 0 once more
        row(3, "a.mp4", "x.mp3", 10),  # the same video, right behind row 0
        row(4, "y.mp4", "b.mp3", 0, 25),  # music that overlaps
        row(5, "z.mp4", "b.mp3", 0, 20),  # the very same music
        row(6, "b.mp4", "w.mp3", 15),  # a picture that overlaps
        row(7, "v.mp4", "v.mp3"),  # nothing
        row(8, "v.mp4", "v.mp3"),  # only with row 7
    ]
    sides = ["training", "training", *6 * ["test"], "validation"]
    split = {r.id: Assignment(side, "g") for r, side in zip(rows, sides, strict=True)}
    found = leakage([*rows, row(9, "a.mp4", "a.mp3")], split)  # the last has no place
    assert found["test"] == Leakage(
        rows=6, shared_source=5, shared_picture=3, shared_audio=3, same_music=2,
        overlapping_music=3, overlapping_picture=2, same_pair=1,
    )  # fmt: skip
    assert found["validation"] == Leakage(1, 0, 0, 0, 0, 0, 0, 0)


def test_spans():
    apart = union([(20, 30), (0, 10), (10, 12), (25, 28)])
    assert apart == [(0, 12), (20, 30)]
    assert overlaps((5, 6), apart) and overlaps((11, 25), apart) and overlaps((29, 40), apart)
    assert not overlaps((12, 20), apart) and not overlaps((30, 40), apart)
    assert not overlaps((11.995, 20.005), apart)  # rounding
    assert not overlaps((0, 1), [])


def test_the_comparison_says_what_the_thesis_split_lets_through(table):
    splits = {by: split_table(table, by) for by in ("source", "thesis")}
    report = compare_splits(table, splits)
    assert report["splits"]["source"]["leakage"]["test"]["shared_source"] == 0
    thesis = report["splits"]["thesis"]
    # 0.025 / 0.975 of the remaining 1,950 is 50 and a rounding error, which is rounded up.
    assert thesis["rows"] == {"training": 1899, "validation": 51, "test": 50}
    assert thesis["leakage"]["test"]["shared_source"] > 45  # every source gives several rows
    text = comparison_to_markdown(report)
    assert "| thesis | 1899 (94.95%) | 51 (2.55%) | 50 (2.50%) |" in text
    empty = {"source": grouped_split(table.rows[:2])}
    assert "leaves validation and test empty" in comparison_to_markdown(
        compare_splits(replace(table, rows=table.rows[:2]), empty)
    )


# --------------------------------------------------------------------------------- file, command


@pytest.mark.parametrize("name", ["s.csv", "s.parquet"])
def test_a_split_reads_back(tmp_path, table, name):
    split = grouped_split(table.rows)
    write_split(split, tmp_path / name)
    again = read_split(tmp_path / name)
    assert again == split and list(again) == list(split)
    assert again[table.rows[0].id].group == source_of(table.rows[0].picture)


def test_a_file_that_is_no_split_is_one_sentence(tmp_path):
    def refusal(**columns: list[str]) -> str:
        write_rows(columns, tmp_path / "s.csv", overwrite=True)
        with pytest.raises(PixMusError) as caught:
            read_split(tmp_path / "s.csv")
        return str(caught.value)

    assert "lacks the columns split, group" in refusal(id=["a"])
    assert "a split 'dev'" in refusal(id=["a"], split=["dev"], group=["g"])
    twice = refusal(id=["a", "a"], split=["test", "training"], group=["g", "g"])
    assert "names the row a twice" in twice
    with pytest.raises(PixMusError, match="There is no file"):
        read_split(tmp_path / "none.csv")


def test_the_command_writes_the_file_and_says_what_leaks(tmp_path: Path):
    path = write_thesis_table(tmp_path / "t.csv", many_rows(400))
    out = tmp_path / "split.parquet"
    result = CliRunner().invoke(app, ["split", str(path), "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "| share any source with training rows | 0 (0.0%) | 0 (0.0%) |" in result.output
    assert len(read_split(out)) == 400
    again = CliRunner().invoke(app, ["split", str(path), "--out", str(out)])
    assert isinstance(again.exception, PixMusError) and "is there already" in str(again.exception)
    options = ["--by", "thesis", "--force"]
    result = CliRunner().invoke(app, ["split", str(path), "--out", str(out), *options])
    assert result.exit_code == 0
    assert sum(a.split == "test" for a in read_split(out).values()) == 10
    result = CliRunner().invoke(app, ["split", str(path), "--out", str(out), *options, "--seed=1"])
    assert "its own seed" in str(result.exception)
    result = CliRunner().invoke(app, ["split", str(path), "--out", str(out), "--by=day", "--force"])
    assert "no split by 'day'" in str(result.exception)
