"""Fetching: every name and row ends as done, skipped or failed, and a rerun does the rest."""

import errno
import gc
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback_hub import LoopbackHub
from rows import row
from unsteady_server import UnsteadyServer

from pixmus.dataset import sources
from pixmus.dataset.downloads import Manners
from pixmus.dataset.fetch import ALREADY, NEEDS_VIDEOS, ONLY_SEGMENT, FetchReport, fetch
from pixmus.dataset.media import Media
from pixmus.dataset.store import Store, read_log
from pixmus.errors import PixMusError

QUICK = Manners(rate=1000, retries=1, backoff=0.01, timeout=5, unreached_limit=3)


@pytest.fixture
def server() -> Iterator[UnsteadyServer]:
    made = UnsteadyServer()
    yield made
    made.stop()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """clips/a.mp4, clips/b.mp4, music/a.wav, seg_0_10.wav, and two files of one name."""
    place = tmp_path / "given"
    for name in ("clips/a.mp4", "clips/b.mp4", "music/a.wav", "seg_0_10.wav", "x/same", "y/same"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(name)
    return place


def statuses(report: FetchReport) -> dict[str, str]:
    return {name: entry.status for name, entry in report.entries.items()}


def test_files_of_a_folder_by_path_name_and_stem(tmp_path: Path, folder: Path) -> None:
    absolute = str(folder / "clips" / "b.mp4")
    rows = [row(0, "clips/a.mp4", "a.wav"), row(1, absolute, "music/a"), row(2, "same", "a.wav")]
    report = fetch(rows, tmp_path / "store", from_folder=folder)
    assert statuses(report) == {
        "clips/a.mp4": "done", "a.wav": "done", absolute: "done", "music/a": "done",
        "same": "failed",
    }  # fmt: skip
    assert report.entries["same"].reason.startswith("2 files have its name")
    assert [outcome.status for outcome in report.rows] == ["done", "done", "failed"]
    media = Media(tmp_path / "store")
    found = media.find(absolute)
    assert found is not None and found.read_text() == "clips/b.mp4"
    assert media.find("a.wav") == media.find("music/a")
    assert any("5 done" in line or "4 done" in line for line in report.lines())
    assert (folder / "clips" / "a.mp4").read_text() == "clips/a.mp4"


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "clips/../../given/clips/a.mp4", "a\0b", "x" * 400]
)
def test_names_never_lead_out_of_the_folder(tmp_path: Path, folder: Path, name: str) -> None:
    report = fetch([row(0, name, "a.wav")], tmp_path / "store", from_folder=folder)
    assert statuses(report) == {name: "failed", "a.wav": "done"}
    assert report.rows[0].status == "failed"
    assert Media(tmp_path / "store").find(name) is None


def test_links_in_the_folder_are_followed_once(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "far.mp4").write_text("far")
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    (folder / "clips" / "back").symlink_to(folder)
    report = fetch([row(0, "far.mp4", "music/a.wav")], tmp_path / "store", from_folder=folder)
    assert report.rows[0].status == "done"


def test_a_link_to_elsewhere_by_an_absolute_name_is_refused(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "secret").write_text("1")
    report = fetch([row(0, str(tmp_path / "secret"))], tmp_path / "store", from_folder=folder)
    assert "outside" in report.entries[str(tmp_path / "secret")].reason


def test_a_rerun_does_only_what_is_not_done(
    tmp_path: Path, folder: Path, server: UnsteadyServer
) -> None:
    good = server.put("/good.mp4", b"good")
    busy = server.put("/busy.mp4", b"busy", statuses=[503, 503])
    gone = server.address + "/gone.mp4"
    rows = [row(0, good, "a.wav"), row(1, busy, "later.wav"), row(2, gone, "a.wav")]
    store = tmp_path / "store"
    first = fetch(rows, store, from_folder=folder, manners=QUICK)
    assert statuses(first) == {
        good: "done", "a.wav": "done", busy: "failed", "later.wav": "failed", gone: "failed",
    }  # fmt: skip
    assert [outcome.status for outcome in first.rows] == ["done", "failed", "failed"]
    asked = len(server.requests)

    (folder / "later.wav").write_text("later")
    second = fetch(rows, store, from_folder=folder, manners=QUICK)
    assert statuses(second) == {**statuses(first), busy: "done", "later.wav": "done"}
    assert second.num_new == 2 and second.fetched_bytes == 9
    assert len(server.requests) == asked + 1  # neither what is done nor what is gone for good

    server.put("/gone.mp4", b"back")
    third = fetch(rows, store, from_folder=folder, manners=QUICK)
    assert third.entries[gone].status == "failed" and len(server.requests) == asked + 1
    fourth = fetch(rows, store, from_folder=folder, manners=QUICK, retry_failed=True)
    assert set(statuses(fourth).values()) == {"done"}
    assert not list((store / "partial").iterdir())
    told = [json.loads(line) for line in (store / "rows.jsonl").read_text().splitlines()]
    assert {line["id"]: line["status"] for line in told} == {
        "r0": "done",
        "r1": "done",
        "r2": "done",
    }


