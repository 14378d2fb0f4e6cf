"""What sites that pool everything they know can take off an honest site's vector, and what stays.

A coalition knows its own vectors, noise and private mask keys, every masked vector, and the sum. It
can remove each mask that one of its members shares. Nothing else is a secret of a round.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audit.privacy import site_variance
from federation.app.masks import mask, mask_key_pair, pairwise_mask
from federation.app.noise import draw
from tests.federation.app.terms import made_terms

Words = NDArray[np.uint64]
SEAL = hashlib.sha256(b"seal").digest()


class Site(NamedTuple):
    address: str
    private: bytes
    public: bytes


def site(number: int) -> Site:
    keys = mask_key_pair(hashlib.sha256(b"mask key %d" % number).digest())
    return Site(f"0x{number + 1:040x}", keys.private, keys.public)


def masked_by(
    members: Sequence[Site], vectors: Sequence[NDArray[np.int64]], seals: Mapping[int, bytes]
) -> list[Words]:
    """What each member delivers; `seals` by member where one was shown another seal than SEAL."""
    keys = [(one.address, one.public) for one in members]
    return [
        mask(vector, one.private, one.address, seals.get(place, SEAL), keys)
        for place, (one, vector) in enumerate(zip(members, vectors, strict=True))
    ]


def total(masked: Sequence[Words]) -> NDArray[np.int64]:
    return np.sum(np.array(masked, dtype=np.uint64), axis=0, dtype=np.uint64).view(np.int64)


def stripped(honest: Site, masked: Words, coalition: Sequence[Site]) -> Words:
    """An honest site's vector without the masks that the coalition shares with it, and knows."""
    left = masked.copy()
    for member in coalition:
        shared = pairwise_mask(
            member.private,
            member.address,
            member.public,
            honest.address,
            honest.public,
            SEAL,
            len(masked),
        )
        left = left - shared if honest.address < member.address else left + shared
    return left


def rows(count: int, length: int, seed: int) -> list[NDArray[np.int64]]:
    return list(np.random.default_rng(seed).integers(-(2**40), 2**40, (count, length)))


coalitions = st.integers(3, 7).flatmap(
    lambda members: st.tuples(
        st.just(members), st.sets(st.integers(0, members - 1), max_size=members - 2)
    )
)


@settings(max_examples=30, deadline=None)
@given(coalitions, st.integers(0, 2**32))
def test_who_is_not_all_the_others_learns_the_sum_of_the_honest_and_no_vector(
    drawn: tuple[int, set[int]], seed: int
) -> None:
    count, colluding = drawn
    members, vectors = [site(n) for n in range(count)], rows(count, 64, seed)
    masked = masked_by(members, vectors, {})
    coalition = [members[n] for n in colluding]
    honest = [n for n in range(count) if n not in colluding]
    seen = {n: stripped(members[n], masked[n], coalition) for n in honest}
    # What the sum gives them anyway ...
    assert np.array_equal(total(list(seen.values())), sum(vectors[n] for n in honest))
    # ... and nothing of one site, or of any part of the honest ones.
    for size in range(1, len(honest)):
        part = honest[:size]
        known = total([seen[n] for n in part])
        assert (known != sum(vectors[n] for n in part)).all()
        assert np.abs(known.astype(np.float64)).max() > 2.0**55  # the vectors' own are below 2^43


def test_what_is_left_of_a_vector_while_another_site_is_honest_looks_uniform() -> None:
    members = [site(n) for n in range(5)]
    masked = masked_by(members, [np.zeros(20_000, np.int64)] * 5, {})
    left = stripped(members[0], masked[0], members[2:])  # all but the second collude
    bits = np.unpackbits(left.view(np.uint8))
    assert abs(bits.mean() - 0.5) < 4 * 0.5 / np.sqrt(len(bits))


def test_all_the_others_together_learn_the_noised_vector_and_nothing_but_it() -> None:
    members, vectors = [site(n) for n in range(4)], rows(4, 16, 1)
    masked = masked_by(members, vectors, {})
    left = stripped(members[2], masked[2], [*members[:2], members[3]])
    assert np.array_equal(left.view(np.int64), vectors[2])


