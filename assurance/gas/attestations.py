"""The peer: one attestation and its revocation by Ethereum Attestation Service, with the same data.

Its contracts are deployed from the artifacts of its npm package, which eas/package-lock.json pins.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount

from assurance.gas.consents import enrolment_for, grant_for
from assurance.gas.node import GasNode, Mined
from assurance.gas.study import Study
from chain.compile import ROOT
from chain.solidity import ZERO_ADDRESS
from stack.setup_runner import run

VERSION = "1.4.0"
FOLDER = Path(__file__).with_name("eas")
_PACKAGE = FOLDER / "node_modules" / "@ethereum-attestation-service" / "eas-contracts"
_NPM = ROOT / ".venv" / "bin" / "npm"
CONTENTS = {
    "as a grant": "bytes32 termsHash,address site,uint64 purposes,uint24 disease,uint40 useStart,"
    "uint40 useEnd,uint40 dataStart,uint40 dataEnd,bytes32 recordCommitment,"
    "bytes32 consentTextHash,bytes8 language,bytes32 recordTag",
    "least": "bytes32 termsHash,uint64 purposes,uint40 useStart,uint40 useEnd,uint40 dataStart,"
    "uint40 dataEnd,bytes32 recordCommitment",
}
"""Schemas: all that a grant says beside its holder, who is the attester; and its core alone."""

_SIGNED = {
    "Attest": "address attester,bytes32 schema,address recipient,uint64 expirationTime,"
    "bool revocable,bytes32 refUID,bytes data,uint256 value,uint256 nonce,uint64 deadline",
    "Revoke": "address revoker,bytes32 schema,bytes32 uid,uint256 value,uint256 nonce,"
    "uint64 deadline",
}


class WrongPeer(Exception):
    """The package does not hold the version that the table compares with."""


def install() -> None:
    """Fetches the package unless what is there is what is locked. Raises `SetupError`."""
    locked = json.loads((FOLDER / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    try:
        listing = (FOLDER / "node_modules" / ".package-lock.json").read_text(encoding="utf-8")
        installed = json.loads(listing)["packages"]
    except (OSError, ValueError):
        installed = {}
    place = _PACKAGE.relative_to(FOLDER).as_posix()
    if installed.get(place, {}).get("integrity") != locked[place]["integrity"]:
        run([str(_NPM), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], FOLDER, {})


class AttestationService:
    """SchemaRegistry and EAS on a node."""

    def __init__(self, node: GasNode) -> None:
        """Deploys them. Raises `WrongPeer`, and OSError when the package is not installed."""
        self._node = node
        self._carrier = node.account("carrier of attestations").address
        schemas, eas = _artifact("SchemaRegistry"), _artifact("EAS")
        self._schemas = node.w3.eth.contract(abi=schemas["abi"])
        self._registry = node.send(self._carrier, None, _creation(schemas)).created
        creation = _creation(eas) + encode(["address"], [self._registry])
        self._address = node.send(self._carrier, None, creation).created
        place = node.w3.to_checksum_address(self._address)
        self._eas = node.w3.eth.contract(address=place, abi=eas["abi"])
        version = self._eas.functions.version().call()
        if version != VERSION:
            raise WrongPeer(f"EAS says that it is {version}, not {VERSION}")

    def measure(self, study: Study, site: LocalAccount, content: str) -> dict[str, int]:
        """Gas of "attestByDelegation" and "revokeByDelegation" by an attester who is new.

        `content` is one of `CONTENTS`.
        """
        schema = self._register(CONTENTS[content])
        attester = self._node.account(f"attester: {content}")
        deadline = self._node.time + 3600
        data = _consent(study, site, attester, CONTENTS[content])
        # recipient, expirationTime, revocable, refUID, data, value
        request = (ZERO_ADDRESS, 0, True, bytes(32), data, 0)
        said: tuple[Any, ...] = (schema, *request, 0, deadline)
        signature = self._sign(attester, "Attest", *said)
        attested = (schema, request, signature, attester.address, deadline)
        mined = self._send("attestByDelegation", attested)
        # Attested(address indexed recipient, address indexed attester, bytes32 uid, ...)
        uid = bytes.fromhex(mined.logs[0]["data"][2:66])
        said = (schema, uid, 0, 1, deadline)
        signature = self._sign(attester, "Revoke", *said)
        revoked = (schema, (uid, 0), signature, attester.address, deadline)
        gas = {"attest": mined.gas, "revoke": self._send("revokeByDelegation", revoked).gas}
        return {f"{act}ByDelegation, {content}": value for act, value in gas.items()}

    def _register(self, schema: str) -> bytes:
        data = self._schemas.encode_abi("register", args=[schema, ZERO_ADDRESS, True])
        mined = self._node.send(self._carrier, self._registry, bytes.fromhex(data[2:]))
        # Registered(bytes32 indexed uid, address indexed registerer, SchemaRecord schema)
        return bytes.fromhex(mined.logs[0]["topics"][1][2:])

    def _send(self, function: str, request: tuple[Any, ...]) -> Mined:
        data = self._eas.encode_abi(function, args=[request])
        return self._node.send(self._carrier, self._address, bytes.fromhex(data[2:]))

    def _sign(self, attester: LocalAccount, kind: str, *values: Any) -> tuple[int, bytes, bytes]:
        names = ("type", "name")
        members = [dict(zip(names, m.split(), strict=True)) for m in _SIGNED[kind].split(",")]
        signable = encode_typed_data(
            domain_data={
                "name": "EAS",
                "version": VERSION,
                "chainId": self._node.hardhat.chain_id,
                "verifyingContract": self._address,
            },
            message_types={kind: members},
            message_data={
                member["name"]: value
                for member, value in zip(members, (attester.address, *values), strict=True)
            },
        )
        signed = attester.sign_message(signable)
        return signed.v, signed.r.to_bytes(32), signed.s.to_bytes(32)


def _consent(study: Study, site: LocalAccount, attester: LocalAccount, schema: str) -> bytes:
    grant = grant_for(study, site.address, attester.address, "attested")
    record_tag = enrolment_for(grant, "attested").record_tag
    said = grant.message() | {"recordTag": record_tag}
    kinds, names = zip(*(member.split() for member in schema.split(",")), strict=True)
    return encode(kinds, [said[name] for name in names])


def _artifact(name: str) -> dict[str, Any]:
    path = _PACKAGE / "artifacts" / "contracts" / f"{name}.sol" / f"{name}.json"
    artifact: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return artifact


def _creation(artifact: dict[str, Any]) -> bytes:
    return bytes.fromhex(artifact["bytecode"][2:])
