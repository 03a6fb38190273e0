"""Both synths are given fonts with which they sound alike; the font that comes along does."""

from dataclasses import replace

import numpy as np
import pytest
from fonts import tone_font

from pixmus.ensembles import DRUM_BANK, DRUM_PITCHES, ENSEMBLES, PARTS, Part
from pixmus.score.notes import Note, Score
from pixmus.score.tempo import TempoMap
from pixmus.sound.font_file import read_font, signed, write_font
from pixmus.sound.loudness import loudness
from pixmus.sound.played_font import (
    CACHE_VARIABLE,
    for_fluidsynth,
    for_tinysoundfont,
    played_font,
    squared,
)
from pixmus.sound.soundfont import OWN_FONT, SoundFontRenderer
from pixmus.sound.synth import Event, Sound, installed_synths
from pixmus.waveform import SAMPLE_RATE


@pytest.fixture
def coded(tmp_path, monkeypatch):
    """A font with Vorbis samples, and a cache of its own."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    font = tone_font()
    font = replace(font, samples=tuple(s.with_pcm(s.pcm, 0.4) for s in font.samples))
    write_font(tmp_path / "tones.sf3", font, "Tones", "nobody")
    return tmp_path / "tones.sf3"


def test_a_coded_font_is_decoded_once(coded):
    first = played_font(coded, "fluidsynth")
    assert first.parent.name == "pixmus" and first.suffix == ".sf2"
    assert not any(sample.is_vorbis for sample in read_font(first).samples)
    written = first.stat().st_mtime_ns
    assert played_font(coded, "fluidsynth") == first and first.stat().st_mtime_ns == written
    assert played_font(coded, "tinysoundfont") != first


def test_without_a_cache_the_font_itself_is_played(coded, tmp_path, monkeypatch):
    (tmp_path / "full").write_text("a file where the cache would be")
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "full"))
    copy = coded.with_name("other.sf3")
    copy.write_bytes(coded.read_bytes())
    assert played_font(copy, "tinysoundfont") == copy


def test_pcm_fonts_and_missing_ones_are_played_as_they_are(tmp_path):
    write_font(tmp_path / "a.sf2", tone_font(), "Tones", "nobody")
    assert played_font(tmp_path / "a.sf2", "fluidsynth") == tmp_path / "a.sf2"
    assert played_font(tmp_path / "none.sf3", "fluidsynth") == tmp_path / "none.sf3"


def test_velocity_layers_stay_side_by_side_for_squared_velocities():
    layers = [zone.range(44) for zone in for_tinysoundfont(tone_font()).presets[0].zones]
    assert layers == [(0, squared(64) - 1), (squared(64), 127)]
    played = [squared(velocity) for velocity in range(1, 128)]
    assert [low <= played[62] <= high for low, high in layers] == [True, False]
    assert [low <= played[63] <= high for low, high in layers] == [False, True]
    assert min(played) == 1 and max(played) == 127


def test_decays_and_resonances_are_moved():
    zone = for_tinysoundfont(tone_font()).instruments[0].zones[1]
    assert signed(zone[36] or 0) == 1200 - 313 and signed(zone[38] or 0) == 600 - 313
    font = tone_font()
    zone = font.instruments[0].zones[1]
    filtered = zone.changed({8: 9000, 9: 20, 17: 500, 57: 3})  # on the right, of a class
    instrument = replace(font.instruments[0], zones=(font.instruments[0].zones[0], filtered))
    changed = replace(font, instruments=(instrument, font.instruments[1]))
    fluid, tiny = (
        made.instruments for made in (for_fluidsynth(changed), for_tinysoundfont(changed))
    )
    assert fluid[0].zones[1][9] == 50 and fluid[0].zones[1][57] == 3
    assert fluid[1].zones[-1][9] == 30  # filtered or not, all are as much softer
    assert signed(tiny[0].zones[1][48] or 0) == signed(filtered[48] or 0) + 10
    assert tiny[0].zones[1][9] == 20 and tiny[0].zones[1][57] == 3 + 64
    left = for_tinysoundfont(
        replace(font, instruments=(replace(instrument, zones=(filtered.changed({17: 0xFE0C}),)),))
    )
    assert left.instruments[0].zones[0][57] == 3


CLOSED, OPEN = 42, 46  # hi-hats


@pytest.mark.parametrize("synth", installed_synths())
def test_hi_hats_sound_on_both_sides_and_a_closed_one_silences_an_open_one(synth):
    """As FluidSynth plays them: of tinysoundfont only the right side was heard."""
    renderer, second = SoundFontRenderer(synth, OWN_FONT), SAMPLE_RATE
    kit = [Sound(DRUM_BANK, 0)]
    for drum in (CLOSED, OPEN):
        left, right = renderer.play([Event(0, 100, 9, drum)], kit, second)
        assert abs(rms_db(left) - rms_db(right)) < 4.0
    rings = renderer.play([Event(0, 100, 9, OPEN)], kit, second)[:, second // 2 :]
    both = [Event(0, 100, 9, OPEN), Event(second // 4, 1, 9, CLOSED)]
    silenced = renderer.play(both, kit, second)[:, second // 2 :]
    for side in (0, 1):
        assert rms_db(silenced[side]) < rms_db(rings[side]) - 12.0


def rms_db(waveform):
    return 10 * float(np.log10(np.square(waveform, dtype=np.float64).mean()))


@pytest.mark.parametrize("synth", ["fluidsynth", "tinysoundfont"])
@pytest.mark.parametrize("program", [0, 46, 48])
def test_velocity_30_is_25_db_below_127(synth, program):
    if synth == "fluidsynth" and synth not in installed_synths():
        pytest.skip(f"{synth} is not installed here")
    renderer = SoundFontRenderer(synth, OWN_FONT)
    levels = [
        rms_db(renderer.play([Event(0, velocity, 0, 60)], [Sound(0, program)], SAMPLE_RATE))
        for velocity in (30, 64, 127)
    ]
    assert levels[2] - levels[0] == pytest.approx(25.2, abs=1.5)
    assert levels[2] - levels[1] == pytest.approx(11.9, abs=1.0)


# tinysoundfont interpolates samples linearly, which takes from the highest thirds.
INTERPOLATED_HZ, INTERPOLATED_DB = 7000.0, 2.5
THIRDS_HZ = 25.0 * 2.0 ** (np.arange(31) / 3 - 1 / 6)


def thirds_db(waveform):
    """Level of each third of an octave from 25 Hz to 20 kHz."""
    power = (np.abs(np.fft.rfft(waveform.astype(np.float64))) ** 2).sum(axis=0)
    sums = np.concatenate([[0.0], np.cumsum(power)])
    frequency = np.fft.rfftfreq(waveform.shape[1], 1 / SAMPLE_RATE)
    borders = np.searchsorted(frequency, THIRDS_HZ)
    return 10 * np.log10(np.maximum(np.diff(sums[borders]), 1e-9))


def phrase(low, high, seed, num=32):
    """Overlapping notes of all velocities; no key is struck again while it sounds."""
    rng = np.random.default_rng(seed)
    events = []
    for number in range(num):
        pitch, velocity = low + 7 * number % (high - low), int(rng.integers(40, 115))
        start = round(number * 0.25 * SAMPLE_RATE)
        end = start + round(0.6 * SAMPLE_RATE)
        events += [Event(start, velocity, 0, pitch), Event(end, 0, 0, pitch)]
    return sorted(events), round((num * 0.25 + 2) * SAMPLE_RATE)


def programs_in_use():
    synth = SoundFontRenderer(installed_synths()[-1], OWN_FONT)
    return sorted(
        {
            (sound.program, part == "bass")
            for ensemble in ENSEMBLES.values()
            for part in PARTS
            if (sound := synth.sound_of(ensemble.voice(part))).bank == 0
        }
    )


@pytest.mark.skipif(len(installed_synths()) < 2, reason="only one synth is installed here")
@pytest.mark.parametrize(("program", "is_bass"), programs_in_use())
def test_both_synths_are_within_one_and_a_half_db_in_every_third(program, is_bass):
    """Thirds within 35 dB of the loudest one: what is softer cannot be heard beside it."""
    low, high = (33, 52) if is_bass else (52, 84)
    events, num_samples = phrase(low, high, program)
    levels = []
    for synth in installed_synths():
        waveform = SoundFontRenderer(synth, OWN_FONT).play(events, [Sound(0, program)], num_samples)
        levels.append(thirds_db(waveform) - loudness(waveform))
    heard = levels[0] > levels[0].max() - 35
    heard &= THIRDS_HZ[1:] > 440.0 * 2.0 ** ((low - 69) / 12)  # below there are only transients
    apart = np.abs(levels[0] - levels[1])
    is_low = THIRDS_HZ[:-1] < INTERPOLATED_HZ
    assert apart[heard & is_low].max() < 1.5
    assert apart[heard].max() < INTERPOLATED_DB


@pytest.mark.skipif(len(installed_synths()) < 2, reason="only one synth is installed here")
def test_both_synths_take_the_same_programmes():
    for ensemble in ENSEMBLES.values():
        for part in PARTS:
            both = {
                SoundFontRenderer(synth, OWN_FONT).sound_of(ensemble.voice(part))
                for synth in installed_synths()
            }
            assert len(both) == 1


def song(parts, seed, num_beats=16):
    """Notes of every part: lines, chords and drums, on a steady 100 beats a minute."""
    rng = np.random.default_rng(seed)
    notes = {}
    for part in parts:
        size = {"harmony": 3, "pad": 3}.get(part, 1)
        low = {"bass": 33, "pad": 55, "harmony": 52}.get(part, 64)
        keys = DRUM_PITCHES if part == Part.DRUMS else [low + step for step in (0, 2, 4, 5, 7, 9)]
        length = 2.0 if size == 3 else 0.5
        notes[part] = tuple(
            sorted(
                Note(float(beat), int(pitch), length, int(rng.integers(50, 110)))
                for beat in np.arange(0, num_beats, length)
                for pitch in rng.choice(keys, size, replace=False)
            )
        )
    return Score(notes, TempoMap.constant(100.0, num_beats * 0.6), "C major")


@pytest.mark.skipif(len(installed_synths()) < 2, reason="only one synth is installed here")
@pytest.mark.parametrize("name", list(ENSEMBLES))
def test_every_stem_is_the_same_by_both_synths(name):
    """Within 1.5 dB in every third from 40 Hz to 20 kHz within 30 dB of the loudest."""
    players = ENSEMBLES[name]
    score = song(players.parts, seed=len(name))
    both = [SoundFontRenderer(synth, OWN_FONT).render(score, players)
            for synth in installed_synths()]  # fmt: skip
    for part in players.parts:
        levels = [thirds_db(stems[part]) for stems in both]
        heard = (levels[0] > levels[0].max() - 30) & (THIRDS_HZ[:-1] > 40)
        assert np.abs(levels[0] - levels[1])[heard].max() < 1.5, part
