"""Rows become shards: each once, whatever dies on the way, and the same on every engine."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pixmus.dataset.extract import extract
from pixmus.dataset.measure import Crew, Failure, group_rows, measure_rows
from pixmus.dataset.media import Media, open_picture, row_frames, row_music
from pixmus.dataset.music import MUSIC_RATE, measure_music
from pixmus.dataset.shards import Measured, Pair, read_shards, shard_paths
from pixmus.dataset.table import Row
from pixmus.errors import PixMusError
from pixmus.features import extract_features

REPOSITORY = Path(__file__).parents[1]


def row(number: int, kind: str = "video", picture: str = "a.mp4", start: float = 0.0) -> Row:
    return Row(
        number, f"row{number}", kind, picture, "music.wav", start, start + 2.0, start, start + 2.0
    )


ROWS = [
    row(0),
    row(1, start=1.0),
    row(2, start=2.5),
    row(3, picture="b.mp4", start=1.0),
    row(4, kind="still", picture="c.png"),
    row(5, picture="b.mp4"),
    row(6, start=0.5),
    row(7, kind="still", picture="c.png", start=0.0),
]


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory, paint_clip: Callable[..., Path]) -> Path:
    from PIL import Image

    folder = tmp_path_factory.mktemp("media")
    paint_clip(folder / "a.mp4", [(1, 40), (2, (200, 30, 20)), (2, 90)], moving=True)
    paint_clip(folder / "b.mp4", [(1.6, (10, 90, 200)), (2, 220)], frame_rate=25)
    Image.new("RGB", (64, 48), (30, 120, 60)).save(folder / "c.png")
    rng = np.random.default_rng(0)
    time = np.arange(5 * MUSIC_RATE) / MUSIC_RATE
    sound = 0.2 * np.sin(2 * np.pi * 262 * time) * np.exp(-4 * (time % 0.5))
    soundfile.write(
        folder / "music.wav", sound + 0.001 * rng.standard_normal(len(time)), MUSIC_RATE
    )
    (folder / "broken.mp4").write_bytes((folder / "a.mp4").read_bytes()[:4000])
    return folder


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory, media: Path) -> dict[str, Pair]:
    """All rows on one core."""
    out = tmp_path_factory.mktemp("one") / "shards"
    extract(ROWS, media, out)
    return {pair.id: pair for pair in read_shards(out)}


def same(one: Pair, other: Pair) -> bool:
    """Whether two rows are alike to the bit."""
    for part in ("features", "music"):
        for name, value in vars(getattr(one, part)).items():
            theirs = getattr(getattr(other, part), name)
            if isinstance(value, np.ndarray):
                if value.tobytes() != theirs.tobytes() or value.shape != theirs.shape:
                    return False
            elif value != theirs and value == value:
                return False
    return all(one.curves[name].tobytes() == other.curves[name].tobytes() for name in one.curves)


def check_whole(out: Path, reference: dict[str, Pair], rows: Sequence[Row] = ROWS) -> None:
    """Every row once, and as one core measures it."""
    pairs = list(read_shards(out))
    assert sorted(pair.id for pair in pairs) == sorted(row.id for row in rows)
    assert all(same(pair, reference[pair.id]) for pair in pairs)


def test_rows_of_one_source_come_out_as_if_measured_alone(media, reference):
    found = Media(media)
    for each in ROWS:
        video = open_picture(each, found)
        alone = extract_features(row_frames(each, video), each.duration, video.frame_rate)
        music = measure_music(row_music(each, found, MUSIC_RATE), MUSIC_RATE)
        pair = reference[each.id]
        assert pair.features.transitions == alone.transitions
        assert pair.features.palette.tobytes() == alone.palette.tobytes()
        assert pair.features.motion.tobytes() == alone.motion.tobytes()
        assert pair.music.loudness.tobytes() == music.loudness.tobytes()
        assert pair.music.key == music.key
    assert 1.0 in reference["row0"].features.cuts
    assert 0.5 in reference["row2"].features.cuts


def test_a_source_is_one_group_and_a_still_its_own():
    assert [[r.number for r in group] for group in group_rows(ROWS)] == [[0, 1, 2, 6], [3, 5], [4], [7]]


def test_two_processes_measure_the_same(media, reference, tmp_path):
    extraction = extract(ROWS, media, tmp_path / "shards", workers=2)
    check_whole(tmp_path / "shards", reference)
    assert extraction.measured == {"video": 6, "still": 2}
    assert extraction.hours_for_all > 0
    assert "53,378 rows" in extraction.to_text(tmp_path)


def test_bad_rows_are_recorded_and_tried_again(media, reference, tmp_path):
    lost = tmp_path / "media"
    shutil.copytree(media, lost)
    (lost / "b.mp4").unlink()
    beyond = row(8, start=30.0)
    broken = row(9, picture="broken.mp4")
    silent = Row(10, "row10", "video", "a.mp4", "none.wav", 0, 2, 0, 2)
    rows = [*ROWS, beyond, broken, silent]
    out = tmp_path / "shards"
    extraction = extract(rows, lost, out)
    assert (sum(extraction.measured.values()), extraction.failed) == (6, 5)
    reasons = {
        line["id"]: line["reason"]
        for line in map(json.loads, (out / "failed.jsonl").read_text().splitlines())
    }
    assert set(reasons) == {"row3", "row5", "row8", "row9", "row10"}
    assert reasons["row3"] == "the picture b.mp4 is missing"
    assert "lasts" in reasons["row8"]
    assert reasons["row10"] == "the music none.wav is missing"
    again = extract(ROWS, media, out)
    assert (again.measured, again.present) == ({"video": 2}, 6)
    assert len((out / "failed.jsonl").read_text().splitlines()) == 3
    check_whole(out, reference)


class DeadlyMedia(Media):
    """Files of two names end or stop the process that looks for them."""

    def find(self, name: str) -> Path | None:
        if name == "kill.wav":
            os.kill(os.getpid(), signal.SIGKILL)
        if name == "hang.wav":
            time.sleep(60)
        return super().find(name)


def test_a_file_that_kills_or_hangs_its_worker_costs_its_row_alone(media):
    kill = Row(20, "kill", "video", "a.mp4", "kill.wav", 0, 2, 0, 2)
    hang = Row(21, "hang", "video", "a.mp4", "hang.wav", 0, 2, 0, 2)
    groups = [[ROWS[0], kill, ROWS[1]], [hang], [ROWS[3]]]
    with Crew(DeadlyMedia(media), 1, stall_s=2.0) as crew:
        outcomes = {outcome.id: outcome for outcome in crew.run(groups)}
    assert "ended with code -9" in outcomes["kill"].reason
    assert "nothing came for 2 s" in outcomes["hang"].reason
    assert all(isinstance(outcomes[r.id], Measured) for r in (ROWS[0], ROWS[1], ROWS[3]))
