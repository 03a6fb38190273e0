"""Tables in every layout, file and state that they come in, read and written."""

import gzip
from pathlib import Path

import pytest
from conftest import use_hub
from loopback_hub import TOKEN, LoopbackHub
from thesis_table import (
    REFUSED,
    UNKNOWN_COLUMN,
    USABLE,
    many_rows,
    odd_rows,
    thesis_row,
    write_thesis_table,
)

from pixmus.dataset.layouts import PLAIN_COLUMNS, THESIS_COLUMNS, Segment, row_id
from pixmus.dataset.sheets import read_rows, write_rows
from pixmus.dataset.table import Table, read_table, row_span, write_table
from pixmus.errors import PixMusError

NAME = "someone/pairs"
HEADER = ",".join(PLAIN_COLUMNS).encode() + b"\n"


@pytest.fixture
def odd_table(tmp_path: Path) -> Table:
    return read_table(write_thesis_table(tmp_path / "odd.csv"))


def refusal(source: object) -> str:
    """The one sentence with which a source is not read."""
    with pytest.raises(PixMusError) as caught:
        read_table(source)
    told = str(caught.value)
    assert told.endswith(".") and "\n" not in told
    return told


def only_reason(tmp_path: Path, cells: dict) -> str:
    """Why the second of two rows cannot be used."""
    table = read_table(
        write_thesis_table(tmp_path / "t.csv", [thesis_row("a.mp3", "b.mp4"), cells])
    )
    (found,) = table.refused
    assert found.number == 1
    return found.reason


# ------------------------------------------------------------------------------ the thesis' layout


def test_the_thesis_table_is_read_with_its_oddities(odd_table):
    assert odd_table.layout == "thesis"
    assert odd_table.num_rows == 18 and len(odd_table.rows) == USABLE
    assert {r.number: r.problem for r in odd_table.refused} == REFUSED
    assert [row.number for row in odd_table.rows] == list(range(USABLE))
    assert [row.kind for row in odd_table.rows] == 7 * ["video"] + 4 * ["still"]
    assert odd_table.unknown == (UNKNOWN_COLUMN,)
    assert odd_table.columns == (*THESIS_COLUMNS, UNKNOWN_COLUMN)
    assert odd_table.rows[3].extra == {UNKNOWN_COLUMN: "channel 3"}


def test_a_row_holds_what_its_columns_say(odd_table):
    row = odd_table.rows[5]
    assert (row.picture, row.audio) == ("forest.mp4", "city.mp3")
    assert (row.start, row.end, row.audio_start, row.audio_end) == (60, 90, 0, 30)
    assert row.segments[1] == Segment("city_10_20", 10, 20)
    assert row.motion == 12.5 and row.duration == 30


def test_a_still_stands_for_seconds_0_to_30_whatever_its_times_say(odd_table):
    empty, stated, others, nameless = odd_table.rows[7:]
    assert all((row.start, row.end) == (0, 30) for row in (empty, stated, others, nameless))
    assert others.extra["Video Start Time"] == "90" and "Video Start Time" not in stated.extra
    assert nameless.audio == "" and nameless.audio_start == 30
    assert odd_table.missing["Video Start Time"] == 1  # the video's; stills may leave it empty
    assert odd_table.missing["Audio File Name"] == 1


def test_a_motion_that_is_none_is_kept_as_it_is_written(odd_table):
    assert odd_table.rows[6].motion is None and "MeanRGBDiff" not in odd_table.rows[6].extra
    assert odd_table.rows[7].motion is None and odd_table.rows[7].extra["MeanRGBDiff"] == "-1"


