"""Visits: what each visitor of the page has on it, apart from all others, and gone after a while.

A visit is one open browser page (or one client of the API). It has a folder with an unguessable
name, the footage that was watched for it and the shelf of takes that were made of it. A page that
is loaded anew comes back to its visit by the visit's key, which nobody else has. Nothing of a visit
is kept longer than `keep_s` after it was last used.
"""

from __future__ import annotations

import atexit
import logging
import os
import secrets
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pixmus.doors.page.room import VISIT_BYTES, Room, bytes_in, gigabytes
from pixmus.doors.page.shelf import Shelf, told_gone
from pixmus.errors import PixMusError

if TYPE_CHECKING:
    from pixmus.cues.sheet import CueSheet
    from pixmus.doors.page.ahead import Ahead
    from pixmus.doors.page.commission import Commission
    from pixmus.doors.page.jobs import Job
    from pixmus.doors.page.takes import Source, Take


PREFIX = "pixmus-page-"
GONE_QUIET_S = 60.0  # in which a program fetches the files of what it had made
COMES_S = 3.0  # in which who asks for work opens a connection to hear what comes of it
LOOK_S = 0.05  # how often that is looked for
RELOAD_S = 10.0  # in which a page is loaded anew; who left for longer makes room for others
WORK_ALONE_S = 60.0  # after which the work of a visitor who left is ended
GOES_AFTER_S = 3.0  # after which a page that was told to end does not wait for its work
SWEEP_S = 10.0  # between sweeps, at most
UNCLAIMED_S = 120.0  # an upload that nobody worked on for so long may make room for others
KEEP_MINUTES = 30.0  # after which what a visitor uploaded or made is removed


def own_root() -> Path:
    """A folder for all that visitors bring and take, which goes when the program ends.

    Folders of pages that ended without doing so (their process is gone) are removed first.
    """
    try:
        for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
            owner = path.name.removeprefix(PREFIX).split("-")[0]
            if owner.isdigit() and not _is_running(int(owner)):
                shutil.rmtree(path, ignore_errors=True)
        root = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))  # for this user alone
    except OSError as error:
        raise PixMusError(
            f"The page needs a folder for temporary files that can be written to "
            f"({error.strerror}); name one with TMPDIR."
        ) from error
    is_told = threading.Event()

    def clear() -> None:
        shutil.rmtree(root, ignore_errors=True)
        if is_told.is_set():  # what Python would still take down takes seconds
            os._exit(0)

    atexit.register(clear)

    def end(*_: object) -> None:
        is_told.set()
        threading.Thread(target=_end_for_sure, args=(root,), daemon=True).start()
        sys.exit(0)

    # A plain `kill` ends the program as Ctrl-C does, so that what it registered is done.
    signal.signal(signal.SIGTERM, end)
    return root


def _end_for_sure(root: Path) -> None:
    """End the program although a thread of it goes on."""
    time.sleep(GOES_AFTER_S)
    shutil.rmtree(root, ignore_errors=True)
    os._exit(0)


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


Begun = TypeVar("Begun")
Check = Callable[[], None]  # raises `Stopped` where the work that it came with shall end


