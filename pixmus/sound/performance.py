"""`PlayedNote`: how a score is played: a few ms off the grid, low chords open, attacks in time.

Conventions: times are seconds, onsets and durations beats, pitches MIDI numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pixmus.ensembles import (
    DRUM_BANK,
    FAST_ATTACK_S,
    LARGEST_ADVANCE_S,
    PARTS,
    Ensemble,
    Part,
    Voice,
)
from pixmus.score.notes import Note, Score
from pixmus.sound.measurement import Measurement
from pixmus.sound.synth import DRUM_CHANNEL, Event, Sound
from pixmus.waveform import SAMPLE_RATE

HIT_TOLERANCE_S = 0.020
SOUNDING_S = 0.05  # a note that ends this soon after another starts does not belong to its chord
LAST_CHORD_S = 4.0  # what sounds at the last onset is held to the cue's end if that is this close

ROLLED_NOTES = 3
LONGEST_ROLL_S = 0.060  # of a chord

TIED_S = 0.05  # a note of a line that ends this near to the next one's start is bound to it
QUICK_S = 0.25  # what is shorter is detached
DETACHED_SHARE = 0.75  # of a quick note's length

LOW_LIMIT = 48  # C3: below it thirds and seconds growl
CLOSE_INTERVAL = 4  # semitones
LOWEST_PITCH = 28
SHARED_BEATS = 0.0625  # notes that overlap less than this do not sound together

# Deviation from the grid (ms) at equally spaced quantiles, for each sixteenth of the beat: 372,448
# onsets of Groove (Gillick et al. 2019), scaled to 8 ms where drummers reach about 35 ms. Made by
# `python -m pixmus.training.groove_timing ../shared/data/music/groove`.
MICRO_TIMING_MS = (
    (-6.8, -4.4, -2.9, -1.8, -0.8, 0.2, 1.2, 2.3, 3.7, 6.1),
    (-7.0, -4.1, -2.3, -0.9, 0.3, 1.5, 2.7, 4.1, 5.7, 8.0),
    (-7.2, -4.8, -3.4, -2.2, -1.1, -0.0, 0.9, 2.1, 3.5, 6.3),
    (-7.5, -4.8, -3.1, -1.7, -0.5, 0.7, 1.9, 3.2, 5.0, 7.6),
)


def open_low_chords(parts: Mapping[str, Sequence[Note]]) -> dict[str, tuple[Note, ...]]:
    """The parts without thirds or seconds whose lower note is below C3.

    The melody keeps its notes: what sounds too close to one of them ends where it starts. Any other
    note that is too close to one that sounds moves by an octave, or is dropped where no octave
    fits. A line that merely overlaps itself is cut short instead. Drums stay as they are.
    """
    rank: dict[str, int] = {
        part: index
        for index, part in enumerate((Part.MELODY, Part.BASS, Part.COUNTER, Part.HARMONY, Part.PAD))
    }
    kept: dict[str, list[Note]] = {part: [] for part in parts}
    low: list[tuple[Note, str]] = []  # notes below C3 plus a third that may still sound
    pitched = [(note, part) for part, notes in parts.items() if part in rank for note in notes]
    pitched.sort(key=lambda item: (item[0].onset, rank[item[1]], item[0].pitch))
    for note, part in pitched:
        low = [item for item in low if end_of(item[0]) > note.onset + SHARED_BEATS]
        if note.pitch >= LOW_LIMIT + CLOSE_INTERVAL:
            kept[part].append(note)
            continue
        for index, (other, other_part) in enumerate(low):
            if part == other_part and other.onset < note.onset and _clash(note, other):
                shorter = replace(other, duration=note.onset - other.onset)
                kept[part][kept[part].index(other)] = shorter
                low[index] = (shorter, part)
        low = [item for item in low if end_of(item[0]) > note.onset + SHARED_BEATS]
        sounding = [other for other, _ in low]
        octaves = (
            (0,) if part == Part.MELODY else (0, -12, 12) if part == Part.BASS else (0, 12, 24)
        )
        for octave in octaves:
            moved = replace(note, pitch=note.pitch + octave)
            if moved.pitch >= LOWEST_PITCH and not any(_clash(moved, other) for other in sounding):
                if octave and any(
                    n.pitch == moved.pitch and end_of(n) > note.onset for n in kept[part][-12:]
                ):
                    break  # the part plays that pitch already
                kept[part].append(moved)
                low.append((moved, part))
                break
        else:
            if part == Part.MELODY:  # the line is kept, what lies too close to it is not
                for other, other_part in [item for item in low if _clash(note, item[0])]:
                    shorter = replace(other, duration=note.onset - other.onset)
                    place = kept[other_part].index(other)
                    kept[other_part][place : place + 1] = [shorter] if shorter.duration > 0 else []
                    low.remove((other, other_part))
                kept[part].append(note)
                low.append((note, part))
    return {
        part: tuple(sorted(kept[part])) if part in rank else tuple(notes)
        for part, notes in parts.items()
    }


def end_of(note: Note) -> float:
    return note.onset + note.duration


def _clash(note: Note, other: Note) -> bool:
    interval = abs(note.pitch - other.pitch)
    return 0 < interval <= CLOSE_INTERVAL and min(note.pitch, other.pitch) < LOW_LIMIT


class Timed(Protocol):
    """Anything that happens at a time: a hit point or a placed hit."""

    @property
    def time(self) -> float: ...


class Instruments(Protocol):
    """What a performance has to know of the instruments that play it."""

    def sound_of(self, voice: Voice) -> Sound:
        """The programme that plays a voice."""

    def measure(self, sound: Sound, pitch: int | None = None) -> Measurement:
        """Attack and loudness of a programme, or of one drum of a kit."""


@dataclass(frozen=True)
class PlayedNote:
    """A note in seconds, before its attack is moved forward."""

    start: float
    end: float
    pitch: int
    velocity: int
    hit: int  # index of the hit point on which it falls, or -1


def play_notes(
    notes: Sequence[Note],
    score: Score,
    part: str,
    final_chords: Sequence[tuple[float, float]],
    hit_times: NDArray[np.float64],
    seed: int,
    roll_s: float = 0.0,
    strength: float = 1.0,
    tie_s: float = 0.0,
) -> list[PlayedNote]:
    """The notes in seconds: a few ms off the grid except on hits, the last chord held to the end.

    Every note of a part that starts together is moved together, and chords of three notes and more
    are rolled from below, each note `roll_s` after the last, last chords twice as slowly; on a hit
    all is struck at once. Lines of held instruments are `articulated` with `tie_s`. `strength`
    scales all of it, down to 0, where notes are as written.
    """
    generator = np.random.default_rng((seed, PARTS.index(part)))
    quantiles = np.linspace(0.0, 1.0, len(MICRO_TIMING_MS[0]))
    starts = score.tempo_map.to_seconds(np.array([note.onset for note in notes]))
    ends = score.tempo_map.to_seconds(np.array([end_of(note) for note in notes]))
    moves: dict[float, float] = {}
    chords: dict[float, list[int]] = {}
    for note in sorted(notes, key=lambda note: note.pitch):
        chords.setdefault(note.onset, []).append(note.pitch)
    played = []
    for note, start, end in zip(notes, starts.tolist(), ends.tolist(), strict=True):
        near = np.flatnonzero(np.abs(hit_times - start) <= HIT_TOLERANCE_S)
        hit = int(near[0]) if len(near) else -1
        if note.onset not in moves:
            table = MICRO_TIMING_MS[round(note.onset * 4) % 4]
            moves[note.onset] = float(np.interp(generator.random(), quantiles, table)) / 1000.0
        is_last = False
        for last, cue_end in final_chords if part != Part.DRUMS else ():
            if last - 1e-6 <= start < cue_end or start < last < end - SOUNDING_S:
                is_last, end = True, end + strength * max(0.0, cue_end - end)
        move = 0.0 if hit >= 0 or is_last or note.onset == 0.0 else moves[note.onset]
        chord = chords[note.onset]
        if hit < 0 and len(chord) >= ROLLED_NOTES:
            move += min(chord.index(note.pitch) * roll_s * (1 + is_last), LONGEST_ROLL_S)
        played.append(
            PlayedNote(max(start + strength * move, 0.0), end, note.pitch, note.velocity, hit)
        )
    return articulated(played, tie_s, strength) if tie_s and Part(part).has_one_voice else played


def articulated(
    line: Sequence[PlayedNote], tie_s: float, strength: float = 1.0
) -> list[PlayedNote]:
    """The notes of a line, bound or detached where one follows at once.

    Notes of a quarter of a second and more sound `tie_s` into the next one, but not into a hit;
    shorter ones are let go after three quarters of their length, so that a run can be heard.
    """
    order = sorted(line, key=lambda note: note.start)
    played = []
    for note, following in zip(order, [*order[1:], None], strict=True):
        if following is None or abs(following.start - note.end) > TIED_S:
            played.append(note)
            continue
        length = note.end - note.start
        end = note.end
        if length < QUICK_S:
            end -= strength * (1.0 - DETACHED_SHARE) * length
        elif following.hit < 0:
            end += strength * tie_s
        played.append(replace(note, end=end))
    return played


def final_chords(
    parts: Mapping[str, Sequence[Note]], score: Score, cues: Sequence[tuple[float, float]]
) -> list[tuple[float, float]]:
    """Last onset and end of each cue whose last onset is close enough to its end to be held."""
    onsets = sorted({n.onset for part, notes in parts.items() if part != Part.DRUMS for n in notes})
    starts = score.tempo_map.to_seconds(np.array(onsets))
    found = []
    for start, end in cues:
        inside = starts[(starts >= start - 1e-6) & (starts < end)]
        if len(inside) and end - float(inside[-1]) <= LAST_CHORD_S:
            found.append((float(inside[-1]), end))
    return found


def parts_to_double(
    played: Mapping[str, Sequence[PlayedNote]], players: Ensemble, instruments: Instruments
) -> dict[str, list[PlayedNote]]:
    """Notes on hit points that need a harp's attack, as no part with a fast one plays there."""
    fast: set[int] = set()
    slow: dict[int, dict[str, list[PlayedNote]]] = {}
    for part, notes in played.items():
        sound = instruments.sound_of(players.voice(part))
        for note in (note for note in notes if note.hit >= 0):
            attack = 0.0 if part == Part.DRUMS else instruments.measure(sound).attack(note.pitch)
            if attack < FAST_ATTACK_S:
                fast.add(note.hit)
            else:
                slow.setdefault(note.hit, {}).setdefault(part, []).append(note)
    doubled: dict[str, list[PlayedNote]] = {}
    for hit, parts in slow.items():
        if hit not in fast:
            part = next(
                p
                for p in (Part.HARMONY, Part.BASS, Part.MELODY, Part.COUNTER, Part.PAD)
                if p in parts
            )
            doubled.setdefault(part, []).extend(parts[part])
    return doubled


