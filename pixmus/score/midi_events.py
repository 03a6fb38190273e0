"""`MidiEvents`: what stands in any program's MIDI file, read leniently and within bounds.

Conventions: ticks count from the beginning of the file. The format is that of the Standard MIDI
Files 1.0 (RP-001, MIDI Manufacturers Association); what programs write beside it is read as they
mean it: RIFF MIDI, SMPTE time, wrong lengths of tracks, data bytes above 127, texts in latin-1.
"""

from __future__ import annotations

import struct
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from pixmus.errors import PixMusError
from pixmus.files import named
from pixmus.keys import TONICS

LARGEST_FILE = 32_000_000  # bytes
MOST_EVENTS = 1_000_000
MOST_NOTES = 100_000  # an hour at 28 a second
LONGEST_TEXT = 200  # characters of a name or a marker
LONGEST_DELTA = 8  # bytes; the standard has four
RING_BEATS = 4  # a note that is never let go ends so long after the last other event of its track
SHORTEST_BEAT, LONGEST_BEAT = 10_000, 0xFFFFFF  # microseconds; what lies outside is no tempo
MOST_BEATS_A_BAR = 255  # what a time signature can hold
SUSTAIN, ALL_SOUND_OFF, ALL_NOTES_OFF = 64, 120, 123  # controllers
# Data bytes after a status byte that belongs to no channel.
SYSTEM_LENGTHS = {0xF1: 1, 0xF2: 2, 0xF3: 1}

Sounding = dict[tuple[int, int], deque[tuple[int, int]]]  # (channel, pitch): (start, velocity)


class _CutOff(Exception):
    """The data ends in the middle of an event."""


@dataclass
class MidiTrack:
    """One track: notes are (start, end, channel, pitch, velocity), in ticks."""

    name: str = ""
    notes: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    programs: list[int] = field(default_factory=list)  # as they are named
    channel_programs: dict[int, int] = field(default_factory=dict)  # the first of each channel
    end_tick: int = 0


@dataclass
class MidiEvents:
    """What a MIDI file holds of notes and of time."""

    ticks_per_beat: int
    tracks: list[MidiTrack] = field(default_factory=list)
    tempos: list[tuple[int, int]] = field(default_factory=list)  # tick, microseconds a beat
    signatures: list[tuple[int, int]] = field(default_factory=list)  # tick, quarter notes a bar
    keys: list[str] = field(default_factory=list)
    markers: list[tuple[int, str]] = field(default_factory=list)


def read_midi_events(path: Path | str) -> MidiEvents:
    """The notes, tempos, metres, keys, markers and programmes of a MIDI file.

    Raises PixMusError with one sentence where it is none, has no time, or is larger than
    `LARGEST_FILE`, `MOST_EVENTS` or `MOST_NOTES`. A file that is cut off is read up to there.
    """
    path = Path(path)
    data = _standard_file(_bytes_of(path), path)
    size = int.from_bytes(data[4:8], "big")
    if size < 6 or len(data) < 14:
        raise _no_midi(path)
    ticks, second_length = _time(struct.unpack(">H", data[12:14])[0], path)
    events = MidiEvents(ticks)
    reader = _Reader(path, events, time_factor=1 if second_length is None else 2)
    place = 8 + size
    while place + 8 <= len(data):
        length = int.from_bytes(data[place + 4 : place + 8], "big")
        if data[place : place + 4] == b"MTrk":
            place = reader.read_track(data, place + 8, length)
        elif data[place : place + 4].isalpha():
            place += 8 + length
        else:  # no chunk at all: a track's length was wrong
            place = data.find(b"MTrk", place) % (len(data) + 1)
    if not events.tracks:
        raise _no_midi(path)
    if second_length is not None:  # beats do not matter there: what counts is seconds
        events.tempos = [(0, second_length)]
    return events


def _bytes_of(path: Path) -> bytes:
    if not named(path).exists():
        raise PixMusError(f"{path}: there is no such file; give a MIDI file that PixMus wrote.")
    try:
        if path.is_file() and path.stat().st_size > LARGEST_FILE:
            raise PixMusError(
                f"{path.name} is larger than {LARGEST_FILE // 1_000_000} MB; give a MIDI file of "
                "one piece of music."
            )
        with open(path, "rb") as file:
            return file.read(LARGEST_FILE)
    except OSError as error:
        raise PixMusError(
            f"{path.name} cannot be opened ({error.strerror}); give a MIDI file that can be read."
        ) from error


