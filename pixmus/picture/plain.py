"""Plain frames: those of any camera as every screen shows them, whole, in BT.709 and opaque.

Interlaced frames are deinterlaced, one for each (FFmpeg's bwdif); HDR is brought to BT.709
(`tone`); what is transparent is black.
"""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from pixmus.picture.filtering import FrameFilter
from pixmus.picture.tone import HLG, PQ, sdr_image, write_cube

Timed = tuple[float, VideoFrame]


def has_alpha(form: VideoFormat) -> bool:
    return any(component.is_alpha for component in form.components)


def is_hdr(frame: VideoFrame) -> bool:
    return frame.color_trc in (PQ, HLG)


def small_image(
    reformatter: VideoReformatter, frame: VideoFrame, width: int, height: int
) -> np.ndarray:
    """A frame reduced by area, plain but for its lines: uint8 RGB (height, width, 3)."""
    form = "rgba" if has_alpha(frame.format) else "rgb24"
    small = reformatter.reformat(
        frame, width, height, form, interpolation=Interpolation.AREA, threads=1
    )
    image = small.to_ndarray()
    if form == "rgba":
        image = _over_black(image)
    return sdr_image(image, int(frame.color_trc)) if is_hdr(frame) else image


def _over_black(image: np.ndarray) -> np.ndarray:
    """Of uint8 (height, width, 4) the colours, as dark as they are transparent."""
    product = image[..., :3].astype(np.uint16) * image[..., 3:] + 127
    return (product // 255).astype(np.uint8)


class Plain:
    """Makes frames plain for encoding at a size, and remembers what had to be done."""

    def __init__(self) -> None:
        self.deeds: list[str] = []  # in words, for a sentence
        self._deinterlacer = FrameFilter(("bwdif", {"mode": "send_frame", "deint": "interlaced"}))
        self._mapper: FrameFilter | None = None
        self._reformatter = VideoReformatter()
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def frames(self, shown: Iterator[Timed]) -> Iterator[Timed]:
        """The same frames at the same times."""
        try:
            for time, frame in self._whole(shown):
                if is_hdr(frame):
                    self._note("brought from HDR to BT.709")
                    yield time, self._mapped(frame)
                elif has_alpha(frame.format):
                    image = frame.to_ndarray(format="rgba")
                    if image[..., 3].min() < 255:
                        self._note("laid over black where it is transparent")
                    opaque = VideoFrame.from_ndarray(_over_black(image), "rgb24")
                    yield time, _like(opaque, frame)
                else:
                    yield time, frame
        finally:
            if self._folder is not None:
                self._folder.cleanup()

    def _note(self, deed: str) -> None:
        if deed not in self.deeds:
            self.deeds.append(deed)

    def _whole(self, shown: Iterator[Timed]) -> Iterator[Timed]:
        """Frames deinterlaced from the first interlaced one on; the filter keeps their number."""
        times: deque[float] = deque()
        is_on = False
        for time, frame in shown:
            is_on |= frame.interlaced_frame
            if not is_on:
                yield time, frame
                continue
            self._note("deinterlaced")
            times.append(time)
            for done in self._deinterlacer.push(frame):
                yield times.popleft(), done
        for done in self._deinterlacer.push(None):
            yield times.popleft(), done

    def _mapped(self, frame: VideoFrame) -> VideoFrame:
        if self._mapper is None:
            self._folder = tempfile.TemporaryDirectory(prefix="pixmus-tone-")
            cube = Path(self._folder.name) / "sdr.cube"
            write_cube(cube, int(frame.color_trc))
            self._mapper = FrameFilter(("lut3d", {"file": str(cube)}))
        colours = self._reformatter.reformat(frame, format="gbrp10le")
        return _like(self._mapper.push(colours)[0], frame)


def _like(frame: VideoFrame, other: VideoFrame) -> VideoFrame:
    frame.pts, frame.time_base = other.pts, other.time_base
    return frame
