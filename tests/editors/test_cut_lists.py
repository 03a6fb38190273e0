"""Cut lists of editors: what they say to the frame, and one sentence for every fault."""

from fractions import Fraction

import mido
import opentimelineio as otio
import pytest

from pixmus.cues.cut_list import Edit
from pixmus.editors.read import read_cut_list
from pixmus.errors import PixMusError
from pixmus.picture.timecode import Counting

PAL = Counting(Fraction(25))
NTSC = Fraction(30000, 1001)

AVID = """TITLE: REEL 1
FCM: NON-DROP FRAME

001  TAPE01   V     C        10:00:00:00 10:00:04:00 01:00:00:00 01:00:04:00
* FROM CLIP NAME: Opening
002  TAPE02   V     C        02:00:00:00 02:00:00:00 01:00:04:00 01:00:04:00
002  TAPE03   V     D    024 03:00:00:00 03:00:06:00 01:00:04:00 01:00:10:00
* LOC: 01:00:06:12 RED     the door opens
003  TAPE04   AA/V  C        04:00:00:00 04:00:02:00 01:00:10:00 01:00:12:00
* LOC: 01:00:11:00         a look
004  TAPE05   A2    C        04:00:00:00 04:00:02:00 01:00:11:00 01:00:12:00
005  BL       V     D    010 00:00:00:00 00:00:02:00 01:00:12:00 01:00:14:00
006  TAPE06   V     C        05:00:00:00 05:00:01:00 01:00:15:00 01:00:16:00
"""
RESOLVE = """TITLE: Timeline 1
FCM: NON-DROP FRAME

001  001      V     C        01:00:03:09 01:00:03:10 01:00:03:09 01:00:03:10  
 |C:ResolveColorBlue |M:Marker 1 |D:1

002  001      V     C        01:00:05:00 01:00:05:01 01:00:05:00 01:00:05:01  
a note |C:ResolveColorRed |M:Fall | hard |D:1

003  001      V     C        01:00:10:00 01:00:10:01 01:00:10:00 01:00:10:01  
 |C:ResolveColorGreen |M:Chase |D:250
"""  # noqa: W291


def read(tmp_path, name, text, counting=PAL, **more):
    path = tmp_path / name
    if isinstance(text, bytes):
        path.write_bytes(text)
    else:
        path.write_text(text, encoding="utf-8")
    return read_cut_list(path, counting, **more)


def test_an_edl_says_cuts_dissolves_fades_and_gaps(tmp_path):
    found = read(tmp_path, "a.edl", AVID)
    assert found.edits == (
        Edit(Fraction(0), Fraction(0)),
        Edit(Fraction(4), Fraction(124, 25), "dissolve"),
        Edit(Fraction(10), Fraction(10)),
        Edit(Fraction(12), Fraction(310, 25), "fade"),
        Edit(Fraction(14), Fraction(14)),  # black from there ...
        Edit(Fraction(15), Fraction(15)),  # ... to there
    )
    assert found.edits[1].time == Fraction(112, 25)
    assert found.end == 16
    assert [(m.time, m.name, m.strength) for m in found.marks] == [
        (Fraction(162, 25), "the door opens", 1.0),
        (Fraction(11), "a look", 0.6),
    ]


def test_resolves_markers_keep_name_colour_and_length(tmp_path):
    found = read(tmp_path, "m.edl", RESOLVE)
    assert not found.edits and found.end is None
    assert [(m.time, m.name, m.strength, m.length) for m in found.marks] == [
        (Fraction(84, 25), "Marker 1", 0.6, 0),
        (Fraction(5), "Fall | hard", 1.0, 0),
        (Fraction(10), "Chase", 0.6, 10),
    ]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("newline", ["\r\n", "\r"])
def test_other_systems_text(tmp_path, encoding, newline):
    text = AVID.replace("\n", newline).encode(encoding)
    assert read(tmp_path, "a.edl", text) == read(tmp_path, "a.edl", AVID)


def test_drop_frame_edl_is_exact(tmp_path):
    counting = Counting(NTSC, True)
    lines = ["TITLE: DROP", "FCM: DROP FRAME"]
    frames = [0, 1, 1799, 1800, 17981, 17982, 107891, 107892]
    for number, (a, b) in enumerate(zip(frames[:-1], frames[1:], strict=True), start=1):
        a, b = (counting.spell(107892 + frame).replace(";", ":") for frame in (a, b))
        lines.append(f"{number:03d}  AX       V     C        {a} {b} {a} {b}")
    found = read(tmp_path, "d.edl", "\n".join(lines), Counting(NTSC))
    assert [edit.time for edit in found.edits] == [frame / NTSC for frame in frames[:-1]]
    assert found.end == 107892 / NTSC
    assert "01:01:00:02 01:10:00:00" not in lines  # the hour starts at 1:00:00;00


