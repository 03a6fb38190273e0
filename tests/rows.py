"""Rows of a dataset table, by number; their pictures, read one by one."""

from collections.abc import Iterator

from pixmus.dataset.layouts import Segment
from pixmus.dataset.media import Media, check_length, probe_picture
from pixmus.dataset.table import Row
from pixmus.picture.frames import Frame, read_frames
from pixmus.picture.video import Video


def row(
    number: int, picture: str, audio: str = "", references: tuple[str, ...] = (), **how: object
) -> Row:
    segments = tuple(Segment(name, 10.0 * i, 10.0 * i + 10) for i, name in enumerate(references))
    values = {"kind": "video", "start": 0.0, "end": 30.0, "audio_start": 0.0, "audio_end": 30.0}
    return Row(number, f"r{number}", picture=picture, audio=audio, segments=segments, **values)


def open_picture(row: Row, media: Media) -> Video:
    """The clip or still that a row names."""
    video = probe_picture(row, media)
    check_length(row, video)
    return video


def row_frames(row: Row, video: Video) -> Iterator[Frame]:
    """A row's frames, timed from its start."""
    start = 0.0 if video.is_still else row.start
    for frame in read_frames(video):
        if frame.time >= start + row.duration:
            return
        if frame.time >= start:
            yield Frame(frame.time - start, frame.image)
