"""Cut lists that are damaged at random are read or refused in one sentence, 300 of them."""

import numpy as np

from pixmus.studies.fuzz import CUT_LISTS, damaged, misspelt, outcome, read_cuts


def swapped(data: bytes, random: np.random.Generator) -> bytes:
    """The text with two of its lines, or two of its words, in each other's place."""
    mark = b"\n" if random.random() < 0.5 else b" "
    words = data.split(mark)
    a, b = random.integers(0, len(words), 2)
    words[a], words[b] = words[b], words[a]
    return mark.join(words)


def test_damaged_cut_lists(tmp_path):
    faults = []
    found = {"right": 0, "refused": 0}
    for name, text in CUT_LISTS.items():
        path = tmp_path / name
        path.write_text(text)
        assert outcome(lambda path=path: read_cuts(path)) == "right", name
        for number in range(60):
            random = np.random.default_rng(number)
            harm = (damaged, swapped, misspelt if name.endswith("otio") else swapped)[number % 3]
            path.write_bytes(harm(text.encode(), random))
            came = outcome(lambda path=path: read_cuts(path))
            if came in found:
                found[came] += 1
            else:
                faults.append(f"{name} {number}: {came[:300]}")
    assert not faults, "\n".join(faults[:20])
    assert min(found.values()) > 30, found
