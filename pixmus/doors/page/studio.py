"""`Studio`: the model and the visits; soundtracks made for a visitor, step by step.

Nothing here knows of widgets. Every piece of work belongs to a visit, reports its stages, and ends
at its next inference step once the visitor stops it or starts another.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from pixmus.choice import Step
from pixmus.choices import SEED
from pixmus.compose.draft import keep_score
from pixmus.cues.alternatives import direction_of_take
from pixmus.cues.cut_list import CutList
from pixmus.cues.sheet import Cue, CueSheet, HitPoint
from pixmus.cues.wishes import read_wishes
from pixmus.curves import CURVES, num_curve_values
from pixmus.doors.page.ahead import Watcher
from pixmus.doors.page.commission import Commission
from pixmus.doors.page.decoding import mux_apart
from pixmus.doors.page.jobs import Line, Progress, Report
from pixmus.doors.page.memory import give_memory_back
from pixmus.doors.page.shelf import Card
from pixmus.doors.page.takes import Source, Take, ranked
from pixmus.doors.page.visits import Check, Visit
from pixmus.ensembles import ORCHESTRA, Part, Style
from pixmus.errors import PixMusError
from pixmus.picture.features import Features
from pixmus.picture.footage import Footage
from pixmus.score.midi import write_midi
from pixmus.score.notes import Score
from pixmus.sound.mix import mix
from pixmus.sound.renderer import asked_renderer, render
from pixmus.take.pipeline import PixMusPipeline
from pixmus.take.spectrogram import plot_spectrogram
from pixmus.take.spotted import cut_list_of

AT_ONCE = 2  # soundtracks made at the same time
MOST_WAITING = 12
NEW_SEEDS = 2**31  # below which a new seed is drawn
PACE = 0.4  # seconds a second of clip, until a take was made here (two cores)


@dataclass(frozen=True)
class Work:
    """A piece of work for a visit: what is asked for, of which footage, and who hears of it."""

    visit: Visit
    commission: Commission
    report: Report
    check: Check
    source: Source


class Studio:
    """Makes soundtracks for visits with one model, which no call changes."""

    def __init__(self, pipe: PixMusPipeline, longest_s: float, model: str | None = None) -> None:
        """`model` is the folder or Hub id of a model that did not come along."""
        if pipe.curve_tables is None:
            raise PixMusError("This model folder has no curve tables; get the model again.")
        self.pipe = pipe
        self.tables = pipe.curve_tables
        self.longest_s = longest_s
        self.watcher = Watcher(longest_s, self._look)
        self.pace: float | None = None  # seconds a second of clip, as takes of late took here
        self.model = model
        self.line = Line(AT_ONCE, MOST_WAITING)

    @contextmanager
    def _turn(
        self, visit: Visit, report: Report, begun: Check | None, clip: Path | None = None
    ) -> Iterator[Check]:
        """A place among those at work, for what was begun already or begins now with a clip."""
        with nullcontext(begun) if begun else visit.at_work() as check:
            if clip is not None:
                visit.work_with(check, clip)
            try:
                with self.line.turn(check, report, visit):
                    yield check
            except OSError:
                check()  # files that went with the visit are no trouble of the disk's
                raise
            finally:
                give_memory_back()

    def estimate(self, clip_s: float, commission: Commission) -> float:
        """About how many seconds the takes that are asked for will take here, when it is quiet."""
        return float((self.pace or PACE) * clip_s * commission.num_takes)

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
        self,
        visit: Visit,
        clip: Path,
        commission: Commission,
        report: Report,
        begun: Check | None = None,
        cuts: Path | None = None,
    ) -> Iterator[Take]:
        """Watch, spot and compose; yields each take as its scored clip is written.

        Here as elsewhere `begun` is the function of the work, where the visit has begun it already,
        and `cuts` an editor's cut list of the whole clip, whose cuts and markers are obeyed.
        """
        visit.asked = clip, commission
        cuts = visit.cuts = _kept(cuts, visit, commission)
        with self._turn(visit, report, begun, clip) as check:
            work = self._watch(visit, check, clip, commission, report)
            listed = cut_list_of(cuts, work.source.footage.video) if cuts else None
            _, commission = self._spot(work.source.footage, commission, listed)
            work = replace(work, commission=commission)
            asked = {"direction": commission.direction(), **commission.of(Step.WISH)}
            made = list[Take]()
            for take in self._takes(work, {**asked, "cuts": listed}):
                take.cuts = cuts
                made.append(take)
                yield take
            shown = (visit.takes or made)[0]  # the best of those that were not removed meanwhile
            visit.cue_sheet, visit.spotted = shown.soundtrack.cue_sheet, work.source

    def spot(
        self,
        visit: Visit,
        clip: Path,
        commission: Commission,
        report: Report,
        begun: Check | None = None,
        cuts: Path | None = None,
    ) -> CueSheet:
        """Watch and spot, nothing more."""
        visit.asked = clip, commission
        cuts = visit.cuts = _kept(cuts, visit, commission)
        with self._turn(visit, report, begun, clip) as check:
            work = self._watch(visit, check, clip, commission, report)
            report(Progress("spot"))
            listed = cut_list_of(cuts, work.source.footage.video) if cuts else None
            sheet, _ = self._spot(work.source.footage, commission, listed)
            visit.cue_sheet, visit.spotted = sheet, work.source
            return sheet

    def recompose(
        self,
        visit: Visit,
        cue_sheet: CueSheet,
        commission: Commission,
        report: Report,
        begun: Check | None = None,
    ) -> Iterator[Take]:
        """Compose from an edited cue sheet for the footage that it was spotted for."""
        with self._turn(visit, report, begun) as check:
            work = self._work(visit, visit.spotted, check, commission, report)
            # As it will be read from the file that comes with the take.
            cue_sheet = CueSheet.from_json(cue_sheet.to_json())
            yield from self._takes(work, {"cue_sheet": cue_sheet})
            visit.cue_sheet = cue_sheet

    def redo(
        self,
        visit: Visit,
        number: int | None,
        bars: str,
        parts: Sequence[str],
        commission: Commission,
        report: Report,
        begun: Check | None = None,
    ) -> Iterator[Take]:
        """Make bars or parts of a take anew; every other note stays as it is."""
        old = self.to_redo(visit, number, bars, parts)
        with self._turn(visit, report, begun) as check:
            visit.watched = old.take.source
            work = self._work(visit, old.take.source, check, commission.but(num_takes=1), report)
            kept_midi = visit.new_folder() / "kept.mid"
            write_midi(old.take.soundtrack.score, kept_midi)
            asked: dict[str, Any] = {
                "cue_sheet": CueSheet.from_json(old.take.soundtrack.cue_sheet.to_json()),
                "keep": kept_midi,
                "redo_bars": bars.strip() or None,
                "redo_parts": ",".join(parts) or None,
            }
            yield from self._takes(work, asked, of=f"redo of {_which(bars, parts)} of {old.name}")
            visit.cue_sheet, visit.spotted = asked["cue_sheet"], old.take.source

    @staticmethod
    def to_redo(visit: Visit, number: int | None, bars: str, parts: Sequence[str]) -> Card:
        """The card whose bars or parts shall be made anew; PixMusError where that cannot be."""
        if not bars.strip() and not parts:
            raise PixMusError('Say which bars ("9-12") or tick which parts to compose anew.')
        old = visit.shelf.find(number)
        made = old.take.soundtrack
        keep_score(made.cue_sheet, made.score, bars.strip() or None, ",".join(parts) or None)
        return old

    def play(
        self, visit: Visit, cue_sheet: CueSheet, commission: Commission, begun: Check | None = None
    ) -> tuple[Score, np.ndarray, int]:
        """The score of a cue sheet, its music (2, samples), and the seed."""
        with self._turn(visit, lambda _: None, begun) as check:
            seed = _seeds(commission)[0]
            chosen = {**commission.of(Step.COMPOSE), SEED.name: seed}
            score = self.pipe.compose(cue_sheet, callback_on_step_end=lambda *_: check(), **chosen)
            check()
            hits = None if commission.accents else ()
            stems = render(
                score,
                renderer=asked_renderer(commission),
                cue_sheet=cue_sheet,
                hits=hits,
                seed=seed,
                on_share=lambda _: check(),
            )
            return score, mix(stems, cue_sheet, cue_sheet.duration), seed

    # ------------------------------------------------------------------------------- The stages

    def _look(self, features: Features) -> None:
        """What the encoder sees in a clip, which it remembers: half of spotting."""
        if self.pipe.encoder is not None:
            self.pipe.encoder.see(features)

    def _watch(
        self,
        visit: Visit,
        check: Check,
        clip: Path,
        commission: Commission,
        report: Report,
    ) -> Work:
        """Begin work on a clip or a part of it, which is watched unless that was done already."""
        report(Progress("watch"))
        watched = self.watcher.source(visit, clip, commission, check, report)
        check()
        visit.watched = watched
        return Work(visit, commission, report, check, watched)

    @staticmethod
    def _work(
        visit: Visit, source: Source | None, check: Check, commission: Commission, report: Report
    ) -> Work:
        """Work on footage that was watched for a visit before."""
        if source is None:
            raise PixMusError(
                "This clip is gone: clips are removed after a while; upload it again."
            )
        return Work(visit, commission, report, check, source)

    def _spot(
        self, footage: Footage, commission: Commission, cuts: CutList | None = None
    ) -> tuple[CueSheet, Commission]:
        """The cue sheet, and the commission with the players that leaving out parts needed."""
        words = commission.text
        asked: dict[str, Any] = {"text": words, "cuts": cuts}
        sheet = self.pipe.spot(footage.features, commission.direction(), **asked)
        if commission.has_all_parts or commission.ensemble is not None:
            return sheet, commission
        commission = commission.but(ensemble=sheet.ensemble, style=sheet.style)
        return self.pipe.spot(footage.features, commission.direction(), **asked), commission

    def _takes(self, work: Work, asked: dict[str, Any], of: str = "") -> Iterator[Take]:
        """As many takes as are asked for, each put on the shelf as it comes, different on purpose.

        Their samples go to disk as soon as they have been told along time: a long film has 600 MB
        of them, and several visitors have several takes each.
        """
        made: list[Take] = []
        visit = work.visit
        for number, seed in enumerate(_seeds(work.commission), start=1):
            if made and "direction" in asked:  # else a cue sheet says what all takes are
                spotted, wishes = made[0].soundtrack.cue_sheet, read_wishes(work.commission.text)
                other = direction_of_take(number, spotted, work.commission.direction(), wishes)
                asked = {**asked, "direction": other}
            take = self._take(work, number=number, seed=seed, **asked)
            made.append(take)
            said = visit.put(take, list(made), of)
            take.notices += (said,) if said else ()
            yield take
            take.write_along()  # which is seen a moment after the first sound
            take.rest()
        visit.rank(ranked(made))

    def _take(self, work: Work, *, number: int, **asked: Any) -> Take:
        """One take: composed, played and written as a scored clip."""
        begun = time.monotonic()
        commission, report, check = work.commission, work.report, work.check
        num_takes = commission.num_takes
        which = f"take {number} of {num_takes}" if num_takes > 1 else ""
        footage = work.source.footage
        share = 0.0

        def on_stage(stage: str, done: float | None) -> None:
            nonlocal share
            check()
            share = done or 0.0
            if stage == "render" or (done is None and stage != "watch"):
                report(Progress(stage, done, which))

        def on_step(_pipe: Any, step: int, _share: float, _latents: Any) -> None:
            check()
            total = round((step + 1) / share) if share else commission.num_inference_steps
            told = f"inference step {step + 1} of {total}"
            report(Progress("compose", share, ", ".join(filter(None, (which, told)))))

        chosen = commission.of(Step.WATCH, Step.COMPOSE, Step.MIX)
        soundtrack = self.pipe(
            footage,
            on_stage=on_stage,
            callback_on_step_end=on_step,
            **{**chosen, **asked},
        )
        report(Progress("video out", None, which))
        folder = work.visit.new_folder()
        video = footage.video
        clip = folder / f"{video.path.stem}-scored.mp4"
        written = mux_apart(video, soundtrack.sound, clip, on_wait=check)
        check()
        kept = asked.get("keep")
        notices = (*soundtrack.settings["notices"], *written.notices)
        if kept is not None:
            found = keep_score(asked["cue_sheet"], kept, asked["redo_bars"], asked["redo_parts"])
            notices += tuple(found.notices())
        pace = (time.monotonic() - begun) / video.duration
        self.pace = pace if self.pace is None else (self.pace + pace) / 2
        return Take(soundtrack, clip, folder, work.source, self.model, kept, notices)


def _kept(cuts: Path | None, visit: Visit, commission: Commission) -> Path | None:
    """A cut list in the visit's own folder, where it stays as long as the takes that follow it."""
    if cuts is None:
        return None
    if commission.is_trimmed:
        raise PixMusError(
            "A cut list goes with the whole clip; leave From and To open, or take the list away."
        )
    kept = visit.new_folder() / cuts.name
    shutil.copyfile(cuts, kept)
    return kept


def _which(bars: str, parts: Sequence[str]) -> str:
    """What was made anew, in words: "bass in bars 3-4"."""
    bars = bars.strip()
    told = f"bar{'' if bars.isdigit() else 's'} {bars}" if bars else ""
    return " in ".join(filter(None, (", ".join(parts), told)))


def _seeds(commission: Commission) -> list[int]:
    """A seed for each take: the one asked for or a new one, and those that follow it."""
    first, num_takes = commission.seed, commission.num_takes
    if first is None:
        first = int(np.random.default_rng().integers(NEW_SEEDS - num_takes))
    return [first + i for i in range(num_takes)]
