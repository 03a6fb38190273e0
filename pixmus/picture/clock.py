"""`Restarts`: where the clock of a broadcast starts anew, and how far each part is moved to run on.

A transport stream that was joined from several, or whose encoder was started again, counts from
another time behind the joint. FFmpeg's own tool calls that a discontinuity and uses the same limit.

Conventions: seconds on the file's clock; a part is what lies between two restarts of a stream.
"""

from __future__ import annotations

import av

BACKWARD = 1.0  # seconds by which decoding times may fall without a restart
FORWARD = 10.0  # and rise


class Restarts:
    """Follows the decoding times of every stream."""

    def __init__(self, is_streamed: bool) -> None:
        self._is_streamed = is_streamed  # no other file's clock starts anew
        self._last: dict[int, float] = {}  # decoding time of each stream's packet before
        self._parts: dict[int, list[tuple[float, float]]] = {}  # (start, end) of each, by stream

    def part_of(self, packet: av.Packet) -> int:
        """The number of the part that the next packet of its stream lies in."""
        parts = self._parts.setdefault(packet.stream.index, [])
        moment = packet.dts if packet.dts is not None else packet.pts
        if moment is None or packet.time_base is None:
            return max(0, len(parts) - 1)
        time = float(moment * packet.time_base)
        last = self._last.get(packet.stream.index, time)
        self._last[packet.stream.index] = time
        shown = float((packet.pts if packet.pts is not None else moment) * packet.time_base)
        end = shown + float((packet.duration or 0) * packet.time_base)
        if not parts or (self._is_streamed and not -BACKWARD < time - last < FORWARD):
            parts.append((shown, end))
        else:
            parts[-1] = min(parts[-1][0], shown), max(parts[-1][1], end)
        return len(parts) - 1

    def shifts(self, picture: int) -> tuple[float, ...]:
        """By how much each part is moved so that the picture goes on where it stopped."""
        longest = max(self._parts.values(), key=len, default=[])
        shifts = [0.0]
        for number in range(1, len(longest)):
            own = self._parts.get(picture, [])
            parts = own if len(own) > number else longest
            shifts.append(shifts[-1] + parts[number - 1][1] - parts[number][0])
        return tuple(shifts)

    def ends(self, shifts: tuple[float, ...]) -> dict[int, float]:
        """Where each stream ends once its parts are moved."""
        return {
            index: max(end + shift for (_, end), shift in zip(parts, shifts, strict=False))
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
