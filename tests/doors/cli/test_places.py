"""Names of a person's and of PixMus' own choice, and what is written to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pixmus.doors.cli.places import Name, places_of
from pixmus.errors import TakenError
from pixmus.files import new_file, new_folder


def test_a_number_that_is_taken_while_writing_is_followed_by_the_next(tmp_path: Path) -> None:
    tried: list[str] = []

    def write(path: Path, overwrite: bool) -> None:
        tried.append(path.name)
        with new_file(path, overwrite) as place:
            place.write_text("mine")
            if len(tried) == 1:
                path.write_text("another's")

    (tmp_path / "a-1.mp4").symlink_to("nowhere")  # is there, too
    assert Name(tmp_path / "a.mp4", True).write(write, overwrite=True) == tmp_path / "a-3.mp4"
    assert tried == ["a-2.mp4", "a-3.mp4"]
    assert [(tmp_path / name).read_text() for name in tried] == ["another's", "mine"]


def test_a_numbered_folder_is_followed_by_the_next(tmp_path: Path) -> None:
    tried: list[str] = []

    def write(path: Path, overwrite: bool) -> None:
        tried.append(path.name)
        with new_folder(path, overwrite) as place:
            (place / "score.mid").write_text("mine")
            if len(tried) == 1:
                path.mkdir()
                (path / "score.mid").write_text("another's")

    assert Name(tmp_path / "a", True).write(write) == tmp_path / "a-2"
    assert [(tmp_path / name / "score.mid").read_text() for name in tried] == ["another's", "mine"]


def test_a_name_that_a_person_chose_is_not_changed(tmp_path: Path) -> None:
    def write(path: Path, overwrite: bool) -> None:
        with new_file(path, overwrite) as place:
            place.write_text("mine")

    path = tmp_path / "a.mp4"
    path.write_text("another's")
    with pytest.raises(TakenError, match="--force"):
        Name(path).write(write)
    assert Name(path).write(write, overwrite=True) == path and path.read_text() == "mine"


def test_exports_have_a_folder_for_every_take_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in range(1, 5, 2):
        places = places_of(Path("clip.mp4"), None, None, 2, False, has_exports=True)
        for name, folder in places:
            assert name is None and folder is not None
            folder.write(lambda path, _: path.mkdir())
        assert all(Path(f"clip-exports-{n}").is_dir() for n in (number, number + 1))
