"""Rank correlation as scipy has it, ties and all."""

from __future__ import annotations

import numpy as np
import pytest

from pixmus.check.ranks import ranks, spearman


@pytest.mark.parametrize("kinds", [3, 1000])
def test_it_is_scipys(kinds: int) -> None:
    from scipy.stats import rankdata, spearmanr  # here, for it takes seconds to load

    rng = np.random.default_rng(kinds)
    a, b = rng.integers(0, kinds, (2, 40)) / 7
    b[:20] = a[:20]
    np.testing.assert_allclose(ranks(a), rankdata(a) - 0.5)
    assert spearman(a, b) == pytest.approx(float(spearmanr(a, b).statistic), abs=1e-12)


def test_what_does_not_vary_agrees_with_nothing() -> None:
    assert spearman(np.ones(5), np.arange(5.0)) == 0.0
