"""The bundle of a take: every file that an editor needs, and files that appear whole or not at all.

Conventions: times are seconds from the first displayed frame, waveforms are (2, samples) at
44.1 kHz. Everything is written beside its place under another name and moved there when it is
complete, so Ctrl-C or a full disk leaves nothing half-written.
"""

from __future__ import annotations

import csv
import json
import platform
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, is_dataclass
from fractions import Fraction
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pixmus.cues.sheet import CueSheet
from pixmus.ensembles import PARTS
from pixmus.errors import PixMusError
from pixmus.files import new_folder
from pixmus.sound.programs import programs_of
from pixmus.waveform import SAMPLE_RATE

if TYPE_CHECKING:  # the command line answers sooner without them
    from pixmus.check.findings import Check
    from pixmus.picture.frames import Frame
    from pixmus.score.notes import Score
    from pixmus.score.tempo import TempoMap

WAV_BLOCK = 1 << 20  # samples written at a time, so that a memory-mapped stem stays on disk
VERSIONED_PACKAGES = ("pixmus", "torch", "diffusers", "numpy", "av", "soundfile", "mido")


class Take(Protocol):
    """What a bundle is written from; `pipeline.Soundtrack` is one."""

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


def write_bundle(
    take: Take, folder: str | Path, overwrite: bool = False, scored_clip: Path | None = None
) -> None:
    """Write the scored clip and everything beside it into `folder`, which must be new or empty.

    With `overwrite` the files of an earlier bundle are replaced and others are left alone.
    `scored_clip` is the finished clip where it was written already: it is copied, not made again.
    """
    from pixmus.score.notes import write_midi

    stems = [f"stems/{part}.wav" for part in PARTS]  # an earlier take may have had more of them
    with new_folder(folder, overwrite, replaced=stems) as place:
        if scored_clip is None:
            take.write_video(place / "scored.mp4")
        else:
            shutil.copyfile(scored_clip, place / "scored.mp4")
        write_wav(place / "music.wav", take.music)
        (place / "stems").mkdir()
        for part, stem in take.stems.items():
            write_wav(place / "stems" / f"{part}.wav", stem)
        programs = programs_of(take.cue_sheet.ensemble, take.score.parts)
        write_midi(take.score, place / "score.mid", programs)
        take.cue_sheet.save(place / "cues.json")
        write_markers(place / "markers.csv", take.score.markers, take.cue_sheet.frame_rate)
        _write_pictures(take, place)
        (place / "take.json").write_text(json.dumps(describe_take(take), indent=2) + "\n")


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


def write_wav(path: str | Path, waveform: np.ndarray, sample_rate: int = SAMPLE_RATE) -> None:
    """Write (channels, samples) as 24-bit PCM; floating point where it goes beyond full scale."""
    import soundfile

    blocks = range(0, waveform.shape[-1], WAV_BLOCK)
    peak = max((float(np.abs(waveform[:, i : i + WAV_BLOCK]).max()) for i in blocks), default=0.0)
    subtype = "PCM_24" if peak <= 1.0 else "FLOAT"
    try:
        with soundfile.SoundFile(
            str(path), "w", sample_rate, len(waveform), subtype=subtype, format="WAV"
        ) as file:
            for i in blocks:
                file.write(np.ascontiguousarray(waveform[:, i : i + WAV_BLOCK].T))
    except (soundfile.LibsndfileError, AssertionError) as error:  # a short write is an assertion
        raise PixMusError(
            f"{path} could not be written; free some disk space or choose another folder."
        ) from error


def write_markers(
    path: str | Path, markers: Sequence[tuple[float, str]], frame_rate: Fraction
) -> None:
    """Write time (seconds), timecode and name of each marker as CSV."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["time", "timecode", "name"])
        for time, name in sorted(markers):
            rows.writerow([f"{time:.3f}", timecode(time, frame_rate), name])


def timecode(time: float, frame_rate: Fraction) -> str:
    """HH:MM:SS:FF of the nearest frame, non-drop: 30000/1001 counts 30 frames to a second."""
    frames_per_second = max(1, round(frame_rate))
    seconds, frame = divmod(max(0, round(time * frame_rate)), frames_per_second)
    minutes, second = divmod(seconds, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{second:02d}:{frame:02d}"


def _write_pictures(take: Take, place: Path) -> None:
    # matplotlib takes most of a second to import: only here.
    from pixmus.take.cue_timeline import plot_cue_timeline
    from pixmus.take.figure import save_figure
    from pixmus.take.piano_roll import plot_piano_roll
    from pixmus.take.spectrogram import plot_spectrogram

    sheet = take.cue_sheet
    save_figure(plot_cue_timeline(sheet, take.tempo_map, take.thumbnails), place / "cues.png")
    save_figure(
        plot_piano_roll(take.score, sheet.cuts, sheet.hit_points, sheet.duration),
        place / "pianoroll.png",
    )
    save_figure(plot_spectrogram(take.music, SAMPLE_RATE, sheet.cuts), place / "spectrogram.png")


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
