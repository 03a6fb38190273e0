"""The mp4 or mov file that is written: packets of picture and sound in order of time.

Conventions: a waveform is float32 (2, samples) at `SAMPLE_RATE`; packets carry their own clocks.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer

from pixmus.waveform import SAMPLE_RATE

AAC_BIT_RATE = 192_000  # bits a second
AAC_FRAME = 1024  # samples
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
    # The fast coder takes 0.4 of the time for 0.7 dB at this bit rate.
    sound = out.add_stream(
        "aac",
        rate=SAMPLE_RATE,
        layout="stereo",
        bit_rate=AAC_BIT_RATE,
        options={"aac_coder": "fast"},
    )
    num_samples = round(duration * SAMPLE_RATE)
    for packet in heapq.merge(picture, encode_sound(sound, waveform, num_samples), key=_moment):
        out.mux(packet)


def _moment(packet: av.Packet) -> float:
    assert packet.dts is not None and packet.time_base is not None, packet
    return float(packet.dts * packet.time_base)


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