def test_the_start_is_asked_for_or_the_clips_own_or_the_lists(tmp_path):
    assert read(tmp_path, "a.edl", AVID).edits[2].time == 10
    asked = read(tmp_path, "a.edl", AVID, start="00:59:58:00")
    assert asked.edits[2].time == 12
    shown = read(tmp_path, "a.edl", AVID, shown="00:59:59:00")
    assert shown.edits[2].time == 11
    behind = read(tmp_path, "a.edl", AVID, shown="10:00:00:00")  # a timecode of the camera's
    assert behind.edits[2].time == 10


def timeline(rate: float, start: float | None = None) -> otio.schema.Timeline:
    """Three clips of two seconds, a dissolve of 10 frames before the last, and three markers."""
    line = otio.schema.Timeline("t")
    if start is not None:
        line.global_start_time = otio.opentime.RationalTime(start, rate)
    frames = round(rate) * 2

    def span(first: float, count: float) -> otio.opentime.TimeRange:
        time = otio.opentime.RationalTime
        return otio.opentime.TimeRange(time(first, rate), time(count, rate))

    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    clips = [otio.schema.Clip(f"c{n}", source_range=span(100 * n, frames)) for n in range(3)]
    time = otio.opentime.RationalTime
    fade = otio.schema.Transition(
        "x", "SMPTE_Dissolve", in_offset=time(4, rate), out_offset=time(6, rate)
    )
    track.extend([clips[0], clips[1], fade, clips[2]])
    clips[1].markers.append(otio.schema.Marker("in a clip!", span(110, 0)))
    line.tracks.markers.append(otio.schema.Marker("global", span(5, 1), color="YELLOW"))
    track.markers.append(otio.schema.Marker("range", span(20, 60), color="GREEN"))
    line.tracks.append(track)
    line.tracks.append(otio.schema.Track("A1", kind=otio.schema.TrackKind.Audio))
    return line


@pytest.mark.parametrize("rate", [24.0, 24000 / 1001, 30000 / 1001, 25.0])
@pytest.mark.parametrize("start", [None, 86400])
def test_a_timeline_of_opentimelineio(tmp_path, rate, start):
    line = timeline(rate, start)
    otio.adapters.write_to_file(line, str(tmp_path / "t.otio"))
    found = read_cut_list(tmp_path / "t.otio")
    exact = {24.0: Fraction(24), 25.0: Fraction(25)}.get(rate) or round(rate) * Fraction(1000, 1001)
    base = round(rate)
    frames = [edit.time * exact for edit in found.edits]
    assert frames == [0, 2 * base, 4 * base + 1]
    assert found.edits[2] == Edit((4 * base - 4) / exact, (4 * base + 6) / exact, "dissolve")
    assert found.end == 6 * base / exact
    assert {(m.time * exact, m.name, m.strength, m.length * exact) for m in found.marks} == {
        (5, "global", 0.75, 0),
        (2 * base + 10, "in a clip!", 1.0, 0),
        (20, "range", 0.6, 60),
    }


def test_a_film_of_otios_own_making_agrees(tmp_path):
    """Where clips lie by OpenTimelineIO's own reckoning."""
    line = timeline(25.0)
    otio.adapters.write_to_file(line, str(tmp_path / "t.otio"))
    track = line.tracks[0]
    theirs = [
        Fraction(track.trimmed_range_of_child(clip).start_time.value) / 25
        for clip in line.find_clips()
    ]
    ours = [edit.start for edit in read_cut_list(tmp_path / "t.otio").edits]
    assert ours[:2] == theirs[:2]