def _no_midi(path: Path) -> PixMusError:
    return PixMusError(
        f"{path.name} is not a MIDI file that can be read; give a .mid that PixMus wrote."
    )


def _standard_file(data: bytes, path: Path) -> bytes:
    """The MIDI file without the RIFF file around it, if there is one."""
    if data[:4] == b"RIFF" and data[8:12] == b"RMID":
        place = 12
        while place + 8 <= len(data):
            (length,) = struct.unpack("<I", data[place + 4 : place + 8])
            if data[place : place + 4] == b"data":
                data = data[place + 8 : place + 8 + length]
                break
            place += 8 + length + length % 2
    if data[:4] != b"MThd":
        raise _no_midi(path)
    return data


def _time(division: int, path: Path) -> tuple[int, int | None]:
    """Ticks a beat, and microseconds a beat where the file counts in frames of SMPTE instead.

    There a beat is half a second, in ticks of half the file's: so any number of them is whole.
    """
    if not division & 0x8000:
        if division == 0:
            raise PixMusError(
                f"{path.name} says that a beat has no ticks, so nothing in it has a time; export "
                "it again from the program that wrote it."
            )
        return division, None
    rate, ticks = 256 - (division >> 8), division & 0xFF
    if rate not in (24, 25, 29, 30) or ticks == 0:
        raise PixMusError(
            f"{path.name} counts time in frames of a rate that no standard has; export it again "
            "with ticks a beat."
        )
    return (30 if rate == 29 else rate) * ticks, 500_500 if rate == 29 else 500_000


class _Reader:
    """Reads the tracks of one file into its `MidiEvents`."""

    def __init__(self, path: Path, events: MidiEvents, time_factor: int) -> None:
        self.path = path
        self.events = events
        self.time_factor = time_factor
        self.num_events = self.num_notes = 0

    def read_track(self, data: bytes, start: int, length: int) -> int:
        """Read the track whose events begin at `start`; returns where the next chunk begins.

        The declared length is believed where the track's end does not say otherwise: events go on
        behind it until an end of track, and a chunk that begins at that end is the next one.
        """
        end = start + length
        play = _Play(self.events.ticks_per_beat)
        place, status, now = start, 0, 0
        try:
            while place < len(data):
                following = data[place : place + 4]
                if (place == end and following.isalpha()) or (place > end and following == b"MTrk"):
                    break
                self._count_event()
                delta, place = _number(data, place, self.path)
                now += delta * self.time_factor
                if data[place : place + 1] >= b"\x80":
                    status, place = data[place], place + 1
                    if status >= 0xF0:
                        is_end, place = self._system(data, place, status, now, play)
                        status = play.running  # many programs go on with it behind any of them
                        if is_end:
                            break
                        continue
                    play.running = status
                elif not status:
                    raise self._damaged()
                num = 1 if status & 0xE0 == 0xC0 else 2
                if place + num > len(data):
                    raise _CutOff
                first, second = (min(byte, 127) for byte in (data[place], data[place + num - 1]))
                place += num
                play.hear(status >> 4, status & 0x0F, first, second, now)
        except (_CutOff, IndexError):
            place = len(data)
        play.finish(now)
        self.num_notes += len(play.track.notes)
        if self.num_notes > MOST_NOTES:
            raise PixMusError(
                f"{self.path.name} holds more than {MOST_NOTES:,} notes; give one piece of music."
            )
        self.events.tracks.append(play.track)
        return place if data[place : place + 4] == b"MTrk" else max(place, end)

    def _count_event(self) -> None:
        self.num_events += 1
        if self.num_events > MOST_EVENTS:
            raise PixMusError(
                f"{self.path.name} holds more than {MOST_EVENTS:,} events; give one piece of music."
            )

    def _damaged(self) -> PixMusError:
        return PixMusError(
            f"{self.path.name} is damaged in track {len(self.events.tracks)}; export it again from "
            "the program that wrote it."
        )

    def _system(
        self, data: bytes, place: int, status: int, now: int, play: _Play
    ) -> tuple[bool, int]:
        """One event of no channel: whether it ends the track, and where the next one begins."""
        if status not in (0xFF, 0xF0, 0xF7):
            return False, place + SYSTEM_LENGTHS.get(status, 0)
        kind = -1
        if status == 0xFF:
            kind, place = data[place], place + 1
        length, place = _number(data, place, self.path)
        if place + length > len(data):
            raise _CutOff
        if kind >= 0:
            self._meta(kind, data[place : place + min(length, 4 * LONGEST_TEXT)], now, play)
        return kind == 0x2F, place + length

    def _meta(self, kind: int, body: bytes, now: int, play: _Play) -> None:
        """Keep what a meta event says; one that says nothing that can be is passed over."""
        events = self.events
        if kind == 0x03:
            play.track.name = _text(body)
        elif kind == 0x06:
            events.markers.append((now, _text(body)))
        elif kind == 0x51 and len(body) >= 3:
            length = int.from_bytes(body[:3], "big")
            if SHORTEST_BEAT <= length <= LONGEST_BEAT:
                events.tempos.append((now, length))
        elif kind == 0x58 and len(body) >= 2:
            beats = max(1, round(body[0] * 4 / 2 ** body[1]))
            if body[0] and beats <= MOST_BEATS_A_BAR:
                events.signatures.append((now, beats))
        elif kind == 0x59 and len(body) >= 2:
            fifths = body[0] - 256 if body[0] > 127 else body[0]
            if -7 <= fifths <= 7 and body[1] in (0, 1):
                minor = body[1] == 1
                tonic = TONICS[(7 * fifths + (9 if minor else 0)) % 12]
                events.keys.append(f"{tonic} {'minor' if minor else 'major'}")