def test_ids_are_unique_stable_and_the_same_in_every_file(tmp_path, odd_table):
    ids = [row.id for row in odd_table.rows]
    assert len(set(ids)) == len(ids)
    assert ids[3] == f"{ids[0]}~2"  # the same row once more
    assert ids[0].startswith("forest_0_30-") and "/" not in "".join(ids)
    for name in ("odd.csv.gz", "odd.parquet"):
        again = read_table(write_thesis_table(tmp_path / name))
        assert again.rows == odd_table.rows and again.refused == odd_table.refused
    other_way = read_table(write_thesis_table(tmp_path / "back.csv", odd_rows()[::-1]))
    assert {row.id for row in other_way.rows} == set(ids)
    as_floats = [
        {**cells, "Segment 1 Start": float(cells["Segment 1 Start"])} for cells in odd_rows()
    ]
    table = read_table(write_thesis_table(tmp_path / "floats.csv", as_floats))
    assert [row.id for row in table.rows] == ids


def test_an_id_says_its_music_and_is_fit_for_a_file():
    found = row_id("video", "a/b.mp4", (0.0, 30.0), "../Song: Ü?.mp3", (10.0, 40.5))
    assert found.startswith("Song_10_40.5-") and len(found) == len("Song_10_40.5-") + 12
    assert found != row_id("still", "a/b.mp4", (0.0, 30.0), "../Song: Ü?.mp3", (10.0, 40.5))


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("Video File Name", "", "Video File Name is missing."),
        ("Segment 2 Reference", "NaN", "Segment 2 Reference is missing."),
        ("isVideo", None, "isVideo is missing."),
        ("isVideo", "2", "isVideo is '2', neither true nor false."),
        ("Video Start Time", "1_0", "Video Start Time is '1_0', no number of seconds."),
        ("Video End Time", "-1", "Video End Time is -1, outside of any file."),
        ("Video Start Time", 30, "Video Start Time is 30 and Video End Time 30, not after it."),
        ("Video Start Time", 0.6, "Its picture lasts 29.4 s and its music 30 s."),
        ("Segment 2 End", 19.4, "Its segments 2 and 3 leave a hole of 0.6 s."),
        ("Segment 3 Start", 19.9, "Its segments 2 and 3 overlap by 0.1 s."),
    ],
)
def test_a_row_that_cannot_be_used_says_why(tmp_path, column, value, told):
    assert only_reason(tmp_path, {**thesis_row("a.mp3", "b.mp4"), column: value}) == told


def test_small_differences_are_let_pass(tmp_path):
    cells = thesis_row("a.mp3", "b.mp4")
    cells["Video End Time"], cells["Segment 2 End"], cells["Segment 3 Start"] = 30.4, 19.6, 20.001
    assert len(read_table(write_thesis_table(tmp_path / "t.csv", [cells])).rows) == 1


def test_the_older_layout_has_one_span_of_music(tmp_path):
    cells = {
        "Audio File Name": "a.mp3", "Video File Name": "a.mp4", "isVideo": True,
        "Video Start Time": 30, "Video End Time": 60, "Audio Start Time": 90, "Audio End Time": 120,
    }  # fmt: skip
    still = {**cells, "isVideo": False, "Video Start Time": None, "Video End Time": None}
    table = read_table(write_thesis_table(tmp_path / "t.csv", [cells, still]))
    video, picture = table.rows
    assert table.layout == "thesis" and table.unknown == () and video.segments == ()
    assert (video.audio_start, video.audio_end, video.start) == (90, 120, 30)
    assert (picture.kind, picture.start, picture.end) == ("still", 0, 30)


# -------------------------------------------------------------------------------- the plain layout


