"""Timecodes: HH:MM:SS:FF of frames, counted as editors count them.

Rates of 1000/1001 count whole frames to a second and run behind the clock; with a semicolon before
the frames (drop-frame, SMPTE ST 12-1) two or four numbers a minute are left out to keep up, but not
in every tenth minute. Other rates that are not whole count seconds of the clock.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction

WRITTEN = re.compile(r"(\d{1,2}):(\d\d):(\d\d)([:;.])(\d{1,4})")
DAY_S = 24 * 3600


def timecode(time: float, frame_rate: Fraction, start: str | None = None) -> str:
    """The timecode of the frame nearest to `time` seconds, where the first frame has `start`."""
    frame = max(0, round(time * frame_rate))
    found = WRITTEN.fullmatch(start or "")
    base = round(frame_rate)
    if frame_rate.denominator not in (1, 1001) or base < 1:
        begin = 0 if found is None else _seconds(found)
        second = math.floor(frame / frame_rate)
        return _spell(begin + second, frame - math.ceil(second * frame_rate), ":")
    if found is None:
        return _spell(*divmod(frame, base), ":")
    seconds, number = _seconds(found), int(found[5])
    if found[4] == ":" or base % 30:
        return _spell(*divmod(seconds * base + number + frame, base), ":")
    dropped = base // 15  # numbers a minute
    minutes = seconds // 60
    count = seconds * base + number - dropped * (minutes - minutes // 10) + frame
    tens, rest = divmod(count, 600 * base - 9 * dropped)
    # The first minute of ten is whole, the others begin with number `dropped`.
    later = max(0, rest - 60 * base) // (60 * base - dropped) + 1 if rest >= 60 * base else 0
    count += dropped * (9 * tens + later)
    return _spell(*divmod(count, base), ";")


def _seconds(found: re.Match[str]) -> int:
    return (int(found[1]) * 60 + int(found[2])) * 60 + int(found[3])


def _spell(seconds: int, frame: int, mark: str) -> str:
    minutes, second = divmod(seconds % DAY_S, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{second:02d}{mark}{frame:02d}"
