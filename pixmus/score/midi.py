"""MIDI files of scores, written and read back.

Conventions: tick 0 is picture time 0; beats count from the first downbeat.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pixmus.ensembles import PARTS, Part
from pixmus.errors import PixMusError
from pixmus.keys import KEYS
from pixmus.picture.timecode import WRITTEN, Counting
from pixmus.score.grid import BEATS_PER_BAR
from pixmus.score.midi_events import MOST_BEATS_A_BAR, MidiEvents, read_midi_events
from pixmus.score.midi_parts import DRUM_CHANNEL, Player, parts_of_players
from pixmus.score.notes import TICKS_PER_BEAT, Note, Score
from pixmus.score.tempo import TempoMap

if TYPE_CHECKING:
    import mido


MAX_TICKS_PER_BEAT = 32767  # what the file's head can hold


# Tempo events carry whole microseconds; the rounding is spread so that it never adds up.
MICROSECONDS = 1_000_000
LONGEST_BEAT_S = 16.0  # what a tempo event can hold, nearly
LONGEST_SCORE_S = 7200.0  # of a file from outside
MOST_NAMED, LONGEST_NAME = 5, 40  # tracks that a sentence names, and characters of each
# The marker at beat 0 of a file with a pickup: where beats count from when it is read back.
PICKUP_END = "first downbeat"
CHORD_MARKER = "chord "  # before a chord's name; read back, such a marker is none of the film's


def pickup_beats(tempo_map: TempoMap) -> int:
    """Beats that the MIDI file holds before beat 0, so that tick 0 is picture time 0."""
    offset = float(tempo_map.beat_times[0])
    if offset <= 0:
        return 0
    beat_length = float(tempo_map.beat_times[1] - tempo_map.beat_times[0])
    return max(1, round(offset / beat_length), math.ceil(offset / LONGEST_BEAT_S))


def pickup_bars(pickup: int) -> list[tuple[int, int]]:
    """Start and length of the bars that hold so many beats of pickup, in beats from tick 0.

    One bar, or, where a time signature cannot say so many, usual ones behind one of the rest.
    """
    if pickup <= MOST_BEATS_A_BAR:
        return [(0, pickup)] if pickup else []
    rest = pickup % BEATS_PER_BAR
    usual = [(start, BEATS_PER_BAR) for start in range(rest, pickup, BEATS_PER_BAR)]
    return [(0, rest), *usual] if rest else usual


def write_midi(
    score: Score,
    path: Path | str,
    programs: dict[str, int] | None = None,
    shown: tuple[Counting, int] | None = None,
) -> None:
    """Write a format-1 MIDI file whose tick 0 is picture time 0 and whose tempo events are the map.

    A gap before beat 0 becomes a pickup bar of whole beats. `programs` names the General MIDI
    programme of each part, `shown` how the clip counts frames and the number of its first, which
    the SMPTE offset says. The plan's chords are markers of the conductor's track.
    """
    import mido

    ticks_per_beat = score.ticks_per_beat
    tempo_map = score.tempo_map
    pickup = pickup_beats(tempo_map)
    before = np.linspace(0.0, tempo_map.beat_times[0], pickup + 1)[:-1]
    times = np.concatenate([before, tempo_map.beat_times]) * MICROSECONDS
    conductor: list[tuple[int, int, mido.MetaMessage]] = []
    if shown is not None and (offset := _smpte_offset(*shown)):
        conductor.append((0, 0, mido.MetaMessage("smpte_offset", **offset)))

    lengths = np.diff(np.round(times)).astype(int)
    for beat, length in enumerate(lengths):
        if beat == 0 or length != lengths[beat - 1]:
            message = mido.MetaMessage("set_tempo", tempo=int(length))
            conductor.append((beat * ticks_per_beat, 1, message))
    metre = None
    bars = pickup_bars(pickup)
    bars += [
        (start + pickup, length)
        for start, length in zip(tempo_map.bar_starts, tempo_map.bar_lengths, strict=True)
    ]
    for start, length in bars:
        if length != metre:
            signature = mido.MetaMessage("time_signature", numerator=int(length), denominator=4)
            conductor.append((start * ticks_per_beat, 0, signature))
            metre = length
    if pickup:
        start_marker = mido.MetaMessage("marker", text=PICKUP_END)
        conductor.append((pickup * ticks_per_beat, 2, start_marker))
    conductor.append((0, 0, mido.MetaMessage("key_signature", key=_MIDI_KEYS[score.key])))
    for time, name in score.markers:
        beat_position = float(tempo_map.to_beats(time)) + pickup
        if time < tempo_map.beat_times[0]:
            beat_position = float(np.interp(time * MICROSECONDS, times, np.arange(len(times))))
        tick = max(0, round(beat_position * ticks_per_beat))
        conductor.append((tick, 2, mido.MetaMessage("marker", text=name)))
    for span in score.plan.chord_spans(tempo_map.num_beats) if score.plan else ():
        text = f"{CHORD_MARKER}{span.chord.name(score.key)}"
        tick = round((span.start + pickup) * ticks_per_beat)
        conductor.append((tick, 3, mido.MetaMessage("marker", text=text)))

    midi = mido.MidiFile(type=1, ticks_per_beat=ticks_per_beat, charset="utf-8")
    midi.tracks.append(_track(conductor, (len(times) - 1) * ticks_per_beat, "PixMus"))
    channels = iter(channel for channel in range(16) if channel != DRUM_CHANNEL)
    for part, notes in score.parts.items():
        channel = DRUM_CHANNEL if part == Part.DRUMS else next(channels)
        program = (programs or {}).get(part, 0)
        events = [(0, 0, mido.Message("program_change", channel=channel, program=program))]
        for note in notes:
            start = round((note.onset + pickup) * ticks_per_beat)
            end = max(start + 1, round((note.onset + note.duration + pickup) * ticks_per_beat))
            strike = {"channel": channel, "note": note.pitch}
            events.append(
                (max(0, start), 2, mido.Message("note_on", velocity=note.velocity, **strike))
            )
            events.append((end, 1, mido.Message("note_off", velocity=0, **strike)))
        midi.tracks.append(_track(events, 0, part))
    midi.save(path)


def is_of_the_film(marker: str) -> bool:
    """Whether a marker of a MIDI file says something of the film, and not of the notes."""
    return marker != PICKUP_END and not marker.startswith(CHORD_MARKER)


def _smpte_offset(counting: Counting, frame: int) -> dict[str, float]:
    """A frame as MIDI says timecode, which has four rates; none for a rate that has no part in one.

    Twice one of them counts every other frame, and half a frame is 50 subframes.
    """
    times = next((n for n in (1, 2) if counting.base / n in (24, 25, 30)), 0)
    found = WRITTEN.fullmatch(counting.spell(frame))
    if not times or found is None:
        return {}
    whole, rest = divmod(int(found[5]), times)
    rate = 29.97 if found[4] == ";" else counting.base // times  # mido's word for drop-frame
    names = ("hours", "minutes", "seconds")
    clock = {name: int(found[place]) for place, name in enumerate(names, start=1)}
    return {"frame_rate": rate, **clock, "frames": whole, "sub_frames": 50 * rest}


def _track(events: list, end_tick: int, name: str) -> mido.MidiTrack:
    """A track of (tick, order, message) events in order, with delta times."""
    import mido

    track = mido.MidiTrack([mido.MetaMessage("track_name", name=name)])
    now = 0
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        track.append(message.copy(time=tick - now))
        now = tick
    track.append(mido.MetaMessage("end_of_track", time=max(0, end_tick - now)))
    return track


# MIDI's names of the keys; cue sheets spell C sharp minor "Db minor".
_MIDI_KEYS = {key: key.split()[0] + ("m" if key.endswith("minor") else "") for key in KEYS}
_MIDI_KEYS |= {"Db minor": "C#m", "Ab minor": "G#m"}


def read_midi(path: Path | str, unnamed_key: str = "C major") -> Score:
    """The score of a MIDI file: one that PixMus wrote, or any whose tracks are named after parts.

    A lone track of another name is the melody, or the drums on the drum channel. Tick 0 is picture
    time 0; the tempo within a beat is levelled, and the last bar filled up. Where the file names no
    key, the score's is `unnamed_key`. What a pedal holds rings as long. PixMusError with one
    sentence for what `read_midi_events` refuses, for other parts, and above `LONGEST_SCORE_S`.
    """
    path = Path(path)
    events = read_midi_events(path)
    ticks = events.ticks_per_beat
    tracks = [_ReadTrack(index, track.name) for index, track in enumerate(events.tracks)]
    for track, found in zip(tracks, events.tracks, strict=True):
        for start, end, channel, pitch, velocity in found.notes:
            track.add(channel, pitch, start, velocity, end, ticks)
    parts = _parts_of(tracks, path.name)
    key = events.keys[-1] if events.keys else unnamed_key
    return _place_on_map(parts, events, key, path.name)


def read_any_midi(path: Path | str) -> tuple[Score, dict[str, int]]:
    """The score of any program's MIDI file, and the General MIDI programme that each part names.

    Parts are found by programme and pitch (see `parts_of_players`); else as `read_midi`.
    """
    path = Path(path)
    events = read_midi_events(path)
    ticks = events.ticks_per_beat
    # What is named on a track of its own holds for all.
    programs: dict[int, int] = {}
    for track in events.tracks:
        for channel, program in track.channel_programs.items():
            programs.setdefault(channel, program)
    players = []
    for track in events.tracks:
        for channel in sorted({note[2] for note in track.notes}):
            notes = tuple(sorted(
                Note(start / ticks, pitch, (end - start) / ticks, velocity)
                for start, end, played_on, pitch, velocity in track.notes if played_on == channel
            ))  # fmt: skip
            program = track.channel_programs.get(channel, programs.get(channel, 0))
            players.append(Player(track.name, channel, program, notes))
    found = parts_of_players(players)
    if not found:
        raise PixMusError(f"{path.name} holds no notes; there is nothing to play.")
    parts = {
        part: tuple(sorted(note for player in those for note in player.notes))
        for part, those in found.items()
    }
    key = events.keys[-1] if events.keys else "C major"
    named = {part: those[0].program for part, those in found.items() if part != Part.DRUMS}
    return _place_on_map(parts, events, key, path.name), named


def _ticks_to_hold(ticks: int) -> int:
    """Ticks a beat in which notes at `ticks` a beat and those of PixMus are both exact."""
    common = math.lcm(TICKS_PER_BEAT, ticks)
    return common if common <= MAX_TICKS_PER_BEAT else max(TICKS_PER_BEAT, ticks)


@dataclass
class _ReadTrack:
    """A MIDI file's track while it is read; onsets count from tick 0."""

    index: int
    name: str
    notes: list[Note] = field(default_factory=list)
    channels: set[int] = field(default_factory=set)

    def add(
        self, channel: int, pitch: int, start: int, velocity: int, end: int, ticks: int
    ) -> None:
        self.notes.append(Note(start / ticks, pitch, (end - start) / ticks, velocity))
        self.channels.add(channel)


