"""Clips whose names are no text, or as long as a name can be, go through the command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pixmus.doors import cli


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int | str | None]:
    def run(*arguments: bytes) -> int | str | None:
        monkeypatch.setattr(sys, "argv", ["pixmus", *map(os.fsdecode, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        return left.value.code

    return run


def test_a_name_that_is_no_text_comes_out_as_it_came_in(
    paint_clip: Callable[..., Path],
    tmp_path: Path,
    main: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    monkeypatch.chdir(tmp_path)
    name = b"caf\xe9.mp4"  # Latin-1, as old disks have it
    paint_clip(tmp_path / "clip.mp4", [(1.0, 90), (1.0, 200)], codec="libx264")
    os.rename("clip.mp4", name)
    assert main(b"trim", b"--from", b"0", b"--to", b"1", name, b"out-" + name) == 0
    assert capfdbinary.readouterr().out == b"out-caf\xe9.mp4\n"
    assert sorted(os.listdir(b".")) == [name, b"out-" + name]


def test_a_name_may_be_as_long_as_the_disk_takes(
    paint_clip: Callable[..., Path],
    tmp_path: Path,
    main: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    paint_clip(tmp_path / "clip.mp4", [(1.0, 90), (1.0, 200)], codec="libx264")
    for name in (b"y" * 251 + b".mp4", "\N{HIRAGANA LETTER A}".encode() * 83 + b".mp4"):
        assert main(b"trim", b"--from", b"0", b"--to", b"1", b"clip.mp4", name) == 0
        assert sorted(os.listdir(b".")) == sorted([b"clip.mp4", name])
        os.unlink(name)


@pytest.mark.parametrize("told", ["b\udce9c", "a\ud800b"])
def test_what_no_terminal_shows_breaks_nothing(
    told: str,
    main: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    monkeypatch.setattr("pixmus.doors.cli.program.build", lambda: lambda **_: print(told))
    assert main() == 0
    assert capfdbinary.readouterr().out in (b"b\xe9c\n", b"a\\ud800b\n")
