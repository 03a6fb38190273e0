"""Both synths start notes on time and say what is wrong; measurements are about what sounds."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from pixmus.ensembles import DRUM_BANK
from pixmus.errors import PixMusError
from pixmus.sound.measurement import MEASUREMENTS, attack_time
from pixmus.sound.soundfont import OWN_FONT, SoundFontRenderer, soundfont_renderer
from pixmus.sound.synth import DRUM_CHANNEL, FONT_VARIABLE, SYNTHS, Event, Sound, installed_synths
from pixmus.waveform import SAMPLE_RATE

PIANO, HARP = Sound(0, 0), Sound(0, 46)


@pytest.fixture(params=list(SYNTHS))
def renderer(request):
    if request.param == "fluidsynth" and request.param not in installed_synths():
        pytest.skip(f"{request.param} is not installed here")
    return SoundFontRenderer(request.param, OWN_FONT)


def test_no_events_are_silence(renderer):
    waveform = renderer.play([], [PIANO], 5000)
    assert waveform.shape == (2, 5000) and waveform.dtype == np.float32
    assert not waveform.any()


@pytest.mark.parametrize("start", [0, 1, 777, 22050])
def test_a_note_starts_at_its_sample(renderer, start):
    waveform = renderer.play([Event(start, 100, 0, 72)], [PIANO], 44100)
    first = int(np.argmax(np.abs(waveform).max(axis=0) > 1e-4))
    assert abs(first - start) <= 0.005 * SAMPLE_RATE
    assert attack_time(waveform, start) == pytest.approx(
        renderer.measure(PIANO).attack(72), abs=0.004
    )


def test_a_call_leaves_nothing_for_the_next_one(renderer):
    events = [Event(100, 90, 0, 60), Event(9000, 0, 0, 60)]
    first = renderer.play(events, [PIANO], 20001)
    renderer.play([Event(0, 127, 0, 40)], [HARP], 3000)
    np.testing.assert_array_equal(renderer.play(events, [PIANO], 20001), first)


def test_the_same_notes_are_the_same_samples_whoever_plays_beside_them(renderer):
    rng = np.random.default_rng(3)
    starts = rng.integers(0, 150000, 60)
    pitches = rng.integers(40, 84, 60)
    events = sorted(
        event
        for start, pitch in zip(starts.tolist(), pitches.tolist(), strict=True)
        for event in (Event(start, 90, 0, pitch), Event(start + 30000, 0, 0, pitch))
    )

    def play(program):
        return renderer.play(events, [Sound(0, program)], 180000)

    programs = [4, 0, 48, 4, 46, 0, 4, 48]
    with ThreadPoolExecutor(2) as pool:
        played = list(pool.map(play, programs))
    for program, waveform in zip(programs, played, strict=True):
        np.testing.assert_array_equal(waveform, played[programs.index(program)])


@pytest.mark.parametrize("program", [0, 4, 48, 60, 71])
@pytest.mark.parametrize("pitch", [43, 60, 72])
def test_a_held_note_sounds_until_it_ends(renderer, program, pitch):
    held = 3 * SAMPLE_RATE
    events = [Event(0, 80, 0, pitch), Event(held, 0, 0, pitch)]
    waveform = np.abs(renderer.play(events, [Sound(0, program)], held))
    tenth = SAMPLE_RATE // 10
    levels = waveform.max(axis=0)[: 30 * tenth].reshape(30, tenth).max(axis=1)
    assert levels.min() > 0.005 * levels.max()  # pianos fall by 38 dB in 3 s
    assert (levels[1:] > 0.3 * levels[:-1]).all()


def test_drums_play_on_their_channel(renderer):
    kit = Sound(DRUM_BANK, 0)
    waveform = renderer.play([Event(0, 100, DRUM_CHANNEL, 38)], [kit], 20000)
    assert np.abs(waveform).max() > 0.01
    assert renderer.measure(kit, 38).attack(38) < 0.02


def test_measurements_of_known_fonts_are_stored(renderer):
    entries = json.loads(MEASUREMENTS.read_text())
    known = {(entry["synth"], entry["sha256"]) for entry in entries}
    assert (renderer.synth, renderer.sha256) in known
    assert renderer.measure(PIANO).attack(60) < 0.01 < renderer.measure(Sound(0, 48)).attack(60)


def test_an_unknown_programme_is_measured_when_asked(renderer, monkeypatch):
    stored = renderer.measure(HARP)
    monkeypatch.setattr("pixmus.sound.soundfont.stored_measurements", lambda *_: {})
    measured = renderer.measure(HARP)
    np.testing.assert_allclose(measured.attack_ms, stored.attack_ms, atol=3.0)
    assert measured.loudness == pytest.approx(stored.loudness, abs=1.0)


def test_attack_time_of_a_ramp_and_of_silence():
    ramp = np.zeros((2, SAMPLE_RATE), np.float32)
    ramp[:, 10000:] = np.minimum(np.arange(SAMPLE_RATE - 10000) / (0.1 * SAMPLE_RATE), 1.0)
    assert attack_time(ramp, 10000) == pytest.approx(0.05, abs=0.003)
    assert attack_time(np.zeros((2, 100), np.float32)) == 0.0


def test_the_font_of_the_environment_comes_first(monkeypatch, tmp_path, renderer):
    monkeypatch.setenv(FONT_VARIABLE, str(renderer.font))
    assert soundfont_renderer().font == renderer.font
    monkeypatch.setenv(FONT_VARIABLE, str(tmp_path / "none.sf2"))
    with pytest.raises(PixMusError, match="none.sf2 is not a file"):
        soundfont_renderer()


def test_threads_look_for_synths_together_where_the_library_is_absent():
    """An import that fails must not hand a thread that waits for it the half-made module."""
    program = """
