"""What a consent permits: the published table, and the contract's answer to every combination."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

import pytest
import solcx
from eth_abi.abi import decode, encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.data_use import KNOWN, is_valid, permits
from chain.compile import ROOT
from chain.messages import Purpose
from chain.rpc import connect_node
from stack.hardhat import HardhatNode

TABLE = json.loads((Path(__file__).parent / "data_use_truth_table.json").read_text("utf-8"))["rows"]
DISEASES = [(0, 0), (5, 5), (5, 6), (5, 0), (0, 6)]
PLACE = to_checksum_address("0x" + "da7a" * 10)
HARNESS = """
pragma solidity ^0.8.28;
import {DataUse} from "./DataUse.sol";
contract Harness {
    function permits(uint64[] calldata granted, uint24 mine, uint64[] calldata asked, uint24 its)
        external pure returns (bytes memory answers)
    {
        answers = new bytes(granted.length * asked.length);
        for (uint256 i = 0; i < answers.length; ++i) {
            if (DataUse.permits(granted[i / asked.length], mine, asked[i % asked.length], its))
                answers[i] = 0x01;
        }
    }
    function isValid(uint64[] calldata purposes, uint24 disease)
        external pure returns (bytes memory answers)
    {
        answers = new bytes(purposes.length);
        for (uint256 i = 0; i < answers.length; ++i)
            if (DataUse.isValid(purposes[i], disease)) answers[i] = 0x01;
    }
}
"""


class Contract:
    """contracts/DataUse.sol, asked many things in one call."""

    def __init__(self, node: HardhatNode) -> None:
        self._w3 = connect_node(node.rpc_url)
        compiler = ROOT / "hardhat-local"
        settings = json.loads((compiler / "compiler.json").read_text("utf-8"))["settings"]
        library = (ROOT / "contracts" / "DataUse.sol").read_text("utf-8")
        wanted = {"Harness.sol": {"Harness": ["evm.deployedBytecode.object"]}}
        question = {
            "language": "Solidity",
            "sources": {"Harness.sol": {"content": HARNESS}, "DataUse.sol": {"content": library}},
            "settings": settings | {"outputSelection": wanted},
        }
        answer = solcx.compile_standard(question, solc_binary=compiler / "solc")
        code = answer["contracts"]["Harness.sol"]["Harness"]["evm"]["deployedBytecode"]["object"]
        self._w3.provider.make_request("hardhat_setCode", [PLACE, "0x" + code])  # type: ignore[arg-type]

    def permits(self, granted: Sequence[int], mine: int, asked: Sequence[int], its: int) -> bytes:
        """One byte a pair, 1 for yes; the asked ones vary fastest."""
        kinds = ["uint64[]", "uint24", "uint64[]", "uint24"]
        return self._ask("permits", kinds, [list(granted), mine, list(asked), its])

    def is_valid(self, purposes: Sequence[int], disease: int) -> bytes:
        return self._ask("isValid", ["uint64[]", "uint24"], [list(purposes), disease])

    def _ask(self, function: str, kinds: list[str], values: list[Any]) -> bytes:
        selector = keccak(text=f"{function}({','.join(kinds)})")[:4]
        call = {"to": PLACE, "data": "0x" + (selector + encode(kinds, values)).hex()}
        (answers,) = decode(["bytes"], bytes(self._w3.eth.call(call)))  # type: ignore[arg-type]
        return bytes(answers)


@pytest.fixture(scope="module")
def contract(hardhat: HardhatNode) -> Contract:
    return Contract(hardhat)


def python_says(granted: Sequence[int], mine: int, asked: Sequence[int], its: int) -> bytes:
    return bytes(permits(g, mine, a, its) for g in granted for a in asked)


def every_map_of(*purposes: Purpose) -> list[int]:
    subsets = itertools.product(*((0, int(purpose)) for purpose in purposes))
    return [reduce(or_, subset, 0) for subset in subsets]


@pytest.mark.parametrize("row", TABLE, ids=[row["why"] for row in TABLE])
def test_the_published_table(row: dict[str, Any], contract: Contract) -> None:
    granted, asked = int(row["granted_map"], 16), int(row["asked_map"], 16)
    assert granted == sum(Purpose[name] for name in row["granted"])
    assert asked == sum(Purpose[name] for name in row["asked"])
    diseases = row["granted_disease"], row["asked_disease"]
    assert permits(granted, diseases[0], asked, diseases[1]) is row["permits"]
    assert contract.permits([granted], diseases[0], [asked], diseases[1]) == bytes([row["permits"]])


def check_all(contract: Contract, granted: list[int], asked: list[int], *its: int) -> None:
    """Every pair, in calls within a node's limit of gas; the grant is about disease 5."""
    for disease in its:
        for start in range(0, len(granted), 32):
            part = granted[start : start + 32]
            found = contract.permits(part, 5, asked, disease)
            assert found == python_says(part, 5, asked, disease)


