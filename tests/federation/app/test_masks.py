"""Masks vanish from the whole sum, and from nothing less."""

import hashlib
import random

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from federation.app.masks import MaskRefused, mask, mask_key_pair, pairwise_mask

SEAL = hashlib.sha256(b"seal").digest()
PRIME = 2**255 - 19


def member(number: int) -> tuple[str, bytes, bytes]:
    """(site, private, public) of a site; its keys come from its number."""
    keys = mask_key_pair(hashlib.sha256(b"mask key %d" % number).digest())
    return f"0x{number:040x}", keys.private, keys.public


def masked_by_all(numbers, vectors, seal=SEAL):
    sites = [member(number) for number in sorted(numbers)]
    members = [(site, public) for site, _, public in sites]
    return [
        mask(vector, private, site, seal, members)
        for vector, (site, private, _) in zip(vectors, sites, strict=True)
    ]


def total(masked):
    return np.sum(np.array(masked, dtype=np.uint64), axis=0, dtype=np.uint64).view(np.int64)


rounds = st.integers(2, 7).flatmap(
    lambda sites: st.tuples(
        st.sets(st.integers(1, 2**160 - 1), min_size=sites, max_size=sites),
        st.integers(1, 40).flatmap(
            lambda length: st.lists(
                st.lists(st.integers(-(2**59), 2**59 - 1), min_size=length, max_size=length).map(
                    lambda row: np.array(row, dtype=np.int64)
                ),
                min_size=sites,
                max_size=sites,
            )
        ),
    )
)


class TestCancelling:
    @settings(max_examples=60, deadline=None)
    @given(rounds)
    def test_the_sum_over_all_members_is_exactly_the_plain_sum(self, a_round):
        numbers, vectors = a_round
        assert np.array_equal(total(masked_by_all(numbers, vectors)), sum(vectors))

    @settings(max_examples=40, deadline=None)
    @given(rounds, st.data())
    def test_without_one_member_what_is_left_is_not_the_sum_of_the_others(self, a_round, data):
        numbers, vectors = a_round
        assume(len(vectors[0]) >= 2)
        missing = data.draw(st.integers(0, len(vectors) - 1))
        masked = masked_by_all(numbers, vectors)
        del masked[missing]
        others = sum(vector for k, vector in enumerate(vectors) if k != missing)
        assert not np.array_equal(total(masked), others)
        assert not np.array_equal(total(masked), sum(vectors))

    def test_the_lower_address_adds_and_the_higher_subtracts(self):
        (low, low_private, low_public), (high, _, high_public) = member(1), member(2)
        shared = pairwise_mask(low_private, low, low_public, high, high_public, SEAL, 3)
        first, second = masked_by_all([1, 2], [np.array([5, 6, 7])] * 2)
        assert np.array_equal(first, np.array([5, 6, 7], np.uint64) + shared)
        assert np.array_equal(second, np.array([5, 6, 7], np.uint64) - shared)

    def test_one_masked_vector_looks_uniform(self):
        (masked, _) = masked_by_all([1, 2], [np.zeros(20_000, np.int64)] * 2)
        bits = np.unpackbits(masked.view(np.uint8))
        assert abs(bits.mean() - 0.5) < 4 * 0.5 / np.sqrt(len(bits))

    def test_one_site_changing_its_vector_changes_the_sum_by_that_much_only(self):
        vectors = [np.arange(5, dtype=np.int64) * k for k in (1, -2, 3)]
        before = total(masked_by_all([1, 2, 3], vectors))
        vectors[1] = vectors[1] + 7
        assert np.array_equal(total(masked_by_all([1, 2, 3], vectors)), before + 7)


class TestBinding:
    def mask_of(self, seal=SEAL, mine=1, other=2):
        site, private, public = member(mine)
        other_site, _, other_public = member(other)
        return pairwise_mask(private, site, public, other_site, other_public, seal, 200)

    def test_both_members_compute_the_same(self):
        assert np.array_equal(self.mask_of(mine=1, other=2), self.mask_of(mine=2, other=1))

    def test_a_replay_years_later_makes_the_same_mask(self):
        """Changing these numbers makes every round so far impossible to replay."""
        assert self.mask_of()[:2].tolist() == [0x753040831B7A8049, 0x2762FD7985434C01]

    def test_different_seals_give_unrelated_masks(self):
        other = self.mask_of(seal=hashlib.sha256(b"another seal").digest())
        assert not np.any(self.mask_of() == other)

    def test_different_pairs_give_unrelated_masks(self):
        assert not np.any(self.mask_of(other=2) == self.mask_of(other=3))

    def test_swapped_keys_are_unequal(self):
        """Two sites that hold each other's keys do not get the masks of the honest pair."""
        (a, _, a_public), (b, b_private, b_public) = member(1), member(2)
        swapped = pairwise_mask(b_private, a, b_public, b, a_public, SEAL, 200)
        assert not np.any(swapped == self.mask_of())

    def test_a_public_key_that_is_not_the_private_one_s_is_refused(self):
        (a, a_private, _), (b, _, b_public), (_, _, c_public) = member(1), member(2), member(3)
        with pytest.raises(MaskRefused, match="not the one this site holds"):
            pairwise_mask(a_private, a, c_public, b, b_public, SEAL, 4)

    def test_fresh_keys_are_never_the_same(self):
        assert mask_key_pair().public != mask_key_pair().public

    def test_the_private_key_is_not_shown(self):
        assert mask_key_pair(b"\x42" * 32).private.hex() not in repr(mask_key_pair(b"\x42" * 32))
        assert "BBBB" not in repr(mask_key_pair(b"\x42" * 32))


