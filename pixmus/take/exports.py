"""`Export`: every file that is made of a take, each in one place, and the bundle of all of them.

An export is added here and nowhere else (`add_export` does it while a program runs): the bundle,
the zip of the page and the stored examples read this list. What an export needs is imported when it
is written. Times are seconds from the first displayed frame, waveforms (2, samples) at 44.1 kHz.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from pixmus.ensembles import PARTS
from pixmus.errors import PixMusError
from pixmus.files import new_folder
from pixmus.take.description import Take, describe_take
from pixmus.take.markers import write_markers
from pixmus.waveform import write_wav


@dataclass(frozen=True)
class Export:
    """A file, or a folder of files, that is made of a take."""

    name: str  # in the bundle
    write: Callable[[Take, Path], object]  # to a path that is not there yet
    purpose: str  # a phrase: what it is for
    is_stored: bool = False  # kept with the examples' outputs, so it must be small
    files: tuple[str, ...] = ()  # of a folder: all that it may hold


_EXPORTS: dict[str, Export] = {}
EXPORTS: Mapping[str, Export] = MappingProxyType(_EXPORTS)  # name -> export, as they are written


def add_export(export: Export) -> None:
    """Make a file of every take from now on; raises `PixMusError` where the name is taken."""
    if export.name in _EXPORTS:
        raise PixMusError(f'There is an export "{export.name}" already; choose another name.')
    _EXPORTS[export.name] = export


def remove_export(name: str) -> None:
    """Make a file no longer."""
    del _EXPORTS[name]


def stored_exports() -> tuple[str, ...]:
    """Names of the exports that are kept with the examples."""
    return tuple(name for name, export in EXPORTS.items() if export.is_stored)


def write_export(take: Take, name: str, path: str | Path) -> None:
    """Write one export of a take; raises `PixMusError` for a name that is none."""
    if name not in EXPORTS:
        raise PixMusError(f'There is no export "{name}"; choose one of {", ".join(EXPORTS)}.')
    EXPORTS[name].write(take, Path(path))


def write_bundle(
    take: Take,
    folder: str | Path,
    overwrite: bool = False,
    made: Mapping[str, Path | None] | None = None,
) -> None:
    """Write every export into `folder`, which must be new or empty.

    With `overwrite` the files of an earlier bundle are replaced and others are left alone. `made`
    names exports that were written already: they are copied, not made again.
    """
    made = made or {}
    # An earlier take may have had more parts.
    replaced = [f"{export.name}/{file}" for export in EXPORTS.values() for file in export.files]
    with new_folder(folder, overwrite, replaced=replaced) as place:
        for name, export in EXPORTS.items():
            finished = made.get(name)
            if finished is not None:
                shutil.copyfile(finished, place / name)
            else:
                export.write(take, place / name)


def _write_stems(take: Take, folder: Path) -> None:
    folder.mkdir()
    for part, stem in take.stems.items():
        write_wav(folder / f"{part}.wav", stem)


def _write_score(take: Take, path: Path) -> None:
    from pixmus.score.midi import write_midi
    from pixmus.sound.programs import programs_of

    write_midi(take.score, path, programs_of(take.cue_sheet.ensemble, take.score.parts))


def _draw_cue_timeline(take: Take, path: Path) -> None:
    from pixmus.take.cue_timeline import plot_cue_timeline
    from pixmus.take.figure import save_figure

    save_figure(plot_cue_timeline(take.cue_sheet, take.tempo_map, take.thumbnails), path)


def _draw_piano_roll(take: Take, path: Path) -> None:
    from pixmus.take.figure import save_figure
    from pixmus.take.piano_roll import plot_piano_roll

    sheet = take.cue_sheet
    figure = plot_piano_roll(take.score, sheet.cuts, sheet.hit_points, sheet.duration)
    save_figure(figure, path)


def _draw_spectrogram(take: Take, path: Path) -> None:
    from pixmus.take.figure import save_figure
    from pixmus.take.spectrogram import plot_spectrogram

    save_figure(plot_spectrogram(take.music, cuts=take.cue_sheet.cuts), path)


def _write_description(take: Take, path: Path) -> None:
    path.write_text(json.dumps(describe_take(take), indent=2) + "\n")


for _export in (
    Export(
        "scored.mp4",
        lambda take, path: take.write_video(path),
        "the clip with its soundtrack",
        is_stored=True,
    ),
    Export("music.wav", lambda take, path: write_wav(path, take.music), "the music alone"),
    Export(
        "stems",
        _write_stems,
        "every part's sound, to mix anew",
        files=tuple(f"{part}.wav" for part in PARTS),
    ),
    Export("score.mid", _write_score, "the notes, for a sequencer", is_stored=True),
    Export(
        "cues.json",
        lambda take, path: take.cue_sheet.save(path),
        "the cue sheet, to edit and compose again",
        is_stored=True,
    ),
    Export(
        "markers.csv",
        lambda take, path: write_markers(
            path, take.score.markers, take.cue_sheet.frame_rate, take.settings.get("timecode")
        ),
        "hit points and cues with their timecode, for an editor",
    ),
    Export("cues.png", _draw_cue_timeline, "what the picture does along time", is_stored=True),
    Export("pianoroll.png", _draw_piano_roll, "the notes along time", is_stored=True),
    Export("spectrogram.png", _draw_spectrogram, "the sound along time", is_stored=True),
    Export(
        "take.json",
        _write_description,
        "seed, settings and versions, to make the take again",
        is_stored=True,
    ),
):
    add_export(_export)
