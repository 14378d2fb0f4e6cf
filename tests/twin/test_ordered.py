"""Sums in the order of their parts."""

from __future__ import annotations

import numpy as np
import pytest

from twin.ordered import in_order


def test_parts_are_added_one_by_one_and_left_as_they_were() -> None:
    parts = [np.array([1e16, 0.1]), np.array([1.0, 0.2]), np.array([-1e16, 0.3])]
    assert in_order(parts).tolist() == [(1e16 + 1.0) - 1e16, (0.1 + 0.2) + 0.3]
    assert parts[0].tolist() == [1e16, 0.1]


def test_no_parts_are_nothing_when_it_is_said_what_that_is() -> None:
    assert in_order([], nothing=np.zeros((2, 3))).shape == (2, 3)
    with pytest.raises(ValueError, match="no shape"):
        in_order([])