import ctypes.util, sys, time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

begun = Event()  # the module is half made

def find_nothing(name):
    begun.set()
    time.sleep(0.05)  # the second thread comes to the same import
    return None

ctypes.util.find_library = find_nothing
from pixmus.sound.synth import installed_synths

def look_second():
    begun.wait()
    return installed_synths()

with ThreadPoolExecutor(2) as pool:
    for found in [pool.submit(installed_synths), pool.submit(look_second)]:
        assert "fluidsynth" not in found.result()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif("fluidsynth" not in installed_synths(), reason="FluidSynth is not installed")
def test_the_first_synth_of_a_process_is_made_alone():
    """FluidSynth fills what all synths use while it makes the first; others do not wait for it."""
    program = """
import threading
import fluidsynth
from pixmus.sound import synth
from pixmus.sound.soundfont import OWN_FONT

came = threading.Event()  # the second thread makes a synth or waits for a lock
first_made = threading.Event()
made_beside = []
make = fluidsynth.new_fluid_synth

class TellingLock:
    def __init__(self):
        self.lock = threading.Lock()

    def __enter__(self):
        if not self.lock.acquire(blocking=False):
            came.set()
            self.lock.acquire()

    def __exit__(self, *_):
        self.lock.release()

def make_first(settings):
    fluidsynth.new_fluid_synth = make_later
    second.start()
    came.wait()
    made = make(settings)
    first_made.set()
    return made

def make_later(settings):
    made_beside.append(not first_made.is_set())
    came.set()
    return make(settings)

for name, value in list(vars(synth).items()):
    if isinstance(value, type(threading.Lock())):
        setattr(synth, name, TellingLock())
fluidsynth.new_fluid_synth = make_first
player = synth.FluidSynth(OWN_FONT)
second = threading.Thread(target=player.play, args=([], [], 64))
player.play([], [], 64)
second.join()
assert made_beside and not any(made_beside)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


def test_a_file_that_is_no_font_is_named(renderer, tmp_path):
    font = tmp_path / "noise.sf2"
    font.write_bytes(b"nothing of the kind" * 100)
    with pytest.raises(PixMusError, match="noise.sf2 is not a SoundFont"):
        SoundFontRenderer(renderer.synth, font).play([], [PIANO], 100)


def test_without_any_synth_the_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setattr("pixmus.sound.soundfont.installed_synths", lambda: ())
    with pytest.raises(PixMusError, match="pip install --no-deps tinysoundfont"):
        soundfont_renderer()
