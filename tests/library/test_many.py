"""A library of clips: each is made once, a bad one ends nothing, and a stopped run goes on."""

import json
import os
import signal

import fsspec
import pyarrow.parquet
import pytest
from typer.testing import CliRunner

from pixmus.asked import Asked
from pixmus.dataset.sheets import write_rows
from pixmus.doors.cli.program import build
from pixmus.errors import PixMusError
from pixmus.library.jobs import Job, find_jobs, job_choices
from pixmus.library.many import FAILED, RESULTS, _work, make_many, make_one, plan_many

FAST = Asked({"num_inference_steps": 1, "key": "D minor"}, job_choices())


@pytest.fixture
def library(tmp_path, paint_video):
    """Two clips, one that is damaged, and a file that is none."""
    folder = tmp_path / "clips"
    (folder / "inner").mkdir(parents=True)
    for name, light in (("a.mp4", 40), ("inner/b.mp4", 90)):
        paint_video([(1.0, light), (1.0, 200)]).rename(folder / name)
    (folder / "bad.mp4").write_bytes(b"not a clip")
    (folder / "notes.txt").write_text("x")
    return folder


def rows(out):
    return pyarrow.parquet.read_table(out / RESULTS).to_pylist()


def test_a_library_is_made_once_and_a_bad_clip_ends_nothing(library, tmp_path, tiny_model):
    out = tmp_path / "out"
    model = str(tiny_model)
    jobs = list(find_jobs(str(library), FAST))
    assert [job.clip.name for job in jobs] == ["a.mp4", "bad.mp4", "b.mp4"]
    told = []
    tally = make_many(jobs, out, model=model, workers=2, tell=told.append)
    assert (tally.made, tally.there, tally.failed) == (2, 0, 1), told
    found = rows(out)
    assert sorted(row["status"] for row in found) == [FAILED, "made", "made"]
    (bad,) = (row for row in found if row["status"] == FAILED)
    assert bad["clip"].endswith("bad.mp4") and bad["error"].endswith(".")
    for row in (row for row in found if row["status"] == "made"):
        folder = out / row["folder"]
        assert (folder / "scored.mp4").is_file() and row["key"] == "D minor"
        assert json.loads((folder / "take.json").read_text())["seed"] == row["seed"]
    before = {path: path.stat().st_mtime_ns for path in out.rglob("scored.mp4")}
    again = make_many(jobs, out, model=model)
    assert (again.made, again.there, again.failed, again.failed_before) == (0, 2, 0, 1)
    assert before == {path: path.stat().st_mtime_ns for path in out.rglob("scored.mp4")}
    retried = make_many(jobs, out, model=model, retry_failed=True, limit=1)
    assert (retried.failed, retried.failed_before) == (1, 0)
    assert {path.name for path in out.iterdir()} == {
        RESULTS,
        FAILED,
        *(row["folder"] for row in found if row["status"] == "made"),
    }


def kill_first(pieces, beat):
    """The process dies in the middle of its first clip, once."""
    marker = pieces[0].out / "killed"
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    yield from _work(pieces, beat)


def kill_always(pieces, beat):
    """The process dies of one of the clips."""
    if pieces[0].job.clip.name == "bad.mp4":
        os.kill(os.getpid(), signal.SIGKILL)
    yield from _work(pieces, beat)


def test_a_process_that_is_killed_loses_no_clip(library, tmp_path, tiny_model, monkeypatch):
    jobs = list(find_jobs(str(library), FAST))
    monkeypatch.setattr("pixmus.library.many._work", kill_first)
    once = make_many([jobs[0], jobs[2]], tmp_path / "out", model=str(tiny_model))
    assert (once.made, once.failed) == (2, 0)
    monkeypatch.setattr("pixmus.library.many._work", kill_always)
    always = make_many(jobs, tmp_path / "out", model=str(tiny_model))
    assert (always.made, always.there, always.failed) == (0, 2, 1)
    (row,) = (row for row in rows(tmp_path / "out") if row["status"] == FAILED)
    assert "exit code -9" in row["error"]


def test_a_folder_appears_whole_or_not_at_all(library, tmp_path, tiny_model, monkeypatch):
    (job,) = find_jobs(str(library / "a.mp4"), FAST)
    (piece,) = plan_many([job], tmp_path, str(tiny_model), False, None)

    def fail(*_args, **_more):
        raise KeyboardInterrupt

    monkeypatch.setattr("pixmus.library.many._row", fail)
    with pytest.raises(KeyboardInterrupt):
        make_one(piece)
    assert not (tmp_path / piece.name).exists()


