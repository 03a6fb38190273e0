"""The MIDI file carries the tempo map, and is read back to the same notes."""

from pathlib import Path

import mido
import numpy as np
import pytest
from planned import planned
from random_music import random_notes

from pixmus.editors.read import read_cut_list
from pixmus.errors import PixMusError
from pixmus.keys import KEYS
from pixmus.score.midi import read_midi, write_midi
from pixmus.score.notes import (
    Note,
    Score,
)
from pixmus.score.tempo import TempoMap


def wavering_map(offset: float) -> TempoMap:
    periods = 0.5 * (1 + 0.05 * np.sin(np.arange(22)))
    times = offset + np.concatenate([[0.0], np.cumsum(periods)])
    return TempoMap(times, (0, 4, 8, 10, 14, 18))  # the third bar is in 2/4


@pytest.mark.parametrize("offset", [0.0, 0.07, 0.4, 1.7])
def test_midi_reads_back_to_the_same_notes_and_map(tmp_path: Path, offset: float) -> None:
    tempo_map = wavering_map(offset)
    score = Score(
        {"melody": tuple(random_notes("melody", 1)), "drums": tuple(random_notes("drums", 2))},
        tempo_map,
        "Db minor",
        ((0.0, "cue"), (3.21, "hit 0.80")),
    )
    write_midi(score, tmp_path / "score.mid")
    back = read_midi(tmp_path / "score.mid")
    assert back.parts == score.parts
    assert back.key == score.key
    assert back.tempo_map.bar_starts == tempo_map.bar_starts
    assert np.abs(back.tempo_map.beat_times - tempo_map.beat_times).max() < 0.001
    assert [name for _, name in back.markers] == ["cue", "hit 0.80"]
    assert back.markers[1][0] == pytest.approx(3.21, abs=0.002)


def test_tick_zero_is_picture_time_zero(tmp_path: Path) -> None:
    score = Score({"melody": (Note(0.0, 60, 1.0, 80),)}, wavering_map(0.4))
    write_midi(score, tmp_path / "score.mid")
    now, struck = 0.0, None
    for message in mido.MidiFile(tmp_path / "score.mid"):
        now += message.time
        if message.type == "note_on" and struck is None:
            struck = now
    assert struck == pytest.approx(0.4, abs=0.001)
    assert mido.MidiFile(tmp_path / "score.mid").ticks_per_beat == 480


def test_the_plans_chords_are_markers_and_no_hit_points(tmp_path: Path) -> None:
    plan = planned(["Am", "F", "F", "C/E", None, "G", "Am", "Am"], (0, 4, 8, 10))
    score = Score(
        {"melody": (Note(0.0, 60, 1.0, 80),)},
        wavering_map(0.4),
        "B minor",
        ((0.0, "cue"), (1.0, "hit 0.80")),
        plan=plan,
    )
    write_midi(score, tmp_path / "score.mid")
    found, beat = [], 0.0
    for message in mido.MidiFile(tmp_path / "score.mid").tracks[0]:
        beat += message.time / 480
        if message.type == "marker" and message.text.startswith("chord "):
            found.append((beat - 1, message.text))  # after a pickup of a beat
    # Of the bar of 2/4 at beat 8 only the first half is played, and it has no chord.
    assert found == [(0, "chord Bm"), (2, "chord G"), (6, "chord D/F#"), (10, "chord Bm")]
    assert [name for _, name in read_midi(tmp_path / "score.mid").markers] == ["cue", "hit 0.80"]
    cuts = read_cut_list(tmp_path / "score.mid", None)
    assert [mark.name for mark in cuts.marks] == ["cue", "hit 0.80"]


@pytest.mark.parametrize("key", KEYS)
def test_every_key_has_a_midi_name(tmp_path: Path, key: str) -> None:
    write_midi(Score({"melody": ()}, wavering_map(0.0), key), tmp_path / "score.mid")
    assert read_midi(tmp_path / "score.mid").key == key


def test_what_is_not_midi_is_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.mid"
    wrong.write_text("this is no music")
    with pytest.raises(PixMusError, match="wrong.mid is not a MIDI file"):
        read_midi(wrong)
    with pytest.raises(PixMusError, match="there is no such file"):
        read_midi(tmp_path / "missing.mid")


def foreign(path: Path, *tracks: tuple[str, int, list[tuple[int, int, int]]], **how: int) -> Path:
    """A MIDI file of another program: tracks of (name, channel, notes (start, end, pitch))."""
    midi = mido.MidiFile(ticks_per_beat=how.get("ticks", 480))
    for name, channel, notes in tracks:
        track = mido.MidiTrack([mido.MetaMessage("track_name", name=name)])
        events = []
        for start, end, pitch in notes:
            events += [(start, 1, "note_on", pitch), (end, 0, "note_off", pitch)]
        now = 0
        for tick, _, kind, pitch in sorted(events):
            track.append(
                mido.Message(kind, note=pitch, velocity=64, channel=channel, time=tick - now)
            )
            now = tick
        midi.tracks.append(track)
    midi.save(path)
    return path


