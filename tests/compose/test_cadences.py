"""What leads to a last chord, and over a border from cue to cue."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from pixmus.chords import Chord, Quality
from pixmus.compose.cadences import ENDING_SHARES, cadence, draw_approach, pickup
from pixmus.compose.draft import blank_draft
from pixmus.compose.finished_score import may_lead_on
from pixmus.cues.sheet import Cue
from pixmus.ensembles import Part, Style
from pixmus.score.notes import Note
from pixmus.score.plan import approach_of
from pixmus.studies.score_model_takes import draw_cue_sheet

G_MAJOR = Chord(7)


def _by_onset(notes: list[Note]) -> dict[float, set[int]]:
    return {n.onset: {m.pitch for m in notes if m.onset == n.onset} for n in notes}


def test_approaches_are_drawn_as_often_as_real_endings_have_them() -> None:
    rng = np.random.default_rng(0)
    drawn = Counter(approach_of(draw_approach(rng, True, Style.POP), 0) for _ in range(2000))
    shares = {kind: share for kind, share in ENDING_SHARES[Style.POP][1].items() if drawn[kind]}
    total = sum(shares.values())
    for kind, share in shares.items():
        assert drawn[kind] / 2000 == pytest.approx(share / total, abs=0.04)


def test_rhythm_stays_and_pitches_move_to_the_chord() -> None:
    parts = {
        Part.HARMONY: [Note(6.0, p, 1.0, 70) for p in (60, 64, 67)]
        + [Note(7.0, p, 1.0, 60) for p in (57, 60, 65)],
        Part.BASS: [Note(6.0, 36, 2.0, 80)],
        Part.DRUMS: [Note(6.0, 36, 0.25, 90)],
    }
    led = cadence(parts, 8.0, 0.0, G_MAJOR)
    assert [n.onset for n in led[Part.HARMONY]] == [6.0] * 3 + [7.0] * 3
    for pitches in _by_onset(led[Part.HARMONY]).values():
        assert len(pitches) == 3 and {p % 12 for p in pitches} <= {7, 11, 2}
    assert led[Part.BASS] == [Note(6.0, 31, 2.0, 80)]
    assert led[Part.DRUMS] == parts[Part.DRUMS]


def test_what_rings_into_the_cadence_is_struck_again_and_nothing_sounds_twice() -> None:
    parts = {
        Part.MELODY: [Note(4.0, 72, 3.0, 70), Note(7.0, 74, 1.0, 70)],
        Part.BASS: [Note(4.0, 36, 4.0, 80)],
    }
    led = cadence(parts, 8.0, 0.0, G_MAJOR)
    assert led[Part.MELODY][0] == Note(4.0, 72, 2.0, 70)
    assert led[Part.BASS] == [Note(4.0, 36, 2.0, 80), Note(6.0, 31, 2.0, 80)]
    for notes in led.values():
        for a, b in zip(notes, notes[1:], strict=False):
            assert a.pitch != b.pitch or a.onset + a.duration <= b.onset


def test_short_notes_off_the_beat_pass_unless_beside_the_third() -> None:
    parts = {Part.MELODY: [Note(6.5, 69, 0.5, 70), Note(7.5, 72, 0.5, 70)]}
    melody = cadence(parts, 8.0, 0.0, G_MAJOR)[Part.MELODY]
    assert [n.pitch for n in melody] == [69, 71]  # A passes; C beside B does not


def test_where_bass_and_chords_rest_the_bass_has_the_root() -> None:
    parts = {Part.MELODY: [Note(0.0, 72, 8.0, 70)], Part.BASS: [Note(8.0, 36, 4.0, 80)]}
    led = cadence(parts, 8.0, 0.0, Chord(5, Quality.MINOR))
    assert Note(6.0, 41, 2.0, 70) in led[Part.BASS]


def test_music_that_has_hardly_begun_keeps_its_first_beat() -> None:
    parts = {Part.BASS: [Note(0.0, 36, 1.0, 80), Note(1.0, 36, 1.0, 80)]}
    assert [n.pitch for n in cadence(parts, 2.0, 0.0, G_MAJOR)[Part.BASS]] == [36, 31]
    assert cadence(parts, 0.0, 0.0, G_MAJOR) == parts


def test_a_very_short_cue_has_a_figure_before_its_chord() -> None:
    chord = {Part.MELODY: [Note(2.0, 72, 4.0, 80)], Part.BASS: [Note(2.0, 36, 4.0, 80)]}
    rising = pickup(chord, 2.0, 0.0)[Part.MELODY]
    assert [note.onset for note in rising] == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert [note.pitch for note in rising] == [65, 67, 69, 71, 72]
    busy = {**chord, Part.HARMONY: [Note(i / 2, 60, 0.5, 70) for i in range(4)]}
    assert pickup(busy, 2.0, 0.0) == busy
    assert pickup(chord, 2.0, 2.0) == chord and pickup(chord, 8.0, 0.0) == chord
    only_bass = pickup({Part.BASS: chord[Part.BASS]}, 2.0, 1.0)[Part.BASS]
    assert [note.pitch for note in only_bass] == [33, 35, 36]


@pytest.mark.parametrize("tempo", [60, 75, 100, 130])
@pytest.mark.parametrize("duration", [2.0, 2.5, 5.0])
def test_something_comes_before_the_last_chord_of_a_short_clip(
    tempo: float, duration: float
) -> None:
    sheet = draw_cue_sheet(np.random.default_rng(3), duration, Style.SONG)
    sheet = replace(sheet, tempo_bpm=tempo, hit_points=())
    (span, _) = blank_draft(sheet).spans[-1]
    assert span.final_beat > span.first_beat


def test_a_cue_that_follows_at_once_is_led_to_and_one_after_a_rest_is_not() -> None:
    sheet = draw_cue_sheet(np.random.default_rng(1), 40.0, Style.SONG)
    joined = replace(sheet, cues=(Cue(0.0, 20.0, "a"), Cue(20.0, 40.0, "b")))
    apart = replace(sheet, cues=(Cue(0.0, 20.0, "a"), Cue(23.0, 40.0, "b")))
    draft = blank_draft(joined)
    (first, end), (second, _) = draft.spans
    assert first.leads_on and first.final_beat == second.first_beat == end
    assert not second.leads_on and may_lead_on(draft, first) and may_lead_on(draft, second)
    rest = blank_draft(apart)
    assert not rest.spans[0][0].leads_on
    assert rest.score.tempo_map.to_seconds(rest.spans[0][0].final_beat) < 20.0


def test_nothing_strikes_into_the_last_chord() -> None:
    sheet = draw_cue_sheet(np.random.default_rng(2), 10.0, Style.SONG)
    sheet = replace(
        sheet, hit_points=tuple(replace(sheet.hit_points[0], time=t) for t in (4, 9.68))
    )
    draft = blank_draft(sheet)
    final = draft.spans[0][0].final_beat
    assert all(hit.beat <= final for hit in draft.hits)
