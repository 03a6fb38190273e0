"""Rows of a dataset table, by number."""

from pixmus.dataset.layouts import Segment
from pixmus.dataset.table import Row


def row(
    number: int, picture: str, audio: str = "", references: tuple[str, ...] = (), **how: object
) -> Row:
    segments = tuple(Segment(name, 10.0 * i, 10.0 * i + 10) for i, name in enumerate(references))
    values = {"kind": "video", "start": 0.0, "end": 30.0, "audio_start": 0.0, "audio_end": 30.0}
    return Row(number, f"r{number}", picture=picture, audio=audio, segments=segments, **values)