@dataclass
class Visit:
    """What belongs to one visitor."""

    folder: Path
    watched: Source | None = None  # what was watched or chosen last
    ahead: Ahead | None = None  # a clip that was brought, and that nothing was asked of yet
    cue_sheet: CueSheet | None = None  # the one that is shown
    spotted: Source | None = None  # what that is for; `watched` may be something else by now
    takes: list[Take] = field(default_factory=list)  # as made last
    is_ranked: bool = False  # whether all of them were made, and the best is the first
    shelf: Shelf = field(default_factory=Shelf)
    key: str = field(default_factory=lambda: secrets.token_urlsafe(24))  # to come back with
    job: Job[Any] | None = None  # what was set going last
    asked: tuple[Path, Commission] | None = None  # the clip and what was asked for it last
    cuts: Path | None = None  # the editor's cut list that was asked for with it
    last_used: float = 0.0
    left: float | None = None  # when the visitor left, who may come back
    quota: int = VISIT_BYTES  # that its files may take
    has_ended: bool = False  # and its files are gone: work that has not noticed yet makes none
    has_heart: bool = False  # its page keeps a connection open for as long as it is there
    _work: object = None  # what was started last by a button; only that may go on
    # Work that has begun and not ended, with the upload that it is about.
    _going: dict[Check, Path | None] = field(default_factory=dict)
    _stops: int = 0  # how often all of it was stopped
    _seen: str = ""  # which card is to be seen

    def start(self, beside: bool = False) -> Check:
        """Begin a piece of work; the function returned raises `Stopped` once it shall end.

        It ends other work of the visit, but for what was begun `beside` others, which only `stop`
        ends. Call `finish` with the function where the work has ended.
        """
        stops = self._stops

        def check() -> None:
            replaced = not beside and self._work is not check
            if replaced or self._stops != stops or self.has_ended:
                raise Stopped
            self.last_used = time.monotonic()

        if not beside or self._work is None:
            self._work = check
        self._going[check] = None
        return check

    def work_with(self, check: Check, upload: Path) -> None:
        """Keep an upload until a piece of work has ended."""
        if check in self._going:
            self._going[check] = upload

    def finish(self, check: Check) -> None:
        """Note that a piece of work has ended, well or not."""
        self._going.pop(check, None)

    @contextmanager
    def at_work(self, beside: bool = False) -> Iterator[Check]:
        """`start` and `finish`."""
        check = self.start(beside)
        try:
            yield check
        finally:
            self.finish(check)

    def stop(self) -> None:
        """Have whatever is being made for this visit end at its next inference step."""
        self._work = None
        self._stops += 1

    def look(self, card: str) -> Callable[[], bool]:
        """Note which card is to be seen; the function returned says whether it still is.

        What takes a while to show is not shown over what was chosen after it.
        """
        self._seen = card
        return lambda: self._seen == card

    @property
    def is_idle(self) -> bool:
        """Whether nothing was started that was not stopped."""
        return self._work is None

    @property
    def is_at_work(self) -> bool:
        """Whether something is being made, however long it has not checked."""
        return bool(self._going)

    @property
    def holds_something(self) -> bool:
        """Whether somebody would lose something with it: work, footage, takes, or new files."""
        if self.is_at_work:
            return True
        is_quiet = time.monotonic() - self.last_used > GONE_QUIET_S
        if is_quiet and not self.has_heart:  # a program, which has the files that it was given
            return False
        return bool(self.watched or self.takes or self.shelf.cards) or not (
            self.is_idle or is_quiet
        )

    @property
    def uploads(self) -> set[Path]:
        """The files of the visitor that it still works with, or will."""
        sources = [card.take.source for card in self.shelf.cards]
        sources += [each for each in (self.watched, self.spotted) if each]
        waiting = {self.asked[0]} if self.asked else set()  # for its turn in the line
        going = {upload for upload in list(self._going.values()) if upload is not None}
        return {source.upload for source in sources} | waiting | going

    def was_left_for(self, seconds: float) -> bool:
        """Whether the visitor left so long ago and has not come back."""
        return self.left is not None and time.monotonic() - self.left > seconds

    @property
    def makes_room(self) -> bool:
        """Whether the visitor left for longer than it takes to load a page anew: who is there
        goes first, in the line and where all places are taken.
        """
        return self.was_left_for(RELOAD_S)

    def new_folder(self) -> Path:
        """A new folder in the visit's own; PixMusError where its files take all that they may.

        Raises `Stopped` where the visit has ended: nobody would remove the folder again.
        """
        if self.has_ended:
            raise Stopped
        taken = bytes_in(self.folder)
        if taken > self.quota:
            raise PixMusError(
                f"Your files here take {gigabytes(taken)}, and a visit may have "
                f"{gigabytes(self.quota)}; remove results from the shelf."
            )
        path = self.folder / secrets.token_hex(4)
        path.mkdir(parents=True)
        return path

    def put(self, take: Take, takes: list[Take], of: str = "") -> str:
        """Have a new take on the shelf, the last of these `takes` of one piece of work.

        Returns a sentence about those that had to leave the shelf for it, "" where none did.
        """
        gone = self.shelf.add(take, of)
        self.takes, self.is_ranked = self._still_there(takes), False
        return told_gone(gone)

    def rank(self, takes: list[Take]) -> None:
        """Note the takes of one piece of work that has ended, the best first."""
        self.takes, self.is_ranked = self._still_there(takes), True

    def _still_there(self, takes: list[Take]) -> list[Take]:
        """Those that were not removed while others were made."""
        return [take for take in takes if self.shelf.number_of(take)]

    def remove(self, number: int) -> None:
        """Take a card off the shelf; its files are removed."""
        take = self.take(number)
        self.takes = [other for other in self.takes if other is not take]
        self.shelf.remove(number)

    def take(self, number: int | None) -> Take:
        """The take of that number on the shelf; PixMusError where it is gone."""
        return self.shelf.find(number).take


