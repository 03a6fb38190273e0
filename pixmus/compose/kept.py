"""Bars or parts of a kept score made anew, while the rest of it stays note for note.

The same covers three wishes: redo bars 9-12 of the harmony; harmonise a given melody (redo the
other parts); continue an opening (redo the bars behind it). The kept score's tempo map, key and
notes stay. Inside the redone region the model writes, given the kept notes around and beside it.

Conventions: positions are beats; bars are numbered from 1, a pickup not counted. A note belongs to
the bar in which it starts. A kept note that rings into the redone bars of its own part is kept
whole: what is new there starts after it (see `fit_beside`).
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from diffusers import SchedulerMixin

from pixmus.choices import NUM_INFERENCE_STEPS
from pixmus.compose.canvas import Canvas, play_by_rule, prepare, read_canvas, transposition
from pixmus.compose.cells import GIVEN, OFF, TO_MAKE
from pixmus.compose.conditions import TEXTURE_COLUMNS
from pixmus.compose.endings import MAJOR_TRIAD, MINOR_TRIAD
from pixmus.compose.sampling import Decoding, Guidance, OnStep
from pixmus.compose.texture import (
    COLUMNS_PER_PART,
    TEXTURE_BARS,
    TextureBank,
    measure_texture,
    texture_columns,
)
from pixmus.compose.windows import CONTEXT_BARS, WINDOW_BARS
from pixmus.compose.writing import markers_of, playable_spans, window_seed, write_canvases
from pixmus.cues.sheet import CueSheet
from pixmus.ensembles import ONE_VOICE_PARTS, PARTS, Part, Style
from pixmus.errors import PixMusError
from pixmus.keys import KEYS, key_is_major, key_tonic
from pixmus.model.denoiser import ScoreDenoiser
from pixmus.score.grid import BEATS_PER_BAR, STEPS_PER_BEAT
from pixmus.score.key_finding import key_correlations
from pixmus.score.midi import read_midi
from pixmus.score.notes import PART_LAYOUTS, Note, Score, encode_notes
from pixmus.score.spans import PLACED_TOLERANCE_S, CueSpan, hits_in_cues, nearest_eighth, place_hits
from pixmus.score.tempo import extend_tempo_map

Bars = str | Iterable[int]  # "9-12,17-", or numbers from 1
Names = str | Iterable[str]  # "harmony,bass", or names

BAR_LENGTHS = (2, BEATS_PER_BAR)  # beats of the bars that the model knows
HALF_STEP = 0.5 / STEPS_PER_BEAT  # beats: legato overlaps by so much, and no note is shorter
KEY_MARGIN = 0.1  # how much better than the asked key another must fit a file that names none


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
    off: float  # seconds to the nearest eighth-note grid point
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


# ------------------------------------------------------------------------------- What is asked


@dataclass(frozen=True)
class Kept:
    """A kept score made ready: on the picture's whole length, with what is redone of it."""

    score: Score
    cue_sheet: CueSheet  # in the kept score's key
    region: Region
    report: RedoReport


def keep_score(
    cue_sheet: CueSheet,
    kept: Score | Path | str,
    redo_bars: Bars | None = None,
    redo_parts: Names | None = None,
) -> Kept:
    """Check what is asked of a kept score, and make it ready for `redo`.

    `redo_bars` are numbered from 1, ends included: "9-12", "3", "9-12,17-20", "13-" to the end, or
    an iterable of numbers. Where only bars or only parts are named, all of the other are redone.
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
    score = replace(score, tempo_map=extend_tempo_map(score.tempo_map, cue_sheet.duration))
    parts = _chosen_parts(redo_parts, cue_sheet.parts)
    bars = None if redo_bars is None else parse_bars(redo_bars, len(score.tempo_map.bar_starts))
    region = Region(parts, _spans(bars, score))
    report = RedoReport(
        bars="all" if bars is None else format_bars(bars),
        parts=parts,
        key=score.key,
        key_asked=cue_sheet.key,
        bars_kept=bars_kept,
        bars_added=len(score.tempo_map.bar_starts) - bars_kept,
        hits_off_map=tuple(_hits_off_map(cue_sheet, score)),
    )
    return Kept(score, replace(cue_sheet, key=score.key), region, report)


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


def parse_bars(bars: Bars, num_bars: int) -> list[int]:
    """Bar numbers from 1, in order: of "9-12,17-" or of an iterable of numbers."""
    numbers: set[int] = set()
    if isinstance(bars, str):
        for span in bars.replace(" ", "").split(","):
            match = re.fullmatch(r"(\d+)(?:(-)(\d*))?", span)
            if match is None:
                raise PixMusError(
                    f"The bars {bars!r} cannot be read; write them like 9-12, 3 or 9-12,17-20; "
                    "13- goes to the end."
                )
            first, is_span, last = int(match[1]), match[2], match[3]
            final = int(last) if last else max(first, num_bars) if is_span else first
            if final < first:
                raise PixMusError(f"The bars {span} run backwards; write {final}-{first}.")
            numbers |= {first, final, *range(first, min(final, num_bars))}
    else:
        numbers = set(bars)
    if not numbers:
        raise PixMusError("No bar is named that could be redone; write bars like 9-12.")
    if min(numbers) < 1:
        raise PixMusError(f"Bars are numbered from 1; there is no bar {min(numbers)}.")
    if max(numbers) > num_bars:
        raise PixMusError(f"There is no bar {max(numbers)}: the piece has {num_bars} bars.")
    return sorted(numbers)


def format_bars(bars: Sequence[int]) -> str:
    """Bar numbers in order as a person writes them: "9-12,17"."""
    return ",".join(
        str(first) if first == last else f"{first}-{last}" for first, last in _runs(bars)
    )


def _runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """First and last of every row of numbers that follow each other."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def _spans(bars: Sequence[int] | None, score: Score) -> tuple[tuple[float, float], ...]:
    if bars is None:
        return ((-math.inf, math.inf),)
    edges = [*score.tempo_map.bar_starts, math.inf]
    return tuple((edges[first - 1], edges[last]) for first, last in _runs(bars))


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
            round(nearest_eighth(kept.tempo_map, hit.time)[1], 6),
            not any(abs(time - hit.time) <= PLACED_TOLERANCE_S for time in marked),
        )
        for hit in hits
        if hit.time not in placed
    ]


