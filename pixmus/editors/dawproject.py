"""DAWproject (`.dawproject`), written: the open exchange format of Bitwig, Studio One and Cubase.

A zip of `project.xml`, `metadata.xml` and the stems; the schema is Bitwig's (version 1.0). Time is
in beats from the first frame, the pickup's first; stems are warped along the tempo map.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import numpy as np

from pixmus.editors.session import Session
from pixmus.ensembles import Part
from pixmus.files import new_zip
from pixmus.score.midi import DRUM_CHANNEL
from pixmus.score.tempo import TempoMap
from pixmus.waveform import SAMPLE_RATE


def write_dawproject(path: str | Path, session: Session, stems: Mapping[str, Path]) -> None:
    """Write the project with the sound of the parts, whose files are given."""
    sounds = {part: f"audio/{file.name}" for part, file in stems.items()}
    metadata = Element("MetaData")
    SubElement(metadata, "Title").text = session.title
    with new_zip(path, overwrite=True) as archive:
        archive.writestr("project.xml", _bytes(_project(session, sounds)))
        archive.writestr("metadata.xml", _bytes(metadata))
        for part, file in stems.items():
            archive.write(file, sounds[part])


def _bytes(element: Element) -> bytes:
    written: bytes = ElementTree.tostring(element, encoding="UTF-8", xml_declaration=True)
    return written


class _Beats:
    """Beats of the project, and seconds of the picture."""

    def __init__(self, session: Session) -> None:
        self.times = session.beat_times()
        self.map = TempoMap(self.times, (0,))
        self.end = float(self.map.to_beats(session.duration))

    def at(self, time: float) -> float:
        return max(0.0, float(self.map.to_beats(time)))


def _project(session: Session, sounds: Mapping[str, str]) -> Element:
    beats = _Beats(session)
    project = Element("Project", version="1.0")
    SubElement(project, "Application", name="PixMus", version="1")
    tempos = 60.0 / np.diff(beats.times)
    transport = SubElement(project, "Transport")
    tempo = {"unit": "bpm", "value": f"{tempos[0]:.9f}", "min": "20", "max": "999"}
    SubElement(transport, "Tempo", tempo, id="tempo", name="Tempo")
    SubElement(
        transport, "TimeSignature", numerator=str(session.bars()[0][1]), denominator="4", id="metre"
    )
    structure = SubElement(project, "Structure")
    arrangement = SubElement(project, "Arrangement", id="arrangement")
    lanes = SubElement(arrangement, "Lanes", timeUnit="beats", id="lanes")
    for part, file in sounds.items():
        name = f"sound-{part}"
        _add_track(structure, name, part.capitalize(), "audio")
        _add_sound(SubElement(lanes, "Lanes", track=name, id=f"{name}-lanes"), file, session, beats)
    for part in session.score.parts:
        name = f"notes-{part}"
        _add_track(structure, name, f"{part.capitalize()} (notes)", "notes")
        _add_notes(SubElement(lanes, "Lanes", track=name, id=f"{name}-lanes"), part, session)
    _add_track(structure, "master", "Master", "audio", role="master")
    markers = SubElement(arrangement, "Markers", id="markers") if session.markers else None
    for marker in session.markers:
        assert markers is not None
        SubElement(markers, "Marker", time=f"{beats.at(marker.time):.6f}", name=marker.name)
    _add_automation(arrangement, session, tempos)
    SubElement(project, "Scenes")
    return project


def _add_track(
    structure: Element, name: str, title: str, content: str, role: str = "regular"
) -> None:
    track = SubElement(structure, "Track", contentType=content, loaded="true", id=name, name=title)
    channel = SubElement(
        track, "Channel", audioChannels="2", role=role, solo="false", id=f"{name}-channel"
    )
    if role != "master":
        channel.set("destination", "master-channel")
    SubElement(channel, "Mute", value="false", id=f"{name}-mute", name="Mute")
    half = {"min": "0", "max": "1", "unit": "normalized", "value": "0.5"}
    SubElement(channel, "Pan", half, id=f"{name}-pan", name="Pan")
    full = {"min": "0", "max": "2", "unit": "linear", "value": "1"}
    SubElement(channel, "Volume", full, id=f"{name}-volume", name="Volume")


def _add_sound(lanes: Element, file: str, session: Session, beats: _Beats) -> None:
    """A stem, its seconds tied to the beats at every change of tempo."""
    clips = SubElement(lanes, "Clips")
    clip = SubElement(
        clips, "Clip", time="0.0", duration=f"{beats.end:.9f}", playStart="0.0", name=file
    )
    warps = SubElement(clip, "Warps", contentTimeUnit="seconds", timeUnit="beats")
    length = f"{session.duration:.9f}"
    audio = SubElement(
        warps, "Audio", channels="2", duration=length, sampleRate=str(SAMPLE_RATE), algorithm="raw"
    )
    SubElement(audio, "File", path=file)
    for beat, time in enumerate(beats.times):
        if time < session.duration:
            SubElement(warps, "Warp", time=f"{float(beat):.6f}", contentTime=f"{time:.9f}")
    SubElement(warps, "Warp", time=f"{beats.end:.9f}", contentTime=length)


def _add_notes(lanes: Element, part: str, session: Session) -> None:
    clips = SubElement(lanes, "Clips")
    length = f"{float(len(session.beat_times()) - 1):.1f}"
    clip = SubElement(clips, "Clip", time="0.0", duration=length, playStart="0.0", name=part)
    notes = SubElement(clip, "Notes")
    channel = str(DRUM_CHANNEL if part == Part.DRUMS else 0)
    for note in session.score.parts[part]:
        SubElement(
            notes,
            "Note",
            time=f"{max(0.0, note.onset + session.pickup):.6f}",
            duration=f"{note.duration:.6f}",
            channel=channel,
            key=str(note.pitch),
            vel=f"{note.velocity / 127:.6f}",
        )


def _add_automation(arrangement: Element, session: Session, tempos: np.ndarray) -> None:
    """Tempo and metre wherever they change."""
    points = SubElement(arrangement, "TempoAutomation", timeUnit="beats", unit="bpm", id="tempos")
    SubElement(points, "Target", parameter="tempo")
    before = 0.0
    for beat, tempo in enumerate(tempos):
        if abs(tempo - before) > 1e-9:
            SubElement(
                points, "RealPoint", time=f"{beat}.0", value=f"{tempo:.9f}", interpolation="hold"
            )
        before = tempo
    points = SubElement(arrangement, "TimeSignatureAutomation", timeUnit="beats", id="metres")
    SubElement(points, "Target", parameter="metre")
    length = 0
    for beat, beats in session.bars():
        if beats != length:
            SubElement(
                points,
                "TimeSignaturePoint",
                time=f"{beat}.0",
                numerator=str(beats),
                denominator="4",
            )
        length = beats
