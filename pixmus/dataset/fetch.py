"""`fetch`: the media that a table's rows name, brought into a `Store`; and what became of each.

Every name ends as done, skipped (nothing here can bring it) or failed, with its reason, in the
store's log; so does every row, in `rows.jsonl`. A rerun brings only what is not done.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path

from pixmus.dataset.downloads import Downloads, FetchFailed, Manners, Stopped, WebPage
from pixmus.dataset.media import Media
from pixmus.dataset.sources import (
    Folder,
    Hub,
    Offer,
    Source,
    VideoPages,
    Web,
    is_url,
    is_video_page,
    video_id,
)
from pixmus.dataset.store import Entry, Store, StoreFull, disk_explained
from pixmus.dataset.table import Row
from pixmus.errors import PixMusError
from pixmus.files import replaced_file

ROWS_LOG = "rows.jsonl"
NUM_THREADS = 4  # enough to keep a line busy; a host's rate holds for all of them together
ALREADY = "it lies in the folder already"
NEEDS_VIDEOS = "only its video's id or page is known; --videos fetches it"
NO_SOURCE = "no source was named for it (--from DIR, --hub USER/NAME)"
ONLY_SEGMENT = "only the reference of a segment is known, and no source has a file for it"
BETWEEN = " | "  # between sources in the log

OnName = Callable[[int, int], None]  # how many names have ended, of how many


@dataclass(frozen=True)
class RowOutcome:
    """What became of a row: done where its picture and all of its music are there."""

    id: str
    status: str
    reason: str = ""


@dataclass
class FetchReport:
    """What a run did: the outcome of every name and row."""

    entries: dict[str, Entry] = field(default_factory=dict)
    rows: list[RowOutcome] = field(default_factory=list)
    fetched_bytes: int = 0  # that this run brought; what was there already does not count
    num_new: int = 0  # names that this run brought
    segments_only: int = 0  # rows that name segments and no audio file that is there
    segments_missing: int = 0  # of these, the ones whose segments are not there either

    def lines(self) -> list[str]:
        """The report in lines."""
        names = Counter(entry.status for entry in self.entries.values())
        rows = Counter(row.status for row in self.rows)
        told = [
            f"names: {names['done']} done ({self.num_new} of them now, "
            f"{self.fetched_bytes / 1e6:.1f} MB), {names['skipped']} skipped, "
            f"{names['failed']} failed",
            f"rows:  {rows['done']} done, {rows['skipped']} skipped, {rows['failed']} failed",
        ]
        reasons = Counter(
            (entry.status, entry.reason)
            for entry in self.entries.values()
            if entry.status != "done" and entry.reason
        )
        for (status, reason), number in reasons.most_common(12):
            told.append(f"  {number} {status}: {reason}")
        if len(reasons) > 12:
            told.append(f"  and {len(reasons) - 12} other reasons; the log has them all")
        if self.segments_missing:
            told.append(
                f"{self.segments_missing} of {self.segments_only} rows without an audio file name "
                "only segments of one, and these are not here: give the folder or dataset that "
                "holds them with --from or --hub, or the audio itself."
            )
        return told


def fetch(
    rows: Sequence[Row],
    store_folder: str | Path,
    *,
    from_folder: str | Path | None = None,
    hub: str | None = None,
    videos: bool = False,
    manners: Manners | None = None,
    retry_failed: bool | None = None,
    on_name: OnName | None = None,
) -> FetchReport:
    """Bring the pictures and the music that `rows` name into the store, as far as it can be done.

    A name is sought in `from_folder`, in the Hub's dataset `hub`, then on the web where it is an
    address, and with `videos` by yt-dlp where it is a video's id or page. What failed before is
    tried again where trying again may help (`retry_failed` None), always (True) or never (False);
    a source that was not asked before always is. Raises PixMusError where the disk is full, with
    everything so far kept.
    """
    store = Store(store_folder)
    downloads = Downloads(manners)
    sources: list[Source] = []
    if from_folder is not None:
        sources.append(Folder(from_folder))
    if hub is not None:
        sources.append(Hub(hub, downloads))
    sources.append(Web(downloads))
    if videos:
        sources.append(VideoPages(downloads))
    run = _Run(store, Media(store.folder), sources, downloads, retry_failed, on_name)
    try:
        run.bring(_wanted(rows))
        silent = [row for row in rows if row.segments and not run.has(row.audio)]
        run.bring(
            {segment.reference: "audio" for row in silent for segment in row.segments},
            are_segments=True,
        )
        report = run.report
        report.rows = [_row_outcome(row, run) for row in rows]
        report.segments_only = len(silent)
        report.segments_missing = sum(
            not all(run.has(segment.reference) for segment in row.segments) for row in silent
        )
        _write_rows(store.folder, report.rows)
    except StoreFull as error:
        raise PixMusError(
            f"The disk of {store.folder} is full; the {run.num_done} names that are done are kept: "
            "free some space, then run the same command again to go on."
        ) from error
    return report


def _wanted(rows: Iterable[Row]) -> dict[str, str]:
    """Every name that rows use, in their order, and for what."""
    kinds: dict[str, str] = {}
    for row in rows:
        for name, kind in ((row.picture, "picture"), (row.audio, "audio")):
            if name:
                kinds[name] = kind if kinds.get(name, kind) == kind else "both"
    return kinds


def _row_outcome(row: Row, run: _Run) -> RowOutcome:
    lost: list[tuple[str, str]] = []
    if not run.has(row.picture):
        lost.append(run.told(row.picture, "picture"))
    if not run.has(row.audio):
        segments = [s.reference for s in row.segments if not run.has(s.reference)]
        if not row.segments:
            lost.append(run.told(row.audio, "music"))
        elif segments:
            name = row.audio if row.audio else segments[0]
            lost.append(run.told(name, "music"))
    if not lost:
        return RowOutcome(row.id, "done")
    status = "failed" if any(status == "failed" for status, _ in lost) else "skipped"
    return RowOutcome(row.id, status, "; ".join(reason for _, reason in lost))


def _write_rows(folder: Path, outcomes: list[RowOutcome]) -> None:
    """Write `rows.jsonl`: the rows of this run, and of earlier ones that it had no part in."""
    path = folder / ROWS_LOG
    lines: dict[str, str] = {}
    if path.is_file():
        for line in path.read_text(errors="replace").split("\n"):
            if line.startswith("{") and line.endswith("}"):
                lines[str(json.loads(line).get("id"))] = line
    for outcome in outcomes:
        lines[outcome.id] = json.dumps(asdict(outcome), ensure_ascii=False)
    with disk_explained(folder), replaced_file(path) as place:
        place.write_text("".join(line + "\n" for line in lines.values()))


class _Run:
    """One run: names brought by a few threads, and what became of them."""

    def __init__(
        self,
        store: Store,
        lying: Media,
        sources: Sequence[Source],
        downloads: Downloads,
        retry_failed: bool | None,
        on_name: OnName | None,
    ) -> None:
        self.report = FetchReport()
        self._store = store
        self._lying = lying
        self._sources = sources
        self._downloads = downloads
        self._retry_failed = retry_failed
        self._on_name = on_name
        self._lock = threading.Lock()
        self._num_wanted = 0

    @property
    def num_done(self) -> int:
        """How many names are in the store or lie beside it."""
        return sum(self._is_there(entry) for entry in list(self.report.entries.values()))

    def has(self, name: str) -> bool:
        """Whether the file of that name is there."""
        entry = self.report.entries.get(name)
        return entry is not None and self._is_there(entry)

    def told(self, name: str, what: str) -> tuple[str, str]:
        """The status of a name that is not there, and its reason for a row's log."""
        entry = self.report.entries.get(name)
        if entry is None:
            return "failed", f"no {what} is named"
        return entry.status, f"{what} {name}: {entry.reason}"

    def bring(self, wanted: dict[str, str], are_segments: bool = False) -> None:
        """Bring every name; a few are under way at a time."""
        self._num_wanted += len(wanted)
        waiting = iter(wanted.items())
        with ThreadPoolExecutor(NUM_THREADS) as pool:
            under_way: set[Future[None]] = set()
            try:
                while True:
                    for name, kind in islice(waiting, 2 * NUM_THREADS - len(under_way)):
                        under_way.add(pool.submit(self._bring_one, name, kind, are_segments))
                    if not under_way:
                        return
                    ended, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                    for future in ended:
                        future.result()
            except BaseException:  # a full disk, or Ctrl-C: what is under way ends soon
                self._downloads.stopping.set()
                for future in under_way:
                    future.cancel()
                raise

    def _bring_one(self, name: str, kind: str, is_segment: bool) -> None:
        try:
            entry, taken = self._outcome(name, kind, is_segment)
        except Stopped:
            return
        with self._lock:
            self.report.entries[name] = entry
            if taken:
                self.report.num_new += 1
                self.report.fetched_bytes += entry.bytes
            if self._on_name is not None:
                self._on_name(len(self.report.entries), self._num_wanted)

    def _outcome(self, name: str, kind: str, is_segment: bool) -> tuple[Entry, bool]:
        """What becomes of a name, and whether this run brought it."""
        before = self._store.entry(name)
        if before is not None and before.status == "done":
            return before, False
        entry = Entry(name, "picture" if kind == "both" else kind)
        if self._lying.find(name) is not None:
            return self._store.record(replace(entry, status="skipped", reason=ALREADY)), False
        sought: list[str] = []
        last: FetchFailed | None = None
        for source in self._sources:
            try:
                offer = source.find(name, kind)
                if offer is None:
                    continue
                if self._is_settled(before, offer):
                    assert before is not None
                    last = FetchFailed(before.reason, before.transient)
                    sought = before.source.split(BETWEEN)
                    continue
                sought.append(offer.source)
                taken = offer.bring(self._store)
            except FetchFailed as failure:
                last = failure
                if is_url(name) and not isinstance(failure, WebPage):
                    break
            except (StoreFull, Stopped):
                raise
            except PixMusError as error:
                last = FetchFailed(str(error))
            except OSError as error:
                last = FetchFailed(f"it could not be read or written ({error.strerror})", True)
            else:
                done = replace(
                    entry,
                    status="done",
                    file=taken.file,
                    sha256=taken.sha256,
                    bytes=taken.bytes,
                    source=offer.source,
                )
                return self._store.record(done), True
        if last is not None:
            entry = replace(
                entry,
                status="failed",
                reason=last.reason,
                transient=last.transient,
                source=BETWEEN.join(dict.fromkeys(sought)),
            )
        else:
            status, reason = self._nothing_offered(name, is_segment)
            entry = replace(entry, status=status, reason=reason)
        return self._store.record(entry), False

    def _is_settled(self, before: Entry | None, offer: Offer) -> bool:
        """Whether the offer was tried before and is not to be tried again."""
        if before is None or before.status != "failed":
            return False
        if offer.source not in before.source.split(BETWEEN):
            return False
        if self._retry_failed is None:
            return not before.transient
        return not self._retry_failed

    def _nothing_offered(self, name: str, is_segment: bool) -> tuple[str, str]:
        """Status and reason of a name that no source has."""
        if is_segment:
            return "skipped", ONLY_SEGMENT
        asked = [source.label for source in self._sources if isinstance(source, Folder | Hub)]
        may_be_id = not is_url(name) and video_id(name) is not None
        if is_video_page(name) or (may_be_id and not asked):
            return "skipped", NEEDS_VIDEOS
        if not asked:
            return "skipped", NO_SOURCE
        told = f"no file of that name in {' or '.join(asked)}"
        return "failed", told + (" (--videos fetches it if it is a video's id)" * may_be_id)

    def _is_there(self, entry: Entry) -> bool:
        return entry.status == "done" or (entry.status == "skipped" and entry.reason == ALREADY)
