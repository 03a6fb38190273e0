"""Notes become sound at their second, balanced, alike on both synths, ending with the picture."""

from dataclasses import dataclass

import numpy as np
import pytest
from songs import sheet, song

import pixmus.sound.stems as stems_module
from pixmus.cues.sheet import Cue, HitPoint
from pixmus.ensembles import ENSEMBLES, LARGEST_ADVANCE_S, PARTS, STRINGS
from pixmus.errors import PixMusError
from pixmus.score.notes import Note, Score
from pixmus.score.tempo import TempoMap
from pixmus.sound.expression import STRESS_DB, STRESS_DIP_DB, cue_window, stress
from pixmus.sound.loudness import loudness
from pixmus.sound.measurement import attack_time
from pixmus.sound.performance import (
    LOW_LIMIT,
    MICRO_TIMING_MS,
    PlayedNote,
    final_chords,
    open_low_chords,
    parts_to_double,
    play_notes,
)
from pixmus.sound.renderer import render
from pixmus.sound.soundfont import OWN_FONT, SoundFontRenderer, soundfont_renderer
from pixmus.sound.synth import Sound, installed_synths
from pixmus.waveform import SAMPLE_RATE

LOWEST_HEARD = 1e-5


@dataclass
class Hit:
    time: float


@pytest.fixture(params=["fluidsynth", "tinysoundfont"])
def renderer(request):
    if request.param == "fluidsynth" and request.param not in installed_synths():
        pytest.skip(f"{request.param} is not installed here")
    return both_renderers()[request.param]


def both_renderers():
    """Both synths with the font that comes along."""
    best = soundfont_renderer()
    return {best.synth: best, "tinysoundfont": SoundFontRenderer("tinysoundfont", OWN_FONT)}


def one_note(onset, pitch=72, part="melody", velocity=90):
    return Score({part: (Note(onset, pitch, 1.0, velocity),)}, TempoMap.constant(120.0, 6.0))


def test_no_notes_are_no_stems(renderer):
    empty = Score({"melody": ()}, TempoMap.constant(120.0, 4.0))
    stems = render(empty, "piano", renderer=renderer, cue_sheet=sheet(4.0))
    assert len(stems) == 0 and stems.num_samples == 4 * SAMPLE_RATE


@pytest.mark.parametrize("ensemble", ["piano", "strings", "ambient"])
def test_a_note_starts_at_its_second(renderer, ensemble):
    onset, second = 3.25, 1.625
    # Harps double a slow attack on a hit point, so the hit point's note sounds on time everywhere.
    stems = render(one_note(onset), ensemble, renderer=renderer, hits=[Hit(second)])
    start = round((second - 0.1) * SAMPLE_RATE)
    assert attack_time(stems["melody"], start) - 0.1 == pytest.approx(0.0, abs=0.005)


def test_notes_start_earlier_by_their_attack_but_never_before_the_picture(renderer):
    section = renderer.sound_of(STRINGS.voice("melody"))
    attack = renderer.measure(section).attack(72)
    advance = min(attack, LARGEST_ADVANCE_S)
    stems = render(one_note(4.0), "strings", renderer=renderer)
    measured = attack_time(stems["melody"], round(1.8 * SAMPLE_RATE)) - 0.2
    assert measured == pytest.approx(attack - advance, abs=0.025)  # micro-timing and room included
    first = render(one_note(0.0), "strings", renderer=renderer)["melody"]
    assert np.abs(first).max() > 0.01


@pytest.mark.parametrize("ensemble", list(ENSEMBLES))
def test_every_hit_has_a_fast_attack(ensemble, renderer):
    score = song(parts=ENSEMBLES[ensemble].parts)
    players = ENSEMBLES[ensemble]
    hit_times = np.array([2.0, 4.0])
    played = {
        part: play_notes(notes, score, part, [(6.0, 8.0)], hit_times, 0)
        for part, notes in score.parts.items()
    }
    doubled = parts_to_double(played, players, renderer)
    for hit in range(2):
        attacks = [
            renderer.measure(renderer.sound_of(players.voice(part))).attack(note.pitch)
            for part, notes in played.items()
            for note in notes
            if note.hit == hit and part != "drums"
        ]
        attacks += [
            renderer.measure(Sound(0, players.voice(part).accent)).attack(note.pitch)
            for part, notes in doubled.items()
            for note in notes
            if note.hit == hit
        ]
        assert min(attacks) < 0.020


