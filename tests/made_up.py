"""Inputs that hypothesis makes up: how many, which of JSON and of text, and what may come of them.

CI tries the same ones each time; `make fuzz N=5000` tries more.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from pixmus.errors import PixMusError
from pixmus.studies.fuzz import LONGEST_SENTENCE

EXAMPLES = max(100, int(os.environ.get("PIXMUS_FUZZ", 200)) // 10)  # of each test
# `@tried`: pytest's temporary folder may be shared, for each example replaces what lies there.
tried = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

ANY_CHARACTER = st.characters(exclude_categories=())  # halves of characters too
TEXTS = st.text(ANY_CHARACTER, max_size=30) | st.builds(
    lambda text, times: text * times, st.text(ANY_CHARACTER, min_size=1, max_size=3),
    st.integers(1, 4000),
)  # fmt: skip
NUMBERS = st.integers() | st.floats() | st.sampled_from((2**53, 2**63, 10**400, -(10**400), 1e308))
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS
# Any value of JSON, as Python reads it.
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=5,
)  # fmt: skip


@contextmanager
def right_or_one_sentence() -> Iterator[None]:
    """What is read right passes, and so does a refusal in one short sentence; nothing else does."""
    try:
        yield
    except PixMusError as error:
        told = str(error)
        assert "\n" not in told and told.endswith("."), told
        assert len(told) < LONGEST_SENTENCE, told
        told.encode()  # half of a character cannot be printed
