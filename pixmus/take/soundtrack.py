"""`Soundtrack`: one take, the music for a clip and everything it was made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pixmus.check.findings import Check
from pixmus.compose.accents import AccentReport
from pixmus.cues.sheet import CueSheet
from pixmus.picture.features import Features
from pixmus.picture.frames import Frame
from pixmus.picture.video import Video
from pixmus.picture.write import MuxReport, mux
from pixmus.score.notes import Score
from pixmus.score.tempo import TempoMap
from pixmus.sound.stems import Stems
from pixmus.take.exports import write_bundle

SCORED = Path("scored.mp4")  # in the bundle


@dataclass(frozen=True)
class Soundtrack:
    """One take: the music for a clip and everything it was made of."""

    video: Video
    features: Features
    cue_sheet: CueSheet
    tempo_map: TempoMap
    score: Score
    accent_report: AccentReport
    check: Check | None  # beside real music; None where the model has no ranges of it
    stems: Stems
    music: np.ndarray  # float32 (2, samples): the music alone
    sound: np.ndarray  # float32 (2, samples): what the scored clip plays
    own_sound: np.ndarray | None  # float32 (2, samples): the clip's own, before
    thumbnails: tuple[Frame, ...]
    settings: dict[str, Any]
    hashes: dict[str, str]
    timings: dict[str, float]  # seconds per stage
    written: dict[Path, tuple[int, int]] = field(default_factory=dict)  # clips, as `_state` says

    def __repr__(self) -> str:
        return (
            f"Soundtrack({self.video.path.name!r}, {self.score.key}, seed {self.settings['seed']})"
        )

    def write_video(self, path: Path | str, overwrite: bool = False) -> MuxReport:
        """Write the clip with its soundtrack."""
        path = Path(path)
        report = mux(self.video, self.sound, path, overwrite=overwrite)
        if path.suffix.lower() == SCORED.suffix:
            self.written[path.absolute()] = _state(path)
        return report

    def save(self, folder: Path | str, overwrite: bool = False) -> None:
        """Write the scored clip and everything beside it (see `exports.write_bundle`)."""
        write_bundle(self, Path(folder), overwrite=overwrite, made={SCORED.name: self._scored()})

    def _scored(self) -> Path | None:
        """A scored clip that was written before and is as it was, so that none is encoded twice."""
        there = (path for path, state in self.written.items() if _state(path) == state)
        return next(there, None)


def _state(path: Path) -> tuple[int, int]:
    """Size and time of change (ns) of a file, (-1, -1) where there is none."""
    try:
        found = path.stat()
    except OSError:
        return -1, -1
    return found.st_size, found.st_mtime_ns
