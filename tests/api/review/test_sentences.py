"""Every event of the contracts can be said in words."""

from __future__ import annotations

import dataclasses
from enum import IntEnum
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.review.log.sentences import sentence
from chain.event_types import EVENTS, Event
from chain.messages import account_of_signer
from chain.solidity import abi_type, members

addresses = st.binary(min_size=20, max_size=20).map(account_of_signer)


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Whatever the contracts could put into a member of this type."""
    if isinstance(hint, type) and issubclass(hint, IntEnum):
        return st.sampled_from(list(hint))
    if dataclasses.is_dataclass(hint):
        fields = {name: values_of(inner) for name, inner in members(hint)}  # type: ignore[arg-type]
        return st.builds(hint, **fields)  # type: ignore[arg-type]
    kind = abi_type(hint)
    if kind.endswith("[]"):
        return st.lists(values_of(get_args(hint)[0]), max_size=3).map(tuple)
    if kind == "address":
        return addresses
    if kind == "bool":
        return st.booleans()
    if kind == "bytes":
        return st.binary(max_size=70)
    if kind.startswith("bytes"):
        return st.binary(min_size=int(kind[5:]), max_size=int(kind[5:]))
    return st.integers(0, 2 ** int(kind[4:]) - 1)


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
def test_an_event_with_any_values_has_one_sentence(kind: type[Event]) -> None:
    @settings(max_examples=10)
    @given(values_of(kind))
    def says_something(event: Event) -> None:
        words = sentence(event)
        assert words.endswith(".")
        assert "\n" not in words
        assert len(words) < 600

    says_something()
