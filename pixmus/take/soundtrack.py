"""`Soundtrack`: one take, the music for a clip and everything it was made of."""

from __future__ import annotations

from dataclasses import dataclass
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

    def __repr__(self) -> str:
        return (
            f"Soundtrack({self.video.path.name!r}, {self.score.key}, seed {self.settings['seed']})"
        )

    def write_video(self, path: Path | str, overwrite: bool = False) -> MuxReport:
        """Write the clip with its soundtrack."""
        return mux(self.video, self.sound, Path(path), overwrite=overwrite)

    def save(self, folder: Path | str, overwrite: bool = False) -> None:
        """Write the scored clip and everything beside it (see `exports.write_bundle`)."""
        write_bundle(self, Path(folder), overwrite=overwrite)