def plain_columns() -> dict:
    return {
        "id": ["a", "b", "c", "a", "d", ""],
        "kind": ["video", "still", "still", "video", "film", "video"],
        "picture": ["v.mp4", "p.jpg", "p.jpg", "v.mp4", "v.mp4", "v.mp4"],
        "audio": ["v.mp3", "m.mp3", "m.mp3", "v.mp3", "v.mp3", "v.mp3"],
        "start": [5.5, 60, None, 8, 8, 8],
        "end": [15.5, 72, None, 9, 9, 9],
        "caption": ["none", "", "rain, at night", "", "", ""],
        "mood": ["dark", "", "", "", "", ""],
    }


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet"])
def test_the_plain_layout(tmp_path, suffix):
    path = tmp_path / f"plain{suffix}"
    write_rows(plain_columns(), path)
    table = read_table(path)
    video, still, whole = table.rows
    assert table.layout == "plain" and table.unknown == ("mood",)
    assert (video.id, video.start, video.end, video.audio_start) == ("a", 5.5, 15.5, 5.5)
    assert video.caption == "none" and video.extra == {"mood": "dark"}
    assert (still.start, still.end, still.audio_start, still.audio_end) == (0, 12, 60, 72)
    assert (whole.end, whole.audio_end, whole.caption) == (30, 30, "rain, at night")
    assert [refused.reason for refused in table.refused] == [
        "Its id a is that of row 0.",
        "Its kind is 'film', neither video nor still.",
        "id is missing.",
    ]


def test_what_is_written_reads_back(tmp_path, odd_table):
    write_table(odd_table.rows, tmp_path / "thesis.parquet", "thesis")
    again = read_table(tmp_path / "thesis.parquet")
    assert [row.id for row in again.rows] == [row.id for row in odd_table.rows]
    assert [row.extra[UNKNOWN_COLUMN] for row in again.rows] == [
        row.extra[UNKNOWN_COLUMN] for row in odd_table.rows
    ]
    named = [row for row in odd_table.rows if row.audio]
    write_table(named, tmp_path / "plain.csv")
    for row, plain in zip(named, read_table(tmp_path / "plain.csv").rows, strict=True):
        assert (row.id, row.kind, row.start, row.end) == (
            plain.id,
            plain.kind,
            plain.start,
            plain.end,
        )
        assert (row.audio_start, row.audio_end) == (plain.audio_start, plain.audio_end)
    with pytest.raises(PixMusError, match="no three segments"):
        write_table(read_table(tmp_path / "plain.csv").rows, tmp_path / "x.csv", "thesis")


# --------------------------------------------------------------------------------------- the files


def test_files_appear_whole_and_replace_nothing(tmp_path):
    path = tmp_path / "t.csv.gz"
    write_rows({"a": [1, None], "b": ["x, y", True]}, path)
    assert gzip.decompress(path.read_bytes()) == b'a,b\n1,"x, y"\n,True\n'
    first = path.read_bytes()
    with pytest.raises(PixMusError, match="is there already"):
        write_rows({"a": [2]}, path)
    with pytest.raises(ValueError):
        write_rows({"a": [1, 2], "b": [1]}, path, overwrite=True)
    assert path.read_bytes() == first and list(tmp_path.iterdir()) == [path]
    write_rows({"a": [1, None], "b": ["x, y", True]}, path, overwrite=True)
    assert path.read_bytes() == first  # the same bytes at any time
    with pytest.raises(PixMusError, match="ends in .csv"):
        write_rows({"a": [1]}, tmp_path / "t.txt")
    assert read_rows(path) == {"a": ["1", ""], "b": ["x, y", "True"]}


def test_missing_columns_are_named(tmp_path):
    rows = [{k: v for k, v in thesis_row("a.mp3", "b.mp4").items() if k != "Segment 2 End"}]
    told = refusal(write_thesis_table(tmp_path / "t.csv", rows))
    assert told.endswith("t.csv lacks the column Segment 2 End of the thesis layout.")
    rows = [{{"isVideo": "IsVideo"}.get(k, k): v for k, v in thesis_row("a.mp3", "b.mp4").items()}]
    told = refusal(write_thesis_table(tmp_path / "t.csv", rows))
    assert "lacks the column isVideo" in told and "'IsVideo' is not 'isVideo'" in told
    write_rows({name: ["x"] for name in PLAIN_COLUMNS[2:]}, tmp_path / "p.csv")
    assert "lacks the columns id, kind of the plain layout" in refusal(tmp_path / "p.csv")
    columns = {name: ["x"] for name in THESIS_COLUMNS[:5]}
    write_rows(columns, tmp_path / "s.csv")
    assert "lacks the columns MeanRGBDiff, Segment 1 Reference" in refusal(tmp_path / "s.csv")


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("t.csv", b"", "is empty"),
        ("t.csv", b"name,age\nx,1\n", "none of the columns that PixMus knows"),
        ("t.csv", HEADER, "has no rows below its header"),
        ("t.csv", b"id,kind,id\n", "names a column twice: id"),
        ("t.csv", HEADER + b"a,vid\xe9o\n", "not written in UTF-8"),
        (
            "t.csv",
            HEADER + b'a,"video\nb\n',
            "from line 2 on: a quotation",
        ),
        ("t.csv.gz", b"id,kind\n", "cannot be unpacked"),
        (
            "t.csv.gz",
            gzip.compress(HEADER + bytes(range(65, 91)), mtime=0)[:-9],
            "cannot be unpacked",
        ),
        ("t.parquet", b"PAR1 no more", "cannot be read as Parquet"),
        ("t.txt", b"id,kind\n", "is no table"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path, name, data, told):
    (tmp_path / name).write_bytes(data)
    assert told in refusal(tmp_path / name)


