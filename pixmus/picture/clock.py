"""`Restarts`: where the clock of a broadcast starts anew, and how far each part is moved to run on.

A transport stream that was joined from several, or whose encoder was started again, counts from
another time behind the joint. FFmpeg's own tool calls that a discontinuity and uses the same limit.

Conventions: seconds on the file's clock; a part is what lies between two restarts of a stream.
"""

from __future__ import annotations

from dataclasses import dataclass

import av

BACKWARD = 1.0  # seconds by which decoding times may fall without a restart
FORWARD = 10.0  # and rise


@dataclass
class Part:
    """What lies between two restarts of a stream."""

    start: float
    stored_end: float  # by the lengths of packets, which may be unknown
    last: float  # the two latest times
    before: float | None = None

    @property
    def end(self) -> float:
        """Where the latest packet ends, one without a length like the one before it."""
        usual = self.last - self.before if self.before is not None else 0.0
        return self.stored_end if self.stored_end > self.last else self.last + usual

    def add(self, time: float, end: float) -> None:
        """Take the next packet's time, in any order."""
        self.start, self.stored_end = min(self.start, time), max(self.stored_end, end)
        if time > self.last:
            self.last, self.before = time, self.last
        elif time < self.last and (self.before is None or time > self.before):
            self.before = time


class Restarts:
    """Follows the decoding times of every stream."""

    def __init__(self, is_streamed: bool) -> None:
        self._is_streamed = is_streamed  # no other file's clock starts anew
        self._last: dict[int, float] = {}  # decoding time of each stream's packet before
        self._parts: dict[int, list[Part]] = {}  # by stream

    def part_of(self, packet: av.Packet) -> int:
        """The number of the part that the next packet of its stream lies in."""
        index = packet.stream_index
        parts = self._parts.setdefault(index, [])
        moment = packet.dts if packet.dts is not None else packet.pts
        base = packet.time_base
        if moment is None or base is None:
            return max(0, len(parts) - 1)
        # Whole numbers divided are the same float as a product of fractions, at a tenth of the cost
        up, down = base.numerator, base.denominator
        time = moment * up / down
        last = self._last.get(index, time)
        self._last[index] = time
        shown = (packet.pts if packet.pts is not None else moment) * up / down
        end = shown + (packet.duration or 0) * up / down
        if not parts or (self._is_streamed and not -BACKWARD < time - last < FORWARD):
            parts.append(Part(shown, end, shown))
        else:
            parts[-1].add(shown, end)
        return len(parts) - 1

    def shifts(self, picture: int) -> tuple[float, ...]:
        """By how much each part is moved so that the picture goes on where it stopped."""
        longest = max(self._parts.values(), key=len, default=[])
        shifts = [0.0]
        for number in range(1, len(longest)):
            own = self._parts.get(picture, [])
            parts = own if len(own) > number else longest
            shifts.append(shifts[-1] + parts[number - 1].end - parts[number].start)
        return tuple(shifts)

    def ends(self, shifts: tuple[float, ...]) -> dict[int, float]:
        """Where each stream ends once its parts are moved."""
        return {
            index: max(part.stored_end + shift for part, shift in zip(parts, shifts, strict=False))
            for index, parts in self._parts.items()
            if parts
        }


def move(packet: av.Packet, shift: float) -> None:
    """Move a packet's times by some seconds."""
    if not shift or packet.time_base is None:
        return
    ticks = round(shift / packet.time_base)
    if packet.pts is not None:
        packet.pts += ticks
    if packet.dts is not None:
        packet.dts += ticks