def test_every_ensemble_plays_every_part_with_both_synths_alike(renderer):
    for ensemble in ENSEMBLES:
        for part in PARTS:
            assert renderer.sound_of(ENSEMBLES[ensemble].voice(part))


@pytest.mark.skipif(len(installed_synths()) < 2, reason="only one synth is installed here")
@pytest.mark.parametrize("ensemble", list(ENSEMBLES))
def test_both_synths_are_within_3_db_a_stem_and_the_melody_leads(ensemble):
    score = song(bars=2, parts=ENSEMBLES[ensemble].parts)
    levels = {}
    for name, each in both_renderers().items():
        stems = render(score, ensemble, renderer=each)
        levels[name] = {part: loudness(stems[part]) for part in stems}
        behind = [stems[part] for part in stems if part in ("harmony", "pad", "counter")]
        assert 1.0 < levels[name]["melody"] - loudness(np.sum(behind, axis=0)) < 6.0
        if "bass" in levels[name]:
            assert levels[name]["melody"] - levels[name]["bass"] < 7.0
    first, second = levels.values()
    for part in first:
        assert abs(first[part] - second[part]) < 3.0, (ensemble, part)


def test_the_same_seed_gives_the_same_stems_and_another_one_other_timing(renderer):
    score = song(bars=2, parts=("melody",))
    first, again = (render(score, "piano", renderer=renderer, seed=4)["melody"] for _ in range(2))
    np.testing.assert_allclose(again, first, atol=1e-3)
    other = render(score, "piano", renderer=renderer, seed=5)["melody"]
    assert np.abs(other - first).max() > 0.01


def test_micro_timing_is_small_and_leaves_hits_and_last_chords_alone():
    score = song(bars=8)
    hits = np.array([2.0, 5.0])
    finals = [(14.0, 16.0)]
    moves = []
    for part, notes in score.parts.items():
        for note, played in zip(
            notes, play_notes(notes, score, part, finals, hits, 1), strict=True
        ):
            move = played.start - score.tempo_map.to_seconds(note.onset)
            moves.append(move)
            if note.onset in (0.0, 4.0, 10.0) or (note.onset == 28.0 and part != "drums"):
                assert move == 0.0
    assert max(map(abs, moves)) <= 0.008
    assert np.std(moves) > 0.001
    assert np.abs(MICRO_TIMING_MS).max() <= 8.0


