"""`Downloads`: files had politely from hosts that may be slow, busy, broken or gone.

At most so many requests a second go to a host; what may pass is tried again after a wait that
doubles (with jitter, or as long as the host asks for); a download that broke off goes on where it
stopped, if the server can (RFC 9110, 14.2 Range and 13.1.5 If-Range); and a host that cannot be
reached time after time is given up, so that a network that died ends a run soon.
"""

from __future__ import annotations

import email.utils
import hashlib
import http.client
import json
import random
import socket
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from pixmus.dataset.store import disk_explained

BLOCK = 1 << 18  # bytes
TRANSIENT_STATUSES = (408, 425, 429)  # and every 5xx
USER_AGENT = "pixmus (dataset fetch)"
URL_SAFE = "%/:=&?~#+!$,;'@()*[]"
NEW_CREDIT = 1 << 20  # bytes; a download that gained as many has not failed in vain

T = TypeVar("T")


@dataclass(frozen=True)
class Manners:
    """How hosts are treated, and when they are given up."""

    rate: float = 2.0  # requests a second to one host
    retries: int = 4  # after the first try
    backoff: float = 1.0  # seconds before the first retry, doubled for each one after
    longest_wait: float = 300.0  # seconds; who asks for more is tried in another run
    timeout: float = 30.0  # seconds without an answer or a byte
    unreached_limit: int = 8  # tries in a row without an answer, or names in vain: host given up
    lost_hosts_limit: int = 20  # hosts given up in a row without an answer from any: no network
    largest_file: int = 4 << 30  # bytes
    slowest: float = 1000.0  # bytes a second over `timeout`; a server that drips holds up a thread


