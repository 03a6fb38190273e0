"""`Frame`: the pictures of a clip, each displayed frame once, with its time.

Conventions: as in `video`; images are uint8 RGB (height, width, 3) as displayed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from PIL import Image

from pixmus.picture.filtering import FrameFilter
from pixmus.picture.plain import small_image
from pixmus.picture.still import still_image
from pixmus.picture.stream import (
    frames_of,
    has_display_times,
    is_hidden,
    open_clip,
    packets_of,
    picture_stream,
    ticks,
)
from pixmus.picture.video import STILL_FRAME_RATE, Video, display_matrix
from pixmus.picture.views import VIEW_SIZE, view_spacing

# More than cores that a small machine has: while a frame is made small the others go on, and in
# H.264 one waits for rows of the frame that another is at (experiments 162 and 173).
DECODING_THREADS = 6
EVERY_SECOND_LINE: tuple[str, dict[str, str]] = ("field", {})
BLOCK = 8  # pixels that a coder's blocks are wide and high, at least
LEAST_LINES = 5  # of the picture for each of a small one: with 3, waves seem to move faster


@dataclass(frozen=True)
class Frame:
    """One displayed frame, small."""

    time: float
    image: np.ndarray  # (height, width, 3) uint8 RGB
    square: np.ndarray | None = None  # the same squeezed for a view, where one was due


def read_frames(video: Video, max_width: int = 160, with_views: bool = False) -> Iterator[Frame]:
    """Yield every displayed frame once, in order, its longer side at most `max_width` pixels.

    `with_views` squeezes a frame every `view_spacing` seconds for the image network too. Where a
    pixel of either is as wide as a block of the coder, H.264's blocks need not be smoothed (HEVC
    filters more, and what it shows would be named otherwise), and where there are many lines every
    second tells as much as all (experiment 85).
    """
    scale = min(1.0, max_width / max(video.width, video.height))
    width, height = (max(2, round(side * scale)) for side in (video.width, video.height))
    coarseness = min(1 / scale, max(video.width, video.height) / VIEW_SIZE)
    is_rough = coarseness >= BLOCK and video.codec == "h264"
    if video.is_still:
        still = still_image(video.path)
        image = np.asarray(still.resize((width, height), Image.Resampling.BOX))
        square = (VIEW_SIZE, VIEW_SIZE)
        view = np.asarray(still.resize(square, Image.Resampling.BICUBIC)) if with_views else None
        for index in range(max(1, round(video.duration * STILL_FRAME_RATE))):
            yield Frame(float(index / STILL_FRAME_RATE), image, view)
            view = None
        return
    if video.rotation % 180:
        width, height = height, width
    reformatter, reformatter_of_views = VideoReformatter(), VideoReformatter()
    turn: Callable[[np.ndarray], np.ndarray] | None = None
    thinned = _Thinning(height)
    next_view = 0.0 if with_views else math.inf
    with open_clip(video.path) as container:
        stream = picture_stream(container, video.path)
        for time, frame in displayed_frames(container, stream, video, is_rough):
            if turn is None:
                turn = _turn(display_matrix(frame))
            view = None
            if time >= next_view:
                next_view = time + view_spacing(video.duration) - 1e-3
                view = turn(small_image(reformatter_of_views, frame, VIEW_SIZE, VIEW_SIZE))
            # Area averaging spares the curves the flicker of aliasing.
            small = small_image(reformatter, thinned.frame(frame), width, height)
            yield Frame(time, turn(small), view)


def displayed_frames(
    container: InputContainer, stream: VideoStream, video: Video, is_rough: bool = False
) -> Iterator[tuple[float, VideoFrame]]:
    """Yield (time, decoded frame) for every displayed frame; damaged packets are left out.

    `is_rough` leaves the edges of the coder's blocks unsmoothed, a sixth of what decoding costs.
    """
    stream.thread_type = "AUTO"
    stream.codec_context.thread_count = DECODING_THREADS
    if is_rough:
        stream.codec_context.options = {"skip_loop_filter": "all"}
    ordered: list[float] = []  # times of packets as they come; AVI's frames take them in turn
    count, previous = 0, -1.0
    is_timed, (ticks_up, ticks_down) = (
        has_display_times(container),
        ticks(stream).as_integer_ratio(),
    )
    for packet in packets_of(container, video.path, stream, shifts=video.shifts):
        if (
            not is_timed
            and packet.size
            and packet.dts is not None
            and not is_hidden(packet, stream)
        ):
            ordered.append(packet.dts * ticks_up / ticks_down - video.start_time)
        for frame in frames_of(packet, stream):
            if is_timed and frame.pts is not None:
                time = frame.pts * ticks_up / ticks_down - video.start_time
            elif count < len(ordered):
                time = ordered[count]
            else:
                time = previous + float(1 / video.frame_rate)
            count += 1
            if time > previous:
                previous = time
                yield time, cast(VideoFrame, frame)


class _Thinning:
    """Every second, fourth ... line of large frames, by pointers alone: scaling reads no more."""

    def __init__(self, height: int) -> None:
        self._height = height  # of the small picture
        self._filters: dict[int, FrameFilter] = {}

    def frame(self, frame: VideoFrame) -> VideoFrame:
        """The frame with as many lines as the small picture needs."""
        halvings, lines = 0, frame.height
        while lines >= 2 * LEAST_LINES * self._height:
            halvings, lines = halvings + 1, lines // 2
        if halvings == 0 or not frame.format.is_planar:
            return frame
        if halvings not in self._filters:
            self._filters[halvings] = FrameFilter(*[EVERY_SECOND_LINE] * halvings)
        return self._filters[halvings].push(frame, most=1)[-1]


def _turn(matrix: tuple[int, int, int, int]) -> Callable[[np.ndarray], np.ndarray]:
    """A function that turns and mirrors an image by whole quarter turns, as a player would."""
    a, b, c, d = matrix
    is_sideways = abs(b) > abs(a)
    flip_x, flip_y = (c < 0, b < 0) if is_sideways else (a < 0, d < 0)

    def turn(image: np.ndarray) -> np.ndarray:
        if is_sideways:
            image = image.swapaxes(0, 1)
        return np.ascontiguousarray(image[:: -1 if flip_y else 1, :: -1 if flip_x else 1])

    return turn
