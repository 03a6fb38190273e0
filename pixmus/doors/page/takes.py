"""`Take`: one soundtrack of a visit with its scored clip, its numbers, pictures and files."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from pixmus.check.onsets import flux_peaks, nearest_offsets, strong_onsets
from pixmus.check.ranks import spearman
from pixmus.choices import SEED
from pixmus.cues.rule_curves import curve_rows
from pixmus.curves import CURVES, Curve
from pixmus.doors.page.again import python_lines, shell_line
from pixmus.doors.page.along import along
from pixmus.files import new_zip
from pixmus.picture.footage import Footage
from pixmus.score.curves import CurveTables, measure_curves
from pixmus.sound.stems import Stems
from pixmus.take.agreement import plot_agreement
from pixmus.take.exports import write_bundle, write_export
from pixmus.take.figure import save_figure
from pixmus.take.soundtrack import Soundtrack
from pixmus.take.spectrogram import plot_spectrogram
from pixmus.waveform import SAMPLE_RATE

CUT_TOLERANCE_S = 0.040
CUTS = "cuts"  # the folder of the bundle with the editor's cut list
FLAT = 0.1  # a wanted curve that moves less asks for no movement
AUDIBLE = 1e-4  # of full scale: the clip's own sound below it is silence


@dataclass(frozen=True)
class CutsMet:
    """Which cuts a strong onset of the music meets."""

    cuts: tuple[float, ...]  # seconds
    offsets: tuple[float, ...]  # seconds from each cut to the nearest strong onset, signed

    @property
    def met(self) -> int:
        """How many within 40 ms."""
        return sum(abs(offset) <= CUT_TOLERANCE_S + 1e-9 for offset in self.offsets)

    def __str__(self) -> str:
        if not self.cuts:
            return "no cuts to meet"
        near = sorted(abs(o) for o in self.offsets if abs(o) <= CUT_TOLERANCE_S + 1e-9)
        median = f", half of them within {1000 * float(np.median(near)):.0f} ms" if near else ""
        return f"{self.met} of {len(self.cuts)} cuts met within 40 ms{median}"


@dataclass(frozen=True, eq=False)
class Source:
    """What was watched: the footage, the file that the visitor gave, and which part of it."""

    footage: Footage
    upload: Path
    key: tuple[object, ...] = ()  # the file and the choices that it was watched with
    span: tuple[float, float] | None = None  # the part of the file that the footage shows, seconds


@dataclass(frozen=True)
class Sounds:
    """Files of what sounds in a take, lossless, to be mixed anew while the picture plays."""

    music: Path
    own: Path | None
    parts: dict[str, Path]
    gain: float  # of the parts, so that together they are as loud as the music


@dataclass(eq=False)
class Take:
    """A soundtrack, the scored clip that plays it, and the folder of what is made of it."""

    soundtrack: Soundtrack
    clip: Path  # the scored mp4
    folder: Path
    source: Source  # what was watched for it
    model: str | None = None  # a model that did not come along
    kept_midi: Path | None = None  # the score of which bars or parts were kept
    notices: tuple[str, ...] = ()  # what of the cue sheet the kept score could not follow
    cuts: Path | None = None  # the editor's cut list that it follows
    files: dict[str, Path] = field(default_factory=dict)  # exports that were written already
    # Two buttons may want the same files at once; the first to come makes them.
    lock: threading.RLock = field(default_factory=threading.RLock)
    is_resting: bool = False
    sounds: Sounds | None = None  # where somebody asked for them

    def rest(self) -> None:
        """Have the samples on disk alone, from which they are read when they are wanted."""
        with self.lock:
            if self.is_resting:
                return
            made, place = self.soundtrack, self.folder / "samples"
            place.mkdir(exist_ok=True)
            own = made.own_sound
            stems = {part: on_disk(made.stems[part], place / part) for part in made.stems}
            self.soundtrack = replace(
                made,
                music=on_disk(made.music, place / "music"),
                sound=on_disk(made.sound, place / "sound"),
                own_sound=None if own is None else on_disk(own, place / "own"),
                stems=Stems(made.stems.num_samples, stems),
            )
            self.is_resting = True

    @property
    def seed(self) -> int:
        """The seed that makes it again."""
        return int(self.soundtrack.settings[SEED.name])

    def cuts_met(self) -> CutsMet:
        """The cuts beside the strong onsets of the music alone."""
        cuts = self.soundtrack.cue_sheet.cuts
        onsets = strong_onsets(*flux_peaks(self.soundtrack.music))
        return CutsMet(cuts, tuple(float(o) for o in nearest_offsets(cuts, onsets)))

    def agreement(self, tables: CurveTables) -> dict[str, float]:
        """Spearman's correlation of wanted and measured curves, by bar; NaN for a flat one."""
        wanted, measured = self.wanted_and_measured(tables)
        return {name: _correlation(wanted[name], measured[name]) for name in CURVES}

    def levels(self, tables: CurveTables) -> dict[str, tuple[float, float]]:
        """The mean of each curve as it was wanted and as it was measured, 0..1."""
        wanted, measured = self.wanted_and_measured(tables)
        return {
            name: (float(np.mean(wanted[name])), float(np.nanmean(measured[name])))
            for name in CURVES
        }

    def wanted_and_measured(
        self, tables: CurveTables
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """The four curves as the cue sheet wants them and as the score has them, a value a bar."""
        score, sheet = self.soundtrack.score, self.soundtrack.cue_sheet
        tempo_map = score.tempo_map
        measured = measure_curves(score, tables)
        starts = np.asarray(tempo_map.to_seconds(np.asarray(tempo_map.bar_starts, dtype=float)))
        ends = np.append(starts[1:], sheet.duration)
        count = len(sheet.curves[Curve.ENERGY])
        bars = [
            curve_rows(max(start, 0.0), end, count)
            for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
        ]
        wanted = {
            name: np.array([float(sheet.curves[name][rows].mean()) for rows in bars])
            for name in CURVES
        }
        return wanted, measured

    def draw(self, tables: CurveTables) -> dict[str, Path]:
        """The pictures by name, drawn once: spectrograms, piano-roll, cue timeline, agreement."""
        with self.lock:
            return self._draw(tables)

    def _draw(self, tables: CurveTables) -> dict[str, Path]:
        take = self.soundtrack
        paths = {name: self.folder / f"{name}.png" for name in PICTURES}
        own = self._own_sound()
        if own is None:
            del paths["own-spectrogram"]
        if all(path.exists() for path in paths.values()):
            return paths
        for name in ("spectrogram", "pianoroll", "cues"):
            self._file(f"{name}.png")
        if own is not None:
            cuts = take.cue_sheet.cuts
            figure = plot_spectrogram(own, cuts=cuts, title="The clip's own sound")
            save_figure(figure, paths["own-spectrogram"])
        wanted, measured = self.wanted_and_measured(tables)
        figure = plot_agreement(
            wanted, measured, take.tempo_map, take.cue_sheet.duration, self.agreement(tables)
        )
        save_figure(figure, paths["agreement"])
        return paths

    def _own_sound(self) -> np.ndarray | None:
        own = self.soundtrack.own_sound
        return None if own is None or np.abs(own).max(initial=0.0) < AUDIBLE else own

    @property
    def along(self) -> Path:
        """The file that says the take along time, for the page to draw; see `write_along`."""
        return self.folder / "along.json"

    def write_along(self) -> None:
        """Write `along`, once."""
        with self.lock:
            if not self.along.exists():
                made = self.soundtrack
                told = along(
                    made.cue_sheet, made.score, made.music, self._own_sound(), made.thumbnails
                )
                self.along.write_text(told, encoding="utf-8")

    def write_sounds(self) -> Sounds:
        """The music, the clip's own sound and every part as FLAC files, written once."""
        with self.lock:
            if self.sounds is None:
                made, own, place = self.soundtrack, self._own_sound(), self.folder / "sounds"
                place.mkdir(exist_ok=True)
                parts = {part: _flac(stem, place / part) for part, stem in made.stems.items()}
                together = np.zeros_like(made.music)
                for stem in made.stems.values():
                    together += stem
                loud = float(np.sqrt(np.mean(together**2)))
                gain = float(np.sqrt(np.mean(np.square(made.music)))) / loud if loud else 1.0
                self.sounds = Sounds(
                    _flac(made.music, place / "music"),
                    None if own is None else _flac(own, place / "own"),
                    parts,
                    round(gain, 5),
                )
            return self.sounds

    def quick_files(self) -> dict[str, Path]:
        """WAV, MIDI and cue sheet, written once."""
        names = {"wav": "music.wav", "midi": "score.mid", "cues": "cues.json"}
        with self.lock:
            return {kind: self._file(name, f"{self.stem}-{name}") for kind, name in names.items()}

    def _file(self, name: str, called: str | None = None) -> Path:
        """An export of the take, written once."""
        if name not in self.files:
            path = self.folder / (called or name)
            write_export(self.soundtrack, name, path)
            self.files[name] = path
        return self.files[name]

    @property
    def stem(self) -> str:
        """The clip's name without its ending."""
        return Path(self.soundtrack.settings["clip"]).stem

    def zip_stems(self) -> Path:
        """The stems as WAV in one zip, written once."""
        with self.lock:
            return self._zip("stems", "stems/*.wav")

    def zip_all(self) -> Path:
        """The whole bundle in one zip, written once."""
        with self.lock:
            return self._zip("pixmus", "**/*")

    def _zip(self, name: str, pattern: str) -> Path:
        stem = self.stem
        path = self.folder / f"{stem}-{name}.zip"
        if path.exists():
            return path
        bundle = self._bundle()
        with new_zip(path) as archive:  # stored as it is: WAV hardly shrinks
            for file in sorted(path for path in bundle.glob(pattern) if path.is_file()):
                archive.write(file, Path(f"{stem}-{name}") / file.relative_to(bundle))
        return path

    def _bundle(self) -> Path:
        bundle = self.folder / "bundle"
        if not bundle.exists():
            write_bundle(self.soundtrack, bundle, made={**self.files, "scored.mp4": self.clip})
            (bundle / "again.txt").write_text(
                f"{self.shell_line}\n\n{self.python_lines}\n", encoding="utf-8"
            )
            if self.kept_midi is not None:
                shutil.copyfile(self.kept_midi, bundle / "kept.mid")
            if self.cuts is not None:
                (bundle / CUTS).mkdir()  # for it may be called as one of the exports
                shutil.copyfile(self.cuts, bundle / CUTS / self.cuts.name)
        return bundle

    @property
    def shell_line(self) -> str:
        """The command that makes this take again."""
        return shell_line(*self._again())

    @property
    def python_lines(self) -> str:
        """The Python that makes this take again."""
        return python_lines(*self._again())

    def _again(
        self,
    ) -> tuple[dict[str, Any], str, tuple[float, float] | None, str | None, str | None]:
        source = self.source
        cuts = f"{CUTS}/{self.cuts.name}" if self.cuts else None
        return self.soundtrack.settings, source.upload.name, source.span, self.model, cuts

    def warnings(self) -> list[str]:
        """What lies outside real music of the style, in words."""
        check = self.soundtrack.check
        return [str(finding) for finding in check.outside] if check else []


def _flac(samples: np.ndarray, path: Path) -> Path:
    """Samples as a FLAC file of 24 bits, which every browser decodes sample by sample."""
    path = path.with_suffix(".flac")
    soundfile.write(path, np.clip(samples.T, -1.0, 1.0), SAMPLE_RATE, "PCM_24", format="FLAC")
    return path


def on_disk(samples: np.ndarray, path: Path) -> np.ndarray:
    """The same samples, in a file of that name; an `np.ndarray` that reads them from there."""
    np.save(path.with_suffix(".npy"), samples)
    return np.load(path.with_suffix(".npy"), mmap_mode="r")  # type: ignore[no-any-return]


PICTURES = ("spectrogram", "own-spectrogram", "pianoroll", "cues", "agreement")


def ranked(takes: list[Take]) -> list[Take]:
    """The takes with the fewest descriptors outside real music first."""

    def rank(take: Take) -> tuple[int, float]:
        return take.soundtrack.check.rank if take.soundtrack.check else (0, 0.0)

    return sorted(takes, key=rank)


def _correlation(wanted: np.ndarray, measured: np.ndarray) -> float:
    known = ~np.isnan(measured)
    if known.sum() < 3 or np.ptp(wanted[known]) < FLAT or np.ptp(measured[known]) < 1e-6:
        return float("nan")
    return spearman(wanted[known], measured[known])


def describe(levels: Mapping[str, tuple[float, float]]) -> str:
    """Levels in words: "energy 0.83 → 0.79"."""
    return ", ".join(f"{name} {a:.2f} → {b:.2f}" for name, (a, b) in levels.items())
