"""A receipt: proof of what a site committed to about one token in one round.

Canonical JSON (RFC 8785), schema "assent-receipt-1"; the members of `Receipt`, bytes as hex, the
token as a decimal string. It holds no fact about a record, but the salt tells whoever has it which
leaf of the cohort tree is the token's: it is for its holder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eth_utils.address import is_checksum_address

from audit import canonical_json
from audit.cohort import Status, leaf, verify_proof
from audit.errors import AuditError
from chain.messages import RoundState, split_token_id

if TYPE_CHECKING:
    from audit.bundle import Bundle
    from audit.consent_state import StudyState
    from chain.chain import Chain

SCHEMA = "assent-receipt-1"
_NUMBERS = ("chain_id", "round", "attempt", "status", "count")

_WHY = {
    Status.ADMITTED: "your record was counted in it",
    Status.REVOKED: "your record was not in it: your consent was revoked",
    Status.EXPIRED: "your record was not in it: your consent had expired or was about to",
    Status.NOT_YET_BEGUN: "your record was not in it: your consent had not begun",
    Status.OTHER_PURPOSE: "your record was not in it: you had not allowed all that the study does",
    Status.OLD_VERSION: "your record was not in it: your consent was to earlier terms",
    Status.BARRED: "your record was not in it: it was sitting out rounds after a revocation",
}


class ReceiptInvalid(Exception):
    """It is no receipt, or it does not prove what it says. The message says why."""


@dataclass(frozen=True)
class Receipt:
    """A leaf of a site's cohort tree, opened, with its way to the root that is on chain.

    Attributes:
        chain_id, ledger: the deployment's.
        token_id: whose leaf it is; study, site and index are in it.
        round_number: which round.
        attempt: which of the site's commitments to the round, as the chain has it.
        status: what the site committed to about the token.
        salt: of the leaf, 32 bytes.
        count: leaves of the tree.
        path: sibling nodes from the leaf up, 32 bytes each.
        root: Commitment.cohort_root, 32 bytes.
    """

    chain_id: int
    ledger: str
    token_id: int
    round_number: int
    attempt: int
    status: Status
    salt: bytes
    count: int
    path: tuple[bytes, ...]
    root: bytes

    @property
    def leaf(self) -> bytes:
        """The token's leaf, 32 bytes. Raises CohortInvalid."""
        study, site, index = split_token_id(self.token_id)
        return leaf(
            self.chain_id,
            self.ledger,
            study,
            site,
            self.round_number,
            index,
            self.token_id,
            self.status,
            self.salt,
        )

    def to_bytes(self) -> bytes:
        """The receipt's bytes; equal receipts have equal bytes."""
        return canonical_json.dumps(
            {
                "schema": SCHEMA,
                "chain_id": self.chain_id,
                "ledger": self.ledger,
                "token_id": str(self.token_id),
                "round": self.round_number,
                "attempt": self.attempt,
                "status": int(self.status),
                "salt": self.salt.hex(),
                "leaf": self.leaf.hex(),
                "count": self.count,
                "path": [node.hex() for node in self.path],
                "root": self.root.hex(),
            }
        )

    @classmethod
    def parse(cls, data: bytes) -> Receipt:
        """Reads a receipt and checks that its leaf lies below its root.

        Raises:
            ReceiptInvalid
        """
        try:
            raw = canonical_json.loads(data, "receipt")
            return cls._read(raw)
        except AuditError as error:
            raise ReceiptInvalid(str(error)) from None
        except (KeyError, TypeError, ValueError, OverflowError):
            raise ReceiptInvalid(f"it does not have the members of {SCHEMA}") from None

    @classmethod
    def _read(cls, raw: Any) -> Receipt:
        if raw["schema"] != SCHEMA:
            raise ReceiptInvalid(f"its schema is not {SCHEMA!r}")
        if any(type(raw[name]) is not int for name in _NUMBERS):
            raise TypeError
        found = cls(
            raw["chain_id"],
            raw["ledger"],
            int(raw["token_id"]),
            raw["round"],
            raw["attempt"],
            Status(raw["status"]),
            bytes.fromhex(raw["salt"]),
            raw["count"],
            tuple(bytes.fromhex(node) for node in raw["path"]),
            bytes.fromhex(raw["root"]),
        )
        if not is_checksum_address(found.ledger) or found.leaf.hex() != raw["leaf"]:
            raise ReceiptInvalid("its leaf is not the one that it opens")
        index = split_token_id(found.token_id)[2]
        if not verify_proof(found.root, found.count, index, found.leaf, found.path):
            raise ReceiptInvalid("its path does not lead from its leaf to its root")
        if found.to_bytes() != canonical_json.dumps(raw):
            raise ReceiptInvalid(f"it does not have the members of {SCHEMA}")
        return found

    def verify(self, chain: Chain) -> str:
        """Compares it with the chain; says in words what it proves, and no more.

        Raises:
            ReceiptInvalid: the site has committed to something else on this chain.
            chain.errors.ChainError
        """
        self._require_of(chain.deployment.chain_id, chain.deployment.ledger)
        study, site, _ = split_token_id(self.token_id)
        number, ledger = self.round_number, chain.ledger
        on_chain = ledger.commitment_of(study, number, site)
        self._require_committed((on_chain.attempt, on_chain.cohort_root), site)
        return self._proves(
            site,
            ledger.round(study, number).state,
            site in ledger.members(study, number),
            ledger.is_retired(study, number),
        )

    def verify_in(self, bundle: Bundle, history: StudyState) -> str:
        """As `verify`, in what a bundle proves instead of a chain: no network.

        Args:
            history: of `audit.verify.prove_history`, whose checks all hold.

        Raises:
            ReceiptInvalid: as `verify`, or the bundle is of another study or of before the round.
        """
        self._require_of(bundle.contracts.chain_id, bundle.contracts.ledger)
        study, site, _ = split_token_id(self.token_id)
        facts = history.history.rounds.get(self.round_number)
        if study != bundle.study or facts is None:
            raise ReceiptInvalid(
                f"the bundle, of study {bundle.study} up to block {bundle.block_number}, has no"
                f" round {self.round_number} of study {study}: ask for a newer one"
            )
        commitments = [one.commitment for one in facts.commitments if one.site == site]
        made = [(one.attempt, one.cohort_root) for one in commitments]
        if (self.attempt, self.root) in made[:-1]:
            raise ReceiptInvalid(
                f"hospital {site} has replaced this commitment to round {self.round_number} by a"
                " later one: ask it for a receipt of that"
            )
        self._require_committed(made[-1] if made else None, site)
        members = facts.sealed.members if facts.sealed else ()
        retired = history.is_retired(self.round_number)
        return self._proves(site, facts.state, site in members, retired)

    def _require_of(self, chain_id: int, ledger: str) -> None:
        if (self.chain_id, self.ledger) != (chain_id, ledger):
            raise ReceiptInvalid("it is for another deployment or chain")

    def _require_committed(self, newest: tuple[int, bytes] | None, site: str) -> None:
        if newest != (self.attempt, self.root):
            raise ReceiptInvalid(
                f"hospital {site} has committed to another cohort of round {self.round_number}:"
                " keep this receipt, and show it to a reviewer of the study"
            )

    def _proves(self, site: str, state: RoundState, is_member: bool, is_retired: bool) -> str:
        return (
            f"Hospital {site} committed on the chain to the cohort of its part of round"
            f" {self.round_number}; by that commitment, {_WHY[self.status]}."
            f" {_outcome(state, is_member, is_retired)} This proves what the hospital committed"
            " to, not what it computed with."
        )


def _outcome(state: RoundState, is_member: bool, is_retired: bool) -> str:
    if state in (RoundState.SEALED, RoundState.CLOSED) and not is_member:
        return "The round went on without this hospital's part."
    if is_retired:
        return "The round closed, and was taken back since: no later model builds on it."
    return {
        RoundState.OPEN: "The round is still open: the hospital may commit again.",
        RoundState.SEALED: "The round is sealed and not over yet.",
        RoundState.CLOSED: "The round is closed, and the model was changed with this part.",
        RoundState.ABORTED: "The round was broken off: it changed no model.",
        RoundState.NONE: "",
    }[state]
