"""`Table`: the rows of a dataset of pictures with music, read as they are written.

Two layouts are known by the exact names of their columns: the thesis' own (`THESIS_COLUMNS`) and a
plainer one (`PLAIN_COLUMNS`). Columns of other names are kept as they are.

Conventions: times are seconds of the file that a row names; a still stands for seconds 0 to 30 of
its music. Audio of the thesis' layout lies in three segments of 10 s, each named
`{audio file without suffix}_{start}_{end}` (the loader of github.com/Tilak1114/music-diffusion).
"""

from __future__ import annotations

from dataclasses import dataclass, field

KINDS = ("video", "still")
SEGMENTS = (1, 2, 3)
THESIS_COLUMNS = (
    "Audio File Name", "Video File Name", "isVideo", "Video Start Time", "Video End Time",
    "MeanRGBDiff",
    *(f"Segment {k} Reference" for k in SEGMENTS),
    *(f"Segment {k} {end}" for k in SEGMENTS for end in ("Start", "End")),
)  # fmt: skip
PLAIN_COLUMNS = ("id", "kind", "picture", "audio", "start", "end", "caption")
STILL_END = 30.0  # s that a still stands for


@dataclass(frozen=True)
class Segment:
    """A stretch of a row's music: its name, and where it lies in the audio file (seconds)."""

    reference: str
    start: float
    end: float


@dataclass(frozen=True)
class Row:
    """One picture and its music."""

    number: int  # its place in the table, from 0; rows that cannot be used count
    id: str  # unique in the table
    kind: str  # one of KINDS
    picture: str  # as the table names it: a file, a path on the Hub, a video id; "" = none named
    audio: str  # the same; "" where the table has only segments
    start: float  # of the picture; 0 for a still
    end: float
    audio_start: float
    audio_end: float
    segments: tuple[Segment, ...] = ()
    motion: float | None = None  # mean RGB difference as the table states it, 0..255
    caption: str = ""
    extra: dict[str, str] = field(default_factory=dict)  # columns of other names

    @property
    def duration(self) -> float:
        """Seconds of picture and music together."""
        return self.end - self.start


@dataclass(frozen=True)
class Refusal:
    """A row that cannot be used, and why, in one sentence."""

    number: int
    reason: str


@dataclass(frozen=True)
class Table:
    """The rows of one table."""

    source: str  # what was read, as a person named it
    layout: str  # "thesis" or "plain"
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    refused: tuple[Refusal, ...] = ()
