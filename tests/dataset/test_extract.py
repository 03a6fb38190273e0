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
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from rows import open_picture, row_frames
from threadpoolctl import threadpool_limits

from pixmus.dataset.extract import extract
from pixmus.dataset.measure import group_rows, measuring_pool
from pixmus.dataset.media import Media
from pixmus.dataset.pool import Lost, Pool
from pixmus.dataset.shards import Measured
from pixmus.dataset.table import Row, read_table
from pixmus.errors import PixMusError
from pixmus.picture.features import extract_features
from pixmus.training.music import MUSIC_RATE
from pixmus.training.pairs import Pair, read_shards

REPOSITORY = Path(__file__).parents[2]


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
    *(row(n, kind="still", picture="c.png", start=0.1 * (n - 7)) for n in range(7, 22)),
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


def outcomes(pool: Pool, groups: Sequence[Sequence[Row]], stall_s: float = 60.0) -> dict[str, Any]:
    """What the pool makes of every row."""
    return {row.id: outcome for row, outcome in pool.run((group, stall_s) for group in groups)}


def same(one: Pair, other: Pair) -> bool:
    """Whether two rows were measured alike to the bit."""
    for part in ("features", "music"):
        for name, value in vars(getattr(one, part)).items():
            theirs = getattr(getattr(other, part), name)
            if isinstance(value, np.ndarray):
                if value.tobytes() != theirs.tobytes() or value.shape != theirs.shape:
                    return False
            elif value != theirs and value == value:
                return False
    return True


def check_whole(out: Path, reference: dict[str, Pair], rows: Sequence[Row] = ROWS) -> None:
    """Every row once, and as one core measures it."""
    pairs = list(read_shards(out))
    assert sorted(pair.id for pair in pairs) == sorted(row.id for row in rows)
    assert all(same(pair, reference[pair.id]) for pair in pairs)
    if len(rows) == len(reference):  # else the quantiles are others
        for pair in pairs:
            for name, curve in pair.curves.items():
                assert curve.tobytes() == reference[pair.id].curves[name].tobytes()


def test_rows_of_one_source_come_out_as_if_measured_alone(media, reference):
    found = Media(media)
    with measuring_pool(found) as pool:
        alone = outcomes(pool, [[each] for each in ROWS])
    for each in ROWS:
        pair, video = reference[each.id], open_picture(each, found)
        with threadpool_limits(1):  # sums over several threads differ in their last bit
            features = extract_features(row_frames(each, video), each.duration, video.frame_rate)
        assert same(pair, replace(pair, features=features, music=alone[each.id].music))
    assert 1.0 in reference["row0"].features.cuts
    assert 0.5 in reference["row2"].features.cuts


def test_a_source_is_one_group_and_a_still_its_own():
    groups = [[each.number for each in group] for group in group_rows(ROWS)]
    assert groups == [[0, 1, 2, 6], [3, 5], [4], *([number] for number in range(7, 22))]


def test_two_processes_measure_the_same(media, reference, tmp_path):
    extraction = extract(ROWS, media, tmp_path / "shards", workers=2)
    check_whole(tmp_path / "shards", reference)
    assert extraction.measured == {"video": 6, "still": 16}
    assert extraction.hours_for_all > 0
    assert "53,378 rows" in extraction.to_text(tmp_path)


def test_bad_rows_are_recorded_and_tried_again(media, reference, tmp_path):
    lost = tmp_path / "media"
    shutil.copytree(media, lost)
    (lost / "b.mp4").unlink()
    beyond = row(38, start=30.0)
    broken = row(39, picture="broken.mp4")
    silent = Row(40, "row40", "video", "a.mp4", "none.wav", 0, 2, 0, 2)
    rows = [*ROWS, beyond, broken, silent]
    out = tmp_path / "shards"
    extraction = extract(rows, lost, out)
    assert (sum(extraction.measured.values()), extraction.failed) == (20, 5)
    reasons = {
        line["id"]: line["reason"]
        for line in map(json.loads, (out / "failed.jsonl").read_text().splitlines())
    }
    assert set(reasons) == {"row3", "row5", "row38", "row39", "row40"}
    assert reasons["row3"] == "the picture b.mp4 is missing"
    assert "lasts" in reasons["row38"]
    assert reasons["row40"] == "the music none.wav is missing"
    again = extract(ROWS, media, out)
    assert (again.measured, again.present) == ({"video": 2}, 20)
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
    kill = Row(41, "kill", "video", "a.mp4", "kill.wav", 0, 2, 0, 2)
    hang = Row(42, "hang", "video", "a.mp4", "hang.wav", 0, 2, 0, 2)
    groups = [[ROWS[0], kill, ROWS[1]], [hang], [ROWS[3]]]
    with measuring_pool(DeadlyMedia(media)) as pool:
        found = outcomes(pool, groups, stall_s=4.0)
    assert {name for name, outcome in found.items() if isinstance(outcome, Lost)} == {
        "kill",
        "hang",
    }
    assert "ended with exit code -9" in found["kill"].reason
    assert "nothing came of it for 4 s" in found["hang"].reason
    assert all(isinstance(found[r.id], Measured) for r in (ROWS[0], ROWS[1], ROWS[3]))


