"""Names of a person's and of PixMus' own choice, and what is written to them."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pixmus.cues.sheet import Cue, CueSheet
from pixmus.curves import CURVES, num_curve_values
from pixmus.doors import cli
from pixmus.doors.cli.places import Name, places_of
from pixmus.ensembles import ENSEMBLES
from pixmus.errors import PixMusError, TakenError
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


def test_a_clip_in_the_bundles_folder_may_replace_what_is_there(tmp_path: Path) -> None:
    source, folder = tmp_path / "clip.mp4", tmp_path / "bundle"
    folder.mkdir()
    out = folder / "clip.mp4"
    with pytest.raises(PixMusError, match="must be empty for the bundle"):
        places_of(source, out, folder, 1, False)
    assert places_of(source, out, folder, 1, True) == [(Name(out), Name(folder))]


@pytest.mark.parametrize(
    ("out", "bundle"),
    [
        ("a.mp4", "a.mp4"),
        ("a.mp4", "{here}/a.mp4"),
        ("./a.mp4", "a.mp4/"),
        ("sub/../a.mp4", "a.mp4"),
        ("there/a.mp4", "a.mp4"),
        ("sub-1/a.mp4", "sub-1"),
        ("sub-1/a.mp4", "there/sub-1"),
    ],
)
@pytest.mark.parametrize("takes", [1, 2])
def test_a_clip_that_is_in_the_way_of_the_bundle_is_refused(
    out: str, bundle: str, takes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub-1").mkdir()
    (tmp_path / "sub").mkdir()
    (tmp_path / "there").symlink_to(tmp_path)
    folder = bundle.format(here=tmp_path)
    if takes == 2:
        folder = folder.replace("sub-1", "sub")  # which gets the number
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(PixMusError, match=r"both the scored clip|must be empty") as raised:
        places_of(Path("clip.mp4"), Path(out), Path(folder), takes, False)
    assert "bundle" in str(raised.value) and "choose another" in str(raised.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_report_is_not_the_score(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    CueSheet(
        duration=12.0, frame_rate=Fraction(24), cuts=(), hit_points=(),
        curves={name: np.full(num_curve_values(12.0), 0.5, np.float32) for name in CURVES},
        cues=(Cue(0.0, 12.0, "all"),), key="A minor", tempo_bpm=120.0, tempo_fixed=False,
        style="pop", ensemble="piano", parts=ENSEMBLES["piano"].parts, inputs=(),
    ).save(tmp_path / "cues.json")  # fmt: skip
    Path("old.mid").write_bytes(b"old")
    before = sorted(tmp_path.iterdir())

    def told(*arguments: object) -> str:
        usual = ["pixmus", "compose", "cues.json", "--keep", "kept.mid", "--redo-bars", "2"]
        monkeypatch.setattr(sys, "argv", [*usual, *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        assert left.value.code == 2 and sorted(tmp_path.iterdir()) == before
        return capsys.readouterr().err

    same = told("-o", "new.mid", "--report", tmp_path / "new.mid", "--force")
    assert "cannot be both the score (-o) and the report (--report)" in same
    assert "old.mid is there already" in told("-o", "old.mid", "--report", "report.json")
