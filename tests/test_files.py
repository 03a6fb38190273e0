"""Files, folders and zips appear whole or not at all, and what comes along is found."""

from __future__ import annotations

import errno
import hashlib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from pixmus import files
from pixmus.cues.sheet import CueSheet
from pixmus.editors.read import read_cut_list
from pixmus.errors import PixMusError, TakenError
from pixmus.files import (
    check_new_file,
    check_new_folder,
    disk_told,
    file_sha256,
    new_file,
    new_folder,
    new_zip,
    shipped,
)
from pixmus.hub import local_folder
from pixmus.model.folder import MODEL_KIND
from pixmus.picture.video import probe
from pixmus.score.midi import read_midi


def test_a_file_appears_when_complete(tmp_path: Path) -> None:
    path = tmp_path / "cues.json"
    with new_file(path) as place:
        place.write_text("first")
        assert not path.exists()
    assert path.read_text() == "first"
    with pytest.raises(PixMusError, match="already"), new_file(path) as place:
        place.write_text("second")
    with pytest.raises(ZeroDivisionError), new_file(path, overwrite=True) as place:
        place.write_text("third")
        raise ZeroDivisionError
    assert path.read_text() == "first"
    with new_file(path, overwrite=True) as place:
        place.write_text("fourth")
    assert path.read_text() == "fourth" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("has_links", [True, False])
def test_what_appears_meanwhile_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool
) -> None:
    """Also behind the last check; a disk without links leaves only the checks."""
    if has_links:
        monkeypatch.setattr(files, "check_new_file", lambda *_: None)
        monkeypatch.setattr(files, "check_new_folder", lambda *_: None)
    else:
        monkeypatch.setattr(files.os, "link", lambda *_: 1 / 0)
    path, folder = tmp_path / "cues.json", tmp_path / "bundle"
    with pytest.raises(TakenError, match="cues.json is there already"), new_file(path) as place:
        place.write_text("mine")
        path.write_text("another's")
    with pytest.raises(TakenError, match="bundle is not empty"), new_folder(folder) as place:
        (place / "score.mid").write_text("mine")
        folder.mkdir()
        (folder / "score.mid").write_text("another's")
    assert path.read_text() == (folder / "score.mid").read_text() == "another's"
    assert sorted(tmp_path.iterdir()) == [folder, path]


def test_a_disk_without_links_takes_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_link(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(files.os, "link", no_link)
    with new_file(tmp_path / "cues.json") as place:
        place.write_text("first")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["first"]


def test_failures_name_the_file_that_was_asked_for(tmp_path: Path) -> None:
    with (
        pytest.raises(PixMusError, match="cues.json is bad") as caught,
        new_file(tmp_path / "cues.json") as place,
    ):
        raise PixMusError(f"{place} is bad.")
    assert "/.cues" not in str(caught.value)


def test_places_that_cannot_be_written_are_refused_first(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PixMusError, match="make it first"), new_file(tmp_path / "no" / "a.json"):
        pass
    with pytest.raises(PixMusError, match="is a folder"), new_file(tmp_path):
        pass
    with pytest.raises(PixMusError, match="is a file"), new_folder(tmp_path / "file"):
        pass


@pytest.mark.parametrize(
    "read",
    [
        *(CueSheet.load, read_midi, read_cut_list, probe, check_new_file, check_new_folder),
        lambda path: local_folder(path, MODEL_KIND),
    ],
)
@pytest.mark.parametrize("name", ["a" * 4000, "a\0b", "\ud800"])
def test_names_that_no_file_can_have_are_one_sentence(read: Any, name: str) -> None:
    with pytest.raises(PixMusError) as raised:
        read(Path(name))
    told = str(raised.value)
    assert told.endswith(".") and len(told) < 150 and told.encode()
    assert "too long" in told or "No file can have the name" in told


def test_a_folder_is_filled_again_and_keeps_what_is_not_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    with new_folder(folder) as place:
        (place / "old").write_text("1")
        (place / "same").write_text("1")
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(PixMusError, match="not empty"), new_folder(folder):
        pass
    with new_folder(folder, overwrite=True, replaced=["old", "same"]) as place:
        (place / "same").write_text("2")
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        "same": "2",
        "notes.txt": "mine",
    }


def test_a_zip_appears_when_complete(tmp_path: Path) -> None:
    path = tmp_path / "stems.zip"
    with pytest.raises(KeyboardInterrupt), new_zip(path) as archive:
        archive.writestr("melody.wav", b"half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
    with new_zip(path) as archive:
        archive.writestr("melody.wav", b"whole")
    with zipfile.ZipFile(path) as archive:
        assert archive.read("melody.wav") == b"whole"


@pytest.mark.parametrize("number", sorted(files.DISK_TROUBLE))
def test_a_disk_in_trouble_is_told_in_a_sentence(number: int, tmp_path: Path) -> None:
    with pytest.raises(PixMusError) as caught, new_file(tmp_path / "a.json") as place:
        raise OSError(number, "trouble", str(place))
    assert str(tmp_path / "a.json") in str(caught.value) and str(caught.value).endswith(").")
    with pytest.raises(OSError, match="other"), disk_told(tmp_path):
        raise OSError(errno.EIO, "other")


def test_a_hash_is_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"notes")
    assert file_sha256(tmp_path / "a") == hashlib.sha256(b"notes").hexdigest()


def test_what_comes_along_is_found_in_a_checkout_and_in_a_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (shipped("checkpoints/pixmus") / "manifest.json").is_file()
    beside, inside = tmp_path / "checkpoints", tmp_path / "pixmus" / "shipped" / "checkpoints"
    beside.mkdir()
    inside.mkdir(parents=True)
    monkeypatch.setattr(files, "REPOSITORY", tmp_path)
    monkeypatch.setattr(files, "SHIPPED", inside.parent)
    assert shipped("checkpoints") == inside
    (tmp_path / "pyproject.toml").write_text("")
    assert shipped("checkpoints") == beside
    assert shipped("examples") == tmp_path / "examples"
