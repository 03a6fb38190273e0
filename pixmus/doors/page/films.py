"""The finished films at first sight: a poster, what the music does, and how it looks as sound."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache
from html import escape
from pathlib import Path

import av
import numpy as np

from pixmus.doors.page import markup
from pixmus.doors.page.inline import jpeg_url, spectrum_url
from pixmus.doors.page.said import music_line
from pixmus.doors.page.showcase import Example
from pixmus.waveform import SAMPLE_RATE

MOST_FILMS = 6  # three by two
POSTER_WIDTH = 400  # pixels
POSTER_AT = 0.4  # of the film, where none is named: the beginning of many a film is dark
STRIP_SIZE = (400, 40)  # pixels


def films(examples: Sequence[Example]) -> str:
    """The scored films of the first examples, to be played where the visitor's own will stand."""
    shown = examples[:MOST_FILMS]
    with ThreadPoolExecutor(2) as pool:  # decoding and spectra leave the interpreter free
        figures = "".join(pool.map(_film, range(len(shown)), shown))
    return f'<div class="pm-films">{figures}</div>' if figures else ""


def _film(index: int, example: Example) -> str:
    picture, strip = poster(example.scored, example.poster_at), _strip(example.scored)
    shown = f' poster="{picture}"' if picture else ""
    drawn = (
        f'<img src="{strip}" alt="Its sound, from low to high, as time goes on">' if strip else ""
    )
    return (
        f'<figure class="pm-film"><video playsinline preload="none"{shown} '
        f'src="{markup.file_url(example.scored)}" aria-label="{escape(example.title)}"></video>'
        f'<button type="button" class="pm-play" aria-label="Play {escape(example.title)}"></button>'
        f"{drawn}<figcaption><strong>{escape(example.title)}</strong> "
        f"{escape(music_line(example.take()))} {markup.credit_line(example.credit)}"
        f'<button type="button" class="pm-open" '
        f'data-index="{index}" aria-label="Open {escape(example.title)}: its notes, settings and '
        'files">Open it<span>: notes, settings, files</span></button></figcaption></figure>'
    )


@lru_cache
def poster(film: Path, at: float | None = None) -> str:
    """A frame of the film, the one at so many seconds where that is given, as the address of a
    JPEG picture; "" where it cannot be read.
    """
    try:
        with av.open(str(film)) as container:
            stream = container.streams.video[0]
            seconds = float((stream.duration or 0) * (stream.time_base or 0))
            wanted = POSTER_AT * seconds if at is None else at
            # From the last key frame before it; where that is not known, from the beginning.
            with suppress(av.FFmpegError):
                container.seek(round(1e6 * wanted))
            picture = None
            for frame in container.decode(stream):
                picture = frame
                if frame.time >= wanted:
                    break
            if picture is None:
                return ""
            image = picture.to_image()  # type: ignore[no-untyped-call]
    except (av.FFmpegError, IndexError):
        return ""
    height = max(1, round(POSTER_WIDTH * image.height / image.width))
    return jpeg_url(image.resize((POSTER_WIDTH, height)))


def _strip(film: Path) -> str:
    """The mel spectrogram of the film's sound as a JPEG picture, "" where there is none."""
    try:
        with av.open(str(film)) as container:
            if not container.streams.audio:
                return ""
            # A film of ours holds one sound without gaps: none of it is looked for or mended.
            resampler = av.AudioResampler("fltp", "stereo", SAMPLE_RATE)
            frames = (*container.decode(audio=0), None)
            heard = [part.to_ndarray() for frame in frames for part in resampler.resample(frame)]
            picture = container.streams.video[0]
            length = round(float((picture.duration or 0) * (picture.time_base or 0)) * SAMPLE_RATE)
    except (av.FFmpegError, IndexError):
        return ""
    return spectrum_url(np.concatenate(heard, axis=1)[:, :length], STRIP_SIZE) if heard else ""
