"""What an (epsilon, delta) guarantee is called before a patient: a bound, and never a nonsense."""

from __future__ import annotations

import pytest

from audit.remedies import Bound
from study.withdrawal_text import limit


@pytest.mark.parametrize(
    ("epsilon", "words"),
    [
        (0.5, "is at most 1.7 times as likely with your record"),
        (7.08, "is at most 1,188 times as likely with your record"),
        (800.0, "may be a million times as likely, or more, with your record"),
    ],
)
def test_a_limit_is_a_number_while_a_number_says_anything(epsilon: float, words: str) -> None:
    said = limit(Bound(rounds=2, rho=10**18, epsilon=epsilon, delta=1e-5))
    assert words in said and "one in 100,000" in said and "over the 2 rounds" in said
