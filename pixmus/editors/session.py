"""A `Session`: what an editor or a music program opens of a take: picture, stems, notes, markers.

Conventions: times are seconds from the first displayed frame; paths are relative to the folder in
which the session lies.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from pixmus.cues.cut_list import OWN_CUE
from pixmus.cues.sheet import CueSheet
from pixmus.picture.timecode import Counting, counting_from
from pixmus.score.midi import pickup_beats
from pixmus.score.notes import Score
from pixmus.waveform import SAMPLE_RATE


@dataclass(frozen=True)
class SessionMarker:
    """A hit point with its strength 0..1, or a cue, which has an end."""

    time: float
    name: str
    strength: float | None = None
    end: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", in_one_line(self.name))


@dataclass(frozen=True)
class Session:
    """What editors and music programs open of a take."""

    title: str
    duration: float
    counting: Counting  # of the clip's timecode
    first_frame: int  # the number that its first frame has
    markers: tuple[SessionMarker, ...]
    score: Score
    picture: str  # the file of the scored clip
    stems: Mapping[str, str] = field(default_factory=dict)  # part -> its file
    programs: Mapping[str, int] = field(default_factory=dict)  # part -> General MIDI programme

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", in_one_line(self.title))

    @property
    def num_samples(self) -> int:
        """Length of every stem."""
        return round(self.duration * SAMPLE_RATE)

    @property
    def start(self) -> float:
        """What the clip's clock shows at its first frame, seconds."""
        return float(self.counting.seconds(self.first_frame))

    def frame(self, time: float) -> int:
        """The number of the frame nearest to a time."""
        return self.first_frame + max(0, round(time * self.counting.rate))

    def timecode(self, time: float) -> str:
        """The timecode of the frame nearest to a time."""
        return self.counting.spell(self.frame(time))

    @property
    def pickup(self) -> int:
        """Whole beats between the first frame and the first downbeat."""
        return pickup_beats(self.score.tempo_map)

    def beat_times(self) -> np.ndarray:
        """(beats + 1,) when each beat begins, the pickup's first."""
        times = self.score.tempo_map.beat_times
        before = np.linspace(0.0, times[0], self.pickup + 1)[:-1]
        return np.concatenate([before, times])

    def bars(self) -> list[tuple[int, int]]:
        """First beat and length of every bar, the pickup's first."""
        tempo_map = self.score.tempo_map
        bars = [(0, self.pickup)] if self.pickup else []
        starts = zip(tempo_map.bar_starts, tempo_map.bar_lengths, strict=True)
        return bars + [(start + self.pickup, length) for start, length in starts]


def in_one_line(name: str) -> str:
    """A name as lines of text and XML hold it: without control characters and ends of lines."""
    return " ".join("".join(" " if _is_no_text(c) else c for c in name).split())


def _is_no_text(character: str) -> bool:
    """Control characters, surrogates, separators of lines, and what Unicode calls noncharacters."""
    kind = unicodedata.category(character)
    return kind in ("Cc", "Cs", "Zl", "Zp") or ord(character) & 0xFFFE == 0xFFFE


def session_markers(sheet: CueSheet) -> tuple[SessionMarker, ...]:
    """The cues and hit points of a cue sheet, in order of time."""
    found = [
        SessionMarker(cue.start, f"{OWN_CUE}{cue.name}" if cue.name else OWN_CUE.strip(": "),
                      end=cue.end)
        for cue in sheet.cues
    ]  # fmt: skip
    found += [
        SessionMarker(hit.time, f"hit {hit.strength:.2f}", hit.strength) for hit in sheet.hit_points
    ]
    return tuple(sorted(found, key=lambda marker: marker.time))


def counted(sheet: CueSheet, timecode: str | None) -> tuple[Counting, int]:
    """How a clip counts its frames, and the number of its first, which has this timecode."""
    return counting_from(sheet.frame_rate, timecode)
