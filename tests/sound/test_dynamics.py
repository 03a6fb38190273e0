"""Music grows with the energy curve, smoothly and without losing its stresses; rests are left."""

from __future__ import annotations

import numpy as np
import pytest
from songs import sheet, song

import pixmus.sound.stems as stems_module
from pixmus.curves import CURVE_RATE_HZ
from pixmus.score.notes import Note, Score
from pixmus.score.tempo import TempoMap
from pixmus.sound.dynamics import HARDEST, RIDE_LIMIT_DB, STRUCK_LIMIT_DB, Dynamics
from pixmus.sound.mix import mix
from pixmus.sound.renderer import render
from pixmus.studies.sound_measures import loudness_spread

HOP_S = 0.1


def rising(seconds: float, low: float = 0.2, high: float = 0.8) -> np.ndarray:
    return np.linspace(low, high, round(seconds * CURVE_RATE_HZ)).astype(np.float32)


def steady_notes(beats: int, velocity: int = 80) -> dict[str, list[Note]]:
    return {"melody": [Note(float(beat), 72, 1.0, velocity) for beat in range(beats)]}


def test_levels_rise_with_energy_and_less_at_its_ends():
    levels = Dynamics(rising(60.0, 0.0, 1.0)).levels(np.arange(2.0, 58.0))
    steps = np.diff(levels)
    assert (steps > 0).all()
    assert steps[:5].mean() < 0.6 * steps[len(steps) // 2]
    assert not np.ptp(Dynamics(np.full(40, 0.9, np.float32)).levels(np.arange(10.0)))


def test_notes_are_struck_harder_where_energy_rises_and_stresses_stay():
    score = Score(steady_notes(64), TempoMap.constant(120.0, 32.0))
    notes = steady_notes(64)
    notes["melody"][30] = Note(30.0, 72, 1.0, 100)
    struck = Dynamics(rising(32.0)).struck(notes, score)["melody"]
    early, late = (
        np.mean([n.velocity for n in struck[span]]) for span in (slice(8), slice(-8, 64))
    )
    assert early < 76 < 84 < late
    assert struck[30].velocity - struck[29].velocity >= 17
    assert all(note.velocity <= HARDEST for note in struck)
    changes = [40 * np.log10(n.velocity / 80) for i, n in enumerate(struck) if i != 30]
    assert np.abs(np.diff(changes)).max() < 1.0 and np.abs(changes).max() < STRUCK_LIMIT_DB + 1
    assert [(n.onset, n.pitch) for n in struck] == [(n.onset, n.pitch) for n in notes["melody"]]


def test_music_that_follows_energy_already_is_struck_as_written():
    dynamics = Dynamics(rising(32.0))
    score = Score({}, TempoMap.constant(120.0, 32.0))
    times = np.arange(64) / 2.0
    levels = dynamics.levels(times)
    notes = [
        Note(float(beat), 72, 1.0, round(80 * 10 ** (level / 40)))
        for beat, level in zip(range(64), levels.tolist(), strict=True)
    ]
    struck = dynamics.struck({"melody": notes}, score)["melody"]
    assert max(abs(a.velocity - b.velocity) for a, b in zip(struck, notes, strict=True)) <= 4


def test_no_notes_are_struck_as_none():
    assert Dynamics(rising(4.0)).struck({}, Score({}, TempoMap.constant(120.0, 4.0))) == {}


def test_the_ride_brings_flat_music_to_the_curve_and_keeps_its_mean():
    gain = Dynamics(rising(60.0)).ride(np.full(600, 0.01), HOP_S, [(0.0, 60.0)])
    gain_db = 20 * np.log10(gain)
    assert 7.2 < gain_db[-30] - gain_db[30] < 9.6
    assert abs(gain_db.mean()) < 0.2
    assert np.abs(np.diff(gain_db)).max() < 0.1


def test_the_ride_evens_out_what_the_picture_does_not_ask_for_within_bounds():
    powers = np.where(np.arange(600) < 300, 0.001, 0.01)
    gain_db = 20 * np.log10(Dynamics(rising(60.0, 0.5, 0.5)).ride(powers, HOP_S, [(0.0, 60.0)]))
    assert 8.0 < gain_db[100] - gain_db[500] < 10.0
    wild = np.where(np.arange(600) < 300, 0.00002, 0.01)
    gain_db = 20 * np.log10(Dynamics(rising(60.0, 0.5, 0.5)).ride(wild, HOP_S, [(0.0, 60.0)]))
    assert np.abs(gain_db).max() <= RIDE_LIMIT_DB + 1e-6


def test_rests_and_other_cues_are_not_ridden():
    powers = np.full(600, 0.01)
    powers[290:310] = 0.0
    powers[310:] = 0.001
    ride = Dynamics(rising(60.0, 0.5, 0.5)).ride(powers, HOP_S, [(0.0, 29.0), (31.0, 60.0)])
    gain_db = 20 * np.log10(ride)
    assert gain_db[100] == pytest.approx(gain_db[270], abs=0.2)  # the rest does not pull it up
    silent = Dynamics(rising(6.0)).ride(np.zeros(60), HOP_S, [(0.0, 6.0)])
    np.testing.assert_array_equal(silent, 1.0)
    assert len(Dynamics(rising(6.0)).ride(np.zeros(0), HOP_S, [])) == 1


@pytest.mark.parametrize("ensemble", ["piano", "felt piano", "band", "orchestra"])
def test_a_take_is_heard_to_grow_where_energy_does_and_stays_where_it_stays(ensemble):
    score = song(bars=16)
    duration = score.tempo_map.to_seconds(64.0)
    for energy, low, high in ((rising(duration, 0.15, 0.85), 5.0, 12.0),
                              (rising(duration, 0.5, 0.5), 0.0, 3.0)):  # fmt: skip
        asked = sheet(duration, energy)
        music = mix(render(score, ensemble, cue_sheet=asked), asked, duration)
        assert low <= loudness_spread(music, duration - 3.0) <= high


def test_stems_on_disk_are_ridden_too(monkeypatch):
    score = song(bars=4, parts=("melody", "bass"))
    asked = sheet(8.0, rising(8.0))
    in_memory = render(score, "piano", cue_sheet=asked)
    monkeypatch.setattr(stems_module, "DISK_ABOVE_S", 1.0)
    on_disk = render(score, "piano", cue_sheet=asked)
    for part in in_memory:
        assert isinstance(on_disk[part], np.memmap)
        np.testing.assert_allclose(on_disk[part], in_memory[part], atol=1e-3)
