"""What is written for other programs is what they read: each file by a program that is not ours."""

import csv
import io
import re
import struct
import zipfile
from fractions import Fraction
from pathlib import Path

import mido
import music21
import numpy as np
import opentimelineio as otio
import pytest
import soundfile
from lxml import etree

from pixmus.chords import parse_chord
from pixmus.editors.broadcast_wav import write_broadcast_wav
from pixmus.editors.dawproject import write_dawproject
from pixmus.editors.edl import write_marker_edl
from pixmus.editors.marker_rows import write_marker_rows
from pixmus.editors.musicxml import key_fifths, spell_pitch, write_musicxml
from pixmus.editors.otio import write_otio
from pixmus.editors.read import read_cut_list
from pixmus.editors.rpp import write_rpp
from pixmus.editors.session import Session, SessionMarker
from pixmus.keys import KEYS
from pixmus.picture.timecode import Counting
from pixmus.score.midi import write_midi
from pixmus.score.notes import Note, Score
from pixmus.score.tempo import TempoMap

NTSC = Fraction(30000, 1001)
DROP = Counting(NTSC, True)
SCHEMAS = Path(__file__).parents[1] / "data" / "dawproject"
MARKERS = (
    SessionMarker(0.0, "cue: calm", end=float(150 / NTSC)),
    SessionMarker(float(61 / NTSC), 'hit "1.00"', 1.0),
    SessionMarker(float(90 / NTSC), "hit 0.62", 0.62),
    SessionMarker(float(150 / NTSC), "cue: chase, on", end=float(240 / NTSC)),
)


def tempo_map() -> TempoMap:
    """A pickup of half a second, two bars at 120 and one of three beats at 90."""
    times = np.concatenate([0.5 + 0.5 * np.arange(9), 4.5 + np.arange(1, 4) * (60 / 90)])
    return TempoMap(times, (0, 4, 8))


def score(key: str = "Eb major") -> Score:
    return Score(
        {
            "melody": (
                Note(0.0, 63, 1.0, 80),
                Note(3.5, 68, 1.5, 90),  # over the bar
                Note(5.0, 66, 2.0, 90),  # Gb, no note of the key
                Note(8.25, 70, 0.75, 70),
            ),
            "harmony": (
                Note(0.0, 51, 4.0, 60),
                Note(1.0, 55, 2.0, 60),  # begins and ends while the other sounds
                Note(4.0, 58, 7.0, 60),
            ),
            "drums": (Note(0.0, 36, 0.25, 100), Note(1.5, 42, 0.25, 70)),
        },
        tempo_map(),
        key,
    )


@pytest.fixture
def session() -> Session:
    return Session(
        title="a clip",
        duration=8.0,
        counting=DROP,
        first_frame=107892,
        markers=MARKERS,
        score=score(),
        picture="scored.mp4",
        stems={"melody": "stems/01_Melody.wav", "harmony": "stems/02_Harmony.wav"},
        programs={"melody": 40},
    )


def test_markers_come_back_from_resolves_list(session, tmp_path):
    write_marker_edl(tmp_path / "m.edl", session)
    text = (tmp_path / "m.edl").read_text()
    assert "FCM: DROP FRAME" in text and "01:00:02;01 01:00:02;02" in text
    found = read_cut_list(tmp_path / "m.edl", Counting(NTSC), start="01:00:00;00")
    assert [one.time * NTSC for one in found.marks] == [0, 61, 90, 150]
    assert [one.strength for one in found.marks[1:3]] == [1.0, 0.62]
    assert [found.marks[n].length * NTSC for n in (0, 3)] == [150, 90]
    assert [found.marks[n].name for n in (0, 3)] == ["calm", "chase, on"]


