"""Noise is exactly discrete Gaussian, and no two contributions ever get the same."""

import hmac
import math
import os
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from audit.privacy import site_variance
from chain.messages import Terms
from federation.app.noise import draw, noise_key
from federation.app.stream import KeyStream, StreamCrossedFork
from tests.federation.app.terms import made_terms

LEDGER = "0x00000000000000000000000000000000000000aA"
SITE = "0x00000000000000000000000000000000000000B1"
OTHER_SITE = "0x00000000000000000000000000000000000000b2"
WHERE = {
    "noise_secret": bytes(range(32)),
    "chain_id": 31337,
    "ledger": LEDGER,
    "study_id": 1,
    "site": SITE,
    "round_number": 1,
    "attempt": 1,
    "pinned_block_number": 100,
    "pinned_block_hash": b"\x07" * 32,
    "draw_number": 0,
}


def exact_probabilities(variance: Fraction, reach: int) -> np.ndarray:
    """P[X = x] for x in [-reach, reach], from the definition."""
    weights = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * float(variance)))
    return weights / weights.sum()


class TestKeyStream:
    def test_is_the_chacha20_key_stream_of_rfc_8439(self):
        # Appendix A.1, test vector 1, read as little-endian words.
        expected = bytes.fromhex(
            "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
            "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586"
        )
        assert KeyStream(bytes(32)).uint64(8).astype("<u8").tobytes() == expected

    @given(st.lists(st.integers(0, 3000), max_size=6))
    def test_reads_the_same_words_however_they_are_asked_for(self, counts):
        together = KeyStream(b"k" * 32).uint64(sum(counts) + len(counts))
        stream = KeyStream(b"k" * 32)
        apart = [part for n in counts for part in (stream.uint64(n), np.array([stream.word()]))]
        assert np.array_equal(np.concatenate([np.array([], np.uint64), *apart]), together)

    @given(st.integers(1, 1 << 200), st.binary(min_size=32, max_size=32))
    def test_stays_below_its_bound(self, bound, key):
        assert 0 <= KeyStream(key).below(bound) < bound

    def test_is_uniform_below_a_bound_that_is_no_power_of_two(self):
        stream = KeyStream(b"u" * 32)
        counts = np.bincount([stream.below(7) for _ in range(14_000)], minlength=7)
        assert stats.chisquare(counts).pvalue > 0.001

    @pytest.mark.parametrize("numerator, denominator", [(1, 3), (5, 7), (10**30, 3 * 10**30 + 1)])
    def test_bernoulli_has_the_stated_probability(self, numerator, denominator):
        stream = KeyStream(b"b" * 32)
        heads = sum(stream.bernoulli(numerator, denominator) for _ in range(20_000))
        assert stats.binomtest(heads, 20_000, numerator / denominator).pvalue > 0.001

    def test_bernoulli_reads_on_when_the_first_word_leaves_it_open(self):
        first, second = (int(word) for word in KeyStream(b"o" * 32).uint64(2))
        exactly = (first << 64) + second
        # A fraction whose first 64 binary digits are the first word: the second word decides.
        assert KeyStream(b"o" * 32).bernoulli(exactly + 1, 1 << 128)
        assert not KeyStream(b"o" * 32).bernoulli(exactly, 1 << 128)

    def test_refuses_to_be_used_on_both_sides_of_a_fork(self):
        stream = KeyStream(b"f" * 32)
        stream.word()
        child = os.fork()
        if child == 0:
            try:
                stream.word()
            except StreamCrossedFork:
                os._exit(7)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7

    def test_refuses_keys_of_another_length(self):
        with pytest.raises(ValueError, match="32 bytes"):
            KeyStream(bytes(16))


class TestDistribution:
    @pytest.mark.parametrize(
        "variance", [Fraction(1, 10), Fraction(7, 3), Fraction(16), Fraction(12345, 67)]
    )
    def test_follows_the_exact_probabilities(self, variance):
        count = 40_000
        drawn = draw(b"n" * 32, variance, count)
        reach = 12 * math.isqrt(math.ceil(variance)) + 12
        expected = exact_probabilities(variance, reach) * count
        observed = np.bincount(drawn + reach, minlength=2 * reach + 1)
        usual = expected >= 8  # chi-square needs them; the tails become one class
        observed = np.append(observed[usual], observed[~usual].sum())
        expected = np.append(expected[usual], expected[~usual].sum())
        if expected[-1] < 8:
            observed = np.append(observed[:-2], observed[-2:].sum())
            expected = np.append(expected[:-2], expected[-2:].sum())
        assert stats.chisquare(observed, expected * count / expected.sum()).pvalue > 0.001

    @pytest.mark.parametrize("sigma", [Fraction(10**7), Fraction(5_123_457 * 1_425_831, 10**6)])
    def test_has_the_stated_mean_and_variance_at_a_study_s_scale(self, sigma):
        count = 20_000
        scaled = draw(b"m" * 32, sigma**2 / 3, count) / math.sqrt(sigma**2 / 3)
        assert stats.kstest(scaled, "norm").pvalue > 0.001
        assert abs(scaled.mean()) < 4 / math.sqrt(count)
        assert abs(scaled.var() - 1) < 4 * math.sqrt(2 / count)

    def test_neighbours_are_independent(self):
        drawn = draw(b"i" * 32, Fraction(100), 20_000)
        assert abs(np.corrcoef(drawn[:-1], drawn[1:])[0, 1]) < 4 / math.sqrt(20_000)

    @pytest.mark.parametrize("variance", [Fraction(0), Fraction(-1), Fraction(1 << 108) + 1])
    def test_refuses_a_variance_it_cannot_draw(self, variance):
        with pytest.raises(ValueError, match="variance"):
            draw(bytes(32), variance, 1)


