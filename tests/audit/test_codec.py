"""The fixed-point codec: bounds that hold exactly, sums that lose nothing, words that come back."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from audit import codec
from audit.errors import EncodingRefused

any_rows = arrays(
    np.float64,
    array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=8),
    elements=st.floats(allow_nan=True, allow_infinity=True),
)
plain_rows = arrays(np.float64, (4, 5), elements=st.floats(-1e3, 1e3))
clipping_norms = st.integers(1, codec.MAX_CLIPPING_NORM)
fraction_bits = st.integers(0, codec.MAX_FRACTION_BITS)
int64s = st.integers(-(2**63), 2**63 - 1)


@given(any_rows, clipping_norms, fraction_bits)
def test_no_row_of_any_numbers_leaves_the_clipping_bound(rows, norm, bits):
    encoded = codec.clip_and_encode(rows, norm, bits)
    assert encoded.shape == rows.shape
    assert encoded.dtype == np.int64
    for row in encoded:
        assert sum(int(value) ** 2 for value in row) <= norm**2


@given(any_rows, clipping_norms, fraction_bits)
def test_a_row_that_is_not_finite_counts_as_zeros_and_changes_no_other_row(rows, norm, bits):
    encoded = codec.clip_and_encode(rows, norm, bits)
    for position, row in enumerate(rows):
        if not np.isfinite(row).all():
            assert not encoded[position].any()
        alone = codec.clip_and_encode(rows[position : position + 1], norm, bits)
        assert (alone[0] == encoded[position]).all()


@given(plain_rows, fraction_bits.filter(lambda bits: bits <= 30))
def test_a_row_inside_the_bound_is_only_rounded_toward_zero(rows, bits):
    encoded = codec.clip_and_encode(rows, codec.MAX_CLIPPING_NORM, bits)
    back = encoded * 2.0**-bits
    assert (np.abs(back) <= np.abs(rows)).all()
    assert (np.abs(rows - back) < 2.0**-bits).all()
    assert ((encoded == 0) | (np.sign(encoded) == np.sign(rows))).all()


@given(plain_rows.filter(lambda rows: bool((np.abs(rows).max(axis=1) > 1e-3).all())))
def test_a_clipped_row_keeps_its_direction_and_almost_all_of_the_bound(rows):
    norm = 10**6
    encoded = codec.clip_and_encode(rows * 1e9, norm, 20).astype(np.float64)
    lengths = np.linalg.norm(encoded, axis=1)
    assert (lengths > norm - 4).all()
    cosine = (encoded * rows).sum(axis=1) / lengths / np.linalg.norm(rows, axis=1)
    assert (cosine > 1 - 1e-9).all()


def test_subnormal_and_huge_rows_neither_vanish_wrongly_nor_overflow():
    rows = np.array([[5e-324, 0.0], [1.7e308, -1.7e308], [0.0, 0.0]])
    encoded = codec.clip_and_encode(rows, 1000, 10)
    assert encoded.tolist() == [[0, 0], [707, -707], [0, 0]]


@pytest.mark.parametrize(("norm", "bits"), [(0, 1), (2**53 + 1, 1), (1, -1), (1, 63)])
def test_bounds_outside_the_codec_are_refused(norm, bits):
    with pytest.raises(EncodingRefused):
        codec.clip_and_encode(np.zeros((1, 1)), norm, bits)


@pytest.mark.parametrize("rows", [np.zeros(3), np.zeros((2, 2), dtype=np.float32)])
def test_rows_of_another_shape_or_dtype_are_refused(rows):
    with pytest.raises(EncodingRefused):
        codec.clip_and_encode(rows, 1, 1)


@given(arrays(np.int64, (5, 3), elements=st.integers(-(2**60), 2**60)))
def test_sums_are_exact(rows):
    expected = [sum(int(row[column]) for row in rows) for column in range(3)]
    assert codec.sum_rows(rows).tolist() == expected


def test_a_sum_that_could_leave_int64_is_refused_rather_than_wrapped():
    with pytest.raises(EncodingRefused):
        codec.sum_rows(np.array([[2**62], [2**62]]))
    with pytest.raises(EncodingRefused):
        codec.sum_rows(np.array([[-(2**63)]]))


def test_an_empty_cohort_sums_to_zeros():
    assert codec.sum_rows(np.zeros((0, 3), dtype=np.int64)).tolist() == [0, 0, 0]


@given(arrays(np.int64, st.integers(0, 9), elements=int64s))
def test_words_and_bytes_come_back(vector):
    words = codec.wrap(vector)
    assert (codec.unwrap(words) == vector).all()
    data = codec.to_bytes(words)
    assert len(data) == 8 * vector.size
    assert (codec.from_bytes(data) == words).all()
    assert data == b"".join(int(v).to_bytes(8, "little", signed=True) for v in vector)


@given(st.data(), st.integers(2, 5))
def test_pairwise_masks_cancel_in_the_sum_of_words(data, members):
    vectors = [
        data.draw(arrays(np.int64, 4, elements=st.integers(-(2**59), 2**59)))
        for _ in range(members)
    ]
    masked = [codec.wrap(vector) for vector in vectors]
    for one in range(members):
        for other in range(one):
            mask = data.draw(arrays(np.uint64, 4, elements=st.integers(0, 2**64 - 1)))
            masked[one] = masked[one] + mask
            masked[other] = masked[other] - mask
    total = codec.unwrap(codec.add_words(masked))
    assert (total == np.sum(vectors, axis=0)).all()


def test_words_that_do_not_fit_together_are_refused():
    with pytest.raises(EncodingRefused):
        codec.add_words([])
    with pytest.raises(EncodingRefused):
        codec.add_words([np.zeros(2, dtype=np.uint64), np.zeros(3, dtype=np.uint64)])
    with pytest.raises(EncodingRefused):
        codec.add_words([np.zeros(2, dtype=np.int64)])  # type: ignore[list-item]
    with pytest.raises(EncodingRefused):
        codec.from_bytes(b"1234567")


def test_pinned_bytes_of_an_encoding():
    """A vector that any other implementation, and any later version of this one, must reproduce."""
    angles = np.arange(60, dtype=np.float64).reshape(5, 12)
    rows = (angles * 7 % 11 - 5) / 3  # only correctly rounded operations, the same on any machine
    encoded = codec.clip_and_encode(rows, 3 << 16, 16)
    digest = hashlib.sha256(codec.to_bytes(codec.wrap(codec.sum_rows(encoded)))).hexdigest()
    assert digest == "004c6d39672c10a25d4418de36c6047794e11f2a31cdccf8e95ea96916768aef"
