"""A part of an open film, cut out and encoded as small as an example is: no GPU, PyAV alone.

The film is not in the repository; a script names where it comes from, whose it is, under what
licence, and which file exactly (by SHA-256). Times are seconds from the film's first frame.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

SAMPLE_RATE = 44_100  # Hz
SOUND_BIT_RATE = 96_000  # bits a second
FADE_S = 0.02  # of the sound at both ends, so that it does not click
KEY_FRAMES = 120  # frames from one to the next at most
MATRICES = {"BT.601": 6, "BT.709": 1}  # codes of primaries, transfer and matrix (ITU-T H.273)


@dataclass(frozen=True)
class Excerpt:
    """Where a film comes from, whose it is, and which part of it is an example."""

    title: str
    source: str  # where the file is to be had
    sha256: str
    credit: str
    licence: str
    start: float  # the time of the first frame taken
    end: float  # the time of the first frame after it
    size: tuple[int, int]  # pixels, width and height
    colours: str  # a key of MATRICES: what the film's YUV means
    crf: float
    with_sound: bool = False


def cut_out(excerpt: Excerpt, film: Path, path: Path) -> None:
    """Write the part as H.264 (8-bit 4:2:0) with, where asked for, its sound as AAC."""
    with (
        av.open(str(film)) as given,
        av.open(str(path), "w", options={"movflags": "+faststart"}) as out,
    ):
        out.metadata.update(
            title=excerpt.title, artist=excerpt.credit, copyright=excerpt.licence,
            comment=f"Part of {excerpt.source}, encoded anew",
        )  # fmt: skip
        shown = given.streams.video[0]
        rate = shown.average_rate
        assert rate is not None
        picture = out.add_stream("libx264", rate=rate)
        picture.width, picture.height = excerpt.size
        picture.pix_fmt = "yuv420p"
        context = picture.codec_context
        context.time_base = 1 / rate
        matrix = MATRICES[excerpt.colours]
        context.color_primaries = context.color_trc = context.colorspace = matrix
        context.color_range = av.video.reformatter.ColorRange.MPEG
        context.options = {
            "crf": str(excerpt.crf),
            "preset": "veryslow",
            "x264-params": f"aq-mode=3:aq-strength=0.9:threads=2:keyint={KEY_FRAMES}",
        }
        sound = None
        if excerpt.with_sound:
            sound = out.add_stream("aac", rate=SAMPLE_RATE, layout="stereo")
            sound.bit_rate = SOUND_BIT_RATE
        for index, frame in enumerate(_frames(excerpt, given)):
            frame = frame.reformat(*excerpt.size, format="yuv420p", interpolation="LANCZOS")
            frame.pts, frame.time_base = index, 1 / rate
            frame.pict_type = av.video.frame.PictureType.NONE  # the film's own choice is no order
            out.mux(picture.encode(frame))
        out.mux(picture.encode(None))
        if sound is not None:
            heard = av.AudioFrame.from_ndarray(_sound(excerpt, film), "fltp", "stereo")
            heard.sample_rate, heard.pts = SAMPLE_RATE, 0
            heard.time_base = Fraction(1, SAMPLE_RATE)
            out.mux(sound.encode(heard))
            out.mux(sound.encode(None))


def _frames(excerpt: Excerpt, film: av.container.InputContainer) -> Iterator[av.VideoFrame]:
    for frame in film.decode(video=0):
        if frame.time >= excerpt.end - 1e-3:
            return
        if frame.time >= excerpt.start - 1e-3:
            yield frame


def _sound(excerpt: Excerpt, film: Path) -> np.ndarray:
    """The film's sound of the part, float32 (2, samples)."""
    resampler = av.AudioResampler("fltp", "stereo", SAMPLE_RATE)
    with av.open(str(film)) as given:
        frames = (*given.decode(audio=0), None)
        parts = [part.to_ndarray() for frame in frames for part in resampler.resample(frame)]
    start, stop = (round(time * SAMPLE_RATE) for time in (excerpt.start, excerpt.end))
    heard = np.ascontiguousarray(np.concatenate(parts, axis=1)[:, start:stop])
    ramp = np.linspace(0.0, 1.0, round(FADE_S * SAMPLE_RATE), dtype=np.float32)
    heard[:, : len(ramp)] *= ramp
    heard[:, -len(ramp) :] *= ramp[::-1]
    return heard


def main(excerpt: Excerpt) -> None:
    """`NAME.py FILM out.mp4`: cut the example out of the film that was fetched from its source."""
    parser = argparse.ArgumentParser(description=f"{excerpt.title}: {excerpt.source}")
    parser.add_argument("film", type=Path, help="the file, as it is had from its source")
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    found = hashlib.sha256(arguments.film.read_bytes()).hexdigest()
    if found != excerpt.sha256:
        sys.exit(
            f"{arguments.film} is not the film that the example was cut from; fetch "
            f"{excerpt.source} (SHA-256 {excerpt.sha256[:12]}...)."
        )
    cut_out(excerpt, arguments.film, arguments.out)
