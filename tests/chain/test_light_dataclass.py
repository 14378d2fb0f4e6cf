"""A light dataclass behaves as one of the standard library's: each is held to the other."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, replace
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.light_dataclass import light_dataclass


class Told:
    """Says what `__post_init__` met, so that both kinds of class can share it."""

    def __post_init__(self) -> None:
        if self.b < 0:  # type: ignore[attr-defined]
            raise ValueError("b is negative")


@light_dataclass(frozen=True)
class Light(Told):
    contract: ClassVar[str] = "none"
    a: str
    b: int = 7
    c: tuple[int, ...] = ()


@dataclass(frozen=True)
class Standard(Told):
    contract: ClassVar[str] = "none"
    a: str
    b: int = 7
    c: tuple[int, ...] = ()


@light_dataclass(frozen=True)
class Longer(Light):
    d: bytes = b""


@light_dataclass(eq=False)
class Refusal(Exception):
    a: int


VALUES = st.fixed_dictionaries(
    {"a": st.text()},
    optional={"b": st.integers(-1, 3), "c": st.lists(st.integers(0, 1)).map(tuple)},
)


def outcome(kind: Any, *values: Any, **named: Any) -> Any:
    try:
        made = kind(*values, **named)
    except (TypeError, ValueError) as error:
        return type(error)
    return (
        repr(made).replace(kind.__name__, ""),
        asdict(made),
        hash(made),
        next(iter(fields(made))).name,
    )


@given(VALUES, st.integers(0, 4), st.booleans())
def test_it_is_made_shown_and_hashed_as_the_standard_ones(
    values: dict[str, Any], positional: int, unknown: bool
) -> None:
    first = list(values.values())[:positional]
    rest = dict(list(values.items())[positional:]) | ({"z": 1} if unknown else {})
    assert outcome(Light, *first, **rest) == outcome(Standard, *first, **rest)


@pytest.mark.parametrize(
    ("values", "named"), [((), {}), (("x",), {"a": "y"}), (("x", 1, (), 2), {}), ((), {"b": 1})]
)
def test_it_refuses_what_the_standard_ones_refuse(
    values: tuple[Any, ...], named: dict[str, Any]
) -> None:
    assert outcome(Light, *values, **named) is outcome(Standard, *values, **named) is TypeError


@given(VALUES, VALUES)
def test_two_are_equal_when_all_their_values_are(one: dict[str, Any], two: dict[str, Any]) -> None:
    valid = [{**held, "b": abs(held.get("b", 7))} for held in (one, two)]
    assert (Light(**valid[0]) == Light(**valid[1])) is (
        Standard(**valid[0]) == Standard(**valid[1])
    )
    assert Light(**valid[0]) != Standard(**valid[0])
    assert Light("x") != Longer("x")


def test_it_is_a_dataclass_to_everybody_else() -> None:
    made = Longer("x", 1, d=b"y")
    assert [one.name for one in fields(Longer)] == ["a", "b", "c", "d"]
    assert replace(made, b=2) == Longer("x", 2, (), b"y")
    assert pickle.loads(pickle.dumps(made)) == made
    match made:
        case Light(a, b):
            assert (a, b) == ("x", 1)


def test_a_frozen_one_cannot_be_changed() -> None:
    made = Light("x")
    for change in (lambda: setattr(made, "a", "y"), lambda: delattr(made, "a")):
        with pytest.raises(FrozenInstanceError, match=r"Light\.a"):
            change()
    assert made.a == "x"


def test_an_exception_keeps_its_identity() -> None:
    one, two = Refusal(1), Refusal(1)
    assert one != two
    assert one.args == (1,)
    assert repr(one) == "Refusal(a=1)"
    one.a = 2
    one.add_note("seen")
    assert one.a == 2


def test_a_field_with_an_option_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Wrong\.a"):

        @light_dataclass(frozen=True)
        class Wrong:
            a: list[int] = field(default_factory=list)
