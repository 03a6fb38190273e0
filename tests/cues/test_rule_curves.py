"""Curves by rules: what must hold for every picture."""

import numpy as np
import pytest
from described_picture import picture

from pixmus.cues.rule_curves import rule_curves
from pixmus.curves import Curve


@pytest.mark.parametrize("curve", [Curve.ENERGY, Curve.DENSITY])
@pytest.mark.parametrize("place", [0.1, 0.5, 0.86])
def test_a_cut_in_a_long_take_does_not_make_it_calmer(curve: Curve, place: float) -> None:
    duration = 63.0
    without = rule_curves(picture(duration))[curve]
    with_cut = rule_curves(picture(duration, cuts=(place * duration,)))[curve]
    assert np.all(with_cut >= without - 1e-6)


def test_slow_films_are_calmer_than_fast_ones() -> None:
    means = [
        rule_curves(picture(60.0, cuts=tuple(np.arange(every, 60.0, every))))[Curve.ENERGY].mean()
        for every in (12.0, 6.0, 3.0, 1.5)
    ]
    assert np.all(np.diff(means) > 0.02), means
