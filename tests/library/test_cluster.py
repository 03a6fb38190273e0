"""A library on a Ray cluster: a process that dies loses no clip, and no clip is made twice."""

import os
import pickle
import signal
import sys
import types
from dataclasses import replace
from functools import partial

import pyarrow.parquet
import pytest

from pixmus.asked import Asked
from pixmus.dataset.pool import Lost
from pixmus.library.cluster import _make, _pack, _unpack, make_on_cluster
from pixmus.library.jobs import Job, find_jobs, job_choices
from pixmus.library.many import RESULTS, Piece, make_many
from pixmus.model.folder import model_folder

FAST = Asked({"num_inference_steps": 2}, job_choices())


@pytest.fixture
def library(paint_clip, tmp_path):
    folder = tmp_path / "clips"
    folder.mkdir()
    paint_clip(folder / "a.mp4", [(1, 40), (1, 200)])
    paint_clip(folder / "b.mp4", [(1, 90), (1, 20)])
    return folder


def rows(out):
    return pyarrow.parquet.read_table(out / RESULTS).to_pylist()


def test_a_piece_is_made_where_none_of_its_paths_are(library, tmp_path, tiny_model):
    clip = library / "a.mp4"
    sha256 = model_folder(str(tiny_model))[1]
    job = Job(clip, {"num_inference_steps": 2})
    piece = Piece(job, "abcdef", tmp_path / "nowhere", str(tiny_model), ("score.mid",), sha256)
    sent = pickle.dumps((piece, {"clip": clip.read_bytes()}))
    clip.unlink()
    made = pickle.loads(_make(sent))
    assert not isinstance(made, Lost), made
    row, packed = made
    assert row["folder"] == "abcdef" and row["status"] == "made"
    (tmp_path / "here").mkdir()
    _unpack(packed, tmp_path / "here")
    assert (tmp_path / "here" / "score.mid").is_file() and not (tmp_path / "nowhere").exists()
    other = pickle.dumps((replace(piece, sha256="another"), {"clip": b""}))
    lost = pickle.loads(_make(other))
    assert isinstance(lost, Lost) and "Another model" in lost.reason


def test_a_folder_comes_back_as_it_was(tmp_path):
    (tmp_path / "one" / "inner").mkdir(parents=True)
    (tmp_path / "one" / "inner" / "f").write_bytes(b"x")
    (tmp_path / "two").mkdir()
    _unpack(_pack(tmp_path / "one"), tmp_path / "two")
    assert (tmp_path / "two" / "inner" / "f").read_bytes() == b"x"


class Here(types.ModuleType):
    """What of Ray is used, in this process, where the first task is lost."""

    def __init__(self):
        super().__init__("ray")
        self.exceptions = types.SimpleNamespace(RayError=ConnectionError)
        self.lost = 1

    def is_initialized(self):
        return True

    def cluster_resources(self):
        return {"CPU": 2.0}

    def remote(self, **_):
        return lambda made: types.SimpleNamespace(remote=lambda *sent: (made, sent))

    def wait(self, tasks, num_returns):
        return tasks[-1:], tasks[:-1]

    def get(self, task):
        made, sent = task
        if self.lost:
            self.lost -= 1
            raise ConnectionError("its machine is gone\nand more")
        return made(*sent)


def test_what_comes_back_from_a_cluster_lies_where_it_is_asked_for(
    library, tmp_path, tiny_model, monkeypatch
):
    out, model = tmp_path / "out", str(tiny_model)
    monkeypatch.setitem(sys.modules, "ray", Here())
    jobs = list(find_jobs(str(library), FAST))
    by = partial(make_on_cluster, address="somewhere:1")
    tally = make_many(jobs, out, model=model, by=by)
    assert (tally.made, tally.failed) == (1, 1)
    told = {row["status"]: row for row in rows(out)}
    assert "its process ended 4 times (its machine is gone)" in told["failed"]["error"]
    assert (out / told["made"]["folder"] / "scored.mp4").is_file()
    again = make_many(jobs, out, model=model, by=by, retry_failed=True)
    assert (again.made, again.there) == (1, 1)
    assert {row["status"] for row in rows(out)} == {"made"}


def die_first(sent):
    """The process dies with the first piece that it gets, once."""
    piece, _ = pickle.loads(sent)
    marker = piece.out / "killed"
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return _make(sent)


@pytest.mark.slow  # a cluster is started
def test_a_cluster_whose_process_is_killed_loses_no_clip_and_makes_none_twice(
    library, tmp_path, tiny_model, monkeypatch
):
    out, model = tmp_path / "out", str(tiny_model)
    monkeypatch.setattr("pixmus.library.cluster._make", die_first)
    made = []
    jobs = list(find_jobs(str(library), FAST))
    by = partial(make_on_cluster, address="local")
    tally = make_many(jobs, out, model=model, by=by, tell=made.append)
    assert (out / "killed").exists()
    assert (tally.made, tally.failed) == (2, 0), made
    assert [row["status"] for row in rows(out)] == ["made", "made"]
    assert all((out / row["folder"] / "scored.mp4").is_file() for row in rows(out))
    again = make_many(jobs, out, model=model, by=by)
    assert (again.made, again.there) == (0, 2)
