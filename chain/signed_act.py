"""A signed act as a file: what somebody signs on one machine and anybody carries to the chain.

JSON, schema "assent-signed-act-1":

    {"schema": "assent-signed-act-1",
     "typed_data": {...},             what eth_signTypedData_v4 takes, byte for byte what was shown
     "signer": "0x...",               ERC-7913: 20 bytes for an account, longer for a passkey
     "signature": "0x...",
     "enrolment": {"typed_data": {...}, "signature": "0x..."}}     of a Grant, and of nothing else

Acts are Approval, Suspension, Resumption, Replacement, Readmission and Rollback (reviewers), Grant
and Revocation (patients), and Challenge (both). The file holds no secret, but a Revocation that was
signed in advance ends a consent as soon as anyone carries it: files are written with mode 0600.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from eth_account.signers.local import LocalAccount
from eth_utils.address import is_checksum_address

from chain.chain import Chain
from chain.clients.base import ContractClient, Receipt
from chain.messages import (
    Approval,
    Challenge,
    Domain,
    Enrolment,
    Grant,
    Readmission,
    Replacement,
    Resumption,
    Revocation,
    Rollback,
    SignedMessage,
    Suspension,
    account_of_signer,
    enrolment_proof,
    signer_of_account,
)
from chain.new_file import save_new
from chain.solidity import abi_type, camel, members

SCHEMA = "assent-signed-act-1"
Act = (
    Approval
    | Suspension
    | Resumption
    | Replacement
    | Grant
    | Revocation
    | Readmission
    | Rollback
    | Challenge
)
M = TypeVar("M", bound=SignedMessage)
_MOST_DIGITS = 78

_DOMAIN_NAMES: dict[type[Act], str] = {
    Approval: "Assent StudyRegistry",
    Suspension: "Assent StudyRegistry",
    Resumption: "Assent StudyRegistry",
    Replacement: "Assent StudyRegistry",
    Grant: "Assent ConsentToken",
    Revocation: "Assent ConsentToken",
    Readmission: "Assent RoundLedger",
    Rollback: "Assent RoundLedger",
    Challenge: "Assent RoundLedger",
}
_ACTS: dict[str, type[Act]] = {kind.__name__: kind for kind in _DOMAIN_NAMES}


class SignedActInvalid(Exception):
    """A file is not a signed act, or not one for this chain. The message names the member."""


@dataclass(frozen=True)
class SignedAct:
    """One act with its signature.

    Attributes:
        domain: contract and chain that it is for.
        message: what was signed.
        signer, signature: ERC-7913 bytes.
        enrolment, enrolment_signature: the site's, of a Grant only.
    """

    domain: Domain
    message: Act
    signer: bytes
    signature: bytes
    enrolment: Enrolment | None = None
    enrolment_signature: bytes = b""

    @classmethod
    def sign(
        cls,
        message: Act,
        domain: Domain,
        key: LocalAccount,
        enrolment: Enrolment | None = None,
        enrolment_signature: bytes = b"",
    ) -> SignedAct:
        """The act, signed by an account's key."""
        signature = message.sign(key, domain)
        signer = signer_of_account(key.address)
        return cls(domain, message, signer, signature, enrolment, enrolment_signature)

    @property
    def account(self) -> str:
        """The account that it speaks for; whether it does is for the contract to say."""
        return account_of_signer(self.signer)

    def carry(self, chain: Chain) -> Receipt:
        """Submits it from the chain's account.

        A Resumption needs others beside it (`resume`), and so do a Replacement
        (`replace_reviewer`) and a Rollback (`roll_back`).

        Raises:
            SignedActInvalid: it is for another chain or contract.
            chain.errors.ChainError: a contract's refusal among them.
        """
        return _written(chain, [self])

    def require_for(self, chain: Chain) -> None:
        """Raises SignedActInvalid unless the act is for the contracts that the chain has."""
        domains = (chain.registry.domain, chain.consent.domain, chain.ledger.domain)
        named = _DOMAIN_NAMES[type(self.message)]
        wanted = next(domain for domain in domains if domain.name == named)
        if self.domain != wanted:
            raise SignedActInvalid(
                f"it was signed for {self.domain.name} at {self.domain.contract} on chain"
                f" {self.domain.chain_id}, not for {wanted.contract} on chain {wanted.chain_id}"
            )

    def to_json(self) -> dict[str, Any]:
        """The file's one JSON object."""
        value: dict[str, Any] = {
            "schema": SCHEMA,
            "typed_data": self.message.typed_data(self.domain),
            "signer": "0x" + self.signer.hex(),
            "signature": "0x" + self.signature.hex(),
        }
        if self.enrolment is not None:
            value["enrolment"] = {
                "typed_data": self.enrolment.typed_data(self.domain),
                "signature": "0x" + self.enrolment_signature.hex(),
            }
        return value

    def save(self, path: Path) -> None:
        """Writes a new file of mode 0600. Raises FileExistsError."""
        save_new(path, self.to_json())

    @classmethod
    def load(cls, path: Path) -> SignedAct:
        """Reads a file.

        Raises:
            SignedActInvalid: it names the file and the member.
            OSError: the file cannot be read.
        """
        data = path.read_bytes()
        try:
            return cls.parse(data)
        except SignedActInvalid as error:
            raise SignedActInvalid(f"{path} is not a usable signed act: {error}") from None

    @classmethod
    def parse(cls, data: bytes) -> SignedAct:
        """As `load`, from bytes."""
        try:
            raw = json.loads(data)
        except (ValueError, RecursionError):
            raise SignedActInvalid("it is not JSON") from None
        return cls.from_json(raw)

    @classmethod
    def from_json(cls, raw: Any) -> SignedAct:
        """The inverse of `to_json`. Raises SignedActInvalid."""
        if not isinstance(raw, dict) or raw.get("schema") != SCHEMA:
            raise SignedActInvalid(f"its schema is not {SCHEMA!r}")
        is_grant = "enrolment" in raw
        names = {"schema", "typed_data", "signer", "signature"} | ({"enrolment"} & set(raw))
        _require_members(raw, names, "the file")
        kind = _ACTS.get(_primary_type(raw["typed_data"]))
        if kind is None or (kind is Grant) != is_grant:
            raise SignedActInvalid("typed_data: only a Grant has an enrolment")
        domain, message = read_typed_data(raw["typed_data"], kind)
        if domain.name != _DOMAIN_NAMES[kind]:
            raise SignedActInvalid(f"typed_data.domain.name is not {_DOMAIN_NAMES[kind]!r}")
        signer = _bytes(raw["signer"], "signer")
        if len(signer) < 20:
            raise SignedActInvalid("signer has fewer than 20 bytes")
        act = cls(domain, message, signer, _bytes(raw["signature"], "signature"))
        return _with_enrolment(act, raw["enrolment"]) if is_grant else act