FCP7 = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE xmeml>
<xmeml version="4"><sequence><name>S</name><duration>250</duration>
<rate><timebase>30</timebase><ntsc>TRUE</ntsc></rate>
<timecode><rate><timebase>30</timebase><ntsc>TRUE</ntsc></rate><string>01:00:00;00</string>
<frame>107892</frame><displayformat>DF</displayformat></timecode>
<media><video><track>
<clipitem id="1"><start>0</start><end>50</end></clipitem>
<clipitem id="2"><start>50</start><end>-1</end></clipitem>
<transitionitem><start>110</start><end>130</end><alignment>center</alignment></transitionitem>
<clipitem id="3"><start>-1</start><end>200</end></clipitem>
<clipitem id="4"><enabled>FALSE</enabled><start>200</start><end>220</end></clipitem>
<clipitem id="5"><start>220</start><end>250</end></clipitem>
</track></video><audio><track><clipitem><start>7</start><end>9</end></clipitem></track></audio></media>
<marker><name>Bang</name><in>60</in><out>-1</out><color><alpha>0</alpha><red>255</red>
<green>0</green><blue>0</blue></color></marker>
<marker><name></name><comment>from the note</comment><in>100</in><out>190</out></marker>
</sequence></xmeml>"""


def test_final_cut_7_xml(tmp_path):
    found = read(tmp_path, "s.xml", FCP7, None)
    assert [edit.time * NTSC for edit in found.edits] == [0, 50, 120, 200, 220]
    assert found.edits[2].kind == "dissolve" and found.end * NTSC == 250
    assert [(m.time * NTSC, m.name, m.strength, m.length * NTSC) for m in found.marks] == [
        (60, "Bang", 1.0, 0),
        (100, "from the note", 0.6, 90),
    ]
    later = read(tmp_path, "s.xml", FCP7, None, start="00:59:59;00")
    assert later.marks[0].time * NTSC == 90


def test_markers_of_a_midi_file(tmp_path):
    midi = mido.MidiFile(ticks_per_beat=480)
    track = mido.MidiTrack(
        [
            mido.MetaMessage("set_tempo", tempo=500_000),
            mido.MetaMessage("marker", text="one", time=480),
            mido.MetaMessage("set_tempo", tempo=333_333, time=480),
            mido.MetaMessage("marker", text="hit 0.25", time=480),
            mido.MetaMessage("end_of_track", time=480),
        ]
    )
    midi.tracks.append(track)
    midi.save(tmp_path / "m.mid")
    found = read_cut_list(tmp_path / "m.mid")
    assert [(m.time, m.name, m.strength) for m in found.marks] == [
        (Fraction(1, 2), "one", 0.6),
        (1 + Fraction(333_333, 10**6), "hit 0.25", 0.25),
    ]
    assert found.end == 1 + 2 * Fraction(333_333, 10**6)


def test_rows_of_markers(tmp_path):
    own = "time,timecode,name\n0.000,01:00:00:00,cue: calm\n2.500,01:00:02:12,hit 0.75\n"
    found = read(tmp_path, "markers.csv", own, None)
    assert [(m.time, m.name, m.strength, m.length) for m in found.marks] == [
        (0, "calm", 0.6, None),
        (Fraction(5, 2), "hit 0.75", 0.75, 0),
    ]
    premiere = "Marker Name\tDescription\tIn\tOut\tDuration\tMarker Type\n"
    premiere += "Hit\t\t00;01;00;02\t00;01;00;02\t00;00;00;00\tComment\n"
    premiere += "\t\t00;02;00;02\t00;02;10;02\t00;00;10;00\tComment\n"
    found = read(tmp_path, "p.csv", premiere.encode("utf-16"), Counting(NTSC))
    assert [(m.time * NTSC, m.length * NTSC) for m in found.marks] == [(1800, 0), (3598, 300)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "empty"),
        ("hello", "no list of cuts or markers"),
        ("{}", "not a timeline"),
        ('{"OTIO_SCHEMA": "Timeline.1"}', "no tracks"),
        ("{" * 5, "not valid JSON"),
        ('{"a":' + "[" * 300, "nested too deeply"),
        ("<a>", "not valid XML"),
        ("<fcpxml/>", "Final Cut Pro X"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><xmeml/>', "entities"),
        ("<xmeml/>", "no sequence"),
        ("<xmeml><sequence/></xmeml>", "frame rate"),
        ("TITLE: x\n", "no event of the picture and no marker"),
        ("TITLE: x\n001 A V C 1 2\n002 A V C 00:00:00:00 00:00:01:00 0 0", "line 3 is no event"),
        ("TITLE: x\nFCM: DROP FRAME\n", "line 2 says drop-frame, which 25 frames"),
        ("TITLE: x\n1 A V C 00:00:00:00 00:00:01:00 00:00:01:00 00:00:00:00", "before it starts"),
        ("TITLE: x\n1 A V C 00:00:00:00 00:00:01:00 00:00:01:25 00:00:02:00", "has a frame 25"),
        ("TITLE: x\n1 A V D 00:00:00:00 00:00:01:00 00:00:01:00 00:00:02:00", "how many frames"),
        ("TITLE: x\n |C:ResolveColorBlue |M:a |D:1", "without the event"),
        ("time,name\n", "no marker"),
        ("time,name\nx,y\n", "line 2 is wrong: the time 'x' is no number"),
        ("timecode,name\n00:00:00:30,y\n", "has a frame 30"),
        ("time,name,strength\n1,y,2\n", "no number within 0 and 1"),
        ("PK\x03\x04", "packed"),
        ("TITLE: \0", "not text"),
        ("TITLE: x\n" + "x" * 5_000_001, "larger than 5 MB"),
        ("time,name\n" + "1,a\n" * 10_001, "more than 10,000"),
    ],
)
def test_every_fault_is_one_sentence(tmp_path, text, told):
    with pytest.raises(PixMusError, match=told) as fault:
        read(tmp_path, "list.edl", text)
    assert str(fault.value).endswith(".") and "\n" not in str(fault.value)


def test_what_nobody_says_is_asked_for(tmp_path):
    with pytest.raises(PixMusError, match="--rate"):
        read(tmp_path, "a.edl", AVID, None)
    with pytest.raises(PixMusError, match="does not exist"):
        read_cut_list(tmp_path / "none.edl", PAL)
    with pytest.raises(PixMusError, match="--start has no say"):
        read(tmp_path, "m.csv", "time,name\n1,a\n", PAL, start="01:00:00:00")
    with pytest.raises(PixMusError, match="start of the programme is wrong"):
        read(tmp_path, "a.edl", AVID, start="1 o'clock")
