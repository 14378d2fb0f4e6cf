"""What the groups of checks share: the bundle, what was proven of it, and the findings so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from audit.bundle import Bundle
from audit.bundle_index import OBJECTS
from audit.cid import cid_of_sha256, sha256
from audit.consent_state import StudyState
from audit.evidence import Evidence
from audit.proofs import Header
from audit.recipe import Recipe
from audit.remedies import Withdrawal
from audit.report import Recorder
from chain.events import ContractName
from chain.messages import Domain, ledger_domain, registry_domain


def place_of(cid: str) -> str:
    """How reports name an object."""
    return f"{OBJECTS}/{cid}"


@dataclass
class Context:
    """Filled group by group; a member that is None was not there or did not hold."""

    bundle: Bundle
    record: Recorder = field(default_factory=Recorder)
    evidence: Evidence | None = None
    header: Header | None = None
    running_hashes: dict[tuple[ContractName, int], bytes] = field(default_factory=dict)
    rho_spent: int | None = None
    state: StudyState | None = None
    recipes: dict[int, Recipe] = field(default_factory=dict)
    withdrawals: tuple[Withdrawal, ...] = ()
    objects_hashed: dict[str, bool] = field(default_factory=dict)
    """By CID, whether an object that was read is what its CID names."""
    newest: tuple[bytes, bytes] | None = None
    """SHA-256 and bytes of the checkpoint made last, which the next round starts from."""

    @property
    def study(self) -> int:
        return self.bundle.study

    def object(self, digest: bytes) -> bytes | None:
        """An object by its SHA-256, hashed; None when the bundle lacks it or holds other bytes,
        which is added as `objects.cid`.
        """
        if self.newest is not None and self.newest[0] == digest:
            return self.newest[1]
        cid = cid_of_sha256(digest)
        data = self.bundle.objects.get(cid)
        if data is None:
            return None
        same = sha256(data) == digest
        if not same and cid not in self.objects_hashed:
            self.record.fail("objects.cid", place_of(cid), "its bytes are not what its CID names")
        self.objects_hashed[cid] = same
        return data if same else None

    def is_known(self, digest: bytes, data: bytes) -> bool:
        """Whether the bundle holds, under its CID, just the bytes that were made here and hashed
        to `digest`; they need not be hashed again.
        """
        cid = cid_of_sha256(digest)
        if self.bundle.objects.get(cid) != data:
            return False
        self.objects_hashed[cid], self.newest = True, (digest, data)
        return True

    @property
    def registry_domain(self) -> Domain:
        contracts = self.bundle.contracts
        return registry_domain(contracts.chain_id, contracts.registry)

    @property
    def ledger_domain(self) -> Domain:
        contracts = self.bundle.contracts
        return ledger_domain(contracts.chain_id, contracts.ledger)

    def address(self, contract: ContractName) -> str:
        """Where bundle.json says that a contract is."""
        contracts = self.bundle.contracts
        return {
            "StudyRegistry": contracts.registry,
            "ConsentToken": contracts.consent_token,
            "RoundLedger": contracts.ledger,
        }[contract]