def test_no_retry_leaves_what_failed_alone(tmp_path: Path, server: UnsteadyServer) -> None:
    busy = server.put("/busy.mp4", b"busy", statuses=[503, 503])
    for retry in (None, False):
        report = fetch([row(0, busy)], tmp_path, manners=QUICK, retry_failed=retry)
        assert report.entries[busy].reason == "the server answered 503 (Service Unavailable)"
    assert len(server.requests) == 2


def test_the_suffix_comes_from_the_type_where_the_address_has_none(
    tmp_path: Path, server: UnsteadyServer
) -> None:
    url = server.put("/watch?id=7", b"sound", content_type="audio/mpeg; x=1")
    assert fetch([row(0, "", url)], tmp_path, manners=QUICK).entries[url].file.endswith(".mp3")


def test_rows_of_segments_say_what_is_missing(tmp_path: Path, folder: Path) -> None:
    rows = [
        row(0, "clips/a.mp4", "", ("seg_0_10",)),
        row(1, "clips/a.mp4", "", ("seg_0_10", "seg_10_20")),
        row(2, "clips/a.mp4", "song.wav", ("song_0_10",)),
        row(3, "clips/a.mp4"),
    ]
    report = fetch(rows, tmp_path / "store", from_folder=folder)
    assert [outcome.status for outcome in report.rows] == ["done", "skipped", "failed", "failed"]
    assert report.entries["seg_10_20"].reason == ONLY_SEGMENT
    assert report.rows[1].reason == f"music seg_10_20: {ONLY_SEGMENT}"
    assert report.rows[3].reason == "no music is named"
    assert any(line.startswith("2 of 3 rows without an audio file") for line in report.lines())


def test_without_sources_nothing_fails(tmp_path: Path) -> None:
    rows = [row(0, "a.mp4", "dQw4w9WgXcQ.wav"), row(1, "https://youtu.be/dQw4w9WgXcQ", "lies.wav")]
    store = tmp_path / "store"
    store.mkdir()
    (store / "lies.wav").write_text("1")
    report = fetch(rows, store)
    assert set(statuses(report).values()) == {"skipped"}
    assert report.entries["dQw4w9WgXcQ.wav"].reason == NEEDS_VIDEOS
    assert report.entries["https://youtu.be/dQw4w9WgXcQ"].reason == NEEDS_VIDEOS
    assert report.entries["lies.wav"].reason == ALREADY


def test_files_of_a_dataset_on_the_hub(tmp_path: Path, hub: LoopbackHub, folder: Path) -> None:
    hub.add("someone/clips", folder, repo_type="dataset")
    rows = [row(0, "clips/a.mp4", "a.wav"), row(1, "none.mp4", "same")]
    report = fetch(rows, tmp_path / "store", hub="someone/clips", manners=QUICK)
    assert statuses(report) == {
        "clips/a.mp4": "done", "a.wav": "done", "none.mp4": "failed", "same": "failed",
    }  # fmt: skip
    found = Media(tmp_path / "store").find("a.wav")
    assert found is not None and found.read_text() == "music/a.wav"
    assert hub.fetched() == {"clips/a.mp4", "music/a.wav"}
    assert report.entries["a.wav"].source == "hub:someone/clips/music/a.wav"
    assert not list((tmp_path / "store" / "partial").iterdir())


def test_archives_on_the_hub_are_said_to_stay_shut(
    tmp_path: Path, hub: LoopbackHub, folder: Path
) -> None:
    (folder / "all.zip").write_text("1")
    hub.add("someone/clips", folder, repo_type="dataset")
    report = fetch([row(0, "none.mp4")], tmp_path / "store", hub="someone/clips", manners=QUICK)
    assert "1 archives or Parquet files, which are not opened" in report.entries["none.mp4"].reason


def test_a_hub_that_says_no_is_one_sentence(tmp_path: Path, hub: LoopbackHub) -> None:
    with pytest.raises(PixMusError, match="The Hub shows you no dataset someone/none"):
        fetch([row(0, "a.mp4")], tmp_path, hub="someone/none", manners=QUICK)
    with pytest.raises(PixMusError, match="write it as USER/NAME"):
        fetch([row(0, "a.mp4")], tmp_path, hub="no/such/name", manners=QUICK)


