"""`Export`: every file that is made of a take, each in one place, and the bundle of all of them.

An export is added here and nowhere else (`add_export` does it while a program runs): the bundle,
the zip of the page and the stored examples read this list. What an export needs is imported when it
is written. Times are seconds from the first displayed frame, waveforms (2, samples) at 44.1 kHz.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from pixmus.editors.session import Session, counted, session_markers
from pixmus.ensembles import PARTS
from pixmus.errors import PixMusError
from pixmus.files import new_folder
from pixmus.take.description import Take, describe_take
from pixmus.waveform import write_wav

SCORED, STEMS = "scored.mp4", "stems"
ALL = "all"


@dataclass(frozen=True)
class Export:
    """A file, or a folder of files, that is made of a take."""

    name: str  # in the bundle
    write: Callable[[Take, Path], object]  # to a path that is not there yet
    purpose: str  # a phrase: what it is for
    is_stored: bool = False  # kept with the examples' outputs, so it must be small
    files: tuple[str, ...] = ()  # of a folder: all that it may hold
    needs: tuple[str, ...] = ()  # other exports that lie beside it
    # Another export that it can be written of, where that lies beside it: its path comes last.
    of: tuple[str, Callable[[Take, Path, Path], object]] | None = None
    is_drawn: bool = False  # by matplotlib, which one thread at a time may use


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


def chosen_exports(names: Sequence[str]) -> tuple[str, ...]:
    """Exports by name, with what lies beside them; "all" is every one. PixMusError for no name."""
    wanted = set(EXPORTS) if not names or ALL in names else set(names)
    for name in names:
        if name not in (*EXPORTS, ALL):
            raise PixMusError(
                f'There is no export "{name}"; choose {ALL} or some of {", ".join(EXPORTS)}.'
            )
    wanted |= {needed for name in wanted for needed in EXPORTS[name].needs if needed in EXPORTS}
    return tuple(name for name in EXPORTS if name in wanted)


def write_bundle(
    take: Take,
    folder: str | Path,
    overwrite: bool = False,
    made: Mapping[str, Path | None] | None = None,
    names: Sequence[str] = (),
) -> None:
    """Write every export, or those of `names`, into `folder`, which must be new or empty.

    With `overwrite` the files of an earlier bundle are replaced and others are left alone. `made`
    names exports that were written already: they are copied, not made again.
    """
    made = made or {}
    chosen = chosen_exports(names)
    # An earlier take may have had more parts.
    replaced = [f"{export.name}/{file}" for export in EXPORTS.values() for file in export.files]
    with new_folder(folder, overwrite, replaced=replaced) as place, ThreadPoolExecutor(1) as beside:
        drawn = [EXPORTS[name] for name in chosen if EXPORTS[name].is_drawn and not made.get(name)]
        drawing = beside.submit(_write_all, take, place, drawn)
        copied = [name for name in chosen if made.get(name)]
        for name in copied:
            shutil.copyfile(str(made[name]), place / name)
        others = [EXPORTS[name] for name in chosen if name not in copied]
        _write_all(take, place, [export for export in others if not export.is_drawn])
        drawing.result()


def _write_all(take: Take, place: Path, exports: Iterable[Export]) -> None:
    """Write exports into a folder that was new."""
    for export in exports:
        if export.of is not None and (place / export.of[0]).exists():
            export.of[1](take, place / export.name, place / export.of[0])
        else:
            export.write(take, place / export.name)


def session_of(take: Take) -> Session:
    """What editors and music programs open of a take."""
    from pixmus.sound.programs import programs_of

    sheet = take.cue_sheet
    counting, first = counted(sheet, take.settings.get("timecode"))
    return Session(
        title=Path(str(take.settings.get("clip", "PixMus"))).stem,
        duration=sheet.duration,
        counting=counting,
        first_frame=first,
        markers=session_markers(sheet),
        score=take.score,
        picture=SCORED,
        stems={part: f"{STEMS}/{name}" for part, name in stem_files(take.stems).items()},
        programs=programs_of(sheet.ensemble, take.score.parts),
    )


def stem_files(parts: Iterable[str]) -> dict[str, str]:
    """The file of every part's stem, in the order of a mixer: `01_Melody.wav`."""
    there = list(parts)
    ordered = [part for part in PARTS if part in there]
    return {part: f"{n:02d}_{part.capitalize()}.wav" for n, part in enumerate(ordered, start=1)}


