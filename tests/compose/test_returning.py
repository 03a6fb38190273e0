"""Bars that come back: only as like as the phrase is to be, over the same chords, unasked never."""

from __future__ import annotations

import numpy as np
import pytest

from pixmus.compose.conditions import COLUMNS
from pixmus.compose.returning import (
    bring_bars_back,
    carry_drums_on,
    parted_by_returns,
    waiting_drums,
)
from pixmus.compose.voice_conditions import CHORD_COLUMNS, FORM_COLUMNS, NUM_VOICE_CONDITIONS
from pixmus.ensembles import PARTS, Part
from pixmus.model.voice_network import KNOWN, MASKED, SILENT
from pixmus.score.voices import HOLD, NUM_TOKENS, UNIT_LAYOUTS

EDGES = [0, 4, 8, 12]  # three bars, of which the last returns to the first
SOURCES = [-1, -1, 0]
BASS, DRUMS, MELODY = (PARTS.index(part) for part in (Part.BASS, Part.DRUMS, Part.MELODY))


def written(likeness: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tokens, states and conditions; two bars are written, melody, bass and drums play."""
    tokens = np.random.default_rng(0).integers(2, 4, (12, NUM_TOKENS)).astype(np.uint8)
    states = np.full((12, len(PARTS)), SILENT)
    states[:8, [MELODY, BASS, DRUMS]] = KNOWN
    states[8:, [MELODY, BASS, DRUMS]] = MASKED
    conditions = np.zeros((12, NUM_VOICE_CONDITIONS), np.float32)
    conditions[:, FORM_COLUMNS.stop - 1] = 2 * likeness - 1
    return tokens, states, conditions


def comes_back(tokens: np.ndarray, states: np.ndarray, conditions: np.ndarray) -> set[int]:
    before = tokens.copy()
    bring_bars_back(
        tokens, states, conditions, EDGES, SOURCES, range(2, 3), np.random.default_rng(1)
    )
    assert (tokens[:8] == before[:8]).all()
    back = {part for part in range(len(PARTS)) if (states[8:, part] == KNOWN).all()}
    for part in back:
        own = UNIT_LAYOUTS[PARTS[part]].tokens
        assert (tokens[8:, own] == before[:4, own]).all()
    return back


def test_a_phrase_that_is_the_same_comes_back_whole() -> None:
    assert comes_back(*written()) == {MELODY, BASS, DRUMS}


def test_one_that_is_like_nothing_does_not() -> None:
    assert comes_back(*written(likeness=0.0)) == set()


def test_over_other_chords_only_drums_come_back() -> None:
    tokens, states, conditions = written()
    conditions[8:, CHORD_COLUMNS.start] = 1
    assert comes_back(tokens, states, conditions) == {DRUMS}


def test_where_something_else_is_asked_for_nothing_comes_back() -> None:
    tokens, states, conditions = written()
    conditions[8:, COLUMNS["curves"]] = 1
    assert comes_back(tokens, states, conditions) == set()


def test_what_goes_on_from_the_bar_before_does_not_come_back() -> None:
    tokens, states, conditions = written()
    tokens[0, UNIT_LAYOUTS[Part.MELODY].voices.start] = HOLD
    assert comes_back(tokens, states, conditions) == {BASS, DRUMS}


def test_what_is_kept_is_not_written_over() -> None:
    tokens, states, conditions = written()
    states[8:, BASS] = KNOWN
    tokens[8:, UNIT_LAYOUTS[Part.BASS].tokens] = 9
    bring_bars_back(
        tokens, states, conditions, EDGES, SOURCES, range(2, 3), np.random.default_rng(1)
    )
    assert (tokens[8:, UNIT_LAYOUTS[Part.BASS].tokens] == 9).all()


@pytest.mark.parametrize(
    ("sources", "edges"),
    [
        ([-1] * 8, [0, 8]),
        ([-1] * 4 + [0, 1, 2, 3], [0, 4, 8]),  # the second half is the first again
        (
            [-1] * 2 + [0, 1, 0, 1, -1, -1],
            [0, 2, 8],
        ),  # the last return's source is in the first block
    ],
)
def test_what_returns_is_in_a_later_block(sources: list[int], edges: list[int]) -> None:
    assert parted_by_returns([0, 8], sources) == edges


def test_drums_wait_for_those_that_open_a_pattern() -> None:
    states = np.full((24, len(PARTS)), MASKED)
    states[8:12, DRUMS] = KNOWN  # a bar that is kept waits for nothing
    edges = [0, 4, 8, 12, 16, 20, 24]
    waits = waiting_drums(edges, states, range(1, 6))
    assert np.flatnonzero(waits).tolist() == [*range(12, 20)]  # bars 1 and 5 open one


@pytest.mark.parametrize(("share", "carried"), [(1.0, True), (0.0, False)])
def test_drums_go_on_as_in_the_bar_before(share: float, carried: bool) -> None:
    tokens, states, conditions = written()
    before = tokens.copy()
    rng = np.random.default_rng(1)
    carry_drums_on(tokens, states, conditions, EDGES, range(2, 3), rng, share)
    own = UNIT_LAYOUTS[Part.DRUMS].tokens
    assert (states[8:, DRUMS] == (KNOWN if carried else MASKED)).all()
    assert (tokens[8:, own] == (before[4:8, own] if carried else before[8:, own])).all()
    assert (states[8:, MELODY] == MASKED).all()
    conditions[8:, COLUMNS["curves"]] = 1  # where something else is asked for they do not
    tokens, states, _ = written()
    carry_drums_on(tokens, states, conditions, EDGES, range(2, 3), rng, share)
    assert (states[8:, DRUMS] == MASKED).all()
