"""What stands in the files that editors and music programs get and give, on one axis of seconds.

Every row is read back from its file, by a reader that is not ours where there is one, and drawn at
the seconds that the reader finds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from zipfile import ZipFile

import numpy as np
from matplotlib.figure import Figure

from pixmus.cues.cut_list import CutList
from pixmus.editors.read import read_cut_list
from pixmus.editors.session import Session
from pixmus.picture.timecode import Counting
from pixmus.score.tempo import TempoMap
from pixmus.take.exports import session_of, stem_files
from pixmus.take.figure import HIT_COLOUR, INK, QUIET, panels_of
from pixmus.take.soundtrack import Soundtrack

ROW_IN = 0.36  # height of a row, inches
ENVELOPE_S = 0.1  # of sound


@dataclass
class Row:
    """What one file says, in seconds."""

    label: str
    cuts: list[float] = field(default_factory=list)
    marks: list[float] = field(default_factory=list)  # hit points and cues, or markers
    notes: list[tuple[float, float]] = field(default_factory=list)  # onset and pitch
    names: list[tuple[float, str]] = field(default_factory=list)  # chords where they begin
    sound: np.ndarray | None = None  # loudest sample of every `ENVELOPE_S`


def plot_files(rows: Sequence[Row], duration: float) -> Figure:
    """The rows below each other: cuts dashed, markers red, notes as dots, chords by name."""
    figure, panels = panels_of(
        [ROW_IN] * len(rows), duration, "What stands in the files", ["read back from each"]
    )
    for axes, row in zip(panels, rows, strict=True):
        axes.set_ylim(0, 1)
        axes.vlines(row.cuts, 0.0, 0.55, color=INK, lw=1.0)
        axes.scatter(row.marks, [0.72] * len(row.marks), s=18, marker="v", color=HIT_COLOUR)
        if row.notes:
            times, pitches = np.array(row.notes).T
            heights = 0.05 + 0.55 * (pitches - pitches.min()) / max(1.0, float(np.ptp(pitches)))
            axes.scatter(times, heights, s=2.5, color=INK, linewidths=0)
        if row.sound is not None:
            times = ENVELOPE_S * np.arange(len(row.sound))
            axes.fill_between(times, 0.3 - 0.28 * row.sound, 0.3 + 0.28 * row.sound, color=QUIET)
        free = 0.0
        for start, name in row.names:
            if start >= free:
                axes.text(start, 0.92, name, fontsize=5.5, color=QUIET, va="center", clip_on=True)
                free = start + 0.012 * duration * (len(name) + 0.5)
        label = row.label.rpartition("/")[2]
        axes.text(
            *(-0.006, 0.5), label, transform=axes.transAxes, ha="right", va="center", fontsize=7,
            color=INK,
        )  # fmt: skip
    return figure


def rows_in(lists: Sequence[tuple[str, CutList]]) -> list[Row]:
    """A row for every cut list that was read."""
    return [
        Row(f"in: {name}", [float(edit.time) for edit in found.edits],
            [float(mark.time) for mark in found.marks])
        for name, found in lists
    ]  # fmt: skip


def rows_out(take: Soundtrack, folder: Path) -> list[Row]:
    """A row for every file of a bundle that another program opens."""
    import mido
    import music21
    import opentimelineio as otio
    import soundfile

    session = session_of(take)
    counting = Counting(take.cue_sheet.frame_rate)
    rows = [
        Row(name, marks=[float(mark.time) for mark in _listed(folder / name, counting).marks])
        for name in ("markers.edl", "markers.csv")
    ]
    line = otio.adapters.read_from_file(str(folder / "timeline.otio"))
    begun = line.global_start_time.to_seconds() if line.global_start_time else 0.0
    marked = [mark.marked_range.start_time.to_seconds() - begun for mark in line.tracks.markers]
    rows.append(Row("timeline.otio", marks=[time for time in marked if time >= 0] or [0.0]))
    rows.append(_rpp(folder / "session.rpp"))
    rows.append(_dawproject(folder / "session.dawproject", session))
    files = [folder / "stems" / name for name in stem_files(take.stems).values()]
    rows += [Row(f"stems/{path.name}", sound=_envelope(*soundfile.read(path))) for path in files]
    rows.append(_midi(mido.MidiFile(folder / "score.mid")))
    score: Any = music21.converter.parse(folder / "score.musicxml")
    beats = TempoMap(session.beat_times(), (0,))
    rows.append(_musicxml(score, beats))
    return rows


def _listed(path: Path, counting: Counting) -> CutList:
    return read_cut_list(path, counting)


def _rpp(path: Path) -> Row:
    lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    marks = sorted({float(words[2]) for words in lines if words[:1] == ["MARKER"]})
    return Row("session.rpp", marks=marks)


def _dawproject(path: Path, session: Session) -> Row:
    beats = TempoMap(session.beat_times(), (0,))
    with ZipFile(path) as archive:
        project = ElementTree.fromstring(archive.read("project.xml"))
    notes = [
        (float(beats.to_seconds(float(note.get("time", 0)))), float(note.get("key", 0)))
        for note in project.iter("Note")
    ]
    marks = [float(beats.to_seconds(float(m.get("time", 0)))) for m in project.iter("Marker")]
    return Row("session.dawproject", marks=marks, notes=notes)


def _midi(midi: Any) -> Row:
    row, now = Row("score.mid"), 0.0
    for message in midi:
        now += message.time
        if message.type == "note_on" and message.velocity:
            row.notes.append((now, float(message.note)))
        elif message.type == "marker" and message.text.startswith("chord "):
            row.names.append((now, message.text.removeprefix("chord ")))
        elif message.type == "marker" and message.text.startswith(("hit", "cue")):
            row.marks.append(now)
    return row


def _musicxml(score: Any, beats: TempoMap) -> Row:
    import music21

    row = Row("score.musicxml")
    for part in score.parts:
        for element in part.flatten().notes:
            now = float(beats.to_seconds(float(element.offset)))
            if isinstance(element, music21.harmony.ChordSymbol):
                row.names.append((now, element.figure))
                continue
            pitches = [getattr(pitch, "midi", 60) for pitch in getattr(element, "pitches", ())]
            row.notes += [(now, float(pitch)) for pitch in pitches]
    return row


def _envelope(samples: np.ndarray, rate: int) -> np.ndarray:
    """The loudest sample of every `ENVELOPE_S`, the loudest of all 1."""
    hop = round(ENVELOPE_S * rate)
    loud = np.abs(samples).max(axis=1)
    loud = loud[: len(loud) // hop * hop].reshape(-1, hop).max(1)
    return np.asarray(loud / max(float(loud.max(initial=0.0)), 1e-9))
