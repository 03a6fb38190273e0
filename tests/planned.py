"""Plans of some chords."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pixmus.chords import parse_chord
from pixmus.ensembles import PARTS
from pixmus.score.film_plan import FilmPlan
from pixmus.score.plan import HALVES, Phrase, Plan


def planned(names: Sequence[str | None], beats: Sequence[int], key: str = "B minor") -> FilmPlan:
    """A plan of one phrase whose half bars have these chords (as of A minor), bars at beats."""
    chords = tuple(None if name is None else parse_chord(name) for name in names)
    plays = np.ones((HALVES * len(beats), len(PARTS)), bool)
    plan = Plan(True, chords, (Phrase(0, len(beats), "A"),), plays, np.zeros(len(beats), int))
    return FilmPlan(plan, tuple(beats), (0,), key)
