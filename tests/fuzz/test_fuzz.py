"""Inputs that are damaged at random are read right or refused in one sentence, and nothing else.

`make fuzz N=5000` tries so many; here 200. A case that fails is tried again by its number alone:
`PIXMUS_FUZZ_ONLY=137 pytest tests/fuzz/test_fuzz.py`.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from pixmus.errors import PixMusError
from pixmus.studies.fuzz import SHARES, damaged, grounds, misspelt, outcome, read_clip, tally

COUNT = int(os.environ.get("PIXMUS_FUZZ", 200))
ONLY = os.environ.get("PIXMUS_FUZZ_ONLY")


def test_damaged_inputs(tmp_path: Path) -> None:
    ground = grounds(tmp_path)
    for path in ground.media.values():
        assert outcome(lambda path=path: read_clip(path)) == "right", path.name
    counts, faults = tally(ground, [int(ONLY)] if ONLY else range(COUNT))
    print(counts)
    assert not faults, "\n".join(faults)
    if not ONLY:
        assert set(counts) == {"media", *SHARES}
        all_kinds = sum(map(Counter, counts.values()), Counter())
        assert min(all_kinds["right"], all_kinds["refused"]) > COUNT / 20


@pytest.mark.parametrize("name", ["a.mp4", "cues.json"])
def test_damage_is_the_same_each_time(name: str) -> None:
    data = name.encode() * 400
    assert damaged(data, np.random.default_rng(3)) == damaged(data, np.random.default_rng(3))
    assert damaged(data, np.random.default_rng(3)) != damaged(data, np.random.default_rng(4))


def test_misspelt_json_stays_json() -> None:
    import json

    data = b'{"a": [1, {"b": 2}], "c": "d"}'
    found = {misspelt(data, np.random.default_rng(number)) for number in range(40)}
    assert len(found) > 20 and all(json.loads(one) is not NotImplemented for one in found)


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (PixMusError("a.mp4 is cut off."), "refused"),
        (PixMusError("no sentence"), "no sentence: no sentence"),
        (PixMusError("two\nlines."), "no sentence: two\nlines."),
        (PixMusError("x" * 1000 + "."), "no sentence: " + "x" * 200),
        (KeyError("a"), "KeyError: 'a'"),
    ],
)
def test_what_is_no_sentence_is_a_fault(error: Exception, found: str) -> None:
    def fail() -> None:
        raise error

    assert outcome(fail) == found