def events_of(notes: Sequence[PlayedNote], sound: Sound, instruments: Instruments) -> list[Event]:
    """Starts and ends of notes, each start earlier by the programme's attack at its pitch."""
    is_drums = sound.bank == DRUM_BANK
    channel = DRUM_CHANNEL if is_drums else 0
    attacks = {
        pitch: min(instruments.measure(sound, pitch if is_drums else None).attack(pitch),
                   LARGEST_ADVANCE_S)
        for pitch in {note.pitch for note in notes}
    }  # fmt: skip
    by_pitch: dict[int, list[tuple[int, int, int]]] = {}
    for note in notes:
        start = round(max(note.start - attacks[note.pitch], 0.0) * SAMPLE_RATE)
        stop = max(round(note.end * SAMPLE_RATE), start + 1)
        by_pitch.setdefault(note.pitch, []).append((start, stop, note.velocity))
    events = []
    for pitch, spans in by_pitch.items():
        spans.sort()
        starts = [span[0] for span in spans[1:]] + [max(span[1] for span in spans)]
        for (start, stop, velocity), following in zip(spans, starts, strict=True):
            if start == following and velocity:  # the same key twice at once
                continue
            events.append(Event(start, velocity, channel, pitch))
            events.append(Event(min(stop, following), 0, channel, pitch))
    events.sort()  # at one sample ends come before starts
    return events
