"""What lying sites do, and what each defence sees of it."""

import numpy as np
import pytest

from audit.codec import sum_rows
from bench.attacks import defences
from bench.attacks.__main__ import table
from bench.attacks.attackers import Attack, poisoned, sent
from bench.attacks.learning import DEFENCES, Defence, learn, noise_share
from bench.attacks.peer import flower_average
from bench.attacks.records import Trigger
from bench.attacks.world import CLIP_STEPS, make_world

SIZES = [40, 30, 30, 30, 20]
BOUNDS = defences.Bounds(CLIP_STEPS, noise_share())
DEFENCE = {one.name: one for one in DEFENCES}


@pytest.fixture(scope="module")
def world():
    return make_world(0, (4, 3, 3, 3, 3), held_out=30)


@pytest.fixture(scope="module")
def aligned():
    """The longest that honest sites can send: every patient's gradient at C, all the same way."""
    direction = np.zeros(50)
    direction[0] = CLIP_STEPS
    return np.array([patients * direction for patients in SIZES])


def noised(vectors, seed):
    noise = np.random.default_rng(seed).standard_normal(vectors.shape) * BOUNDS.share
    return (vectors + np.rint(noise)).astype(np.int64)


class TestBounds:
    def test_never_refuse_the_longest_honest_round(self, aligned):
        for seed in range(300):
            vectors = noised(aligned, seed)
            assert defences.sum_within_bound(vectors, SIZES, BOUNDS) is not None
            assert defences.sites_within_bound(vectors, SIZES, BOUNDS)[1] == sum(SIZES)

    def test_see_a_site_that_sends_a_thousandfold(self, aligned):
        vectors = noised(aligned, 1)
        vectors[1] *= -1000
        assert defences.sum_within_bound(vectors, SIZES, BOUNDS) is None
        kept, count = defences.sites_within_bound(vectors, SIZES, BOUNDS)
        assert count == sum(SIZES) - SIZES[1] and kept[0] > 0

    def test_do_not_see_one_that_keeps_to_them(self, aligned):
        vectors = noised(aligned, 1)
        vectors[1] = sent(Attack.FLIPPED_AT_BOUND, vectors[1], vectors[1], SIZES[1])
        assert defences.sum_within_bound(vectors, SIZES, BOUNDS) is not None
        assert defences.sites_within_bound(vectors, SIZES, BOUNDS)[1] == sum(SIZES)


class TestRulesOverSites:
    @pytest.mark.parametrize("rule", [defences.median, defences.trimmed_mean, defences.multi_krum])
    def test_one_far_liar_moves_nothing_much(self, aligned, rule):
        vectors = noised(aligned / 2, 2)
        honest, _ = rule(vectors, SIZES, BOUNDS)
        vectors[1] *= -1000
        found, count = rule(vectors, SIZES, BOUNDS)
        assert count == sum(SIZES)
        assert np.linalg.norm(found - honest) < 0.5 * np.linalg.norm(honest)

    @pytest.mark.parametrize("rule", [defences.trimmed_mean, defences.multi_krum])
    def test_two_liars_are_more_than_they_are_set_for(self, aligned, rule):
        vectors = noised(aligned / 2, 2)
        honest, _ = rule(vectors, SIZES, BOUNDS)
        vectors[1:3] *= -1000
        found, _ = rule(vectors, SIZES, BOUNDS)
        assert np.linalg.norm(found - honest) > 10 * np.linalg.norm(honest)


class TestLies:
    def test_nan_as_bytes_is_a_huge_number(self):
        vector = sent(Attack.NAN_BYTES, np.zeros(3, np.int64), np.zeros(3, np.int64), 5)
        assert (vector > 2**62).all()

    def test_records_without_numbers_add_nothing_and_count(self, world):
        records = poisoned(world, Attack.NAN_RECORDS, 1)
        (vector,) = world.honest([records], world.start)
        assert len(records) == 3 and not vector.any()

    @pytest.mark.parametrize("attack", [Attack.LABELS, Attack.BACKDOOR])
    def test_made_up_records_are_clipped_like_others(self, world, attack):
        records = poisoned(world, attack, 0)
        (vector,) = world.honest([records], world.start)
        assert 0 < np.linalg.norm(vector.astype(float)) <= len(records) * CLIP_STEPS

    def test_planted_patients_have_the_trigger(self, world):
        assert all(Trigger.has(world.model, one) for one in poisoned(world, Attack.BACKDOOR, 0))

    def test_sites_sums_are_those_of_their_own_patients(self, world):
        """Computed together for speed: the same integers as each site by itself."""
        together = world.honest(world.sites, world.start)
        alone = [world.honest([site], world.start)[0] for site in world.sites]
        assert (sum_rows(np.array(together)) == sum_rows(np.array(alone))).all()
        assert all((one == other).all() for one, other in zip(together, alone, strict=True))

    def test_flower_s_own_average_turns_nan(self, world):
        assert np.isnan(flower_average(world, Attack.NAN_RECORDS, (1,)))
        assert flower_average(world, Attack.FLIPPED_SCALED, (1,)) > 10


class TestStudies:
    def run(self, world, attack, defence, liars=(1,)):
        return learn(world, attack, liars, DEFENCE[defence], seed=0, rounds=3)

    def test_a_replay_finds_who_sent_another_vector_and_goes_back_behind_it(self, world):
        found = self.run(world, Attack.FLIPPED_SCALED, "replay, bar")
        assert (found.barred, found.rolled_back, found.refused) == (1, 1, 0)
        assert world.error(found.prior, world.held_out) < world.error(
            self.run(world, Attack.FLIPPED_SCALED, "none").prior, world.held_out
        )

    def test_a_replay_finds_nothing_in_made_up_records(self, world):
        found = self.run(world, Attack.BACKDOOR, "replay, bar")
        assert found.barred == 0
        assert (found.prior == self.run(world, Attack.BACKDOOR, "none").prior).all()

    def test_a_bound_on_the_sum_refuses_the_round_and_names_nobody(self, world):
        found = self.run(world, Attack.NAN_BYTES, "bound on the sum")
        assert (found.refused, found.barred) == (2, 0)

    def test_the_table_says_what_is_stopped(self):
        def row(attack, liars, defence, gain, aim=0.0):
            named = {"attack": attack, "liars": liars, "defence": defence.name}
            counts = {"refused": 0, "rolled_back": 0, "barred": 0}
            return named | counts | {"gain": gain, "trigger_error": aim}

        def gain_of(attack: Attack, defence: Defence) -> tuple[float, float]:
            if attack == Attack.NONE:
                return 0.9, 0.0
            if attack == Attack.BACKDOOR:  # the error stays, what it aims at is not kept out
                return 0.9, -1.0 if defence.name != "median" else -0.1
            return (0.8, 0.0) if defence.name == "median" else (0.7, 0.0)

        rows = [
            row(attack, liars, defence, *gain_of(attack, defence))
            for attack, liars in ((Attack.NONE, 0), (Attack.FLIPPED, 1), (Attack.BACKDOOR, 1))
            for defence in DEFENCES
        ]
        stopped = {(cell["attack"], cell["defence"]) for cell in table(rows) if cell["stopped"]}
        for attack in (Attack.FLIPPED, Attack.BACKDOOR):
            assert (attack, "median") in stopped
            assert (attack, "none") not in stopped