def _parts_of(tracks: Sequence[_ReadTrack], file_name: str) -> dict[str, tuple[Note, ...]]:
    """The notes of each part, by the names of the tracks; a lone track needs none."""
    parts: dict[str, list[Note]] = {}
    unknown = []
    with_notes = [track for track in tracks if track.notes]
    for track in tracks:
        part = track.name.strip().lower()
        if part not in PARTS and with_notes == [track] and len(track.channels) == 1:
            part = Part.DRUMS if track.channels == {DRUM_CHANNEL} else Part.MELODY
        if part in PARTS:
            parts.setdefault(part, []).extend(track.notes)
        elif track.notes:
            unknown.append(track)
    if unknown:
        names = ", ".join(
            f"track {track.index} {track.name[:LONGEST_NAME]!r}" for track in unknown[:MOST_NAMED]
        )
        if len(unknown) > MOST_NAMED:
            names += f" and {len(unknown) - MOST_NAMED} more"
        raise PixMusError(
            f"{file_name}: no part is called like {names}; name each track after a part "
            f"({', '.join(PARTS)}), or leave the melody's track alone in the file."
        )
    return {part: tuple(sorted(notes)) for part, notes in parts.items()}


def _place_on_map(
    parts: dict[str, tuple[Note, ...]], events: MidiEvents, key: str, file_name: str
) -> Score:
    """Rebuild the tempo map of a MIDI file and count beats from its first full bar."""
    ticks = events.ticks_per_beat
    changes = [(0, 500_000), *sorted(events.tempos, key=lambda change: change[0])]
    ticks_of, lengths = (np.array(column, float) for column in zip(*changes, strict=True))
    begun = np.concatenate([[0.0], np.cumsum(np.diff(ticks_of) * lengths[:-1] / ticks)])

    def seconds(tick: ArrayLike) -> NDArray[np.float64]:
        tick = np.asarray(tick, float)
        index = np.searchsorted(ticks_of, tick, "right") - 1
        return (begun[index] + (tick - ticks_of[index]) * lengths[index] / ticks) / MICROSECONDS

    last_tick = max(
        (round((note.onset + note.duration) * ticks) for notes in parts.values() for note in notes),
        default=0,
    )
    if seconds(last_tick) > LONGEST_SCORE_S:
        raise PixMusError(
            f"{file_name} lasts {seconds(last_tick) / 60:.0f} minutes; give a score of at most "
            f"{LONGEST_SCORE_S / 60:.0f} minutes."
        )
    # Behind the notes the file may go on, as PixMus' own do to the end of the picture.
    end_tick = max(track.end_tick for track in events.tracks)
    if seconds(end_tick) > LONGEST_SCORE_S:
        end_tick = last_tick
    markers = [(tick, name) for tick, name in events.markers if tick <= max(end_tick, last_tick)]
    marked = [tick for tick, name in markers if name == PICKUP_END]
    pickup = marked[0] // ticks if marked else 0

    signatures = [(0, BEATS_PER_BAR), *sorted(events.signatures, key=lambda change: change[0])]
    bar_starts: list[int] = []
    beat, place = pickup, 0
    while beat * ticks < end_tick or not bar_starts:
        bar_starts.append(beat - pickup)
        while place + 1 < len(signatures) and signatures[place + 1][0] <= beat * ticks:
            place += 1
        beat += signatures[place][1]

    shifted = {  # by whole ticks: 2.4 - 2 is not 0.4
        part: tuple(
            replace(note, onset=(round(note.onset * ticks) - pickup * ticks) / ticks)
            for note in notes
        )
        for part, notes in parts.items()
    }
    named = tuple((float(seconds(tick)), name) for tick, name in markers if is_of_the_film(name))
    tempo_map = TempoMap(seconds(np.arange(pickup, beat + 1) * ticks), tuple(bar_starts))
    return Score(shifted, tempo_map, key, named, _ticks_to_hold(ticks))