def test_the_end_is_silent_at_the_last_frame_and_rings_until_then(renderer):
    duration = 8.04
    stems = render(song(), "piano and strings", renderer=renderer, cue_sheet=sheet(duration))
    for part in stems:
        waveform = stems[part]
        assert waveform.shape == (2, round(duration * SAMPLE_RATE))
        assert np.abs(waveform[:, -20:]).max() < 1e-4
        assert np.abs(waveform[:, -SAMPLE_RATE : -SAMPLE_RATE // 2]).max() > 1e-4


def test_chords_are_rolled_from_below_but_not_on_hits():
    chord_at = {
        onset: [Note(onset, pitch, 2.0, 80) for pitch in (60, 67, 64)] for onset in (2.0, 4.0)
    }
    notes = [note for notes in chord_at.values() for note in notes] + [Note(6.0, 60, 1.0, 80)]
    score = Score({"harmony": tuple(notes)}, TempoMap.constant(120.0, 8.0))
    played = play_notes(notes, score, "harmony", [], np.array([2.0]), 0, roll_s=0.01)
    starts = {(note.pitch, round(note.start)): note.start for note in played}
    low, middle, high = (starts[pitch, 1] for pitch in (60, 64, 67))
    assert middle - low == pytest.approx(0.01) and high - low == pytest.approx(0.02)
    assert {starts[pitch, 2] for pitch in (60, 64, 67)} == {2.0}


def test_lines_of_held_instruments_are_bound_and_runs_detached():
    """Two held notes, one before a hit, two quick ones and a rest, at 60 beats a minute."""
    lengths = ((0.0, 2.0, 60), (2.0, 1.0, 62), (3.0, 1.0, 64), (4.0, 0.125, 65), (4.125, 0.125, 67),
               (4.25, 1.0, 69), (6.0, 1.0, 60))  # fmt: skip
    notes = tuple(Note(onset, pitch, length, 80) for onset, length, pitch in lengths)
    score = Score({"melody": notes}, TempoMap.constant(60.0, 8.0))

    def changes(part: str, **how: float) -> list[float]:
        played = play_notes(notes, score, part, [], np.array([3.0]), 0, **how)
        return [note.end - (n.onset + n.duration) for note, n in zip(played, notes, strict=True)]

    quick = -0.25 * 0.125
    bound = changes("melody", tie_s=0.06)
    assert bound == pytest.approx([0.06, 0.0, 0.06, quick, quick, 0.0, 0.0], abs=0.006)
    half = changes("melody", tie_s=0.06, strength=0.5)
    assert half == pytest.approx([0.03, 0.0, 0.03, quick / 2, quick / 2, 0.0, 0.0], abs=0.006)
    for as_written in (changes("harmony", tie_s=0.06), changes("melody")):
        assert as_written == pytest.approx([0.0] * 7)


def test_what_sounds_at_the_last_onset_is_held_and_what_ended_before_is_not():
    parts = {
        "harmony": (Note(0.0, 62, 4.0, 80), Note(4.0, 60, 2.0, 80)),
        "pad": (Note(0.0, 65, 4.0, 80),),
        "melody": (Note(5.0, 72, 1.0, 80),),
    }
    score = Score(parts, TempoMap.constant(120.0, 4.0))
    finals = final_chords(parts, score, [(0.0, 4.0)])
    assert finals == [(2.5, 4.0)]
    ends = {
        part: [note.end for note in play_notes(notes, score, part, finals, np.array([]), 0)]
        for part, notes in parts.items()
    }
    assert ends == {"harmony": [2.0, 4.0], "pad": [2.0], "melody": [4.0]}


def test_between_cues_there_is_no_music(renderer):
    cues = [Cue(0.0, 3.0, "one"), Cue(5.0, 8.0, "two")]
    stems = render(song(), "orchestra", renderer=renderer, cue_sheet=sheet(8.0, cues=cues))
    for part in stems:
        assert not stems[part][:, 3 * SAMPLE_RATE : round(4.9 * SAMPLE_RATE)].any()
        assert np.abs(stems[part][:, round(5.5 * SAMPLE_RATE) :]).max() > 0.001


def test_the_energy_curve_is_heard(renderer):
    energy = np.repeat([0.1, 0.9], 16)
    stems = render(song(), "strings", renderer=renderer, cue_sheet=sheet(8.0, energy))
    flat = render(song(), "strings", renderer=renderer, cue_sheet=sheet(8.0))
    half = 4 * SAMPLE_RATE

    def rise(waveform):
        return 10 * np.log10(np.square(waveform[:, half : half + SAMPLE_RATE]).sum()) - (
            10 * np.log10(np.square(waveform[:, half - 2 * SAMPLE_RATE : half]).sum())
        )

    assert 6.0 < rise(stems["harmony"]) - rise(flat["harmony"]) < 12.0


def test_high_pass_is_on_all_but_bass_and_drums():
    for ensemble in ENSEMBLES.values():
        for part in PARTS:
            voice = ensemble.voice(part)
            assert (voice.high_pass_hz == 0.0) == (part in ("bass", "drums")), (ensemble.name, part)


def test_long_pieces_lie_on_disk_with_the_same_sound(renderer, monkeypatch):
    score = song(bars=2, parts=("melody", "bass"))
    in_memory = render(score, "piano", renderer=renderer)
    monkeypatch.setattr(stems_module, "DISK_ABOVE_S", 1.0)
    on_disk = render(score, "piano", renderer=renderer)
    assert list(on_disk) == ["melody", "bass"]
    for part in in_memory:
        assert isinstance(on_disk[part], np.memmap)
        np.testing.assert_allclose(on_disk[part], in_memory[part], atol=1e-3)


def test_a_full_disk_is_said(renderer, monkeypatch, tmp_path):
    def full(**_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stems_module, "DISK_ABOVE_S", 1.0)
    monkeypatch.setattr(stems_module.tempfile, "TemporaryFile", full)
    with pytest.raises(PixMusError, match="No space left on device"):
        render(one_note(1.0), "piano", renderer=renderer)


def test_an_unknown_ensemble_is_said():
    with pytest.raises(PixMusError, match="no ensemble 'kazoos'"):
        render(one_note(1.0), "kazoos")


@pytest.mark.parametrize("ringing", [1.0, 1.6, 2.5])
def test_a_last_chord_dies_away_without_a_step(ringing):
    duration = 8.0
    last = {"melody": [PlayedNote(duration - ringing, duration, 72, 80, -1)]}
    window = cue_window([(0.0, duration)], last, round(duration * SAMPLE_RATE))
    frames = window[round((duration - ringing) * SAMPLE_RATE) :: round(0.05 * SAMPLE_RATE)]
    levels_db = 20 * np.log10(np.maximum(frames, 1e-6))
    audible = levels_db[levels_db > -60.0]
    assert np.diff(audible).min() > -5.0
    assert len(audible) * 0.05 > 0.9 * ringing
    assert levels_db[len(levels_db) // 2] > -25.0 and window[-1] == 0.0


# Low chords


def chord(*pitches, onset=0.0, duration=2.0):
    return tuple(Note(onset, pitch, duration, 80) for pitch in pitches)


def sounding_close(parts):
    notes = [note for part, notes in parts.items() if part != "drums" for note in notes]
    return [
        (a, b)
        for a in notes
        for b in notes
        if 0 < b.pitch - a.pitch <= 4
        and a.pitch < LOW_LIMIT
        and min(a.onset + a.duration, b.onset + b.duration) - max(a.onset, b.onset) > 0.07
    ]


def test_what_is_open_already_stays():
    parts = {"harmony": chord(60, 64, 67), "bass": chord(36, 43, 48), "drums": chord(36, 38)}
    assert open_low_chords(parts) == parts


def test_a_low_third_rises_by_an_octave():
    assert open_low_chords({"harmony": chord(36, 40, 43)}) == {"harmony": chord(36, 43, 52)}
    opened = open_low_chords({"harmony": chord(40), "bass": chord(36)})
    assert opened == {"harmony": chord(52), "bass": chord(36)}


def test_a_repeated_note_is_still_repeated():
    parts = {"bass": (Note(0.0, 36, 2.0, 80), Note(1.0, 36, 1.0, 80))}
    assert open_low_chords(parts) == parts


def test_a_line_that_overlaps_itself_is_cut_short():
    opened = open_low_chords({"bass": (Note(0.0, 36, 2.0, 80), Note(1.0, 38, 1.0, 80))})
    assert opened == {"bass": (Note(0.0, 36, 1.0, 80), Note(1.0, 38, 1.0, 80))}


def test_the_melody_keeps_its_notes():
    opened = open_low_chords({"melody": chord(49), "bass": chord(46), "harmony": chord(45)})
    assert opened["melody"] == chord(49)
    assert not sounding_close(opened)


def test_nothing_close_is_left_in_random_low_music():
    generator = np.random.default_rng(7)
    for _ in range(20):
        parts = {
            part: tuple(
                Note(onset / 2, int(generator.integers(30, 56)), length / 2, 80)
                for onset, length in enumerate(generator.integers(1, 6, 20).tolist())
            )
            for part in PARTS
        }
        opened = open_low_chords(parts)
        assert opened["drums"] == parts["drums"]
        melody = [(note.onset, note.pitch) for note in opened["melody"]]
        assert melody == [(note.onset, note.pitch) for note in parts["melody"]]
        assert not sounding_close(opened)
        assert sum(map(len, opened.values())) > 0.7 * sum(map(len, parts.values()))


def test_hits_may_be_hit_points(renderer):
    stems = render(one_note(2.0), "piano", renderer=renderer, hits=[HitPoint(1.0, 1.0)])
    assert np.abs(stems["melody"][:, : round(0.99 * SAMPLE_RATE)]).max() < LOWEST_HEARD


def test_voices_name_programmes_of_general_midi():
    for ensemble in ENSEMBLES.values():
        for voice in map(ensemble.voice, PARTS):
            assert all(0 <= program < 128 for program in voice.programs)
            assert abs(voice.pan) <= 0.5


def test_a_stress_dips_before_its_instant_and_falls_back_after() -> None:
    envelope = np.ones(2 * SAMPLE_RATE, np.float32)
    stress(envelope, [1.0])

    def db(time: float) -> float:
        return 20 * float(np.log10(envelope[round(time * SAMPLE_RATE)]))

    assert db(0.5) == db(1.6) == 0.0
    assert db(0.995) == pytest.approx(-STRESS_DIP_DB, abs=0.3)
    assert db(1.0) == pytest.approx((STRESS_DB - STRESS_DIP_DB) / 2, abs=0.2)
    assert db(1.006) == pytest.approx(STRESS_DB, abs=0.3)
    assert 0.3 < db(1.2) < 2.0
    edge = np.ones(100, np.float32)
    stress(edge, [0.0, 5.0])  # what lies outside the piece is left out
    assert edge.shape == (100,)