def test_a_hub_out_of_reach_leaves_the_rest_to_be_done(
    tmp_path: Path, hub: LoopbackHub, folder: Path
) -> None:
    hub.fail_with = 503
    rows = [row(0, "clips/a.mp4", "b.wav")]
    report = fetch(rows, tmp_path / "store", from_folder=folder, hub="someone/clips", manners=QUICK)
    assert statuses(report) == {"clips/a.mp4": "done", "b.wav": "failed"}
    assert "503" in report.entries["b.wav"].reason and report.entries["b.wav"].transient


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # yt-dlp leaves sockets to the collector
def test_a_video_page_by_yt_dlp(
    tmp_path: Path, server: UnsteadyServer, monkeypatch: pytest.MonkeyPatch, paint_video
) -> None:
    clip = paint_video([(1.0, 40)]).read_bytes()
    media = server.put("/media.mp4", clip)
    html = f'<html><title>t</title><video src="{media}"></video></html>'.encode()
    server.put("/watch/dQw4w9WgXcQ", html, content_type="text/html")
    page = server.put("/page", html, content_type="text/html")
    monkeypatch.setattr(sources, "VIDEO_PAGE", server.address + "/watch/{}")
    rows = [row(0, "dQw4w9WgXcQ.mp4", page), row(1, "AAAAAAAAAAA", "b.wav")]
    report = fetch(rows, tmp_path / "store", videos=True, manners=QUICK)
    assert statuses(report) == {
        "dQw4w9WgXcQ.mp4": "done", page: "done", "AAAAAAAAAAA": "failed", "b.wav": "skipped",
    }  # fmt: skip
    found = Media(tmp_path / "store").find("dQw4w9WgXcQ.mp4")
    assert found is not None and found.read_bytes() == clip and found.suffix == ".mp4"
    assert "404" in report.entries["AAAAAAAAAAA"].reason
    assert not report.entries["AAAAAAAAAAA"].transient
    assert not [path for path in (tmp_path / "store" / "partial").glob("*.video/media.*")]
    gc.collect()


def test_without_yt_dlp_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yt_dlp", None)
    with pytest.raises(PixMusError, match="--videos needs the package yt-dlp"):
        fetch([row(0, "a.mp4")], tmp_path, videos=True)


def test_a_network_that_dies_fails_the_rest_soon(tmp_path: Path, server: UnsteadyServer) -> None:
    server.stop()
    rows = [row(number, f"{server.address}/{number}.mp4") for number in range(200)]
    report = fetch(rows, tmp_path, manners=QUICK)
    assert set(statuses(report).values()) == {"failed"}
    assert all(entry.transient for entry in report.entries.values())
    assert any("cannot be reached (it refused the connection)" in line for line in report.lines())


FULL_DISK = """
import resource, sys
from pixmus.dataset.fetch import fetch
from pixmus.dataset.downloads import Manners
from pixmus.errors import PixMusError
sys.path.insert(0, {tests!r})
from rows import row
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    fetch([row(i, {address!r} + f"/{{i}}.mp4") for i in range(6)], {store!r},
          manners=Manners(rate=5))
except PixMusError as error:
    print(error)
"""


def test_a_full_disk_is_one_sentence_and_keeps_what_is_done(
    tmp_path: Path, server: UnsteadyServer
) -> None:
    for index in range(6):
        server.put(f"/{index}.mp4", bytes([index]) * (200_000 if index == 5 else 1000))
    code = FULL_DISK.format(
        tests=str(Path(__file__).parents[1]), address=server.address, store=str(tmp_path)
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    told = re.match(rf"The disk of {tmp_path} is full; the (\d) names that are done", ran.stdout)
    assert told, ran.stdout
    done = [entry for entry in read_log(tmp_path).values() if entry.status == "done"]
    assert len(done) == int(told[1]) >= 2
    assert all((tmp_path / entry.file).stat().st_size == 1000 for entry in done)
    rows = [row(index, f"{server.address}/{index}.mp4") for index in range(6)]
    report = fetch(rows, tmp_path, manners=QUICK)
    assert set(statuses(report).values()) == {"done"} and report.num_new == 6 - len(done)
    assert server.ranges("/5.mp4") == [None, "bytes=100000-"]


def test_a_log_that_cannot_be_written_is_a_full_disk(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(PixMusError, match="is full; the 1 names that are done are kept"):
        fetch([row(0, "clips/a.mp4")], tmp_path / "store", from_folder=folder)
    assert Store(tmp_path / "store").entry("clips/a.mp4") is not None
