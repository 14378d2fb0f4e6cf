"""The audit of the mechanism that sites run, in small: it holds its claim, and broken ones do not.

One lab or two, and few runs. What makes it a test that can fail are the faults: noise too small, no
clipping, noise that comes twice; each must be refuted by the same attack that the right one stands.
"""

import hashlib
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from bench.privacy_audit import membership, one_run
from bench.privacy_audit.canaries import extreme_record, one_gradient, orthogonal_gradients
from bench.privacy_audit.mechanism import Fault, Mechanism, closed_rounds, rerun_rounds
from bench.privacy_audit.membership import Attack
from federation.app.learning.recipe import CLIP_NORM, recommended_recipe
from twin.log_linear import LogLinearModel
from twin.pbc_labs import LABS
from twin.series import PatientSeries

RUNS = 40
MODEL = LogLinearModel(labs=LABS[:2], name="audit-two-labs-1")
RECIPE = recommended_recipe(MODEL)
ONE_LAB = LogLinearModel(labs=LABS[:1], name="audit-one-lab-1")
OTHERS = [
    PatientSeries(np.array([0.0, 1.0, 2.0]), np.array([0, 0, 0]), np.array([first, 4.0, 1.0]))
    for first in (0.6, 0.9, 2.5)
]


def mechanism(epsilon: float, fault: Fault = Fault.NONE, rounds: int = 2) -> Mechanism:
    return Mechanism(MODEL, RECIPE, CLIP_NORM, epsilon, 1e-5, rounds, fault)


@cache
def finding(epsilon: float, fault: Fault, attack: Attack) -> membership.Finding:
    recipe = replace(recommended_recipe(ONE_LAB), support_visits=1)
    its = Mechanism(ONE_LAB, recipe, CLIP_NORM, epsilon, 1e-5, 2, fault)
    return membership.judge(its, attack, *membership.scores(its, OTHERS, attack, RUNS, seed=1))


class TestMembership:
    @pytest.mark.parametrize(
        "attack, epsilon", [(Attack.GRADIENT, 16.0), (Attack.RECORD, 8.0), (Attack.WITHDRAWN, 8.0)]
    )
    def test_the_mechanism_holds_its_claim(self, attack, epsilon):
        found = finding(epsilon, Fault.NONE, attack)
        assert found.lower_bound <= found.tight < found.claimed == epsilon
        assert found.lower_bound_gaussian < found.claimed and not found.caught

    def test_the_attack_has_power_where_epsilon_is_large(self):
        found = finding(16.0, Fault.NONE, Attack.GRADIENT)
        assert found.lower_bound > 0.5 and found.lower_bound_gaussian > 2.0

    @pytest.mark.parametrize("fault, attack", membership.BROKEN.items())
    def test_each_broken_mechanism_is_refuted(self, fault, attack):
        """At epsilon 8 so few runs refute only Gaussians, which is what is claimed."""
        found = finding(8.0, fault, attack)
        assert found.caught and found.lower_bound_gaussian > found.claimed

    def test_a_broken_mechanism_is_refuted_without_assuming_a_gaussian(self):
        found = finding(1.0, Fault.NO_CLIPPING, Attack.GRADIENT)
        assert found.lower_bound > found.claimed


class TestOneRun:
    def test_holds_its_claim_with_something_shown(self):
        found = one_run.audit(mechanism(8.0, rounds=8), OTHERS, seed=1)
        assert found.canaries == 8 * RECIPE.size
        assert 0.5 < found.lower_bound < found.tight < found.claimed

    @pytest.mark.parametrize("fault", [Fault.SMALL_NOISE, Fault.NO_CLIPPING])
    def test_refutes_broken_mechanisms(self, fault):
        found = one_run.audit(mechanism(2.0, fault, rounds=8), OTHERS, seed=1)
        assert found.caught and found.lower_bound > 2.0

    def test_how_many_guesses_are_made_does_not_depend_on_the_run(self):
        assert one_run.guesses_for(mechanism(8.0), 100) == one_run.guesses_for(mechanism(8.0), 100)


class TestCanaries:
    def test_a_gradient_has_full_norm_in_every_attempt(self):
        its = mechanism(8.0)
        transcript = its.run(
            OTHERS, [], one_gradient(its), np.array([True]), closed_rounds(2, True), bytes(32)
        )
        norms = np.linalg.norm(transcript.canaries[:, 0], axis=1)
        assert norms == pytest.approx(1.0, rel=1e-6) and (norms <= 1.0).all()

    def test_a_record_has_too(self):
        its = mechanism(8.0)
        transcript = its.run(
            OTHERS, [extreme_record(MODEL)], None, np.array([True]), closed_rounds(2), bytes(32)
        )
        assert np.linalg.norm(transcript.canaries[:, 0], axis=1) == pytest.approx(1.0, rel=1e-6)

    def test_many_are_orthogonal_over_a_run(self):
        gradients = orthogonal_gradients(mechanism(8.0), 4)
        whole = np.concatenate([gradients(place) for place in range(4)], axis=1)
        gram = whole @ whole.T
        assert np.abs(gram - np.diag(np.diag(gram))).max() < 1e-12

    @pytest.mark.parametrize("attempts", [closed_rounds(2), rerun_rounds(2)])
    def test_in_or_out_changes_what_is_seen_by_the_canary_and_nothing_else(self, attempts):
        """Neighbours differ by one row of the first sum; noise and others are the same."""
        its = mechanism(8.0)
        secret = hashlib.sha256(b"one").digest()
        with_it, without = (
            its.run(OTHERS, [], one_gradient(its), np.array([inside]), attempts, secret)
            for inside in (True, False)
        )
        added = with_it.seen - without.seen
        assert added == pytest.approx(with_it.canaries[:, 0], abs=1e-12)