@pytest.mark.slow  # a cluster is started
@pytest.mark.filterwarnings("ignore")  # Ray warns of itself
def test_rows_survive_a_machine_that_dies(media, reference, tmp_path, capfd):
    """Two machines with one processor each, of which the one without the head is killed."""
    import ray
    from ray.cluster_utils import Cluster

    settings = {"object_store_memory": 80 << 20, "include_dashboard": False}
    # A machine that is gone is missed after 1.5 s instead of 15; one that is slow is not.
    checks = {
        "health_check_initial_delay_ms": 0,
        "health_check_period_ms": 500,
        "health_check_failure_threshold": 3,
        "health_check_timeout_ms": 10000,
    }
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "_system_config": checks, **settings}
    )
    try:
        second = cluster.add_node(num_cpus=1, **settings)

        def kill(through: int, total: int) -> None:
            if through == total // 2:
                cluster.remove_node(second, allow_graceful=False)

        extraction = extract(
            ROWS, media, tmp_path / "shards", engine="ray", workers=2,
            ray_address=cluster.address, on_row=kill,
        )  # fmt: skip
    finally:
        ray.shutdown()
        cluster.shutdown()
    assert (sum(extraction.measured.values()), extraction.failed) == (len(ROWS), 0)
    check_whole(tmp_path / "shards", reference)


@pytest.mark.filterwarnings("ignore")
def test_a_cluster_that_does_not_answer_is_one_sentence(media, tmp_path):
    with pytest.raises(PixMusError, match="no Ray cluster answers at 127.0.0.1:1"):
        extract(ROWS, media, tmp_path, engine="ray", ray_address="127.0.0.1:1")


@pytest.mark.parametrize(
    "how", [signal.SIGINT, pytest.param(signal.SIGKILL, marks=pytest.mark.slow)]
)
def test_a_run_that_is_ended_goes_on_where_it_stopped(media, reference, tmp_path, how):
    """The command itself, ended after its first row."""
    table, out = tmp_path / "table.csv", tmp_path / "shards"
    lines = [
        f"{r.id},{r.kind},{r.picture},{r.audio},{r.start},{r.end},{r.start},{r.end}"
        for r in ROWS[:6]
    ]
    for film in sorted((REPOSITORY / "examples").glob("*.mp4")):  # 2 s of work to be stopped in
        if not (media / film.name).exists():
            (media / film.name).symlink_to(film)
        lines.append(f"{film.stem},video,{film.name},music.wav,10,12,0,2")
    columns = "id,kind,picture,audio,start,end,audio_start,audio_end"
    table.write_text("\n".join([columns, *lines]) + "\n")
    command = ["-m", "pixmus", "dataset", "features", table, "--media", media, "--out", out]
    process = subprocess.Popen(
        [sys.executable, *map(str, command), "--workers", "1"],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # as in a terminal, all its processes hear Ctrl-C,
        # also where these tests run in the background of a shell, which ignores it there
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert process.stderr is not None
    assert process.stderr.readline() == f"1 of {len(lines)} rows\n"
    if how == signal.SIGINT:
        os.killpg(process.pid, how)
    else:
        process.kill()  # its processes notice that they are alone
    process.communicate(timeout=60)
    assert process.returncode == (130 if how == signal.SIGINT else -how)
    if how == signal.SIGINT:
        assert len(read_shards(out)) >= 1
    rows = list(read_table(table).rows)[:6]
    extract(rows, media, out)
    check_whole(out, reference, rows)
