"""The mp4 or mov file that is written: packets of picture and sound in order of time.

Conventions: a waveform is float32 (2, samples) at `SAMPLE_RATE`; packets carry their own clocks.
"""

from __future__ import annotations

import heapq
import mmap
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream

from pixmus.picture.timecode import timecode
from pixmus.picture.video import Video
from pixmus.waveform import SAMPLE_RATE

AAC_BIT_RATE = 192_000  # bits a second
AAC_FRAME = 1024  # samples
AHEAD = 64  # packets of sound that are encoded while others are written, 1.5 s
MOVIE_TIMESCALE = "90000"  # ticks a second of the edit list's lengths; FFmpeg's own 1000 is coarse


@contextmanager
def create_container(path: Path, container_format: str) -> Iterator[OutputContainer]:
    container = av.open(
        str(path.absolute()),
        "w",
        format=container_format,
        container_options={"movflags": "+faststart", "movie_timescale": MOVIE_TIMESCALE},
    )
    try:
        yield container
    except BaseException:
        with suppress(Exception):
            container.close()
        raise
    container.close()


def carry_over(
    out: OutputContainer, picture: VideoStream, video: Video, start: float, end: float
) -> None:
    """Give a new clip the timecode and the chapters of the part of `video` that it shows.

    FFmpeg writes a track of timecode for a picture that says where its own begins.
    """
    if video.timecode is not None:
        picture.metadata["timecode"] = timecode(start, video.frame_rate, video.timecode)
    parts = [(max(c.start, start) - start, min(c.end, end) - start, c) for c in video.chapters]
    out.set_chapters(
        [
            {
                "id": number,
                "start": round(1000 * begin),
                "end": round(1000 * stop),
                "time_base": Fraction(1, 1000),
                "metadata": {"title": chapter.title},
            }
            for number, (begin, stop, chapter) in enumerate(parts, start=1)
            if round(1000 * begin) < round(1000 * stop)
        ]
    )


def interleave(
    out: OutputContainer,
    picture: Iterator[av.Packet],
    waveform: np.ndarray | None,
    duration: float,
) -> None:
    """Write the picture's packets and the encoded sound, if any, in order of time."""
    if waveform is None:
        for packet in picture:
            out.mux(packet)
        return
    # The fast coder takes 0.4 of the time for 0.7 dB at this bit rate; intensity stereo, which is
    # for lower ones, would cost 7 dB (experiment 162).
    sound = out.add_stream(
        "aac",
        rate=SAMPLE_RATE,
        layout="stereo",
        bit_rate=AAC_BIT_RATE,
        options={"aac_coder": "fast", "aac_is": "0"},
    )
    num_samples = round(duration * SAMPLE_RATE)
    encoded = _ahead(encode_sound(sound, waveform, num_samples))
    for packet in heapq.merge(picture, encoded, key=_moment):
        out.mux(packet)


def _ahead(packets: Iterator[av.Packet]) -> Iterator[av.Packet]:
    """The same packets, made in a thread while those before them are written."""
    with ThreadPoolExecutor(1) as beside:
        made = list(islice(packets, 1))  # the first opens the coder, which writing relies on
        while made:
            yield made[0]
            coming = beside.submit(lambda: list(islice(packets, AHEAD)))
            yield from made[1:]
            made = coming.result()


def _moment(packet: av.Packet) -> float:
    base = packet.time_base
    assert packet.dts is not None and base is not None, packet
    return packet.dts * base.numerator / base.denominator


def encode_sound(
    stream: av.AudioStream, waveform: np.ndarray, num_samples: int
) -> Iterator[av.Packet]:
    """Yield AAC packets; the first starts 1024 samples before 0, and the edit list says so."""
    for start in range(0, num_samples, AAC_FRAME):
        block = np.zeros((2, min(AAC_FRAME, num_samples - start)), np.float32)
        given = waveform[:, start : start + block.shape[1]]
        block[:, : given.shape[1]] = given
        frame = av.AudioFrame.from_ndarray(block, "fltp", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, start, Fraction(1, SAMPLE_RATE)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def last_timing(timing: list[tuple[int, int, int]], last: int, length: int) -> tuple[int, int, int]:
    """(pts, dts, duration) of the last packet decoded where the frame displayed last, at `last`
    ticks, stays for longer than others do.

    An mp4 file's own length is the sum of its packets' lengths in decoding order: the last of them
    has to make up for the stay of a frame that was decoded before it.
    """
    pts, dts, duration = timing[-1]
    stays = pts != last and length > 1.5 * usual_length(timing)
    return pts, dts, max(duration, last + length - dts) if stays else duration


def usual_length(timing: list[tuple[int, int, int]]) -> int:
    """The median length of packets, in ticks."""
    return sorted(length for _, _, length in timing)[len(timing) // 2]


def end_edit(path: Path, duration: float) -> None:
    """Let the picture's edit list end at `duration` seconds."""
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as data:
        moov = next(span for kind, *span in _boxes(data, 0, len(data)) if kind == b"moov")
        for kind, *trak in _boxes(data, *moov):
            if kind != b"trak" or data.find(b"vide", *_box(data, trak, b"mdia", b"hdlr")) < 0:
                continue
            edits, _ = _box(data, trak, b"edts", b"elst")
            if edits and data[edits] == 0:  # version 0: 32-bit lengths (ISO 14496-12, 8.6.6)
                struct.pack_into(">I", data, edits + 8, round(duration * int(MOVIE_TIMESCALE)))


def _box(data: mmap.mmap, span: list[int], *kinds: bytes) -> list[int]:
    """Where the content of the first box along the path `kinds` starts and ends."""
    for wanted in kinds:
        span = next((found for kind, *found in _boxes(data, *span) if kind == wanted), [0, 0])
    return span


def _boxes(data: mmap.mmap, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield (kind, start of content, end) of the boxes of an mp4 file (ISO 14496-12, 4.2)."""
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, start)
        content = start + 8
        if size == 1:
            size, content = struct.unpack_from(">Q", data, content)[0], start + 16
        size = size if size >= 8 else end - start
        yield kind, content, start + size
        start += size
