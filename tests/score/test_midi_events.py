"""MIDI of other programs is read as they mean it, and bounded; never anything but a sentence."""

from __future__ import annotations

import struct
import time
from pathlib import Path

import numpy as np
import pytest
from midi_bytes import END, file, meta, name, notes, number, tempo, track

from pixmus.errors import PixMusError
from pixmus.score import midi_events
from pixmus.score.midi import read_midi, write_midi
from pixmus.score.notes import Note, Score
from pixmus.score.tempo import TempoMap
from pixmus.sound.programs import ensemble_of

SCALE = (60, 62, 64, 65)
MELODY = name("melody") + notes(*SCALE)
PLAIN = file(track(MELODY + END))
NOTES = tuple(Note(float(i), pitch, 1.0, 90) for i, pitch in enumerate(SCALE))


def read(folder: Path, data: bytes) -> Score:
    """The score of these bytes, which is the same after it was written by PixMus."""
    path = folder / "foreign.mid"
    path.write_bytes(data)
    score = read_midi(path)
    write_midi(score, folder / "back.mid")
    back = read_midi(folder / "back.mid")
    assert back.parts == {part: found for part, found in score.parts.items()}
    ensemble_of(path, score.parts)  # reads the same file in the same way
    return score


@pytest.mark.parametrize(
    "data",
    [
        PLAIN,
        b"RIFF" + struct.pack("<I", len(PLAIN) + 12) + b"RMIDdata" + struct.pack("<I", len(PLAIN))
        + PLAIN,
        file(track(MELODY + END, wrong_by=40)),
        file(track(MELODY + END, wrong_by=-9)),
        file(track(END, wrong_by=3), track(MELODY + END, wrong_by=-9)),
        file(track(MELODY)),  # no end of track
        file(track(MELODY + END + b"\x00\x90\x3c\x5a")),  # a note behind it
        file(track(MELODY + END)) + b"XFKM\0\0\0\4abcd",
        file(track(tempo(0) + MELODY + END)),
        file(track(meta(0x59, b"\x08\xff") + MELODY + END)),  # no such key
        file(track(meta(0x59, b"") + meta(0x51, b"\x01") + meta(0x58, b"\x04") + MELODY + END)),
        file(track(meta(0x58, b"\x00\x02\x18\x08") + MELODY + END)),  # a bar of nothing
        file(track(b"\x00\xb0\x07\xff" + MELODY + END)),  # a data byte above 127
        file(track(meta(1, b"A" * 3_000_000) + MELODY + END)),
        file(track(MELODY + END), track(name(b"Fl\xf6te") + END)),
        file(track(b"\x00\xf0\x05\x7e\x7f\x09\x01\xf7" + MELODY + b"\x00\xf7\x02\x43\x12" + END)),
        file(track(MELODY + number(480 * 2 * 3600 * 5) + END[1:])),  # ends hours later
        file(track(MELODY + END), track(meta(6, b"far", after=2**40) + END)),
    ],
)  # fmt: skip
def test_the_same_melody_however_it_is_written(tmp_path: Path, data: bytes) -> None:
    score = read(tmp_path, data)
    assert score.parts == {"melody": NOTES}
    assert score.tempo_map.beat_times[:5] == pytest.approx([0.0, 0.5, 1.0, 1.5, 2.0])
    assert score.tempo_map.num_beats == 4 and score.key == "C major"


@pytest.mark.parametrize(
    ("division", "ticks", "seconds"),
    [(0xE728, 500, 0.5), (0xE850, 960, 0.5), (0xE364, 3000, 1.001), (0xE200 | 80, 600, 0.25)],
)
def test_time_in_frames(tmp_path: Path, division: int, ticks: int, seconds: float) -> None:
    """25 x 40, 24 x 80, 29.97 x 100 and 30 x 80 ticks a second; tempos mean nothing there."""
    body = tempo(250_000) + name("melody") + notes(60, 62, ticks=ticks)
    score = read(tmp_path, file(track(body + END), division=division))
    second = score.parts["melody"][1]
    assert score.tempo_map.to_seconds(second.onset) == pytest.approx(seconds)
    assert score.tempo_map.to_seconds(second.onset + second.duration) == pytest.approx(2 * seconds)


def test_the_pedal_holds_what_was_let_go(tmp_path: Path) -> None:
    pedal = b"\x00\xb0\x40\x7f"
    body = name("melody") + pedal + notes(60, 64, 60, ticks=120) + number(1920) + b"\xb0\x40\x00"
    ends = {(n.onset, n.pitch): n.onset + n.duration for n in read(
        tmp_path, file(track(body + END))
    ).parts["melody"]}  # fmt: skip
    assert ends == {(0.0, 60): 0.5, (0.25, 64): 4.75, (0.5, 60): 4.75}


