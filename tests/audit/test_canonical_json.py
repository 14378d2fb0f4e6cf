"""Canonical JSON: one byte string for a value, one value for a byte string."""

from __future__ import annotations

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from audit import canonical_json
from audit.errors import NotCanonical

texts = st.text(st.characters(exclude_categories=("Cs",)))
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=20
)


@given(values)
def test_every_value_comes_back_from_its_bytes(value):
    data = canonical_json.dumps(value)
    assert canonical_json.loads(data) == value
    assert canonical_json.dumps(canonical_json.loads(data)) == data


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(max_codepoint=0x82)),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=30,
)


constants = st.floats(1e-4, 1e16) | st.integers(-(2**54), 2**54).map(float) | st.just(-0.0)


@given(values | plain | st.lists(constants | constants.map(lambda number: -number)))
def test_the_bytes_are_those_of_the_peer(value):
    """Also where they are written by the faster encoder."""
    assert canonical_json.dumps(value) == rfc8785.dumps(value)


@pytest.mark.parametrize("value", [2**53, -(2**53), [1, [2**60]], {"a": {"b": 2**53}}])
def test_integers_that_are_not_safe_are_refused_at_any_depth(value):
    with pytest.raises(NotCanonical):
        canonical_json.dumps(value)


@given(values, st.data())
def test_any_inserted_space_is_refused(value, data):
    encoded = canonical_json.dumps([value])
    where = data.draw(st.sampled_from([0, 1, len(encoded) - 1, len(encoded)]))
    with pytest.raises(NotCanonical):
        canonical_json.loads(encoded[:where] + b" " + encoded[where:])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}\n",
        b'{"a":1,"a":1}',
        b'{"b":1,"a":2}',
        b"1.0",
        b"1e3",
        b"-0",
        b"01",
        b"9007199254740993",
        b"NaN",
        b"Infinity",
        b'"\\u0041"',
        b'"\\ud800"',
        b"\xff",
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b"1" * 10_000,
        b"\xef\xbb\xbf{}",
    ],
)
def test_bytes_that_are_not_the_canonical_form_are_refused(data):
    with pytest.raises(NotCanonical):
        canonical_json.loads(data)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_give_a_value_or_a_refusal(data):
    try:
        value = canonical_json.loads(data)
    except NotCanonical:
        return
    assert canonical_json.dumps(value) == data


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53, {1: 2}, "\ud800", object()])
def test_values_without_a_canonical_form_are_refused(value):
    with pytest.raises(NotCanonical):
        canonical_json.dumps(value)