class TestKeys:
    def test_is_the_stated_hkdf_with_every_field_behind_its_length(self):
        """RFC 5869 by hand: extract with an empty salt, one block of expand."""
        where = [31337, bytes(19) + b"\xaa", 1, bytes(19) + b"\xb1", 1, 1, 100, b"\x07" * 32, 0]
        fields = [b"assent/noise/1", *where]
        raw = [f.to_bytes(32, "big") if isinstance(f, int) else f for f in fields]
        info = b"".join(len(field).to_bytes(4, "big") + field for field in raw)
        extracted = hmac.digest(bytes(32), WHERE["noise_secret"], "sha256")
        assert noise_key(**WHERE) == hmac.digest(extracted, info + b"\x01", "sha256")

    def test_a_replay_years_later_draws_what_was_drawn(self):
        """Changing these numbers makes every round so far impossible to replay."""
        drawn = draw(noise_key(**WHERE), Fraction(10**12, 3), 6)
        assert drawn.tolist() == [655189, -7064, 731079, -244052, -686205, -560067]

    def test_the_same_key_draws_the_same(self):
        key = noise_key(**WHERE)
        assert np.array_equal(draw(key, Fraction(99), 60), draw(key, Fraction(99), 60))
        assert draw(key, Fraction(99), 60).dtype == np.int64

    @pytest.mark.parametrize(
        "change",
        [
            {"noise_secret": bytes(32)},
            {"chain_id": 1},
            {"ledger": OTHER_SITE},
            {"study_id": 2},
            {"site": OTHER_SITE},
            {"round_number": 2},
            {"attempt": 2},
            {"pinned_block_number": 101},
            {"pinned_block_hash": b"\x08" * 32},
            {"draw_number": 1},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_whatever_differs_the_noise_is_unrelated(self, change):
        first = draw(noise_key(**WHERE), Fraction(10**8), 500)
        second = draw(noise_key(**(WHERE | change)), Fraction(10**8), 500)
        assert np.count_nonzero(first == second) < 5
        assert abs(np.corrcoef(first, second)[0, 1]) < 4 / math.sqrt(500)

    small = st.integers(0, 300)
    place = st.tuples(small, small, small, small, small, small)

    @settings(max_examples=300)
    @given(place, place)
    def test_different_places_have_different_keys(self, first, second):
        def key(place: tuple[int, ...]) -> bytes:
            names = ["chain_id", "study_id", "round_number", "attempt", "pinned_block_number"]
            return noise_key(
                **(WHERE | dict(zip([*names, "draw_number"], place, strict=True)))  # type: ignore[arg-type]
            )

        assert (key(first) == key(second)) == (first == second)

    def test_two_forked_processes_never_draw_the_same(self):
        """A library's generator is inherited by a fork; a keyed stream is not asked for state."""
        drawn = [_draw_in_a_child(WHERE | {"attempt": attempt}) for attempt in (1, 2)]
        assert np.count_nonzero(drawn[0] == drawn[1]) < 5
        assert np.array_equal(drawn[0], draw(noise_key(**WHERE), Fraction(10**8), 100))

    @pytest.mark.parametrize(
        "change", [{"noise_secret": b"short"}, {"pinned_block_hash": b"x"}, {"ledger": "0x12"}]
    )
    def test_refuses_malformed_arguments(self, change):
        with pytest.raises(ValueError, match=r"bytes|address"):
            noise_key(**(WHERE | change))


def _draw_in_a_child(where: dict) -> np.ndarray:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, draw(noise_key(**where), Fraction(10**8), 100).tobytes())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        data = pipe.read()
    assert os.waitpid(child, 0)[1] == 0
    return np.frombuffer(data, dtype=np.int64)


def terms(**changes) -> Terms:
    return made_terms(**({"coordinator": SITE, "sites": (SITE, OTHER_SITE)} | changes))


class TestSiteVariance:
    def test_m_less_t_sites_add_up_to_sigma_c_squared(self):
        assert 3 * site_variance(terms()) == (Fraction(3, 2) * 2**20) ** 2

    def test_is_exact_for_a_multiplier_in_millionths(self):
        assert site_variance(terms(noise_multiplier=1, clipping_norm=3)) == Fraction(9, 3 * 10**12)

    def test_refuses_terms_that_count_on_no_site(self):
        with pytest.raises(ValueError, match="no honest site"):
            site_variance(terms(tolerated_colluders=4))

    def test_refuses_terms_without_noise(self):
        with pytest.raises(ValueError, match="positive"):
            site_variance(terms(noise_multiplier=0))
