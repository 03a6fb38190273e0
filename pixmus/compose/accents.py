"""Accents: the music acknowledges placed hit points with the notes that it has.

Conventions: positions are beats, velocities 1..127. Pitches never change; melody and counter stay
one voice; no two notes of one pitch overlap in a part.

At each accented hit point, in this order and only as far as needed:

1. *Raise* the onsets already there, in all parts, until they outweigh most other onsets.
2. *Move* the nearest onset of a part (never of drums) to it, by at most `MAX_MOVE_BEATS`.
3. *Re-strike* a pitch that sounds in bass or harmony, or *add* one stroke where drums play anyway;
   new notes are at most `MAX_NEW_SHARE` of the take.

A last chord that rings into a hit point is struck again whole, bass and harmony.

An accent is complete when two parts start together, one of them bass, harmony or drums, and could
outweigh most other onsets when raised; new notes are spent only where a single note or nothing of
bass, harmony and drums starts. The notes just before and after an accent are struck a little
softer, so that it stands out.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from pixmus.compose.draft import Region
from pixmus.ensembles import CRASH, KICK, ONE_VOICE_PARTS, SNARE, Part
from pixmus.keys import key_is_major, key_tonic
from pixmus.score.notes import TICKS_PER_BEAT, Note, Score
from pixmus.score.spans import PlacedHit

MIN_DISTANCE_S = 0.6  # accents stand at least so far apart
MAX_MOVE_BEATS = 0.5
NEAR_MOVE_BEATS = 0.25  # an accent that has an onset already gets another only from so near
MAX_NEW_SHARE = 0.01  # of a take's notes, or one note
MIN_NOTE_BEATS = 0.2  # no change leaves a note shorter than this
RAISE_RANGE = (12, 56)  # velocity
OUTWEIGH = 1.25  # an accent against the onset stronger than four in five others
EASE = 0.85  # factor on velocities beside an accent
EASE_BEATS = 0.5  # how far before and after
MIN_EASED_VELOCITY = 20
STRUCK_VELOCITY = 100  # of a re-struck note or a stroke at strength 0; 20 more at 1

GROUND_PARTS = (Part.BASS, Part.HARMONY, Part.DRUMS)  # heard as an attack in the mix
MOVED_PARTS = (
    Part.BASS,
    Part.HARMONY,
    Part.MELODY,
    Part.COUNTER,
    Part.PAD,
)  # in the order of trying
EPSILON_BEATS = 1e-6


@dataclass(frozen=True)
class AccentReport:
    """What the accents changed: hit points placed and accented, notes changed in each way."""

    placed: int
    accented: int  # placed hit points that got an accent with an onset on it
    raised: int  # notes struck harder
    eased: int  # notes struck softer beside an accent
    moved: int
    restruck: int  # new notes: a sounding pitch struck again
    added: int  # new notes: drum strokes
    beats: tuple[float, ...]  # where the accents are

    def to_dict(self) -> dict[str, Any]:
        """The report for `take.json`."""
        return {**asdict(self), "beats": list(self.beats)}


def accent(
    score: Score,
    placed: Sequence[PlacedHit],
    key: str | None = None,
    last_chords: Sequence[float] = (),
    region: Region | None = None,
    rings: Sequence[tuple[float, float]] = (),
) -> tuple[Score, AccentReport]:
    """The score with an accent on the placed hit points, and what that changed.

    Accents stand at least `MIN_DISTANCE_S` apart: in a fast run the first and the strongest hit
    point get one, and others as far as there is room. `key` decides which sounding pitch is struck
    again (one of the scale before one beside it); default: the score's. What starts on the beats
    `last_chords` stays there; inside `rings`, first and last beat of last chords, the whole chord
    is struck again. With a `region` only its notes may change; the rest is a kept score.
    """
    hits = [hit for hit in choose_accents(placed) if region is None or region.covers(hit.beat)]
    kept = {hit.beat for hit in placed} | set(last_chords)
    editor = _Editor(score, kept, key or score.key, region)
    ringing = {hit.beat for hit in hits if any(a < hit.beat < b for a, b in rings)}
    for hit in hits:
        if hit.beat in ringing:
            editor.strike_again(hit.beat)
        else:
            editor.move_onsets(hit.beat)
    # New notes are few: they go first where nothing starts, then to the strongest hit points.
    for hit in sorted(hits, key=lambda hit: (editor.readiness(hit.beat), -hit.strength)):
        if hit.beat not in ringing:
            editor.strike(hit)
    accented = [hit for hit in hits if editor.onsets_at(hit.beat)]
    editor.raise_onsets(accented)
    editor.ease_beside(accented)
    report = AccentReport(
        placed=len(placed),
        accented=len(accented),
        raised=editor.num_raised,
        eased=editor.num_eased,
        moved=editor.num_moved,
        restruck=editor.num_restruck,
        added=editor.num_added,
        beats=tuple(hit.beat for hit in accented),
    )
    parts = {part: tuple(sorted(notes)) for part, notes in editor.parts.items()}
    return replace(score, parts=parts), report


def choose_accents(placed: Sequence[PlacedHit]) -> list[PlacedHit]:
    """The hit points that get an accent: first and strongest of every run, then as many as fit.

    A run is a row of hit points each less than `MIN_DISTANCE_S` after the one before. Dynamic
    programming over the hit points; where the first and the strongest are too close to each other
    the stronger choice wins.
    """
    hits = sorted(placed, key=lambda hit: hit.time)
    if not hits:
        return []
    times = [hit.time for hit in hits]
    worth = [0.5 + 0.5 * hit.strength for hit in hits]
    begin = 0
    for end in range(1, len(hits) + 1):
        if end == len(hits) or times[end] - times[end - 1] >= MIN_DISTANCE_S:
            run = range(begin, end)
            needed = {begin, max(run, key=lambda index: hits[index].strength)}
            for index in needed:
                worth[index] += len(hits)
            begin = end
    best = [0.0] * (len(hits) + 1)
    before = [
        bisect_left(times, time - MIN_DISTANCE_S + 1e-9, 0, i) for i, time in enumerate(times)
    ]
    for index in range(len(hits)):
        best[index + 1] = max(best[index], best[before[index]] + worth[index])
    chosen = []
    index = len(hits)
    while index > 0:
        if best[index] == best[index - 1]:
            index -= 1
        else:
            chosen.append(hits[index - 1])
            index = before[index - 1]
    return chosen[::-1]


def stressed_hits(
    placed: Sequence[PlacedHit], report: AccentReport, region: Region
) -> list[PlacedHit]:
    """The placed hit points that have an accent: the report's, and the kept score's around them.

    What was accented when the kept score was made is not in the report.
    """
    chosen = choose_accents(placed)
    return [
        hit
        for hit in placed
        if hit.beat in report.beats or (hit in chosen and not region.covers(hit.beat))
    ]


class _Editor:
    """The notes of a score while they are changed, and counts of the changes."""

    def __init__(
        self, score: Score, hit_beats: set[float], key: str, region: Region | None = None
    ) -> None:
        self.region = region
        self.parts = {part: list(notes) for part, notes in score.parts.items()}
        self.hit_ticks = {_tick(beat) for beat in hit_beats}
        self.starts = {part: _index(notes) for part, notes in self.parts.items()}
        steps = (0, 2, 4, 5, 7, 9, 11) if key_is_major(key) else (0, 2, 3, 5, 7, 8, 10)
        self.scale = {(key_tonic(key) + step) % 12 for step in steps}
        num_notes = sum(
            self.may_change(part, note) for part, notes in self.parts.items() for note in notes
        )
        self.num_new_left = max(1, int(MAX_NEW_SHARE * num_notes)) if num_notes else 0
        self.usual = self._usual_weight()
        self.num_raised = self.num_eased = self.num_moved = 0
        self.num_restruck = self.num_added = 0

    # ------------------------------------------------------------------------- looking

    def _usual_weight(self) -> float:
        """The weight that four in five onsets away from the hit points stay below."""
        weights: dict[int, float] = defaultdict(float)
        for part, notes in self.parts.items():
            for note in notes:
                if _tick(note.onset) not in self.hit_ticks:
                    weights[_tick(note.onset)] += _weight(part, note.velocity)
        return float(np.quantile(list(weights.values()), 0.8)) if weights else 0.0

    def may_change(self, part: str, note: Note) -> bool:
        """Whether a note is not one of a kept score."""
        return self.region is None or self.region.holds(part, note.onset)

    def onsets_at(self, beat: float) -> dict[str, list[int]]:
        """Indices of the notes that start at a beat, by part."""
        tick = _tick(beat)
        return {part: index[tick] for part, index in self.starts.items() if tick in index}

    def replace_notes(self, part: str, notes: list[Note]) -> None:
        """Give a part other notes."""
        self.parts[part] = notes
        self.starts[part] = _index(notes)

    def readiness(self, beat: float) -> int:
        """How far an accent is: 0 nothing starts here; 1 no ground; 2 one note of it alone; 3
        several notes, though too light or in one part only; 4 complete.
        """
        present = self.onsets_at(beat)
        if not present:
            return 0
        if not any(part in present for part in GROUND_PARTS):
            return 1
        if sum(map(len, present.values())) == 1:
            return 2
        is_heavy = self.weight(present, RAISE_RANGE[1]) >= OUTWEIGH * self.usual
        return 4 if len(present) >= 2 and is_heavy else 3

    def weight(self, present: dict[str, list[int]], lift: int) -> float:
        """How strong the onsets with these indices are heard with velocities raised by `lift`."""
        return sum(
            _weight(part, min(127, self.parts[part][index].velocity + lift))
            for part, indices in present.items()
            for index in indices
        )

    # ------------------------------------------------------------------------- moving

    def move_onsets(self, beat: float) -> None:
        """Move the nearest onsets to a beat, part by part, until the accent is done."""
        for part in MOVED_PARTS:
            readiness = self.readiness(beat)
            if readiness == 4:
                return
            if part not in self.parts or _tick(beat) in self.starts[part]:
                continue
            self._move_nearest(part, beat, NEAR_MOVE_BEATS if readiness == 3 else MAX_MOVE_BEATS)

    def _move_nearest(self, part: str, beat: float, reach: float) -> None:
        notes = self.parts[part]
        near = {n.onset for n in notes if abs(n.onset - beat) <= reach + EPSILON_BEATS}
        # Of two equally near ones the later moves: it comes early instead of leaving a hole.
        onset = min(near, key=lambda onset: (abs(onset - beat), -onset), default=None)
        if onset is None or _tick(onset) in self.hit_ticks:
            return
        group = [note for note in notes if _same(note.onset, onset)]
        others = [note for note in notes if not _same(note.onset, onset)]
        changed = (
            _pull_forward(group, others, beat)
            if onset > beat
            else _push_back(group, others, beat, part in ONE_VOICE_PARTS)
        )
        if changed is None:
            return
        there = set(changed)
        if all(note in there or self.may_change(part, note) for note in notes):
            self.replace_notes(part, changed)
            self.num_moved += len(group)

    # ------------------------------------------------------------------------- striking

    def strike(self, hit: PlacedHit) -> None:
        """Spend new notes on an accent: a drum stroke, or pitches struck again."""
        velocity = round(STRUCK_VELOCITY + 20 * hit.strength)
        if self.readiness(hit.beat) < 4 and self._plays_drums(hit.beat):
            self._add_stroke(hit, velocity)
        for part in (Part.BASS, Part.HARMONY):
            if self.readiness(hit.beat) < 3:
                self._restrike(part, hit.beat, velocity)

    def _plays_drums(self, beat: float) -> bool:
        return any(abs(note.onset - beat) <= 4 for note in self.parts.get(Part.DRUMS, ()))

    def _add_stroke(self, hit: PlacedHit, velocity: int) -> None:
        notes = self.parts[Part.DRUMS]
        if self.num_new_left == 0 or _tick(hit.beat) in self.starts[Part.DRUMS]:
            return
        if self.region is not None and not self.region.holds(Part.DRUMS, hit.beat):
            return
        is_strong = hit.strength >= 0.8
        pitch = CRASH if is_strong else SNARE if hit.beat % 2 == 1 else KICK
        if any(note.pitch == pitch and _sounds_at(note, hit.beat) for note in notes):
            return
        following = [n.onset for n in notes if n.pitch == pitch and n.onset > hit.beat]
        duration = min([0.25, *(onset - hit.beat for onset in following)])
        self.replace_notes(Part.DRUMS, [*notes, Note(hit.beat, pitch, duration, velocity)])
        self.num_added += 1
        self.num_new_left -= 1

    def strike_again(self, beat: float) -> None:
        """Strike a chord that rings again whole: its bass and harmony, or else its melody."""
        ground = [part for part in (Part.BASS, Part.HARMONY) if self._ringing(part, beat)]
        for part in ground or [Part.MELODY]:
            for note in self._ringing(part, beat):
                self._split(part, note, beat, note.velocity)

    def _ringing(self, part: str, beat: float) -> list[Note]:
        """The notes of a part that sound well before a beat and well after it."""
        return [
            note
            for note in self.parts.get(part, [])
            if beat - note.onset >= MIN_NOTE_BEATS
            and note.onset + note.duration - beat >= MIN_NOTE_BEATS
            and self.may_change(part, note)
        ]

    def _restrike(self, part: str, beat: float, velocity: int) -> None:
        sounding = self._ringing(part, beat)
        if not sounding or self.num_new_left == 0:
            return
        # The lowest of the bass, the highest of the harmony, of the scale if there is one.
        sign = 1 if part == Part.BASS else -1
        note = min(sounding, key=lambda n: (n.pitch % 12 not in self.scale, sign * n.pitch))
        self._split(part, note, beat, velocity)
        self.num_new_left -= 1

    def _split(self, part: str, note: Note, beat: float, velocity: int) -> None:
        """Strike a note again at a beat on which it sounds."""
        end = note.onset + note.duration
        halves = [
            replace(note, duration=beat - note.onset),
            replace(note, onset=beat, duration=end - beat, velocity=velocity),
        ]
        others = [other for other in self.parts[part] if other is not note]
        self.replace_notes(part, others + halves)
        self.num_restruck += 1

    # ------------------------------------------------------------------------- loudness

    def raise_onsets(self, hits: Sequence[PlacedHit]) -> None:
        """Raise the velocities on the accents until each outweighs four in five other onsets."""
        for hit in hits:
            present = self.onsets_at(hit.beat)
            low, high = RAISE_RANGE
            for lift in range(round(low * (0.5 + hit.strength / 2)), high + 1):
                if self.weight(present, lift) >= OUTWEIGH * self.usual:
                    break
            for part, indices in present.items():
                for index in indices:
                    note = self.parts[part][index]
                    raised = min(127, note.velocity + lift)
                    if raised > note.velocity and self.may_change(part, note):
                        self.parts[part][index] = replace(note, velocity=raised)
                        self.num_raised += 1

    def ease_beside(self, hits: Sequence[PlacedHit]) -> None:
        """Soften the onsets just before and after each accent, other hit points excepted."""
        beats = np.array([-np.inf, *sorted(hit.beat for hit in hits), np.inf])
        for part, notes in self.parts.items():
            for index, note in enumerate(notes):
                if not self.may_change(part, note):
                    continue
                behind = int(np.searchsorted(beats, note.onset))
                distance = min(note.onset - beats[behind - 1], beats[behind] - note.onset)
                is_hit = _tick(note.onset) in self.hit_ticks
                if is_hit or distance > EASE_BEATS + EPSILON_BEATS:
                    continue
                eased = max(MIN_EASED_VELOCITY, round(EASE * note.velocity))
                if eased < note.velocity:
                    notes[index] = replace(note, velocity=eased)
                    self.num_eased += 1


def _tick(beat: float) -> int:
    """A beat as a whole number, so that equal positions compare equal."""
    return round(beat * TICKS_PER_BEAT)


def _index(notes: Sequence[Note]) -> dict[int, list[int]]:
    """Indices of the notes that start at each tick."""
    starts: dict[int, list[int]] = defaultdict(list)
    for index, note in enumerate(notes):
        starts[_tick(note.onset)].append(index)
    return dict(starts)


def _same(beat: float, other: float) -> bool:
    return abs(beat - other) < EPSILON_BEATS


def _sounds_at(note: Note, beat: float) -> bool:
    is_started = note.onset <= beat + EPSILON_BEATS
    return is_started and note.onset + note.duration > beat + EPSILON_BEATS


def _weight(part: str, velocity: int) -> float:
    """About how strong an onset is heard; loudness grows with the square of velocity in GM."""
    return Part(part).onset_weight * (velocity / 127) ** 2


def _pull_forward(group: list[Note], others: list[Note], beat: float) -> list[Note] | None:
    """The notes with a group starting earlier, at `beat`; those before it stop there."""
    onset = group[0].onset
    changed = []
    for note in others:
        end = note.onset + note.duration
        is_before = note.onset < beat and beat < end <= onset + EPSILON_BEATS
        if is_before:
            if beat - note.onset < MIN_NOTE_BEATS:
                return None
            note = replace(note, duration=beat - note.onset)
        changed.append(note)
    return changed + [
        replace(note, onset=beat, duration=note.onset + note.duration - beat) for note in group
    ]


def _push_back(
    group: list[Note], others: list[Note], beat: float, is_one_voice: bool
) -> list[Note] | None:
    """The notes with a group starting later, at `beat`; a single voice holds the note before."""
    onset = group[0].onset
    following = min((note.onset for note in others if note.onset > beat), default=np.inf)
    moved = []
    for note in group:
        end = note.onset + note.duration
        if end < beat + MIN_NOTE_BEATS:
            end = min(beat + note.duration, following)
        if end - beat < MIN_NOTE_BEATS:
            return None
        moved.append(replace(note, onset=beat, duration=end - beat))
    changed = []
    for note in others:
        if is_one_voice and _same(note.onset + note.duration, onset):
            note = replace(note, duration=beat - note.onset)
        changed.append(note)
    return changed + moved
