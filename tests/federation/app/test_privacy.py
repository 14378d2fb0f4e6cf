"""The privacy account: the ledger and two accountants say the same, and the larger is shown."""

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from audit import privacy
from audit.privacy import noise_multiplier_for
from chain.messages import Terms, rho_of_round
from federation.app.accountants import epsilon_if_sampled, rho_by_accountants
from federation.app.privacy import PrivacyAccountContradiction, epsilon_spent
from tests.federation.app.terms import made_terms

DELTA = 10**13  # 1e-5


def terms(**changes) -> Terms:
    return made_terms(**({"min_sites": 3} | changes))


def report(rounds=5, contributors=None, **changes):
    its = terms(**changes)
    return epsilon_spent(its, rounds * rho_of_round(its.noise_multiplier), rounds, contributors)


class TestConversions:
    def test_bun_steinke_by_hand(self):
        assert privacy.epsilon_bun_steinke(1, math.exp(-4)) == pytest.approx(1 + 2 * 2)

    @pytest.mark.parametrize("rho", [1e-4, 0.01, 0.3, 1, 4, 30])
    @pytest.mark.parametrize("delta", [1e-9, 1e-5, 1e-2])
    def test_corollary_13_inverted_gives_delta_back(self, rho, delta):
        """The corollary is stated as delta of epsilon; its own minimum, found by scipy, agrees."""
        epsilon = privacy.epsilon_canonne_kamath_steinke(rho, delta)

        def log_delta(log_excess):
            a = 1 + math.exp(log_excess)
            return (a - 1) * (a * rho - epsilon) + a * math.log1p(-1 / a) - math.log(a - 1)

        grid = np.linspace(-6, 14, 2001)
        best = grid[np.argmin([log_delta(x) for x in grid])]
        found = optimize.minimize_scalar(log_delta, bracket=(best - 0.01, best, best + 0.01))
        if epsilon > 0:
            assert math.exp(found.fun) == pytest.approx(delta, rel=1e-6)
        else:
            assert math.exp(found.fun) <= delta

    @settings(max_examples=60, deadline=None)
    @given(st.floats(1e-5, 50), st.floats(1e-10, 0.05))
    def test_corollary_13_is_never_looser_than_bun_and_steinke(self, rho, delta):
        tight = privacy.epsilon_canonne_kamath_steinke(rho, delta)
        assert 0 <= tight <= privacy.epsilon_bun_steinke(rho, delta)

    @settings(max_examples=60, deadline=None)
    @given(st.floats(1e-5, 50), st.floats(1.001, 4))
    def test_more_rho_costs_more(self, rho, factor):
        less = privacy.epsilon_canonne_kamath_steinke(rho, 1e-5)
        more = privacy.epsilon_canonne_kamath_steinke(rho * factor, 1e-5)
        assert more > less or more == less == 0

    def test_nothing_spent_is_nothing(self):
        assert privacy.epsilon_canonne_kamath_steinke(0, 1e-5) == 0
        assert privacy.epsilon_bun_steinke(0, 1e-5) == 0

    @pytest.mark.parametrize("rho, delta", [(-1, 0.1), (math.inf, 0.1), (1, 0), (1, 1)])
    def test_impossible_arguments_are_refused(self, rho, delta):
        for conversion in (privacy.epsilon_bun_steinke, privacy.epsilon_canonne_kamath_steinke):
            with pytest.raises(ValueError, match="delta"):
                conversion(rho, delta)


