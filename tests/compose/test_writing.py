"""Composing by plan and voices: whole films, what is kept, what is asked, the same every time."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from tiny_model import pipeline_of

from pixmus.chords import Chord, Quality, parse_chord
from pixmus.compose.cue_bars import bars_of_cues
from pixmus.compose.draft import Draft, begin_draft, blank_draft
from pixmus.compose.film_planning import given_tokens, kept_rows, looks_of_bars, with_melody
from pixmus.compose.finished_score import finished_score
from pixmus.compose.seeds import window_seed
from pixmus.compose.voice_conditions import chord_vectors
from pixmus.compose.writing import Writers, compose
from pixmus.cues.sheet import Cue, CueSheet, HitPoint, Section
from pixmus.curves import CURVES, num_curve_values
from pixmus.ensembles import PARTS, Part, Style
from pixmus.keys import key_tonic
from pixmus.score.chords import chord_rows
from pixmus.score.notes import Note, Score
from pixmus.score.plan import HALVES, is_dominant
from pixmus.score.plan_tokens import (
    CHORD_COLUMNS,
    MASKS,
    PLAYS_COLUMNS,
    chord_tokens,
    decode_plan,
    masked_tokens,
)
from pixmus.score.spans import cue_span
from pixmus.score.tempo import TempoMap

OFFERED = (Part.MELODY, Part.HARMONY, Part.BASS)


def a_sheet(
    duration: float = 24.0, cues: tuple[tuple[float, float], ...] = (), key: str = "E minor"
) -> CueSheet:
    curve = np.full(num_curve_values(duration), 0.5, np.float32)
    spans = cues or ((0.0, duration),)
    return CueSheet(
        duration=duration,
        frame_rate=Fraction(24),
        cuts=(),
        hit_points=(),
        curves={name: curve for name in CURVES},
        cues=tuple(Cue(start, end, f"cue {i}") for i, (start, end) in enumerate(spans)),
        key=key,
        tempo_bpm=120,
        tempo_fixed=True,
        style=Style.POP,
        ensemble="band",
        parts=OFFERED,
        inputs=(),
    )


def make(writers: Writers, draft: Draft, seed: int = 1, **how: object) -> Score:
    return compose(writers, draft, seed=seed, num_inference_steps=5, **how)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def whole(writers: Writers) -> Score:
    return make(writers, blank_draft(a_sheet(), TempoMap.constant(120, 24.0)))


def notes_in(score: Score, part: str, start: float, end: float) -> list[Note]:
    return [note for note in score.parts[part] if start <= note.onset < end]


def test_a_seed_decides_and_all_parts_play(writers: Writers, whole: Score) -> None:
    draft = blank_draft(a_sheet(), TempoMap.constant(120, 24.0))
    assert make(writers, draft) == whole
    assert make(writers, draft, seed=2) != whole
    assert set(whole.parts) == set(OFFERED) and all(whole.parts.values())


def test_a_film_has_one_plan_that_ends_every_cue(writers: Writers) -> None:
    sheet = a_sheet(30.0, ((0.0, 10.0), (10.0, 20.0), (22.0, 30.0)))
    draft = blank_draft(sheet, TempoMap.constant(120, 30.0))
    score = make(writers, draft)
    assert score.plan is not None
    cues, chords = bars_of_cues(draft), score.plan.chords
    assert score.plan.cue_starts == tuple(cue.first_bar for cue in cues)
    assert len(score.plan.beats) == cues[-1].end_bar == len(chords) // HALVES
    tonic = key_tonic(sheet.key)
    onwards = chords[HALVES * cues[0].end_bar - 1]
    assert cues[0].span.leads_on and onwards is not None and is_dominant(onwards, tonic)
    for cue in cues[1:]:
        final = cue.half_of_beat[cue.span.final_beat - cue.span.first_beat]
        assert chords[final] == Chord(tonic, Quality.MINOR)
        assert chords[final - 1] != chords[final]
    for phrase in score.plan.plan.phrases:  # none goes on over a cue's beginning
        assert not any(phrase.first_bar < cue.first_bar < phrase.end_bar for cue in cues)
    told = score.plan.to_dict(score.tempo_map)
    assert len(told["bars"]) == cues[-1].end_bar and told["cues"] == list(score.plan.cue_starts)
    silence = sheet.cues[1].end, sheet.cues[2].start
    for notes in score.parts.values():
        for note in notes:
            at = score.tempo_map.to_seconds(note.onset)
            assert not silence[0] <= at < silence[1] - 1e-6


@pytest.mark.parametrize("duration", [1.0, 2.0, 3.5, 7.0])
def test_short_clips_are_written(writers: Writers, duration: float) -> None:
    score = make(writers, begin_draft(a_sheet(duration)))
    assert all(score.parts[part] for part in OFFERED)
    ends = [n.onset + n.duration for notes in score.parts.values() for n in notes]
    assert score.tempo_map.to_seconds(max(ends)) <= duration + 1e-6


def test_bars_are_redone_and_all_else_stays(writers: Writers, whole: Score) -> None:
    again = make(writers, begin_draft(a_sheet(), whole, "4-5"), seed=7)
    first, end = whole.tempo_map.bar_starts[3], whole.tempo_map.bar_starts[5]
    changed = False
    for part in OFFERED:
        outside = [n for n in whole.parts[part] if not first <= n.onset < end]
        assert [n for n in again.parts[part] if not first <= n.onset < end] == outside
        changed |= notes_in(again, part, first, end) != notes_in(whole, part, first, end)
    assert changed


def test_a_melody_is_harmonised(writers: Writers, whole: Score) -> None:
    melody = replace(
        whole, parts={**dict.fromkeys(OFFERED, ()), Part.MELODY: whole.parts["melody"]}
    )
    made = make(writers, begin_draft(a_sheet(), melody, None, "harmony,bass"), seed=3)
    assert made.parts[Part.MELODY] == whole.parts[Part.MELODY]
    assert made.parts[Part.HARMONY] and made.parts[Part.BASS]


def test_an_opening_is_continued(writers: Writers, whole: Score) -> None:
    made = make(writers, begin_draft(a_sheet(), whole, "5-"), seed=3)
    start = whole.tempo_map.bar_starts[4]
    for part in OFFERED:
        assert notes_in(made, part, 0, start) == notes_in(whole, part, 0, start)
        assert notes_in(made, part, start, 1e9)


def test_kept_chords_are_read_and_given(whole: Score) -> None:
    """A C major chord that is held in bars 1 and 2 (heard as such in C major) is in the plan."""
    sheet = a_sheet(key="C major")
    held = tuple(Note(0.0, pitch, 8.0, 80) for pitch in (60, 64, 67))
    kept = Score({Part.MELODY: (), Part.HARMONY: held, Part.BASS: ()}, whole.tempo_map, "C major")
    draft = begin_draft(sheet, kept, "3-")
    cues = bars_of_cues(draft)
    tokens = given_tokens(draft, cues, kept_rows(draft, cues), 0)
    for half in range(4):
        assert tokens[half, CHORD_COLUMNS].tolist() == list(chord_tokens(Chord(0)))
    assert (tokens[4:8, CHORD_COLUMNS] == MASKS[CHORD_COLUMNS]).all()
    harmony, melody = PARTS.index(Part.HARMONY), PARTS.index(Part.MELODY)
    assert (tokens[:4, PLAYS_COLUMNS.start + harmony] == 1).all()
    assert (tokens[:4, PLAYS_COLUMNS.start + melody] == 0).all()


def test_asked_chords_are_the_plans(writers: Writers) -> None:
    draft = blank_draft(a_sheet(), TempoMap.constant(120, 24.0))
    asked = [Chord(9, Quality.MINOR), None, Chord(2), Chord(11, Quality.SEVENTH)]
    asked += [Chord(0, Quality.ADDED_NINTH), Chord(9, Quality.MINOR_ADDED_NINTH, 4)]
    score = make(writers, draft, chords=asked)
    assert score.plan is not None
    assert [score.plan.chords[i] for i in (0, 2, 3, 4, 5)] == [asked[0], *asked[2:]]


def classes_at(score: Score, part: str, onset: float) -> set[int]:
    return {note.pitch % 12 for note in score.parts[part] if note.onset == onset}


def test_asked_chords_are_played_to_the_end(writers: Writers) -> None:
    """The last chord is the one that is asked for, and what follows while it rings is struck."""
    draft = blank_draft(a_sheet(), TempoMap.constant(120, 24.0))
    ((final, end),) = draft.rings
    asked: list[Chord | None] = [Chord(7)] * (final // 2)  # half bars of two beats
    score = make(writers, draft, chords=[*asked, parse_chord("C"), parse_chord("D7/F#")])
    ringing = [note for note in score.parts[Part.BASS] if note.onset >= final]
    assert [(n.onset, n.pitch % 12, n.duration) for n in ringing] == [
        (final, 0, 2),
        (final + 2, 6, end - final - 2),
    ]
    assert classes_at(score, Part.HARMONY, final) == {0, 4, 7}
    assert classes_at(score, Part.HARMONY, final + 2) == {2, 6, 9, 0}
    for notes in score.parts.values():
        assert {note.onset for note in notes if note.onset >= final} <= {final, final + 2}


def test_an_asked_last_chord_goes_on_where_nothing_else_is_asked_for(writers: Writers) -> None:
    draft = blank_draft(a_sheet(), TempoMap.constant(120, 24.0))
    ((final, _),) = draft.rings
    score = make(writers, draft, chords=[None] * (final // 2) + [Chord(0)])
    assert score.plan is not None
    assert score.plan.chords[final // 2 :] == [Chord(0)] * len(score.plan.chords[final // 2 :])
    assert score.parts[Part.BASS][-1].onset == final
    assert classes_at(score, Part.BASS, final) == {0}


def test_no_approach_is_put_over_an_asked_chord() -> None:
    """Before a last chord and over a cue's border; elsewhere the half bar leads on as it did."""
    sheet = a_sheet(24.0, ((0.0, 12.0), (12.0, 24.0)))
    draft = blank_draft(sheet, TempoMap.constant(120, 24.0))
    held = [[Note(span.final_beat - 2.0, 49, 2.0, 80)] for span, _ in draft.spans]  # C#

    def led(*halves: int) -> list[bool]:
        """Whether each cue leads on, where these half bars are asked for."""
        chords = [Chord(1) if half in halves else None for half in range(24)]
        cues = bars_of_cues(draft, chords)
        spans = [cue.span for cue in cues]
        score = finished_score(draft, cues, spans, [{Part.BASS: notes} for notes in held], 1)
        return [notes[0] not in score.parts[Part.BASS] for notes in held]

    before = [(span.final_beat - 2) // 2 for span, _ in draft.spans]
    assert draft.spans[0][0].leads_on
    assert led() == [True, True]
    assert led(before[0]) == [False, True]
    assert led(before[1]) == [True, False]
    assert led(before[0] - 1, before[0] + 1, before[1] + 1) == [True, True]


def test_bars_are_redone_on_the_chord_that_is_asked_for(writers: Writers, whole: Score) -> None:
    draft = begin_draft(a_sheet(), whole, None, "harmony,bass")
    ((final, _),) = draft.rings
    last = [note for note in whole.parts[Part.MELODY] if note.onset == final]
    assert {note.pitch % 12 for note in last} == {4}  # E, kept, is a tone of A minor and not of F
    asked = [Chord(9, Quality.MINOR)] * 48
    score = make(writers, draft, chords=asked)
    assert score.parts[Part.MELODY] == whole.parts[Part.MELODY]
    assert classes_at(score, Part.HARMONY, final) == {9, 0, 4}
    assert classes_at(score, Part.BASS, final) == {9}


def test_the_voices_are_told_the_ninth_that_no_plan_has() -> None:
    triad, ninth = chord_vectors(chord_rows([Chord(0), Chord(0, Quality.ADDED_NINTH)]))
    assert np.flatnonzero(triad != ninth).tolist() == [2]
    assert chord_tokens(Chord(0)) == chord_tokens(Chord(0, Quality.ADDED_NINTH))


def test_the_melody_plays_in_most_bars(writers: Writers) -> None:
    draft = blank_draft(a_sheet(), TempoMap.constant(120, 24.0))
    cues = bars_of_cues(draft)
    tokens = masked_tokens(cues[-1].end_bar)
    tokens[:] = 0  # nobody plays
    plan = with_melody(decode_plan(tokens, True), cues)
    melody = plan.plays[:, PARTS.index(Part.MELODY)].reshape(-1, HALVES).any(1)
    assert melody.mean() >= 0.75 and not plan.plays[:, PARTS.index(Part.BASS)].any()


def test_progress_is_told_and_can_stop(writers: Writers) -> None:
    draft = blank_draft(a_sheet(), TempoMap.constant(120, 24.0))
    steps: list[tuple[int, int]] = []
    make(writers, draft, on_step=lambda step, total, x: steps.append((step, total)))
    told = [step / total for step, total in steps]
    assert told == sorted(told) and told[0] == 0 and 0.8 < told[-1] < 1
    assert len({total for _, total in steps}) == 1

    class Cancelled(Exception):
        pass

    def cancel(step: int, total: int, x: torch.Tensor) -> None:
        if step == 11:  # inside the voices
            raise Cancelled

    with pytest.raises(Cancelled):
        make(writers, draft, on_step=cancel)


def test_nothing_draws_from_the_generator_that_all_share(writers: Writers, whole: Score) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(99)
        before = torch.get_rng_state()
        assert make(writers, blank_draft(a_sheet(), TempoMap.constant(120, 24.0))) == whole
        assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("key", ["C major", "A minor", "G minor", "F# major"])
def test_it_ends_on_a_tonic_downbeat_that_rings_to_the_end(writers: Writers, key: str) -> None:
    score = make(writers, blank_draft(a_sheet(30.0, key=key), TempoMap.constant(120, 30.0)))
    tempo_map = score.tempo_map
    final = cue_span(tempo_map, a_sheet(30.0).cues[0]).final_beat
    assert final in tempo_map.bar_starts
    assert 27.0 <= tempo_map.to_seconds(final) <= 29.0
    last_bass = score.parts[Part.BASS][-1]
    assert last_bass.onset == final and last_bass.pitch % 12 == key_tonic(key)
    assert tempo_map.to_seconds(last_bass.onset + last_bass.duration) == pytest.approx(30.0)
    for notes in score.parts.values():
        assert all(note.onset <= final for note in notes)


def test_cues_do_not_meet_and_one_without_a_beat_has_no_music(writers: Writers) -> None:
    """Beats lie half a second apart: none in the second cue, and the third follows at once."""
    spans = ((0.0, 5.9), (6.1, 6.3), (6.3, 12.0), (12.0, 20.0))
    sheet = a_sheet(20.0, spans)
    score = make(writers, blank_draft(sheet, TempoMap.constant(120, 20.0)))
    for notes in score.parts.values():
        ends: dict[int, float] = {}
        for note in notes:
            start = score.tempo_map.to_seconds(note.onset)
            cue = next(cue for cue in sheet.cues if cue.start <= start < cue.end)
            assert cue != sheet.cues[1]
            assert note.onset >= ends.get(note.pitch, 0.0)
            ends[note.pitch] = note.onset + note.duration
            assert score.tempo_map.to_seconds(ends[note.pitch]) <= cue.end + 1e-6


def test_the_timing_has_a_guidance_of_its_own(writers: Writers) -> None:
    sheet = replace(a_sheet(8.0), hit_points=(HitPoint(4.0, 0.9),))
    draft = blank_draft(sheet, TempoMap.constant(120, 8.0))
    even = make(writers, draft, guidance_scale=2.0)
    assert make(writers, draft, guidance_scale=2.0, timing_guidance_scale=2.0) == even
    assert make(writers, draft, guidance_scale=2.0, timing_guidance_scale=8.0) != even


def test_pictures_that_look_alike_have_phrases_that_return(writers: Writers) -> None:
    spans = ((0.0, 8.0), (8.0, 16.0), (16.0, 24.0))
    sections = tuple(
        Section(start, end, theme) for (start, end), theme in zip(spans, "ABA", strict=True)
    )
    draft = blank_draft(replace(a_sheet(), sections=sections), TempoMap.constant(120, 24.0))
    cues = bars_of_cues(draft)
    assert looks_of_bars(draft, cues).tolist() == [1] * 4 + [2] * 4 + [1] * (cues[-1].end_bar - 8)
    for seed in range(3):
        score = make(writers, draft, seed=seed)
        assert score.plan is not None
        phrases = {phrase.first_bar: phrase for phrase in score.plan.plan.phrases}
        assert phrases[8].letter == phrases[0].letter and phrases[8].likeness > 0.5


def test_seeds_of_windows_differ() -> None:
    def seeds() -> Iterator[int]:
        for seed in range(5):
            for cue in range(3):
                for window in range(7):
                    yield window_seed(seed, cue, window)

    assert len(set(seeds())) == 5 * 3 * 7


def test_chords_of_a_chart_are_heard(writers: Writers) -> None:
    """Through the pipeline, as the doors ask for them: bar after bar, again and again."""
    pipe = pipeline_of(writers)
    draft = blank_draft(a_sheet(24.0, key="C major"), TempoMap.constant(120, 24.0))
    score = pipe.write(draft, seed=1, num_inference_steps=3, chords="Am F:0.5 C:0.5")
    assert score.plan is not None
    told = [str(chord) for chord in score.plan.chords[:16]]
    assert told == ["Am", "Am", "F", "C"] * 4


def test_the_scheduler_is_left_as_it_was(writers: Writers) -> None:
    """Several soundtracks are written with one at a time."""
    before = {name: str(value) for name, value in vars(writers.scheduler).items()}
    make(writers, blank_draft(a_sheet(8.0), TempoMap.constant(120, 8.0)))
    assert {name: str(value) for name, value in vars(writers.scheduler).items()} == before


def test_two_that_are_written_at_once_are_what_each_is_alone(writers: Writers) -> None:
    drafts = [blank_draft(a_sheet(s), TempoMap.constant(120, s)) for s in (6.0, 20.0, 11.0)]
    alone = [make(writers, draft) for draft in drafts]
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda draft: make(writers, draft), drafts)) == alone
