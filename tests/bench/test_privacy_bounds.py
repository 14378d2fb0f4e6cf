"""What the audit calls a lower bound is one: with 95 % confidence, and no more than was shown."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.privacy_audit import bounds


class TestManyRuns:
    @pytest.mark.parametrize("count, trials", [(0, 30), (3, 50), (40, 100)])
    def test_clopper_pearson_by_its_definition(self, count, trials):
        """At the bound, as few successes or fewer are exactly as likely as the allowed miss."""
        top = bounds.rate_at_most(count, trials, 0.025)
        assert stats.binom.cdf(count, trials, top) == pytest.approx(0.025)

    def test_every_trial_a_success_bounds_nothing(self):
        assert bounds.rate_at_most(7, 7, 0.025) == 1.0

    @settings(max_examples=50, deadline=None)
    @given(st.floats(0.1, 10), st.floats(-3, 3))
    def test_true_rates_of_a_gaussian_never_show_more_than_its_epsilon(self, mu, threshold):
        fpr, fnr = stats.norm.sf(threshold), stats.norm.cdf(threshold - mu)
        exact = bounds.epsilon_of_gaussian(mu, 1e-5)
        assert bounds.epsilon_of_rates(fpr, fnr, 1e-5) <= exact * (1 + 1e-9)
        assert bounds.mu_of_rates(fpr, fnr) == pytest.approx(mu, rel=1e-6)

    def test_randomised_response_is_shown_exactly(self):
        wrong = 1 / (1 + math.exp(2.0))
        assert bounds.epsilon_of_rates(wrong, wrong, 0.0) == pytest.approx(2.0)

    def test_at_most_one_audit_in_twenty_shows_more_than_the_truth(self):
        generator, mu = np.random.default_rng(3), 1.0
        truth, above = bounds.epsilon_of_gaussian(mu, 1e-5), {"any": 0, "gaussian": 0}
        for _ in range(300):
            inside, outside = mu + generator.standard_normal(150), generator.standard_normal(150)
            fpr, fnr = bounds.rates(inside, outside, 0.5)
            above["any"] += bounds.epsilon_of_rates(fpr, fnr, 1e-5) > truth
            above["gaussian"] += bounds.mu_of_rates(fpr, fnr) > mu
        assert above["any"] == 0 and above["gaussian"] <= 0.05 * 300

    def test_a_threshold_is_where_it_tells_most(self):
        inside, outside = np.array([2.0, 3.0, 4.0] * 9), np.array([-1.0, 0.0, 1.0] * 9)
        assert 1.0 < bounds.best_threshold(inside, outside, bounds.mu_of_rates) < 2.0


class TestOneRun:
    @pytest.mark.parametrize("right", [1, 20, 400])
    def test_all_right_without_delta_is_a_binomial_tail(self, right):
        found = bounds.epsilon_of_one_run(400, right, right, 0.0)
        best = 0.05 ** (1 / right)
        assert found == pytest.approx(max(0.0, math.log(best / (1 - best))), rel=1e-6)

    def test_half_right_shows_nothing(self):
        assert bounds.epsilon_of_one_run(400, 100, 50, 1e-5) == 0.0

    @settings(max_examples=40, deadline=None)
    @given(st.integers(1, 60), st.integers(0, 60), st.floats(0, 5), st.floats(0, 5))
    def test_more_right_guesses_or_a_smaller_epsilon_are_less_likely(self, r, less, low, more):
        v = max(0, r - less)
        p = bounds.p_value_of_one_run(100, r, v, low + more, 1e-4)
        assert bounds.p_value_of_one_run(100, r, v, low, 1e-4) <= p + 1e-12
        assert bounds.p_value_of_one_run(100, r, r, low + more, 1e-4) <= p + 1e-12

    def test_delta_can_only_weaken_it(self):
        shown = [bounds.epsilon_of_one_run(400, 60, 58, d) for d in (0.0, 1e-6, 1e-4, 1e-2)]
        assert shown == sorted(shown, reverse=True) and shown[-1] < shown[0]

    def test_refutes_randomised_response_no_more_often_than_stated(self):
        """The worst (epsilon, delta) mechanism of the theorem with delta 0: independent answers."""
        generator, epsilon, above = np.random.default_rng(4), 1.0, 0
        for right in generator.binomial(80, 1 / (1 + math.exp(-epsilon)), 1000):
            above += bounds.p_value_of_one_run(200, 80, int(right), epsilon, 0.0) < 0.05
        assert above <= 0.05 * 1000

    @pytest.mark.parametrize("m, r, v", [(10, 11, 5), (10, 5, 6), (10, 5, -1)])
    def test_impossible_counts_are_refused(self, m, r, v):
        with pytest.raises(ValueError, match="canaries"):
            bounds.p_value_of_one_run(m, r, v, 1.0, 0.0)