def test_every_combination_of_uses(contract: Contract) -> None:
    """One bit for each way in which the rules treat a use."""
    uses = every_map_of(
        Purpose.NO_RESTRICTION,
        Purpose.GENERAL_RESEARCH,
        Purpose.HEALTH_RESEARCH,
        Purpose.DISEASE_SPECIFIC_RESEARCH,
        Purpose.BIOMEDICAL_RESEARCH,
        Purpose.ANCESTRY_RESEARCH,
        Purpose.METHOD_DEVELOPMENT,
        Purpose.CLINICAL_CARE,
    )
    check_all(contract, uses, uses, 5, 6)


def test_every_combination_of_exclusions(contract: Contract) -> None:
    uses = every_map_of(
        Purpose.GENERAL_RESEARCH,
        Purpose.DISEASE_SPECIFIC_RESEARCH,
        Purpose.POPULATION_ORIGINS_OR_ANCESTRY,
        Purpose.ANCESTRY_RESEARCH,
        Purpose.METHOD_DEVELOPMENT,
    )
    excluding = every_map_of(Purpose.NO_METHOD_DEVELOPMENT, Purpose.NO_ANCESTRY_RESEARCH)
    maps = [use | without for use in uses for without in excluding]
    check_all(contract, maps, maps, 5)


def test_every_combination_of_conditions_and_activities(contract: Contract) -> None:
    maps = every_map_of(
        Purpose.HEALTH_RESEARCH,
        Purpose.TRAINING,
        Purpose.NOT_FOR_PROFIT_NON_COMMERCIAL,
        Purpose.NOT_FOR_PROFIT,
        Purpose.NON_COMMERCIAL,
        Purpose.COLLABORATION_REQUIRED,
        Purpose.TIME_LIMIT,
    )
    check_all(contract, maps, maps, 5)


def test_every_single_bit_against_every_other(contract: Contract) -> None:
    bits = [1 << bit for bit in range(64)]
    with_training = [bit | Purpose.TRAINING for bit in bits]
    for mine, its in DISEASES:
        for granted in (bits, with_training):
            for asked in (bits, with_training):
                found = contract.permits(granted, mine, asked, its)
                assert found == python_says(granted, mine, asked, its)


MAPS = st.one_of(
    st.integers(0, 2**64 - 1),
    st.lists(st.sampled_from(list(Purpose)), max_size=6).map(lambda chosen: reduce(or_, chosen, 0)),
).map(int)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    granted=st.lists(MAPS, min_size=1, max_size=16),
    asked=st.lists(MAPS, min_size=1, max_size=16),
    diseases=st.sampled_from(DISEASES),
)
def test_any_maps(
    contract: Contract, granted: list[int], asked: list[int], diseases: tuple[int, int]
) -> None:
    mine, its = diseases
    assert contract.permits(granted, mine, asked, its) == python_says(granted, mine, asked, its)
    for disease in diseases:
        valid = bytes(is_valid(purposes, disease) for purposes in granted)
        assert contract.is_valid(granted, disease) == valid


def test_a_map_has_known_bits_and_a_disease_just_with_ds(contract: Contract) -> None:
    for disease in (0, 1, 2**24 - 1):
        maps = [0, *(1 << bit for bit in range(64)), int(KNOWN), int(KNOWN) | 1]
        valid = bytes(is_valid(purposes, disease) for purposes in maps)
        assert contract.is_valid(maps, disease) == valid
        assert is_valid(int(KNOWN), disease) is (disease != 0)
    assert int(KNOWN) == sum(Purpose)
    assert not is_valid(0, 0)
