"""The finished films at first sight: a poster, what the music does, and how it looks as sound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

import av

from pixmus.choices import ENSEMBLE, KEY
from pixmus.doors.page import markup
from pixmus.doors.page.inline import jpeg_url, spectrum_url
from pixmus.doors.page.showcase import Example
from pixmus.errors import PixMusError
from pixmus.picture.sound import read_audio
from pixmus.picture.video import probe

MOST_FILMS = 4  # two by two
POSTER_WIDTH = 400  # pixels
POSTER_AT = 0.4  # of the film: the beginning of many a film is dark
STRIP_SIZE = (400, 40)  # pixels


def films(examples: Sequence[Example]) -> str:
    """The scored films of the first examples, to be played where the visitor's own will stand."""
    figures = "".join(_film(example) for example in examples[:MOST_FILMS])
    return f'<div class="pm-films">{figures}</div>' if figures else ""


def music_line(example: Example) -> str:
    """One line of what the music does, from the numbers of `take.json`; "" where it has none."""
    found: Mapping[str, Any] = example.take()
    settings, tempo = found.get("settings") or {}, found.get("tempo") or {}
    ensemble, key = settings.get(ENSEMBLE.name), settings.get(KEY.name)
    if not ensemble or not key:
        return ""
    line = f"{str(ensemble).capitalize()} in {key}"
    if "median_bpm" in tempo:
        line += f" at {tempo['median_bpm']:.0f} bpm"
    accents = found.get("accents") or {}
    if accents.get("placed"):
        line += f"; it marks {accents['accented']} of {accents['placed']} moments of the picture"
    return f"{line}."


def _film(example: Example) -> str:
    picture, strip = poster(example.scored), _strip(example.scored)
    shown = f' poster="{picture}"' if picture else ""
    drawn = (
        f'<img src="{strip}" alt="Its sound, from low to high, as time goes on">' if strip else ""
    )
    return (
        f'<figure class="pm-film"><video playsinline preload="none"{shown} '
        f'src="{markup.file_url(example.scored)}" aria-label="{escape(example.title)}"></video>'
        f'<button type="button" aria-label="Play {escape(example.title)}"></button>'
        f"{drawn}<figcaption><strong>{escape(example.title)}</strong> "
        f"{escape(music_line(example))}</figcaption></figure>"
    )


@lru_cache
def poster(film: Path) -> str:
    """A frame of the film as the address of a JPEG picture, "" where it cannot be read."""
    try:
        with av.open(str(film)) as container:
            stream = container.streams.video[0]
            seconds = float((stream.duration or 0) * (stream.time_base or 0))
            picture = None
            for frame in container.decode(stream):
                picture = frame
                if frame.time >= POSTER_AT * seconds:
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
        sound = read_audio(probe(film))
    except (PixMusError, av.FFmpegError):
        return ""
    if sound is None:
        return ""
    return spectrum_url(sound, STRIP_SIZE)
