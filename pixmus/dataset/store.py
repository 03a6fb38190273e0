"""`Store`: media by what they hold (sha256), and the log that says what became of every name.

objects/ab/ab12...ef.mp4   a file; the first two digits of its sha256 name its folder
partial/                   downloads that are not whole yet; a rerun goes on with them
fetch.jsonl                one line for every outcome; the last line of a name counts
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from pixmus.errors import PixMusError
from pixmus.files import DISK_IS_FULL

FETCH_LOG = "fetch.jsonl"
STATUSES = ("done", "skipped", "failed")
BLOCK = 1 << 20  # bytes read at once
STALE_S = 3600.0  # after which a copy that was never finished is taken away
SUFFIX = re.compile(r"\.[a-z0-9]{1,5}")


class StoreFull(PixMusError):
    """The store's disk takes no more."""


@dataclass(frozen=True)
class Entry:
    """What became of one name that a table uses."""

    name: str
    kind: str = ""  # "picture" or "audio"
    status: str = ""  # one of STATUSES
    reason: str = ""  # why it was skipped or failed
    file: str = ""  # below the store's folder, where it is done
    sha256: str = ""
    bytes: int = 0
    source: str = ""  # where it came from, or was last sought in vain
    time: str = ""  # UTC, ISO 8601
    transient: bool = False  # whether trying again may help


@dataclass(frozen=True)
class Object:
    """A file in the store."""

    file: str  # below the store's folder
    sha256: str
    bytes: int


def read_log(folder: Path) -> dict[str, Entry]:
    """The last entry of every name in a folder's `fetch.jsonl`, empty where there is none.

    Lines that are broken (of a run that was killed) or name files outside the folder are passed
    over.
    """
    path = folder / FETCH_LOG
    if not path.is_file():
        return {}
    found: dict[str, Entry] = {}
    for line in path.read_text(errors="replace").split("\n"):  # a name may hold U+2028
        entry = _entry(line)
        if entry is not None:
            found[entry.name] = entry
    return found


def _entry(line: str) -> Entry | None:
    try:
        values: dict[str, Any] = json.loads(line)
        known = {key: values[key] for key in Entry.__dataclass_fields__ if key in values}
        entry = Entry(**known)
    except (ValueError, TypeError):
        return None
    place = PurePosixPath(str(entry.file))
    if place.is_absolute() or ".." in place.parts or entry.status not in STATUSES:
        return None
    return entry


class Store:
    """A folder of media by content. Threads may use one store together."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        try:
            (self.folder / "objects").mkdir(parents=True, exist_ok=True)
            self.partial.mkdir(exist_ok=True)
        except OSError as error:
            raise PixMusError(
                f"{self.folder} cannot be made a store ({error.strerror}); choose another folder."
            ) from error
        self._lock = threading.Lock()
        self._log = read_log(self.folder)
        for left in self.partial.glob("copy-*"):
            with suppress(OSError):
                if time.time() - left.stat().st_mtime > STALE_S:
                    left.unlink()
        self._end_broken_line()

    @property
    def partial(self) -> Path:
        """The folder of what is not whole yet."""
        return self.folder / "partial"

    def entry(self, name: str) -> Entry | None:
        """The last entry of that name; one that is done only as long as its file is there."""
        entry = self._log.get(name)
        if (
            entry is not None
            and entry.status == "done"
            and not (self.folder / entry.file).is_file()
        ):
            return None
        return entry

    def record(self, entry: Entry) -> Entry:
        """Append an entry to the log with the time of now, unless it says what the last one says;
        return it."""
        entry = replace(entry, time=datetime.now(UTC).isoformat(timespec="seconds"))
        with self._lock:
            before = self._log.get(entry.name)
            if before is None or replace(before, time=entry.time) != entry:
                line = json.dumps(asdict(entry), ensure_ascii=False) + "\n"
                with disk_explained(self.folder), (self.folder / FETCH_LOG).open("ab") as file:
                    file.write(line.encode())
            self._log[entry.name] = entry
        return entry

    def link(self, path: Path, suffix: str) -> Object:
        """Take in a file of the user's: linked where its disk allows, copied otherwise.

        The store never writes to its objects, so the user's file stays as it is.
        """
        path = path.resolve()
        sha256, size = file_hash(path)
        place = self._place(sha256, suffix)
        with disk_explained(self.folder):
            if place.exists():
                return self._object(place, sha256, size)
            try:
                os.link(path, place)
            except FileExistsError:
                pass  # another thread was quicker
            except OSError:  # another disk, or links are not allowed
                return self._copy(path, suffix)
        return self._object(place, sha256, size)

    def move(self, path: Path, suffix: str) -> Object:
        """Take in a file of `partial/`, which is then gone from there."""
        sha256, size = file_hash(path)
        place = self._place(sha256, suffix)
        if place.exists():
            path.unlink()
        else:
            with disk_explained(self.folder):
                os.replace(path, place)
        return self._object(place, sha256, size)

    def _copy(self, path: Path, suffix: str) -> Object:
        copy = self.partial / f"copy-{os.getpid()}-{secrets.token_hex(4)}"
        try:
            with path.open("rb") as source, copy.open("xb") as target:
                while block := source.read(BLOCK):
                    target.write(block)
            return self.move(copy, suffix)
        finally:
            copy.unlink(missing_ok=True)

    def _place(self, sha256: str, suffix: str) -> Path:
        """Where a file of that hash lies, under whatever suffix it came first."""
        folder = self.folder / "objects" / sha256[:2]
        with disk_explained(self.folder):
            folder.mkdir(exist_ok=True)
        suffix = suffix.lower() if SUFFIX.fullmatch(suffix.lower()) else ""
        return next(folder.glob(sha256 + "*"), folder / (sha256 + suffix))

    def _object(self, place: Path, sha256: str, size: int) -> Object:
        return Object(place.relative_to(self.folder).as_posix(), sha256, size)

    def _end_broken_line(self) -> None:
        """Let what is appended begin on a line of its own after a run that was killed."""
        log = self.folder / FETCH_LOG
        if not log.is_file() or not log.stat().st_size:
            return
        with disk_explained(self.folder), log.open("rb+") as file:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")


def file_hash(path: Path) -> tuple[str, int]:
    """SHA-256 (hexadecimal) and size (bytes) of a file."""
    found, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            found.update(block)
            size += len(block)
    return found.hexdigest(), size


@contextmanager
def disk_explained(folder: Path) -> Iterator[None]:
    """Turn a disk that is full into `StoreFull`."""
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_IS_FULL:
            raise
        raise StoreFull(f"the disk of {folder} is full") from error