# ----------------------------------------------------------------------------------- Redoing


def redo(
    denoiser: ScoreDenoiser,
    scheduler: SchedulerMixin,
    kept: Kept,
    *,
    seed: int,
    guidance: Guidance | None = None,
    num_inference_steps: int = NUM_INFERENCE_STEPS,
    decoding: Decoding | None = None,
    textures: TextureBank | None = None,
    on_step: OnStep | None = None,
) -> Score:
    """The kept score with its region composed anew; every other note is the kept one."""
    cue_sheet, region, tempo_map = kept.cue_sheet, kept.region, kept.score.tempo_map
    spans, ends = playable_spans(cue_sheet, tempo_map)
    stay = {
        part: [n for n in kept.score.parts.get(part, ()) if not region.holds(part, n.onset)]
        for part in cue_sheet.parts
    }
    canvases: list[Canvas] = []
    for index, span in enumerate(spans):
        canvas = prepare(cue_sheet, tempo_map, span, textures, window_seed(seed, index, -1))
        if not _give_kept(canvas, cue_sheet, span, stay, region):
            # The kept notes do not end on the tonic: the model writes to them up to the end.
            spans[index] = replace(span, final_beat=span.first_beat + len(canvas.cells))
        canvases.append(canvas)
    windows = [redo_bounds(canvas) for canvas in canvases]
    if not any(
        region.covers(beat)
        for span, canvas in zip(spans, canvases, strict=True)
        for beat in range(span.first_beat, span.first_beat + len(canvas.cells))
    ):
        raise PixMusError(
            f"The bars {kept.report.bars} lie where the cue sheet wants no music; choose others."
        )
    write_canvases(
        denoiser,
        scheduler,
        canvases,
        windows,
        seed=seed,
        guidance=guidance or Guidance(),
        num_inference_steps=num_inference_steps,
        decoding=decoding or Decoding(),
        on_step=on_step,
    )
    new: dict[str, list[Note]] = {part: [] for part in cue_sheet.parts}
    for canvas, span, end_beat in zip(canvases, spans, ends, strict=True):
        if not Style(cue_sheet.style).has_dynamics:
            play_by_rule(canvas)
        for part, notes in read_canvas(canvas, cue_sheet, span, end_beat).items():
            new[part] += [
                replace(note, duration=min(note.duration, end_beat - note.onset))
                for note in notes
                if region.holds(part, note.onset) and note.onset < end_beat
            ]
    parts = {
        part: tuple(sorted([*stay[part], *fit_beside(part, new[part], stay[part])]))
        for part in cue_sheet.parts
    }
    return replace(kept.score, parts=parts, markers=markers_of(cue_sheet))


def _give_kept(
    canvas: Canvas,
    cue_sheet: CueSheet,
    span: CueSpan,
    stay: dict[str, list[Note]],
    region: Region,
) -> bool:
    """Give the canvas the notes that stay; False where its last chord does not agree with them.

    A part that stays without a note is off: nobody said that it is to be silent.
    """
    num_beats = len(canvas.cells)
    beats = range(span.first_beat, span.first_beat + num_beats)
    shift = transposition(cue_sheet.key)
    kept = np.zeros(canvas.states.shape, bool)
    for part in cue_sheet.parts:
        layout, column = PART_LAYOUTS[part].cells, PARTS.index(part)
        stays = np.array([not region.holds(part, beat) for beat in beats])
        notes = [
            replace(
                note,
                onset=note.onset - span.first_beat,
                pitch=note.pitch - (0 if part == Part.DRUMS else shift),
            )
            for note in stay[part]
        ]
        canvas.cells[stays, layout] = encode_notes(part, notes, num_beats)[stays]
        canvas.states[stays, column] = GIVEN if notes else OFF
        kept[:, column] = stays & bool(notes)
    _tell_kept_textures(canvas, kept)
    if _agrees(cue_sheet.key, span.final_beat, stay):
        return True
    final = span.final_beat - span.first_beat
    for part in cue_sheet.parts:
        if region.holds(part, span.final_beat):
            canvas.cells[final:, PART_LAYOUTS[part].cells] = 0
            canvas.states[final:, PARTS.index(part)] = TO_MAKE
    return False


