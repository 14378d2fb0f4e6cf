"""How things of the chain are named in FHIR: systems, logical references and resource ids.

No resource of a person exists here, so people and hospitals are logical references: an identifier
whose system is the chain (CAIP-2) and whose value is the account, which together read as a CAIP-10
account id. A contract's own things (tokens, studies, rounds) have the contract's CAIP-10 id as
their system.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Any

from audit.manifest import Deployed

URI_SYSTEM = "urn:ietf:rfc:3986"
DUO_SYSTEM = "http://purl.obolibrary.org/obo/duo.owl"
MONDO_SYSTEM = "http://purl.obolibrary.org/obo/mondo.owl"

_TOKEN = re.compile(r"[0-9a-f]{64}")
# Short enough for a database's 64 bits.
_NUMBERS = re.compile(r"(0|[1-9][0-9]{0,17})-(0|[1-9][0-9]{0,8})")
_DISCLOSURE = re.compile(r"([a-z2-7]{52})-([1-9][0-9]{0,9})")

Resource = dict[str, Any]


@dataclass(frozen=True)
class Naming:
    """The names of one deployment at one service.

    Attributes:
        base: where the service's FHIR resources are, without a final slash.
        chain_id, registry, consent_token, ledger: the contracts, EIP-55.
    """

    base: str
    chain_id: int
    registry: str
    consent_token: str
    ledger: str

    @classmethod
    def of(cls, origin: str, deployed: Deployed) -> Naming:
        """The names at a service whose origin is ``origin``."""
        return cls(
            f"{origin}/fhir",
            deployed.chain_id,
            deployed.registry,
            deployed.consent_token,
            deployed.ledger,
        )

    @property
    def accounts(self) -> str:
        """The system of addresses: the chain as CAIP-2 has it."""
        return f"eip155:{self.chain_id}"

    @property
    def tokens(self) -> str:
        """The system of token ids."""
        return f"{self.accounts}:{self.consent_token}"

    @property
    def studies(self) -> str:
        """The system of study numbers and of terms hashes."""
        return f"{self.accounts}:{self.registry}"

    @property
    def rounds(self) -> str:
        """The system of STUDY/ROUND and STUDY/ROUND/SITE/ATTEMPT."""
        return f"{self.accounts}:{self.ledger}"

    def patient(self, holder: str) -> Resource:
        """A logical reference to whoever holds a token, by the pseudonymous address alone."""
        return _reference("Patient", self.accounts, holder)

    def organization(self, address: str) -> Resource:
        """A site, a coordinator or a committee's member."""
        return _reference("Organization", self.accounts, address)

    def contract(self, address: str) -> Resource:
        """One of the contracts, as what reported a fact."""
        return _reference("Device", self.accounts, address)

    def study(self, study_id: int) -> Resource:
        """A logical reference to the study."""
        return _reference("ResearchStudy", self.studies, str(study_id))

    def round(self, study_id: int, number: int) -> Resource:
        """A logical reference to a round."""
        return {"identifier": {"system": self.rounds, "value": f"{study_id}/{number}"}}

    def account(self, address: str) -> str:
        """The CAIP-10 id of an account, a URI."""
        return f"{self.accounts}:{address}"

    def commitment(self, study_id: int, number: int, site: str, attempt: int) -> Resource:
        """A logical reference to a site's commitment to a round."""
        value = f"{study_id}/{number}/{site}/{attempt}"
        return {"identifier": {"system": self.rounds, "value": value}}

    def extension(self, name: str) -> str:
        """The URL of one of this service's extensions."""
        return f"{self.base}/StructureDefinition/{name}"

    def code_system(self, name: str) -> str:
        """The URL of one of this service's code systems."""
        return f"{self.base}/CodeSystem/{name}"


def ipfs_object(cid: str) -> Resource:
    """A logical reference to an object on IPFS."""
    return {"identifier": {"system": URI_SYSTEM, "value": f"ipfs://{cid}"}}


def _reference(kind: str, system: str, value: str) -> Resource:
    return {"type": kind, "identifier": {"system": system, "value": value}}


def id_of_token(token_id: int) -> str:
    """A Consent's id: the token id as 64 hex digits, the longest that FHIR allows."""
    return f"{token_id:064x}"


def token_of_id(id_: str) -> int | None:
    """The token id; None when it is no Consent's id."""
    return int(id_, 16) if _TOKEN.fullmatch(id_) else None


def id_of_event(block_number: int, log_index: int) -> str:
    """An AuditEvent's id: where the event is on the chain."""
    return f"{block_number}-{log_index}"


def id_of_round(study_id: int, number: int) -> str:
    """A Provenance's id."""
    return f"{study_id}-{number}"


def numbers_of_id(id_: str) -> tuple[int, int] | None:
    """The two numbers of an AuditEvent's or a Provenance's id; None when it is none."""
    found = _NUMBERS.fullmatch(id_)
    return (int(found[1]), int(found[2])) if found else None


def id_of_disclosure(token_id: int, number: int) -> str:
    """The id of the AuditEvent that tells one holder of one round (52 + 1 + 10 characters)."""
    return f"{base64.b32encode(token_id.to_bytes(32)).decode().rstrip('=').lower()}-{number}"


def disclosure_of_id(id_: str) -> tuple[int, int] | None:
    """Token id and round; None when it is no such id."""
    found = _DISCLOSURE.fullmatch(id_)
    if found is None:
        return None
    token_id = int.from_bytes(base64.b32decode(found[1].upper() + "===="))
    # The last character holds four bits of nothing: one id has one spelling.
    number = int(found[2])
    return (token_id, number) if id_of_disclosure(token_id, number) == id_ else None