def test_broken_lines_are_refused_and_the_rest_is_read(tmp_path):
    good = "a{},video,v.mp4,v.mp3,{},{},"
    lines = [",".join(PLAIN_COLUMNS), good.format(0, 0, 9), "", "   ", good.format(1, 9, 18) + ",,"]
    lines += [good.format(2, 0, 9) + "x,y", 'b,"vi"deo,v.mp4', "c,video", good.format(3, 0, 9)[:-1]]
    (tmp_path / "t.csv").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    table = read_table(tmp_path / "t.csv")
    assert [row.id for row in table.rows] == ["a0", "a1", "a3"]
    assert [row.number for row in table.rows] == [0, 1, 5]  # lines without anything are no rows
    first, second, third = table.refused
    assert first.reason == "It has 8 values, but the header names 7."
    assert second.reason.startswith("Line 7 is no CSV") and second.problem == "broken line"
    assert third.reason == "picture is missing."


def test_rows_are_counted_as_pandas_does(tmp_path):
    import pandas

    path = write_thesis_table(tmp_path / "t.csv")
    text = path.read_text().replace("channel 6", '"a\n\nb"').replace("\nrain", "\n\nrain", 2)
    path.write_text(text)
    frame, table = pandas.read_csv(path), read_table(path)
    assert len(frame) == table.num_rows == 18
    for row in table.rows:
        assert frame["Video File Name"][row.number] == row.picture


def test_unnamed_columns_are_those_of_pandas(tmp_path):
    rows = [{"": 0, **thesis_row("a.mp3", "b.mp4")}]
    table = read_table(write_thesis_table(tmp_path / "t.csv", rows))
    assert table.unknown == ("Unnamed: 0",) and table.rows[0].extra == {"Unnamed: 0": "0"}


def test_parquet_with_embedded_media_is_read_without_it(tmp_path):
    import pyarrow
    from pyarrow import parquet

    columns = {name: values[:3] for name, values in plain_columns().items()}
    table = pyarrow.table({**columns, "image": [b"1", b"2", b"3"], "sound": [{"bytes": b"1"}] * 3})
    parquet.write_table(table, tmp_path / "t.parquet")
    found = read_table(tmp_path / "t.parquet")
    assert len(found.rows) == 3 and found.unknown == ("mood",)
    nested = pyarrow.array([["x"]] * 3)
    parquet.write_table(table.set_column(2, "picture", nested), tmp_path / "u.parquet")
    assert "in its column picture, where text or numbers belong" in refusal(tmp_path / "u.parquet")