@pytest.mark.parametrize("shown", [{0: b"other"}, {1: b"other", 2: b"other"}, {2: b"third"}])
def test_sites_that_were_shown_different_seals_unmask_nothing(shown: dict[int, bytes]) -> None:
    members, vectors = [site(n) for n in range(4)], rows(4, 64, 2)
    seals = {place: hashlib.sha256(seal).digest() for place, seal in shown.items()}
    masked = masked_by(members, vectors, seals)
    for part in ([0, 1, 2, 3], [0, 3], [1, 2], [0, 1, 3], sorted(shown)):
        found = total([masked[n] for n in part])
        assert (found != sum(vectors[n] for n in part)).all()


def test_sites_that_were_shown_different_sets_unmask_nothing() -> None:
    """Each half was told that the other half and a stranger, of the coordinator, are members."""
    members, stranger, vectors = [site(n) for n in range(4)], site(9), rows(4, 64, 3)

    def deliver(place: int, told: Sequence[Site]) -> Words:
        keys = sorted((one.address, one.public) for one in told)
        own = members[place]
        return mask(vectors[place], own.private, own.address, SEAL, keys)

    everyone = [*members, stranger]
    masked = [deliver(n, members if n < 2 else everyone) for n in range(4)]
    assert (total(masked) != sum(vectors)).all()
    # With the stranger's key the coordinator takes off what it put on, and has the sum, no more.
    mended = [*masked[:2], *(stripped(members[n], masked[n], [stranger]) for n in (2, 3))]
    assert np.array_equal(total(mended), sum(vectors))
    assert (mended[2].view(np.int64) != vectors[2]).all()


def test_an_old_seal_makes_other_masks_and_its_deliveries_do_not_fit() -> None:
    members, vectors = [site(n) for n in range(3)], rows(3, 64, 4)
    old = hashlib.sha256(b"old seal").digest()
    before = masked_by(members, vectors, dict.fromkeys(range(3), old))
    now = masked_by(members, vectors, {})
    for place in range(3):
        mixed = [*now[:place], before[place], *now[place + 1 :]]
        assert (total(mixed) != sum(vectors)).all()


SAMPLES = 2_000


def noise_of(number: int, variance: Fraction) -> NDArray[np.int64]:
    return draw(hashlib.sha256(b"noise %d" % number).digest(), variance, SAMPLES)


@pytest.mark.parametrize(("min_sites", "colluders"), [(3, 1), (4, 2), (5, 1)])
def test_the_noise_left_when_t_sites_collude_is_at_least_the_stated_one(
    min_sites: int, colluders: int
) -> None:
    """Sealed sets of the least size and larger: the coalition takes its own noise off the sum."""
    terms = made_terms(min_sites=min_sites, tolerated_colluders=colluders)
    stated = float((min_sites - colluders) * site_variance(terms))
    assert stated == pytest.approx((1.5 * 2**20) ** 2)  # (sigma C)^2
    each = [noise_of(n, site_variance(terms)) for n in range(min_sites + 2)]
    slack = 4 * np.sqrt(2 / SAMPLES)  # four standard errors of a Gaussian's variance
    for sealed in (min_sites, min_sites + 2):
        left = sum(each[colluders:sealed]).astype(np.float64)
        expected = stated * (sealed - colluders) / (min_sites - colluders)
        assert expected >= stated
        assert abs(np.mean(left**2) / expected - 1) < slack


def test_one_colluder_more_than_the_terms_tolerate_leaves_less() -> None:
    terms = made_terms(min_sites=4, tolerated_colluders=1)
    each = [noise_of(n, site_variance(terms)) for n in range(4)]
    left = sum(each[2:]).astype(np.float64)
    assert np.mean(left**2) == pytest.approx(2 / 3 * (1.5 * 2**20) ** 2, rel=0.13)
