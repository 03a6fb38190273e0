"""The store: the same bytes lie there once, the last word on a name counts."""

import errno
import hashlib
import json
import threading
from pathlib import Path

import pytest

from pixmus.dataset import store as store_module
from pixmus.dataset.media import Media
from pixmus.dataset.store import Entry, Store, StoreFull, disk_explained, read_log


def test_a_file_lies_under_its_hash_and_once(tmp_path: Path) -> None:
    for name in ("a.MP4", "b.mp4"):
        (tmp_path / name).write_bytes(b"the same")
    store = Store(tmp_path / "store")
    first = store.link(tmp_path / "a.MP4", ".MP4")
    second = store.link(tmp_path / "b.mp4", ".mp4")
    sha256 = hashlib.sha256(b"the same").hexdigest()
    assert first == second and first.bytes == 8
    assert first.file == f"objects/{sha256[:2]}/{sha256}.mp4"
    assert (store.folder / first.file).read_bytes() == b"the same"
    assert not list(store.partial.iterdir())


def test_a_file_is_copied_where_it_cannot_be_linked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_link(*_: object) -> None:
        raise OSError(errno.EXDEV, "another disk")

    monkeypatch.setattr(store_module.os, "link", no_link)
    (tmp_path / "a.wav").write_bytes(b"music")
    store = Store(tmp_path / "store")
    taken = store.link(tmp_path / "a.wav", ".wav")
    assert (store.folder / taken.file).stat().st_ino != (tmp_path / "a.wav").stat().st_ino
    assert (store.folder / taken.file).read_bytes() == b"music"
    assert not list(store.partial.iterdir())


def test_a_download_moves_and_strange_suffixes_are_left_out(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    part = store.partial / "x.part"
    part.write_bytes(b"whole")
    taken = store.move(part, "./../evil")
    assert not part.exists() and Path(taken.file).name == taken.sha256


def test_the_last_line_of_a_name_counts(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.record(Entry("a", "audio", "failed", "no answer in time", transient=True))
    (tmp_path / "objects" / "x").write_bytes(b"1")
    store.record(Entry("a", "audio", "done", file="objects/x"))
    again = Store(tmp_path).entry("a")
    assert again is not None and again.status == "done" and again.time
    assert Media(tmp_path).find("a") == tmp_path / "objects" / "x"
    (tmp_path / "objects" / "x").unlink()
    assert Store(tmp_path).entry("a") is None  # done, but its file is gone
    store.record(Entry("a", "audio", "failed", "gone"))
    assert Media(tmp_path).find("a") is None


def test_what_does_not_change_is_not_logged_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for _ in range(3):
        store.record(Entry("a", "audio", "skipped", "why"))
    assert len((tmp_path / "fetch.jsonl").read_text().splitlines()) == 1


def test_a_log_that_broke_off_or_lies_is_borne(tmp_path: Path) -> None:
    (tmp_path / "outside.mp4").write_bytes(b"1")
    folder = tmp_path / "store"
    folder.mkdir()
    lines = [
        json.dumps({"name": "good", "status": "skipped", "unknown": 1}),
        json.dumps({"name": "evil", "status": "done", "file": "../outside.mp4"}),
        json.dumps(["no", "entry"]),
        '{"name": "broken", "sta',
    ]
    (folder / "fetch.jsonl").write_text("\n".join(lines))
    assert set(read_log(folder)) == {"good"}
    assert Media(folder).find("evil") is None
    Store(folder).record(Entry("next\u2028line", "audio", "skipped"))
    assert set(read_log(folder)) == {"good", "next\u2028line"}


def test_threads_append_whole_lines(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def write(thread: int) -> None:
        for index in range(50):
            store.record(Entry(f"{thread}-{index}", "audio", "failed", "x" * 500))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = (tmp_path / "fetch.jsonl").read_text().splitlines()
    assert {json.loads(line)["name"] for line in lines} == {
        f"{thread}-{index}" for thread in range(4) for index in range(50)
    }


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_has_its_own_error(tmp_path: Path, number: int) -> None:
    with pytest.raises(StoreFull, match="is full"), disk_explained(tmp_path):
        raise OSError(number, "full")
    with pytest.raises(PermissionError), disk_explained(tmp_path):
        raise PermissionError(errno.EACCES, "no")
