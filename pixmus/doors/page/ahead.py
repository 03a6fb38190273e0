"""`Ahead`: a clip watched as soon as it is brought, so that nobody waits for it after the click.

What is wrong with a clip (too long, too large, no picture) is so known before anything is asked.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pixmus.doors.page.commission import Commission
from pixmus.doors.page.decoding import trim_apart, watch_apart
from pixmus.doors.page.jobs import Job, Progress, Report
from pixmus.doors.page.takes import Source, on_disk
from pixmus.doors.page.visits import Stopped, Visit
from pixmus.errors import PixMusError
from pixmus.picture.features import Features

LOOK_S = 0.05  # how often who waits for what is watched looks for it


@dataclass(eq=False)
class Ahead:
    """A clip that is watched, or was, before anything was asked of it."""

    key: tuple[object, ...]
    job: Job[Source] | None = None
    has_begun: bool = False  # else it waits until another clip was watched

    def take(self, check: Callable[[], None], report: Report) -> Source | None:
        """What was watched, once it is; None where that has not begun or was broken off."""
        if self.job is None or not self.has_begun:
            return None
        while self.job.is_running:
            check()
            if self.job.latest is not None:
                report(self.job.latest)
            time.sleep(LOOK_S)
        return self.job.results[0] if self.job.results else None


class Watcher:
    """Watches clips for visits: one ahead of being asked at a time, others as they are asked."""

    def __init__(self, longest_s: float, look: Callable[[Features], object]) -> None:
        """`look` is what takes long of spotting, and remembers: it is done ahead too."""
        self.longest_s = longest_s
        self.look = look
        self._eyes = threading.Semaphore()

    def begin(self, visit: Visit, clip: Path, commission: Commission) -> Job[Source]:
        """Have a clip watched that was just brought; its job yields what was watched."""
        ahead = visit.ahead = Ahead(source_key(clip, commission))

        def check() -> None:
            if visit.ahead is not ahead or visit.has_ended:
                raise Stopped  # another clip was brought

        def work(report: Report) -> Iterator[Source]:
            with self._turn(check):
                ahead.has_begun = True
                source = self._watch(visit, clip, commission, check, report)
                yield source
                check()
                self.look(source.footage.features)

        ahead.job = Job(work)
        return ahead.job

    @contextmanager
    def _turn(self, check: Callable[[], None]) -> Iterator[None]:
        while not self._eyes.acquire(timeout=LOOK_S):
            check()
        try:
            check()
            yield
        finally:
            self._eyes.release()

    def source(
        self,
        visit: Visit,
        clip: Path,
        commission: Commission,
        check: Callable[[], None],
        report: Report,
    ) -> Source:
        """What a visit works with: seen by it before, or watched ahead, or watched now."""
        key = source_key(clip, commission)
        watched = visit.watched  # which other work of the visit may change
        if watched is not None and watched.key == key:
            return watched
        ahead = visit.ahead
        if ahead is not None and ahead.key == key:
            source = ahead.take(check, report)
            if source is not None:
                return source
        visit.ahead = None  # which ends what is watched for nothing
        return self._watch(visit, clip, commission, check, report)

    def _watch(
        self,
        visit: Visit,
        clip: Path,
        commission: Commission,
        check: Callable[[], None],
        report: Report,
    ) -> Source:
        """A clip or a part of it, watched."""
        length, tracks, still_duration = (
            commission.length,
            commission.tracks,
            commission.still_duration,
        )
        source, span = clip, None
        notices: tuple[str, ...] = ()
        if commission.is_trimmed:
            span = self._span(commission)
            source = visit.new_folder() / f"part-of-{clip.stem}.mp4"
            report(Progress("watch", detail="taking the part out"))
            notices = trim_apart(clip, *span, source, length=length, tracks=tracks, on_wait=check)
            tracks = ""  # a part has but one
        footage = watch_apart(
            source,
            still_duration=still_duration,
            length=length,
            tracks=tracks,
            longest=self.longest_s,
            on_wait=check,
            on_share=lambda done, total: report(
                Progress("watch", done / total, f"watched {done:.0f} of {total:.0f} s")
            ),
        )
        footage = replace(footage, notices=(*notices, *footage.notices))
        if footage.audio is not None:  # 60 MB of three minutes, for as long as the visit is kept
            sound = on_disk(footage.audio, visit.new_folder() / "sound")
            footage = replace(footage, audio=sound)
        if span is not None:
            span = span[0], min(span[1], round(span[0] + footage.video.duration, 3))
        check()
        return Source(footage, clip, source_key(clip, commission), span)

    def _span(self, commission: Commission) -> tuple[float, float]:
        """The part of the clip that is meant, seconds; PixMusError where it is too long."""
        start = commission.start or 0.0
        end = start + self.longest_s if commission.end is None else commission.end
        if end - start > self.longest_s + 0.5:
            raise PixMusError(
                f"The part of the clip lasts {end - start:g} s; choose at most "
                f"{self.longest_s:.0f} s."
            )
        return start, end


def source_key(clip: Path, commission: Commission) -> tuple[object, ...]:
    """The file and the choices that it is watched with."""
    return (
        clip,
        commission.start,
        commission.end,
        commission.still_duration,
        commission.length,
        commission.tracks,
    )