def test_tables_of_a_folder_are_joined(tmp_path):
    rows = many_rows(9)
    (tmp_path / "data").mkdir()
    (tmp_path / ".cache").mkdir()
    write_thesis_table(tmp_path / "a.csv", rows[:3])
    write_thesis_table(tmp_path / "data" / "b.parquet", [{**c, "mood": "dark"} for c in rows[3:]])
    write_thesis_table(tmp_path / ".cache" / "c.csv", rows)
    (tmp_path / "clip.mp4").write_bytes(b"no table")
    table = read_table(tmp_path)
    assert [row.number for row in table.rows] == list(range(9))
    assert table.rows[0].extra == {} and table.rows[3].extra == {"mood": "dark"}
    assert [Path(name).name for name in table.files] == ["a.csv", "b.parquet"]
    write_rows(plain_columns(), tmp_path / "p.csv")
    assert "tables of different layouts" in refusal(tmp_path)


def test_what_is_not_there_is_one_sentence(tmp_path):
    assert "neither a file nor a folder here" in refusal(tmp_path / "none.csv")
    assert "neither a file nor a folder here" in refusal("data/none.csv")  # no question to the Hub
    assert "holds no table" in refusal(tmp_path)
    with pytest.raises(PixMusError, match="no revision v1"):
        read_table(tmp_path, revision="v1")


# ----------------------------------------------------------------------------------------- the Hub


@pytest.fixture
def shared(tmp_path: Path, hub: LoopbackHub) -> LoopbackHub:
    """A Hub with a dataset of two tables, a card, a clip and a picture."""
    folder = tmp_path / "upload"
    (folder / "data").mkdir(parents=True)
    write_thesis_table(folder / "train.csv", many_rows(5))
    write_thesis_table(folder / "data" / "more.parquet", many_rows(9)[5:])
    for name in ("README.md", "clip.mp4", "data/cover.jpg", "split.json"):
        (folder / name).write_bytes(b"not asked for")
    hub.add(NAME, folder, "dataset")
    return hub


def test_a_dataset_of_the_hub_is_read_without_its_media(shared, monkeypatch):
    table = read_table(NAME)
    assert len(table.rows) == 9 and table.source == NAME
    assert table.files == (f"{NAME}/data/more.parquet", f"{NAME}/train.csv")
    assert shared.fetched() == {"train.csv", "data/more.parquet"}
    use_hub(monkeypatch, "http://127.0.0.1:9")  # nobody listens there
    assert read_table(NAME).rows == table.rows


def test_what_the_hub_does_not_give_is_one_sentence(shared, tmp_path, monkeypatch):
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "clip.mp4").write_bytes(b"a clip")
    shared.add("someone/bare", tmp_path / "bare", "dataset")
    assert "holds no *.csv or *.csv.gz or *.parquet" in refusal("someone/bare")
    assert "check the name" in refusal("someone/nothing")
    with pytest.raises(PixMusError, match="has no revision v9"):
        read_table(NAME, revision="v9")
    shared.repositories["dataset", NAME].is_gated = True
    assert "is gated" in refusal(NAME)
    assert len(read_table(NAME, token=TOKEN).rows) == 9
    use_hub(monkeypatch, "http://127.0.0.1:9")
    assert "the Hub cannot be reached" in refusal("someone/other")


@pytest.mark.parametrize(
    "text, words",
    [
        ("5", "is no span of rows; write it like 0:100"),
        ("a:b", "is no span of rows; write it like 0:100"),
        ("0:10", "lies outside the table, whose 9 rows are 0:9"),
        ("4:4", "ends before it begins"),
        ("-1:4", "is no span of rows"),
    ],
)
def test_a_range_outside_the_table_is_one_sentence(text: str, words: str) -> None:
    with pytest.raises(PixMusError, match=words):
        row_span(text, 9)


def test_ranges_are_as_python_has_them() -> None:
    assert list(row_span("2:5", 9)) == [2, 3, 4] and len(row_span(":", 9)) == 9


def test_usable_rows_of_a_span(tmp_path: Path) -> None:
    table = read_table(write_thesis_table(tmp_path / "odd.csv"))
    assert [row.number for row in table.chosen("9:13")] == [9, 10]  # 11 and 12 are refused
    assert table.chosen(None) == list(table.rows) == table.chosen(":")
    with pytest.raises(PixMusError, match="--rows 12:14 holds no row of .*odd.csv"):
        table.chosen("12:14")
