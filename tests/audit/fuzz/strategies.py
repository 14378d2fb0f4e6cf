"""Changes of JSON values and of bytes that somebody might try."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from audit import canonical_json
from audit.errors import NotCanonical


def _nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


odd_values: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.sampled_from([0, -1, 2**53 - 1, 10**400, -(10**400)]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.sampled_from(["0x", "0x" + "00" * 32, "0x0", "1" * 5000, "-0", "\u0000", "x" * 100_000]),
    st.sampled_from([[], {}, [[]], {"": {}}, [0] * 1000]),
    st.builds(_nested, st.integers(1, 200)),
)


@st.composite
def changed(draw: st.DrawFn, value: Any) -> Any:
    """The JSON value with one place of it changed."""
    here = not isinstance(value, dict | list) or not value or draw(st.integers(0, 3)) == 0
    if here:
        return draw(odd_values)
    if isinstance(value, dict):
        key = draw(st.sampled_from(sorted(value)))
        rest = {name: one for name, one in value.items() if name != key}
        how = draw(st.sampled_from(["deeper", "deeper", "deeper", "gone", "renamed", "more"]))
        if how == "gone":
            return rest
        if how == "renamed":
            return {**rest, draw(st.text(max_size=4)): value[key]}
        if how == "more":
            return {**value, draw(st.text(max_size=4)): draw(odd_values)}
        return {**value, key: draw(changed(value[key]))}
    place = draw(st.integers(0, len(value) - 1))
    how = draw(st.sampled_from(["deeper", "deeper", "deeper", "gone", "twice", "swapped"]))
    if how == "gone":
        return value[:place] + value[place + 1 :]
    if how == "twice":
        return value[: place + 1] + value[place:]
    if how == "swapped":
        return [*value[place:], *value[:place]]
    return [*value[:place], draw(changed(value[place])), *value[place + 1 :]]


def dumped(value: Any) -> bytes:
    """As canonical as the value allows."""
    try:
        return canonical_json.dumps(value)
    except NotCanonical:
        return json.dumps(value).encode()


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """The bytes cut, extended, overwritten in a place, or others altogether."""
    how = draw(st.sampled_from(["cut", "longer", "before", "over", "other", "gap"]))
    junk = draw(st.binary(min_size=1, max_size=64))
    place = draw(st.integers(0, max(0, len(data) - 1)))
    made = {
        "cut": data[:place],
        "longer": data + junk,
        "before": junk + data,
        "over": data[:place] + junk + data[place + len(junk) :],
        "other": junk,
        "gap": data[:place] + data[place + len(junk) :],
    }[how]
    return made if made != data else data + b"\0"
