"""Half bars beside the chords that were asked for: all in them, none, and as many as are."""

import numpy as np
import pytest

from pixmus.score.chord_chart import over_bars, read_chart
from pixmus.score.notes import Note, Score
from pixmus.score.tempo import TempoMap
from pixmus.studies.editors_chords import chord_fits

MAP = TempoMap(0.5 * np.arange(11), (0, 4, 8))  # the last bar is in 2/4


def fits(parts: dict[str, tuple[Note, ...]], chart: str) -> list[float]:
    return [
        float(share) for share in chord_fits(Score(parts, MAP), over_bars(read_chart(chart), 3))
    ]


def test_notes_of_the_chord_fit_and_others_do_not() -> None:
    triad = tuple(Note(0.0, pitch, 10.0, 80) for pitch in (57, 60, 64))
    assert fits({"harmony": triad}, "Am") == [1.0] * 5
    assert fits({"harmony": triad}, "B") == [0.0] * 5
    assert fits({"harmony": triad}, "F") == pytest.approx([2 / 3] * 5)
    assert fits({"harmony": triad}, "F/E") == [1.0] * 5  # the bass is of the chord


def test_drums_rests_and_open_places_are_left_out() -> None:
    note = (Note(1.5, 60, 1.0, 80),)
    assert fits({"drums": (Note(0.0, 36, 8.0, 80),)}, "C") == []
    assert fits({"melody": note}, "| C B |") == [1.0, 0.0]
    assert fits({"melody": note}, "| N.C. C |") == [1.0]


def test_time_counts_and_not_notes() -> None:
    long, short = Note(0.0, 60, 1.5, 80), Note(1.5, 61, 0.5, 80)
    assert fits({"melody": (long, short)}, "C") == [0.75]
