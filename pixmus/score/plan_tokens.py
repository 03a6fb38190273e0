"""A `Plan` as tokens: so many fields per half bar, each a small number, and back.

`FIELDS` names the fields and their sizes. Of every field the number one past the last, its size,
means that it is not known yet: the mask of the diffusion that writes plans.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from pixmus.chords import QUALITIES, Chord
from pixmus.ensembles import PARTS
from pixmus.score.plan import (
    CADENCES,
    HALVES,
    LETTERS,
    NUM_DYNAMICS,
    PHRASE_BARS,
    UNKNOWN_DYNAMIC,
    Phrase,
    Plan,
)

LIKENESS_LEVELS = 4  # of equal width
_CHORD_FIELDS = {"root": 12 + 1, "quality": len(QUALITIES) + 1, "lowest": 12 + 1}  # the last: none
FIELDS: dict[str, int] = (
    _CHORD_FIELDS  # the bass counts from the root
    | {
        "letter": len(LETTERS),
        "place": PHRASE_BARS[1],  # bar in phrase
        "likeness": LIKENESS_LEVELS,
        "cadence": len(CADENCES),
        "dynamics": NUM_DYNAMICS,
    }
    | {f"{part} plays": 2 for part in PARTS}
)
FIELD_SIZES = tuple(FIELDS.values())
NUM_FIELDS = len(FIELDS)
MASKS = np.array(FIELD_SIZES)  # the token of every field that is not known
_COLUMN = {name: index for index, name in enumerate(FIELDS)}
ROOT_COLUMN = _COLUMN["root"]
QUALITY_COLUMN = _COLUMN["quality"]
LOWEST_COLUMN = _COLUMN["lowest"]
CHORD_COLUMNS = slice(ROOT_COLUMN, LOWEST_COLUMN + 1)
LETTER_COLUMN = _COLUMN["letter"]
PHRASE_COLUMNS = slice(_COLUMN["letter"], _COLUMN["likeness"] + 1)
PLACE_COLUMN = _COLUMN["place"]
CADENCE_COLUMN, DYNAMICS_COLUMN = _COLUMN["cadence"], _COLUMN["dynamics"]
PLAYS_COLUMNS = slice(_COLUMN["dynamics"] + 1, NUM_FIELDS)


def chord_tokens(chord: Chord | None) -> tuple[int, int, int]:
    """Root, quality and bass above the root; what is none is one past the last of each."""
    if chord is None:
        return 12, len(QUALITIES), 12
    return chord.root, QUALITIES.index(chord.quality.planned), (chord.bass - chord.root) % 12


def chord_of_tokens(root: int, quality: int, bass: int) -> Chord | None:
    """`chord_tokens` undone; a chord without a root is none, without a quality major."""
    if root >= 12:
        return None
    below = (root + bass) % 12 if bass < 12 else root
    return Chord(int(root), QUALITIES[quality if quality < len(QUALITIES) else 0], int(below))


def masked_tokens(num_bars: int) -> np.ndarray:
    """Tokens of a plan of which nothing is known, int (half bars, NUM_FIELDS)."""
    return np.tile(MASKS, (HALVES * num_bars, 1))


def encode_plan(plan: Plan) -> np.ndarray:
    """A plan's tokens, int (half bars, NUM_FIELDS); unknown dynamics are masks."""
    tokens = masked_tokens(plan.num_bars)
    tokens[:, CHORD_COLUMNS] = [chord_tokens(chord) for chord in plan.chords]
    for phrase in plan.phrases:
        rows = slice(HALVES * phrase.first_bar, HALVES * phrase.end_bar)
        level = min(int(phrase.likeness * LIKENESS_LEVELS), LIKENESS_LEVELS - 1)
        tokens[rows, PHRASE_COLUMNS.start] = LETTERS.index(phrase.letter)
        tokens[rows, PHRASE_COLUMNS.stop - 1] = level
    tokens[:, _COLUMN["place"]] = np.repeat(plan.bar_in_phrase, HALVES)
    tokens[:, CADENCE_COLUMN] = [CADENCES.index(cadence) for cadence in plan.cadences]
    dynamics = np.repeat(plan.dynamics, HALVES)
    known = dynamics != UNKNOWN_DYNAMIC
    tokens[known, DYNAMICS_COLUMN] = dynamics[known]
    tokens[:, PLAYS_COLUMNS] = plan.plays
    return tokens


def _phrase_starts(places: np.ndarray) -> list[int]:
    """First bars of phrases of two to eight bars, from every bar's place in its phrase.

    A phrase begins where the place is 0 and the one before is not too short; a last bar that would
    be alone joins the phrase before, or takes that one's last bar.
    """
    shortest, longest = PHRASE_BARS
    starts = [0]
    for bar in range(1, len(places)):
        length = bar - starts[-1]
        if length >= longest or (places[bar] == 0 and length >= shortest):
            starts.append(bar)
    if len(starts) > 1 and len(places) - starts[-1] < shortest:
        if len(places) - starts[-2] <= longest:
            starts.pop()
        else:
            starts[-1] = len(places) - shortest
    return starts


def decode_phrases(tokens: np.ndarray, cue_starts: Sequence[int] = (0,)) -> tuple[Phrase, ...]:
    """The phrases that tokens (half bars, NUM_FIELDS) mean, all bars covered.

    No phrase goes on over the first bar of a cue, of which 0 is the first. A phrase takes the
    letter and likeness that most of its half bars have; letters are named anew in order of
    appearance, and a phrase returns to the last one that has its letter.
    """
    num_bars = len(tokens) // HALVES
    letters, places, likeness = tokens[:, PHRASE_COLUMNS].T
    ends_of_cues = [*cue_starts[1:], num_bars]
    starts = [
        cue + start
        for cue, end in zip(cue_starts, ends_of_cues, strict=True)
        for start in _phrase_starts(places[HALVES * cue : HALVES * end : HALVES])
    ]
    names: dict[int, str] = {}
    phrases: list[Phrase] = []
    for first, end in zip(starts, [*starts[1:], num_bars], strict=True):
        rows = slice(HALVES * first, HALVES * end)
        letter = Counter(letters[rows].tolist()).most_common(1)[0][0]
        level = Counter(likeness[rows].tolist()).most_common(1)[0][0]
        name = names.setdefault(letter, LETTERS[len(names)])
        source = max((i for i, phrase in enumerate(phrases) if phrase.letter == name), default=-1)
        alike = (level + 0.5) / LIKENESS_LEVELS if source >= 0 else 0.0
        phrases.append(Phrase(first, end - first, name, source, alike))
    return tuple(phrases)


def decode_plan(tokens: np.ndarray, minor: bool, cue_starts: Sequence[int] = (0,)) -> Plan:
    """The plan of tokens, int (half bars, NUM_FIELDS), of which none is a mask but dynamics.

    `cue_starts` are the bars that begin a cue, 0 the first.
    """
    known = tokens < MASKS
    known[:, DYNAMICS_COLUMN] = True
    assert known.all(), f"masks in columns {np.flatnonzero(~known.all(0))}"
    dynamics = tokens[::HALVES, DYNAMICS_COLUMN]
    return Plan(
        minor,
        tuple(chord_of_tokens(*row) for row in tokens[:, CHORD_COLUMNS].tolist()),
        decode_phrases(tokens, cue_starts),
        tokens[:, PLAYS_COLUMNS].astype(bool),
        np.where(dynamics < NUM_DYNAMICS, dynamics, UNKNOWN_DYNAMIC),
    )