def test_a_name_says_bytes_settings_and_model(library, tmp_path):
    clip = library / "a.mp4"
    name = Job(clip, {"key": "D minor"}).name("m")
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(clip.read_bytes())
    assert Job(copy, {"key": "D minor", "style": None}).name("m") == name
    others = [Job(clip, {"key": "C minor"}).name("m"), Job(clip, {"key": "D minor"}).name("n")]
    others += [Job(library / "inner" / "b.mp4", {"key": "D minor"}).name("m")]
    others += [Job(clip, {"key": "D minor"}, cuts=library / "notes.txt").name("m")]
    assert len({name, *others}) == 5
    assert Job(clip).seed(name) == Job(copy).seed(name) < 2**31
    assert Job(clip, {"seed": 5}).seed(name) == 5


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_manifest_says_what_is_asked_of_each(library, tmp_path, suffix):
    manifest = tmp_path / f"m{suffix}"
    columns = {
        "clip": ["a.mp4", "inner/b.mp4"],
        "seed": ["7", ""],
        "tempo": ["", "90.5"],
        "accents": ["no", ""],
        "text": ["calm, piano", ""],
    }
    write_rows(columns, manifest)
    first, second = find_jobs(str(library), FAST, manifest)
    assert first.clip == library / "a.mp4"
    assert first.asked["seed"] == 7 and first.asked["accents"] is False
    assert first.asked["text"] == "calm, piano" and first.asked["key"] == "D minor"
    assert second.asked["tempo_bpm"] == 90.5 and second.asked["num_inference_steps"] == 1


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"file": ["a.mp4"]}, "no column clip"),
        ({"clip": ["a.mp4"], "colour": ["red"]}, "no option of soundtrack"),
        ({"clip": ["a.mp4"], "tempo": ["fast"]}, "row 1: The tempo is 'fast'"),
    ],
)
def test_a_wrong_manifest_is_one_sentence(library, tmp_path, columns, told):
    write_rows(columns, tmp_path / "m.csv")
    with pytest.raises(PixMusError, match=told):
        list(find_jobs(str(library), FAST, tmp_path / "m.csv"))


def test_the_command(library, tmp_path, tiny_model):
    (library / "cut.csv").write_text("time,name\n0.5,now!\n")
    write_rows({"clip": ["a.mp4", "no.mp4"], "cuts": ["cut.csv", ""]}, library / "m.csv")
    out = tmp_path / "out"
    words = ["soundtrack-many", library / "m.csv", "-o", out, "--model", tiny_model, "--steps", 1]
    dry = CliRunner().invoke(build(), [*map(str, words), "--dry-run"])
    assert dry.exit_code == 0 and not out.exists() and "a.mp4 -> " in dry.output
    done = CliRunner().invoke(build(), [*map(str, words), "--export", "score.mid"])
    assert done.exit_code == 0, done.output
    assert "1 made, 0 were there, 1 failed" in done.output
    (row,) = rows(out)
    files = {path.name for path in (out / row["folder"]).iterdir()}
    assert files == {"score.mid", "take.json", "result.json"}
    take = json.loads((out / row["folder"] / "take.json").read_text())
    assert take["settings"]["cuts"] == "1 markers of cut.csv"
    nothing = CliRunner().invoke(build(), ["soundtrack-many", str(tmp_path / "x"), "-o", str(out)])
    assert isinstance(nothing.exception, PixMusError) and "no clip" in str(nothing.exception)


@pytest.fixture
def elsewhere(library):
    """The library at a place that only this process reads."""
    system = fsspec.filesystem("memory")
    for path in library.rglob("*.mp4"):
        system.pipe_file(f"/shelf/{path.relative_to(library)}", path.read_bytes())
    yield "memory://shelf"
    system.rm("/shelf", recursive=True)


def test_a_library_elsewhere_is_brought_here_and_named_as_it_is(
    elsewhere, library, tmp_path, tiny_model
):
    out, model = tmp_path / "out", str(tiny_model)
    system = fsspec.filesystem("memory")
    system.pipe_file("/shelf/m.csv", b"clip,cuts,seed\na.mp4,cut.csv,7\ninner/b.mp4,,\nno.mp4,,\n")
    system.pipe_file("/shelf/cut.csv", b"time,name\n0.5,now!\n")
    told = []
    jobs = find_jobs(f"{elsewhere}/m.csv", FAST)
    tally = make_many(jobs, out, model=model, tell=told.append)
    assert (tally.made, tally.failed) == (2, 1), told
    assert any("no.mp4 could not be read" in line and line.endswith(".") for line in told)
    found = {row["clip"]: row for row in rows(out)}
    assert set(found) == {"memory://shelf/a.mp4", "memory://shelf/inner/b.mp4"}
    take = json.loads((out / found["memory://shelf/a.mp4"]["folder"] / "take.json").read_text())
    assert take["settings"]["cuts"] == "1 markers of cut.csv" and take["seed"] == 7
    assert found["memory://shelf/a.mp4"]["cuts_met"] <= found["memory://shelf/a.mp4"]["cuts"]
    assert -60 < found["memory://shelf/a.mp4"]["loudness_lufs"] < 0
    # The same bytes have the same name wherever they lie: what is there is not made again.
    jobs = find_jobs(str(library / "inner"), FAST)
    assert make_many(jobs, out, model=model).there == 1
    places = (elsewhere, f"{elsewhere}/*.mp4")
    names = [[job.clip.name for job in find_jobs(place, FAST)] for place in places]
    assert names == [["a.mp4", "bad.mp4", "b.mp4"], ["a.mp4", "bad.mp4"]]


@pytest.mark.parametrize("place", ["memory://nowhere", "nosuch://a/b", "memory://nowhere/m.csv"])
def test_a_place_that_cannot_be_read_is_one_sentence(place):
    with pytest.raises(PixMusError) as caught:
        list(find_jobs(place, FAST))
    assert str(caught.value).startswith(place) and str(caught.value).endswith(".")