class TestAgreement:
    """Of the ledger's rho, Opacus's RDP, dp-accounting's RDP and its privacy loss distribution."""

    @settings(max_examples=12, deadline=None)
    @given(
        st.integers(300_000, 40_000_000),
        st.integers(1, 40),
        st.sampled_from([10**9, 10**13, 10**15]),
    )
    @example(300_000, 40, 10**13)
    @example(40_000_000, 1, 10**13)
    def test_from_tight_to_loose_and_the_larger_is_shown(self, multiplier, rounds, delta):
        account = report(rounds, noise_multiplier=multiplier, delta=delta)
        rdp = (account.epsilon_ledger, account.epsilon_opacus, account.epsilon_rdp)
        assert 0 < account.epsilon_pld <= min(rdp) or account.epsilon_ledger == 0
        assert max(rdp) <= account.epsilon_bun_steinke
        assert account.epsilon_shown == max(rdp)

    @settings(max_examples=12, deadline=None)
    @given(st.integers(300_000, 40_000_000), st.integers(1, 40))
    def test_three_conversions_of_renyi_dp_agree_within_a_thousandth(self, multiplier, rounds):
        account = report(rounds, noise_multiplier=multiplier)
        assert account.epsilon_opacus == pytest.approx(account.epsilon_ledger, rel=1e-3)
        assert account.epsilon_rdp == pytest.approx(account.epsilon_ledger, rel=1e-3)

    @settings(max_examples=6, deadline=None)
    @given(st.integers(500_000, 8_000_000), st.integers(1, 40))
    def test_the_loss_distribution_is_that_of_one_gaussian(self, multiplier, rounds):
        """Balle and Wang (2018), theorem 8: delta of epsilon for one Gaussian of the same rho."""
        account = report(rounds, noise_multiplier=multiplier)
        mu = math.sqrt(2 * account.rho_accountants)

        def delta(epsilon):
            tail = stats.norm.cdf
            return tail(mu / 2 - epsilon / mu) - math.exp(epsilon) * tail(-mu / 2 - epsilon / mu)

        exact = optimize.brentq(lambda epsilon: delta(epsilon) - 1e-5, 0, 700)
        assert exact <= account.epsilon_pld <= exact * 1.001

    @settings(max_examples=20, deadline=None)
    @given(st.dictionaries(st.integers(300_000, 40_000_000), st.integers(1, 40), min_size=1))
    def test_the_ledger_s_rho_is_the_accountants(self, charged):
        rho = sum(n * rho_of_round(sigma) for sigma, n in charged.items()) / 10**18
        assert rho_by_accountants(charged) == pytest.approx(rho, rel=1e-9)
        assert rho_by_accountants(charged) <= rho * (1 + 1e-12)

    def test_rounds_under_two_versions_with_different_noise(self):
        charged = {1_500_000: 3, 3_000_000: 4, 9_000_000: 0}
        rho = 3 * rho_of_round(1_500_000) + 4 * rho_of_round(3_000_000)
        account = epsilon_spent(terms(noise_multiplier=3_000_000), rho, charged)
        assert account.rho == pytest.approx(3 / 4.5 + 4 / 18)
        assert account.epsilon_opacus == pytest.approx(account.epsilon_ledger, rel=0.001)
        assert account.epsilon_rdp == pytest.approx(account.epsilon_ledger, rel=0.001)
        assert 0.9 * account.epsilon_ledger < account.epsilon_pld < account.epsilon_ledger

    def test_before_the_first_seal_nothing_is_spent(self):
        account = report(rounds=0)
        assert account.rho == account.epsilon_shown == account.slack == account.epsilon_pld == 0

    @pytest.mark.parametrize("off", [-1, 1, 10**17])
    def test_a_charge_that_is_not_that_of_the_rounds_is_named(self, off):
        its = terms()
        with pytest.raises(PrivacyAccountContradiction, match="ledger charged"):
            epsilon_spent(its, 5 * rho_of_round(its.noise_multiplier) + off, 5)

    @pytest.mark.parametrize("factor", [1 + 1e-6, 1 - 1e-6])
    def test_accountants_that_contradict_the_ledger_are_named(self, factor, monkeypatch):
        """The ledger's rule and ours are one line each; were both wrong, this would tell."""
        monkeypatch.setattr(
            "federation.app.privacy.rho_by_accountants", lambda charged: factor * 5 / 4.5
        )
        with pytest.raises(PrivacyAccountContradiction, match="accountants say"):
            report(5)

    def test_accountants_are_not_loaded_before_they_are_asked(self):
        """A site's process loads this module and needs neither library."""
        code = (
            "import sys, federation.app.privacy;"
            "print([n for n in ('opacus', 'dp_accounting') if n in sys.modules])"
        )
        shown = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        assert shown.stdout.strip() == b"[]"


