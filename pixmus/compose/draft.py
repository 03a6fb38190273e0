"""A `Draft`: a score some of which is to be composed, and what of it stays note for note.

Composing is redoing everything. What is kept covers three wishes: redo bars 9-12 of the harmony;
harmonise a given melody (redo the other parts); continue an opening (redo the bars behind it). The
kept score's tempo map, key and notes stay.

Conventions: positions are beats; bars are numbered from 1, a pickup not counted. A note belongs to
the bar in which it starts. A kept note that rings into the redone bars of its own part is kept
whole: what is new there starts after it (see `finished_score.fit_beside`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from pixmus.compose.bars import Bars, bars_before, format_bars, parse_bars, runs_of
from pixmus.compose.conditions import beats_of
from pixmus.cues.sheet import CueSheet
from pixmus.ensembles import Part
from pixmus.errors import PixMusError
from pixmus.keys import KEYS
from pixmus.score.fit import fit_tempo_map
from pixmus.score.grid import BEATS_PER_BAR
from pixmus.score.key_finding import key_correlations
from pixmus.score.midi import read_midi
from pixmus.score.notes import Note, Score
from pixmus.score.spans import (
    FOLLOWS_S,
    PLACED_TOLERANCE_S,
    RING_S,
    CueSpan,
    PlacedHit,
    cue_span,
    hits_in_cues,
    nearest_place,
    place_hits,
)
from pixmus.score.tempo import TempoMap, extend_tempo_map

Names = str | Iterable[str]  # "harmony,bass", or names

BAR_LENGTHS = (2, BEATS_PER_BAR)  # beats of the bars that the model knows
KEY_MARGIN = 0.1  # how much better than the asked key another must fit a file that names none
ALWAYS = (-math.inf, math.inf)


@dataclass(frozen=True)
class Region:
    """What is redone: parts, and spans of beats (start, end) of which the end is not in it."""

    parts: tuple[str, ...]
    spans: tuple[tuple[float, float], ...]

    def covers(self, beat: float) -> bool:
        """Whether something is redone at a beat."""
        return any(start <= beat < end for start, end in self.spans)

    def holds(self, part: str, beat: float) -> bool:
        """Whether a part's note that starts at a beat is redone."""
        return part in self.parts and self.covers(beat)


@dataclass(frozen=True)
class OffMapHit:
    """A hit point that does not lie on the kept tempo map."""

    time: float
    strength: float
    off: float  # seconds to the nearest sixteenth of the grid
    moved: bool  # no marker of the kept score has a hit point there


@dataclass(frozen=True)
class RedoReport:
    """What was redone and what of the cue sheet a kept score could not follow."""

    bars: str
    parts: tuple[str, ...]
    key: str  # the kept score's, which is the key
    key_asked: str  # the cue sheet's
    bars_kept: int
    bars_added: int  # behind the kept score, at its last tempo
    hits_off_map: tuple[OffMapHit, ...]

    def to_dict(self) -> dict[str, Any]:
        """The report for JSON."""
        return asdict(self)

    def notices(self) -> list[str]:
        """Sentences for the person, one a line; none where everything could be followed."""
        lines = []
        if self.key != self.key_asked:
            lines.append(
                f"The kept score is in {self.key}, and so are the new notes; the cue sheet's "
                f"{self.key_asked} is not used."
            )
        if self.bars_added:
            lines.append(
                f"The kept score has {self.bars_kept} bars; {self.bars_added} were added at its "
                "last tempo to reach the end of the picture."
            )
        if self.hits_off_map:
            hits = sorted(self.hits_off_map, key=lambda hit: (not hit.moved, hit.time))
            named = ", ".join(
                f"{hit.time:.2f} s by {1000 * hit.off:.0f} ms{' (moved or new)' * hit.moved}"
                for hit in hits
            )
            lines.append(f"Hit points off the kept tempo map: {named}.")
        return lines


