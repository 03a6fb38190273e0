"""Visits: what each visitor of the page has on it, apart from all others, and gone after a while.

A visit is one open browser page (or one client of the API). It has a folder with an unguessable
name, the footage that was watched for it and the takes that were made of it. Nothing of it is
kept longer than `keep_s` after it was last used.
"""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pixmus.errors import PixMusError

if TYPE_CHECKING:
    from pixmus.cues.sheet import CueSheet
    from pixmus.doors.page.takes import Take
    from pixmus.picture.footage import Footage


PREFIX = "pixmus-page-"
GONE_QUIET_S = 60.0  # work that has not checked for so long has ended
KEEP_MINUTES = 30.0  # after which what a visitor uploaded or made is removed


def own_root() -> Path:
    """A folder for all that visitors bring and take, which goes when the program ends.

    Folders of pages that ended without doing so (their process is gone) are removed first.
    """
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        owner = path.name.removeprefix(PREFIX).split("-")[0]
        if owner.isdigit() and not _is_running(int(owner)):
            shutil.rmtree(path, ignore_errors=True)
    root = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))  # for this user alone
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    # A plain `kill` ends the program as Ctrl-C does, so that what it registered is done.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    return root


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


class Stopped(Exception):
    """The visitor pressed Cancel, or left."""


@dataclass
class Visit:
    """What belongs to one visitor."""

    folder: Path
    footage: Footage | None = None
    footage_of: tuple[object, ...] = ()  # clip and span that the footage was watched for
    cue_sheet: CueSheet | None = None  # as spotted last
    takes: list[Take] = field(default_factory=list)
    last_used: float = 0.0
    can_come_back: bool = True  # else the files that it was given are all that is left of it
    _work: object = None  # what was started last; only that may go on

    def start(self) -> Callable[[], None]:
        """Begin a piece of work; the function returned raises `Stopped` once it shall end."""
        mine = object()
        self._work = mine

        def check() -> None:
            if self._work is not mine:
                raise Stopped
            self.last_used = time.monotonic()

        return check

    def stop(self) -> None:
        """Have whatever is being made for this visit end at its next inference step."""
        self._work = None

    @property
    def is_idle(self) -> bool:
        """Whether nothing was started that was not stopped."""
        return self._work is None

    @property
    def holds_something(self) -> bool:
        """Whether somebody would lose something with it: footage, takes, or work that is going on.

        Work that is going on has checked a moment ago.
        """
        is_quiet = time.monotonic() - self.last_used > GONE_QUIET_S
        if is_quiet and not self.can_come_back:
            return False
        return bool(self.footage or self.takes) or not (self.is_idle or is_quiet)

    def new_folder(self) -> Path:
        """A new folder in the visit's own."""
        path = self.folder / secrets.token_hex(4)
        path.mkdir(parents=True)
        return path

    def replace_takes(self, takes: list[Take]) -> None:
        """Have these takes and no others; the files of those that go are removed."""
        kept = {take.folder for take in takes}
        gone = [take.folder for take in self.takes if take.folder not in kept]
        self.takes = takes
        for folder in gone:
            shutil.rmtree(folder, ignore_errors=True)

    def take(self, number: int) -> Take:
        """The take of that number, from 1."""
        if not 1 <= number <= len(self.takes):
            raise PixMusError(
                "This take is gone: results are removed after a while; make the soundtrack again."
            )
        return self.takes[number - 1]


class Visits:
    """All visits by the session that they belong to.

    At most `capacity` of them hold something. Nobody's make room for a new one but those that hold
    nothing: whoever invents sessions takes nothing from anybody.
    """

    def __init__(
        self, root: Path, keep_s: float, capacity: int, uploads: Path | None = None
    ) -> None:
        self.root = root
        self.uploads = uploads  # where files lie that came from or go to visitors
        self.keep_s = keep_s
        self.capacity = capacity
        self._visits: dict[str, Visit] = {}
        self._lock = threading.Lock()

    def of(self, session: str | None) -> Visit:
        """The visit of a session, begun where there is none; without a session always a new one.

        For what makes something. Raises PixMusError with one sentence where the page is full.
        """
        can_come_back = session is not None
        session = session or secrets.token_hex(8)
        with self._lock:
            visit = self._visits.get(session)
            spare = []
            if visit is None:
                spare = self._make_room()
                folder = self.root / secrets.token_hex(16)
                folder.mkdir(parents=True, mode=0o700)
                visit = self._visits[session] = Visit(folder, can_come_back=can_come_back)
            visit.last_used = time.monotonic()
        for name in spare:
            self.end(name)
        return visit

    def find(self, session: str | None) -> Visit:
        """The visit of a session, or one that has nothing where there is none: none is begun.

        For what only looks at or ends what was made.
        """
        with self._lock:
            visit = self._visits.get(session or "")
            if visit is None:
                return Visit(self.root / secrets.token_hex(16))
            visit.last_used = time.monotonic()
            return visit

    def _make_room(self) -> list[str]:
        """The visits that go for a new one; PixMusError where each of them holds something."""
        if len(self._visits) < self.capacity:
            return []
        empty = [name for name, visit in self._visits.items() if not visit.holds_something]
        if empty:
            return [min(empty, key=lambda name: self._visits[name].last_used)]
        oldest = min(visit.last_used for visit in self._visits.values())
        minutes = max(1, round((oldest + self.keep_s - time.monotonic()) / 60))
        raise PixMusError(
            f"{len(self._visits)} visitors have their soundtracks here, which is all that this "
            f"machine holds; a place is free in {minutes} minutes at the latest. Everything you "
            "set stays here; please press the button again then."
        )

    def end(self, session: str | None) -> None:
        """Stop what is made for a session and remove all that it has."""
        with self._lock:
            visit = self._visits.pop(session or "", None)
        if visit is not None:
            visit.stop()
            visit.takes.clear()
            visit.footage = None
            shutil.rmtree(visit.folder, ignore_errors=True)

    def sweep(self) -> None:
        """End every visit that was not used for `keep_s` seconds, and remove files as old."""
        limit = time.monotonic() - self.keep_s
        with self._lock:
            old = [name for name, visit in self._visits.items() if visit.last_used < limit]
        for name in old:
            self.end(name)
        if self.uploads is None:
            return
        with self._lock:
            in_use = {visit.footage_of[0] for visit in self._visits.values() if visit.footage_of}
        for path in list(self.uploads.rglob("*")):
            with suppress(OSError):  # somebody else may remove it at this moment
                is_old = path.stat().st_mtime < time.time() - self.keep_s
                if path.is_file() and is_old and path not in in_use:
                    path.unlink()
                elif path.is_dir() and is_old:
                    path.rmdir()  # which fails while there is something in it

    def sweep_for_ever(self) -> None:
        """Sweep in the background, some times in each `keep_s`, until the program ends."""

        def run() -> None:
            while True:
                time.sleep(min(60.0, self.keep_s / 4))
                self.sweep()

        threading.Thread(target=run, name="sweep", daemon=True).start()
