"""Timecodes: HH:MM:SS:FF of frames, counted as editors count them, and read back to the frame.

Rates of 1000/1001 count whole frames to a second and run behind the clock; with a semicolon before
the frames (drop-frame, SMPTE ST 12-1) two or four numbers a minute are left out to keep up, but not
in every tenth minute. Other rates that are not whole count seconds of the clock.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction

WRITTEN = re.compile(r"(\d{1,2}):(\d\d):(\d\d)([:;.])(\d{1,4})")
# As lists write them: some programs put a semicolon everywhere.
LISTED = re.compile(r"(\d{1,2})[:;](\d\d)[:;](\d\d)([:;.,])(\d{1,3})")
RATE = re.compile(
    r"\s*(\d{1,6}(?:\.\d{1,9}|/0*[1-9]\d{0,5})?)\s*(?:fps)?\s*(df|ndf|drop|d)?\s*", re.I
)
DAY_S = 24 * 3600
NTSC = Fraction(1000, 1001)
NTSC_BASES = (24, 30, 48, 60, 96, 120)
NEAR_NTSC = 0.005  # frames a second; 23.98 means 24000/1001, 29.97 means 30000/1001


@dataclass(frozen=True)
class Counting:
    """How frames are numbered: so many a second, with or without numbers left out."""

    rate: Fraction
    drops: bool = False

    @staticmethod
    def read(text: str) -> Counting:
        """The counting of "25", "29.97df", "23.976" or "30000/1001"; ValueError where it is none.

        Decimals near 1000/1001 of a whole rate are meant exactly.
        """
        found = RATE.fullmatch(text)
        rate = exact_rate(Fraction(found[1])) if found else Fraction(0)
        drops = bool(found and found[2] and found[2].lower() != "ndf")
        if not 1 <= rate <= 1000:
            raise ValueError(
                f"the frame rate {text[:20]!r} is none; write it like 25, 23.976, 29.97df or "
                "30000/1001"
            )
        if drops and not Counting(rate).may_drop:
            raise ValueError(
                f"the frame rate {text[:20]!r} has no drop-frame timecode; only 29.97 and 59.94 do"
            )
        return Counting(rate, drops)

    @property
    def base(self) -> int:
        """Frame numbers a second."""
        return round(self.rate)

    @property
    def may_drop(self) -> bool:
        """Whether there is a drop-frame timecode at this rate."""
        return not self._is_by_clock and self.base % 30 == 0

    @property
    def _is_by_clock(self) -> bool:
        return self.rate.denominator not in (1, 1001) or self.base < 1

    @property
    def _dropped(self) -> int:
        """Numbers that are left out a minute."""
        return self.base // 15 if self.drops and self.may_drop else 0

    def seconds(self, frame: int) -> Fraction:
        """When a frame begins, seconds from frame 0."""
        return frame / self.rate

    def count(self, text: str) -> int:
        """The frame of a timecode; ValueError with a sentence (no full stop) where it is none."""
        found = LISTED.fullmatch(text.strip())
        if found is None:
            raise ValueError(f"{text.strip()[:20]!r} is no timecode; write it like 01:00:00:00")
        minute, second, number = int(found[2]), int(found[3]), int(found[5])
        if int(found[1]) > 23 or minute > 59 or second > 59:
            raise ValueError(f"{found[0]} is no time of a clock")
        seconds = int(found[1]) * 3600 + minute * 60 + second
        if number >= math.ceil(self.rate):
            raise ValueError(
                f"{found[0]} has a frame {number}, which {self.named} does not have; say the rate "
                "with --rate"
            )
        if number < self._dropped and second == 0 and minute % 10:
            raise ValueError(f"{found[0]} is a number that drop-frame timecode leaves out")
        return self._frame(seconds, number)

    def spell(self, frame: int) -> str:
        """The timecode of a frame, as HH:MM:SS:FF, with a semicolon where numbers are left out."""
        if self._is_by_clock:
            second = math.floor(frame / self.rate)
            return _spell(second, frame - math.ceil(second * self.rate), ":")
        dropped, base = self._dropped, self.base
        if not dropped:
            return _spell(*divmod(frame, base), ":")
        tens, rest = divmod(frame, 600 * base - 9 * dropped)
        # The first minute of ten is whole, the others begin with number `dropped`.
        later = max(0, rest - 60 * base) // (60 * base - dropped) + 1 if rest >= 60 * base else 0
        return _spell(*divmod(frame + dropped * (9 * tens + later), base), ";")

    def _frame(self, seconds: int, number: int) -> int:
        if self._is_by_clock:
            return math.ceil(seconds * self.rate) + number
        minutes = seconds // 60
        return seconds * self.base + number - self._dropped * (minutes - minutes // 10)

    @property
    def named(self) -> str:
        """The rate as people say it: "29.97 drop-frame", "25"."""
        return f"{float(self.rate):.5g}" + (" drop-frame" if self._dropped else "")


def exact_rate(rate: Fraction | float) -> Fraction:
    """A rate that was written as a decimal or a float, exactly: 29.97 is 30000/1001."""
    for base in NTSC_BASES:
        if abs(float(rate) - float(base * NTSC)) < NEAR_NTSC:
            return base * NTSC
    return Fraction(rate).limit_denominator(1001)


def timecode(time: float, frame_rate: Fraction, start: str | None = None) -> str:
    """The timecode of the frame nearest to `time` seconds, where the first frame has `start`."""
    frame = max(0, round(time * frame_rate))
    counting, first = counting_from(frame_rate, start)
    return counting.spell(first + frame)


def counting_from(frame_rate: Fraction, start: str | None = None) -> tuple[Counting, int]:
    """How a clip counts its frames, and the number of its first, which has the timecode `start`."""
    found = WRITTEN.fullmatch(start or "")
    counting = Counting(frame_rate, found is not None and found[4] != ":")
    if found is None:
        return counting, 0
    seconds = (int(found[1]) * 60 + int(found[2])) * 60 + int(found[3])
    return counting, counting._frame(seconds, 0 if counting._is_by_clock else int(found[5]))


def _spell(seconds: int, frame: int, mark: str) -> str:
    minutes, second = divmod(seconds % DAY_S, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{second:02d}{mark}{frame:02d}"
