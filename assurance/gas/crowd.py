"""Ten thousand tokens at a site: granted where that takes minutes, written where it takes hours."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import solcx
from eth_abi.abi import encode
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from assurance.gas.consents import enrolment_for, grant_for
from assurance.gas.study import YEAR, Contracts, Study, enrolment_key
from chain.compile import ROOT, CompileError
from chain.messages import EnrolmentProof, Grant
from chain.solidity import to_abi

SOURCE = Path(__file__).with_name("Crowd.sol")
GRANTS_IN_ONE = 100
"""What fits the gas that one transaction may have (EIP-7825)."""

_SLOTS_SEARCHED = 64


class ShelfNotFound(Exception):
    """The token keeps its counts elsewhere than this was written for."""


class Crowd:
    """Holds the tokens of many patients, and vouches for them as an enrolment key (ERC-1271)."""

    def __init__(self, contracts: Contracts) -> None:
        self._contracts = contracts
        compiled = _compiled()
        self._abi = contracts.node.w3.eth.contract(abi=compiled["abi"])
        creation = bytes.fromhex(compiled["evm"]["bytecode"]["object"])
        self._sender = contracts.node.account("crowd").address
        self.address = contracts.node.send(self._sender, None, creation).created

    def fill(self, study: Study, site: LocalAccount, tokens: int) -> None:
        """Grants until the site has that many live tokens. Raises what the contracts refuse."""
        contracts = self._contracts
        named = study.number, site.address
        first: int = contracts.view("ConsentToken", "mintedCount", *named)
        missing = tokens - contracts.view("ConsentToken", "unburnedCount", *named)
        own_key = enrolment_key(contracts.node, site).address
        contracts.act(site.address, "StudyRegistry", "rotateEnrolmentKey", self.address)
        call, commitment_at, tag_at = self._template(study, site)
        while missing > 0:
            count = min(missing, GRANTS_IN_ONE)
            token = contracts.deployment.consent_token
            arguments = [token, call, commitment_at, tag_at, first, count]
            data = self._abi.encode_abi("grantMany", args=arguments)
            contracts.node.send(self._sender, self.address, bytes.fromhex(data[2:]))
            first, missing = first + count, missing - count
        contracts.act(site.address, "StudyRegistry", "rotateEnrolmentKey", own_key)

    def _template(self, study: Study, site: LocalAccount) -> tuple[bytes, int, int]:
        """The calldata of one grant, and where its commitment and its tag are."""
        grant = grant_for(study, site.address, self.address, "template")
        grant = replace(grant, deadline=grant.deadline + YEAR)
        enrolment = enrolment_for(grant, "template")
        issued_at = self._contracts.node.time - 60
        proof = EnrolmentProof(enrolment.record_tag, issued_at, enrolment.deadline, b"")
        call = self._contracts.encode(
            "ConsentToken", "grant", to_abi(grant, Grant), to_abi(proof, EnrolmentProof)
        )
        return call, call.index(grant.record_commitment), call.index(enrolment.record_tag)


def shelf_slot(study: Study, site: str) -> str:
    """The storage slot of ConsentToken with a site's counts, as 0x and 64 digits.

    Raises ShelfNotFound when no slot holds what the token's views say.
    """
    wanted = _shelf(study, site)
    for position in range(_SLOTS_SEARCHED):
        outer = keccak(encode(["uint64", "uint256"], [study.number, position]))
        slot = "0x" + keccak(encode(["address", "bytes32"], [site, outer])).hex()
        if _stored(study, slot) == wanted:
            return slot
    raise ShelfNotFound(
        f"no slot of ConsentToken holds the counts of {site}: was the order of Shelf's members "
        "changed? Say so in assurance/gas/crowd.py."
    )


def write_counts(study: Study, site: str, tokens: int) -> None:
    """Makes the token say that a site has that many tokens more, minted and live, than it has.

    The ledger asks no more of the token than what this one slot holds, so an act on a round costs
    what it would if they had been granted. Raises ShelfNotFound.
    """
    slot = shelf_slot(study, site)
    value = int.from_bytes(_stored(study, slot)) + tokens + (tokens << 32)
    contracts = study.contracts
    place = contracts.deployment.consent_token
    contracts.node.ask("hardhat_setStorageAt", place, slot, "0x" + value.to_bytes(32).hex())
    if _stored(study, slot) != _shelf(study, site):
        raise ShelfNotFound(f"the counts of {site} are not what was written")


def _stored(study: Study, slot: str) -> bytes:
    place = study.contracts.deployment.consent_token
    answer: str = study.contracts.node.ask("eth_getStorageAt", place, slot, "latest")
    return bytes.fromhex(answer[2:])


def _shelf(study: Study, site: str) -> bytes:
    """The slot as Solidity packs it: the first member in the lowest bytes."""
    names = ("mintedCount", 32), ("unburnedCount", 32), ("epoch", 64), ("epochMovedAt", 40)
    packed, shift = 0, 0
    for view, bits in names:
        packed |= study.contracts.view("ConsentToken", view, study.number, site) << shift
        shift += bits
    return packed.to_bytes(32)


def _compiled() -> dict[str, Any]:
    settings = json.loads((ROOT / "hardhat-local" / "compiler.json").read_text(encoding="utf-8"))
    question = {
        "language": "Solidity",
        "sources": {SOURCE.name: {"content": SOURCE.read_text(encoding="utf-8")}},
        "settings": {
            **settings["settings"],
            "outputSelection": {SOURCE.name: {"Crowd": ["abi", "evm.bytecode.object"]}},
        },
    }
    try:
        answer = solcx.compile_standard(question, solc_binary=ROOT / "hardhat-local" / "solc")
    except solcx.exceptions.SolcError as error:
        raise CompileError(str(error)) from error
    compiled: dict[str, Any] = answer["contracts"][SOURCE.name]["Crowd"]
    return compiled
