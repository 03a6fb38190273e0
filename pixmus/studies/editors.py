"""Cut lists and chords in, sessions out on a real clip, each read by a program not ours."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from zipfile import ZipFile

from pixmus.chords import NO_CHORD
from pixmus.cues.cut_list import CutList
from pixmus.editors.read import read_cut_list
from pixmus.errors import PixMusError
from pixmus.picture.timecode import Counting
from pixmus.picture.video import Video, probe
from pixmus.score.midi import CHORD_MARKER
from pixmus.studies.editors_chords import measure_chords
from pixmus.studies.editors_picture import plot_files, rows_in, rows_out
from pixmus.studies.runner import RESULTS, VIDEOS, Result, Run, Study
from pixmus.take.cue_timeline import plot_cue_timeline
from pixmus.take.exports import EXPORTS, stem_files, write_bundle
from pixmus.take.piano_roll import plot_piano_roll
from pixmus.take.pipeline import PixMusPipeline
from pixmus.take.soundtrack import Soundtrack

CLIP = "shared-assets__tears-of-steel-battle-clip-medium.webm"  # CC BY 3.0, Blender Foundation
LIST = RESULTS.parent / "editors" / "tears-of-steel.edl"  # its cuts as they were marked by eye
SEED, STEPS = 7, 10
CHORDS_ASKED = 0.9  # share of half bars whose notes are to fit the chord that is asked for
PICTURE, ROLL, FILES = "editors.png", "editors-roll.png", "editors-files.png"


def measure(run: Run) -> Result:
    """Lists of one truth in every format, and a take that follows it with all that is exported."""
    clip = run.arguments.videos / CLIP
    if not clip.is_file():
        raise PixMusError(f"There is no clip {clip}; say with --videos where it lies.")
    video = probe(clip)
    counting = Counting(video.frame_rate)
    truth = read_cut_list(LIST, counting)
    with tempfile.TemporaryDirectory(prefix="pixmus-") as name:
        place = Path(name)
        given = {kind: write(place, truth, video) for kind, write in WRITERS.items()}
        lists = [_compared(kind, path, truth, counting) for kind, path in given.items()]
        read = [(path.name, read_cut_list(path, counting)) for path in given.values()]
        pipe = PixMusPipeline.from_pretrained()
        take = pipe(clip, cuts=truth, seed=SEED, num_inference_steps=STEPS)
        run.tell("the take is made")
        chords = measure_chords(run, pipe, take.cue_sheet, STEPS)
        write_bundle(take, place / "take")
        exports = _read_back(take, place / "take")
        rows = rows_in(read) + rows_out(take, place / "take")
    run.picture(FILES, plot_files(rows, take.cue_sheet.duration))
    run.picture(ROLL, plot_piano_roll(take.score, take.cue_sheet.cuts, take.cue_sheet.hit_points,
                                      take.cue_sheet.duration))  # fmt: skip
    run.picture(PICTURE, plot_cue_timeline(take.cue_sheet, take.tempo_map, take.thumbnails))
    hits = {hit.time: hit.strength for hit in take.cue_sheet.hit_points}
    return {
        "command": run.command,
        "clip": CLIP,
        "list": LIST.name,
        "frame_rate": str(video.frame_rate),
        "cuts": len(take.cue_sheet.cuts),
        "placed": take.accent_report.placed,
        "hit_points": len(hits),
        "markers": [
            {"time": float(one.time), "name": one.name, "strength": hits[round(float(one.time), 4)]}
            for one in truth.marks
        ],
        "lists": lists,
        "exports": exports,
        "chords": chords,
    }


# ------------------------------------------------------------------------------------------- In


def _as_edl(place: Path, truth: CutList, video: Video) -> Path:
    return LIST


def _as_otio(place: Path, truth: CutList, video: Video) -> Path:
    """Clips from cut to cut, and the markers, written by OpenTimelineIO."""
    import opentimelineio as otio

    rate = float(video.frame_rate)

    def time(seconds: Any) -> Any:
        return otio.opentime.RationalTime(float(seconds * video.frame_rate), rate)

    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    assert truth.end is not None
    edges = [*(edit.time for edit in truth.edits), truth.end]
    for start, end in zip(edges[:-1], edges[1:], strict=True):
        span = otio.opentime.TimeRange(time(start), time(end - start))
        track.append(otio.schema.Clip("shot", source_range=span))
    line = otio.schema.Timeline("tears of steel")
    line.tracks.append(track)
    for one in truth.marks:
        span = otio.opentime.TimeRange(time(one.time), time(0))
        colour = "RED" if one.strength == 1 else "YELLOW"
        line.tracks.markers.append(otio.schema.Marker(one.name, span, color=colour))
    otio.adapters.write_to_file(line, str(place / "list.otio"))
    return place / "list.otio"


def _as_midi(place: Path, truth: CutList, video: Video) -> Path:
    """A marker for every cut, written by mido in ticks of a frame."""
    import mido

    frames = [(round(edit.time * video.frame_rate), "cut") for edit in truth.edits]
    frames += [(round(one.time * video.frame_rate), one.name) for one in truth.marks]
    tempo = round(1_000_000 * 24 / video.frame_rate)
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=tempo)])
    now = 0
    for frame, name in sorted(frames):
        track.append(mido.MetaMessage("marker", text=name, time=frame - now))
        now = frame
    midi = mido.MidiFile(ticks_per_beat=24)
    midi.tracks.append(track)
    midi.save(place / "list.mid")
    return place / "list.mid"


STEM_BITS = ("PCM_24", "FLOAT")
WRITERS: dict[str, Callable[[Path, CutList, Video], Path]] = {
    "EDL, of the frames that were marked by eye": _as_edl,
    "OpenTimelineIO, written by opentimelineio": _as_otio,
    "MIDI markers, written by mido": _as_midi,
}


def _compared(kind: str, path: Path, truth: CutList, counting: Counting) -> Result:
    """How many cuts and markers of a list are where the truth has them, to the exact fraction."""
    found = read_cut_list(path, counting)
    times = {edit.time for edit in found.edits} | {mark.time for mark in found.marks}
    wanted = [edit.time for edit in truth.edits] + [mark.time for mark in truth.marks]
    return {"kind": kind, "wanted": len(wanted), "exact": sum(time in times for time in wanted)}


# ------------------------------------------------------------------------------------------ Out


def _read_back(take: Soundtrack, folder: Path) -> list[Result]:
    """What programs that are not ours read in the files of a bundle, beside what it holds."""
    import mido
    import music21
    import opentimelineio as otio
    import soundfile

    markers = len(take.cue_sheet.cues) + len(take.cue_sheet.hit_points)
    notes = {part: len(notes) for part, notes in take.score.parts.items()}
    line = otio.adapters.read_from_file(str(folder / "timeline.otio"))
    midi = mido.MidiFile(folder / "score.mid")
    stems = [soundfile.info(folder / "stems" / name) for name in stem_files(take.stems).values()]
    with ZipFile(folder / "session.dawproject") as archive:
        project = ElementTree.fromstring(archive.read("project.xml"))
    score: Any = music21.converter.parse(folder / "score.musicxml")
    engraved = sum(len(list(part.getElementsByClass("Measure"))) > 0 for part in score.parts)
    struck = sum(
        message.type == "note_on" and message.velocity > 0
        for track in midi.tracks
        for message in track
    )
    spans = take.score.plan.chord_spans(take.tempo_map.num_beats) if take.score.plan else []
    named = [m for m in midi.tracks[0] if m.type == "marker" and m.text.startswith(CHORD_MARKER)]
    symbols = len(list(score.parts[0].recurse().getElementsByClass("ChordSymbol")))
    rows_of_chords = json.loads((folder / "cues.json").read_text(encoding="utf-8"))["chords"]
    told = sum(row["root"] != NO_CHORD for row in rows_of_chords)
    edl = read_cut_list(folder / "markers.edl", Counting(take.cue_sheet.frame_rate))
    session = (folder / "session.rpp").read_text(encoding="utf-8")
    rows = [
        ("timeline.otio", "opentimelineio", "markers", markers, len(line.tracks.markers)),
        ("timeline.otio", "opentimelineio", "stems", len(notes), len(line.audio_tracks())),
        ("score.mid", "mido", "notes", sum(notes.values()), struck),
        ("score.mid", "mido", "chord markers", len(spans), len(named)),
        ("score.musicxml", "music21", "chord symbols", len(spans), symbols),
        ("cues.json", "json", "chords", len(spans), told),
        ("stems", "soundfile", "stems of one length, 24 bits (floating point beyond full scale)",
         len(notes),
         sum(s.subtype in STEM_BITS and s.frames == stems[0].frames for s in stems)),
        ("session.dawproject", "ElementTree", "notes", sum(notes.values()),
         sum(1 for _ in project.iter("Note"))),
        ("score.musicxml", "music21", "parts with bars", len(notes), engraved),
        ("markers.edl", "PixMus", "markers", markers, len(edl.marks)),
        ("session.rpp", "its lines", "parts with notes", len(notes),
         session.count("<SOURCE MIDI")),
    ]  # fmt: skip
    return [
        {"name": name, "purpose": EXPORTS[name].purpose, "by": by, "what": what, "wanted": wanted,
         "read": read}
        for name, by, what, wanted, read in rows
    ]  # fmt: skip


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--videos", type=Path, metavar="DIR", default=VIDEOS)


STUDY = Study(
    "editors", "Cut lists and chords in, sessions out, on a real clip.", measure, arguments,
    passes=lambda result: (
        all(row["wanted"] == row["exact"] for row in result["lists"])
        and result["chords"]["all"]["fit"] >= CHORDS_ASKED
    ),
)  # fmt: skip
