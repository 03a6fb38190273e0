"""What is written to shards is read back, once, whatever a run left behind."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pixmus.dataset import shards
from pixmus.dataset.shards import Measured, ShardWriter
from pixmus.dataset.split import Assignment
from pixmus.dataset.table import Row
from pixmus.errors import PixMusError
from pixmus.picture.features import FEATURE_CURVES, Features
from pixmus.picture.moments import Moment
from pixmus.picture.palette import PALETTE
from pixmus.picture.transitions import Transition
from pixmus.training import pairs
from pixmus.training.music import MUSIC_CURVES, MusicCurves
from pixmus.training.pairs import code_version, fit_folder, read_shards, shard_paths

ROWS = [
    Row(n, f"row{n}", "video", f"{n % 3}.mp4", "a.wav", float(n), n + 2.0, float(n), n + 2.0)
    for n in range(10)
]


def measured(row: Row, palette: bool = True) -> Measured:
    rng = np.random.default_rng(row.number)

    def curve(length: int, *width: int) -> np.ndarray:
        return rng.standard_normal((length, *width)).astype(np.float32)

    features = Features(
        row.duration,
        Fraction(30000, 1001),
        (Transition(0.5, 0.4, 0.6, "dissolve"),) if row.number % 2 else (),
        **{name: curve(8) for name in FEATURE_CURVES},
        palette=curve(8, len(PALETTE)) if palette else None,
        moments=(Moment(1.25, "flash", 0.5),),
    )
    music = MusicCurves(
        row.duration, **{name: curve(2) for name in MUSIC_CURVES}, tempo_bpm=99.5, key="D minor"
    )
    return Measured(row.id, features, music, 0.5, 0.25, code_version())


def write(folder: Path, rows: list[Row], rows_per_shard: int = 4) -> ShardWriter:
    writer = ShardWriter(folder, rows_per_shard)
    for row in rows:
        writer.add(row, measured(row))
    writer.flush()
    return writer


def test_everything_is_read_back_as_it_was_written(tmp_path):
    row = ROWS[3]
    writer = ShardWriter(tmp_path)
    one, other = measured(row), measured(ROWS[4], palette=False)
    writer.add(row, one, "validation", "forest")
    writer.add(ROWS[4], other)
    writer.flush()
    pair, second = read_shards(tmp_path)
    assert (pair.id, pair.number, pair.kind) == ("row3", 3, "video")
    assert (pair.split, pair.group, pair.start, pair.end) == ("validation", "forest", 3.0, 5.0)
    assert (second.split, second.group) == ("", "1.mp4")
    for part, wrote in ((pair.features, one.features), (pair.music, one.music)):
        for name, value in vars(wrote).items():
            if isinstance(value, np.ndarray):
                read = getattr(part, name)
                assert read.dtype == np.float32 and np.array_equal(read, value), name
            else:
                assert getattr(part, name) == value, name
    assert second.features.palette is None
    assert set(pair.curves) == {"density", "energy", "valence", "register"}
    assert all(len(curve) == 2 and curve.min() >= 0 for curve in pair.curves.values())


def test_shards_are_filled_one_after_another_by_however_many_runs(tmp_path):
    write(tmp_path, ROWS[:3])
    write(tmp_path, ROWS[:6])
    write(tmp_path, ROWS)
    assert [path.name for path in shard_paths(tmp_path)] == [f"part-0000{n}.parquet" for n in "012"]
    pairs = read_shards(tmp_path)
    assert (
        [pair.id for pair in pairs] == [row.id for row in ROWS] == [name for name, _ in pairs.index]
    )


def test_what_a_killed_run_left_is_no_shard(tmp_path):
    write(tmp_path, ROWS[:3])
    (tmp_path / ".part-00000-0a1b2c3d.parquet").write_bytes(b"half of a shard")
    assert len(read_shards(tmp_path)) == 3
    write(tmp_path, ROWS)
    assert not list(tmp_path.glob(".*"))
    assert len(read_shards(tmp_path)) == 10


def test_a_lost_shard_is_made_again_and_no_other_touched(tmp_path):
    write(tmp_path, ROWS)
    first = tmp_path / "part-00000.parquet"
    first.unlink()
    write(tmp_path, ROWS)
    assert sorted(pair.number for pair in read_shards(tmp_path)) == list(range(10))


def test_quantiles_are_taken_over_training_rows(tmp_path):
    write(tmp_path, ROWS)
    writer = ShardWriter(tmp_path, 4)
    writer.assign(
        {row.id: Assignment("training" if row.number < 7 else "test", "g") for row in ROWS}
    )
    fit_folder(tmp_path)
    facts = json.loads((tmp_path / "quantiles.json").read_text())
    assert (facts["over"], facts["rows"], facts["seconds"]) == ("training rows", 7, 14)
    pairs = list(read_shards(tmp_path))
    assert [pair.split for pair in pairs] == ["training"] * 7 + ["test"] * 3
    assert {pair.group for pair in pairs} == {"g"}
    energy = np.concatenate([pair.curves["energy"] for pair in pairs[:7]])
    assert np.sort(energy) == pytest.approx(np.linspace(0, 1, 14), abs=0.01)
    writer.add(replace(ROWS[0], id="more", number=10), replace(measured(ROWS[0]), id="more"))
    writer.flush()  # the last shard keeps what it was assigned
    assert [split for _, split in read_shards(tmp_path).index[-3:]] == ["test", "test", ""]


def test_other_code_and_other_tables_are_refused(tmp_path, monkeypatch):
    write(tmp_path, ROWS)
    with pytest.raises(PixMusError, match="rows of another table"):
        ShardWriter(tmp_path).has(replace(ROWS[0], end=9.0))
    with pytest.raises(PixMusError, match="every machine"):
        ShardWriter(tmp_path).add(
            replace(ROWS[0], id="new"), replace(measured(ROWS[0]), code="00000000")
        )
    for module in (shards, pairs):
        monkeypatch.setattr(module, "code_version", lambda: "12345678")
    for refused in (ShardWriter, read_shards):
        with pytest.raises(PixMusError, match="another version of PixMus"):
            refused(tmp_path)
    assert len(list(read_shards(tmp_path, any_version=True))) == 10


def test_what_cannot_be_read_is_one_sentence(tmp_path):
    with pytest.raises(PixMusError, match="holds no shards"):
        read_shards(tmp_path)
    write(tmp_path, ROWS)
    (tmp_path / "quantiles.json").write_text("{")
    with pytest.raises(PixMusError, match="remove it and it is made again"):
        read_shards(tmp_path)
    path = tmp_path / "part-00001.parquet"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(PixMusError, match="part-00001.parquet cannot be read"):
        read_shards(tmp_path)