LOW_ORDER = [
    0,
    1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
    PRIME - 1,
    PRIME,  # 0, not canonical
    PRIME + 1,  # 1, not canonical
]


class TestRefusals:
    @pytest.mark.parametrize("high_bit", [0, 1 << 255], ids=["plain", "high bit"])
    @pytest.mark.parametrize("u", LOW_ORDER)
    def test_low_order_keys(self, u, high_bit):
        a, private, public = member(1)
        bad = (u | high_bit).to_bytes(32, "little")
        with pytest.raises(MaskRefused, match=r"low order|not canonical"):
            pairwise_mask(private, a, public, member(2)[0], bad, SEAL, 4)

    def test_the_list_of_low_order_points_is_right(self):
        """X25519 itself finds no secret with them (it raises), and finds one with others."""
        from cryptography.hazmat.primitives.asymmetric.x25519 import (
            X25519PrivateKey,
            X25519PublicKey,
        )

        key = X25519PrivateKey.generate()
        for u in LOW_ORDER:
            with pytest.raises(ValueError):
                key.exchange(X25519PublicKey.from_public_bytes(u.to_bytes(32, "little")))
        nine = (9).to_bytes(32, "little")  # the base point
        assert len(key.exchange(X25519PublicKey.from_public_bytes(nine))) == 32

    def test_a_second_encoding_of_an_honest_key(self):
        a, private, public = member(1)
        b, _, other = member(2)
        second = (int.from_bytes(other, "little") | 1 << 255).to_bytes(32, "little")
        with pytest.raises(MaskRefused, match="not canonical"):
            pairwise_mask(private, a, public, b, second, SEAL, 4)

    def test_duplicate_keys(self):
        a, private, public = member(1)
        with pytest.raises(MaskRefused, match="same mask key"):
            pairwise_mask(private, a, public, member(2)[0], public, SEAL, 4)
        _, _, shared = member(2)
        members = [(a, public), (member(2)[0], shared), (member(3)[0], shared)]
        with pytest.raises(MaskRefused, match="same mask key"):
            mask(np.ones(4, np.int64), private, a, SEAL, members)

    def members(self, *numbers):
        return [(member(n)[0], member(n)[2]) for n in numbers]

    @pytest.mark.parametrize(
        "members, words",
        [
            ([1], "in the clear"),
            ([2, 1], "ascending"),
            ([1, 2, 2], "ascending"),
            ([2, 3], "not a member"),
        ],
    )
    def test_members_that_cannot_be_right(self, members, words):
        a, private, _ = member(1)
        with pytest.raises(MaskRefused, match=words):
            mask(np.ones(4, np.int64), private, a, SEAL, self.members(*members))

    @pytest.mark.parametrize(
        "vector", [np.ones(4), np.ones((2, 2), np.int64), np.array([], np.int64)]
    )
    def test_vectors_that_are_not_int64_rows(self, vector):
        a, private, _ = member(1)
        with pytest.raises(MaskRefused, match="int64"):
            mask(vector, private, a, SEAL, self.members(1, 2))

    def test_a_seal_digest_of_another_length(self):
        a, private, _ = member(1)
        with pytest.raises(ValueError, match="seal digest"):
            mask(np.ones(4, np.int64), private, a, SEAL[:31], self.members(1, 2))

    def test_a_case_difference_in_an_address_is_no_difference(self):
        number = random.Random(5).getrandbits(160)
        site, private, public = member(number)
        other, _, other_public = member(1)
        lower = pairwise_mask(private, site, public, other, other_public, SEAL, 4)
        upper = "0x" + site[2:].upper()
        assert np.array_equal(
            lower, pairwise_mask(private, upper, public, other, other_public, SEAL, 4)
        )
