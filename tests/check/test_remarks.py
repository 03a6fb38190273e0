"""What is said of a whole take: chords, tonic, melody, motif, return of phrases, dynamics."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pixmus.check.remarks import remarks_on
from pixmus.check.voicing import loudness_spread, phrase_returns
from pixmus.ensembles import Part, Style
from pixmus.keys import KEYS
from pixmus.score.notes import Note, Score
from pixmus.score.tempo import TempoMap

CHORDS = ((0, 4, 7), (9, 0, 4), (5, 9, 0), (7, 11, 2))


def song(chords=CHORDS, num_bars=16, shift=0, key="C major") -> Score:
    """A bar a chord, and a melody of its tones in the same rhythm."""
    parts: dict[str, list[Note]] = {Part.MELODY: [], Part.HARMONY: [], Part.BASS: []}
    for bar in range(num_bars):
        chord = chords[bar % len(chords)]
        parts[Part.HARMONY] += [Note(4 * bar, 48 + c + shift, 4, 70) for c in chord]
        parts[Part.BASS].append(Note(4 * bar, 36 + chord[0] + shift, 4, 70))
        parts[Part.MELODY] += [
            Note(4 * bar + i, 72 + chord[i % 3] + shift, 1, 80) for i in range(4)
        ]
    tempo_map = TempoMap.constant(120, num_bars * 2.0)
    return Score({p: tuple(sorted(n)) for p, n in parts.items()}, tempo_map, key)


def values(score: Score, style: str | None = Style.POP) -> dict[str, float]:
    return {remark.name: remark.value for remark in remarks_on(score, style)}


@pytest.mark.parametrize("key", [KEYS[0], KEYS[7]])
def test_a_song_is_measured_in_every_key(key: str) -> None:
    found = values(song(shift=KEYS.index(key) % 12, key=key))
    assert found["tonic_chord"] == pytest.approx(0.25)
    assert found["chord_changes"] == pytest.approx(15 / 16)
    assert found["melody_silent"] == 0 and found["phrase_return"] == 1
    assert found["motif"] > 0.5


def test_one_chord_held_is_odd_and_says_so() -> None:
    odd = {r.name: str(r) for r in remarks_on(song(chords=CHORDS[:1]), Style.POP) if r.is_odd}
    assert {"chord_changes", "tonic_chord", "phrase_return"} <= set(odd)
    assert odd["tonic_chord"].startswith("the chord is the key's own 1.00 of the time (real music")


def test_a_melody_that_rests_is_odd_and_one_that_is_not_there_is_not_told() -> None:
    whole = song()
    melody = tuple(note for note in whole.parts[Part.MELODY] if note.onset < 12)
    resting = replace(whole, parts={**whole.parts, Part.MELODY: melody})
    without = {part: notes for part, notes in whole.parts.items() if part != Part.MELODY}
    assert "melody_silent" in {r.name for r in remarks_on(resting, Style.POP) if r.is_odd}
    assert "melody_silent" not in values(replace(whole, parts=without))


def test_short_takes_and_unknown_styles_are_told_and_not_judged() -> None:
    for found in (remarks_on(song(CHORDS[:1], 4), Style.POP), remarks_on(song(CHORDS[:1]), None)):
        assert found and not any(remark.is_odd for remark in found)
        assert all("real music" not in str(remark) for remark in found)
    empty = Score({Part.MELODY: ()}, TempoMap.constant(120, 8.0), "C major")
    assert remarks_on(empty, Style.POP) == ()


def test_loudness_and_returns_on_known_notes() -> None:
    loud = np.array([[0, 0, 4, 60, 120], [0, 16, 4, 60, 60]])
    # Half the velocity is a sixteenth of the power; percentiles of two bars lie between them.
    assert loudness_spread(loud, 2) == pytest.approx(0.85 * 10 * np.log10(16))
    bar = np.array([[0, s, 1, 60 + s, 80] for s in range(8)])
    twice = np.concatenate([bar, bar + [0, 64, 0, 0, 0]])
    other = np.concatenate([bar, bar + [0, 64, 0, 12, 0]])
    assert phrase_returns(twice, 8).tolist() == [1.0]
    assert phrase_returns(other, 8).tolist() == [0.0]