@dataclass(frozen=True)
class Draft:
    """A score on the picture's whole length, and what is to be composed of it.

    Where nothing is kept it has no notes yet, and all of it is to be composed.
    """

    score: Score
    cue_sheet: CueSheet  # in the score's key
    region: Region
    report: RedoReport | None = None  # of a kept score

    @property
    def facts(self) -> dict[str, Any] | None:
        """What was kept, for JSON; None where nothing is."""
        return self.report.to_dict() if self.report else None

    def notices(self) -> list[str]:
        """What of the cue sheet the kept score cannot follow, in sentences for the person."""
        return self.report.notices() if self.report else []

    @cached_property
    def stays(self) -> dict[str, list[Note]]:
        """The notes of each part that stay."""
        return {
            part: [
                note
                for note in self.score.parts.get(part, ())
                if not self.region.holds(part, note.onset)
            ]
            for part in self.cue_sheet.parts
        }

    @cached_property
    def hits(self) -> list[PlacedHit]:
        """The hit points on which music plays and that the tempo map meets.

        Of those behind a cue's last chord only the ones that leave it `RING_S` on both sides, at
        which it is struck again.
        """
        seconds = self.score.tempo_map.to_seconds
        rings = [(final, end, seconds(final), seconds(end)) for final, end in self.rings]
        return [
            hit
            for hit in place_hits(self.score.tempo_map, hits_in_cues(self.cue_sheet))
            if not any(
                final < hit.beat < end and not start + RING_S <= hit.time <= stop - RING_S
                for final, end, start, stop in rings
            )
        ]

    @cached_property
    def rings(self) -> list[tuple[float, float]]:
        """First and last beat of each cue's last chord."""
        return [(span.final_beat, end) for span, end in self.spans if not span.leads_on]

    @cached_property
    def last_chords(self) -> list[int]:
        """The beat of each cue's last chord, or on which the next one enters without a rest."""
        return [span.final_beat for span, _ in self.spans]

    @cached_property
    def spans(self) -> list[tuple[CueSpan, float]]:
        """The spans of the cues that a beat falls in, each with the beat at which it has ended.

        A cue ends before the next one enters; one that is over before its first beat has no music.
        Where the next follows at once the music leads on to it instead of ending.
        """
        tempo_map = self.score.tempo_map
        found: list[tuple[CueSpan, float]] = []
        ended = -math.inf  # when the last of them does, in seconds
        for cue in self.cue_sheet.cues:
            span = cue_span(tempo_map, cue, self.cue_sheet.hit_points)
            if tempo_map.to_seconds(span.first_beat) >= cue.end:
                continue
            if found:
                before, end = found[-1]
                if span.first_beat <= before.final_beat:
                    continue
                if cue.start - ended <= FOLLOWS_S:
                    before = CueSpan(before.first_beat, span.first_beat, leads_on=True)
                    found[-1] = before, span.first_beat
                else:
                    found[-1] = before, min(end, span.first_beat)
            found.append((span, tempo_map.to_beats(cue.end)))
            ended = cue.end
        return found


def begin_draft(
    cue_sheet: CueSheet,
    keep: Score | Path | str | None = None,
    redo_bars: Bars | None = None,
    redo_parts: Names | None = None,
) -> Draft:
    """The draft of a kept score (see `keep_score`), or a blank one where none is named."""
    if keep is not None:
        return keep_score(cue_sheet, keep, redo_bars, redo_parts)
    if redo_bars is not None or redo_parts is not None:
        raise PixMusError(
            "Bars or parts can be redone only of a score that is kept; name it with --keep "
            "score.mid (keep=... in Python)."
        )
    return blank_draft(cue_sheet)


def blank_draft(cue_sheet: CueSheet, tempo_map: TempoMap | None = None) -> Draft:
    """A draft of which nothing is kept, on a tempo map that is fitted where none is given."""
    empty = Score(
        dict.fromkeys(cue_sheet.parts, ()), tempo_map or fit_tempo_map(cue_sheet), cue_sheet.key
    )
    return Draft(empty, cue_sheet, Region(cue_sheet.parts, (ALWAYS,)))


def keep_score(
    cue_sheet: CueSheet,
    kept: Score | Path | str,
    redo_bars: Bars | None = None,
    redo_parts: Names | None = None,
) -> Draft:
    """Check what is asked of a kept score, and make it ready to be redone.

    `redo_bars` are numbered from 1, ends included: "9-12", "3", "9-12,17-20", "13-" to the end, or
    an iterable of numbers. "-4" are four new bars before the first, at its tempo: all that is kept
    comes so much later. Where only bars or only parts are named, all of the other are redone.
    """
    if redo_bars is None and redo_parts is None:
        raise PixMusError(
            "There is a score to keep but nothing to redo; name bars (--redo-bars 9-12), parts "
            "(--redo-parts harmony) or both."
        )
    score = kept if isinstance(kept, Score) else read_kept(kept, cue_sheet.key)
    for part, notes in score.parts.items():
        if notes and part not in cue_sheet.parts:
            raise PixMusError(
                f"The kept score has a part {part}, but the cue sheet's parts are "
                f'{", ".join(cue_sheet.parts)}; add it to "parts" there (and choose an ensemble '
                "that has it), or take the part out of the kept score."
            )
    odd = sorted(set(score.tempo_map.bar_lengths) - set(BAR_LENGTHS))
    if odd:
        raise PixMusError(
            f"The kept score has bars of {odd[0]} beats; only 4/4 and single bars of 2/4 can be "
            "written to."
        )
    bars_kept = len(score.tempo_map.bar_starts)
    num_before, redo_bars = (0, None) if redo_bars is None else bars_before(redo_bars)
    score = _after(score, num_before, cue_sheet.duration)
    score = replace(score, tempo_map=extend_tempo_map(score.tempo_map, cue_sheet.duration))
    parts = _chosen_parts(redo_parts, cue_sheet.parts)
    num_bars_now = len(score.tempo_map.bar_starts) - num_before
    bars = None if redo_bars is None else parse_bars(redo_bars, num_bars_now)
    told = "all" if bars is None else format_bars(bars)
    if num_before:
        told = f"-{num_before}" + (f",{told}" if bars else "")
        moved = [bar + num_before for bar in bars or ()]
        bars = [*range(1, num_before + 1), *moved]
    region = Region(parts, _spans(bars, score))
    report = RedoReport(
        bars=told,
        parts=parts,
        key=score.key,
        key_asked=cue_sheet.key,
        bars_kept=bars_kept,
        bars_added=num_bars_now - bars_kept,
        hits_off_map=tuple(_hits_off_map(cue_sheet, score)),
    )
    draft = Draft(score, replace(cue_sheet, key=score.key), region, report)
    if not any(
        region.covers(beat) for span, _ in draft.spans for beat in beats_of(score.tempo_map, span)
    ):
        raise PixMusError(
            f"The bars {report.bars} lie where the cue sheet wants no music; choose others."
        )
    return draft


