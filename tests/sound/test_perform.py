"""Any program's MIDI is performed: its notes, and as much of our timing as is asked for."""

from pathlib import Path

import mido
import numpy as np
import pytest

from pixmus.curves import Curve
from pixmus.ensembles import ENSEMBLES, Part
from pixmus.errors import PixMusError
from pixmus.score.midi import read_any_midi
from pixmus.score.notes import Note, Score
from pixmus.score.tempo import TempoMap
from pixmus.sound.dynamics import Dynamics
from pixmus.sound.perform import ENERGY_SPAN, energy_of, perform, sheet_of
from pixmus.sound.performance import play_notes
from pixmus.sound.programs import ensemble_for
from pixmus.sound.soundfont import RING_S, soundfont_renderer
from pixmus.waveform import SAMPLE_RATE

STRINGS, FINGERED_BASS, FLUTE, GUITAR = 48, 33, 73, 25


def song(path: Path, kind: int = 1) -> Path:
    """Flute, guitar chords, a bass and drums, on tracks of no part's name or all on one."""
    tracks = [mido.MidiTrack() for _ in range(4)]
    for channel, (track, program) in enumerate(
        zip(tracks, (FLUTE, GUITAR, FINGERED_BASS), strict=False)
    ):
        track.append(mido.MetaMessage("track_name", name=f"Track {channel}"))
        track.append(mido.Message("program_change", channel=channel, program=program))
    pitches = {0: (76,), 1: (52, 55, 60), 2: (36,), 9: (38,)}
    for track, channel in zip(tracks, pitches, strict=True):
        for _ in range(8):
            for place, pitch in enumerate(pitches[channel]):
                strike = {"channel": channel, "note": pitch, "time": 0}
                track.append(mido.Message("note_on", velocity=60 + 5 * place, **strike))
            for place, pitch in enumerate(pitches[channel]):
                time = 480 if place == 0 else 0
                track.append(mido.Message("note_off", channel=channel, note=pitch, time=time))
    midi = mido.MidiFile(type=kind, ticks_per_beat=480)
    midi.tracks += tracks if kind else [mido.merge_tracks(tracks)]
    midi.save(path)
    return path


@pytest.mark.parametrize("kind", [0, 1])
def test_parts_are_found_by_programme(tmp_path: Path, kind: int) -> None:
    score, programs = read_any_midi(song(tmp_path / "song.mid", kind))
    assert {part: len(notes) for part, notes in score.parts.items()} == {
        Part.MELODY: 8, Part.HARMONY: 24, Part.BASS: 8, Part.DRUMS: 8,
    }  # fmt: skip
    assert programs == {Part.MELODY: FLUTE, Part.HARMONY: GUITAR, Part.BASS: FINGERED_BASS}
    assert ensemble_for(programs, score.parts) == "band"
    assert ensemble_for({Part.MELODY: 41, Part.PAD: STRINGS}, [Part.MELODY, Part.PAD]) in ENSEMBLES


def test_a_performance_lasts_as_long_as_its_music_and_can_be_played_by_others(
    tmp_path: Path,
) -> None:
    music, ensemble = perform(song(tmp_path / "song.mid"))
    assert ensemble == "band"
    assert music.shape == (2, pytest.approx((4.0 + RING_S) * SAMPLE_RATE, abs=2))
    assert np.abs(music[:, : 4 * SAMPLE_RATE]).max() > 0.05
    strings, ensemble = perform(song(tmp_path / "song.mid"), "strings", strength=0.0)
    assert ensemble == "strings" and strings.shape == music.shape
    assert not np.allclose(strings, music, atol=0.01)
    with pytest.raises(PixMusError, match="The ensemble is .trombones.; choose one of"):
        perform(song(tmp_path / "song.mid"), "trombones")


def test_strength_is_how_far_notes_leave_the_page() -> None:
    notes = tuple(Note(beat, pitch, 1.0, 80) for beat in range(1, 9) for pitch in (60, 64, 67))
    score = Score({Part.HARMONY: notes}, TempoMap.constant(120.0, 8.0))
    hits = np.array([])

    def starts(strength: float) -> np.ndarray:
        played = play_notes(notes, score, Part.HARMONY, [], hits, 3, 0.01, strength)
        return np.array([note.start for note in played])

    written = np.array([note.onset / 2 for note in notes])
    assert np.abs(starts(0.0) - written).max() < 1e-9
    whole = starts(1.0) - written
    assert np.abs(whole).max() > 0.005
    assert starts(0.5) - written == pytest.approx(whole / 2)


def test_strength_is_how_far_velocities_follow_the_dynamics() -> None:
    notes = tuple(Note(beat, 60, 1.0, 60 if beat < 16 else 100) for beat in range(32))
    score = Score({Part.HARMONY: notes}, TempoMap.constant(120.0, 16.0))
    dynamics = Dynamics(np.linspace(0, 1, 64, dtype=np.float32))
    best = soundfont_renderer()

    def velocities(strength: float) -> np.ndarray:
        from dataclasses import replace

        renderer = replace(best, strength=strength)
        struck = renderer._struck(dynamics, score.parts, score)
        return np.array([note.velocity for note in struck[Part.HARMONY]])

    written = np.array([note.velocity for note in notes])
    assert (velocities(0.0) == written).all()
    whole = velocities(1.0) - written
    assert np.abs(whole).max() >= 4
    assert np.abs(velocities(0.5) - written - whole / 2).max() <= 0.51


def test_the_energy_is_the_musics_own() -> None:
    notes = tuple(Note(beat / 4, 60, 0.25, 90) for beat in range(128, 256)) + (
        Note(0.0, 60, 1.0, 40),
    )
    score = Score({Part.MELODY: tuple(sorted(notes))}, TempoMap.constant(120.0, 32.0))
    sheet = sheet_of(score, "piano")
    energy = sheet.curves[Curve.ENERGY]
    assert energy[8] == pytest.approx(ENERGY_SPAN[0], abs=0.02)
    assert energy[100] == pytest.approx(ENERGY_SPAN[1], abs=0.02)
    flat = energy_of(Score({}, TempoMap.constant(120.0, 32.0)), 8.0)
    assert (flat == np.float32(0.5)).all()