def _write_stems(take: Take, folder: Path) -> None:
    from pixmus.editors.broadcast_wav import write_broadcast_wav

    folder.mkdir()
    counting, first = counted(take.cue_sheet, take.settings.get("timecode"))
    start = float(counting.seconds(first))
    for part, name in stem_files(take.stems).items():
        told = f"{part.capitalize()} of {take.settings.get('clip', 'a clip')}"
        write_broadcast_wav(folder / name, take.stems[part], told, start)


def _write_score(take: Take, path: Path) -> None:
    from pixmus.score.midi import write_midi

    session = session_of(take)
    has_clock = take.settings.get("timecode") is not None
    write_midi(take.score, path, dict(session.programs),
               (session.counting, session.first_frame) if has_clock else None)  # fmt: skip


def _write_marker_rows(take: Take, path: Path) -> None:
    from pixmus.editors.marker_rows import write_marker_rows

    write_marker_rows(path, session_of(take))


def _write_marker_edl(take: Take, path: Path) -> None:
    from pixmus.editors.edl import write_marker_edl

    write_marker_edl(path, session_of(take))


def _write_otio(take: Take, path: Path) -> None:
    from pixmus.editors.otio import write_otio

    write_otio(path, session_of(take))


def _write_rpp(take: Take, path: Path) -> None:
    from pixmus.editors.rpp import write_rpp

    write_rpp(path, session_of(take))


def _write_musicxml(take: Take, path: Path) -> None:
    from pixmus.editors.musicxml import write_musicxml

    plan = take.score.plan
    spans = plan.chord_spans(take.tempo_map.num_beats) if plan else ()
    chords = [(span.start, span.chord) for span in spans]
    write_musicxml(path, session_of(take), chords)


def _write_dawproject(take: Take, path: Path) -> None:
    import tempfile

    with tempfile.TemporaryDirectory(prefix="pixmus-") as place:
        folder = Path(place) / STEMS
        _write_stems(take, folder)
        _write_dawproject_of(take, path, folder)


def _write_dawproject_of(take: Take, path: Path, stems: Path) -> None:
    from pixmus.editors.dawproject import write_dawproject

    files = {part: stems / name for part, name in stem_files(take.stems).items()}
    write_dawproject(path, session_of(take), files)


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
        SCORED,
        lambda take, path: take.write_video(path),
        "the clip with its soundtrack",
        is_stored=True,
    ),
    Export("music.wav", lambda take, path: write_wav(path, take.music), "the music alone"),
    Export(
        STEMS,
        _write_stems,
        "every part's sound as Broadcast WAV, to mix anew",
        files=tuple(
            f"{n:02d}_{part.capitalize()}.wav" for part in PARTS for n in range(1, len(PARTS) + 1)
        ),
    ),
    Export("score.mid", _write_score, "the notes, for a sequencer", is_stored=True),
    Export(
        "cues.json",
        lambda take, path: take.cue_sheet.save(path),
        "the cue sheet, to edit and compose again",
        is_stored=True,
    ),
    Export(
        "markers.csv", _write_marker_rows, "hit points and cues with their timecode, for an editor"
    ),
    Export("markers.edl", _write_marker_edl, "hit points and cues, for DaVinci Resolve"),
    Export(
        "timeline.otio",
        _write_otio,
        "picture, stems and markers, for editors by way of OpenTimelineIO",
        needs=(SCORED, STEMS),
    ),
    Export(
        "session.rpp",
        _write_rpp,
        "picture, stems, notes, tempo map and markers, for REAPER",
        needs=(SCORED, STEMS),
    ),
    Export(
        "session.dawproject",
        _write_dawproject,
        "stems, notes, tempo map and markers, for Bitwig Studio, Studio One and Cubase",
        of=(STEMS, _write_dawproject_of),
    ),
    Export("score.musicxml", _write_musicxml, "the notes, for a program that engraves"),
    Export("cues.png", _draw_cue_timeline, "what the picture does along time", True, is_drawn=True),
    Export("pianoroll.png", _draw_piano_roll, "the notes along time", True, is_drawn=True),
    Export("spectrogram.png", _draw_spectrogram, "the sound along time", True, is_drawn=True),
    Export(
        "take.json",
        _write_description,
        "seed, settings and versions, to make the take again",
        is_stored=True,
    ),
):
    add_export(_export)
