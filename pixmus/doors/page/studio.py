"""`Studio`: the model and the visits; soundtracks made for a visitor, step by step.

Nothing here knows of widgets. Every piece of work belongs to a visit, reports its stages, and ends
at its next inference step once the visitor stops it or starts another.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from pixmus.compose.kept import keep_score
from pixmus.cues.sheet import Cue, CueSheet, HitPoint
from pixmus.curves import CURVES, num_curve_values
from pixmus.doors.page.commission import MOST_TAKES, Commission
from pixmus.doors.page.decoding import mux_apart, trim_apart, watch_apart
from pixmus.doors.page.takes import Take, ranked
from pixmus.doors.page.visits import Visit
from pixmus.ensembles import ORCHESTRA, Part, Style
from pixmus.errors import PixMusError
from pixmus.picture.footage import Footage
from pixmus.score.notes import Score, write_midi
from pixmus.sound.mix import mix
from pixmus.sound.renderer import render
from pixmus.take.pipeline import PixMusPipeline
from pixmus.take.spectrogram import plot_spectrogram

NEW_SEEDS = 2**31  # below which a new seed is drawn

Result = TypeVar("Result")


@dataclass(frozen=True)
class Progress:
    """What is being done: a stage, the share of it that is done, and one detail."""

    stage: str
    share: float | None = None
    detail: str = ""


Report = Callable[[Progress], None]


class Studio:
    """Makes soundtracks for visits with one model, which no call changes."""

    def __init__(self, pipe: PixMusPipeline, longest_s: float, model: str | None = None) -> None:
        """`model` is the folder or Hub id of a model that did not come along."""
        if pipe.curve_tables is None:
            raise PixMusError("This model folder has no curve tables; get the model again.")
        self.pipe = pipe
        self.tables = pipe.curve_tables
        self.longest_s = longest_s
        self.model = model

    def warm_up(self) -> None:
        """Compose and render a few seconds, so that no visitor waits for what is loaded once."""
        duration = 6.0
        half = np.full(num_curve_values(duration), 0.5, np.float32)
        sheet = CueSheet(
            duration=duration,
            frame_rate=Fraction(24),
            cuts=(3.0,),
            hit_points=(HitPoint(3.0, 1.0),),
            curves={name: half for name in CURVES},
            cues=(Cue(0.0, duration, "warm-up"),),
            key="C major",
            tempo_bpm=110.0,
            tempo_fixed=False,
            style=Style.POP,
            ensemble=ORCHESTRA.name,
            parts=(Part.MELODY, Part.COUNTER, Part.HARMONY, Part.BASS, Part.PAD),
            inputs=("cuts",),
        )
        score = self.pipe.compose(sheet, seed=0, num_inference_steps=2)
        plot_spectrogram(mix(render(score, cue_sheet=sheet), sheet, duration))

    # ------------------------------------------------------------------------- What visitors do

    def soundtracks(
        self, visit: Visit, clip: Path, commission: Commission, report: Report
    ) -> Iterator[Take]:
        """Watch, spot and compose; yields each take as its scored clip is written."""
        check = visit.start()
        footage, span = self._watch(visit, clip, commission, check, report)
        _, commission = self._spot(footage, commission)
        asked = {"direction": commission.direction(), "text": commission.text}
        yield from self._takes(visit, footage, span, commission, check, report, asked)
        visit.cue_sheet = visit.takes[0].soundtrack.cue_sheet

    def spot(self, visit: Visit, clip: Path, commission: Commission, report: Report) -> CueSheet:
        """Watch and spot, nothing more."""
        check = visit.start()
        footage, _ = self._watch(visit, clip, commission, check, report)
        report(Progress("spot"))
        visit.cue_sheet, _ = self._spot(footage, commission)
        return visit.cue_sheet

    def recompose(
        self, visit: Visit, cue_sheet: CueSheet, commission: Commission, report: Report
    ) -> Iterator[Take]:
        """Compose from an edited cue sheet for the footage that was watched before."""
        check = visit.start()
        footage, span = self._watched(visit)
        # As it will be read from the file that comes with the take.
        cue_sheet = CueSheet.from_json(cue_sheet.to_json())
        asked = {"cue_sheet": cue_sheet}
        yield from self._takes(visit, footage, span, commission, check, report, asked)
        visit.cue_sheet = cue_sheet

    def redo(
        self,
        visit: Visit,
        number: int,
        bars: str,
        parts: Sequence[str],
        commission: Commission,
        report: Report,
    ) -> Iterator[Take]:
        """Make bars or parts of a take anew; every other note stays as it is."""
        if not bars.strip() and not parts:
            raise PixMusError('Say which bars ("9-12") or tick which parts shall be made anew.')
        check = visit.start()
        old = visit.take(number)
        footage, span = self._watched(visit)
        kept_midi = visit.new_folder() / "kept.mid"
        write_midi(old.soundtrack.score, kept_midi)
        cue_sheet = CueSheet.from_json(old.soundtrack.cue_sheet.to_json())
        take = self._take(
            visit,
            footage,
            span,
            commission,
            check,
            report,
            number=1,
            seed=_seeds(replace(commission, num_takes=1))[0],
            cue_sheet=cue_sheet,
            keep=kept_midi,
            redo_bars=bars.strip() or None,
            redo_parts=",".join(parts) or None,
        )
        visit.replace_takes([take, *visit.takes][:MOST_TAKES])
        yield take

    def play(
        self, visit: Visit, cue_sheet: CueSheet, commission: Commission
    ) -> tuple[Score, np.ndarray, int]:
        """The score of a cue sheet, its music (2, samples), and the seed."""
        check = visit.start()
        seed = _seeds(commission)[0]
        score = self.pipe.compose(
            cue_sheet,
            seed=seed,
            num_inference_steps=commission.num_inference_steps,
            guidance_scale=commission.guidance_scale,
        )
        check()
        stems = render(score, cue_sheet=cue_sheet, seed=seed)
        return score, mix(stems, cue_sheet, cue_sheet.duration), seed

    # ------------------------------------------------------------------------------- The stages

    def _watch(
        self,
        visit: Visit,
        clip: Path,
        commission: Commission,
        check: Callable[[], None],
        report: Report,
    ) -> tuple[Footage, tuple[float, float] | None]:
        """The footage of a clip or a part of it, from the visit where it was watched before."""
        report(Progress("watch"))
        key = (clip, commission.start, commission.end, commission.still_duration)
        if visit.footage is None or visit.footage_of[:4] != key:
            visit.footage = None
            span = None
            source = clip
            if commission.is_trimmed:
                span = self._span(commission)
                source = visit.new_folder() / f"part-of-{clip.stem}.mp4"
                report(Progress("watch", detail="taking the part out"))
                trim_apart(clip, *span, source, on_wait=check)
            footage = watch_apart(
                source,
                still_duration=commission.still_duration,
                longest=self.longest_s,
                on_wait=check,
            )
            if span is not None:
                span = span[0], min(span[1], round(span[0] + footage.video.duration, 3))
            visit.footage, visit.footage_of = footage, (*key, span)
        check()
        return self._watched(visit)

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

    @staticmethod
    def _watched(visit: Visit) -> tuple[Footage, tuple[float, float] | None]:
        if visit.footage is None:
            raise PixMusError(
                "This clip is gone: clips are removed after a while; upload it again."
            )
        span = visit.footage_of[4]
        assert span is None or isinstance(span, tuple)
        return visit.footage, span

    def _spot(self, footage: Footage, commission: Commission) -> tuple[CueSheet, Commission]:
        """The cue sheet, and the commission with the players that leaving out parts needed."""
        sheet = self.pipe.spot(footage.features, commission.direction(), commission.text)
        if commission.has_all_parts or commission.ensemble is not None:
            return sheet, commission
        commission = replace(commission, ensemble=sheet.ensemble, style=sheet.style)
        return self.pipe.spot(footage.features, commission.direction(), commission.text), commission

    def _takes(
        self,
        visit: Visit,
        footage: Footage,
        span: tuple[float, float] | None,
        commission: Commission,
        check: Callable[[], None],
        report: Report,
        asked: dict[str, Any],
    ) -> Iterator[Take]:
        """As many takes as are asked for; the first of them takes the place of those before."""
        made: list[Take] = []
        for number, seed in enumerate(_seeds(commission), start=1):
            take = self._take(
                visit, footage, span, commission, check, report, number=number, seed=seed, **asked
            )
            made.append(take)
            visit.replace_takes(list(made))
            yield take
        visit.replace_takes(ranked(made))

    def _take(
        self,
        visit: Visit,
        footage: Footage,
        span: tuple[float, float] | None,
        commission: Commission,
        check: Callable[[], None],
        report: Report,
        *,
        number: int,
        **asked: Any,
    ) -> Take:
        which = f"take {number} of {commission.num_takes}" if commission.num_takes > 1 else ""
        share = 0.0

        def on_stage(stage: str, done: float | None) -> None:
            nonlocal share
            check()
            share = done or 0.0
            if done is None and stage != "watch":
                report(Progress(stage, None, which))

        def on_step(_pipe: Any, step: int, _share: float, _latents: Any) -> None:
            check()
            total = round((step + 1) / share) if share else commission.num_inference_steps
            told = f"inference step {step + 1} of {total}"
            report(Progress("compose", share, ", ".join(filter(None, (which, told)))))

        soundtrack = self.pipe(
            footage,
            num_inference_steps=commission.num_inference_steps,
            guidance_scale=commission.guidance_scale,
            original_audio=commission.original_audio,
            original_level_db=commission.original_level_db,
            still_duration=commission.still_duration,
            on_stage=on_stage,
            callback_on_step_end=on_step,
            **asked,
        )
        report(Progress("video out", None, which))
        folder = visit.new_folder()
        clip = folder / f"{footage.video.path.stem}-scored.mp4"
        mux_apart(footage.video, soundtrack.sound, clip, on_wait=check)
        check()
        kept = asked.get("keep")
        upload = visit.footage_of[0]
        assert isinstance(upload, Path)
        notices = tuple(soundtrack.settings["notices"])
        if kept is not None:
            found = keep_score(asked["cue_sheet"], kept, asked["redo_bars"], asked["redo_parts"])
            notices += tuple(found.report.notices())
        return Take(soundtrack, clip, folder, upload.name, span, self.model, kept, notices)


def _seeds(commission: Commission) -> list[int]:
    """A seed for each take: the one asked for or a new one, and those that follow it."""
    first = commission.seed
    if first is None:
        first = int(np.random.default_rng().integers(NEW_SEEDS - commission.num_takes))
    return [first + i for i in range(commission.num_takes)]


# ------------------------------------------------------------------------ Work and its reports


def reported(
    work: Callable[[Report], Iterator[Result]], every_s: float = 0.1
) -> Iterator[Progress | Result]:
    """What `work` yields, and between it what it reports, at most every `every_s` seconds.

    `work` runs in a thread of its own. Closing this iterator does not stop it: stop its visit.
    """
    events: queue.Queue[Any] = queue.Queue()
    end = object()

    def run() -> None:
        try:
            for result in work(events.put):
                events.put((result,))
            events.put(end)
        except BaseException as error:  # handed to whoever listens
            events.put(error)

    threading.Thread(target=run, name="studio", daemon=True).start()
    told = 0.0
    latest: Progress | None = None
    while True:
        event = events.get()
        if isinstance(event, Progress):
            is_new_stage = latest is None or latest.stage != event.stage
            latest = event
            if is_new_stage or time.monotonic() - told >= every_s:
                told = time.monotonic()
                yield event
        elif isinstance(event, tuple):
            yield event[0]
        elif isinstance(event, BaseException):
            raise event
        elif event is end:
            return
