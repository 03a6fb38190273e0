"""Files that appear whole or not at all, the sentences of a disk in trouble, and what comes along.

Everything is written beside its place under another name and moved there when it is complete, so
Ctrl-C or a full disk leaves nothing half-written.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pixmus.errors import DiskError, PixMusError, TakenError

PACKAGE = Path(__file__).parent
REPOSITORY = PACKAGE.parent  # of a checkout; of an installed package the folder it lies in
SHIPPED = PACKAGE / "shipped"  # what a wheel carries from beside the package

EFFECTIVE_IDS = os.access in os.supports_effective_ids
SHOWN = 60  # characters of a name that cannot be
LONGEST_NAME = 255  # bytes, of nearly every file system
DISK_IS_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
DISK_TAKES_NO_MORE = (*DISK_IS_FULL, errno.EROFS)
DISK_TROUBLE = {
    errno.ENOSPC: "the disk is full; free some space or choose another folder",
    errno.EDQUOT: "the disk quota is used up; free some space or choose another folder",
    errno.EFBIG: "the file grew too large for this disk; choose another folder",
    errno.EACCES: "writing there is not allowed; choose another folder",
    errno.EPERM: "writing there is not allowed; choose another folder",
    errno.EROFS: "the disk is read-only; choose another folder",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
}


def named(path: str | Path) -> Path:
    """`path`; PixMusError where no file can have such a name, whether or not it is there."""
    path = Path(path)
    try:
        os.lstat(path)
    except ValueError as error:  # a zero byte, or half of a character
        raise PixMusError(f"No file can have the name {ascii(str(path)[:SHOWN])}.") from error
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise PixMusError(
                f'The name "{str(path)[:SHOWN]}..." is too long; choose a shorter one.'
            ) from error
    return path


def name_as_text(path: str | Path) -> str:
    """The name of a file as any text file holds it: bytes that are no characters are replaced."""
    return os.fsencode(Path(path).name).decode("utf-8", "replace")


@contextmanager
def new_file(path: str | Path, overwrite: bool = False) -> Iterator[Path]:
    """A path to write to that becomes `path` when the block ends well, and vanishes otherwise.

    Without `overwrite` raises TakenError where `path` is there by then: nothing is ever replaced.
    """
    path = Path(path)
    check_new_file(path, overwrite)
    beside = _beside(path)
    try:
        with _named(beside, path):
            yield beside
        check_new_file(path, overwrite)
        _move(beside, path, overwrite)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def replaced_file(path: Path) -> Iterator[Path]:
    """`new_file` for one that is replaced, with the system's own errors: who writes explains."""
    beside = _beside(path)
    try:
        yield beside
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def new_folder(
    folder: str | Path, overwrite: bool = False, replaced: Iterable[str] = ()
) -> Iterator[Path]:
    """A folder to fill that becomes `folder` when the block ends well, and vanishes otherwise.

    With `overwrite` files of the same names are replaced and others stay, but for those `replaced`
    (paths inside the folder), which an earlier filling may have left and this one has not made.
    """
    folder = Path(folder)
    check_new_folder(folder, overwrite)
    beside = _beside(folder)
    beside.mkdir()
    try:
        with _named(beside, folder):
            yield beside
        check_new_folder(folder, overwrite)
        if overwrite and folder.is_dir() and any(folder.iterdir()):
            _move_into(beside, folder, replaced)
        else:
            _move_folder(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def check_new_file(path: str | Path, overwrite: bool = False) -> None:
    """Raise unless `path` can be written: not there yet (or to be replaced), in a real folder."""
    path = named(path)
    _check_parent(path)
    if path.is_dir():
        raise PixMusError(f"{path} is a folder; name a file in it.")
    if path.exists() and not overwrite:
        raise _taken(path)


def check_new_folder(folder: str | Path, overwrite: bool = False) -> None:
    """Raise unless `folder` can be made or is empty (or may be filled again)."""
    folder = named(folder)
    if folder.exists() and not folder.is_dir():
        raise TakenError(f"{folder} is a file; name a folder for the bundle.")
    if folder.is_dir() and any(folder.iterdir()) and not overwrite:
        raise _filled(folder)
    _check_parent(folder)


def real_place(path: str | Path) -> Path:
    """Where a path leads, however it is spelt; nothing need be there."""
    return Path(os.path.normcase(os.path.realpath(path)))


def _taken(path: Path) -> TakenError:
    return TakenError(f"{path} is there already; choose another name, or replace it with --force.")


def _filled(folder: Path) -> TakenError:
    return TakenError(
        f"{folder} is not empty; choose another folder, or replace the bundle with --force."
    )


def _move(beside: Path, path: Path, overwrite: bool) -> None:
    """Give a complete file its name; without `overwrite` another that has it now stays."""
    if not overwrite:
        try:
            os.link(beside, path)  # a rename would replace what appeared since the check
            return
        except FileExistsError as error:
            raise _taken(path) from error
        except OSError:
            pass  # a disk without links
    os.replace(beside, path)


def _move_folder(beside: Path, folder: Path) -> None:
    """Give a complete folder its name, which an empty one may have but no other."""
    try:
        os.replace(beside, folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        raise _filled(folder) from error


def _may_look(path: Path) -> bool:
    try:
        path.exists()
    except PermissionError:
        return False
    return True


def _check_parent(path: Path) -> None:
    parent = path.absolute().parent
    # What lies in a folder that may not be entered is hidden, which `os.access` tells.
    if not os.path.isdir(parent) and _may_look(parent):
        raise PixMusError(f"{path} cannot be written: there is no folder {parent}; make it first.")
    if not os.access(parent, os.W_OK | os.X_OK, effective_ids=EFFECTIVE_IDS):
        raise PixMusError(
            f"{path} cannot be written: {parent} may not be written to; choose another folder."
        )


def _beside(path: Path) -> Path:
    """A hidden name next to `path`, with the same ending, that a file can have where `path` can."""
    ending = f"-{secrets.token_hex(4)}{path.suffix}"
    stem = path.stem
    while len(os.fsencode(f".{stem}{ending}")) > LONGEST_NAME and stem:
        stem = stem[:-1]
    return path.with_name(f".{stem}{ending}")


@contextmanager
def _named(beside: Path, path: Path) -> Iterator[None]:
    """Failures that name the file as the person knows it, not as it is called while unfinished."""
    try:
        with disk_told(path):
            yield
    except PixMusError as error:
        raise type(error)(str(error).replace(str(beside), str(path))) from error


@contextmanager
def disk_told(path: str | Path) -> Iterator[None]:
    """A disk that takes no more, told in one sentence; `path` where the system names no file."""
    try:
        yield
    except OSError as error:  # PyAV's errors of the disk are OSErrors too
        if error.errno not in DISK_TROUBLE:
            raise
        trouble = DISK_TROUBLE[error.errno]
        raise DiskError(f"{error.filename or path} could not be written ({trouble}).") from error


def _move_into(source: Path, folder: Path, replaced: Iterable[str]) -> None:
    """Put the files of `source` into `folder`; others stay, but for those that are `replaced`."""
    paths = sorted(source.rglob("*"))
    written = {path.relative_to(source) for path in paths}
    for path in paths:
        target = folder / path.relative_to(source)
        if path.is_dir():
            target.mkdir(exist_ok=True)
        else:
            os.replace(path, target)
    for name in replaced:
        if Path(name) not in written:
            (folder / name).unlink(missing_ok=True)


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def new_zip(
    path: str | Path, overwrite: bool = False, compression: int = zipfile.ZIP_STORED
) -> Iterator[zipfile.ZipFile]:
    """A zip to fill that becomes `path` when the block ends well, and vanishes otherwise."""
    with new_file(path, overwrite) as place, zipfile.ZipFile(place, "w", compression) as archive:
        yield archive


def shipped(name: str) -> Path:
    """Where something that comes along lies: "checkpoints/pixmus", "examples".

    In a checkout it lies beside the package, in a wheel in `pixmus/shipped`. The path of a checkout
    comes back where neither is there.
    """
    beside, inside = REPOSITORY / name, SHIPPED / name
    return inside if inside.exists() and not is_checkout() else beside


def is_checkout() -> bool:
    """Whether PixMus runs from a copy of its repository, not from an installed package."""
    return (REPOSITORY / "pyproject.toml").is_file()
