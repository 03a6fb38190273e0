"""Where the clip and the bundle of each take go, checked before anything is computed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from pixmus.errors import PixMusError, TakenError
from pixmus.files import check_new_file, check_new_folder, real_place


@dataclass(frozen=True)
class Name:
    """A file or folder to write: named by a person, or else the next number that is free."""

    path: Path
    is_numbered: bool = False  # `path` is what gets numbers, PixMus' own choice

    def write(self, write: Callable[[Path, bool], object], overwrite: bool = False) -> Path:
        """The path that was written by `write(path, overwrite)`, which raises TakenError.

        A number that another run has taken meanwhile is left to it, and nothing of PixMus' own
        choice is overwritten.
        """
        if not self.is_numbered:
            write(self.path, overwrite)
            return self.path
        for path in _free(self.path):
            try:
                write(path, False)
            except TakenError:
                continue
            return path
        raise AssertionError("numbers do not end")

    def first(self) -> Path:
        """The path as it is now."""
        return next(_free(self.path)) if self.is_numbered else self.path


Place = tuple[Name | None, Name | None]  # the scored clip, the bundle's folder


def places_of(
    clip: Path,
    out: Path | None,
    bundle: Path | None,
    takes: int,
    force: bool,
    has_exports: bool = False,
) -> list[Place]:
    """Where each take's clip and bundle go, checked before anything is computed.

    `has_exports`: a bundle is wanted also where none is named.
    """
    if out is not None and out.suffix.lower() != ".mp4":
        raise PixMusError(f"{out}: the scored clip is an mp4; give it a name that ends in .mp4.")
    clips: list[Name | None] = [None] * takes
    folders: list[Name | None] = [None] * takes
    if bundle is not None:
        folders = [*_named(bundle, takes)]
    elif has_exports:
        folders = [Name(Path(f"{clip.stem}-exports"), is_numbered=True)] * takes
    if out is not None:
        clips = [*_named(out, takes)]
    elif folders[0] is None:
        clips = [Name(Path(f"{clip.stem}-scored.mp4"), is_numbered=True)] * takes
    clip_paths = [name.first() for name in clips if name is not None]
    folder_paths = [name.first() for name in folders if name is not None]
    for folder in folder_paths:
        check_new_folder(folder, force)
    for path in clip_paths:
        check_new_file(path, force)
    for path in [*clip_paths, *(folder / "scored.mp4" for folder in folder_paths)]:
        if path.exists() and path.samefile(clip):
            raise PixMusError(f"{path} is the clip itself; choose another name.")
    for path in clip_paths:
        for folder in folder_paths:
            _check_apart(path, folder, force)
    return list(zip(clips, folders, strict=True))


def _check_apart(clip: Path, folder: Path, force: bool) -> None:
    """Raise where a clip that is written first is in the way of the bundle."""
    if real_place(clip) == real_place(folder):
        raise PixMusError(
            f"{clip} cannot be both the scored clip (-o) and the bundle's folder (--bundle); "
            "choose another name for one of them."
        )
    if real_place(folder) in real_place(clip).parents and not force:
        raise PixMusError(
            f"{clip} lies in {folder}, which must be empty for the bundle; choose another place "
            "for the clip, or leave -o out: the bundle can hold it as scored.mp4."
        )


def check_other_file(out: Path, report: Path) -> None:
    """Raise where a score and the report on it would be one file, however it is spelt."""
    if real_place(out) == real_place(report):
        raise PixMusError(
            f"{out} cannot be both the score (-o) and the report (--report); choose another name "
            "for one of them."
        )


def _named(path: Path, takes: int) -> list[Name]:
    """The name that a person chose, numbered where there are several takes."""
    return [Name(path if takes == 1 else _numbered(path, i + 1)) for i in range(takes)]


def _free(path: Path) -> Iterator[Path]:
    """The path with each number that is free when it is asked for."""
    for number in count(1):
        numbered = _numbered(path, number)
        if not os.path.lexists(numbered):
            yield numbered


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}-{number}{path.suffix}")
