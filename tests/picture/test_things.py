"""Words for what is seen: every class in one place at most, and where a few known ones stand."""

import numpy as np

from pixmus.picture.efficientnet import NUM_CLASSES
from pixmus.picture.things import things_seen


def test_no_class_counts_twice_and_no_thing_is_empty() -> None:
    names, shares = things_seen(np.eye(NUM_CLASSES, dtype=np.float32))
    assert len(names) == len(set(names)) and 35 <= len(names) <= 50
    assert shares.sum(axis=1).max() == 1 and (shares.sum(axis=0) > 0).all()


def test_known_classes() -> None:
    names, shares = things_seen(np.eye(NUM_CLASSES, dtype=np.float32))
    known = {978: "sea or lake", 207: "dog", 269: "wild animals", 281: "cat", 970: "mountains",
             497: "church", 404: "flight", 963: "food", 916: "screens", 340: "wild animals",
             339: "horse", 14: "birds", 850: "toys", 751: "vehicles", 985: "flowers"}  # fmt: skip
    for number, thing in known.items():
        assert names[shares[number].argmax()] == thing and shares[number].max() == 1


def test_shares_add_up() -> None:
    classes = np.zeros((1, NUM_CLASSES), np.float32)
    classes[0, [977, 978, 460]] = 0.3, 0.3, 0.1
    names, shares = things_seen(classes)
    assert np.isclose(shares[0, names.index("sea or lake")], 0.7)
