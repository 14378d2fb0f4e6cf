"""What the groups of checks share: the bundle, what was proven of it, and the findings so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from audit.bundle import Bundle
from audit.bundle_index import OBJECTS
from audit.car import CarObjects
from audit.checkpoint import Checkpoint
from audit.cid import cid_among, digest_of
from audit.consent_state import StudyState
from audit.errors import AuditError
from audit.evidence import Evidence
from audit.proofs import Header
from audit.recipe import Recipe
from audit.remedies import Withdrawal
from audit.report import Recorder
from audit.unixfs import Buffer, blocks_of
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
    newest: tuple[bytes, Checkpoint] | None = None
    """The checkpoint made last, with its SHA-256: the next round starts from it."""

    _buffer: bytearray = field(default_factory=bytearray)

    @property
    def study(self) -> int:
        return self.bundle.study

    def cid(self, digest: bytes) -> str:
        """The CID of the object that 32 bytes name: a large one's, where the bundle has that."""
        return cid_among(digest, self.bundle.objects)

    def object(self, digest: bytes) -> bytes | None:
        """An object by the 32 bytes that name it, hashed; None when the bundle lacks it or holds
        other bytes, which is added as `objects.cid`.
        """
        view = self.view(digest)
        return None if view is None else bytes(view)

    def view(self, digest: bytes) -> Buffer | None:
        """As `object`, but the bytes are there only until the next object is read."""
        cid = self.cid(digest)
        data = self._read(cid)
        if data is None:
            return None
        same = _is_named(data, digest)
        if not same and cid not in self.objects_hashed:
            self.record.fail("objects.cid", place_of(cid), "its bytes are not what its CID names")
        self.objects_hashed[cid] = same
        return data if same else None

    def is_known(self, digest: bytes, data: bytes) -> bool:
        """Whether the bundle holds, under its CID, just the bytes that were made here and hashed
        to `digest`; they need not be hashed again.
        """
        cid = self.cid(digest)
        held = self._read(cid)
        if held is None or len(held) != len(data):
            return False
        pairs = zip(blocks_of(held), blocks_of(data), strict=True)
        if not all(bytes(one) == bytes(other) for one, other in pairs):  # views compare slowly
            return False
        self.objects_hashed[cid] = True
        return True

    def _read(self, cid: str) -> Buffer | None:
        objects = self.bundle.objects
        if not isinstance(objects, CarObjects):
            return objects.get(cid)
        view = objects.read_into(cid, self._buffer)
        if view is not None and isinstance(view.obj, bytearray):
            self._buffer = view.obj
        return view

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


def _is_named(data: Buffer, digest: bytes) -> bool:
    try:
        return digest_of(data) == digest
    except AuditError:  # the root of a large object, say
        return False
