"""Distances between layer profiles."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion_demo.layer_use import profile_distances


def test_the_worked_examples():
    found = profile_distances([(1, 0), (0, 1), (0.5, 0.5)])
    assert found[0, 1] == pytest.approx(1.0)
    # By hand: the mean of (1, 0) and (.5, .5) is (.75, .25);
    # (log2(1/.75) + .5 log2(.5/.75) + .5 log2(.5/.25)) / 2 = 0.3113
    assert found[0, 2] == pytest.approx(0.31127812**0.5)


@given(st.lists(st.lists(st.floats(0.01, 1), min_size=3, max_size=3), min_size=2, max_size=4))
def test_it_is_a_distance(profiles):
    found = profile_distances(profiles)
    assert np.allclose(found, found.T, atol=1e-7)
    assert not np.diag(found).any()
    assert ((found >= 0) & (found <= 1)).all()
    assert np.allclose(
        profile_distances([[2 * value for value in row] for row in profiles]), found, atol=1e-6
    )
