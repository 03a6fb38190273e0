"""`Scan`: what one pass over the packets of a clip tells, with its first decoded frame."""

from __future__ import annotations

import math
import threading
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from pixmus.picture.clock import Restarts
from pixmus.picture.stream import (
    frames_of,
    has_display_times,
    is_hidden,
    is_streamed,
    ticks,
    whole_packets,
)

REORDERING = "mp4"  # in these files a packet's length is the difference of decoding times
LARGEST_DOUBT = 1.5  # times by which stored lengths may differ from what is displayed


@dataclass(frozen=True)
class Packet:
    """Where one packet of the picture lies, in ticks of its stream; pts None where not stored."""

    pts: int | None
    dts: int | None
    duration: int
    is_shown: bool


@dataclass
class Scan:
    """What one pass over a file's packets tells, with its first decoded frame."""

    time_base: Fraction
    format: str = ""  # FFmpeg's name of the container
    stream_end: int | None = None  # where the stream itself says that it ends, in ticks
    packets: list[Packet] = field(default_factory=list)  # in decoding order
    first_frame: VideoFrame | None = None
    ends: dict[int, float] = field(default_factory=dict)  # of each stream, on the file's clock
    is_damaged: bool = False
    num_corrupt: int = 0  # packets of a broadcast of which some was lost on the way
    shifts: tuple[float, ...] = (0.0,)  # see `clock`
    is_uniform: bool = True  # whether what decoders must know beforehand stays the same
    held_to: int | None = None  # ticks from the first displayed frame to the end of the last

    @property
    def end(self) -> float:
        """Where whatever stream reaches furthest ends."""
        return max(self.ends.values(), default=0.0)

    def shown(self) -> list[tuple[int, int]]:
        """Displayed frames in order as (pts, duration) in ticks.

        Each is shown until the next; how long the last is shown tells `_last_length`.
        """
        pairs = sorted(
            (_display_time(packet), packet.duration) for packet in self.packets if packet.is_shown
        )
        has_times = all(packet.pts is not None for packet in self.packets)
        if has_times and self.first_frame is not None and self.first_frame.pts is not None:
            # What comes before the first frame that decodes is never displayed.
            pairs = [pair for pair in pairs if pair[0] >= self.first_frame.pts]
        if not pairs:
            return []
        times = [pts for pts, _ in pairs]
        lengths = [b - a for a, b in zip(times, times[1:], strict=False)]
        if self.held_to is not None:
            last = max(1, self.held_to - (times[-1] - times[0]))
        else:
            last = self._last_length([length for _, length in pairs], lengths, times[-1])
        return list(zip(times, [*lengths, last], strict=True))

    def _last_length(self, stored: list[int], displayed: list[int], time: int) -> int:
        """Ticks that the last displayed frame is shown, by its packet, its stream or the others.

        In mp4 a packet's length is the time to the next one decoded, which says nothing of a frame
        that others displayed before it follow. Other writers store nonsense in all packets alike.
        """
        usual = int(np.median([gap for gap in displayed if gap > 0] or [0]))
        rest = 0 if self.stream_end is None else self.stream_end - time
        if self.format == "avi":  # frames that were dropped at the end stand in its index alone
            return max(rest, stored[-1], 0) or usual
        last = max((packet for packet in self.packets if packet.is_shown), key=_display_time)
        is_last = last is self.packets[-1]
        if REORDERING in self.format and not is_last and displayed:
            # An edit that ends within a frame of a steady rate shows that frame as a whole.
            least = usual if max(displayed) < LARGEST_DOUBT * min(displayed) else 1
            return rest if least <= rest <= max(*stored, usual) else usual
        pairs = [(a, b) for a, b in zip(stored, displayed, strict=False) if a > 0 and b > 0]
        doubt = float(np.median([math.log(a / b) for a, b in pairs])) if pairs else 0.0
        is_doubtful = abs(doubt) > math.log(LARGEST_DOUBT)
        return usual if is_doubtful or stored[-1] <= 0 else stored[-1]


def _display_time(packet: Packet) -> int:
    return packet.pts if packet.pts is not None else packet.dts or 0


def scan_packets(container: InputContainer, stream: VideoStream) -> Scan:
    """Read every packet once, decoding only up to the first frame."""
    scan = Scan(ticks(stream), container.format.name)
    restarts = Restarts(is_streamed(container))
    parts: list[int] = []  # of each packet of the picture
    sets: set[bytes] = set()
    try:
        for packet in whole_packets(container):
            part = restarts.part_of(packet) if packet.size else 0
            if packet.size and packet.is_corrupt:
                scan.num_corrupt += 1
                scan.is_damaged |= packet.stream.index == stream.index
            if packet.stream.index != stream.index:
                continue
            if packet.size:
                is_shown = not packet.is_discard and not is_hidden(packet, stream)
                pts = packet.pts if has_display_times(container) else None
                scan.packets.append(Packet(pts, packet.dts, packet.duration or 0, is_shown))
                parts.append(part)
                if is_streamed(container) and packet.is_keyframe:
                    sets |= parameter_sets(bytes(packet))
            if scan.first_frame is None:
                scan.first_frame = cast(VideoFrame, next(iter(frames_of(packet, stream)), None))
        scan.is_damaged &= not is_streamed(container)
    except av.FFmpegError:
        scan.is_damaged = True
    scan.is_uniform = len(sets) < 2
    scan.shifts = restarts.shifts(stream.index)
    scan.ends = restarts.ends(scan.shifts)
    if len(scan.shifts) > 1:
        scan.packets = [
            _moved(packet, round(scan.shifts[part] / scan.time_base))
            for packet, part in zip(scan.packets, parts, strict=True)
        ]
        # Where one part ends and another begins FFmpeg misses packets that never were.
        scan.num_corrupt = max(0, scan.num_corrupt - 2 * (len(scan.shifts) - 1) * len(scan.ends))
    elif stream.duration is not None:
        scan.stream_end = (stream.start_time or 0) + stream.duration
    return scan


_LAST: dict[tuple[str, int, int], Scan] = {}
_MOST_REMEMBERED = 2
_MOST_PACKETS = 200_000  # nearly two hours: longer ones would fill the memory of a server
_REMEMBERING = threading.Lock()


def remember(path: Path, scan: Scan) -> None:
    """Keep the scan of a file for whoever copies its packets soon: the last few are kept."""
    if len(scan.packets) > _MOST_PACKETS:
        return
    with _REMEMBERING, suppress(OSError):  # a file may be gone by now
        _LAST[_state(path)] = replace(scan)
        while len(_LAST) > _MOST_REMEMBERED:
            del _LAST[next(iter(_LAST))]


def remembered(path: Path) -> Scan | None:
    """The scan of a file that was remembered, if the file is as it was then."""
    with _REMEMBERING, suppress(OSError):  # whoever opens a file that is gone says so
        scan = _LAST.get(_state(path))
        return None if scan is None else replace(scan)
    return None


def _state(path: Path) -> tuple[str, int, int]:
    found = path.stat()
    return str(path.absolute()), found.st_size, found.st_mtime_ns


def _moved(packet: Packet, shift: int) -> Packet:
    pts, dts = (None if time is None else time + shift for time in (packet.pts, packet.dts))
    return replace(packet, pts=pts, dts=dts)


def parameter_sets(data: bytes) -> set[bytes]:
    """The sequence parameter sets of H.264 in a byte stream (ITU-T H.264, 7.4.1 and annex B)."""
    units = data.split(b"\0\0\1")[1:]
    return {unit.rstrip(b"\0") for unit in units if unit and unit[0] & 0x1F == 7}