def resume(chain: Chain, acts: Sequence[SignedAct]) -> Receipt:
    """Carries several reviewers' Resumptions of one study, as one.

    Raises:
        SignedActInvalid: they are not Resumptions, or differ.
        chain.errors.ChainError
    """
    _together(chain, acts, Resumption)
    return _written(chain, acts)


def replace_reviewer(chain: Chain, acts: Sequence[SignedAct]) -> Receipt:
    """Carries several reviewers' Replacements of one reviewer, as one.

    Raises:
        SignedActInvalid: they are not Replacements, or differ.
        chain.errors.ChainError
    """
    _together(chain, acts, Replacement)
    return _written(chain, acts)


def roll_back(chain: Chain, acts: Sequence[SignedAct]) -> Receipt:
    """Carries several reviewers' Rollbacks of one study, as one.

    Raises:
        SignedActInvalid: they are not Rollbacks, or differ.
        chain.errors.ChainError
    """
    _together(chain, acts, Rollback)
    return _written(chain, acts)


def call_of(chain: Chain, acts: Sequence[SignedAct]) -> tuple[ContractClient, str, list[Any]]:
    """The call that carries one act, or several reviewers' that say the same, to the chain.

    Returns:
        Client of the contract, name of the function, its arguments.

    Raises:
        SignedActInvalid: an act is for another chain or contract, or they do not say the same.
    """
    act = acts[0]
    registry, consent, ledger = chain.registry, chain.consent, chain.ledger
    signed = act.signer, act.signature
    match act.message:
        case Resumption(study_id=study):
            _, signers, signatures = _together(chain, acts, Resumption)
            return registry, "resume", [study, signers, signatures]
        case Replacement(study_id=study, outgoing=outgoing, incoming=incoming):
            _, signers, signatures = _together(chain, acts, Replacement)
            named = [study, outgoing, incoming]
            return registry, "replaceReviewer", [*named, signers, signatures]
        case Rollback(study_id=study, to_round=to_round):
            _, signers, signatures = _together(chain, acts, Rollback)
            return ledger, "rollBack", [study, to_round, signers, signatures]
    if len(acts) != 1:
        raise SignedActInvalid(f"a {type(act.message).__name__} is carried alone")
    act.require_for(chain)
    match act.message:
        case Approval(study_id=study, version=version, expires_at=expires_at):
            return registry, "approve", [study, version, expires_at, *signed]
        case Suspension(study_id=study):
            return registry, "suspendBySig", [study, *signed]
        case Revocation(token_id=token):
            return consent, "revokeBySig", [token, *signed]
        case Readmission(study_id=study, site=site):
            return ledger, "readmit", [study, site, *signed]
        case Challenge(study_id=study, round=round_, site=site, token_id=token):
            return ledger, "challenge", [study, round_, site, token, *signed]
        case Grant() as grant:
            assert act.enrolment is not None
            proof = enrolment_proof(act.enrolment, act.enrolment_signature)
            return consent, "grantBySig", [grant, *signed, proof]


