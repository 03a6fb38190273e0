"""Which track becomes which part, which stretches are used, and what is said of the rest."""

from pathlib import Path

import pretty_midi
import pytest

from pixmus.ensembles import PARTS
from pixmus.errors import PixMusError
from pixmus.training.corpus import Ledger, Piece
from pixmus.training.readers import read_folder, read_own_music

Notes = list[tuple[float, float, int]]  # start and end in beats, pitch


def write(path: Path, tracks: dict[str, tuple[int, Notes]], **settings: object) -> None:
    """A MIDI file of named tracks (programme, notes); programme -1 is drums."""
    tempo = float(settings.get("tempo", 120.0))  # type: ignore[arg-type]
    midi = pretty_midi.PrettyMIDI(initial_tempo=tempo, resolution=480)
    for number, denominator, beat in settings.get("metres", ()):  # type: ignore[attr-defined]
        time = beat * 60 / tempo
        midi.time_signature_changes.append(pretty_midi.TimeSignature(number, denominator, time))
    for name, (program, notes) in tracks.items():
        track = pretty_midi.Instrument(max(0, program), is_drum=program < 0, name=name)
        for start, end, pitch in notes:
            times = (start * 60 / tempo, end * 60 / tempo)
            track.notes.append(pretty_midi.Note(80, pitch, *times))
        midi.instruments.append(track)
    midi.write(str(path))


def line(pitch: int, beats: int = 64, every: float = 1.0) -> Notes:
    return [(i * every, (i + 1) * every, pitch + i % 3) for i in range(int(beats / every))]


def chords(lowest: int, length: float = 1.0, beats: int = 64) -> Notes:
    return [
        (i * length, (i + 1) * length, lowest + third)
        for i in range(int(beats / length))
        for third in (0, 4, 7)
    ]


FREELY = [(i, 72 + i % 3) for i in range(64)]


def read(folder: Path, style: str = "pop") -> tuple[list[Piece], Ledger]:
    ledger = Ledger()
    return list(read_folder(folder, style, ledger)), ledger


def pitches(piece: Piece, part: str) -> list[int]:
    return sorted({int(row[3]) for row in piece.notes if row[0] == PARTS.index(part)})


def test_tracks_become_parts_by_programme_register_and_voices(tmp_path: Path) -> None:
    write(
        tmp_path / "band.mid",
        {
            "lead": (73, line(76)),
            "second": (40, line(67)),
            "guitar": (24, chords(55)),
            "strings": (48, chords(60, length=4.0)),
            "low": (33, line(40)),
            "kit": (-1, line(36)),
            "rain": (122, line(60)),
            "few": (0, line(72)[:10]),
        },
    )
    (piece,), ledger = read(tmp_path)
    played = {PARTS[part] for part in piece.notes[:, 0]}
    assert played == {"melody", "counter", "harmony", "pad", "bass", "drums"}
    assert min(pitches(piece, "melody")) > max(pitches(piece, "counter")) > 60
    assert pitches(piece, "drums") == [36, 38]
    assert piece.corpus == "own" and piece.style == "pop" and not ledger.left_out


def test_a_track_named_as_a_part_is_that_part(tmp_path: Path) -> None:
    write(tmp_path / "a.mid", {"counter": (0, line(79)), "bass": (0, line(72)), "x": (0, line(60))})
    (piece,), _ = read(tmp_path)
    assert min(pitches(piece, "counter")) > min(pitches(piece, "bass"))
    assert pitches(piece, "melody")


def test_a_piano_alone_becomes_melody_harmony_and_bass(tmp_path: Path) -> None:
    piano = line(79) + chords(60) + line(40, every=2.0)
    write(tmp_path / "piano.mid", {"Piano": (0, piano)}, metres=[(4, 4, 0)])
    (piece,), _ = read(tmp_path)
    shift = min(pitches(piece, "bass")) - 40
    assert pitches(piece, "bass") == [40 + shift, 41 + shift, 42 + shift]
    assert pitches(piece, "melody") == [79 + shift, 80 + shift, 81 + shift]
    assert pitches(piece, "harmony") == [60 + shift, 64 + shift, 67 + shift]


def test_only_stretches_in_common_time_are_used(tmp_path: Path) -> None:
    metres = [(3, 4, 0), (4, 4, 48), (6, 8, 112), (2, 2, 136)]
    write(tmp_path / "a.mid", {"lead": (0, line(72, beats=200))}, metres=metres)
    found, _ = read(tmp_path)
    assert [(piece.name, piece.num_beats) for piece in found] == [("a", 64), ("a#1", 64)]


def test_tempo_is_set_right(tmp_path: Path) -> None:
    write(tmp_path / "slow.mid", {"lead": (0, line(72, every=0.5))}, tempo=40.0)
    write(tmp_path / "fast.mid", {"lead": (0, line(72, beats=128))}, tempo=240.0)
    (fast, slow), ledger = read(tmp_path)
    assert abs(slow.tempo_bpm - 80) < 0.1 and slow.num_beats == 128
    assert abs(fast.tempo_bpm - 120) < 0.1 and fast.num_beats == 64
    assert ledger.corrected["own"].total() == 2


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    write(tmp_path / "short.mid", {"lead": (0, line(72, beats=16))})
    free = [(1.0517 * i + 0.13 * (i % 7), 1.0517 * i + 2, pitch) for i, pitch in FREELY]
    write(tmp_path / "free.mid", {"lead": (0, free)})
    write(tmp_path / "waltz.mid", {"lead": (0, line(72))}, metres=[(3, 4, 0)])
    (tmp_path / "torn.mid").write_bytes(b"MThd\x00\x00")
    (tmp_path / "notes.txt").write_text("not music")
    found, ledger = read(tmp_path)
    assert not found and ledger.files["own"] == 4
    assert sorted(ledger.left_out["own"].values()) == [1, 1, 1, 1]
    with pytest.raises(PixMusError, match="none of 4 MIDI files") as error:
        read_own_music(tmp_path, "pop")
    assert "not played to the beats of its file" in str(error.value)
