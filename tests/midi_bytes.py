"""MIDI files byte by byte, as other programs and damaged discs write them."""

from __future__ import annotations

import struct

END = b"\x00\xff\x2f\x00"


def number(value: int) -> bytes:
    """A number of variable length."""
    out = [value & 127]
    while value := value >> 7:
        out.append(value & 127 | 128)
    return bytes(reversed(out))


def meta(kind: int, body: bytes, after: int = 0) -> bytes:
    return number(after) + bytes([0xFF, kind]) + number(len(body)) + body


def name(text: str | bytes) -> bytes:
    return meta(3, text.encode() if isinstance(text, str) else text)


def tempo(microseconds: int, after: int = 0) -> bytes:
    return meta(0x51, microseconds.to_bytes(3, "big"), after)


def notes(*pitches: int, ticks: int = 480, channel: int = 0) -> bytes:
    """One note after the other."""
    return b"".join(
        bytes([0, 0x90 | channel, pitch, 90]) + number(ticks) + bytes([0x80 | channel, pitch, 0])
        for pitch in pitches
    )


def track(body: bytes, wrong_by: int = 0) -> bytes:
    """A track whose declared length is off by `wrong_by` bytes."""
    return b"MTrk" + struct.pack(">I", len(body) + wrong_by) + body


def file(*tracks: bytes, division: int = 480) -> bytes:
    return b"MThd" + struct.pack(">IHHH", 6, 1, len(tracks), division) + b"".join(tracks)