def test_marker_rows_are_right_at_any_rate_and_come_back(session, tmp_path):
    write_marker_rows(tmp_path / "markers.csv", session)
    with open(tmp_path / "markers.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["timecode"] for row in rows] == [
        "01:00:00;00",
        "01:00:02;01",
        "01:00:03;00",
        "01:00:05;00",
    ]
    assert rows[1]["name"] == 'hit "1.00"' and rows[3]["name"] == "cue: chase, on"
    found = read_cut_list(tmp_path / "markers.csv")
    assert [round(one.time * NTSC) for one in found.marks] == [0, 61, 90, 150]
    assert [one.strength for one in found.marks[1:3]] == [1.0, 0.62]
    assert abs(found.marks[0].length - 150 / NTSC) < Fraction(1, 10**6)


def test_opentimelineio_reads_the_timeline(session, tmp_path):
    write_otio(tmp_path / "t.otio", session)
    line = otio.adapters.read_from_file(str(tmp_path / "t.otio"))
    assert line.name == "a clip"
    assert line.global_start_time.to_timecode(30000 / 1001, drop_frame=True) == "01:00:00;00"
    (picture,) = line.video_tracks()
    assert picture[0].media_reference.target_url == "scored.mp4"
    assert picture.duration().value == 240  # of 239.76, the last not whole
    sounds = line.audio_tracks()
    assert [track[0].media_reference.target_url for track in sounds] == list(session.stems.values())
    assert all(track.duration() == otio.opentime.RationalTime(352800, 44100) for track in sounds)
    found = [(m.name, m.marked_range.start_time.value, m.color) for m in line.tracks.markers]
    assert found == [
        ("cue: calm", 0, "GREEN"),
        ('hit "1.00"', 61, "RED"),
        ("hit 0.62", 90, "BLUE"),
        ("cue: chase, on", 150, "GREEN"),
    ]
    assert line.tracks.markers[3].marked_range.duration.value == 90
    again = read_cut_list(tmp_path / "t.otio")
    assert [one.time * NTSC for one in again.marks] == [0, 61, 90, 150]