def restyled(
    cue_sheet: CueSheet, style: str, redo_parts: Names | None = None
) -> tuple[CueSheet, tuple[str, ...]]:
    """The cue sheet in another style, and the parts to be redone, else all but the melody."""
    others = tuple(part for part in cue_sheet.parts if part != Part.MELODY)
    chosen = _chosen_parts(redo_parts, cue_sheet.parts) if redo_parts else others
    return replace(cue_sheet, style=style), chosen


def _after(score: Score, num_bars: int, duration: float) -> Score:
    """The score so many bars of 4/4 later, at its first tempo."""
    if num_bars == 0:
        return score
    times = score.tempo_map.beat_times
    beats = BEATS_PER_BAR * num_bars
    later = beats * float(times[1] - times[0])
    if later >= duration:
        raise PixMusError(
            f"{num_bars} bars before the first last {later:.1f} s, and the picture only "
            f"{duration:.1f} s; ask for fewer."
        )
    before = times[0] + later * np.arange(beats) / beats
    starts = [BEATS_PER_BAR * bar for bar in range(num_bars)]
    tempo_map = TempoMap(
        np.concatenate([before, times + later]),
        (*starts, *(start + beats for start in score.tempo_map.bar_starts)),
    )
    parts = {
        part: tuple(replace(note, onset=note.onset + beats) for note in notes)
        for part, notes in score.parts.items()
    }
    markers = tuple((time + later, name) for time, name in score.markers)
    return replace(score, parts=parts, tempo_map=tempo_map, markers=markers, plan=None)


def read_kept(path: Path | str, key: str) -> Score:
    """The score in a MIDI file that is to be kept (see `read_midi` for whose files can be).

    A file that names no key is in the wished `key`, unless another fits its notes plainly better.
    """
    score = read_midi(path, unnamed_key="")
    if not any(score.parts.values()):
        raise PixMusError(f"{path} holds no notes; there is nothing to keep.")
    return score if score.key else replace(score, key=_fitting_key(score, key))


def _fitting_key(score: Score, wished: str) -> str:
    """The key whose profile fits the notes best, or the wished one where it fits as well."""
    weights = np.zeros(12)
    for part, notes in score.parts.items():
        for note in notes if part != Part.DRUMS else ():
            weights[note.pitch % 12] += note.duration
    fits = key_correlations(weights)
    return wished if fits[KEYS.index(wished)] >= fits.max() - KEY_MARGIN else KEYS[fits.argmax()]


def _spans(bars: Sequence[int] | None, score: Score) -> tuple[tuple[float, float], ...]:
    if bars is None:
        return (ALWAYS,)
    edges = [*score.tempo_map.bar_starts, math.inf]
    return tuple((edges[first - 1], edges[last]) for first, last in runs_of(bars))


def _chosen_parts(names: Names | None, known: Sequence[str]) -> tuple[str, ...]:
    if names is None:
        return tuple(known)
    chosen = [name.strip() for name in (names.split(",") if isinstance(names, str) else names)]
    for name in chosen:
        if name not in known:
            raise PixMusError(
                f"There is no part {name!r} to redo: the cue sheet's parts are {', '.join(known)}."
            )
    if not chosen:
        raise PixMusError("No part is named that could be redone; write parts like harmony,bass.")
    return tuple(part for part in known if part in chosen)


def _hits_off_map(cue_sheet: CueSheet, kept: Score) -> list[OffMapHit]:
    """The hit points at which music plays and that the kept tempo map does not meet."""
    hits = hits_in_cues(cue_sheet)
    placed = {hit.time for hit in place_hits(kept.tempo_map, hits)}
    marked = [time for time, name in kept.markers if name.startswith("hit ")]
    return [
        OffMapHit(
            hit.time,
            hit.strength,
            round(nearest_place(kept.tempo_map, hit.time)[1], 6),
            not any(abs(time - hit.time) <= PLACED_TOLERANCE_S for time in marked),
        )
        for hit in hits
        if hit.time not in placed
    ]
