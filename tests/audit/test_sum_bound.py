"""The bound on a round's sum: honest rounds keep to it, huge vectors do not."""

from dataclasses import replace
from fractions import Fraction
from math import isqrt, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.codec import clip_and_encode, sum_rows
from audit.errors import SumTooLong
from audit.privacy import site_variance
from audit.sum_bound import EXPONENT, longest_sum, require_plausible_sum
from federation.app.noise import draw
from tests.federation.app.terms import made_terms

TERMS = made_terms(clipping_norm=1 << 20, vector_length=12, min_sites=4, tolerated_colluders=1)


def accepted(total, count=1, sites=4, its=TERMS):
    try:
        require_plausible_sum(np.array(total, dtype=np.int64), count, sites, its)
    except SumTooLong:
        return False
    return True


@settings(max_examples=60, deadline=None)
@given(
    patients=st.integers(1, 40),
    sites=st.integers(4, 7),
    scale=st.sampled_from([1e-3, 1.0, 1e300]),
    alike=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_whatever_honest_records_say_their_sites_noised_sum_is_accepted(
    patients, sites, scale, alike, seed
):
    generator = np.random.default_rng(seed)
    gradients = scale * generator.normal(size=(1 if alike else patients, TERMS.vector_length))
    gradients = np.repeat(gradients, patients, axis=0) if alike else gradients
    total = sum_rows(clip_and_encode(gradients, TERMS.clipping_norm, TERMS.fraction_bits))
    for _ in range(sites):
        total += draw(generator.bytes(32), site_variance(TERMS), TERMS.vector_length)
    assert accepted(total, patients, sites)


def test_the_bound_is_where_it_is_said_to_be_and_exact_there():
    longest = longest_sum(5, 4, TERMS)
    for huge in (TERMS, replace(TERMS, clipping_norm=2**50)):
        longest = longest_sum(5, 4, huge)
        assert accepted([longest] + [0] * 11, 5, 4, huge)
        assert not accepted([longest + 1] + [0] * 11, 5, 4, huge)
        assert not accepted([-longest - 1] + [0] * 11, 5, 4, huge)
        whole, rest = isqrt(longest**2 // 12), 0
        assert accepted([whole] * 12, 5, 4, huge)
        rest = longest**2 - 12 * whole**2
        assert not accepted([whole] * 11 + [isqrt(whole**2 + rest) + 1], 5, 4, huge)


@given(count=st.integers(0, 10**6), sites=st.integers(1, 50), size=st.integers(1, 10**6))
def test_it_is_that_of_the_formula_and_hardly_above(count, sites, size):
    its = replace(TERMS, vector_length=size)
    deviation = sqrt(site_variance(its))
    tail = deviation * sqrt(sites * (size + 2 * sqrt(EXPONENT * size) + 2 * EXPONENT))
    exact = count * its.clipping_norm + tail
    assert exact <= longest_sum(count, sites, its) <= exact + 2 + deviation * sqrt(2 * sites) * 1.5


def test_noise_alone_hardly_ever_comes_near():
    """Of 20,000 rounds without a record not one is refused, and the bound is no wider than 3.2
    times the noise's usual length.
    """
    longest = longest_sum(0, 4, TERMS)
    usual = sqrt(4 * site_variance(TERMS) * TERMS.vector_length)
    sums = np.random.default_rng(1).normal(size=(20_000, 12)) * sqrt(4 * site_variance(TERMS))
    lengths = np.linalg.norm(sums, axis=1)
    assert lengths.max() < longest < 3.2 * usual


@pytest.mark.parametrize("times", [-1000, 1000])
def test_a_vector_a_thousandfold_is_refused(times):
    patient = sum_rows(clip_and_encode(np.ones((1, 12)), TERMS.clipping_norm, TERMS.fraction_bits))
    assert accepted(30 * patient, 30) and not accepted(times * 30 * patient, 150)


def test_words_of_what_is_no_number_and_the_largest_words_are_refused():
    no_number = np.full(12, np.nan).view(np.int64)
    assert not accepted(no_number, 1000)
    assert not accepted(np.full(12, np.iinfo(np.int64).min), 1000)


def test_terms_without_noise_are_refused_by_name():
    with pytest.raises(SumTooLong, match=r"no bound on a sum: .*noise"):
        require_plausible_sum(np.zeros(12, np.int64), 1, 4, replace(TERMS, noise_multiplier=0))


def test_more_sites_more_noise():
    assert site_variance(TERMS) == Fraction(3 * (1 << 20), 2) ** 2 / 3
    assert longest_sum(1, 4, TERMS) < longest_sum(1, 5, TERMS) < longest_sum(2, 5, TERMS)