@pytest.mark.parametrize(
    ("counting", "text", "rate", "subframes"),
    [
        (DROP, "01:00:02;01", 29.97, 0),
        (Counting(Fraction(25)), "10:00:00:24", 25, 0),
        (Counting(Fraction(24000, 1001)), "00:10:00:12", 24, 0),
        (Counting(Fraction(50)), "00:00:01:31", 25, 50),
        (Counting(Fraction(60000, 1001), True), "00:01:00;05", 29.97, 50),
    ],
)
def test_mido_reads_the_smpte_offset(counting, text, rate, subframes, tmp_path):
    write_midi(score(), tmp_path / "s.mid", None, (counting, counting.count(text)))
    midi = mido.MidiFile(tmp_path / "s.mid")
    (offset,) = (m for m in midi.tracks[0] if m.type == "smpte_offset")
    hours, minutes, seconds, frame = map(int, re.split("[:;]", text))
    found = (offset.hours, offset.minutes, offset.seconds, offset.frame_rate, offset.sub_frames)
    assert found == (hours, minutes, seconds, rate, subframes)
    assert offset.frames == (frame if counting.base <= 30 else frame // 2)
    kinds = {m.type for m in midi.tracks[0]}
    assert {"key_signature", "time_signature", "set_tempo"} <= kinds


def test_a_rate_without_smpte_says_none(tmp_path):
    write_midi(score(), tmp_path / "s.mid", None, (Counting(Fraction(25, 2)), 10))
    assert "smpte_offset" not in {m.type for m in mido.MidiFile(tmp_path / "s.mid").tracks[0]}


def test_soundfile_reads_a_stem_and_its_bext_says_when_and_how_loud(tmp_path):
    time = np.arange(3 * 44100 + 1) / 44100
    tone = (0.5 * np.sin(2 * np.pi * 997 * time)).astype(np.float32)
    stem = np.stack([tone, tone])
    write_broadcast_wav(tmp_path / "01_Melody.wav", stem, "Melody of clip.mp4", 3600.0)
    info = soundfile.info(tmp_path / "01_Melody.wav")
    assert (info.samplerate, info.channels, info.subtype) == (44100, 2, "PCM_24")
    read, _ = soundfile.read(tmp_path / "01_Melody.wav", always_2d=True)
    np.testing.assert_allclose(read.T, stem, atol=2**-23)
    data = (tmp_path / "01_Melody.wav").read_bytes()
    assert len(data) == struct.unpack("<I", data[4:8])[0] + 8 and len(data) % 2 == 0
    bext = data[20 : 20 + 602]
    assert data[12:16] == b"bext" and bext[:18] == b"Melody of clip.mp4"
    assert struct.unpack("<Q", bext[338:346])[0] == 3600 * 44100
    loudness, _, peak = struct.unpack("<3h", bext[412:418])
    assert loudness == pytest.approx(-603, abs=15)  # 997 Hz at -6 dBFS in both channels
    assert peak == pytest.approx(-602, abs=5)


def test_a_stem_beyond_full_scale_is_not_clipped(tmp_path):
    loud = np.array([[0.0, 1.5, -2.0], [0.0, 0.1, 0.2]], np.float32)
    write_broadcast_wav(tmp_path / "a.wav", loud, "", 0.0)
    read, _ = soundfile.read(tmp_path / "a.wav", always_2d=True)
    np.testing.assert_array_equal(read.T.astype(np.float32), loud)


def test_a_reaper_session_is_whole(session, tmp_path):
    """No reader of .rpp is in the index of Python packages: its lines are read one by one."""
    write_rpp(tmp_path / "session.rpp", session)
    lines = [line.strip() for line in (tmp_path / "session.rpp").read_text().splitlines()]
    depth = np.cumsum([line.startswith("<") - (line == ">") for line in lines])
    assert depth[-1] == 0 and depth[:-1].min() == 1
    assert [line for line in lines if line.startswith("FILE")] == [
        'FILE "scored.mp4"',
        'FILE "stems/01_Melody.wav"',
        'FILE "stems/02_Harmony.wav"',
    ]
    points = [line.split()[1:] for line in lines if line.startswith("PT ")]
    # The tempo integrated from point to point gives every beat where the score has it.
    starts = [float(point[0]) for point in points]
    tempos = [float(point[1]) for point in points]
    for time, beat in ((0.5, 1), (4.5, 9), (4.5 + 2, 12)):
        ends = [*starts[1:], np.inf]
        beats = sum(
            max(0.0, min(time, end) - start) * tempo / 60
            for start, end, tempo in zip(starts, ends, tempos, strict=True)
        )
        assert beats == pytest.approx(beat, abs=1e-6)
    signatures = [(float(p[0]), int(p[3]) & 0xFFFF, int(p[3]) >> 16) for p in points if len(p) > 3]
    assert signatures == [(0.0, 1, 4), (0.5, 4, 4), (4.5, 3, 4)]
    markers = [line for line in lines if line.startswith("MARKER")]
    assert len(markers) == 6 and sum(line.endswith('"" 1') for line in markers) == 2
    assert "'hit \"1.00\"'" in markers[2]
    events = [line.split() for line in lines if line.startswith("E ")]
    first = events[: [event[2] for event in events].index("b0") + 1]
    ticks = np.cumsum([int(event[1]) for event in first])
    onsets = [
        (tick / 480 - 1, int(event[3], 16))
        for tick, event in zip(ticks, first, strict=True)
        if event[2].startswith("9")
    ]
    assert onsets == [(note.onset, note.pitch) for note in score().parts["melody"]]


def test_a_dawproject_meets_its_published_schema(session, tmp_path):
    stems = {part: tmp_path / Path(file).name for part, file in session.stems.items()}
    for file in stems.values():
        write_broadcast_wav(file, np.zeros((2, session.num_samples), np.float32), "")
    write_dawproject(tmp_path / "s.dawproject", session, stems)
    with zipfile.ZipFile(tmp_path / "s.dawproject") as archive:
        project = etree.fromstring(archive.read("project.xml"))
        metadata = etree.fromstring(archive.read("metadata.xml"))
        for element in project.iter("File"):
            sound, rate = soundfile.read(io.BytesIO(archive.read(element.get("path"))))
            assert (len(sound), rate) == (session.num_samples, 44100)
    for document, schema in ((project, "Project.xsd"), (metadata, "MetaData.xsd")):
        etree.XMLSchema(etree.parse(SCHEMAS / schema)).assertValid(document)
    assert [m.get("name") for m in project.iter("Marker")] == [m.name for m in MARKERS]
    melody = project.find(".//Lanes[@track='notes-melody']")
    found = [(float(n.get("time")) - 1, int(n.get("key"))) for n in melody.iter("Note")]
    assert found == [(note.onset, note.pitch) for note in score().parts["melody"]]
    warps = [(float(w.get("time")), float(w.get("contentTime"))) for w in project.iter("Warp")]
    assert (1.0, 0.5) in warps and (9.0, 4.5) in warps
    metres = [(p.get("time"), p.get("numerator")) for p in project.iter("TimeSignaturePoint")]
    assert metres == [("0.0", "1"), ("1.0", "4"), ("9.0", "3")]


def test_music21_reads_the_same_notes(session, tmp_path):
    chords = [(0.0, parse_chord("Eb")), (2.0, parse_chord("Ab/C")), (4.0, parse_chord("Cm7"))]
    write_musicxml(tmp_path / "s.musicxml", session, chords)
    read = music21.converter.parse(tmp_path / "s.musicxml")
    assert [part.partName for part in read.parts] == ["Melody", "Harmony", "Drums"]
    for part, name in zip(read.parts, ("melody", "harmony"), strict=False):
        found = sorted(
            (float(note.offset), pitch.midi, float(note.quarterLength))
            for note in part.stripTies().flatten().notes
            if not isinstance(note, music21.harmony.ChordSymbol)
            for pitch in note.pitches
        )
        if name == "melody":
            wanted = [(n.onset, n.pitch, n.duration) for n in score().parts[name]]
            assert found == wanted
        assert {(at, pitch) for at, pitch, _ in found} >= {
            (n.onset, n.pitch) for n in score().parts[name]
        }
    melody = read.parts[0]
    assert [m.barDuration.quarterLength for m in melody.getElementsByClass("Measure")] == [4, 4, 3]
    assert melody.flatten().getElementsByClass("KeySignature")[0].sharps == -3
    ties = [note.tie.type for note in melody.flatten().notes if getattr(note, "tie", None)]
    assert ties[:2] == ["start", "stop"]
    spelt = [p.nameWithOctave for n in melody.stripTies().flatten().notes for p in n.pitches]
    assert "G-4" in spelt and "E-4" in spelt and "A-4" in spelt and "B-4" in spelt
    figures = [c.figure for c in read.parts[0].flatten().getElementsByClass("ChordSymbol")]
    assert figures == ["E-", "A-/C", "Cm7"]
    marks = [m.number for m in melody.flatten().getElementsByClass("MetronomeMark")]
    assert marks[0] == pytest.approx(120) and marks[-1] == pytest.approx(90)


def test_held_notes_keep_their_length_under_chords(session, tmp_path):
    write_musicxml(tmp_path / "s.musicxml", session)
    read = music21.converter.parse(tmp_path / "s.musicxml").parts[1]
    sounding = {51: 0.0, 55: 0.0, 58: 0.0}
    struck = dict.fromkeys(sounding, 0)
    for element in read.flatten().notes:
        notes = element.notes if isinstance(element, music21.chord.Chord) else [element]
        for note in notes:
            sounding[note.pitch.midi] += float(element.quarterLength)
            struck[note.pitch.midi] += note.tie is None or note.tie.type == "start"
    assert sounding == {51: 4.0, 55: 2.0, 58: 7.0}
    assert struck == {51: 1, 55: 1, 58: 1}


@pytest.mark.parametrize("key", KEYS)
def test_the_notes_of_a_key_need_no_accidental(key):
    signature = music21.key.KeySignature(key_fifths(key))
    scale = signature.asKey("major" if key.endswith("major") else "minor")
    assert (
        scale.tonic.pitchClass == music21.pitch.Pitch(key.split()[0].replace("b", "-")).pitchClass
    )
    for pitch in scale.pitches:
        letter, alteration, octave = spell_pitch(round(pitch.ps), key)
        assert (letter, alteration, octave) == (pitch.step, int(pitch.alter), pitch.octave)