class Visits:
    """All visits by the session that they belong to.

    At most `capacity` of them hold something. Nobody's make room for a new one but those that hold
    nothing: whoever invents sessions takes nothing from anybody.
    """

    def __init__(
        self,
        root: Path,
        keep_s: float,
        capacity: int,
        uploads: Path | None = None,
        room: Room | None = None,
    ) -> None:
        self.root = root
        self.room = room
        self.uploads = uploads  # where files lie that came from or go to visitors
        self.keep_s = keep_s
        self.capacity = capacity
        self._visits: dict[str, Visit] = {}
        # Connections that somebody holds, by session and whether they are its heart.
        self._open: Counter[tuple[str, bool]] = Counter()
        self._lock = threading.Lock()

    def of(self, session: str | None) -> Visit:
        """The visit of a session, begun where there is none; without a session always a new one.

        For what makes something. Raises PixMusError with one sentence where the page, or the part
        of the disk that is for visitors, is full.
        """
        visit, _ = self._of(session, lambda visit: None)
        return visit

    def begin(self, session: str | None, beside: bool = False) -> tuple[Visit, Check]:
        """`of`, with work begun there before anybody can take the visit's place: `Visit.start`.

        Nothing is begun for a session that nobody holds a connection of, nor opens one at once: it
        was invented, or left while it waited for its turn. Raises `Stopped` then.
        """
        deadline = time.monotonic() + COMES_S
        while session is not None and not self.is_there(session):
            if time.monotonic() >= deadline:
                raise Stopped
            time.sleep(LOOK_S)
        return self._of(session, lambda visit: visit.start(beside))

    def _of(self, session: str | None, start: Callable[[Visit], Begun]) -> tuple[Visit, Begun]:
        if self.room is not None:
            self.room.check()
        name = session or secrets.token_hex(8)
        with self._lock:
            visit = self._visits.get(name)
            spare = []
            if visit is None:
                spare = self._make_room()
                folder = self.root / secrets.token_hex(16)
                folder.mkdir(parents=True, mode=0o700)
                visit = self._visits[name] = Visit(folder)
                visit.has_heart = self._open[name, True] > 0
            visit.last_used = time.monotonic()
            is_here = session is None or self.is_there(name)
            visit.left = None if is_here else visit.last_used
            begun = start(visit)
        for other in spare:
            self.end(other)
        return visit, begun

    def come_back(self, key: str | None, session: str | None) -> Visit | None:
        """The visit of that key, which belongs to `session` from now on; None where it is gone."""
        if not key or not session:
            return None
        with self._lock:
            for name, visit in self._visits.items():
                if secrets.compare_digest(visit.key.encode(), key.encode()):
                    del self._visits[name]
                    self._visits[session] = visit
                    visit.last_used = time.monotonic()
                    visit.left = None if self.is_there(session) else visit.last_used
                    return visit
        return None

    def come(self, session: str, is_heart: bool) -> None:
        """Somebody opened a connection for a session, and is there as long as it stays open."""
        with self._lock:
            self._open[session, is_heart] += 1
            visit = self._visits.get(session)
            if visit is not None:
                visit.left = None
                visit.has_heart |= is_heart

    def go(self, session: str, is_heart: bool) -> None:
        """Such a connection has ended; who has no other one open has left.

        A program that never had a heart and heard the end of its work has not: it fetches its files
        for a while.
        """
        with self._lock:
            self._open[session, is_heart] -= 1
            if not self._open[session, is_heart]:
                del self._open[session, is_heart]
            visit = self._visits.get(session)
        if visit is None:
            return
        if visit.has_heart or visit.is_at_work:
            self.leave(session)
        else:
            visit.last_used = time.monotonic()

    def is_there(self, session: str) -> bool:
        """Whether somebody holds a connection of a session."""
        return any((session, is_heart) in self._open for is_heart in (True, False))

    def leave(self, session: str | None) -> None:
        """A visitor left the page: what is made goes on for a while, for many only load it anew."""
        with self._lock:
            visit = self._visits.get(session or "")
        if visit is None or self.is_there(session or ""):
            return
        if visit.holds_something:
            visit.left = time.monotonic()
        else:
            self.end(session)

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
        visits = self._visits.items()
        empty = [name for name, visit in visits if not visit.holds_something]
        if empty := empty or [name for name, visit in visits if visit.makes_room]:
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
            visit.has_ended = True
            visit.takes = []
            visit.shelf.clear()
            visit.watched = visit.ahead = visit.job = visit.asked = visit.cue_sheet = None
            visit.cuts = visit.spotted = None
            shutil.rmtree(visit.folder, ignore_errors=True)

    def sweep(self) -> None:
        """End every visit that was not used for `keep_s` seconds, and remove files as old."""
        limit = time.monotonic() - self.keep_s
        with self._lock:
            old = [
                name
                for name, visit in self._visits.items()
                if visit.last_used < limit and not visit.is_at_work
            ]
            left = [visit for visit in self._visits.values() if visit.was_left_for(WORK_ALONE_S)]
        for visit in left:
            visit.stop()
        for name in old:
            self.end(name)
        self.drop_uploads(self.keep_s)

    def drop_uploads(self, older_than: float) -> None:
        """Remove the uploads that are so many seconds old and no clip of a visit."""
        if self.uploads is None:
            return
        with self._lock:
            in_use = {path for visit in self._visits.values() for path in visit.uploads}
        # Another thread may remove anything at this moment: `os.walk` goes on, `Path.rglob` raises.
        for folder, _, files in os.walk(self.uploads, topdown=False):
            for path in (*(Path(folder, file) for file in files), Path(folder)):
                with suppress(OSError):
                    is_old = path.stat().st_mtime < time.time() - older_than
                    if is_old and path.is_file() and path not in in_use:
                        path.unlink()
                    elif is_old and path.is_dir() and path != self.uploads:
                        path.rmdir()  # which fails while there is something in it

    def check_upload(self, num_bytes: int) -> None:
        """PixMusError where an upload of this size finds no room, even once old ones have gone."""
        if self.room is None:
            return
        try:
            self.room.check(num_bytes)
        except PixMusError:  # those that nobody has begun to work on go before others are refused
            self.drop_uploads(UNCLAIMED_S)
            self.room.check(num_bytes)

    def sweep_for_ever(self) -> None:
        """Sweep in the background, some times in each `keep_s`, until the program ends."""

        def run() -> None:
            while True:
                time.sleep(min(SWEEP_S, self.keep_s / 4))
                try:
                    self.sweep()
                except Exception as error:  # what it promises is kept at the next turn
                    logging.getLogger(__name__).error("sweeping broke off", exc_info=error)

        threading.Thread(target=run, name="sweep", daemon=True).start()
