"""Call data and answers by the ABI: what web3's contract objects give, and no less strict."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi.abi import encode
from eth_abi.exceptions import DecodingError, EncodingError
from web3 import Web3

from chain.artifacts import ALL_NAMES, AnyName, artifact
from chain.functions import functions

ONE, TWO = "0x" + "1a" * 20, "0x" + "2b" * 20
EXAMPLES: dict[str, Any] = {
    "address": Web3.to_checksum_address(ONE),
    "bool": True,
    "bytes": b"abc",
    "string": "abc",
}


def example(part: dict[str, Any]) -> Any:
    kind = str(part["type"])
    if kind.endswith("]"):
        of, _, size = kind.removesuffix("]").rpartition("[")
        return [example(part | {"type": of})] * int(size or 2)
    if kind == "tuple":
        return tuple(example(inner) for inner in part["components"])
    if kind.startswith("uint"):
        return 7
    if kind in EXAMPLES:
        return EXAMPLES[kind]
    return bytes(range(int(kind.removeprefix("bytes"))))


@pytest.mark.parametrize("name", ALL_NAMES)
def test_every_function_is_called_as_web3_calls_it(name: AnyName) -> None:
    contract = Web3().eth.contract(abi=artifact(name).abi)
    entries = {e["name"]: e for e in artifact(name).abi if e["type"] == "function"}
    assert functions(name)
    for function, made in functions(name).items():
        arguments = [example(part) for part in entries[function]["inputs"]]
        expected = contract.encode_abi(function, args=arguments)
        assert "0x" + made.call_data(arguments).hex() == expected, function


def test_what_was_encoded_before_makes_nothing_else_pass() -> None:
    count = functions("RoundLedger")["roundCount"]
    assert count.call_data([1]) == count.call_data([1])
    with pytest.raises(EncodingError):
        count.call_data([True])
    commit = functions("RoundLedger")["commit"]
    entries = next(e for e in artifact("RoundLedger").abi if e.get("name") == "commit")["inputs"]
    good = [example(part) for part in entries]
    commit.call_data(good)
    with pytest.raises(EncodingError):
        commit.call_data([*good[:-1], (True, *good[-1][1:])])


def test_a_name_that_stands_for_two_functions_stands_for_none() -> None:
    assert "safeTransferFrom" not in functions("ConsentToken")
    assert "transferFrom" in functions("ConsentToken")


def test_addresses_come_back_checksummed_and_several_values_as_a_tuple() -> None:
    owner = functions("ConsentToken")["ownerOf"]
    assert owner.result(encode(["address"], [ONE])) == Web3.to_checksum_address(ONE)
    sites = functions("StudyRegistry")["sites"]
    given = sites.result(encode(["address[]"], [[ONE, TWO]]))
    assert given == [Web3.to_checksum_address(ONE), Web3.to_checksum_address(TWO)]
    page = functions("ConsentToken")["activeTokens"]
    assert page.result(encode(list(page.outputs), [[3, 5], 9])) == ((3, 5), 9)
    assert functions("GuardianAccount")["checkSignature"].result(b"") is None


def test_what_does_not_fit_is_refused() -> None:
    live = functions("ConsentToken")["liveTokenOf"]
    with pytest.raises(EncodingError):
        live.call_data([1, Web3.to_checksum_address(ONE), b"too short"])
    with pytest.raises(ValueError, match="3 arguments"):
        live.call_data([1])
    with pytest.raises(DecodingError):
        live.result(b"")
