"""Edit decision lists (CMX3600): cuts, dissolves and markers read, markers written.

A line of events is `number reel track transition [frames] source-in source-out record-in
record-out`; the music goes by the record side of the picture's tracks. Markers are Avid's `* LOC:`
comments and the comments by which Resolve's marker lists say colour, name and length.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from pixmus.cues.cut_list import (
    STRENGTHS,
    CutList,
    Edit,
    Mark,
    check_size,
    colour_of,
    hour_before,
    mark,
)
from pixmus.editors.session import Session
from pixmus.errors import PixMusError
from pixmus.picture.timecode import Counting

_TIME = r"(\d\d[:;]\d\d[:;]\d\d[:;.,]\d\d\d?)"
EVENT = re.compile(
    rf"\s*(\d{{1,6}})\s+(\S.{{0,79}}?)\s+(\S{{1,12}})\s+(C|D|W\d{{1,3}}|K|KB|KO)\s+(?:(\d{{1,4}})\s+)?"
    rf"{_TIME}\s+{_TIME}\s+{_TIME}\s+{_TIME}\s*"
)
LOOKS_LIKE_EVENT = re.compile(rf"\s*\d{{1,6}}\s+\S.*\s{_TIME}\s+{_TIME}")
COUNTING = re.compile(r"FCM:\s*(NON[- ]?)?DROP[- ]?FRAME", re.IGNORECASE)
LOCATOR = re.compile(rf"\*\s*LOC:\s*{_TIME}(.*)")
RESOLVE = re.compile(r"\|C:\s*ResolveColor(\w{1,20})")
LONGEST_LINE = 1000
BLACK = ("BL", "BLK", "BLACK")


@dataclass
class _Event:
    """One line of the list, in frames of the record side."""

    line: int
    reel: str
    track: str
    transition: str
    frames: int
    start: int
    end: int
    is_marker: bool = False

    @property
    def is_picture(self) -> bool:
        return not self.is_marker and ("V" in self.track or self.track == "B")


class _Reader:
    """One list while it is read, line by line."""

    def __init__(self, name: str, counting: Counting) -> None:
        self.name = name
        self.counting = counting
        self.events: list[_Event] = []
        self.marks: list[Mark] = []
        self.num_lines = 0

    def read(self, line: str) -> None:
        self.num_lines += 1
        line = line[:LONGEST_LINE]
        if found := EVENT.fullmatch(line):
            self._event(found)
        elif found := COUNTING.match(line.strip()):
            self._count_as(drops=found[1] is None)
        elif found := RESOLVE.search(line):
            self._resolve_marker(found)
        elif found := LOCATOR.match(line.strip()):
            first, _, rest = found[2].strip().partition(" ")
            has_colour = first.lower() in STRENGTHS
            name = rest if has_colour else found[2]
            time = self.counting.seconds(self._frame(found[1]))
            self.marks.append(mark(time, name, first if has_colour else None))
        elif LOOKS_LIKE_EVENT.match(line) and not line.lstrip().startswith("*"):
            raise self.fault(
                "is no event; it needs number, reel, track, C, D or W with its frames, and four "
                "timecodes"
            )

    def _event(self, found: re.Match[str]) -> None:
        start, end = self._frame(found[8]), self._frame(found[9])
        if end < start:
            raise self.fault(f"ends at {found[9]}, before it starts at {found[8]}")
        self._frame(found[6], is_source=True)
        frames = int(found[5] or 0)
        if found[4][0] in "DW" and (not found[5] or frames > 9999):
            raise self.fault("is a transition that does not say how many frames it takes")
        self.events.append(
            _Event(self.num_lines, found[2], found[3].upper(), found[4], frames, start, end)
        )

    def _resolve_marker(self, found: re.Match[str]) -> None:
        if not self.events:
            raise self.fault("is a marker without the event that says when it is")
        event = self.events[-1]
        event.is_marker = True
        name, _, frames = found.string[found.end() :].partition("|M:")[2].rpartition("|D:")
        length = Fraction(0)
        if frames.strip().isdecimal() and int(frames[:7]) > 1:
            length = self.counting.seconds(int(frames[:7]))
        self.marks.append(
            mark(self.counting.seconds(event.start), name or frames, found[1], length)
        )

    def _count_as(self, drops: bool) -> None:
        if drops and not self.counting.may_drop:
            raise self.fault(
                f"says drop-frame, which {self.counting.named} frames a second do not have; say "
                "the rate with --rate, such as 29.97df"
            )
        self.counting = Counting(self.counting.rate, drops)

    def _frame(self, text: str, is_source: bool = False) -> int:
        """The frame of a timecode; a semicolon before its frames says drop-frame by itself."""
        if text[8] == ";" and not self.counting.drops and self.counting.may_drop:
            self.counting = Counting(self.counting.rate, True)
        try:
            return self.counting.count(text)
        except ValueError as error:
            if is_source:  # sources have rates of their own, and are not asked for
                return 0
            raise self.fault(str(error)) from error

    def fault(self, told: str) -> PixMusError:
        return PixMusError(f"{self.name}: line {self.num_lines} {_led(told)}.")


def _led(told: str) -> str:
    """What a line is, or what stands in it."""
    return told if told.split()[0] in ("is", "ends", "says") else f"is wrong: {told}"


def read_edl(text: str, name: str, counting: Counting | None) -> CutList:
    """The cut list of an EDL, whose timecodes count by `counting` where it does not say otherwise.

    Its programme starts with its first event, or, where there are only markers, at the whole hour
    before the first. PixMusError with one sentence where it is none.
    """
    if counting is None:
        raise PixMusError(
            f"{name}: an EDL does not say its frame rate; say it with --rate, such as 25 or "
            "29.97df."
        )
    reader = _Reader(name, counting)
    for line in text.splitlines():
        reader.read(line)
    picture = sorted(
        (event for event in reader.events if event.is_picture), key=lambda event: event.start
    )
    edits = _edits_of(picture, reader.counting)
    check_size(name, len(edits) + len(reader.marks))
    if not picture and not reader.marks:
        raise PixMusError(f"{name} has no event of the picture and no marker.")
    seconds = reader.counting.seconds
    if picture:
        start, end = seconds(picture[0].start), seconds(max(event.end for event in picture))
    else:
        start = hour_before(min(found.time for found in reader.marks), reader.counting)
    return CutList(
        name,
        tuple(edits),
        tuple(sorted(reader.marks, key=lambda found: found.time)),
        start=start,
        end=end if picture else None,
        counting=reader.counting,
    )


def _edits_of(events: list[_Event], counting: Counting) -> list[Edit]:
    """Where shots change: at every event, and where one ends before the next begins, in black."""
    edits: list[Edit] = []
    last_end: int | None = None
    last_reel = ""
    for event in events:
        start = counting.seconds(event.start)
        if last_end is not None and last_end < event.start:
            edits.append(Edit(counting.seconds(last_end), counting.seconds(last_end)))
            last_reel = BLACK[0]
        is_gradual = event.transition[0] in "DW" and event.frames > 0
        if is_gradual:
            through = (event.reel.upper() in BLACK) or (last_reel.upper() in BLACK)
            end = counting.seconds(event.start + event.frames)
            edits.append(Edit(start, end, "fade" if through else "dissolve"))
        elif event.transition[0] != "K" and event.end > event.start:
            edits.append(Edit(start, start))
        last_end = max(last_end or 0, event.end)
        last_reel = event.reel
    return edits


def write_marker_edl(path: str | Path, session: Session) -> None:
    """Write the markers of a session as Resolve imports them: Timelines, Import, Timeline Markers.

    Colours say the strengths, cues are green and as long as they are.
    """
    counting = session.counting
    lines = [
        f"TITLE: {_plain(session.title)}",
        f"FCM: {'' if counting.drops else 'NON-'}DROP FRAME",
    ]
    for number, marker in enumerate(session.markers, start=1):
        frame = session.frame(marker.time)
        first, last = counting.spell(frame), counting.spell(frame + 1)
        frames = 1 if marker.end is None else max(1, session.frame(marker.end) - frame)
        colour = "Green" if marker.strength is None else colour_of(marker.strength)
        lines.append(
            f"\n{number:03d}  001      V     C        {first} {last} {first} {last}  \n"
            f" |C:ResolveColor{colour} |M:{_plain(marker.name)} |D:{frames}"
        )
    Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _plain(name: str) -> str:
    """A name in one line, without what separates its fields."""
    return " ".join(name.replace("|", "/").split())