class _Play:
    """A track while it is heard: what sounds on each channel and pitch, and what a pedal holds."""

    def __init__(self, ticks_per_beat: int) -> None:
        self.track = MidiTrack()
        self.running = 0  # the last status byte of a channel
        self._ticks_per_beat = ticks_per_beat
        self._pressed: Sounding = {}
        self._held: Sounding = {}
        self._pedals: set[int] = set()
        self._last = 0  # the last tick at which anything happened

    def hear(self, kind: int, channel: int, first: int, second: int, now: int) -> None:
        """One event of a channel; `kind` is the upper half of its status byte."""
        self._last = now
        key = channel, first
        if kind == 9 and second:
            self._end_held(key, now)
            self._pressed.setdefault(key, deque()).append((now, second))
        elif kind in (8, 9):
            waiting = self._pressed.get(key)
            if waiting:
                struck = waiting.popleft()
                if channel in self._pedals:
                    self._held.setdefault(key, deque()).append(struck)
                else:
                    self._add(key, struck, now)
        elif kind == 12:
            self.track.programs.append(first)
            self.track.channel_programs.setdefault(channel, first)
        elif kind == 11 and first == SUSTAIN:
            if second >= 64:
                self._pedals.add(channel)
            else:
                self._pedals.discard(channel)
                self._end_all(self._held, channel, now)
        elif kind == 11 and first in (ALL_SOUND_OFF, ALL_NOTES_OFF):
            self._end_all(self._held, channel, now)
            self._end_all(self._pressed, channel, now)

    def finish(self, now: int) -> None:
        """End what was never let go, with the track or a bar after its last event."""
        end = min(now, self._last + RING_BEATS * self._ticks_per_beat)
        for sounding in (self._held, self._pressed):
            for key, struck in sounding.items():
                for each in struck:
                    self._add(key, each, end)
        self.track.end_tick = now

    def _end_held(self, key: tuple[int, int], now: int) -> None:
        for struck in self._held.pop(key, ()):
            self._add(key, struck, now)

    def _end_all(self, sounding: Sounding, channel: int, now: int) -> None:
        for key in [key for key in sounding if key[0] == channel]:
            for struck in sounding.pop(key):
                self._add(key, struck, now)

    def _add(self, key: tuple[int, int], struck: tuple[int, int], end: int) -> None:
        start, velocity = struck
        self.track.notes.append((start, max(end, start + 1), *key, velocity))


def _number(data: bytes, place: int, path: Path) -> tuple[int, int]:
    """A number of variable length at `place`, and where it ends."""
    value = 0
    for offset in range(LONGEST_DELTA):
        byte = data[place + offset]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, place + offset + 1
    raise PixMusError(
        f"{path.name} is damaged: one of its times has no end; export it again from the program "
        "that wrote it."
    )


def _text(body: bytes) -> str:
    """A text as UTF-8, or as latin-1 where it is none: older programs' names."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        text = body.decode("latin-1")
    return text[:LONGEST_TEXT]
