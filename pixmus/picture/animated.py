"""`film_of`: an animated WebP as a film that FFmpeg opens, which reads no more of one than a still.

Pillow draws its frames, one after another; they are packed without loss, at their own times.
"""

from __future__ import annotations

import functools
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageSequence

from pixmus.errors import PixMusError
from pixmus.files import named

WEBP = "webp"  # as a codec is called
ANIMATED = 0x02  # flag of a WebP file's extended header
MILLISECOND = Fraction(1, 1000)
SHORTEST, INSTEAD = 10, 100  # milliseconds: frames as short or shorter are shown as browsers do
FASTEST = {"compression_level": "1"}


def is_animated_webp(path: Path) -> bool:
    """Whether a file is a WebP of more than one frame; PixMusError where it is broken."""
    with path.open("rb") as file:
        head = file.read(21)
    if len(head) < 21 or (head[:4], head[8:16]) != (b"RIFF", b"WEBPVP8X"):
        return False
    if not head[20] & ANIMATED:
        return False
    with _told(path), Image.open(path) as image:
        return getattr(image, "n_frames", 1) > 1


def film_of(path: Path) -> io.BytesIO:
    """The frames of an animated WebP with their transparency, as PNG in mov, each at its time.

    What it says of repeating is left out. PixMusError where it is cut off, damaged or too large.
    """
    stat = named(path).stat()
    return io.BytesIO(_packed(path.absolute(), stat.st_mtime_ns, stat.st_size))


@functools.lru_cache(maxsize=1)  # a clip is opened some times in a row
def _packed(path: Path, changed: int, size: int) -> bytes:
    film = io.BytesIO()
    with _told(path), Image.open(path) as image, av.open(film, "w", format="mov") as out:
        stream = out.add_stream("png", options=FASTEST)
        stream.width, stream.height, stream.pix_fmt = image.width, image.height, "rgba"
        stream.time_base = stream.codec_context.time_base = MILLISECOND
        time = 0
        for drawn in ImageSequence.Iterator(image):
            picture = np.asarray(drawn.convert("RGBA"))  # which draws it, and knows its length
            length = int(drawn.info.get("duration") or 0)
            length = INSTEAD if length <= SHORTEST else length
            frame = av.VideoFrame.from_ndarray(picture, "rgba")
            frame.pts, frame.time_base = time, MILLISECOND
            for packet in stream.encode(frame):
                packet.duration = length
                out.mux(packet)
            time += length
    return film.getvalue()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What Pillow raises of a file that is broken or huge, as one sentence."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except (Image.DecompressionBombWarning, Image.DecompressionBombError, MemoryError) as error:
        raise PixMusError(f"{path} has too many pixels; give a smaller image.") from error
    except (OSError, ValueError, SyntaxError) as error:
        raise PixMusError(
            f"{path} is cut off or damaged and cannot be read as an animated WebP; copy or export "
            "it again."
        ) from error