def test_a_track_that_is_no_part_is_named(tmp_path: Path) -> None:
    note = [(0, 480, 60)]
    path = foreign(tmp_path / "kazoo.mid", ("kazoo", 0, note), ("melody", 1, note))
    with pytest.raises(PixMusError, match="kazoo.mid: no part .* track 0 'kazoo'; name each track"):
        read_midi(path)


def test_tracks_are_parts_by_name_and_a_lone_one_is_the_melody(tmp_path: Path) -> None:
    note, later = [(0, 480, 60)], [(960, 1440, 62)]
    path = foreign(tmp_path / "lone.mid", ("tempo", 0, []), ("Violin I", 3, note))
    assert read_midi(path).parts == {"melody": (Note(0.0, 60, 1.0, 64),)}
    drums = read_midi(foreign(tmp_path / "drums.mid", ("kit", 9, [(0, 240, 36)])))
    assert set(drums.parts) == {"drums"}
    named = foreign(
        tmp_path / "named.mid", (" Bass", 0, note), ("HARMONY", 1, note), ("harmony", 1, later)
    )
    parts = read_midi(named).parts
    assert set(parts) == {"bass", "harmony"}
    assert [n.pitch for n in parts["harmony"]] == [60, 62]


def test_a_note_that_is_never_let_go_lasts_until_its_track_ends(tmp_path: Path) -> None:
    track = mido.MidiTrack([mido.Message("note_on", note=60, velocity=70, time=480)])
    track.append(mido.MetaMessage("end_of_track", time=960))
    midi = mido.MidiFile()
    midi.tracks.append(track)
    midi.save(tmp_path / "hanging.mid")
    assert read_midi(tmp_path / "hanging.mid").parts["melody"] == (Note(1.0, 60, 2.0, 70),)


def test_tempo_changes_within_a_beat_and_open_bars_are_read(tmp_path: Path) -> None:
    """Half a beat at 120, half at 60 bpm: 0.75 s; five beats are two bars."""
    path = foreign(tmp_path / "tempo.mid", ("melody", 0, [(0, 480 * 5, 60)]))
    midi = mido.MidiFile(path)
    tempo = [
        mido.MetaMessage("set_tempo", tempo=500_000, time=0),
        mido.MetaMessage("set_tempo", tempo=1_000_000, time=240),
    ]
    midi.tracks.insert(0, mido.MidiTrack(tempo))
    midi.save(path)
    tempo_map = read_midi(path).tempo_map
    assert tempo_map.beat_times[:3] == pytest.approx([0.0, 0.75, 1.75])
    assert tempo_map.bar_starts == (0, 4) and tempo_map.num_beats == 8


@pytest.mark.parametrize("ticks", [96, 120, 384, 480, 960, 1024])
def test_notes_of_any_resolution_are_written_where_they_were(tmp_path: Path, ticks: int) -> None:
    notes = [(start, start + 1 + start % 7, 60 + start % 5) for start in range(0, 900, 13)]
    path = foreign(tmp_path / "fine.mid", ("melody", 0, notes), ticks=ticks)
    score = read_midi(path)
    write_midi(score, tmp_path / "back.mid")
    assert read_midi(tmp_path / "back.mid").parts == score.parts


@pytest.mark.parametrize(
    ("name", "key"), [("Gb", "F# major"), ("D#m", "Eb minor"), ("Cb", "B major")]
)
def test_keys_are_read_however_they_are_spelt(tmp_path: Path, name: str, key: str) -> None:
    path = foreign(tmp_path / "key.mid", ("melody", 0, [(0, 480, 60)]))
    assert read_midi(path, unnamed_key="G minor").key == "G minor"
    midi = mido.MidiFile(path)
    midi.tracks[0].insert(0, mido.MetaMessage("key_signature", key=name))
    midi.save(path)
    assert read_midi(path).key == key


@pytest.mark.parametrize("pickup", [1, 255, 256, 259, 1001])
def test_music_may_begin_late(tmp_path: Path, pickup: int) -> None:
    """A time signature holds 255 beats at most; a pickup of more has bars of four."""
    tempo_map = TempoMap.constant(120.0, 0.5 * pickup + 4.0, 0.5 * pickup)
    score = Score({"melody": tuple(random_notes("melody", 1, 8))}, tempo_map)
    write_midi(score, tmp_path / "score.mid")
    back = read_midi(tmp_path / "score.mid")
    assert back.parts == score.parts
    assert back.tempo_map.bar_starts == tempo_map.bar_starts
    assert np.allclose(back.tempo_map.beat_times, tempo_map.beat_times, atol=1e-6)
    metres = [
        (message.numerator, message.denominator)
        for message in mido.MidiFile(tmp_path / "score.mid").tracks[0]
        if message.type == "time_signature"
    ]
    rest = [(pickup % 4, 4)] if pickup % 4 else []
    assert metres == ([(pickup, 4), (4, 4)] if pickup < 256 else [*rest, (4, 4)])