def _tell_kept_textures(canvas: Canvas, kept: np.ndarray) -> None:
    """Tell the canvas how its kept parts move, in place of what was drawn; `kept` (beats, parts).

    Measured over each block's whole kept bars, and told for all of the block: bars that are redone
    between kept ones move as those do.
    """
    edges = canvas.edges()
    beat_in_bar = np.concatenate([np.arange(b - a) for a, b in pairwise(edges)])
    for first in range(0, len(canvas.bar_starts), TEXTURE_BARS):
        bars = range(first, min(first + TEXTURE_BARS, len(canvas.bar_starts)))
        block = np.arange(edges[bars[0]], edges[bars[-1] + 1])
        for part in range(len(PARTS)):
            whole = [
                np.arange(edges[bar], edges[bar + 1])
                for bar in bars
                if edges[bar + 1] - edges[bar] == BEATS_PER_BAR
                and kept[edges[bar] : edges[bar + 1], part].all()
            ]
            if whole:
                texture = measure_texture(canvas.cells[np.concatenate(whole)], [part])
                told = texture_columns(texture[None], 0 * block, beat_in_bar[block])
                columns = part * COLUMNS_PER_PART + np.arange(COLUMNS_PER_PART)
                canvas.conditions[block[:, None], TEXTURE_COLUMNS.start + columns] = told[
                    :, columns
                ]


def _agrees(key: str, beat: int, stay: dict[str, list[Note]]) -> bool:
    """Whether the kept notes that sound at a beat belong to the key's tonic chord."""
    triad = MAJOR_TRIAD if key_is_major(key) else MINOR_TRIAD
    chord = {(key_tonic(key) + tone) % 12 for tone in triad}
    return all(
        note.pitch % 12 in chord
        for part, notes in stay.items()
        if part != Part.DRUMS
        for note in notes
        if note.onset - HALF_STEP <= beat < note.onset + note.duration - HALF_STEP
    )


def redo_bounds(canvas: Canvas) -> list[tuple[int, int]]:
    """First and end beat of every window that writes what is to be made of a canvas.

    A window has at most `WINDOW_BARS` bars. It begins `CONTEXT_BARS` before the first bar that is
    not made yet; the last one of a run of bars also holds as many given bars behind it, and where
    there is room left, more on both sides.
    """
    edges = canvas.edges()
    num_bars = len(canvas.bar_starts)
    to_make = (canvas.states == TO_MAKE).any(1)
    bars = [bar for bar in range(num_bars) if to_make[edges[bar] : edges[bar + 1]].any()]
    runs = _runs(bars)
    ends_of_context = [*(first for first, _ in runs), num_bars][1:]
    bounds = []
    for (first, last), behind in zip(runs, ends_of_context, strict=True):
        while True:
            length = last + 1 - first
            before = min(CONTEXT_BARS, first)
            after = min(CONTEXT_BARS, behind - last - 1)
            if before + length + after <= WINDOW_BARS:
                break
            # The last window keeps room for what stands behind, and bars enough to lead there.
            rest = min(WINDOW_BARS - CONTEXT_BARS - after, length // 2)
            made = min(WINDOW_BARS - before, length - rest)
            bounds.append((edges[first - before], edges[first + made]))
            first += made
        room = WINDOW_BARS - length
        before = min(first, max(before, room // 2, room - (behind - last - 1)))
        after = min(behind - last - 1, room - before)
        bounds.append((edges[first - before], edges[last + 1 + after]))
    return bounds


def fit_beside(part: str, new: Sequence[Note], stay: Sequence[Note]) -> list[Note]:
    """New notes that do not collide with the kept notes of their part.

    Of one pitch no two notes sound at once. In melody, counter and bass, of one voice, a new note
    also waits until a kept one that rings into it has ended, an overlap of half a step as in
    legato set aside, and ends where the next kept one starts. What is left of a note is kept from
    half a step on.
    """
    rivals: dict[int, list[Note]] = defaultdict(list)  # by pitch, or of all pitches
    for other in sorted(stay):
        rivals[0 if part in ONE_VOICE_PARTS else other.pitch].append(other)
    fitted = []
    for note in new:
        start, end = note.onset, note.onset + note.duration
        for other in rivals[0 if part in ONE_VOICE_PARTS else note.pitch]:
            is_same = other.pitch == note.pitch
            other_end = other.onset + other.duration
            if other_end <= start or other.onset >= end:
                continue
            if other.onset > start:
                end = other.onset
            elif other_end - start > HALF_STEP:
                start = math.ceil(other_end * STEPS_PER_BEAT) / STEPS_PER_BEAT
            elif is_same:
                start = other_end
        if end - start >= HALF_STEP:
            fitted.append(replace(note, onset=start, duration=end - start))
    return fitted