class FetchFailed(Exception):
    """Why a name could not be had, as the end of "it failed because ..."."""

    def __init__(self, reason: str, transient: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.transient = transient


class WebPage(FetchFailed):
    """What was to be media is a page to read."""


class Stopped(Exception):
    """The run is ending; nothing is said of the name."""


class _TryAgain(Exception):
    """A failure that may pass; `wait` is what the host asks for, seconds."""

    def __init__(self, reason: str, reached: bool, wait: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.reached = reached
        self.wait = wait


class Downloads:
    """The hosts of one run, and downloads from them. Threads share one."""

    def __init__(self, manners: Manners | None = None) -> None:
        self.manners = manners or Manners()
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._next_at: dict[str, float] = {}  # when a host may be asked again
        self._unreached: dict[str, int] = {}  # tries without an answer since something came
        self._failed: dict[str, int] = {}  # names given up, busy or broken, since something came
        self._lost: dict[str, str] = {}  # hosts given up: why
        self._lost_in_a_row = 0
        self._opener = urllib.request.OpenerDirector()  # http and https alone, no file: or ftp:
        for handler in (
            urllib.request.ProxyHandler(),
            urllib.request.HTTPHandler(),
            urllib.request.HTTPSHandler(),
            urllib.request.HTTPRedirectHandler(),
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.HTTPErrorProcessor(),
        ):
            self._opener.add_handler(handler)

    def politely(self, host: str, attempt: Callable[[], T], num_requests: int = 1) -> T:
        """What `attempt` returns, tried again while it raises what `try_again` made.

        Raises FetchFailed where it does not help, or the host was given up.
        """
        tries = 0
        while True:
            self._await_turn(host, num_requests)
            try:
                value = attempt()
            except _TryAgain as failure:
                if not failure.reached:
                    self._not_reached(host, failure.reason)
                tries += 1
                wait = failure.wait
                if wait is None:
                    # Full doubling with jitter between a half and the whole, so that threads part.
                    wait = self.manners.backoff * 2 ** (tries - 1) * random.uniform(0.5, 1.0)
                if wait > self.manners.longest_wait:
                    self._in_vain(host, failure.reason)
                    raise FetchFailed(
                        f"{failure.reason} and asks to wait {wait:.0f} s", transient=True
                    ) from failure
                if tries > self.manners.retries:
                    self._in_vain(host, failure.reason)
                    raise FetchFailed(failure.reason, transient=True) from failure
                if failure.wait is not None:
                    self._hold(host, wait)  # what it asks for holds for every thread
                else:
                    self._sleep(wait)
            except FetchFailed:
                self._answered(host)
                raise
            else:
                self._answered(host)
                return value

    def download(self, url: str, part: Path) -> Mapping[str, str]:
        """Fill `part` with what lies at `url`, going on where it stopped; return the headers."""
        host = urlsplit(url).netloc
        largest = 0  # bytes that any try has come to

        def attempt() -> Mapping[str, str]:
            nonlocal largest
            try:
                return self._once(url, part)
            finally:
                largest = max(largest, part.stat().st_size if part.exists() else 0)

        while True:
            before = largest
            try:
                return self.politely(host, attempt)
            except FetchFailed as failure:
                # A line that drops now and then is no failure as long as the file grows.
                if not failure.transient or largest < before + NEW_CREDIT or self.is_lost(host):
                    raise

    def is_lost(self, host: str) -> bool:
        """Whether the host was given up."""
        with self._lock:
            return host in self._lost

    def _once(self, url: str, part: Path) -> Mapping[str, str]:
        note = part.with_suffix(".json")
        offset, validator = _resumable(url, part, note)
        request = urllib.request.Request(quote(url, safe=URL_SAFE))
        request.add_header("User-Agent", USER_AGENT)
        if offset:
            request.add_header("Range", f"bytes={offset}-")
            request.add_header("If-Range", validator)
        try:
            response = self._opener.open(request, timeout=self.manners.timeout)
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 416 and _range_total(error.headers) == offset > 0:
                    return dict(error.headers.items())  # it was whole already
                if error.code == 416:
                    part.unlink(missing_ok=True)
                    raise _TryAgain("the server refused to go on with a part", True) from error
                raise status_failure(error.code, error.headers) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise connection_failure(error) from error
        with response:
            if response.headers.get_content_type() == "text/html":
                raise WebPage("it is a web page, not a media file")
            resumed = response.status == 206
            if resumed and _range_start(response.headers) != offset:
                part.unlink(missing_ok=True)
                raise _TryAgain("the server sent another part than was asked for", True)
            return self._receive(url, response, part, note, offset if resumed else 0)

    def _receive(
        self, url: str, response: Any, part: Path, note: Path, offset: int
    ) -> Mapping[str, str]:
        headers: Message = response.headers
        length = headers.get("Content-Length")
        total = offset + int(length) if length and length.isdigit() else None
        if total is not None and total > self.manners.largest_file:
            raise FetchFailed(f"it is larger than {self.manners.largest_file / 1e9:.1f} GB")
        validator = headers.get("ETag") or headers.get("Last-Modified") or ""
        with disk_explained(part.parent):
            note.write_text(json.dumps({"url": url, "validator": validator}))
        size, begun, counted = offset, time.monotonic(), offset
        with disk_explained(part.parent), part.open("ab" if offset else "wb") as file:
            while True:
                if self.stopping.is_set():
                    raise Stopped
                try:
                    block = response.read1(BLOCK)
                except (OSError, http.client.HTTPException) as error:
                    raise _TryAgain("the connection broke off", True) from error
                if not block:
                    break
                file.write(block)
                size += len(block)
                lasted = time.monotonic() - begun
                if lasted > self.manners.timeout:
                    if size - counted < self.manners.slowest * lasted:
                        raise _TryAgain("it comes too slowly", True)
                    begun, counted = begun + lasted, size
                if size > self.manners.largest_file:
                    raise FetchFailed(f"it is larger than {self.manners.largest_file / 1e9:.1f} GB")
        if total is not None and size < total:
            raise _TryAgain("the connection broke off", True)
        if size == 0:
            raise FetchFailed("the server sent an empty file")
        return dict(headers.items())

    def _await_turn(self, host: str, num_requests: int) -> None:
        """Wait until the host may be asked; who waits has its turn booked."""
        while True:
            with self._lock:
                self._check(host)
                now = time.monotonic()
                at = self._next_at.get(host, now)
                if at <= now:
                    self._next_at[host] = now + num_requests / self.manners.rate
                    return
            self._sleep(at - now)

    def _hold(self, host: str, seconds: float) -> None:
        with self._lock:
            until = time.monotonic() + seconds
            self._next_at[host] = max(self._next_at.get(host, 0.0), until)

    def _check(self, host: str) -> None:
        if self.stopping.is_set():
            raise Stopped
        if host in self._lost:
            raise FetchFailed(self._lost[host], transient=True)
        if self._lost_in_a_row >= self.manners.lost_hosts_limit:
            raise FetchFailed("the network is down: no host can be reached", transient=True)

    def _sleep(self, seconds: float) -> None:
        if self.stopping.wait(seconds):
            raise Stopped

    def _answered(self, host: str) -> None:
        with self._lock:
            self._unreached.pop(host, None)
            self._failed.pop(host, None)
            self._lost_in_a_row = 0

    def _not_reached(self, host: str, reason: str) -> None:
        with self._lock:
            self._unreached[host] = self._unreached.get(host, 0) + 1
            if self._unreached[host] >= self.manners.unreached_limit and host not in self._lost:
                self._lost[host] = f"{host} cannot be reached ({reason})"
                self._lost_in_a_row += 1

    def _in_vain(self, host: str, reason: str) -> None:
        with self._lock:
            self._failed[host] = self._failed.get(host, 0) + 1
            if self._failed[host] >= self.manners.unreached_limit and host not in self._lost:
                self._lost[host] = f"{host} gave nothing time after time ({reason})"


def status_failure(status: int, headers: Mapping[str, str] | Message | None = None) -> Exception:
    """What to raise inside `politely` for an answer with that status."""
    name = http.client.responses.get(status, "")
    reason = f"the server answered {status}{f' ({name})' if name else ''}"
    if status in TRANSIENT_STATUSES or status >= 500:
        return _TryAgain(reason, True, _retry_after((headers or {}).get("Retry-After")))
    return FetchFailed(reason)


def connection_failure(error: Exception) -> Exception:
    """What to raise inside `politely` where no answer came."""
    cause: Any = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return FetchFailed("its certificate is not valid")
    if isinstance(cause, TimeoutError):
        return _TryAgain("no answer in time", False)
    if isinstance(cause, socket.gaierror):
        return _TryAgain("its name is not known here", False)
    if isinstance(cause, ConnectionRefusedError):
        return _TryAgain("it refused the connection", False)
    if isinstance(cause, http.client.InvalidURL | UnicodeError | ValueError):
        return FetchFailed("its address is not valid")
    return _TryAgain("the connection failed", False)


def try_again(reason: str, reached: bool) -> Exception:
    """What to raise inside `politely` for a failure that may pass."""
    return _TryAgain(reason, reached)


def part_of(folder: Path, source: str) -> Path:
    """Where a download that is not whole yet is kept: named after its source."""
    return folder / f"{hashlib.sha256(source.encode()).hexdigest()[:32]}.part"


def forget_part(part: Path) -> None:
    """Take away what is left of a download that was taken in."""
    part.unlink(missing_ok=True)
    part.with_suffix(".json").unlink(missing_ok=True)


def _resumable(url: str, part: Path, note: Path) -> tuple[int, str]:
    """How many bytes of `url` are there, and what tells that it is still the same file."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        kept = json.loads(note.read_text())
        validator = str(kept["validator"])
        # A weak validator does not promise the same bytes (RFC 9110, 13.1.5).
        if kept["url"] == url and validator and not validator.startswith("W/"):
            return part.stat().st_size, validator
    return 0, ""


def _retry_after(value: str | None) -> float | None:
    """Seconds that a Retry-After header asks for (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    with suppress(ValueError):
        return max(0.0, float(int(value)))
    with suppress(ValueError, TypeError):
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    return None


def _range_start(headers: Message) -> int | None:
    """The first byte of a Content-Range such as `bytes 100-199/200`."""
    value = headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    return int(value) if value.isdigit() else None


def _range_total(headers: Message) -> int | None:
    """The length that a Content-Range such as `bytes */200` states."""
    value = headers.get("Content-Range", "").rpartition("/")[2]
    return int(value) if value.isdigit() else None
