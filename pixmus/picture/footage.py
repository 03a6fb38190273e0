"""`Footage`: a clip that was watched once, all that any number of takes need of its picture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from pixmus.choices import STILL_DURATION_S, Length
from pixmus.picture.features import Features, extract_features
from pixmus.picture.frames import Frame, read_frames
from pixmus.picture.sound import read_sound
from pixmus.picture.video import Video, probe

if TYPE_CHECKING:  # torch is not needed to watch a clip
    from pixmus.picture.backbone import Backbone

NUM_THUMBNAILS = 24
NO_BACKBONE = "none"  # asks for spotting that looks at no picture of a clip as a whole


@dataclass(frozen=True)
class Footage:
    """A clip that was watched once: what any number of takes need of its picture and sound."""

    video: Video
    features: Features
    thumbnails: tuple[Frame, ...]
    audio: np.ndarray | None  # float32 (2, samples), the clip's own sound
    embedding: np.ndarray | None = None  # float32 (seconds, width), where a backbone was asked for
    notices: tuple[str, ...] = ()  # what a person should know of the clip, in sentences


def watch(
    clip: str | Path,
    still_duration: float = STILL_DURATION_S,
    backbone: Backbone | str | Path | None = None,
    length: Length | None = None,
    tracks: str = "",
    on_frame: Callable[[float], None] | None = None,
) -> Footage:
    """Decode a clip once: its features with the views that the encoder's own image network looks
    at, a few small frames and its sound.

    With a CLIP `backbone` (which decodes it once more, larger) an image embedding a second too;
    with "none" neither views nor embeddings. `on_frame` hears the seconds of each frame.
    """
    embedder = None
    with_views = backbone != NO_BACKBONE
    if backbone is not None and with_views:
        from pixmus.picture.backbone import Backbone

        embedder = backbone if isinstance(backbone, Backbone) else Backbone.load(backbone)
    video = probe(clip, still_duration=still_duration, length=length, tracks=tracks)
    thumbnails: list[Frame] = []

    def tee(frames: Iterable[Frame]) -> Iterator[Frame]:
        spacing = video.duration / NUM_THUMBNAILS
        for frame in frames:
            if on_frame is not None:
                on_frame(frame.time)
            if frame.time >= len(thumbnails) * spacing:
                thumbnails.append(replace(frame, image=frame.image.copy(), square=None))
            yield frame

    # BLAS's own threads wait for the next small product by spinning, on the cores that decode: with
    # them this takes 1.3 times as long (experiment 42). Where two clips are watched at once the one
    # thread may outlast both, which nothing here minds.
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(1) as beside:
        reading = beside.submit(read_sound, video)
        frames = tee(read_frames(video, with_views=with_views))
        features = extract_features(frames, video.duration, video.frame_rate)
    embedding = embedder.embed(video) if embedder is not None else None
    sound = reading.result()
    return Footage(
        video,
        features,
        tuple(thumbnails),
        sound.waveform,
        embedding,
        notices=video.notices + sound.notices,
    )
