"""Windows have the curves of their notes; renditions are as long and loud as they should be."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
from open_music import write_pieces

from pixmus.dataset.recipes import CURVE_TABLES
from pixmus.dataset.renditions import (
    SOUND_RATE,
    SOUNDS,
    SOUNDS_OF_CORPUS,
    Window,
    checksum,
    events_of,
    halve_rate,
    load_music,
    render,
)
from pixmus.errors import PixMusError
from pixmus.score.curves import CurveTables, beat_statistics
from pixmus.sound.soundfont import OWN_FONT, SoundFontRenderer, soundfont_renderer
from pixmus.sound.synth import installed_synths
from pixmus.training.corpus import Piece, save_pieces

TABLES = CurveTables.load(CURVE_TABLES)


@pytest.fixture(scope="module")
def pieces() -> list[Piece]:
    return write_pieces(3)


def test_only_what_may_be_passed_on_is_loaded(tmp_path: Path, pieces: list[Piece]) -> None:
    theirs = dataclasses.replace(pieces[0], corpus="pop909", notes=pieces[0].notes[1:])
    save_pieces([*pieces, theirs], tmp_path / "corpus.npz")
    found = load_music(tmp_path / "corpus.npz")
    assert sorted(found) == ["freedoom/piece-2", "lieder/piece-0", "quartets/piece-1"]
    assert checksum(found["lieder/piece-0"]) == checksum(pieces[0]) != checksum(pieces[1])
    save_pieces([theirs], tmp_path / "theirs.npz")
    (tmp_path / "folder").mkdir()
    for music, words in (
        (tmp_path / "theirs.npz", "holds no piece of the corpora that may be passed on"),
        (tmp_path / "folder", "holds no piece of the corpora that may be passed on"),
        (tmp_path / "nowhere", "is not there; name the folder of the open corpora"),
    ):
        with pytest.raises(PixMusError, match=words):
            load_music(music)


def test_a_folder_of_the_corpora_is_read(tmp_path: Path) -> None:
    import mido

    folder = tmp_path / "freedoom" / "musics"
    folder.mkdir(parents=True)
    midi = mido.MidiFile(ticks_per_beat=480)
    track = mido.MidiTrack()
    midi.tracks.append(track)
    track.append(mido.MetaMessage("set_tempo", tempo=500_000))
    for k in range(80):
        track.append(mido.Message("note_on", note=60 + k % 12, velocity=70))
        track.append(mido.Message("note_off", note=60 + k % 12, time=480))
    midi.save(folder / "d_test.mid")
    assert list(load_music(tmp_path)) == ["freedoom/d_test"]


def test_curves_run_over_seconds_and_follow_the_notes(pieces: list[Piece]) -> None:
    piece = pieces[0]  # 120 beats a minute: a bar lasts 2 s, four bars of each density
    curves = Window(piece, 0, 120.0, 0, 32.0).curves(TABLES)
    assert {name: curve.shape for name, curve in curves.items()} == dict.fromkeys(curves, (32,))
    assert all(((curve >= 0) & (curve <= 1)).all() for curve in curves.values())
    calm, busy = curves["density"][1:7].mean(), curves["density"][25:31].mean()
    assert calm < busy and curves["energy"][1:7].mean() < curves["energy"][25:31].mean()
    later = Window(piece, 8, 120.0, 3, 10.0)  # two bars on: 4 s
    known = beat_statistics(piece.cells()).sum(1)
    np.testing.assert_allclose(later.curves(TABLES, known)["density"], curves["density"][4:14])
    slower = Window(piece, 0, 60.0, 0, 32.0).curves(TABLES)
    assert slower["density"].mean() < curves["density"].mean()


def test_notes_are_struck_as_hard_as_the_energy(pieces: list[Piece]) -> None:
    window = Window(pieces[2], 0, 120.0, 2, 16.0)
    num_bars = window.num_beats // 4
    soft, _ = events_of(window, np.full(num_bars, 0.1), "band")
    hard, sounds = events_of(window, np.full(num_bars, 0.9), "band")
    struck = [np.mean([e.velocity for e in events if e.velocity]) for events in (soft, hard)]
    assert struck[1] > struck[0] + 25
    assert hard == sorted(hard) and len(sounds) == 4 and sounds[-1].bank == 128
    assert {e.channel for e in hard} == {0, 1, 2, 9}
    drums = {e.pitch for e in hard if e.channel == 9}
    assert drums == {36}, "drums are not transposed"
    assert sum(e.velocity > 0 for e in hard) == sum(e.velocity == 0 for e in hard)


def test_every_corpus_has_its_sounds() -> None:
    assert {name for names in SOUNDS_OF_CORPUS.values() for name in names} == set(SOUNDS)


def test_a_rendition_is_long_and_loud_as_it_should(pieces: list[Piece]) -> None:
    renderer = soundfont_renderer()
    calm = Window(pieces[0], 0, 120.0, 0, 4.0)
    busy = Window(pieces[0], 48, 120.0, 0, 4.0)
    levels = []
    for window in (calm, busy):
        waveform = render(window, TABLES, "piano", renderer)
        assert waveform.shape == (4 * SOUND_RATE,) and waveform.dtype == np.float32
        assert np.abs(waveform).max() <= 0.95 and waveform[-1] == 0
        levels.append(float(np.sqrt(np.square(waveform).mean())))
    assert levels[1] > 1.5 * levels[0]


@pytest.mark.parametrize("synth", ["fluidsynth", "tinysoundfont"])
def test_a_rendition_is_the_same_whatever_was_played_before(
    synth: str, pieces: list[Piece]
) -> None:
    if synth == "fluidsynth" and synth not in installed_synths():
        pytest.skip(f"no {synth} here")
    renderer = SoundFontRenderer(synth, OWN_FONT)
    window = Window(pieces[2], 4, 130.0, -2, 3.0)
    first = render(window, TABLES, "band", renderer)
    for number, sound in enumerate(("orchestra", "synths", "band")):
        render(Window(pieces[number], 0, 120.0, 0, 2.0), TABLES, sound, renderer)
        assert (render(window, TABLES, "band", renderer) == first).all()


def test_half_the_rate_keeps_what_is_low_and_drops_what_is_high() -> None:
    time = np.arange(8820) / 44100
    low, high = np.sin(2 * np.pi * 440 * time), np.sin(2 * np.pi * 15000 * time)
    kept = halve_rate(low)
    assert np.abs(kept - low[::2])[100:-100].max() < 0.01
    assert np.abs(halve_rate(high))[100:-100].max() < 0.01


def test_a_broken_soundfont_is_one_sentence(tmp_path: Path, pieces: list[Piece]) -> None:
    font = tmp_path / "broken.sf2"
    shutil.copyfile(__file__, font)
    with pytest.raises(PixMusError, match="is not a SoundFont that can be read"):
        render(
            Window(pieces[0], 0, 120.0, 0, 2.0),
            TABLES,
            "piano",
            SoundFontRenderer(installed_synths()[0], font),
        )
