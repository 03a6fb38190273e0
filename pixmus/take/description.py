"""What take.json says: everything needed to make a take again and to know what it is."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, is_dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pixmus.cues.sheet import CueSheet

if TYPE_CHECKING:  # the command line answers sooner without them
    from pixmus.check.findings import Check
    from pixmus.picture.frames import Frame
    from pixmus.score.notes import Score
    from pixmus.score.tempo import TempoMap


VERSIONED_PACKAGES = ("pixmus", "torch", "diffusers", "numpy", "av", "soundfile", "mido")


class Take(Protocol):
    """What exports are written from; `pipeline.Soundtrack` is one."""

    @property
    def cue_sheet(self) -> CueSheet: ...
    @property
    def tempo_map(self) -> TempoMap: ...
    @property
    def score(self) -> Score: ...
    @property
    def accent_report(self) -> Any: ...
    @property
    def check(self) -> Check | None: ...
    @property
    def stems(self) -> Mapping[str, np.ndarray]: ...
    @property
    def music(self) -> np.ndarray: ...
    @property
    def timings(self) -> Mapping[str, float]: ...
    @property
    def settings(self) -> Mapping[str, Any]: ...
    @property
    def hashes(self) -> Mapping[str, str]:
        """SHA-256 of the model's weights and of the SoundFont."""

    @property
    def thumbnails(self) -> Sequence[Frame]:
        """Small frames along the clip, for the cue timeline."""

    def write_video(self, path: Path, overwrite: bool = False) -> object: ...


def describe_take(take: Take) -> dict[str, Any]:
    """Everything needed to make the take again and to know what it is, ready for JSON."""
    tempos = np.asarray(take.tempo_map.local_tempo_bpm, dtype=float)
    changes = np.abs(np.diff(tempos) / tempos[:-1]) if len(tempos) > 1 else np.zeros(1)
    return {
        "seed": take.settings.get("seed"),
        "settings": _plain(take.settings),
        "tempo": {
            "median_bpm": round(float(np.median(tempos)), 3),
            "lowest_bpm": round(float(tempos.min()), 3),
            "highest_bpm": round(float(tempos.max()), 3),
            "largest_change_percent": round(100 * float(changes.max()), 3),
            "rms_change_percent": round(100 * float(np.sqrt(np.mean(changes**2))), 3),
        },
        "accents": _plain(take.accent_report),
        "check": take.check.describe() if take.check else None,
        "seconds_per_stage": {name: round(float(s), 3) for name, s in take.timings.items()},
        "sha256": _plain(take.hashes),
        "versions": _versions(),
    }


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version(), "platform": platform.platform()}
    for package in VERSIONED_PACKAGES:
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    return versions


def _plain(value: Any) -> Any:
    """`value` with dataclasses, paths, fractions and arrays turned into what JSON knows."""
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)