def test_a_stuck_note_ends_a_bar_after_the_rest(tmp_path: Path) -> None:
    far = number(480 * 2 * 3600 * 5)
    score = read(tmp_path, file(track(MELODY + b"\x00\x90\x48\x5a" + far + END[1:])))
    assert score.parts["melody"][-1] == Note(4.0, 72, 4.0, 90)
    assert score.tempo_map.beat_times[-1] == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("fifths", "is_minor", "key"),
    [(0, 0, "C major"), (-7, 0, "B major"), (7, 0, "Db major"), (3, 1, "F# minor"),
     (-5, 1, "Bb minor"), (-1, 0, "F major")],
)  # fmt: skip
def test_keys(tmp_path: Path, fifths: int, is_minor: int, key: str) -> None:
    body = meta(0x59, bytes([fifths & 255, is_minor])) + MELODY
    assert read(tmp_path, file(track(body + END))).key == key


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "is not a MIDI file"),
        (b"MThd", "is not a MIDI file"),
        (b"MThd\0\0\0\6\0\1\0\1\1\xe0", "is not a MIDI file"),
        (b"RIFF\0\0\0\0RMIDdata\xff\xff\xff\xff", "is not a MIDI file"),
        (file(track(MELODY + END), division=0), "a beat has no ticks"),
        (file(track(MELODY + END), division=0xE700), "frames of a rate"),
        (file(track(MELODY + END), division=0x8028), "frames of a rate"),
        (file(track(b"\xff" * 100)), "damaged"),
        (file(track(b"\x00\x3c\x5a" + END)), "damaged in track 0"),
        (file(track(name("melody") + notes(60, ticks=480 * 2 * 7300) + END)), "lasts 122 minutes"),
        (
            file(*(track(name("x" * 90_000 + str(i)) + notes(60) + END) for i in range(9))),
            "and 4 more; name each track",
        ),
    ],
)
def test_what_cannot_be_read_is_one_sentence(tmp_path: Path, data: bytes, told: str) -> None:
    with pytest.raises(PixMusError, match=told) as raised:
        read(tmp_path, data)
    assert len(str(raised.value)) < 600 and "\n" not in str(raised.value)


def test_a_folder_or_too_much_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PixMusError, match="cannot be opened"):
        read_midi(tmp_path)
    monkeypatch.setattr(midi_events, "MOST_NOTES", 3)
    with pytest.raises(PixMusError, match="more than 3 notes"):
        read(tmp_path, PLAIN)
    monkeypatch.setattr(midi_events, "MOST_EVENTS", 5)
    with pytest.raises(PixMusError, match="more than 5 events"):
        read(tmp_path, PLAIN)
    monkeypatch.setattr(midi_events, "LARGEST_FILE", 50)
    with pytest.raises(PixMusError, match="is larger than"):
        read(tmp_path, PLAIN)


def test_a_file_that_is_cut_off_is_read_up_to_there(tmp_path: Path) -> None:
    for length in range(len(PLAIN) - 15, len(PLAIN)):
        assert read(tmp_path, PLAIN[:length]).parts["melody"][:3] == NOTES[:3]


def test_reading_is_linear(tmp_path: Path) -> None:
    """40,000 strikes of one pitch, as many metres and 12,000 bars take well below 10 s."""
    strikes = b"\x01\x90\x3c\x50" * 40_000 + number(480) + b"\x80\x3c\x00" * 1
    metres = meta(0x58, b"\x01\x02\x18\x08", after=1) * 40_000
    (tmp_path / "a.mid").write_bytes(
        file(track(metres + number(480 * 12_000) + END[1:]), track(name("bass") + strikes + END))
    )
    begun = time.process_time()
    assert len(read_midi(tmp_path / "a.mid").parts["bass"]) == 40_000
    assert time.process_time() - begun < 10


def test_a_long_wait_before_the_first_beat_can_be_written(tmp_path: Path) -> None:
    tempo_map = TempoMap(np.array([40.0, 72.0, 104.0]) / 2, (0,))
    write_midi(Score({"melody": NOTES[:1]}, tempo_map), tmp_path / "slow.mid")
    back = read_midi(tmp_path / "slow.mid")
    assert back.tempo_map.beat_times == pytest.approx(tempo_map.beat_times)
