"""What is kept stays note for note; what is redone lies in its bars and parts."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pixmus.compose.accents import accent
from pixmus.compose.bars import format_bars, parse_bars
from pixmus.compose.cue_bars import bars_of_cues
from pixmus.compose.draft import Draft, Region, blank_draft, keep_score, restyled
from pixmus.compose.finished_score import fit_beside
from pixmus.compose.voice_score import give_kept, prepare_voices
from pixmus.compose.writing import Writers, compose
from pixmus.cues.sheet import Cue, CueSheet, HitPoint
from pixmus.curves import CURVES, num_curve_values
from pixmus.ensembles import ENSEMBLES, PARTS
from pixmus.errors import PixMusError
from pixmus.model.voice_network import KNOWN, MASKED, SILENT
from pixmus.score.midi import read_midi, write_midi
from pixmus.score.notes import Note, Score
from pixmus.score.plan import HALVES, Phrase, Plan
from pixmus.score.spans import RING_S, cue_span, hits_in_cues, place_hits
from pixmus.score.tempo import TempoMap

DURATION = 40.0  # 20 bars at 120 bpm


def sheet(duration: float = DURATION, key: str = "G minor", ensemble: str = "band") -> CueSheet:
    return CueSheet(
        duration=duration,
        frame_rate=Fraction(24),
        cuts=(),
        hit_points=tuple(HitPoint(time, 0.9) for time in (4.0, 18.0, 21.5) if time < duration),
        curves={name: np.full(num_curve_values(duration), 0.5, np.float32) for name in CURVES},
        cues=(Cue(0.0, duration, "all"),),
        key=key,
        tempo_bpm=120.0,
        tempo_fixed=False,
        style="pop",
        ensemble=ensemble,
        parts=ENSEMBLES[ensemble].parts,
        inputs=("motion",),
    )


@pytest.fixture(scope="module")
def kept(writers: Writers) -> Score:
    """A composed score with notes as people leave them: off the grid, long, out of range."""
    draft = blank_draft(sheet(), TempoMap.constant(120, DURATION))
    score = compose(writers, draft, seed=1, num_inference_steps=2)
    rng = np.random.default_rng(0)
    parts = {
        part: tuple(
            sorted(
                replace(
                    note,
                    onset=max(0.0, note.onset + rng.choice([0, 0, 0.03, -0.02, 0.1])),
                    duration=note.duration + rng.choice([0, 0, 0.17, 6.0]),
                    velocity=int(rng.integers(1, 128)),
                )
                for note in notes
            )
        )
        for part, notes in score.parts.items()
    }
    parts["melody"] += (Note(77.0, 21, 2.0, 90),)
    return replace(score, parts=parts)


def rewrite(writers: Writers, asked: Draft, seed: int = 2) -> Score:
    """Redone and accented, as the pipeline does it."""
    score = compose(writers, asked, seed=seed, num_inference_steps=2)
    placed = place_hits(score.tempo_map, hits_in_cues(asked.cue_sheet))
    return accent(score, placed, region=asked.region)[0]


def split(score: Score, region: Region) -> tuple[dict, dict]:
    """The notes within a region and those outside."""
    inside = {
        part: [note for note in notes if region.holds(part, note.onset)]
        for part, notes in score.parts.items()
    }
    outside = {
        part: [note for note in notes if not region.holds(part, note.onset)]
        for part, notes in score.parts.items()
    }
    return inside, outside


def same_pitch_together(score: Score, region: Region) -> Iterator[tuple[Note, Note]]:
    """Pairs of one pitch and part that sound at once, of which one was redone."""
    for part, notes in score.parts.items():
        by_pitch: dict[int, list[Note]] = {}
        for note in notes:
            by_pitch.setdefault(note.pitch, []).append(note)
        for same in by_pitch.values():
            for note in (note for note in same if region.holds(part, note.onset)):
                for other in same:
                    if (
                        note is not other
                        and note.onset < other.onset + other.duration - 1e-9
                        and other.onset < note.onset + note.duration - 1e-9
                    ):
                        yield note, other


@pytest.mark.parametrize("parts", [None, "harmony", "melody,drums", ("bass",)])
@pytest.mark.parametrize("bars", [None, "1", "9-12", "2,8-9,11", "13-", "1-20", (5, 6)])
def test_what_is_kept_stays_note_for_note(
    writers: Writers, kept: Score, bars: str | None, parts: str | None
) -> None:
    if bars is None and parts is None:
        return
    asked = keep_score(sheet(), kept, bars, parts)
    score = rewrite(writers, asked)
    before, after = split(kept, asked.region), split(score, asked.region)
    assert after[1] == before[1]
    assert after[0] != before[0] and any(after[0].values())
    assert score.tempo_map == kept.tempo_map and score.key == kept.key
    assert not list(same_pitch_together(score, asked.region))


def test_only_the_cue_that_is_meant_is_redone(writers: Writers, kept: Score) -> None:
    halves = replace(sheet(), cues=(Cue(0.0, 18.0, "one"), Cue(22.0, DURATION, "two")))
    score = rewrite(writers, keep_score(halves, kept, "10-14"))  # 18 s to 28 s
    for part, notes in score.parts.items():
        assert [n for n in notes if not 36 <= n.onset < 56] == [
            n for n in kept.parts[part] if not 36 <= n.onset < 56
        ]
        assert not [n for n in notes if 36 <= n.onset < 44]
        assert [n for n in notes if 44 <= n.onset < 56]


def test_bars_count_from_1_and_their_ends_are_redone(writers: Writers, kept: Score) -> None:
    asked = keep_score(sheet(), kept, "9-12", None)
    assert asked.region.spans == ((32, 48),)
    changed = {
        int(note.onset // 4) + 1
        for part, notes in rewrite(writers, asked).parts.items()
        for note in set(notes) ^ set(kept.parts[part])
    }
    assert changed == {9, 10, 11, 12}


def test_same_seed_same_redo_and_another_seed_another(writers: Writers, kept: Score) -> None:
    asked = keep_score(sheet(), kept, "9-12", "harmony,bass")
    first = rewrite(writers, asked, seed=5)
    assert rewrite(writers, asked, seed=5).parts == first.parts
    assert rewrite(writers, asked, seed=6).parts != first.parts


def test_a_melody_in_a_foreign_file_is_harmonised(writers: Writers, tmp_path: Path) -> None:
    """Its own tempo and key stay; the parts of the cue sheet that nobody asked for stay empty."""
    tune = tuple(
        Note(0.02 + 0.75 * i, 62 + (0, 4, 7, 5, 2)[i % 5], 0.7, 60 + i % 40) for i in range(80)
    )
    write_midi(
        Score({"melody": tune}, TempoMap.constant(97, 41.0), "D major"), tmp_path / "tune.mid"
    )
    given = read_midi(tmp_path / "tune.mid")
    asked = keep_score(sheet(ensemble="orchestra"), tmp_path / "tune.mid", None, "harmony,bass")
    score = rewrite(writers, asked)
    assert score.parts["melody"] == given.parts["melody"]
    assert score.parts["harmony"] and score.parts["bass"]
    assert not score.parts["pad"] and not score.parts["counter"]
    assert score.key == "D major" and score.tempo_map == given.tempo_map
    assert any("D major" in line and "G minor" in line for line in asked.report.notices())
    write_midi(score, tmp_path / "score.mid")
    assert read_midi(tmp_path / "score.mid").parts["melody"] == given.parts["melody"]


def test_an_opening_is_continued_to_the_end_of_the_picture(writers: Writers, kept: Score) -> None:
    opening = Score(
        {part: tuple(n for n in notes if n.onset < 24) for part, notes in kept.parts.items()},
        TempoMap.constant(100, 14.4),
        "G minor",
    )
    asked = keep_score(sheet(), opening, "7-")
    score = rewrite(writers, asked)
    assert asked.report.bars_kept == 6 and asked.report.bars_added == 11
    assert score.tempo_map.beat_times[-1] >= DURATION
    assert score.tempo_map.local_tempo_bpm == pytest.approx(100)
    for part, notes in opening.parts.items():
        assert [note for note in score.parts[part] if note.onset < 24] == list(notes)
    final = cue_span(score.tempo_map, sheet().cues[0]).final_beat
    last = score.parts["bass"][-1]
    assert last.onset == final and last.pitch % 12 == 7  # the tonic
    assert score.tempo_map.to_seconds(last.onset + last.duration) == pytest.approx(DURATION)


def test_an_opening_is_led_up_to_from_the_left(writers: Writers, tmp_path: Path) -> None:
    notes = tuple(Note(beat, 67 + beat % 5, 1.0, 80) for beat in range(16))
    write_midi(Score({"melody": notes}, TempoMap.constant(120, 8.0), "G minor"), tmp_path / "m.mid")
    draft = keep_score(sheet(), tmp_path / "m.mid", "-2,4-")
    assert draft.report is not None and draft.report.bars == "-2,4-18"
    assert draft.region.spans[0][0] == 0 and draft.score.tempo_map.bar_starts[:4] == (0, 4, 8, 12)
    later = [replace(note, onset=note.onset + 8) for note in notes]
    assert list(draft.score.parts["melody"]) == later
    assert [draft.region.covers(beat) for beat in (0, 7, 8, 19, 20, 79)] == [
        True,
        True,
        False,
        False,
        True,
        True,
    ]
    made = compose(writers, draft, seed=2, num_inference_steps=2)
    assert [note for note in made.parts["melody"] if 8 <= note.onset < 20] == later[:12]
    assert any(note.onset < 8 for notes in made.parts.values() for note in notes)
    again = keep_score(sheet(), tmp_path / "m.mid", draft.report.bars)
    assert again.region == draft.region  # what a take tells is asked again
    only = keep_score(sheet(), tmp_path / "m.mid", "-1")
    assert only.region.spans == ((0, 4),)
    for bars, told in (
        ("-40", "last 80.0 s, and the picture only 40.0 s"),
        ("-1,-2", "say once"),
        ("-0", "say once"),
    ):
        with pytest.raises(PixMusError, match=told):
            keep_score(sheet(), tmp_path / "m.mid", bars)


def test_another_style_keeps_the_tune(writers: Writers, tmp_path: Path) -> None:
    notes = tuple(Note(beat, 67 + beat % 5, 1.0, 80) for beat in range(80))
    write_midi(
        Score({"melody": notes}, TempoMap.constant(120, 40.0), "G minor"), tmp_path / "m.mid"
    )
    other, parts = restyled(sheet(), "game")
    assert other.style == "game" and set(parts) == set(other.parts) - {"melody"}
    made = {}
    for name, (wanted, redo) in {"game": (other, parts), "pop": restyled(sheet(), "pop")}.items():
        score = compose(
            writers,
            keep_score(wanted, tmp_path / "m.mid", redo_parts=redo),
            seed=2,
            num_inference_steps=2,
        )
        assert score.parts["melody"] == notes
        made[name] = score.parts["bass"] + score.parts["harmony"]
    assert made["game"] and made["game"] != made["pop"]
    assert restyled(sheet(), "game", "bass")[1] == ("bass",)


def test_the_last_chord_leads_only_where_the_kept_notes_agree(writers: Writers) -> None:
    """Over a kept last note outside the tonic chord, no tonic chord is set."""
    tempo_map = TempoMap.constant(120, DURATION)
    final = cue_span(tempo_map, sheet().cues[0]).final_beat
    for pitch, is_tonic in ((67, True), (69, False)):  # G and A in G minor
        melody = (Note(0.0, 67, 4.0, 80), Note(final - 1.0, pitch, 4.0, 80))
        asked = keep_score(
            sheet(), Score({"melody": melody}, tempo_map, "G minor"), None, "harmony"
        )
        ending = {
            n.pitch % 12 for n in rewrite(writers, asked).parts["harmony"] if n.onset == final
        }
        assert (ending == {7, 10, 2}) == is_tonic


def test_a_kept_note_rings_on_and_new_ones_make_way() -> None:
    ringing = Note(30.0, 60, 3.1, 80)  # until 33.1
    inside = [Note(32.0, 60, 1.0, 70), Note(32.5, 60, 2.0, 70), Note(32.0, 64, 2.0, 70)]
    assert fit_beside("harmony", inside, [ringing]) == [
        Note(33.25, 60, 1.25, 70),  # waited for its pitch, on the grid
        Note(32.0, 64, 2.0, 70),
    ]
    assert fit_beside("melody", [Note(32.0, 64, 2.0, 70)], [ringing]) == [Note(33.25, 64, 0.75, 70)]
    assert fit_beside("melody", [Note(32.0, 64, 1.0, 70)], [ringing]) == []
    legato = Note(31.0, 60, 1.05, 80)
    assert fit_beside("melody", [Note(32.0, 64, 1.0, 70)], [legato]) == [Note(32.0, 64, 1.0, 70)]
    (same,) = fit_beside("melody", [Note(32.0, 60, 1.0, 70)], [legato])
    assert same.onset == pytest.approx(32.05) and same.onset + same.duration == pytest.approx(33.0)
    ahead = Note(33.5, 64, 1.0, 80)
    assert fit_beside("bass", [Note(33.0, 40, 2.0, 70)], [ahead]) == [Note(33.0, 40, 0.5, 70)]


def test_the_model_is_given_what_stays_and_not_what_nobody_wrote(kept: Score) -> None:
    without_bass = replace(kept, parts={**kept.parts, "bass": ()})
    asked = keep_score(sheet(), without_bass, "9-12", "harmony")
    (cue,) = bars_of_cues(asked)
    canvas = prepare_voices(asked.cue_sheet, cue, an_empty_plan(cue.num_bars))
    give_kept(canvas, asked, cue)
    states = canvas.states
    assert (states[32:48, PARTS.index("harmony")] == MASKED).all()
    assert (states[:32, PARTS.index("harmony")] == KNOWN).all()
    assert (states[48:, PARTS.index("harmony")] == KNOWN).all()
    assert (states[:, PARTS.index("melody")] == KNOWN).all()
    assert (states[:, PARTS.index("bass")] == SILENT).all()


def an_empty_plan(num_bars: int) -> Plan:
    chords = (None,) * (HALVES * num_bars)
    phrases = tuple(Phrase(bar, min(4, num_bars - bar), "A") for bar in range(0, num_bars, 4))
    plays = np.zeros((HALVES * num_bars, len(PARTS)), bool)
    return Plan(True, chords, phrases, plays, np.zeros(num_bars, int))


def test_hit_points_off_the_kept_map_are_reported(kept: Score) -> None:
    marked = replace(kept, markers=((4.0, "hit 0.90"), (18.1, "hit 0.90")))
    moved = replace(
        sheet(), hit_points=(HitPoint(4.01, 0.9), HitPoint(18.1, 0.7), HitPoint(21.6, 0.9))
    )
    report = keep_score(moved, marked, "9-12").report
    assert [(hit.time, hit.moved) for hit in report.hits_off_map] == [(18.1, False), (21.6, True)]
    assert report.hits_off_map[1].off == pytest.approx(0.025)  # the sixteenth at 21.625 s
    (line,) = report.notices()
    assert "21.60 s by 25 ms (moved or new), 18.10 s by 25 ms." in line
    assert not keep_score(sheet(), kept, "9-12").report.notices()


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("3", "3"), ("9-12", "9-12"), (" 9 - 12 , 17-20", "9-12,17-20"), ("22-", "22-24"),
     ("5,3-4,4", "3-5"), ("24", "24"), ("1-", "1-24"), ((7, 2, 3), "2-3,7")],
)  # fmt: skip
def test_bars_are_read_as_musicians_write_them(text: str, numbers: str) -> None:
    assert format_bars(parse_bars(text, 24)) == numbers


@pytest.mark.parametrize(
    ("bars", "words"),
    [
        ("nine", "'nine' cannot be read; write them like 9-12"),
        ("9-12-14", "cannot be read"),
        ("", "cannot be read"),
        ("-3", "cannot be read"),
        ("12-9", "run backwards; write 9-12"),
        ("0-3", "no bar 0"),
        ("20-25", "no bar 25: the piece has 24 bars"),
        ("999999999999-", "no bar 999999999999"),
        ("1-999999999999", "no bar 999999999999"),
        ((), "No bar is named"),
        ((-1,), "no bar -1"),
    ],
)
def test_bars_that_cannot_be_are_refused(bars: str, words: str) -> None:
    with pytest.raises(PixMusError, match=words):
        parse_bars(bars, 24)


def test_what_cannot_be_kept_is_refused(writers: Writers, kept: Score, tmp_path: Path) -> None:
    with pytest.raises(PixMusError, match="nothing to redo"):
        keep_score(sheet(), kept)
    with pytest.raises(PixMusError, match="no part 'kazoo' .* melody, harmony, bass, drums"):
        keep_score(sheet(), kept, None, "harmony,kazoo")
    with pytest.raises(PixMusError, match="a part drums, but the cue sheet's parts are melody"):
        keep_score(sheet(ensemble="piano"), kept, "9-12")
    with pytest.raises(PixMusError, match="bars of 3 beats"):
        waltz = replace(kept, tempo_map=TempoMap.constant(120, DURATION, beats_per_bar=3))
        keep_score(sheet(), waltz, "9-12")
    with pytest.raises(PixMusError, match="no bar 21: the piece has 20 bars"):
        keep_score(sheet(), kept, "21")
    write_midi(Score({"melody": ()}, kept.tempo_map), tmp_path / "empty.mid")
    with pytest.raises(PixMusError, match="empty.mid holds no notes"):
        keep_score(sheet(), tmp_path / "empty.mid", "9-12")
    half = replace(sheet(), cues=(Cue(0.0, 20.0, "first half"),))
    with pytest.raises(PixMusError, match="bars 15-16 lie where the cue sheet wants no music"):
        rewrite(writers, keep_score(half, kept, "15-16"))


def test_a_file_that_names_no_key_gets_the_one_that_fits(tmp_path: Path) -> None:
    import mido

    def key_of(pitches: list[int]) -> str:
        track = mido.MidiTrack()
        for pitch in pitches:
            track.append(mido.Message("note_on", note=pitch, velocity=64))
            track.append(mido.Message("note_off", note=pitch, time=480))
        midi = mido.MidiFile()
        midi.tracks.append(track)
        midi.save(tmp_path / "tune.mid")
        return keep_score(sheet(), tmp_path / "tune.mid", None, "bass").score.key

    e_major = [64, 66, 68, 69, 71, 73, 75, 76, 71, 68, 64]
    assert key_of(e_major) == "E major"
    assert key_of([67, 69, 70, 72, 74, 70, 67, 62, 67]) == "G minor"  # the cue sheet's fits


def test_composing_is_redoing_everything(writers: Writers, kept: Score) -> None:
    again = rewrite(writers, keep_score(sheet(), kept, "1-", None), seed=1)
    anew = rewrite(writers, blank_draft(sheet(), kept.tempo_map), seed=1)
    assert again.parts == anew.parts and again.markers == anew.markers


def test_a_last_chord_is_struck_again_only_where_it_has_rung_and_can_ring_on() -> None:
    tempo_map = TempoMap.constant(120, DURATION)
    span = cue_span(tempo_map, sheet().cues[0])
    final = float(tempo_map.to_seconds(span.final_beat))
    room = DURATION - final
    assert room > 2 * RING_S
    inside = [final + share * room for share in (0.0, 0.2, 0.5, 0.95)]
    times = [round(8 * time) / 8 for time in inside]  # on sixteenths
    asked = replace(sheet(), hit_points=tuple(HitPoint(time, 0.9) for time in times))
    draft = blank_draft(asked, tempo_map)
    stays = [t for t in times if t == final or final + RING_S <= t <= DURATION - RING_S]
    assert [hit.time for hit in draft.hits] == stays and len(stays) == 2
    assert draft.rings == [(span.final_beat, pytest.approx(2 * DURATION))]
