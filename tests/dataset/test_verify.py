"""Rows with known faults are found out, and good ones are not."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image
from typer.testing import CliRunner

from pixmus.dataset.commands import app
from pixmus.dataset.layouts import Segment
from pixmus.dataset.media import Media
from pixmus.dataset.table import Row
from pixmus.dataset.verify import (
    Finding,
    examine,
    mark_duplicates,
    summary_lines,
    time_limit,
    verify,
)
from pixmus.errors import PixMusError
from pixmus.sandbox import FIRST_LIMIT_S

RATE = 44100  # Hz


def music(seconds: float, seed: int = 0) -> np.ndarray:
    """Chords of decaying tones with a bass, another piece for another seed. (samples,)"""
    random = np.random.default_rng(seed)
    out = np.zeros(round(seconds * RATE))
    for start in np.arange(0, seconds, 0.5):
        time = np.arange(len(out) - round(start * RATE)) / RATE
        for pitch in (*random.choice(np.arange(48, 84), 3, replace=False), 36):
            hertz = 440 * 2 ** ((pitch - 69) / 12)
            tone = sum(np.sin(2 * np.pi * hertz * k * time) / k for k in (1, 2, 3))
            out[round(start * RATE) :] += tone * np.exp(-time / 0.6)
    return (0.5 * out / np.abs(out).max()).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, paint_clip: Callable[..., Path]) -> Path:
    """Media by name: good ones, and one for each fault."""
    place = tmp_path_factory.mktemp("media")
    shots = [(1.5, 60), (1.5, 180), (1.0, 90)]
    paint_clip(place / "moving.mp4", shots, moving=True)
    paint_clip(place / "recoded.mp4", shots, moving=True, codec="libx264", options={"crf": "30"})
    paint_clip(place / "frozen.mp4", [(4.0, 90)])
    whole = (place / "moving.mp4").read_bytes()
    (place / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    (place / "words.mp4").write_text("words " * 100)
    gradient = np.linspace(0, 255, 96 * 64).reshape(64, 96).astype(np.uint8)
    Image.fromarray(gradient).save(place / "still.png")
    Image.fromarray(gradient).save(
        place / "several.webp", save_all=True, append_images=[Image.fromarray(gradient[::-1])]
    )
    good = music(4.0)
    soundfile.write(place / "good.wav", good, RATE)
    soundfile.write(place / "good.mp3", good, RATE)
    soundfile.write(place / "other.wav", music(4.0, seed=1), RATE)
    soundfile.write(place / "short.wav", good[: 2 * RATE], RATE)
    soundfile.write(place / "silent.wav", np.zeros(4 * RATE), RATE)
    quiet = np.concatenate([good[:RATE], np.zeros(3 * RATE)])
    soundfile.write(place / "mostly_silent.wav", quiet, RATE)
    soundfile.write(place / "clipped.wav", np.clip(6 * good, -1, 1), RATE)
    (place / "noise.wav").write_bytes(b"RIFF" + bytes(100))
    for index in range(2):
        part = good[index * 2 * RATE : (index + 1) * 2 * RATE]
        soundfile.write(place / f"part_{index}.wav", part, RATE)
    return place


def row(
    picture: str = "moving.mp4", audio: str = "good.wav", kind: str = "video", **how: Any
) -> Row:
    values: dict[str, Any] = {"start": 0.0, "end": 4.0, "audio_start": 0.0, "audio_end": 4.0, **how}
    number = values.pop("number", 0)
    return Row(number, f"r{number}", kind, picture, audio, **values)


def checks(found: Finding) -> set[str]:
    assert found.ok == (not found.problems)
    return {problem.check for problem in found.problems}


@pytest.mark.parametrize(
    "given, wanted",
    [
        (row(), set()),
        (row(start=1.0, end=3.0, audio_start=1.0, audio_end=3.0), set()),
        (row("still.png", kind="still"), set()),
        (row("recoded.mp4", "good.mp3"), set()),
        (row("none.mp4", "none.wav"), {"picture missing", "music missing"}),
        (row("", ""), {"picture missing", "music missing"}),
        (row("../moving.mp4"), {"picture missing"}),
        (row("cut.mp4"), {"picture unreadable"}),
        (row("words.mp4", "words.mp4"), {"picture unreadable", "music unreadable"}),
        (row(end=9.0), {"picture short", "music short"}),
        (row("frozen.mp4"), {"picture frozen"}),
        (row("still.png"), {"picture frozen"}),
        (row("moving.mp4", kind="still"), {"picture moving"}),
        (row("frozen.mp4", kind="still"), {"picture moving"}),
        (row("several.webp", kind="still"), {"picture moving"}),
        (row(audio="short.wav"), {"music short"}),
        (row(audio="silent.wav"), {"music silent"}),
        (row(audio="mostly_silent.wav"), {"music silent"}),
        (row(audio="clipped.wav"), {"music clipped"}),
        (row(audio="noise.wav"), {"music unreadable"}),
        (row(audio="moving.mp4"), {"music unreadable"}),
    ],
)  # fmt: skip
def test_each_fault_is_found_and_nothing_else(folder: Path, given: Row, wanted: set[str]) -> None:
    found = examine(given, Media(folder))
    assert checks(found) == wanted, found.problems
    assert all(str(folder) not in problem.sentence for problem in found.problems)


def test_segments_stand_for_an_audio_file_that_is_not_there(folder: Path) -> None:
    parts = (Segment("part_0", 0.0, 2.0), Segment("part_1", 2.0, 4.0))
    whole, joined = (examine(row(audio=a, segments=parts), Media(folder)) for a in ("good.wav", ""))
    assert joined.ok and whole.music_print == joined.music_print
    lost = examine(row(audio="", segments=(*parts, Segment("part_2", 4.0, 6.0))), Media(folder))
    assert [p.sentence for p in lost.problems] == ["its music part_2 is missing"]


def test_duplicates_are_known_after_coding_anew(folder: Path) -> None:
    rows = [
        row(number=0),
        row("recoded.mp4", "other.wav", number=1),
        row("still.png", "good.mp3", kind="still", number=2),
        row("recoded.mp4", "good.mp3", number=3),
    ]
    found = mark_duplicates([examine(given, Media(folder)) for given in rows])
    assert [finding.same_picture_as for finding in found] == ["", "r0", "", "r0"]
    assert [finding.same_music_as for finding in found] == ["", "", "r0", "r0"]
    assert [checks(finding) for finding in found] == [set(), set(), set(), {"duplicate"}]
    assert found[3].problems[0].sentence == "its picture and music are those of row r0"
    assert mark_duplicates(found) == found
    lines = summary_lines(found)
    assert lines[0] == "3 of 4 rows are good (75.0%)"
    assert lines[-2:] == [
        "2 rows have the picture of an earlier row",
        "2 rows have the music of an earlier row",
    ]


def test_a_run_goes_on_where_it_stopped(folder: Path, tmp_path: Path) -> None:
    done: list[tuple[int, int]] = []

    def check(rows: list[Row]) -> list[Finding]:
        """Check rows, and note for each that is examined now how many there are by then."""
        done.clear()
        return verify(rows, Media(folder), out, on_row=lambda *count: done.append(count))

    out = tmp_path / "findings" / "verify.jsonl"
    rows = [row(number=0), row(audio="silent.wav", number=1), row(audio="late.wav", number=2)]
    check(rows[:2])
    assert done == [(1, 2), (2, 2)]
    whole = out.read_text()
    with out.open("a") as file:
        file.write('{"id": "r2", "prob')  # killed while it wrote
    found = check(rows)
    assert done == [(3, 3)] and checks(found[2]) == {"music missing"}
    assert out.read_text().startswith(whole) and len(out.read_text().splitlines()) == 3
    soundfile.write(folder / "late.wav", music(4.0, seed=2), RATE)
    try:
        found = check(rows[2:])
    finally:
        (folder / "late.wav").unlink()
    assert done == [(1, 1)] and checks(found[0]) == set()
    assert [json.loads(line)["id"] for line in out.read_text().splitlines()] == ["r0", "r1", "r2"]
    check([replace(rows[0], end=3.0)])
    assert done == [(1, 1)]


def test_a_file_that_holds_no_findings_is_left_alone(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.txt"
    out.write_text("my own words\nand more\n")
    with pytest.raises(PixMusError, match="holds no findings; name another with --out"):
        verify([row()], Media(folder), out)
    assert out.read_text() == "my own words\nand more\n"


def test_rows_are_examined_apart(folder: Path, tmp_path: Path) -> None:
    rows = [row(number=0), row("cut.mp4", number=1), row(audio="clipped.wav", number=2)]
    seen: list[tuple[int, int]] = []
    found = verify(
        rows, Media(folder), tmp_path / "v.jsonl", workers=2, on_row=lambda *n: seen.append(n)
    )
    assert [checks(finding) for finding in found] == [
        set(), {"picture unreadable"}, {"music clipped"},
    ]  # fmt: skip
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_longer_media_may_take_longer() -> None:
    assert FIRST_LIMIT_S == time_limit(0.0) < time_limit(10.0) < time_limit(30.0)


def test_the_commands_fetch_and_verify_a_table(folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    lines = ["id,kind,picture,audio,start,end,caption", "a,video,moving.mp4,good.wav,0,4,"]
    lines += ["b,still,still.png,silent.wav,0,4,", "c,video,none.mp4,good.wav,0,4,"]
    table.write_text("\n".join(lines) + "\n")
    run = CliRunner()
    store = str(tmp_path / "store")
    fetched = run.invoke(app, ["fetch", str(table), "--store", store, "--from", str(folder)])
    assert fetched.exit_code == 0, fetched.output
    assert "rows:  2 done, 0 skipped, 1 failed" in fetched.output
    verified = run.invoke(app, ["verify", str(table), "--media", store, "--rows", "0:2"])
    assert verified.exit_code == 0, verified.output
    assert verified.output.startswith("1 of 2 rows are good (50.0%)")
    assert "music silent" in verified.output
    assert len((tmp_path / "store" / "verify.jsonl").read_text().splitlines()) == 2