class TestIfSampled:
    @settings(max_examples=5, deadline=None)
    @given(st.floats(1.0, 5.0), st.integers(1, 20), st.floats(0.01, 0.3))
    def test_costs_less_than_the_full_batch_and_accountants_agree(self, sigma, rounds, rate):
        account = epsilon_if_sampled(sigma, rounds, 1e-5, rate)
        assert account.epsilon_pld <= account.epsilon_rdp * 1.001
        assert account.epsilon_rdp == pytest.approx(account.epsilon_opacus, rel=0.02, abs=0.005)
        assert account.epsilon_rdp < account.epsilon_full_batch

    @pytest.mark.parametrize("rate", [1.0, 1.5, 0.0, -0.1, math.nan])
    def test_is_not_claimed_for_a_full_batch(self, rate):
        with pytest.raises(ValueError, match="full batch"):
            epsilon_if_sampled(2.0, 5, 1e-5, rate)

    def test_no_report_has_it(self):
        assert "sampl" not in " ".join(vars(report())) and report().epsilon_shown == pytest.approx(
            privacy.epsilon_canonne_kamath_steinke(5 / 4.5, 1e-5), rel=1e-3
        )


class TestSlack:
    def test_the_ledger_s_extra_unit_covers_it_whenever_terms_are_accepted(self):
        """Terms need a site's standard deviation to be 4 or more grid steps; take exactly 4."""
        its = terms(
            noise_multiplier=2_000_000,
            clipping_norm=20,
            min_sites=101,
            tolerated_colluders=1,
            vector_length=2**32 - 1,
        )
        assert privacy.log_slack_of_round(its) / math.log(10) < -18

    def test_is_computed_below_the_smallest_float(self):
        account = report()
        assert account.slack == 0.0
        variance = (1.5 * 2**20) ** 2 / 2
        tau = (math.log(10) - math.pi**2 * variance) / math.log(10)
        # n = 2 has one term, k/(k+1) = 1/2; the slack adds only factors near one.
        assert account.log10_slack == pytest.approx(tau, rel=1e-9)

    def test_formula_at_a_noise_where_it_matters(self):
        """Site variance 1: tau for n = 3 by hand, slack at most tau D and the second bound."""
        its = terms(
            noise_multiplier=1_000_000,
            clipping_norm=1,
            min_sites=4,
            tolerated_colluders=1,
            vector_length=10,
        )
        variance = 1 / 3
        tau = 10 * sum(math.exp(-2 * math.pi**2 * variance * k / (k + 1)) for k in (1, 2))
        expected = min(tau * 10, tau * math.sqrt(10) + tau**2 * 10 / 2)
        assert math.exp(privacy.log_slack_of_round(its)) == pytest.approx(expected)

    def test_is_added_to_what_is_shown(self):
        changes = {"noise_multiplier": 1_000_000, "clipping_norm": 1, "vector_length": 10}
        account = report(rounds=2, **changes)
        without = privacy.epsilon_canonne_kamath_steinke(account.rho, 1e-5)
        assert account.slack > 0.001
        assert account.epsilon_shown > without * 1.001

    def test_refuses_noise_too_small_for_the_theorem(self):
        with pytest.raises(ValueError, match="half a grid step"):
            report(noise_multiplier=600_000, clipping_norm=1)

    def test_one_honest_site_has_none(self):
        assert privacy.log_slack_of_round(terms(min_sites=2)) == -math.inf


class TestExcessNoise:
    def test_five_contributors_where_two_are_counted_on(self):
        assert report(contributors=5).excess_noise_factor == pytest.approx(math.sqrt(5 / 2))

    def test_is_left_open_when_nobody_says_how_many(self):
        assert report().excess_noise_factor is None

    def test_fewer_than_the_minimum_is_no_sealed_set(self):
        with pytest.raises(ValueError, match="demand 3"):
            report(contributors=2)


class TestDesign:
    @settings(max_examples=30, deadline=None)
    @given(st.floats(0.05, 30), st.integers(1, 200))
    def test_finds_the_smallest_noise_that_keeps_the_promise(self, epsilon, rounds):
        found = noise_multiplier_for(epsilon, DELTA, rounds)

        def spent(multiplier):
            rho = rounds * rho_of_round(multiplier) / 10**18
            return privacy.epsilon_canonne_kamath_steinke(rho, 1e-5)

        assert spent(found) <= epsilon < spent(found - 1)

    def test_a_report_of_that_study_shows_the_epsilon(self):
        multiplier = noise_multiplier_for(8.0, DELTA, 5)
        assert report(5, noise_multiplier=multiplier).epsilon_shown == pytest.approx(8, rel=1e-3)

    @pytest.mark.parametrize("epsilon, rounds", [(0, 5), (-1, 5), (8, 0)])
    def test_refuses_impossible_wishes(self, epsilon, rounds):
        with pytest.raises(ValueError, match="positive"):
            noise_multiplier_for(epsilon, DELTA, rounds)