def _written(chain: Chain, acts: Sequence[SignedAct]) -> Receipt:
    client, function, arguments = call_of(chain, acts)
    return client.write(function, *arguments)


def _together(
    chain: Chain, acts: Sequence[SignedAct], kind: type[M]
) -> tuple[M, list[bytes], list[bytes]]:
    messages = {act.message for act in acts}
    message = acts[0].message if len(messages) == 1 else None
    if not isinstance(message, kind):
        raise SignedActInvalid(f"the acts are not {kind.__name__}s that say the same")
    for act in acts:
        act.require_for(chain)
    # The contract counts distinct signers; two copies of one file are no second voice.
    by_signer = {act.signer: act.signature for act in acts}
    return message, list(by_signer), list(by_signer.values())


def read_typed_data(raw: Any, kind: type[M]) -> tuple[Domain, M]:
    """Domain and message of EIP-712 typed data, which must have exactly the types of `kind`.

    Raises:
        SignedActInvalid: it names the member.
    """
    if _primary_type(raw) != kind.__name__:
        raise SignedActInvalid(f"typed_data.primaryType is not {kind.__name__!r}")
    _require_members(raw, {"types", "primaryType", "domain", "message"}, "typed_data")
    domain = raw["domain"]
    _require_members(domain, {"name", "version", "chainId", "verifyingContract"}, "domain")
    chain_id = _integer(domain["chainId"], "domain.chainId")
    contract = domain["verifyingContract"]
    if not isinstance(contract, str) or not is_checksum_address(contract):
        raise SignedActInvalid("domain.verifyingContract is not an address with its checksum")
    found = Domain(domain["name"], chain_id, contract)
    values = raw["message"]
    _require_members(values, {camel(name) for name, _ in members(kind)}, "message")
    try:
        message = kind(
            **{name: _value(values[camel(name)], hint, name) for name, hint in members(kind)}
        )
    except ValueError as error:
        raise SignedActInvalid(f"message: {error}") from None
    # Everything that is signed is compared: types, version and names included.
    expected = message.typed_data(found)
    for member in ("types", "domain"):
        if raw[member] != expected[member]:
            raise SignedActInvalid(f"typed_data.{member} is not that of {kind.__name__}")
    return found, message


def _with_enrolment(act: SignedAct, raw: Any) -> SignedAct:
    _require_members(raw, {"typed_data", "signature"}, "enrolment")
    domain, enrolment = read_typed_data(raw["typed_data"], Enrolment)
    if domain != act.domain:
        raise SignedActInvalid("enrolment: it is for another chain or contract than the grant")
    signature = _bytes(raw["signature"], "enrolment.signature")
    # On chain these four are the grant's, so a difference would only show as a wrong signature.
    for name in ("study_id", "site", "holder", "record_commitment"):
        if getattr(enrolment, name) != getattr(act.message, name):
            raise SignedActInvalid(f"enrolment: it has another {camel(name)} than the grant")
    return SignedAct(act.domain, act.message, act.signer, act.signature, enrolment, signature)


def _primary_type(raw: Any) -> str:
    return str(raw.get("primaryType")) if isinstance(raw, dict) else ""


def _require_members(raw: Any, names: set[str], where: str) -> None:
    if not isinstance(raw, dict) or set(raw) != names:
        raise SignedActInvalid(f"{where} must have the members {', '.join(sorted(names))} only")


def _value(raw: Any, hint: Any, name: str) -> Any:
    kind = abi_type(hint)
    if kind.startswith("uint"):
        return _integer(raw, name)
    return _bytes(raw, name) if kind.startswith("bytes") else raw


def _integer(raw: Any, name: str) -> int:
    if type(raw) is int:
        return raw
    # No uint256 has more digits, and Python refuses to read very many.
    if isinstance(raw, str) and raw.isascii() and raw.isdigit() and len(raw) <= _MOST_DIGITS:
        return int(raw)
    raise SignedActInvalid(f"{name} is not a whole number")


def _bytes(raw: Any, name: str) -> bytes:
    try:
        if isinstance(raw, str) and raw.startswith("0x"):
            return bytes.fromhex(raw[2:])
    except ValueError:
        pass
    raise SignedActInvalid(f"{name} is not 0x and hexadecimal digits")
